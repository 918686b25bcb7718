/** What is between the files of an image: it describes them, or is zeros that fill blocks. */

import { alignInPlace } from './in-place.ts';
import type { Copy } from './moves.ts';
import type { AlignJob } from './plan.ts';
import { HOLE, type Run } from './runs.ts';
import type { Part } from './tar.ts';

/** Fewer bytes than this fill a block, or stand between two files that moved together. */
const FILL_MOST_BYTES = 4096;
/** Zeros that are fewer cost less than to say where there were some. */
const FILL_LEAST_BYTES = 32;

/** All of new that no part covers into copies and jobs. */
export function coverBetween(
  oldContent: Uint8Array,
  newContent: Uint8Array,
  newParts: readonly Part[],
  into: { readonly copies: Copy[]; readonly jobs: AlignJob[] },
): void {
  const byStart = new Map(into.copies.map((copy) => [copy.newStart, copy]));
  const byEnd = new Map(into.copies.map((copy) => [copy.newStart + copy.sizeBytes, copy]));
  let end = 0;
  for (const { start, sizeBytes } of [...coveredBy(newParts), { start: newContent.length, sizeBytes: 0 }]) {
    if (start > end) {
      const gap = { newStart: end, sizeBytes: start - end };
      const isSmall = gap.sizeBytes < FILL_MOST_BYTES;
      const isFill = isSmall && isZeros(newContent, gap);
      const [before, after] = [byEnd.get(end), byStart.get(start)];
      const afterBefore = before === undefined ? -1 : before.oldStart + before.sizeBytes;
      const beforeAfter = after === undefined ? -1 : after.oldStart - gap.sizeBytes;
      const movedAlike = isSmall && afterBefore >= 0 && afterBefore === beforeAfter;
      const inPlace = gap.sizeBytes < FILL_LEAST_BYTES ? -1 : end;
      const oldStart = movedAlike
        ? afterBefore
        : [afterBefore, beforeAfter, inPlace].find((place) => isFill && isZeros(oldContent, gap, place));
      if (oldStart !== undefined) into.copies.push({ ...gap, oldStart });
      else if (!isFill) alignInPlace(oldContent, newContent, end, start, into);
    }
    end = Math.max(end, start + sizeBytes);
  }
}

function isZeros(content: Uint8Array, { newStart, sizeBytes }: Omit<Copy, 'oldStart'>, start = newStart): boolean {
  if (start < 0 || start + sizeBytes > content.length) return false;
  return content.subarray(start, start + sizeBytes).every((byte) => byte === 0);
}

function coveredBy(parts: readonly Part[]): Run[] {
  return parts
    .flatMap(({ headStart, headEnd, runs }) => [{ start: headStart, sizeBytes: headEnd - headStart }, ...runs])
    .filter(({ start, sizeBytes }) => start !== HOLE && sizeBytes > 0)
    .sort((a, b) => a.start - b.start);
}
