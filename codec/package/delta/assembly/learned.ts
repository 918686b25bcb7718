/** What was learned of a module while it was coded: where targets really went, and how names and types of BTF were renumbered. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { take } from './memory';

const TARGET_BITS: i32 = 17;
const PROBES: i32 = 4;

let targets: usize = 0;
let used: usize = 0;

/** Renumbering: values below 2^22, a bitmap of three levels for the neighbours, and the new value of each in a table. */
const VALUE_BITS: i32 = 22;
const SHIFT_BITS: i32 = 18;
const MOST_SHIFTS: u32 = 3 << 16;

let levels: usize = 0;
let shifts: usize = 0;
let renumbering: bool = false;

@unmanaged
class Nearest {
  value: u32;
  confidence: i32;
}

export const nearestConfidence = changetype<Nearest>(memory.data(offsetof<Nearest>()));

const LEVEL0: usize = 1 << (VALUE_BITS - 3);
const LEVEL1: usize = LEVEL0 >> 6;
const LEVEL2: usize = LEVEL1 >> 6;
const LEVEL3: usize = LEVEL2 >> 6;
const LEVELS_BYTES: usize = LEVEL0 + LEVEL1 + LEVEL2 + LEVEL3 + 64;

export function openLearned(): void {
  targets = take(8 << TARGET_BITS);
  memory.fill(targets, 0, 8 << TARGET_BITS);
  used = take(16);
  store<u32>(used, 0);
}

/** withTypes: the module has BTF. */
export function forgetLearned(withTypes: bool): void {
  if (load<u32>(used)) memory.fill(targets, 0, 8 << TARGET_BITS);
  store<u32>(used, 0);
  renumbering = withTypes;
  if (!withTypes) return;
  levels = take(2 * LEVELS_BYTES);
  memory.fill(levels, 0, 2 * LEVELS_BYTES);
  shifts = take(2 * (8 << SHIFT_BITS) + 16);
  memory.fill(shifts, 0, 2 * (8 << SHIFT_BITS) + 16);
}

@inline
function slotOf(key: u32): usize {
  return targets + (<usize>((key * 0x9e3779b1) >>> (32 - TARGET_BITS)) << 3);
}

/** Both relative to the lowest address of their module. */
export function learnTarget(target: i64, now: i64): void {
  if (<u64>target >= 0xfffffffe || <u64>now >= 0xffffffff) return;
  const key = <u32>target + 1;
  const first = slotOf(key);
  let at = first;
  const end = targets + (8 << TARGET_BITS);
  for (let k = 0; k < PROBES; k++) {
    const there = load<u32>(at);
    if (there == key || there == 0) {
      store<u32>(at, key);
      store<u32>(at, <u32>now, 4);
      store<u32>(used, 1);
      return;
    }
    at = at + 8 == end ? targets : at + 8;
  }
  store<u32>(first, key);
  store<u32>(first, <u32>now, 4);
}

/** -1 where nothing was learned. */
export function learnedTarget(target: i64): i64 {
  if (<u64>target >= 0xfffffffe) return -1;
  const key = <u32>target + 1;
  let at = slotOf(key);
  const end = targets + (8 << TARGET_BITS);
  for (let k = 0; k < PROBES; k++) {
    const there = load<u32>(at);
    if (there == key) return <i64>load<u32>(at, 4);
    if (there == 0) return -1;
    at = at + 8 == end ? targets : at + 8;
  }
  return -1;
}

@inline
function levelAt(which: i32, level: i32): usize {
  const start = levels + <usize>which * LEVELS_BYTES;
  return level == 0 ? start : level == 1 ? start + LEVEL0 : level == 2 ? start + LEVEL0 + LEVEL1 : start + LEVEL0 + LEVEL1 + LEVEL2;
}

function shiftSlot(which: i32, value: u32): usize {
  const table = shifts + <usize>which * (8 << SHIFT_BITS);
  let slot = (value * 0x9e3779b1) >>> (32 - SHIFT_BITS);
  for (let k = 0; k < 1 << SHIFT_BITS; k++) {
    const at = table + (<usize>slot << 3);
    const there = load<u32>(at);
    if (there == value + 1 || there == 0) return at;
    slot = (slot + 1) & ((1 << SHIFT_BITS) - 1);
  }
  return table;
}

export function learnShift(which: i32, value: u32, shift: i32): void {
  if (!renumbering || value >= 1 << VALUE_BITS) return;
  const at = shiftSlot(which, value);
  if (load<u32>(at) == 0) {
    // A table that is three quarters full learns nothing new.
    const count = shifts + 2 * (8 << SHIFT_BITS) + <usize>(4 * which);
    if (load<u32>(count) == MOST_SHIFTS) return;
    store<u32>(count, load<u32>(count) + 1);
  }
  store<u32>(at, value + 1);
  store<i32>(at, shift, 4);
  let index = value;
  for (let level = 0; level < 4; level++) {
    const word = levelAt(which, level) + (<usize>(index >>> 6) << 3);
    store<u64>(word, load<u64>(word) | ((<u64>1) << (index & 63)));
    index >>>= 6;
  }
}

/** Largest known value at or below, or -1. */
function below(which: i32, value: i32): i32 {
  let index = value;
  for (let level = 0; level < 4; level++) {
    if (index < 0) return -1;
    const word = load<u64>(levelAt(which, level) + (<usize>(index >>> 6) << 3)) & (~(<u64>0) >> (63 - (index & 63)));
    if (word) {
      let found = (index & ~63) | (63 - <i32>clz(word));
      for (let down = level - 1; down >= 0; down--)
        found = (found << 6) | (63 - <i32>clz(load<u64>(levelAt(which, down) + (<usize>found << 3))));
      return found;
    }
    index = (index >>> 6) - 1;
  }
  return -1;
}

/** Smallest known value at or above, or -1. */
function above(which: i32, value: i32): i32 {
  let index = value;
  let limit = 1 << VALUE_BITS;
  for (let level = 0; level < 4; level++) {
    if (index >= limit) return -1;
    const word = load<u64>(levelAt(which, level) + (<usize>(index >>> 6) << 3)) & (~(<u64>0) << (index & 63));
    if (word) {
      let found = (index & ~63) | <i32>ctz(word);
      for (let down = level - 1; down >= 0; down--)
        found = (found << 6) | <i32>ctz(load<u64>(levelAt(which, down) + (<usize>found << 3)));
      return found;
    }
    index = (index >>> 6) + 1;
    limit >>>= 6;
  }
  return -1;
}

/** The value moved as its neighbours were. The result is in `nearestConfidence`. */
export function nearestValue(which: i32, value: u32): bool {
  if (!renumbering || value >= 1 << VALUE_BITS) return false;
  const low = below(which, value);
  const lowShift = low >= 0 ? load<i32>(shiftSlot(which, low), 4) : 0;
  if (low == <i32>value) {
    nearestConfidence.value = value + lowShift;
    nearestConfidence.confidence = 3;
    return true;
  }
  const high = above(which, value + 1);
  if (low < 0 && high < 0) return false;
  const highShift = high >= 0 ? load<i32>(shiftSlot(which, high), 4) : 0;
  if (low < 0 || high < 0) {
    nearestConfidence.confidence = 0;
    nearestConfidence.value = value + (low < 0 ? highShift : lowShift);
    return true;
  }
  nearestConfidence.confidence = lowShift == highShift ? 2 : 1;
  nearestConfidence.value = value + (<i32>value - low <= high - <i32>value ? lowShift : highShift);
  return true;
}
