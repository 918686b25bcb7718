/** The thread behind `pack.ts`: reads, compresses, compares, seals, writes. Never sees the private key. */

import { createHash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { deltaPayload, fullPayload, type MadePayload, smallestFullPayload } from '#codec/package/payload.ts';
import { encodeManifest, MANIFEST_FORMAT, type Manifest } from '#codec/package/manifest.ts';
import { sealPackage } from '#codec/package/seal.ts';
import { nativeZstd } from '#hardware/native/zstd.ts';
import { syncFolder } from '../data-folder.ts';
import { alignInThreads } from './align-pool.ts';
import { chooseDeltas } from './deltas.ts';
import { sharedContentOf, usableMemoryBytes } from './shared-content.ts';
import type { FromThread, Packed, PackedWay, PackOrder, ToThread } from './pack.ts';

const { order, keyId } = workerData as { order: PackOrder; keyId: Uint8Array };

function say(message: FromThread): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(message);
}

function askForSignature(message: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve) => {
    parentPort?.once('message', ({ signature }: ToThread) => resolve(signature));
    say({ kind: 'sign', message });
  });
}

function totalBytes(payloads: readonly MadePayload[]): number {
  return payloads.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

interface Made {
  readonly chosen: readonly MadePayload[];
  readonly ways: readonly PackedWay[];
  readonly encoding: 'full' | 'delta';
  readonly fullSizeBytes: number;
}

async function makeFull(content: Uint8Array, reason: string, plain?: MadePayload): Promise<Made> {
  const made = await smallestFullPayload(content, nativeZstd, order.description.target, {}, plain);
  const onAirBytes = made.bytes.length;
  const ways = [{ base: null, through: null, onAirBytes, reason }];
  return { chosen: [made], ways, encoding: 'full', fullSizeBytes: onAirBytes };
}

async function makeDeltas(content: Uint8Array): Promise<Pick<Made, 'chosen' | 'ways'>> {
  const { version, target } = order.description;
  const paths = new Map(order.bases.map((base) => [base.version, base.path]));
  const ofDeltas = 2 * paths.size - 1;
  let delta = 0;
  const deltas = await chooseDeltas([...paths.keys()], async (from, through) => {
    const startedMs = performance.now();
    const old = await sharedContentOf(paths.get(from) ?? '');
    const fresh = through === undefined ? content : await sharedContentOf(paths.get(through) ?? '');
    const made = await deltaPayload(old, fresh, nativeZstd, target, {
      alignAll: alignInThreads,
      memoryBytes: usableMemoryBytes(),
    });
    const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
    const progress = {
      version,
      from,
      to: through ?? version,
      delta: ++delta,
      ofDeltas,
      sizeBytes: made.bytes.length,
      seconds,
    };
    say({ kind: 'progress', progress });
    return made;
  });
  return {
    chosen: deltas.map(({ made }) => made),
    ways: deltas.map(({ base, through = null, made, reason }) => ({
      ...{ base, through, onAirBytes: made.bytes.length, reason },
    })),
  };
}

async function makePayloads(): Promise<Made> {
  const content = await sharedContentOf(order.contentPath);
  if (order.encoding === 'full') return makeFull(content, 'full content was asked for');
  if (order.bases.length === 0) return makeFull(content, 'there is no base to start from');
  const deltas = await makeDeltas(content);
  const deltaBytes = totalBytes(deltas.chosen);
  const plain = fullPayload(content, nativeZstd, order.description.target);
  const quick = plain.bytes.length;
  // Our models take long, and half of what zstd makes they do not reach.
  if (order.encoding === 'delta' || 2 * deltaBytes <= quick)
    return { ...deltas, encoding: 'delta', fullSizeBytes: quick };
  const bases = order.bases.map(({ version }) => version).join(', ');
  const full = await makeFull(content, `smaller than deltas from ${bases}, ${deltaBytes} bytes`, plain);
  return onAirBytes(deltas.chosen) < onAirBytes(full.chosen)
    ? { ...deltas, encoding: 'delta', fullSizeBytes: full.fullSizeBytes }
    : full;
}

/** With what the manifest says of each, but without the signature, which is as long in any case. */
function onAirBytes(payloads: readonly MadePayload[]): number {
  return encodeManifest(manifestFor(payloads)).length + totalBytes(payloads);
}

function manifestFor(payloads: readonly MadePayload[]): Manifest {
  const { hardwareRevisions, author, notes, target: _target, ...plain } = order.description;
  return {
    format: MANIFEST_FORMAT,
    ...plain,
    ...(hardwareRevisions.length > 0 && { hardwareRevisions }),
    ...(author !== '' && { author }),
    ...(notes !== '' && { notes }),
    payloads: payloads.map(({ described }) => described),
  };
}

async function pack(): Promise<Packed> {
  const { chosen, ways, encoding, fullSizeBytes } = await makePayloads();
  const bytes = await sealPackage(
    manifestFor(chosen),
    chosen.map((made) => made.bytes),
    { keyId, sign: askForSignature },
  );
  await writeDurably(order.packagePath, bytes);
  return {
    encoding,
    packageSha256Hex: createHash('sha256').update(bytes).digest('hex'),
    packageSizeBytes: bytes.length,
    payloadSizeBytes: totalBytes(chosen),
    fullSizeBytes,
    ways,
  };
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const partPath = `${path}.part`;
  try {
    const file = await open(partPath, 'w', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partPath, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(partPath, { force: true });
    throw error;
  }
}

try {
  say({ kind: 'packed', packed: await pack() });
} catch (error) {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN';
  say({ kind: 'failed', code, text: error instanceof Error ? error.message : 'Packing failed.' });
}
