/** `carillon delta`: patches between files, made, applied and looked at here; nothing is sent anywhere. */

import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { bytesEqual } from '#codec/bytes.ts';
import { openDelta } from '#codec/package/delta/decode.ts';
import type { CostsBytes } from '#codec/package/delta/encode.ts';
import { readHead } from '#codec/package/delta/format.ts';
import { makeDelta } from '#codec/package/delta/make.ts';
import { readerOf } from '#codec/package/delta/machine.ts';
import { type Output, printRow } from '../commands/print.ts';
import { CommandError } from '../refusal.ts';
import { alignInThreads } from '../packaging/align-pool.ts';

const COPY_BYTES = 1 << 20;

function sha256Of(content: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(content).digest());
}

function contentOf(path: string): Uint8Array {
  try {
    const buffer = readFileSync(path);
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
  } catch (cause) {
    throw new CommandError(`${path} can't be read: ${cause instanceof Error ? cause.message : String(cause)}.`, 1);
  }
}

function rounded(costs: CostsBytes): Record<string, number> {
  return Object.fromEntries(Object.entries(costs).map(([kind, bytes]) => [`${kind}Bytes`, Math.round(bytes)]));
}

/** Under another name first: a file that is there is whole. */
function writeWhole(path: string, write: (descriptor: number) => void): void {
  const part = `${path}.part`;
  const descriptor = openSync(part, 'w+', 0o644);
  try {
    write(descriptor);
    closeSync(descriptor);
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

export async function deltaMake(
  paths: { readonly old: string; readonly new: string; readonly patch: string },
  wantsProgress: boolean,
  output: Output,
): Promise<void> {
  const oldContent = contentOf(paths.old);
  const newContent = contentOf(paths.new);
  const progress = (what: string, share: number): void => {
    if (wantsProgress) output.people(`${what}: ${Math.round(100 * share)} %`);
  };
  const started = performance.now();
  const made = await makeDelta(oldContent, newContent, {
    digests: { old: sha256Of(oldContent), new: sha256Of(newContent) },
    alignAll: (jobs) => alignInThreads(paths, jobs, (share) => progress('aligning', share)),
    progress: everyTenth(newContent.length, (share) => progress('coding', share)),
  });
  writeWhole(paths.patch, (descriptor) => void writeSync(descriptor, made.patch));
  printRow(output, {
    patch: paths.patch,
    sizeBytes: made.patch.length,
    oldSizeBytes: oldContent.length,
    newSizeBytes: newContent.length,
    seconds: Math.round((performance.now() - started) / 100) / 10,
    ...rounded(made.costsBytes),
    decoderMemoryBytes: made.memoryBytes,
  });
}

function everyTenth(total: number, tell: (share: number) => void): (doneBytes: number) => void {
  let told = 0;
  return (doneBytes) => {
    const tenth = Math.floor((10 * doneBytes) / total);
    if (tenth > told) tell(tenth / 10);
    told = Math.max(told, tenth);
  };
}

export function deltaApply(
  paths: { readonly old: string; readonly patch: string; readonly new: string },
  output: Output,
): void {
  const patch = contentOf(paths.patch);
  const old = openSync(paths.old, 'r');
  try {
    const read = readHead(patch);
    if (read.kind === 'fault') throw new CommandError(`${paths.patch} can't be applied: ${read.detail}.`, 3);
    const { digests, oldSizeBytes, newSizeBytes } = read.head;
    const refused = (why: string): CommandError =>
      new CommandError(`${paths.patch} is not for ${paths.old}: ${why}. Nothing was written.`, 3);
    const { size } = fstatSync(old);
    if (size !== oldSizeBytes) throw refused(`it starts from ${oldSizeBytes} bytes, not ${size}`);
    if (digests !== undefined && !bytesEqual(digestOfFile(old), digests.old))
      throw refused('its digest is another one');
    const hash = createHash('sha256');
    writeWhole(paths.new, (made) => {
      const opened = openDelta(
        { patch, readOld: (at, into) => readFull(old, at, into), readNew: (at, into) => readFull(made, at, into) },
        { newSizeBytes },
      );
      if (opened.kind === 'fault') throw new CommandError(`${paths.patch} can't be applied: ${opened.detail}.`, 3);
      for (;;) {
        const next = opened.decoder.next();
        if (next.kind === 'fault') throw new CommandError(`${paths.patch} is damaged: ${next.detail}.`, 3);
        if (next.kind === 'end') break;
        hash.update(next.bytes);
        for (let at = 0; at < next.bytes.length; )
          at += writeSync(made, next.bytes, at, next.bytes.length - at, next.positionBytes + at);
      }
      if (digests !== undefined && !bytesEqual(Uint8Array.from(hash.digest()), digests.new))
        throw new CommandError(`${paths.patch} is damaged: what it makes has another digest.`, 3);
    });
    printRow(output, { file: paths.new, sizeBytes: newSizeBytes, verified: digests !== undefined });
  } finally {
    closeSync(old);
  }
}

function readFull(descriptor: number, position: number, into: Uint8Array): void {
  let at = 0;
  while (at < into.length) {
    const count = readSync(descriptor, into, at, into.length - at, position + at);
    if (count === 0) break;
    at += count;
  }
  into.fill(0, at);
}

function digestOfFile(descriptor: number): Uint8Array {
  const hash = createHash('sha256');
  const buffer = new Uint8Array(COPY_BYTES);
  for (let position = 0; ; ) {
    const count = readSync(descriptor, buffer, 0, buffer.length, position);
    if (count === 0) return Uint8Array.from(hash.digest());
    hash.update(buffer.subarray(0, count));
    position += count;
  }
}

/** With the old file, also where the bytes of the patch go. */
export function deltaInfo(path: string, oldPath: string | undefined, output: Output): void {
  const patch = contentOf(path);
  const read = readHead(patch);
  if (read.kind === 'fault') throw new CommandError(`${path} is no delta: ${read.detail}.`, 3);
  const { digests, ...head } = read.head;
  printRow(output, {
    sizeBytes: patch.length,
    headBytes: read.sizeBytes,
    ...head,
    ...(digests !== undefined && { oldSha256: digests.old.toHex(), newSha256: digests.new.toHex() }),
    ...(oldPath !== undefined && rounded(costsOfDecoding(patch, contentOf(oldPath), path))),
  });
}

function costsOfDecoding(patch: Uint8Array, oldContent: Uint8Array, path: string): CostsBytes {
  const read = readHead(patch);
  const made = new Uint8Array(read.kind === 'head' ? read.head.newSizeBytes : 0);
  const opened = openDelta(
    { patch, readOld: readerOf(oldContent), readNew: readerOf(made) },
    { newSizeBytes: made.length },
  );
  if (opened.kind === 'fault') throw new CommandError(`${path} can't be applied: ${opened.detail}.`, 3);
  for (;;) {
    const next = opened.decoder.next();
    if (next.kind === 'fault') throw new CommandError(`${path} is damaged: ${next.detail}.`, 3);
    if (next.kind === 'end') return opened.decoder.costsBytes();
    made.set(next.bytes, next.positionBytes);
  }
}
