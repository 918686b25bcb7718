/** Binary arithmetic decoder, carryless, with an interval of 32 bits and probabilities of 24 bits. */

import { clamped } from './logistic.ts';

/** No bit is surer than this. */
const P_LEAST = 32;

export class ArithmeticDecoder {
  readonly #patch: Uint8Array;
  #at: number;
  #low = 0;
  #high = 0xffff_ffff;
  #value = 0;

  /** at: where the head ends. */
  constructor(patch: Uint8Array, at: number) {
    this.#patch = patch;
    this.#at = at;
    for (let k = 0; k < 4; k++) this.#value = ((this.#value << 8) | this.#nextByte()) >>> 0;
  }

  /** How many zeros were read after the end: the encoder leaves its last ones out. */
  get zerosBytes(): number {
    return Math.max(0, this.#at - this.#patch.length);
  }

  #nextByte(): number {
    const at = this.#at++;
    return at < this.#patch.length ? this.#patch[at] : 0;
  }

  /** p: that the bit is 1, in 2^24. */
  bit(p: number): 0 | 1 {
    const middle = this.#low + partOf(this.#high - this.#low, clamped(p, P_LEAST));
    const bit = this.#value <= middle ? 1 : 0;
    if (bit === 1) this.#high = middle;
    else this.#low = middle + 1;
    while ((this.#low ^ this.#high) >>> 24 === 0) {
      this.#value = ((this.#value << 8) | this.#nextByte()) >>> 0;
      this.#low = (this.#low << 8) >>> 0;
      this.#high = ((this.#high << 8) | 255) >>> 0;
    }
    return bit;
  }
}

/** range x p / 2^24, rounded down. The product has 56 bits, more than a double holds: in two halves. */
function partOf(range: number, p: number): number {
  const upper = (range >>> 16) * p;
  const lower = (range & 0xffff) * p;
  return Math.floor((upper + Math.floor(lower / 2 ** 16)) / 2 ** 8);
}
