/** Columns of a block, where symbols carry only some of them: each has rows of its own beside those of the whole symbols. */

import { Echelon } from './field.ts';
import type { Layout } from './layout.ts';
import type { Symbols } from './symbol-store.ts';

/** Of one column: a row of it has four bits. */
export const COLUMN_BITS = 4;
/** Matrices have room for a multiple of this. */
export const ROOM_STEP = 256;
/** Surplus in a column until symbols are given up whose wrong ones cannot be told, and one in so many rows more. */
export const SURPLUS_MAX = 48;

export type Columns =
  | { readonly kind: 'solved'; readonly values: Uint32Array }
  /** So many symbols more are needed at least. */
  | { readonly kind: 'missing'; readonly count: number }
  /** Symbols disagree in the column at `place`, where there are so many more than rows. */
  | { readonly kind: 'contradiction'; readonly place: number; readonly surplus: number };

/**
 * Solves each column by the rows that are left of whole symbols and those of the partial ones that carry it. `echelon` has the
 * `wholeCount` whole symbols and after them the partial ones, cleared of what the whole ones tell. Begins with the column at `firstPlace`.
 */
export function solveColumns(
  echelon: Echelon,
  layout: Layout,
  partial: Symbols,
  wholeCount: number,
  firstPlace: number,
): Columns {
  const { rows, width, valueWords } = layout;
  const free = rows - echelon.rank;
  const { masks, count } = partial;
  const { coefficientWords, stride, valueAt, words: cleared } = echelon;
  const values = new Uint32Array(rows * valueWords);
  const columnValues = new Uint32Array(rows);
  for (let turn = 0; turn < width; turn++) {
    const place = (firstPlace + turn) % width;
    const columnCount = countWith(masks, count, place);
    const column = new Echelon(Math.ceil(columnCount / ROOM_STEP) * ROOM_STEP, rows, 1);
    const { words } = column;
    let at = 0;
    for (let i = 0; i < count; i++) {
      if (((masks[i] >>> place) & 1) === 0) continue;
      const row = (wholeCount + i) * stride;
      words.set(cleared.subarray(row, row + coefficientWords), at);
      const word = cleared[row + valueAt + (place >> 3)];
      words[at + column.valueAt] = (word >>> (4 * (place & 7))) & 15;
      at += column.stride;
    }
    column.eliminate(columnCount);
    const rest = column.surplus();
    const agrees = rest.every((row) => words[row + column.valueAt] === 0);
    const surplus = rest.length + wholeCount - echelon.rank;
    const missing = free - column.rank;
    columnValues.fill(0);
    if (agrees && missing <= 0) column.substitute(columnValues);
    column.close();
    if (!agrees) return { kind: 'contradiction', place, surplus };
    if (missing > 0) return { kind: 'missing', count: missing };
    for (let k = 0; k < rows; k++) values[k * valueWords + (place >> 3)] |= columnValues[k] << (4 * (place & 7));
  }
  return { kind: 'solved', values };
}

/** The column at `place` and up to `most` in all next to it, and the partial symbols that carry them all. */
export function sideBySide(
  { rows, width }: Layout,
  { masks, count }: Symbols,
  wholeCount: number,
  place: number,
  most: number,
): { readonly places: readonly number[]; readonly members: readonly number[] } {
  let found: { places: number[]; members: number[] } = { places: [], members: [] };
  let mask = 0;
  for (let k = 0; k < most && k < width; k++) {
    const places = [...found.places, (place + k) % width];
    mask |= 1 << ((place + k) % width);
    const members: number[] = [];
    for (let i = 0; i < count; i++) if ((masks[i] & mask) === mask) members.push(i);
    if (k > 0 && wholeCount + members.length - rows < SURPLUS_MAX + COLUMN_BITS * (k + 1)) break;
    found = { places, members };
  }
  return found;
}

/** Four bits for each bit of a mask of columns. */
export function columnsOf(mask: number): number {
  let columns = 0;
  for (let place = 0; place < 8; place++) columns |= ((mask >>> place) & 1) * (15 << (4 * place));
  return columns;
}

export function countOf(mask: number): number {
  let count = 0;
  for (let bits = mask; bits !== 0; bits &= bits - 1) count++;
  return count;
}

function countWith(masks: Uint16Array, count: number, place: number): number {
  let found = 0;
  for (let i = 0; i < count; i++) found += (masks[i] >>> place) & 1;
  return found;
}
