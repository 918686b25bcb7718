/** Whole numbers as Exp-Golomb codes whose bits are coded with counters by context. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { takeFilled } from './memory';
import { EVEN, update } from './logistic';
import { codeBit } from './coder';

const CONTEXTS: i32 = 64;
const LONGEST: i32 = 40;

let prefixes: usize = 0;
let suffixes: usize = 0;

export function openIntegers(): void {
  prefixes = takeFilled(4 * CONTEXTS * LONGEST, EVEN);
  suffixes = takeFilled(4 * LONGEST * LONGEST, EVEN);
}

export function codeCounted(at: usize, bit: i32, least: u32, limit: u32): i32 {
  const p = min<u32>(max<u32>(load<u32>(at) >>> 8, least), (1 << 24) - least);
  const coded = codeBit(bit, p);
  update(at, coded, limit);
  return coded;
}

/** value: below 2^38. */
export function codeInteger(encoding: i32, value: i64, context: i32): i64 {
  const x = value + 1;
  let length = encoding ? <i32>(63 - clz(x)) : 0;
  let k = 0;
  for (; k < LONGEST - 1; k++) {
    const more = codeCounted(
      prefixes + <usize>(4 * (context * LONGEST + k)),
      encoding ? <i32>(k < length) : 0,
      33554,
      30,
    );
    if (!more) break;
  }
  length = k;
  let result: i64 = 1;
  for (let j = length - 1; j >= 0; j--) {
    const bit = encoding ? <i32>((x >> j) & 1) : 0;
    let coded: i32;
    if (length - 1 - j < 3) coded = codeCounted(suffixes + <usize>(4 * (length * LONGEST + j)), bit, 335544, 60);
    else coded = codeBit(bit, 1 << 23);
    result = (result << 1) | coded;
  }
  return result - 1;
}

export function codeSigned(encoding: i32, value: i64, context: i32): i64 {
  const folded = codeInteger(encoding, encoding ? (value << 1) ^ (value >> 63) : 0, context);
  return <i64>(<u64>folded >> 1) ^ -(folded & 1);
}
