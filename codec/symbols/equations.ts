/** The symbols of an object as linear equations over GF(2): coefficients, which follow from where a symbol is from, and its value. */

import { COLUMN_BITS, columnsOf, ROOM_STEP } from './columns.ts';
import { Echelon } from './field.ts';
import { Coefficients, sumRows } from './fountain.ts';
import { firstBlockOf, type Layout } from './layout.ts';
import type { Symbols } from './symbol-store.ts';
import { dependenciesOf, type Dependencies } from './wrong.ts';

/** Of a mask of columns. */
export const ALL_COLUMNS = 0xffff;

export class Equations {
  readonly layout: Layout;
  readonly #coefficients: Coefficients;
  /** One row at a time. */
  readonly #row: Uint32Array;
  readonly #sum = new Uint32Array(2);

  constructor(identity: Uint8Array, layout: Layout) {
    this.layout = layout;
    this.#coefficients = new Coefficients(identity, layout.rows);
    this.#row = new Uint32Array(this.#coefficients.rowWords + 8);
  }

  /** Adds one more symbol to what is eliminated: whether it was independent of the others or, when it was not, agrees with them. */
  addTo(echelon: Echelon, tag: number, low: number, high: number): 'independent' | 'agrees' | 'disagrees' {
    this.#fill(tag, low, high, this.#row, 0, echelon.valueAt);
    if (echelon.add(this.#row)) return 'independent';
    return this.#valueIsZero(this.#row, echelon.valueAt) ? 'agrees' : 'disagrees';
  }

  /** All whole symbols eliminated at once; and, with partial ones after them, these cleared of what the whole ones tell. */
  eliminated(whole: Symbols, partial?: Symbols): Echelon {
    const { rows, valueWords } = this.layout;
    const count = whole.count + (partial?.count ?? 0);
    // Rows at the end of a block do not differ much in number, so that the memory of the one before serves the next.
    const room = Math.ceil(Math.max(count, rows) / ROOM_STEP) * ROOM_STEP;
    const echelon = new Echelon(room, rows, valueWords);
    const { words, stride, valueAt } = echelon;
    let at = 0;
    for (const { tags, low, high, count: ofStore } of partial === undefined ? [whole] : [whole, partial]) {
      for (let i = 0; i < ofStore; i++, at += stride) this.#fill(tags[i], low[i], high[i], words, at, at + valueAt);
    }
    echelon.eliminate(count, whole.count);
    return echelon;
  }

  /** Whether what is left of the rows without coefficients is nothing. */
  agree(echelon: Echelon): boolean {
    const { words, valueAt } = echelon;
    return echelon.surplus().every((row) => this.#valueIsZero(words, row + valueAt));
  }

  /** Whether a symbol says what `solution` (K rows of `valueWords` words) says, in the columns of `mask`. */
  holds(solution: Uint32Array, tag: number, low: number, high: number, mask: number): boolean {
    const row = this.#row;
    this.#fillCoefficients(tag, row, 0);
    const sum = this.#sum;
    sumRows(row, this.#coefficients.rowWords, solution, 0, this.layout.valueWords, sum);
    return ((sum[0] ^ low) & columnsOf(mask)) === 0 && ((sum[1] ^ high) & columnsOf(mask >>> 8)) === 0;
  }

  /** Between whole symbols. */
  dependencies({ tags, low, high, count }: Symbols): Dependencies {
    const { rows, valueWords } = this.layout;
    return dependenciesOf(count, rows, valueWords, (i, words, offset, valueOffset) =>
      this.#fill(tags[i], low[i], high[i], words, offset, valueOffset),
    );
  }

  /** Between the whole symbols and, behind them, `members` of the partial ones, by up to eight columns that all of these carry. */
  columnDependencies(
    whole: Symbols,
    partial: Symbols,
    members: readonly number[],
    places: readonly number[],
  ): Dependencies {
    const symbols = whole.count + members.length;
    return dependenciesOf(symbols, this.layout.rows, 1, (i, words, offset, valueOffset) => {
      const { tags, low, high } = i < whole.count ? whole : partial;
      const at = i < whole.count ? i : members[i - whole.count];
      this.#fillCoefficients(tags[at], words, offset);
      let value = 0;
      for (const place of places)
        value = (value << COLUMN_BITS) | (((place < 8 ? low[at] : high[at]) >>> (4 * (place & 7))) & 15);
      words[valueOffset] = value;
    });
  }

  #fill(tag: number, low: number, high: number, words: Uint32Array, offset: number, valueOffset: number): void {
    this.#fillCoefficients(tag, words, offset);
    words[valueOffset] = low;
    if (this.layout.valueWords === 2) words[valueOffset + 1] = high;
  }

  #fillCoefficients(tag: number, words: Uint32Array, offset: number): void {
    const stream = tag >>> 28;
    const counter = (tag >>> 4) & 0xff_ffff;
    this.#coefficients.seed(stream, counter, firstBlockOf(stream, counter, this.layout.blocks));
    for (let j = tag & 15; j >= 0; j--) this.#coefficients.next(words, offset);
  }

  #valueIsZero(words: Uint32Array, at: number): boolean {
    return words[at] === 0 && (this.layout.valueWords === 1 || words[at + 1] === 0);
  }
}
