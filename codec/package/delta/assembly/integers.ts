/** Whole numbers as Exp-Golomb codes whose bits are mixed from counters by context. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { takeFilled } from './memory';
import { EVEN, checkedFine, squash, trustedFine, updatedFine } from './logistic';
import { codeBit } from './coder';
import { mix, takeWeights, train } from './mixer';
import { hash, hash3 } from './hash';

const CONTEXTS: i32 = 6;
const INPUTS: i32 = 8;
const FIELDS: i32 = 16;
const TABLE_BITS: i32 = 16;
/** Longest code: values below 2^39. */
const LONGEST: i32 = 39;
/** The first bits after the prefix are also told apart by those before them. */
const TOLD_BITS: i32 = 6;
const LEAST: u32 = 4096;

const first: usize = memory.data<u8>([70, 70, 70, 70, 70, 70, 0, 0]);
const inputs: usize = memory.data(4 * 8, 16);
const slots: usize = memory.data(4 * 8, 16);
const contexts: usize = memory.data(4 * 8, 16);

let tables: usize = 0;
let weights: usize = 0;

export function openIntegers(): void {
  tables = takeFilled(<usize>(CONTEXTS * 4) << TABLE_BITS, EVEN);
  weights = takeWeights(INPUTS, FIELDS * 4, first);
  memory.fill(inputs, 0, 4 * 8);
}

/** What the bits of the next number depend on: its field alone, with each of four others, and with the first two together. */
export function setContexts(field: i32, a: u32, b: u32, c: u32, d: u32): void {
  store<u32>(contexts, hash(1, field));
  store<u32>(contexts, hash3(2, field, a), 4);
  store<u32>(contexts, hash3(3, field, b), 8);
  store<u32>(contexts, hash3(4, field, c), 12);
  store<u32>(contexts, hash3(5, field, d), 16);
  store<u32>(contexts, hash3(6, field, hash(a, b)), 20);
}

/** node: which bit of the number this is, with what is known of it. set: of weights, below 4. */
function codeMixed(bit: i32, field: i32, node: u32, set: i32): i32 {
  for (let k = 0; k < CONTEXTS; k++) {
    const h = hash(load<u32>(contexts + <usize>(4 * k)), node);
    const at = tables + (((<usize>k << TABLE_BITS) + <usize>(h >>> (32 - TABLE_BITS))) << 2);
    store<u32>(at, checkedFine(load<u32>(at), h & 15));
    store<u32>(slots + <usize>(4 * k), <u32>at);
    store<i32>(inputs + <usize>(4 * k), trustedFine(load<u32>(at)));
  }
  store<i32>(inputs + 24, 256);
  const w = weights + <usize>(4 * INPUTS * (field * 4 + set));
  const logit = mix(w, inputs, INPUTS);
  const p = squash(logit);
  const coded = codeBit(bit, min<u32>(max<u32>(p, LEAST), (1 << 24) - LEAST));
  train(w, inputs, INPUTS, coded, p, 10);
  for (let k = 0; k < CONTEXTS; k++) {
    const at = <usize>load<u32>(slots + <usize>(4 * k));
    store<u32>(at, updatedFine(load<u32>(at), coded, k == 0 ? 127 : 60));
  }
  return coded;
}

/** value: below 2^38. Contexts were set before. */
export function codeInteger(encoding: i32, value: i64, field: i32): i64 {
  const x = value + 1;
  let length = encoding ? <i32>(63 - clz(x)) : 0;
  let k = 0;
  for (; k < LONGEST - 1; k++) if (!codeMixed(encoding ? <i32>(k < length) : 0, field, k, 0)) break;
  length = k;
  let result: i64 = 1;
  for (let j = length - 1; j >= 0; j--) {
    const known = length - 1 - j;
    const told = known < TOLD_BITS ? <u32>result : 0;
    const node = hash3(length, j, told + 1000);
    result = (result << 1) | codeMixed(encoding ? <i32>((x >> j) & 1) : 0, field, node, known == 0 ? 1 : j < 2 ? 3 : 2);
  }
  return result - 1;
}

export function codeSigned(encoding: i32, value: i64, field: i32): i64 {
  const folded = codeInteger(encoding, encoding ? (value << 1) ^ (value >> 63) : 0, field);
  return <i64>(<u64>folded >> 1) ^ -(folded & 1);
}
