/** The thread behind `pack.ts`: reads, compresses, compares, seals, writes. Never sees the private key. */

import { createHash } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { deltaPayload, fullPayload, type MadePayload, smallestFullPayload } from '#codec/package/payload.ts';
import { MANIFEST_FORMAT, type Manifest } from '#codec/package/manifest.ts';
import { sealPackage } from '#codec/package/seal.ts';
import { nativeZstd } from '#hardware/native/zstd.ts';
import { syncFolder } from '../data-folder.ts';
import { alignInThreads } from './align-pool.ts';
import type { FromThread, Packed, PackOrder, ToThread } from './pack.ts';

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

async function contentOf(path: string): Promise<Uint8Array> {
  const buffer = await readFile(path);
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

function totalBytes(payloads: readonly MadePayload[]): number {
  return payloads.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

interface Made {
  readonly chosen: MadePayload[];
  readonly encoding: 'full' | 'delta';
  readonly fullSizeBytes: number;
}

async function makePayloads(): Promise<Made> {
  const content = await contentOf(order.contentPath);
  const { target } = order.description;
  const full = async (): Promise<Made> => {
    const made = await smallestFullPayload(content, nativeZstd, target);
    return { chosen: [made], encoding: 'full', fullSizeBytes: made.bytes.length };
  };
  if (order.encoding === 'full' || order.basePaths.length === 0) return full();
  const deltas: MadePayload[] = [];
  for (const path of order.basePaths) {
    deltas.push(await deltaPayload(await contentOf(path), content, nativeZstd, target, { alignAll: alignInThreads }));
  }
  const quick = fullPayload(content, nativeZstd, target).bytes.length;
  // Our models take long, and half of what zstd makes they do not reach.
  if (order.encoding === 'delta' || 2 * totalBytes(deltas) <= quick)
    return { chosen: deltas, encoding: 'delta', fullSizeBytes: quick };
  const made = await full();
  return totalBytes(deltas) < made.fullSizeBytes
    ? { chosen: deltas, encoding: 'delta', fullSizeBytes: made.fullSizeBytes }
    : made;
}

async function pack(): Promise<Packed> {
  const { hardwareRevisions, author, notes, target: _target, ...plain } = order.description;
  const { chosen, encoding, fullSizeBytes } = await makePayloads();
  const manifest: Manifest = {
    format: MANIFEST_FORMAT,
    ...plain,
    ...(hardwareRevisions.length > 0 && { hardwareRevisions }),
    ...(author !== '' && { author }),
    ...(notes !== '' && { notes }),
    payloads: chosen.map(({ described }) => described),
  };
  const bytes = await sealPackage(
    manifest,
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
