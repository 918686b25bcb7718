/**
 * The Reed-Solomon code over GF(256), systematic, shortened at will. A code word of n bytes, read as a polynomial, is a
 * multiple of g(x) = (x - 1)(x - alpha) ... (x - alpha^(c-1)) with c check bytes, as in QR codes (ISO/IEC 18004 Annex A):
 *
 *     byte           0 ................. n-c-1 | n-c ......... n-1
 *                    data                      | check bytes
 *     coefficient    x^(n-1) ............. x^c | x^(c-1) ..... x^0
 *
 * Decoding follows Blahut, "Algebraic Codes for Data Transmission" (2003), chapter 7: the Berlekamp-Massey algorithm
 * started from the erasures (which needs no modified syndromes), Chien's search and Forney's formula. The locator of a wrong
 * byte p is X = alpha^(n-1-p).
 */

import { MisuseError } from '../misuse.ts';
import { evaluate, INVERSES, POWERS, PRODUCTS, type Rows } from './galois.ts';

/** The elements of the field that are not zero. */
export const WORD_SIZE_MAX_BYTES = 255;

export type Decoded =
  /**
   * `right`: the word was a code word as it came. `corrected`: now it is one. `errors` counts wrong bytes that were not
   * erasures, `erasures` all that were given.
   */
  | { readonly kind: 'right' | 'corrected'; readonly errors: number; readonly erasures: number }
  /** No code word is near enough; the word is left as it was. */
  | { readonly kind: 'uncorrectable' };

/**
 * Encodes and corrects words with one number of check bytes. Corrects while 2 errors + erasures <= check bytes.
 *
 * More than that goes unseen with a probability that depends on what is left to see it by, r = check bytes - erasures: about
 * 1/t! with t = floor(r/2) (McEliece and Swanson, "On the decoder error probability for Reed-Solomon codes", IEEE Trans. IT 32,
 * 1986). With r = 0 every word becomes a code word, and with r = 1 one in 256 of the wrong ones: then only a check over the
 * whole object tells.
 *
 * Memory: about 12 bytes a check byte and 1 KB, and 64 KB of tables that all codes share. One word at a time.
 */
export class ReedSolomon {
  readonly checkBytes: number;
  /** g(x) without its highest coefficient, which is 1; highest power first. */
  readonly #generator: Uint8Array;
  /** The roots of g(x). */
  readonly #roots: Rows;
  readonly #syndromes: Uint8Array;
  /** The locator polynomial of errors and erasures, product of 1 - X x over them; lowest power first, as all that follow. */
  readonly #locator: Uint8Array;
  /** The locator before it was last lengthened, and room for the next such. */
  #before: Uint8Array;
  #spare: Uint8Array;
  readonly #evaluator: Uint8Array;
  /** Erasures, then errors. */
  readonly #positions: Uint8Array;
  readonly #locators: Rows;
  readonly #magnitudes: Uint8Array;
  /** Candidates of the search for errors: positions and their locators. */
  readonly #candidates = new Uint8Array(WORD_SIZE_MAX_BYTES);
  readonly #points: Rows = new Uint16Array(WORD_SIZE_MAX_BYTES);
  readonly #values = new Uint8Array(WORD_SIZE_MAX_BYTES);

