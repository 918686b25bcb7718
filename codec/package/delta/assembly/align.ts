/**
 * Alignment of two files after Colin Percival ("Naive differences of executable code", 2003): exact matches are found in the suffix array
 * of the old file and extended both ways as long as more than half of the bytes agree.
 */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { take } from './memory';
import { suffixArray } from './suffix';
import { SEGMENT_BYTES } from './map';

/** How many bytes longer a match elsewhere must be than what agrees where we are; more in text, where common words abound. */
const GAIN: i32 = 8;
const GAIN_TEXT: i32 = 40;
const NEAREST_TRIES: i32 = 300;

let o: usize = 0;
let oSize: i32 = 0;
let suffixes: usize = 0;
let ranks: usize = 0;
let prefixes: usize = 0;

@inline
function suffix(k: i32): i32 {
  return load<i32>(suffixes + (<usize>k << 2));
}

function common(a: usize, aSize: i32, b: usize, bSize: i32): i32 {
  const most = min(aSize, bSize);
  let k = 0;
  while (k + 8 <= most) {
    const differ = load<u64>(a + <usize>k) ^ load<u64>(b + <usize>k);
    if (differ) return k + <i32>(ctz(differ) >> 3);
    k += 8;
  }
  while (k < most && load<u8>(a + <usize>k) == load<u8>(b + <usize>k)) k++;
  return k;
}

let foundAt: i32 = 0;

/** Longest match of text[0, size) in the old file; its place in `foundAt`. */
function longest(text: usize, size: i32): i32 {
  if (size < 2) {
    foundAt = 0;
    return 0;
  }
  const key = (<i32>load<u8>(text) << 8) | <i32>load<u8>(text, 1);
  let low = load<i32>(prefixes + (<usize>key << 2));
  let high = load<i32>(prefixes + (<usize>(key + 1) << 2)) - 1;
  if (high < low) {
    foundAt = 0;
    return 0;
  }
  let lowCommon = common(o + suffix(low), oSize - suffix(low), text, size);
  let highCommon = common(o + suffix(high), oSize - suffix(high), text, size);
  while (high - low > 1) {
    const middle = low + ((high - low) >> 1);
    const place = suffix(middle);
    const k = min(lowCommon, highCommon);
    const same = k + common(o + place + k, oSize - place - k, text + k, size - k);
    if (same == size) {
      foundAt = place;
      return same;
    }
    const less = place + same == oSize || load<u8>(o + place + same) < load<u8>(text + same);
    if (less) {
      low = middle;
      lowCommon = same;
    } else {
      high = middle;
      highCommon = same;
    }
  }
  if (lowCommon > highCommon) {
    foundAt = suffix(low);
    return lowCommon;
  }
  foundAt = suffix(high);
  return highCommon;
}

/** Of the places where the same bytes stand, the one closest to `want`. */
function nearest(text: usize, size: i32, place: i32, want: i32): i32 {
  if (size < 4) return place;
  let best = place;
  let distance = abs(place - want);
  const rank = load<i32>(ranks + (<usize>place << 2));
  for (let way = -1; way <= 1; way += 2)
    for (let k = rank + way, tried = 0; k >= 0 && k < oSize && tried < NEAREST_TRIES; k += way, tried++) {
      const there = suffix(k);
      if (there + size > oSize || memory.compare(o + there, text, size) != 0) break;
      if (abs(there - want) < distance) {
        distance = abs(there - want);
        best = there;
      }
    }
  return best;
}

function isText(at: usize, size: i32): bool {
  const length = min(size, 48);
  let count = 0;
  for (let k = 0; k < length; k++) {
    const byte = load<u8>(at + k);
    count += (byte >= 32 && byte < 127) || byte == 10 || byte == 9 || byte == 13 ? 1 : 0;
  }
  return count >= length - 1;
}

let segments: usize = 0;
let segmentCount: i32 = 0;

function addSegment(n: i32, place: i32, size: i32): void {
  if (segmentCount > 0) {
    const last = segments + <usize>((segmentCount - 1) * SEGMENT_BYTES);
    if (load<i32>(last) + load<i32>(last, 8) == n && load<i32>(last, 4) + load<i32>(last, 8) == place) {
      store<i32>(last, load<i32>(last, 8) + size, 8);
      return;
    }
  }
  const at = take(16);
  S.free = at + SEGMENT_BYTES;
  store<i32>(at, n);
  store<i32>(at, place, 4);
  store<i32>(at, size, 8);
  segmentCount++;
}

