/**
 * Logistic mixing (Mahoney, "Adaptive weighing of context models"): the logit of a bit is the weighed sum of other logits, and the weights learn.
 * A context chooses the set of weights. Weights have 20 fractional bits and end at 4.
 */

import { LOGIT_END } from './logistic.ts';

const WEIGHT_END = (1 << 22) - 1;
const ERROR_END = 131_072;
/** A set that was seldom trained learns up to three times as fast. */
const BOOST = 64;
const TIMES_HALF = 32;
const TIMES_END = 4096;

export class Mixer {
  readonly #inputCount: number;
  readonly #weights: Int32Array;
  /** How often each set was trained. */
  readonly #times: Int32Array;

  /** first: the weights that every set starts with, in 1/256; as many as there are inputs. */
  constructor(sets: number, first: readonly number[]) {
    this.#inputCount = first.length;
    this.#times = new Int32Array(sets);
    this.#weights = new Int32Array(sets * first.length);
    for (let k = 0; k < this.#weights.length; k++) this.#weights[k] = first[k % first.length] << 12;
  }

  /** The logit. Every product is rounded down by itself. */
  mix(set: number, inputs: Int32Array): number {
    const at = set * this.#inputCount;
    let sum = 0;
    for (let k = 0; k < this.#inputCount; k++) sum += ((this.#weights[at + k] >> 6) * inputs[k]) >> 5;
    return Math.min(Math.max(sum >> 9, -LOGIT_END), LOGIT_END - 1);
  }

  /** p: the probability of a 1 that this set alone said, 24 bits. rate: in 1/2048. */
  train(set: number, inputs: Int32Array, bit: number, p: number, rate: number): void {
    const times = this.#times[set];
    if (times < TIMES_END) this.#times[set] = times + 1;
    const boosted = rate + Math.floor((rate * BOOST) / (times + TIMES_HALF));
    const error = (((bit << 16) - (p >> 8)) * boosted + 4) >> 3;
    const factor = Math.min(Math.max(error, -ERROR_END), ERROR_END);
    const at = set * this.#inputCount;
    for (let k = 0; k < this.#inputCount; k++) {
      const moved = this.#weights[at + k] + ((factor * inputs[k] + (1 << 13)) >> 14);
      this.#weights[at + k] = Math.min(Math.max(moved, -WEIGHT_END), WEIGHT_END);
    }
  }
}
