/**
 * Probabilities have 24 bits. Their logits ("stretched") have 10 fractional bits and end at 12: 1 in 163,000. A counter is one word:
 * the probability at the top, at the bottom how often it was updated.
 */

// @ts-nocheck: AssemblyScript, not TypeScript.

export const LOGIT_END: i32 = 12 << 10;
export const EVEN: u32 = 0x80000000;
const SQUASH_STEP: i32 = 3;
const SQUASH_COUNT: i32 = (2 * LOGIT_END) >> SQUASH_STEP;

const squashTable: usize = memory.data(4 * 3072, 16);
/** 4096 steps of the whole range, then 4096 steps of its lowest 64th. */
const stretchTable: usize = memory.data(4 * 4096, 16);
const rateTable: usize = memory.data(4 * 256, 16);
const trustTable: usize = memory.data<i32>([0, 115, 166, 200, 220, 236, 246, 256]);

/** Only +, * and / of doubles, in this order: every machine gets the same tables. */
export function makeTables(): void {
  let step: f64 = 1;
  let term: f64 = 1;
  for (let k = 1; k < 12; k++) {
    term = term / (256 * <f64>k);
    step += term;
  }
  const half = SQUASH_COUNT / 2;
  let power = step;
  for (let k = 0; k < half; k++) {
    const p = <u32>((16777216 * power) / (1 + power) + 0.5);
    store<u32>(squashTable + 4 * (half + k), p);
    store<u32>(squashTable + 4 * (half - 1 - k), 16777216 - p);
    power = power * step * step;
  }
  let at = 0;
  for (let k = 0; k < 4096; k++) {
    const p = (<u32>k << 12) + 2048;
    while (at < SQUASH_COUNT - 1 && load<u32>(squashTable + 4 * at) < p) at++;
    store<i16>(stretchTable + 2 * k, <i16>((at << SQUASH_STEP) - LOGIT_END));
  }
  at = 0;
  for (let k = 0; k < 4096; k++) {
    const p = (<u32>k << 6) + 32;
    while (at < SQUASH_COUNT - 1 && load<u32>(squashTable + 4 * at) < p) at++;
    store<i16>(stretchTable + 8192 + 2 * k, <i16>((at << SQUASH_STEP) - LOGIT_END));
  }
  for (let n = 0; n < 256; n++) store<u32>(rateTable + 4 * n, (65536 * 2) / (2 * n + 3));
}

@inline
export function squash(logit: i32): u32 {
  const at = min(max(logit, -LOGIT_END), LOGIT_END - 1) + LOGIT_END;
  return load<u32>(squashTable + (<usize>(at >> SQUASH_STEP) << 2));
}

/** The table is finer at both ends. Without branches: which end it is can't be foreseen. */
@inline
export function stretch(p: u32): i32 {
  const low = -<i32>(p < 1 << 18);
  const high = -<i32>(p >= (1 << 24) - (1 << 18));
  const fine = ((<i32>p ^ high) & 0xffffff) >> 6;
  const at = ((fine + 4096) & (low | high)) | ((<i32>p >> 12) & ~(low | high));
  return (<i32>load<i16>(stretchTable + (<usize>at << 1)) ^ high) - high;
}

/** Logit of a counter, weighed by how often it was updated. shift: below the probability; mask: of the count. */
@inline
function trustedWith(counter: u32, shift: u32, mask: u32): i32 {
  const p = (counter >>> shift) << (shift - 8);
  return (stretch(p) * load<i32>(trustTable + (<usize>min<u32>(counter & mask, 7) << 2))) >> 8;
}

/** A step towards the bit of 1/(count + 1.5). What is between probability and count stays. */
@inline
function updatedWith(counter: u32, bit: i32, limit: u32, shift: u32, mask: u32): u32 {
  const n = counter & mask;
  const p = <i32>(counter >>> shift);
  const most: i32 = (1 << (32 - shift)) - 1;
  const rate = load<u32>(rateTable + (<usize>n << 2));
  const moved = p + <i32>((<i64>((most & -bit) - p) * <i64>rate) >> 16);
  const check = counter & ((1 << shift) - 1) & ~mask;
  return (<u32>moved << shift) | check | (n + <u32>(n < limit));
}

/** A plain counter: 24 bits of probability, 8 of the count. */
@inline
export function update(at: usize, bit: i32, limit: u32): void {
  store<u32>(at, updatedWith(load<u32>(at), bit, limit, 8, 255));
}

/** The counter, or a new one where it belongs to another context. */
@inline
function ownedWith(counter: u32, check: u32, mask: u32): u32 {
  const other = -<i32>(((counter >>> 7) & mask) != check);
  return (counter & ~other) | ((EVEN | (check << 7)) & other);
}

/** A checked counter: 18 bits of probability, 7 of the hash of its context, 7 of the count. */
@inline
export function checked(counter: u32, check: u32): u32 {
  return ownedWith(counter, check, 127);
}
@inline
export function trustedChecked(counter: u32): i32 {
  return trustedWith(counter, 14, 127);
}
@inline
export function updatedChecked(counter: u32, bit: i32, limit: u32): u32 {
  return updatedWith(counter, bit, limit, 14, 127);
}

/** The same with 21 bits of probability, 4 of the hash, 7 of the count. */
@inline
export function checkedFine(counter: u32, check: u32): u32 {
  return ownedWith(counter, check, 15);
}
@inline
export function trustedFine(counter: u32): i32 {
  return trustedWith(counter, 11, 127);
}
@inline
export function updatedFine(counter: u32, bit: i32, limit: u32): u32 {
  return updatedWith(counter, bit, limit, 11, 127);
}
