/**
 * The encoder's search for tables whose words are relative to themselves or to the start of the image: with which reading of a block of the
 * old file, moved through the alignment, do most pairs of neighbouring words occur in the new one?
 */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { take, old32, new32, oldByte, newByte } from './memory';
import {
  O,
  N,
  addressOf,
  addressFound,
  parseSections,
  sectionOf,
  loadOf,
  SECTION_NONE,
  SECTION_POINTERS,
  SECTION_READ_ONLY,
} from './elf';
import { M } from './module';
import { mapPosition, mapConfidence } from './map';
import { kindAt } from './sections';
import { imageBase, mapAddress, targetFound } from './targets';
import { HINT_BYTES, HINT_WORDS, HINT_RELATIVE } from './hinted';

const FILTER_BITS: i32 = 21;
const WORDS: i32 = 256;

function takeFilter(): usize {
  const at = take(8 << FILTER_BITS);
  memory.fill(at, 0, 8 << FILTER_BITS);
  return at;
}

@inline
function mixed(value: u64): u64 {
  const h = value * 0x9e3779b97f4a7c15;
  return h ^ (h >> 29);
}

@inline
function wordOf(filter: usize, h: u64): usize {
  return filter + (<usize>(h & ((1 << FILTER_BITS) - 1)) << 3);
}

function put(filter: usize, value: u64): void {
  if (value >> 32 == 0 || <u32>value == 0) return;
  const h = mixed(value);
  const a = wordOf(filter, h >> 6);
  store<u64>(a, load<u64>(a) | ((<u64>1) << (h & 63)));
  const b = wordOf(filter, h >> 30);
  store<u64>(b, load<u64>(b) | ((<u64>1) << ((h >> 24) & 63)));
}

function has(filter: usize, value: u64): i32 {
  if (value >> 32 == 0 || <u32>value == 0) return 0;
  const h = mixed(value);
  return (load<u64>(wordOf(filter, h >> 6)) >> (h & 63)) & 1 && (load<u64>(wordOf(filter, h >> 30)) >> ((h >> 24) & 63)) & 1 ? 1 : 0;
}

@inline
function pointsInside(address: i64, value: u32): bool {
  const to = address + <i64>(<i32>value);
  return value + 4096 > 8192 && to >= N.lowest && to < N.highest;
}

let plainPairs: usize = 0;
let relativePairs: usize = 0;
let oldPairs: usize = 0;

/** Visits the tables of the new module. pass 0: notes its pairs; pass 1: makes words absolute in `to` where the old pairs occur. */
function visitNew(pass: i32, offset: i64, address: i64, bytes: i64, to: usize): void {
  const first = (offset + 3) & ~3;
  const size = M.newEnd - M.newStart;
  const end = min(offset + bytes, size);
  if (pass == 0) {
    for (let q = first; q + 8 <= end; q += 4) {
      const a = new32(N.start + q);
      const b = new32(N.start + q + 4);
      const at = address + q - offset;
      if (pointsInside(at, a) && pointsInside(at + 4, b)) put(relativePairs, ((<u64>(<u32>(b + <u32>(at + 4)))) << 32) | <u64>(<u32>(a + <u32>at)));
    }
    return;
  }
  for (let block = offset & ~(HINT_BYTES - 1); block < end; block += HINT_BYTES) {
    if (!nearHint(N.start + block)) continue;
    const from = max(block, first);
    const until = min(block + HINT_BYTES, end);
    let count = 0;
    let before: u32 = 0;
    for (let q = from; q + 4 <= until; q += 4) {
      const value = new32(N.start + q);
      const at = address + q - offset;
      const word = pointsInside(at, value) ? value + <u32>at : 0;
      count += has(oldPairs, (<u64>word << 32) | <u64>before);
      before = word;
    }
    if (count <= <i32>(HINT_BYTES / 4 / 6)) continue;
    for (let q = from; q + 4 <= until; q += 4) {
      const value = new32(N.start + q);
      const at = address + q - offset;
      if (pointsInside(at, value)) store<u32>(to + <usize>q, value + <u32>at);
    }
  }
}

/** Ranges of the new file around hinted blocks. */
let ranges: usize = 0;
let rangeCount: i32 = 0;

function nearHint(position: i64): bool {
  for (let k = 0; k < rangeCount; k++) {
    const at = ranges + <usize>(16 * k);
    if (position >= load<i64>(at) && position < load<i64>(at, 8)) return true;
  }
  return false;
}

function visitAll(pass: i32, to: usize): void {
  if (N.flat) {
    visitNew(pass, 0, loadOf(N, 0).address, M.newEnd - M.newStart, to);
    return;
  }
  for (let k = 0; k < N.sectionCount; k++) {
    const s = sectionOf(N, k);
    if (s.address != 0 && (s.kind == SECTION_READ_ONLY || s.kind == SECTION_POINTERS || s.kind == SECTION_NONE))
      visitNew(pass, s.offset, s.address, s.bytes, to);
  }
}

