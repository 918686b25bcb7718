/** `carillon delta apply`: the new file, front to back, in the memory of a small device. */

import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { bytesEqual } from '#codec/bytes.ts';
import { openDelta } from '#codec/package/delta/decode.ts';
import { readHead } from '#codec/package/delta/format.ts';
import { type Output, printRow } from '../commands/print.ts';
import { CommandError } from '../refusal.ts';
import { contentOf, writeWhole } from './delta-files.ts';

const COPY_BYTES = 1 << 18;

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