  constructor(checkBytes: number) {
    if (!Number.isInteger(checkBytes) || checkBytes < 1 || checkBytes >= WORD_SIZE_MAX_BYTES) {
      throw new MisuseError('CHECK_BYTES', `a code has 1 to ${WORD_SIZE_MAX_BYTES - 1} check bytes, not ${checkBytes}`);
    }
    this.checkBytes = checkBytes;
    this.#roots = Uint16Array.from({ length: checkBytes }, (_, i) => POWERS[i] << 8);
    this.#generator = new Uint8Array(checkBytes);
    for (const root of this.#roots) multiplyByRoot(this.#generator, root);
    this.#syndromes = new Uint8Array(checkBytes);
    this.#locator = new Uint8Array(checkBytes + 1);
    this.#before = new Uint8Array(checkBytes + 1);
    this.#spare = new Uint8Array(checkBytes + 1);
    this.#evaluator = new Uint8Array(checkBytes);
    this.#positions = new Uint8Array(checkBytes);
    this.#locators = new Uint16Array(checkBytes);
    this.#magnitudes = new Uint8Array(checkBytes);
  }

  /** The check bytes that follow `data`, the remainder of data x^c by g(x). The array is the caller's. */
  encode(data: Uint8Array): Uint8Array {
    const most = WORD_SIZE_MAX_BYTES - this.checkBytes;
    if (data.length < 1 || data.length > most) {
      throw new MisuseError('DATA_SIZE', `a word has 1 to ${most} data bytes, not ${data.length}`);
    }
    const generator = this.#generator;
    const last = this.checkBytes - 1;
    const remainder = new Uint8Array(this.checkBytes);
    for (let i = 0; i < data.length; i++) {
      const row = (data[i] ^ remainder[0]) << 8;
      for (let j = 0; j < last; j++) remainder[j] = remainder[j + 1] ^ PRODUCTS[row | generator[j]];
      remainder[last] = PRODUCTS[row | generator[last]];
    }
    return remainder;
  }

  /**
   * Corrects `word`, data and check bytes, in place. `erasures` are the positions, ascending, of bytes that are known to be
   * missing; what stands there does not matter. More of them than check bytes is a matter of reception, not a mistake.
   */
  decode(word: Uint8Array, erasures: ArrayLike<number>): Decoded {
    const size = word.length;
    if (size <= this.checkBytes || size > WORD_SIZE_MAX_BYTES) {
      throw new MisuseError(
        'WORD_SIZE',
        `a word has ${this.checkBytes + 1} to ${WORD_SIZE_MAX_BYTES} bytes, not ${size}`,
      );
    }
    assertPositions(erasures, size);
    const erased = erasures.length;
    if (erased > this.checkBytes) return { kind: 'uncorrectable' };
    evaluate(word, size, this.#roots, this.checkBytes, this.#syndromes);
    if (isZero(this.#syndromes)) return { kind: 'right', errors: 0, erasures: erased };
    this.#locateErasures(erasures, size);
    const count = this.#locateErrors(erased);
    if (2 * count - erased > this.checkBytes) return { kind: 'uncorrectable' };
    if (count > erased && !this.#search(erased, count, size)) return { kind: 'uncorrectable' };
    this.#measure(count);
    if (!this.#explains(count)) return { kind: 'uncorrectable' };
    for (let l = 0; l < count; l++) word[this.#positions[l]] ^= this.#magnitudes[l];
    return { kind: 'corrected', errors: count - erased, erasures: erased };
  }

  /** The locator polynomial of the erasures alone. */
  #locateErasures(erasures: ArrayLike<number>, size: number): void {
    const locator = this.#locator.fill(0);
    locator[0] = 1;
    for (let l = 0; l < erasures.length; l++) {
      const position = erasures[l];
      const row = POWERS[size - 1 - position] << 8;
      this.#positions[l] = position;
      this.#locators[l] = row;
      for (let j = l + 1; j > 0; j--) locator[j] ^= PRODUCTS[row | locator[j - 1]];
    }
  }

  /**
   * Berlekamp-Massey: lengthens the locator polynomial until, as a linear recursion, it makes every syndrome from those before.
   * Gives its length. When the erasures explain everything it is left as it was.
   *
   * Length never exceeds the number of syndromes seen, and gap + length of `before` never the next length.
   */
  #locateErrors(erased: number): number {
    const syndromes = this.#syndromes;
    const locator = this.#locator;
    let before = this.#before;
    let spare = this.#spare;
    before.set(locator);
    let length = erased;
    let beforeLength = erased;
    let beforeDiscrepancy = 1;
    let gap = 1;
    for (let r = erased; r < syndromes.length; r++, gap++) {
      let discrepancy = 0;
      for (let j = 0; j <= length; j++) discrepancy ^= PRODUCTS[(locator[j] << 8) | syndromes[r - j]];
      if (discrepancy === 0) continue;
      const isLonger = 2 * length <= r + erased;
      if (isLonger) spare.set(locator);
      const row = PRODUCTS[(discrepancy << 8) | INVERSES[beforeDiscrepancy]] << 8;
      for (let j = 0; j <= beforeLength; j++) locator[j + gap] ^= PRODUCTS[row | before[j]];
      if (!isLonger) continue;
      const swapped = before;
      before = spare;
      spare = swapped;
      beforeLength = length;
      beforeDiscrepancy = discrepancy;
      length = r + 1 + erased - length;
      gap = 0;
    }
    this.#before = before;
    this.#spare = spare;
    return length;
  }

  /**
   * Chien's search: the errors stand where the locator polynomial is zero at 1 / X, that is, where its coefficients read
   * backwards are zero at X. False unless it has as many roots in the word, all different, as its length says; it cannot have more.
   */
  #search(erased: number, count: number, size: number): boolean {
    const candidates = this.#candidates;
    const points = this.#points;
    let others = 0;
    for (let position = 0, l = 0; position < size; position++) {
      if (l < erased && this.#positions[l] === position) l++;
      else {
        candidates[others] = position;
        points[others++] = POWERS[size - 1 - position] << 8;
      }
    }
    const values = this.#values;
    evaluate(this.#locator, count + 1, points, others, values);
    let found = erased;
    for (let i = 0; i < others; i++) {
      if (values[i] !== 0) continue;
      this.#positions[found] = candidates[i];
      this.#locators[found++] = points[i];
    }
    return found === count;
  }

  /**
   * Forney's formula, for a code whose first root is alpha^0: Y = X W(1/X) / L'(1/X) with locator polynomial L, evaluator W = L S
   * mod x^count. In characteristic 2, x L'(x) is the sum of the odd terms of L. Both are evaluated read backwards at X, which
   * multiplies them by X^(count-1) and X^count.
   */
  #measure(count: number): void {
    const locator = this.#locator;
    const syndromes = this.#syndromes;
    const evaluator = this.#evaluator;
    const magnitudes = this.#magnitudes;
    const values = this.#values;
    for (let k = 0; k < count; k++) {
      let sum = 0;
      for (let j = 0; j <= k; j++) sum ^= PRODUCTS[(locator[j] << 8) | syndromes[k - j]];
      evaluator[k] = sum;
    }
    evaluate(evaluator, count, this.#locators, count, magnitudes);
    for (let j = 0; j <= count; j += 2) locator[j] = 0;
    evaluate(locator, count + 1, this.#locators, count, values);
    for (let l = 0; l < count; l++) {
      magnitudes[l] = PRODUCTS[this.#locators[l] | PRODUCTS[(magnitudes[l] << 8) | INVERSES[values[l]]]];
    }
  }

  /**
   * Whether the corrected word has all syndromes zero: those of the magnitudes are those of the word. It follows from the
   * number of roots, but nothing leaves here as right that was not seen to be.
   */
  #explains(count: number): boolean {
    const syndromes = this.#syndromes;
    const locators = this.#locators;
    const terms = this.#values;
    terms.set(this.#magnitudes);
    for (let i = 0; i < syndromes.length; i++) {
      let sum = syndromes[i];
      for (let l = 0; l < count; l++) {
        const term = terms[l];
        sum ^= term;
        terms[l] = PRODUCTS[locators[l] | term];
      }
      if (sum !== 0) return false;
    }
    return true;
  }
}

/** Multiplies a monic polynomial, of which only what follows the highest coefficient is kept, by x - root. */
function multiplyByRoot(polynomial: Uint8Array, root: number): void {
  for (let j = polynomial.length - 1; j > 0; j--) polynomial[j] ^= PRODUCTS[root | polynomial[j - 1]];
  polynomial[0] ^= root >> 8;
}

function isZero(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte !== 0) return false;
  return true;
}

function assertPositions(positions: ArrayLike<number>, size: number): void {
  let before = -1;
  for (let l = 0; l < positions.length; l++) {
    const position = positions[l];
    if (!Number.isInteger(position) || position <= before || position >= size) {
      throw new MisuseError('ERASURES', `positions of erasures ascend from 0 to ${size - 1}; ${position} does not fit`);
    }
    before = position;
  }
}
