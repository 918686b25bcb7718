/**
 * Linear equations over GF(2), rows of 32-bit words: many at once with tables of eight pivots at a time (the "method of the four
 * Russians" as in Albrecht, Bard and Hart, "Efficient multiplication of dense matrices over GF(2)", 2010), which is five
 * times faster at 4096 unknowns than one pivot at a time, and then one by one as they come.
 *
 *     row      |coefficient words .......|padding|value words ...|     coefficient j is bit (j mod 32) of word floor(j / 32)
 *
 * The value words (right-hand sides, or a record of which rows were added) take part in every addition.
 */

import { giveBackRows, ROW_ALIGNMENT_WORDS, type Rows, takeRows } from '../kernels/rows.ts';
import { MisuseError } from '../misuse.ts';

const STRIP = 8;

/** Rows in echelon form: no row has a coefficient below its pivot. Memory: the rows, and a table of 256. */
export class Echelon {
  readonly unknowns: number;
  readonly coefficientWords: number;
  /** Words of a row. The value is in its last `valueWords` words; between it and the coefficients are up to three of padding. */
  readonly stride: number;
  readonly valueAt: number;
  rank = 0;
  /** Row of the pivot in each column, as an offset into `words`; -1 where there is none (yet). */
  readonly pivots: Int32Array;
  /** The rows; to be filled before `eliminate`. */
  readonly words: Uint32Array;
  readonly #rows: Rows;
  /** Offsets of the rows; those from `rank` on have no coefficients left and their values tell whether all agree. */
  readonly #order: Int32Array;
  #count = 0;
  #isClosed = false;

  /** Room for `room` rows, all zeros. */
  constructor(room: number, unknowns: number, valueWords: number) {
    this.unknowns = unknowns;
    this.coefficientWords = Math.ceil(unknowns / 32);
    const words = this.coefficientWords + valueWords;
    this.stride = Math.ceil(words / ROW_ALIGNMENT_WORDS) * ROW_ALIGNMENT_WORDS;
    this.valueAt = this.stride - valueWords;
    this.pivots = new Int32Array(unknowns).fill(-1);
    this.#rows = takeRows(room, this.stride);
    this.words = this.#rows.matrix;
    this.#order = this.#rows.order;
    for (let i = 0; i < room; i++) this.#order[i] = i * this.stride;
  }

