/** The heaviest chain of segments that rises in both files: what kept its order. */

import type { Segment } from './lists.ts';
import { countAtMost } from './search.ts';

/** Two of a chain may overlap in the old file by a quarter of the second one, or so many bytes. */
const OVERLAP_MOST_BYTES = 64;

const oldEndOf = (segment: Segment): number => segment.oldStart + segment.bytes;

/**
 * segments: in the order of the new file. Each may follow those that end in the old file where it starts, or a bit later. Of several chains
 * of the same weight, one is chosen by the order in which the tree is looked at and filled.
 */
export function heaviestChain(segments: readonly Segment[]): Segment[] {
  const ends = Float64Array.from(segments, oldEndOf).sort();
  // A Fenwick tree over the ends in the old file: the heaviest chain that ends there or before, and the segment that it ends with.
  const weights = new Float64Array(segments.length + 1);
  const holders = new Int32Array(segments.length + 1).fill(-1);
  const before = new Int32Array(segments.length);
  let best = -1;
  let bestWeight = -1;
  for (const [k, segment] of segments.entries()) {
    const overlap = Math.min(Math.floor(segment.bytes / 4), OVERLAP_MOST_BYTES);
    let weight = 0;
    let holder = -1;
    for (let i = countAtMost(ends, segment.oldStart + overlap); i > 0; i &= i - 1)
      if (weights[i] > weight) {
        weight = weights[i];
        holder = holders[i];
      }
    weight += segment.bytes;
    before[k] = holder;
    if (weight > bestWeight) {
      bestWeight = weight;
      best = k;
    }
    for (let i = countAtMost(ends, oldEndOf(segment) - 1) + 1; i <= segments.length; i += i & -i)
      if (weights[i] < weight) {
        weights[i] = weight;
        holders[i] = k;
      }
  }
  const chain: Segment[] = [];
  for (let k = best; k >= 0; k = before[k]) chain.push(segments[k]);
  return chain.toReversed();
}
