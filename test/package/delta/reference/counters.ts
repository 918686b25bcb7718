/**
 * Counters: how often the bit was 1 in a context. One word each, from the top: the probability, a few bits of the hash of the context (so that
 * a counter that belongs to another context is noticed), and how often it was updated.
 */

import { stretch } from './logistic.ts';

/** Probability one half, never updated, check 0. */
export const EVEN = 0x8000_0000;

/** By the updates: how far the logit of a counter is believed, in 1/256. */
const TRUST = [0, 115, 166, 200, 220, 236, 246, 256] as const;
/** By the updates: how far an update goes, in 1/65536: 1/(n + 1.5). */
const RATES = Uint32Array.from({ length: 256 }, (_, n) => Math.floor((65_536 * 2) / (2 * n + 3)));

class CounterKind {
  readonly #shift: number;
  readonly #checkMask: number;
  readonly #countMask: number;
  readonly #between: number;

  constructor(pBits: number, checkBits: number, countBits: number) {
    this.#shift = 32 - pBits;
    this.#checkMask = 2 ** checkBits - 1;
    this.#countMask = 2 ** countBits - 1;
    this.#between = (2 ** this.#shift - 1) & ~this.#countMask;
  }

  /** The counter, or a new one where it belongs to another context. check: the lowest bits of a hash count. */
  owned(counter: number, hash: number): number {
    const check = hash & this.#checkMask;
    return ((counter >>> 7) & this.#checkMask) === check ? counter : (EVEN | (check << 7)) >>> 0;
  }

  /** Its logit, weighed by how often it was updated. */
  logit(counter: number): number {
    const p = (counter >>> this.#shift) << (this.#shift - 8);
    return (stretch(p) * TRUST[Math.min(counter & this.#countMask, 7)]) >> 8;
  }

  /** A step towards the bit. The count ends at `limit`: the higher, the slower the counter is in the end. */
  updated(counter: number, bit: number, limit: number): number {
    const count = counter & this.#countMask;
    const p = counter >>> this.#shift;
    const goal = bit === 1 ? 2 ** (32 - this.#shift) - 1 : 0;
    const moved = p + Math.floor(((goal - p) * RATES[count]) / 65_536);
    return ((moved << this.#shift) | (counter & this.#between) | (count < limit ? count + 1 : count)) >>> 0;
  }
}

/** 24 bits of probability, no check, 8 of count. */
const plain = new CounterKind(24, 0, 8);
/** 21 bits of probability, 4 of the hash, 7 of the count: flags, and bits of the lists. */
export const fine = new CounterKind(21, 4, 7);
/** 18, 7 and 7: bits of bytes. */
export const coarse = new CounterKind(18, 7, 7);

/** Plain counters, each of its own. */
export class PlainCounters {
  readonly #counters: Uint32Array;

  constructor(count: number) {
    this.#counters = new Uint32Array(count).fill(EVEN);
  }

  /** 24 bits. */
  p(k: number): number {
    return this.#counters[k] >>> 8;
  }

  update(k: number, bit: number, limit: number): void {
    this.#counters[k] = plain.updated(this.#counters[k], bit, limit);
  }
}
