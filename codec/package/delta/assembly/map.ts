/**
 * Where an offset of the old file went in the new one, after the alignment: by the heaviest chain of segments that rises in both files,
 * elsewhere by any segment. Segments of the module at hand only; positions are absolute.
 */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { take } from './memory';
import { sortValues, wordAbove } from './sort';

/** A segment: new[n, n + bytes) lies on old[o, o + bytes). Three words. */
export const SEGMENT_BYTES: i32 = 12;

@inline
export function segmentNew(at: usize): i64 {
  return load<u32>(at);
}
@inline
export function segmentOld(at: usize): i64 {
  return load<u32>(at, 4);
}
@inline
export function segmentBytes(at: usize): i64 {
  return load<u32>(at, 8);
}

let chain: usize = 0;
let chainCount: i32 = 0;
let byOld: usize = 0;
let byOldCount: i32 = 0;
let furthest: usize = 0;

/** 2: known, 1: guessed from the neighbours, 0: far off. */
export let mapConfidence: i32 = 0;

@inline
function nth(list: usize, k: i32): usize {
  return list + <usize>(k * SEGMENT_BYTES);
}

function copySegment(to: usize, from: usize): void {
  store<u64>(to, load<u64>(from));
  store<u32>(to, load<u32>(from, 8), 8);
}

/** Stable order by the key at the given word: merge sort of segments. */
function sortSegments(list: usize, count: i32, scratch: usize): usize {
  let from = list;
  let to = scratch;
  for (let width = 1; width < count; width <<= 1) {
    for (let start = 0; start < count; start += 2 * width) {
      let a = start;
      const aEnd = min(start + width, count);
      let b = aEnd;
      const bEnd = min(start + 2 * width, count);
      for (let k = start; k < bEnd; k++) {
        if (a < aEnd && (b >= bEnd || load<u32>(nth(from, a), 4) <= load<u32>(nth(from, b), 4))) copySegment(nth(to, k), nth(from, a++));
        else copySegment(nth(to, k), nth(from, b++));
      }
    }
    const other = from;
    from = to;
    to = other;
  }
  return from;
}

/** Segments that touch new[newStart, newEnd) and start within old[oldStart, oldEnd). Memory: 60 bytes a segment, of the module's arena. */
export function mapModule(newStart: i64, newEnd: i64, oldStart: i64, oldEnd: i64): void {
  let first = 0;
  let last = S.segmentCount;
  while (first < last) {
    const middle = (first + last) >>> 1;
    const at = nth(S.segments, middle);
    if (segmentNew(at) + segmentBytes(at) > newStart) last = middle;
    else first = middle + 1;
  }
  let count = 0;
  for (let k = first; k < S.segmentCount && segmentNew(nth(S.segments, k)) < newEnd; k++) count++;
  const own = take(<usize>(count * SEGMENT_BYTES));
  let kept = 0;
  for (let k = first; k < first + count; k++) {
    const from = nth(S.segments, k);
    if (segmentOld(from) + segmentBytes(from) > oldStart && segmentOld(from) < oldEnd) copySegment(nth(own, kept++), from);
  }
  chain = take(<usize>(kept * SEGMENT_BYTES));
  makeChain(own, kept);
  const sorted = sortSegments(own, kept, take(<usize>(kept * SEGMENT_BYTES)));
  byOld = sorted;
  byOldCount = kept;
  furthest = take(<usize>(4 * kept));
  let far: u32 = 0;
  for (let k = 0; k < kept; k++) {
    far = max<u32>(far, load<u32>(nth(sorted, k), 4) + load<u32>(nth(sorted, k), 8));
    store<u32>(furthest + (<usize>k << 2), far);
  }
}

