/** Binary arithmetic coder after Matt Mahoney's lpaq, carryless, with probabilities of 24 bits. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { take } from './memory';

const BUFFER_BYTES: i32 = 1 << 14;
const P_LEAST: u32 = 32;

@external('env', 'readPatch')
declare function readPatch(at: usize, count: i32): i32;
@external('env', 'writePatch')
declare function writePatch(at: usize, count: i32): void;

/** Cost of what was coded, in 1/4096 bit, by kind: see KIND_ below. */
export const costs: usize = memory.data(8 * 16, 16);
const costTable: usize = memory.data(4 * 4096, 16);
let kind: i32 = 0;

export const KIND_LISTS: i32 = 0;
export const KIND_BLOCKS: i32 = 1;
export const KIND_FLAGS: i32 = 2;
export const KIND_MISSES: i32 = 3;
export const KIND_GAPS: i32 = 4;

/** Of all kinds together. */
export function costBytes(): f64 {
  let sum: i64 = 0;
  for (let k: usize = 0; k <= <usize>KIND_GAPS; k++) sum += load<i64>(costs + (k << 3));
  return <f64>sum / (8 * 4096);
}

@inline
export function costKind(k: i32): void {
  kind = k;
}

export function openCoder(): void {
  S.bufferAt = take(BUFFER_BYTES);
  S.bufferNext = 0;
  S.bufferEnd = 0;
  S.low = 0;
  S.high = 0xffffffff;
  S.codedBytes = 0;
  // For the report only: nothing that is decoded depends on it.
  for (let k = 0; k < 4096; k++)
    store<u32>(costTable + 4 * k, <u32>(-4096 * (Math.log((<f64>k + 0.5) / 4096) / Math.LN2) + 0.5));
  if (!S.encoding) for (let k = 0; k < 4; k++) S.value = (S.value << 8) | nextByte();
}

function nextByte(): u32 {
  if (S.bufferNext == S.bufferEnd) {
    S.bufferEnd = readPatch(S.bufferAt, BUFFER_BYTES);
    S.bufferNext = 0;
    if (S.bufferEnd <= 0) {
      // Zeros after the end: the encoder leaves its last ones out.
      memory.fill(S.bufferAt, 0, BUFFER_BYTES);
      S.bufferEnd = BUFFER_BYTES;
    }
  }
  S.codedBytes += 1;
  return load<u8>(S.bufferAt + S.bufferNext++);
}

function putByte(byte: u32): void {
  store<u8>(S.bufferAt + S.bufferNext, <u8>byte);
  S.codedBytes += 1;
  if (++S.bufferNext == BUFFER_BYTES) {
    writePatch(S.bufferAt, BUFFER_BYTES);
    S.bufferNext = 0;
  }
}

/** p: that the bit is 1, 24 bits. */
export function codeBit(bit: i32, p: u32): i32 {
  p = min<u32>(max<u32>(p, P_LEAST), (1 << 24) - P_LEAST);
  const middle = S.low + <u32>((<u64>(S.high - S.low) * <u64>p) >> 24);
  if (!S.encoding) bit = <i32>(S.value <= middle);
  if (bit) S.high = middle;
  else S.low = middle + 1;
  while ((S.low ^ S.high) >>> 24 == 0) {
    if (S.encoding) putByte(S.high >>> 24);
    else S.value = (S.value << 8) | nextByte();
    S.low <<= 8;
    S.high = (S.high << 8) | 255;
  }
  const cost = costs + (<usize>kind << 3);
  store<i64>(cost, load<i64>(cost) + load<u32>(costTable + (<usize>((bit ? p : <u32>(1 << 24) - p) >> 12) << 2)));
  return bit;
}

/** Enough of the last interval that zeros may follow. */
export function closeCoder(): void {
  if (S.low > 0) {
    // The shortest number in (low, high] that ends in zeros.
    let bits = 24;
    while (bits > 0 && ((S.low + ((1 << bits) - 1)) & ~((1 << bits) - 1)) - 1 >= S.high) bits -= 8;
    let value = bits == 0 ? S.high : (S.low + ((1 << bits) - 1)) & ~((1 << bits) - 1);
    while (value) {
      putByte(value >>> 24);
      value <<= 8;
    }
  }
  writePatch(S.bufferAt, S.bufferNext);
  S.bufferNext = 0;
}