function makePrefixes(): void {
  prefixes = take(4 * 65544);
  memory.fill(prefixes, 0, 4 * 65544);
  // The suffix of one byte comes before all others with its first byte; it is in no range.
  let next = 0;
  for (let k = 0; k < oSize; k++) {
    const place = suffix(k);
    const key = (<i32>load<u8>(o + place) << 8) | (place + 1 < oSize ? <i32>load<u8>(o + place + 1) : 0);
    for (; next <= key; next++) store<i32>(prefixes + (<usize>next << 2), k);
  }
  for (; next <= 65537; next++) store<i32>(prefixes + (<usize>next << 2), oSize);
}

/** Segments at `alignedAt()`, at the end of the memory; returns how many. Files below 2^31 bytes. */
export function align(old: usize, oldSize: i32, text: usize, size: i32): i32 {
  o = old;
  oSize = oldSize;
  segmentCount = 0;
  if (oldSize > 0) {
    suffixes = take(<usize>oldSize << 2);
    suffixArray<u8>(old, oldSize, 255, suffixes);
    ranks = take(<usize>oldSize << 2);
    for (let k = 0; k < oldSize; k++) store<i32>(ranks + (<usize>suffix(k) << 2), k);
    makePrefixes();
  }
  S.free = (S.free + 15) & ~15;
  segments = S.free;
  if (oldSize == 0) return 0;
  let scan = 0;
  let length = 0;
  let place = 0;
  let lastScan = 0;
  let lastPlace = 0;
  let lastShift = 0;
  while (scan < size) {
    let agreed = 0;
    scan += length;
    let counted = scan;
    for (; scan < size; scan++) {
      length = longest(text + scan, size - scan);
      place = foundAt;
      for (; counted < scan + length; counted++) {
        const there = counted + lastShift;
        if (there < oldSize && there >= 0 && load<u8>(old + there) == load<u8>(text + counted)) agreed++;
      }
      if ((length == agreed && length != 0) || length > agreed + (isText(text + scan, size - scan) ? GAIN_TEXT : GAIN)) break;
      const there = scan + lastShift;
      if (there < oldSize && there >= 0 && load<u8>(old + there) == load<u8>(text + scan)) agreed--;
    }
    if (length != agreed || scan == size) {
      if (scan < size && length > 0) place = nearest(text + scan, length, place, scan + lastShift);
      let forward = 0;
      let same = 0;
      let best = 0;
      for (let k = 0; lastScan + k < scan && lastPlace + k < oldSize; ) {
        if (load<u8>(old + lastPlace + k) == load<u8>(text + lastScan + k)) same++;
        k++;
        if (same * 2 - k > best * 2 - forward) {
          best = same;
          forward = k;
        }
      }
      let backward = 0;
      if (scan < size) {
        same = 0;
        best = 0;
        for (let k = 1; scan >= lastScan + k && place >= k; k++) {
          if (load<u8>(old + place - k) == load<u8>(text + scan - k)) same++;
          if (same * 2 - k > best * 2 - backward) {
            best = same;
            backward = k;
          }
        }
      }
      if (lastScan + forward > scan - backward) {
        const overlap = lastScan + forward - (scan - backward);
        same = 0;
        best = 0;
        let kept = 0;
        for (let k = 0; k < overlap; k++) {
          if (load<u8>(text + lastScan + forward - overlap + k) == load<u8>(old + lastPlace + forward - overlap + k)) same++;
          if (load<u8>(text + scan - backward + k) == load<u8>(old + place - backward + k)) same--;
          if (same > best) {
            best = same;
            kept = k + 1;
          }
        }
        forward += kept - overlap;
        backward -= kept;
      }
      if (forward > 0) addSegment(lastScan, lastPlace, forward);
      lastScan = scan - backward;
      lastPlace = place - backward;
      lastShift = place - scan;
    }
  }
  return segmentCount;
}

export function alignedAt(): usize {
  return segments;
}