function makeChain(list: usize, count: i32): void {
  // Fenwick tree over the ends in the old file: best weight, and which segment has it.
  const ends = take(<usize>(4 * count));
  for (let k = 0; k < count; k++) store<u32>(ends + (<usize>k << 2), load<u32>(nth(list, k), 4) + load<u32>(nth(list, k), 8));
  sortValues<u32>(ends, count);
  const weights = take(<usize>(8 * (count + 1)));
  const holders = take(<usize>(4 * (count + 1)));
  memory.fill(weights, 0, <usize>(8 * (count + 1)));
  memory.fill(holders, 0xff, <usize>(4 * (count + 1)));
  const before = take(<usize>(4 * count));
  let best = -1;
  let bestWeight: i64 = -1;
  for (let k = 0; k < count; k++) {
    const at = nth(list, k);
    const bytes = segmentBytes(at);
    let weight: i64 = 0;
    let holder = -1;
    for (let i = wordAbove(ends, count, <u32>(segmentOld(at) + min<i64>(bytes / 4, 64))); i > 0; i &= i - 1) {
      const w = load<i64>(weights + (<usize>i << 3));
      if (w > weight) {
        weight = w;
        holder = load<i32>(holders + (<usize>i << 2));
      }
    }
    weight += bytes;
    store<i32>(before + (<usize>k << 2), holder);
    if (weight > bestWeight) {
      bestWeight = weight;
      best = k;
    }
    const end = <u32>(segmentOld(at) + bytes);
    for (let i = wordAbove(ends, count, end - 1) + 1; i <= count; i += i & -i) {
      if (load<i64>(weights + (<usize>i << 3)) < weight) {
        store<i64>(weights + (<usize>i << 3), weight);
        store<i32>(holders + (<usize>i << 2), k);
      }
    }
  }
  chainCount = 0;
  for (let k = best; k >= 0; k = load<i32>(before + (<usize>k << 2))) chainCount++;
  let to = chainCount;
  for (let k = best; k >= 0; k = load<i32>(before + (<usize>k << 2))) copySegment(nth(chain, --to), nth(list, k));
}

function lastAtOrBefore(list: usize, count: i32, position: i64): i32 {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (segmentOld(nth(list, middle)) > position) high = middle;
    else low = middle + 1;
  }
  return low - 1;
}

/** The longest of a few segments that hold this position. */
function mapByOld(position: i64): i64 {
  const k = lastAtOrBefore(byOld, byOldCount, position);
  if (k < 0) {
    mapConfidence = 0;
    return -1;
  }
  let best: i64 = -1;
  let longest: i64 = 0;
  for (let j = k, tried = 0; j >= 0 && tried < 24; j--, tried++) {
    const at = nth(byOld, j);
    const bytes = segmentBytes(at);
    if (position < segmentOld(at) + bytes && bytes > longest) {
      longest = bytes;
      best = segmentNew(at) + position - segmentOld(at);
    }
    if (<i64>load<u32>(furthest + (<usize>j << 2)) <= position) break;
  }
  if (best >= 0) {
    mapConfidence = 2;
    return best;
  }
  mapConfidence = 1;
  const at = nth(byOld, k);
  return segmentNew(at) + position - segmentOld(at);
}

/** Position in the new file of a position in the old one; -1 where nothing is known. */
export function mapPosition(position: i64): i64 {
  const k = lastAtOrBefore(chain, chainCount, position);
  if (k >= 0) {
    const at = nth(chain, k);
    const oldEnd = segmentOld(at) + segmentBytes(at);
    if (position < oldEnd) {
      mapConfidence = 2;
      return segmentNew(at) + position - segmentOld(at);
    }
    if (k + 1 < chainCount) {
      const next = nth(chain, k + 1);
      const shift = segmentNew(at) - segmentOld(at);
      const nextShift = segmentNew(next) - segmentOld(next);
      if (shift == nextShift) {
        mapConfidence = 2;
        return position + shift;
      }
      const any = mapByOld(position);
      if (any >= 0 && mapConfidence == 2) {
        mapConfidence = 1;
        return any;
      }
      mapConfidence = 1;
      return position - oldEnd < segmentOld(next) - position ? position + shift : position + nextShift;
    }
  }
  return mapByOld(position);
}
