/** `carillon delta info`: what is in a patch, and with the old file where its bytes went. */

import { openDelta } from '#codec/package/delta/decode.ts';
import { readHead } from '#codec/package/delta/format.ts';
import { readerOf } from '#codec/package/delta/machine.ts';
import type { CostsBytes } from '#codec/package/delta/setup.ts';
import { type Output, printRow } from '../commands/print.ts';
import { CommandError } from '../refusal.ts';
import { contentOf, rounded } from './delta-files.ts';

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
