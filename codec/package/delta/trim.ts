/**
 * Small patches are mostly lists. Whether a segment is worth what saying it costs, only coding tells: it is left out, its neighbours take its
 * place, and the shorter patch is kept. For the encoder only.
 */

import type { Encoded, Lists } from './encode.ts';

/** More than this is too many trials, and what they save is too little. */
const PATCH_MOST_BYTES = 4096;
const SEGMENTS_MOST = 64;
const TRIALS_MOST = 60;
/** What more of the file would have to be coded byte by byte. */
const CODED_MOST_BYTES = 4096;

interface Segment {
  readonly newStart: number;
  readonly oldStart: number;
  readonly sizeBytes: number;
}

interface Sizes {
  readonly oldBytes: number;
  readonly newBytes: number;
}

export function trimmed(first: Encoded, lists: Lists, sizes: Sizes, encode: (lists: Lists) => Encoded): Encoded {
  const isSmall = first.patch.length <= PATCH_MOST_BYTES && lists.segments.length <= 3 * SEGMENTS_MOST;
  // A module takes time to be read, at each trial.
  if (!isSmall || lists.modules.length > 0) return first;
  let best = first;
  let segments = segmentsOf(lists.segments);
  // What was left out makes others worth leaving out.
  let trials = 0;
  for (let before = Infinity; best.patch.length < before; ) {
    before = best.patch.length;
    for (let k = 0; k < segments.length && trials < TRIALS_MOST; ) {
      const shorter = withoutOne(segments, k, sizes).map((candidate) => ({
        candidate,
        made: encode({ ...lists, segments: wordsOf(candidate) }),
      }));
      trials += shorter.length;
      shorter.sort((a, b) => a.made.patch.length - b.made.patch.length);
      const [found] = shorter;
      if (found !== undefined && found.made.patch.length < best.patch.length) {
        best = found.made;
        segments = found.candidate;
      } else k++;
    }
  }
  return best;
}

/** Without segment k: with the one before it up to the next, or the next from the one before on, or both in one. */
function withoutOne(segments: readonly Segment[], k: number, { oldBytes, newBytes }: Sizes): Segment[][] {
  const [before, next] = [segments[k - 1], segments[k + 1]];
  const [head, tail] = [segments.slice(0, k), segments.slice(k + 1)];
  const start = before === undefined ? 0 : before.newStart + before.sizeBytes;
  const end = next?.newStart ?? newBytes;
  if (end - start > CODED_MOST_BYTES) return [];
  const found: Segment[][] = [];
  if (before !== undefined) {
    const sizeBytes = Math.min(end - before.newStart, oldBytes - before.oldStart);
    const isSame = next !== undefined && next.oldStart - next.newStart === before.oldStart - before.newStart;
    if (isSame)
      found.push([...head.slice(0, -1), { ...before, sizeBytes: sizeBytes + next.sizeBytes }, ...tail.slice(1)]);
    else found.push([...head.slice(0, -1), { ...before, sizeBytes }, ...tail]);
  }
  if (next !== undefined) {
    const more = Math.min(next.newStart - start, next.oldStart);
    const from = { newStart: next.newStart - more, oldStart: next.oldStart - more, sizeBytes: next.sizeBytes + more };
    found.push([...head, from, ...tail.slice(1)]);
  }
  return found;
}

function segmentsOf(words: Uint32Array): Segment[] {
  return Array.from({ length: words.length / 3 }, (_, k) => {
    const [newStart = 0, oldStart = 0, sizeBytes = 0] = words.subarray(3 * k, 3 * k + 3);
    return { newStart, oldStart, sizeBytes };
  });
}

function wordsOf(segments: readonly Segment[]): Uint32Array {
  return Uint32Array.from(segments.flatMap(({ newStart, oldStart, sizeBytes }) => [newStart, oldStart, sizeBytes]));
}