  /** Gives the memory back; nothing may be asked of it afterwards. */
  close(): void {
    if (!this.#isClosed) giveBackRows(this.#rows);
    this.#isClosed = true;
  }

  /** Rows whose coefficients came to nothing: offsets of what is left of them. */
  surplus(): Int32Array {
    return this.#order.subarray(this.rank, this.#count);
  }

  /**
   * Reduces a row (at offset 0 of `row`, `stride` words) by the pivots there are, from its first coefficient on. Returns the
   * first column that has no pivot, or -1 when nothing is left; the row is then what it is without the columns before.
   */
  reduce(row: Uint32Array): number {
    const { words, pivots, stride, coefficientWords } = this;
    for (let w = 0; w < coefficientWords; w++) {
      while (row[w] !== 0) {
        const column = (w << 5) + 31 - Math.clz32(row[w] & -row[w]);
        const pivot = pivots[column];
        if (pivot < 0) return column;
        for (let k = w; k < stride; k++) row[k] ^= words[pivot + k];
      }
    }
    return -1;
  }

  /** Takes in one more row, which is overwritten: true when it was independent; else its value words show whether it agrees. */
  add(row: Uint32Array): boolean {
    const column = this.reduce(row);
    if (column < 0) return false;
    const offset = this.#order[this.rank];
    if (offset === undefined) throw new MisuseError('ECHELON_ROOM', 'there is no room for another row');
    // What lies there is a row that came to nothing.
    this.words.set(row.subarray(0, this.stride), offset);
    this.pivots[column] = offset;
    this.rank++;
    if (this.#count < this.rank) this.#count = this.rank;
    return true;
  }

  /**
   * Back-substitution: the unknowns, one or two words each, from the values of the rows. Columns
   * without a pivot are taken from `values`, the others written to it. Tables of eight unknowns at a time, 1 MB at 4096.
   */
  substitute(values: Uint32Array): void {
    const { words, pivots, unknowns, stride, valueAt } = this;
    const valueWords = stride - valueAt === 2 ? 2 : 1;
    const strips = Math.ceil(unknowns / STRIP);
    const [low, high] = tablesFor(strips, valueWords);
    for (let j = unknowns - 1; j >= 0; j--) {
      const pivot = pivots[j];
      const strip = j >> 3;
      if (pivot >= 0) {
        let sumLow = words[pivot + valueAt];
        let sumHigh = valueWords === 2 ? words[pivot + valueAt + 1] : 0;
        for (let s = strip + 1; s < strips; s++) {
          const at = (s << STRIP) | ((words[pivot + (s >> 2)] >>> ((s & 3) << 3)) & 0xff);
          sumLow ^= low[at];
          if (valueWords === 2) sumHigh ^= high[at];
        }
        let bits = ((words[pivot + (j >> 5)] >>> (strip << 3)) & 0xff & (-2 << (j & 7))) >>> 0;
        while (bits !== 0) {
          const k = (strip << 3) + 31 - Math.clz32(bits);
          sumLow ^= values[k * valueWords];
          if (valueWords === 2) sumHigh ^= values[2 * k + 1];
          bits &= ~(1 << (k & 7));
        }
        values[j * valueWords] = sumLow;
        if (valueWords === 2) values[2 * j + 1] = sumHigh;
      }
      if ((j & 7) !== 0) continue;
      for (let v = 1; v < 1 << STRIP; v++) {
        const bit = v & -v;
        const k = j + 31 - Math.clz32(bit);
        const known = k < unknowns;
        const at = (strip << STRIP) | v;
        low[at] = low[at ^ bit] ^ (known ? values[k * valueWords] : 0);
        if (valueWords === 2) high[at] = high[at ^ bit] ^ (known ? values[2 * k + 1] : 0);
      }
    }
  }

  /**
   * The first `count` rows, all at once. Of these only the first `candidates` become pivots; the others lose every column that has
   * one, stay where they are, and are not among the `surplus`.
   */
  eliminate(count: number, candidates = count): void {
    const { words, unknowns, stride, pivots } = this;
    const { table, columns } = this.#rows;
    const order = this.#order;
    if (count > order.length) throw new MisuseError('ECHELON_ROOM', `there is no room for ${count} rows`);
    this.#count = candidates;
    let rank = 0;
    for (let top = 0; top < unknowns && rank < candidates; top += STRIP) {
      const width = Math.min(STRIP, unknowns - top);
      const word = top >>> 5;
      let found = 0;
      for (let j = 0; j < width; j++) {
        if (!this.#bringPivot(rank, found, columns, word, (top & 31) + j)) continue;
        columns[found] = (top & 31) + j;
        pivots[top + j] = order[rank + found];
        found++;
      }
      if (found === 0) continue;
      // Words before the strip's are zero in the pivots.
      const from = word - (word % ROW_ALIGNMENT_WORDS);
      // Every combination of the strip's pivots, each from a smaller one and one pivot.
      const length = stride - from;
      table.fill(0, 0, length);
      for (let v = 1; v < 1 << found; v++) {
        const low = v & -v;
        const pivot = order[rank + 31 - Math.clz32(low)] + from;
        const other = (v ^ low) * stride;
        const to = v * stride;
        for (let w = 0; w < length; w++) table[to + w] = table[other + w] ^ words[pivot + w];
      }
      this.#rows.combine(rank + found, count, word, from, found);
      rank += found;
    }
    this.rank = rank;
  }

  /**
   * Finds a pivot for bit `bit` of `word` among the rows from `rank + found` on, and clears that bit in the strip's other pivots.
   * The rows that are looked at lose the bits of the strip's pivots.
   */
  #bringPivot(rank: number, found: number, columns: Int32Array, word: number, bit: number): boolean {
    const { words, stride } = this;
    const order = this.#order;
    for (let i = rank + found; i < this.#count; i++) {
      const row = order[i];
      for (let l = 0; l < found; l++) {
        if (((words[row + word] >>> columns[l]) & 1) !== 0) addRow(words, row, order[rank + l], word, stride);
      }
      if (((words[row + word] >>> bit) & 1) === 0) continue;
      order[i] = order[rank + found];
      order[rank + found] = row;
      for (let l = 0; l < found; l++) {
        const other = order[rank + l];
        if (((words[other + word] >>> bit) & 1) !== 0) addRow(words, other, row, word, stride);
      }
      return true;
    }
    return false;
  }
}

/** Kept from one back-substitution to the next: a megabyte for each would be garbage. */
let tables: readonly [low: Uint32Array, high: Uint32Array] = [new Uint32Array(), new Uint32Array()];

function tablesFor(strips: number, valueWords: 1 | 2): readonly [low: Uint32Array, high: Uint32Array] {
  const length = strips << STRIP;
  const [low, high] = tables;
  const hasHigh = valueWords === 1 || high.length >= length;
  if (low.length < length || !hasHigh)
    tables = [new Uint32Array(Math.max(length, low.length)), new Uint32Array(hasHigh ? high.length : length)];
  return tables;
}

function addRow(words: Uint32Array, to: number, from: number, word: number, stride: number): void {
  for (let w = word; w < stride; w++) words[to + w] ^= words[from + w];
}
