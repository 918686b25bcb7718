/** The fountain: which rows of a block a symbol adds up (air-interface.md section 5.2). */

import { MisuseError } from '../misuse.ts';
import type { RandomState } from './random.ts';
import { drawWords, seedRandom } from './random.ts';

export const IDENTITY_SIZE_BYTES = 8;

/** Draws the coefficient rows of an object's symbols. Owns its scratch memory: one row at a time. */
export class Coefficients {
  readonly #high: number;
  readonly #low: number;
  readonly #state: RandomState = new Uint32Array(4);
  /** Coefficient words of one symbol: ceil(K / 32). */
  readonly rowWords: number;
  readonly #lastMask: number;

  constructor(identity: Uint8Array, rows: number) {
    if (identity.length !== IDENTITY_SIZE_BYTES) {
      throw new MisuseError('IDENTITY_SIZE', `an identity has ${IDENTITY_SIZE_BYTES} bytes, not ${identity.length}`);
    }
    const view = new DataView(identity.buffer, identity.byteOffset, identity.byteLength);
    this.#high = view.getUint32(0);
    this.#low = view.getUint32(4);
    this.rowWords = Math.ceil(rows / 32);
    this.#lastMask = (rows & 31) === 0 ? 0xffff_ffff : (1 << (rows & 31)) - 1;
  }

  /** Starts the group, `block` being that of its first symbol; `next` then gives the row of its first symbol. */
  seed(stream: number, counter: number, block: number): void {
    seedRandom(this.#state, this.#high, this.#low, stream, counter, block);
  }

  /** The row of the group's next symbol, written to `out` from `offset` on; bits past K are zero. */
  next(out: Uint32Array, offset: number): void {
    drawWords(this.#state, out, offset, this.rowWords);
    out[offset + this.rowWords - 1] &= this.#lastMask;
  }
}

/**
 * Adds up the rows of `values` (`valueWords` words each, from `from` on) that a row of coefficients selects: `sum` has the low word
 * and, where values have two, the high one.
 */
export function sumRows(
  coefficients: Uint32Array,
  words: number,
  values: Uint32Array,
  from: number,
  valueWords: 1 | 2,
  sum: Uint32Array,
): void {
  let low = 0;
  let high = 0;
  for (let w = 0; w < words; w++) {
    for (let bits = coefficients[w]; bits !== 0; bits &= bits - 1) {
      const at = from + ((w << 5) + 31 - Math.clz32(bits & -bits)) * valueWords;
      low ^= values[at];
      if (valueWords === 2) high ^= values[at + 1];
    }
  }
  sum[0] = low;
  sum[1] = high;
}
