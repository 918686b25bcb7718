/**
 * Whole numbers of the lists: Exp-Golomb codes (value + 1 has so many bits after the first one in unary, then those bits), each bit mixed from
 * six counters that its contexts choose.
 */

import type { ArithmeticDecoder } from './arithmetic-decoder.ts';
import { EVEN, fine } from './counters.ts';
import { hash, hash3 } from './hash.ts';
import { clamped, squash } from './logistic.ts';
import { Mixer } from './mixer.ts';

const CONTEXTS = 6;
const FIELDS = 16;
/** A field has weights for the length, the first bit after it, those in the middle, and the last two. */
const SETS = 4;
const TABLE_BITS = 16;
const LENGTH_MOST = 38;
/** The first bits after the length are also told apart by those before them. */
const TOLD_BITS = 6;
const P_LEAST = 4096;
const RATE = 10;
/** Six counters, and a constant. */
const FIRST = [70, 70, 70, 70, 70, 70, 0];
const CONSTANT = 256;

export class IntegerDecoder {
  readonly #coder: ArithmeticDecoder;
  readonly #tables = Array.from({ length: CONTEXTS }, () => new Uint32Array(1 << TABLE_BITS).fill(EVEN));
  readonly #mixer = new Mixer(FIELDS * SETS, FIRST);
  readonly #inputs = new Int32Array(CONTEXTS + 1);
  readonly #slots = new Int32Array(CONTEXTS);
  #contexts: readonly number[] = [];

  constructor(coder: ArithmeticDecoder) {
    this.#coder = coder;
  }

  /** a to d: what the number depends on. */
  unsigned(field: number, a = 0, b = 0, c = 0, d = 0): number {
    this.#contexts = [
      hash(1, field),
      hash3(2, field, a),
      hash3(3, field, b),
      hash3(4, field, c),
      hash3(5, field, d),
      hash3(6, field, hash(a, b)),
    ];
    let length = 0;
    while (length < LENGTH_MOST && this.#bit(field, length, 0) === 1) length++;
    let value = 1;
    for (let known = 0; known < length; known++) {
      const left = length - 1 - known;
      const node = hash3(length, left, (known < TOLD_BITS ? value : 0) + 1000);
      value = 2 * value + this.#bit(field, node, known === 0 ? 1 : left < 2 ? 3 : 2);
    }
    return value - 1;
  }

  /** 0, -1, 1, -2, ... are 0, 1, 2, 3, ... */
  signed(field: number, a = 0, b = 0, c = 0, d = 0): number {
    const folded = this.unsigned(field, a, b, c, d);
    return folded % 2 === 0 ? folded / 2 : -(folded + 1) / 2;
  }

  /** node: which bit of the number this is, with what is known of it. */
  #bit(field: number, node: number, set: number): 0 | 1 {
    for (const [k, table] of this.#tables.entries()) {
      const h = hash(this.#contexts[k], node);
      const slot = h >>> (32 - TABLE_BITS);
      table[slot] = fine.owned(table[slot], h);
      this.#slots[k] = slot;
      this.#inputs[k] = fine.logit(table[slot]);
    }
    this.#inputs[CONTEXTS] = CONSTANT;
    const weights = field * SETS + set;
    const p = squash(this.#mixer.mix(weights, this.#inputs));
    const bit = this.#coder.bit(clamped(p, P_LEAST));
    this.#mixer.train(weights, this.#inputs, bit, p, RATE);
    for (const [k, table] of this.#tables.entries())
      table[this.#slots[k]] = fine.updated(table[this.#slots[k]], bit, k === 0 ? 127 : 60);
    return bit;
  }
}
