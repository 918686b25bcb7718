/** Memory for a matrix over GF(2), and the loop in which its elimination spends its time. */

import { instantiateSimd } from './simd.ts';

/** Rows are added four words at a time: strides and first words are multiples of this. */
export const ROW_ALIGNMENT_WORDS = 4;
const TABLE_ROWS = 256;
const COLUMNS = 8;

export interface Rows {
  readonly name: 'plain' | 'simd';
  /** `room` rows of `stride` words, and their offsets in the order of elimination. */
  readonly matrix: Uint32Array;
  readonly order: Int32Array;
  /** 256 rows of `stride` words. */
  readonly table: Uint32Array;
  /** Bit positions, in one word, of up to eight pivots. */
  readonly columns: Int32Array;
  readonly stride: number;
  /**
   * Of the rows order[first] .. order[count - 1]: to each is added, from word `word` on, the row of the table that its bits of
   * word `bits` at the first `found` columns name.
   */
  combine(first: number, count: number, bits: number, word: number, found: number): void;
}

/** Below this the plain ones are as fast, and a memory of WebAssembly is too much. */
const SIMD_FROM_BYTES = 65_536;

/** All zeros but the order. `stride` is a multiple of `ROW_ALIGNMENT_WORDS`. */
function makeRows(room: number, stride: number): Rows {
  const matrixBytes = 4 * room * stride;
  const simd = matrixBytes < SIMD_FROM_BYTES ? undefined : simdRows(room, stride);
  return simd ?? plainRows(room, stride);
}

export function plainRows(room: number, stride: number): Rows {
  const matrix = new Uint32Array(room * stride);
  const order = new Int32Array(room);
  const table = new Uint32Array(TABLE_ROWS * stride);
  const columns = new Int32Array(COLUMNS);
  return {
    name: 'plain',
    matrix,
    order,
    table,
    columns,
    stride,
    combine(first, count, bits, word, found) {
      for (let i = first; i < count; i++) {
        const row = order[i];
        const value = matrix[row + bits];
        let v = 0;
        for (let l = 0; l < found; l++) v |= ((value >>> columns[l]) & 1) << l;
        if (v === 0) continue;
        const from = v * stride - word;
        for (let w = word; w < stride; w++) matrix[row + w] ^= table[from + w];
      }
    },
  };
}

/** Undefined where WebAssembly has no SIMD, or no room. */
export function simdRows(room: number, stride: number): Rows | undefined {
  const tableAt = 4 * room * stride;
  const orderAt = tableAt + 4 * TABLE_ROWS * stride;
  const columnsAt = orderAt + 4 * room;
  const made = instantiateSimd(columnsAt + 4 * COLUMNS);
  if (made === null) return undefined;
  const { buffer, firstByte, simd } = made;
  return {
    name: 'simd',
    matrix: new Uint32Array(buffer, firstByte, room * stride),
    table: new Uint32Array(buffer, firstByte + tableAt, TABLE_ROWS * stride),
    order: new Int32Array(buffer, firstByte + orderAt, room),
    columns: new Int32Array(buffer, firstByte + columnsAt, COLUMNS),
    stride,
    combine(first, count, bits, word, found) {
      simd.combine(
        firstByte,
        firstByte + orderAt,
        first,
        count,
        bits,
        word,
        stride - word,
        firstByte + tableAt,
        stride,
        firstByte + columnsAt,
        found,
      );
    },
  };
}

/** Matrices that were used and wait for the next use, by size: making one costs more than clearing it. */
const SPARE_MAX = 2;
const spares: Rows[] = [];

/** Like `makeRows`, perhaps one that was given back; its matrix is zeros. */
export function takeRows(room: number, stride: number): Rows {
  const at = spares.findIndex((rows) => rows.stride === stride && rows.order.length === room);
  if (at < 0) return makeRows(room, stride);
  const [rows] = spares.splice(at, 1);
  rows.matrix.fill(0);
  return rows;
}

/** Whoever gives rows back must not touch them again. */
export function giveBackRows(rows: Rows): void {
  if (rows.name !== 'simd') return;
  if (spares.length === SPARE_MAX) spares.shift();
  spares.push(rows);
}
