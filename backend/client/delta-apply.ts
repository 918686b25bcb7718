/** `carillon delta apply`: the new file, in the memory of a small device. */

import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { bytesEqual } from '#codec/bytes.ts';
import { openPatch } from '#codec/package/delta/apply.ts';
import { readHead } from '#codec/package/delta/format.ts';
import { FileScratch, readFull, writeFull } from '#hardware/native/scratch-file.ts';
import { type Output, printRow } from '../commands/print.ts';
import { CommandError } from '../refusal.ts';
import { contentOf, writeWhole } from './delta-files.ts';
import { Interruption } from './interruption.ts';

const COPY_BYTES = 1 << 18;

export async function deltaApply(
  paths: { readonly old: string; readonly patch: string; readonly new: string },
  output: Output,
): Promise<void> {
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
    const interruption = new Interruption();
    const scratch = new FileScratch(`${paths.new}.${process.pid}.scratch`);
    try {
      await writeWhole(paths.new, async (made) => {
        const host = {
          patch,
          readOld: (at: number, into: Uint8Array): void => readFull(old, at, into),
          readNew: (at: number, into: Uint8Array): void => readFull(made, at, into),
          writeNew: (at: number, bytes: Uint8Array): void => writeFull(made, at, bytes),
          scratch: () => scratch,
        };
        const opened = openPatch(host, { newSizeBytes });
        if (opened.kind === 'fault') throw new CommandError(`${paths.patch} can't be applied: ${opened.detail}.`, 3);
        for (let step = opened.applier.step(); step.kind !== 'end'; step = opened.applier.step()) {
          if (step.kind === 'fault') throw new CommandError(`${paths.patch} is damaged: ${step.detail}.`, 3);
          // Signals arrive between turns only.
          await turn();
          interruption.throwIfAny(`${paths.new} was not made`);
        }
        if (digests !== undefined && !bytesEqual(digestOfFile(made), digests.new))
          throw new CommandError(`${paths.patch} is damaged: what it makes has another digest.`, 3);
      });
    } finally {
      scratch.close();
      interruption.forget();
    }
    printRow(output, { file: paths.new, sizeBytes: newSizeBytes, verified: digests !== undefined });
  } finally {
    closeSync(old);
  }
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
