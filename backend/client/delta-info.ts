/** `carillon delta info`: what is in a patch, and with the old file where its bytes went. */

import { applyPatch } from '#codec/package/delta/apply.ts';
import { MOST_BYTES, readHead } from '#codec/package/delta/format.ts';
import type { CostsBytes } from '#codec/package/delta/setup.ts';
import { type Output, printRow } from '../commands/print.ts';
import { CommandError } from '../refusal.ts';
import { contentOf, rounded } from './delta-files.ts';

/** With the old file, also where the bytes of the patch go. */
export async function deltaInfo(path: string, oldPath: string | undefined, output: Output): Promise<void> {
  const patch = contentOf(path);
  const read = readHead(patch);
  if (read.kind === 'fault') throw new CommandError(`${path} is no delta: ${read.detail}.`, 3);
  const { digests, ...head } = read.head;
  printRow(output, {
    sizeBytes: patch.length,
    headBytes: read.sizeBytes,
    ...head,
    ...(digests !== undefined && { oldSha256: digests.old.toHex(), newSha256: digests.new.toHex() }),
    ...(oldPath !== undefined && rounded(await costsOfDecoding(patch, contentOf(oldPath), path))),
  });
}

async function costsOfDecoding(patch: Uint8Array, oldContent: Uint8Array, path: string): Promise<CostsBytes> {
  const applied = await applyPatch(oldContent, patch, { newSizeBytes: MOST_BYTES });
  if (applied.kind === 'fault') throw new CommandError(`${path} can't be applied: ${applied.detail}.`, 3);
  return applied.costsBytes;
}
