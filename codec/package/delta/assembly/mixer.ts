/**
 * Logistic mixing (Mahoney, "Adaptive weighing of context models"): weights have 20 fractional bits and end at 4; inputs are logits.
 * A set of weights is chosen by a context. Refinement (APM/SSE): 25 points between which a probability is interpolated.
 */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { take } from './memory';
import { squash, LOGIT_END } from './logistic';

const WEIGHT_END: i32 = (1 << 22) - 1;
/** An error times an input stays below 2^31. */
const ERROR_END: i32 = 131072;
const BOOST: i32 = 64;
const TIMES_HALF: i32 = 32;
const TIMES_END: i32 = 4096;
const POINT_BITS: i32 = 10;
const POINTS: i32 = 25;
/** At a point, a step of 1/32. */
const REFINE_SHIFT: i32 = 15;

/** count: of inputs, a multiple of 4. first: the weights that every set starts with, in 1/256. */
export function takeWeights(count: i32, sets: i32, first: usize): usize {
  const at = take(<usize>(4 * count * sets));
  for (let k = 0; k < count; k++) store<i32>(at + <usize>(4 * k), <i32>load<u8>(first + <usize>k) << 12);
  for (let k = 1; k < sets; k++) memory.copy(at + <usize>(4 * count * k), at, <usize>(4 * count));
  return at;
}

@inline
export function mix(weights: usize, inputs: usize, count: i32): i32 {
  let sum = i32x4.splat(0);
  for (let k: usize = 0; k < <usize>count << 2; k += 16) {
    const product = i32x4.mul(i32x4.shr_s(v128.load(weights + k), 6), v128.load(inputs + k));
    sum = i32x4.add(sum, i32x4.shr_s(product, 5));
  }
  const total = i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 1) + i32x4.extract_lane(sum, 2) + i32x4.extract_lane(sum, 3);
  return min(max(total >> 9, -LOGIT_END), LOGIT_END - 1);
}

/** p: what this set alone said, 24 bits. rate: in 1/2048. */
@inline
export function train(weights: usize, inputs: usize, count: i32, bit: i32, p: u32, rate: i32): void {
  // The last input is always 0: its weight counts how often the set was trained.
  const counter = weights + (<usize>(count - 1) << 2);
  const times = load<i32>(counter);
  if (times < TIMES_END) store<i32>(counter, times + 1);
  const error = ((((bit << 16) - <i32>(p >> 8)) * (rate + (rate * BOOST) / (times + TIMES_HALF))) + 4) >> 3;
  if (error == 0) return;
  const factor = i32x4.splat(min(max(error, -ERROR_END), ERROR_END));
  const half = i32x4.splat(1 << 13);
  const most = i32x4.splat(WEIGHT_END);
  const least = i32x4.splat(-WEIGHT_END);
  for (let k: usize = 0; k < <usize>count << 2; k += 16) {
    const step = i32x4.shr_s(i32x4.add(i32x4.mul(factor, v128.load(inputs + k)), half), 14);
    const moved = i32x4.add(v128.load(weights + k), step);
    v128.store(weights + k, i32x4.max_s(i32x4.min_s(moved, most), least));
  }
}

export function takeRefinement(contexts: i32): usize {
  const at = take(<usize>(4 * POINTS * contexts));
  for (let k = 0; k < POINTS; k++) store<u32>(at + 4 * k, squash((k - 12) << POINT_BITS) << 4);
  for (let c = 1; c < contexts; c++) memory.copy(at + <usize>(4 * POINTS * c), at, 4 * POINTS);
  return at;
}

@inline
export function refinementAt(refinement: usize, logit: i32, context: i32): usize {
  return refinement + (<usize>(context * POINTS + ((logit + LOGIT_END) >> POINT_BITS)) << 2);
}

@inline
export function refined(at: usize, logit: i32): u32 {
  const part = <u64>((logit + LOGIT_END) & ((1 << POINT_BITS) - 1));
  return <u32>((<u64>load<u32>(at) * ((1 << POINT_BITS) - part) + <u64>load<u32>(at, 4) * part) >> (POINT_BITS + 4));
}

@inline
export function refine(at: usize, logit: i32, bit: i32): void {
  const part = <i64>((logit + LOGIT_END) & ((1 << POINT_BITS) - 1));
  const goal: i64 = bit ? 0xfffffff : 0;
  const p0 = <i64>load<u32>(at);
  const p1 = <i64>load<u32>(at, 4);
  store<u32>(at, <u32>(p0 + (((goal - p0) * ((1 << POINT_BITS) - part)) >> REFINE_SHIFT)));
  store<u32>(at, <u32>(p1 + (((goal - p1) * part) >> REFINE_SHIFT)), 4);
}
