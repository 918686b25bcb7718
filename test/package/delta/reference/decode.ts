/**
 * A decoder of deltas (docs/delta.md), written to be read: whole files in memory, no speed. What it makes is what a device makes. To be
 * followed where the decoder is written anew in another language.
 */

import { codedSizes, readHead } from '#codec/package/delta/format.ts';
import { ArithmeticDecoder } from './arithmetic-decoder.ts';
import { BlockDecoder } from './blocks.ts';
import { BothFiles, File } from './files.ts';
import { IntegerDecoder } from './integers.ts';
import { readHints, readModules, readSegments } from './lists.ts';

/** The encoder leaves zeros at its end out; more than a few of them and the patch is cut off. */
const ZEROS_MOST_BYTES = 64;

/**
 * The new file, or where the patch has views the new view; oldContent is the old file, or the old view. Throws RangeError where the patch is
 * damaged. mostBytes: no more are decoded.
 */
export function referenceDecode(
  oldContent: Uint8Array,
  patch: Uint8Array,
  options: { readonly mostBytes?: number } = {},
): Uint8Array {
  const read = readHead(patch);
  if (read.kind === 'fault') throw new RangeError(`the patch is damaged: ${read.detail}`);
  const { head, sizeBytes: headBytes } = read;
  const sizes = codedSizes(head);
  if (oldContent.length !== sizes.oldBytes)
    throw new RangeError(`the patch starts from ${sizes.oldBytes} bytes, not ${oldContent.length}`);
  const coder = new ArithmeticDecoder(patch, headBytes);
  const integers = new IntegerDecoder(coder);
  const modules = readModules(integers, head.moduleCount, sizes);
  const segments = readSegments(integers, head.segmentCount, modules, sizes);
  const hints = readHints(integers, head.hintCount, modules.length);
  const files = new BothFiles(new File(oldContent), new File(new Uint8Array(sizes.newBytes)));
  const blocks = new BlockDecoder(coder, files, { modules, segments, hints }, head.tables);
  if (head.indexAll) blocks.indexOld();
  const endBytes = Math.min(sizes.newBytes, options.mostBytes ?? sizes.newBytes);
  while (blocks.doneBytes < endBytes) {
    blocks.step();
    if (coder.zerosBytes > ZEROS_MOST_BYTES) throw new RangeError('the patch is cut off');
  }
  return files.next.bytes.subarray(0, endBytes);
}