/** Hints of module `index` at `hintsFoundAt()`; `to`: the new module's bytes, made absolute in its hinted tables. */
export function findHints(index: i32, to: usize): i32 {
  plainPairs = takeFilter();
  relativePairs = takeFilter();
  oldPairs = takeFilter();
  const words = take(4 * WORDS * 3);
  const newBytes = M.newEnd - M.newStart;
  for (let q: i64 = 0; q + 8 <= newBytes; q += 4) put(plainPairs, (<u64>new32(N.start + q + 4) << 32) | <u64>new32(N.start + q));
  if (!N.flat) {
    N.sectionCount = 0;
    parseSections(N, true);
  }
  visitAll(0, 0);
  found = S.free;
  let count = 0;
  const size = M.oldEnd - M.oldStart;
  for (let a: i64 = 0; a < size; a += HINT_BYTES) {
    const end = min(a + HINT_BYTES, size);
    const kind = O.flat ? SECTION_NONE : kindAt(a);
    if (kind != SECTION_NONE && kind != SECTION_POINTERS && kind != SECTION_READ_ONLY) continue;
    const at = mapPosition(O.start + a);
    if (mapConfidence == 2 && at >= 0 && at + (end - a) <= S.newSize && equal(O.start + a, at, end - a)) continue;
    let best = 0;
    let plain = 0;
    let bestScore = 0;
    for (let reading = 0; reading < 3; reading++) {
      let score = 0;
      let before: u32 = 0;
      for (let q = a; q + 4 <= end; q += 4) {
        const value = old32(O.start + q);
        let word = value;
        if (reading && addressOf(O, q)) {
          if (reading == HINT_RELATIVE) {
            const to = addressFound() + <i64>(<i32>value);
            word = value + 4096 > 8192 && to >= O.lowest && to < O.highest && mapAddress(to, false) ? <u32>targetFound : 0;
          } else {
            const base = imageBase();
            const to = base + <i64>value;
            if (to >= O.lowest && to < O.highest && value > 4096 && mapAddress(to, false)) word = <u32>(targetFound - base);
          }
        }
        if (q > a) score += has(reading == HINT_RELATIVE ? relativePairs : plainPairs, (<u64>word << 32) | <u64>before);
        before = word;
        store<u32>(words + <usize>(4 * (reading * WORDS + <i32>((q - a) >> 2))), word);
      }
      if (reading == 0) plain = score;
      else if (score > (best ? bestScore : plain * 2 + <i32>((end - a) / 24))) {
        best = reading;
        bestScore = score;
      }
    }
    if (best == 0) continue;
    if (best == HINT_RELATIVE)
      for (let z = 1; z < <i32>((end - a) >> 2); z++)
        put(oldPairs, (<u64>load<u32>(words + <usize>(4 * (WORDS + z))) << 32) | <u64>load<u32>(words + <usize>(4 * (WORDS + z - 1))));
    const block = <u32>(a / HINT_BYTES);
    if (count > 0) {
      const last = found + <usize>(4 * (count - 1) * HINT_WORDS);
      if (load<u32>(last, 12) == best && load<u32>(last, 8) + 1 >= block) {
        store<u32>(last, block + 1, 8);
        continue;
      }
    }
    const here = take(4 * HINT_WORDS);
    store<u32>(here, <u32>index);
    store<u32>(here, block, 4);
    store<u32>(here, block + 1, 8);
    store<u32>(here, <u32>best, 12);
    count++;
  }
  ranges = take(<usize>(16 * count));
  rangeCount = 0;
  for (let k = 0; k < count; k++) {
    const hint = found + <usize>(4 * k * HINT_WORDS);
    if (load<u32>(hint, 12) != HINT_RELATIVE) continue;
    const bytes = <i64>(load<u32>(hint, 8) - load<u32>(hint, 4)) * HINT_BYTES;
    const from = mapPosition(O.start + <i64>load<u32>(hint, 4) * HINT_BYTES);
    const until = mapPosition(min(O.start + <i64>load<u32>(hint, 8) * HINT_BYTES, O.start + size - 1));
    if (from < 0 || until < from || until - from >= 2 * bytes + 65536) continue;
    store<i64>(ranges + <usize>(16 * rangeCount), from - 8192);
    store<i64>(ranges + <usize>(16 * rangeCount), until + 8192, 8);
    rangeCount++;
  }
  visitAll(1, to);
  return count;
}

function equal(p: i64, q: i64, count: i64): bool {
  let k: i64 = 0;
  for (; k + 4 <= count; k += 4) if (old32(p + k) != new32(q + k)) return false;
  for (; k < count; k++) if (oldByte(p + k) != newByte(q + k)) return false;
  return true;
}

let found: usize = 0;

export function hintsFoundAt(): usize {
  return found;
}
