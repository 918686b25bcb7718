/** How an object is cut into blocks of rows, and which symbols a group carries (air-interface.md section 5.1). */

import { MisuseError } from '../misuse.ts';

/** Nibbles of a row: 13 = the payload of a type C group, 8 = that of a type A group, 1 for directories. */
export type Width = 1 | 8 | 13;

/** A dense matrix of this many unknowns is 2 MB, the most a small receiver is asked to hold. */
const BLOCK_ROWS_MAX = 4096;

/** Three bytes in the directory. */
export const OBJECT_SIZE_MAX_BYTES = 0xff_ffff;

export interface Layout {
  readonly sizeBytes: number;
  /** w: nibbles of a row, the first one the most significant of its value. */
  readonly width: Width;
  /** S. */
  readonly blocks: number;
  /** K: rows of each block, zero rows at the end of the last one. */
  readonly rows: number;
  /** 32-bit words that hold the value of a row: one or two, the least significant first. */
  readonly valueWords: 1 | 2;
}

export function layoutOf(sizeBytes: number, width: Width): Layout {
  if (!Number.isInteger(sizeBytes) || sizeBytes < 1 || sizeBytes > OBJECT_SIZE_MAX_BYTES) {
    throw new MisuseError('OBJECT_SIZE', `an object has 1 to ${OBJECT_SIZE_MAX_BYTES} bytes, not ${sizeBytes}`);
  }
  const nibbles = 2 * sizeBytes;
  const blocks = Math.ceil(nibbles / (BLOCK_ROWS_MAX * width));
  return { sizeBytes, width, blocks, rows: Math.ceil(nibbles / (blocks * width)), valueWords: width > 8 ? 2 : 1 };
}

/** Nibbles in the payload of a group: 32 bits of type A, 52 of type C. */
export function payloadNibbles(stream: number): number {
  return stream === 0 ? 8 : 13;
}

/** Words of a payload: two blocks of type A; four bits and three blocks of type C. */
export function payloadWords(stream: number): number {
  return stream === 0 ? 2 : 4;
}

/**
 * Spreads counters evenly, as a fraction of 2^32: the groups of a run by the golden ratio, the runs by a number that was searched for.
 * With the golden ratio for both, an object that gets every 9th or 19th run serves some of its blocks 3 % less than others, because
 * these are near Fibonacci numbers; with this one the worst stride up to 50 makes 0.6 %.
 */
function scatter(stream: number, counter: number): number {
  const run = counter >>> 4;
  return (Math.imul(counter & 15, 0x9e3779b1) + Math.imul(run, 0x74fabe5d) + Math.imul(stream, 0x6a09e667)) >>> 0;
}

/** Block of the first symbol of a group; those of the next ones follow, modulo the number of blocks. */
export function firstBlockOf(stream: number, counter: number, blocks: number): number {
  return Math.floor((scatter(stream, counter) * blocks) / 2 ** 32);
}

/** The column of the first nibble of a symbol of `nibbles` < width. */
export function firstColumnOf(counter: number, nibbles: number, width: Width): number {
  return (nibbles * counter) % width;
}

/** The rows of an object, block by block: `valueWords` words each. */
export function rowsOf(bytes: Uint8Array, { width, blocks, rows, valueWords }: Layout): Uint32Array {
  const values = new Uint32Array(blocks * rows * valueWords);
  for (let i = 0; i < 2 * bytes.length; i++) {
    const nibble = (i & 1) === 0 ? bytes[i >> 1] >> 4 : bytes[i >> 1] & 15;
    const place = width - 1 - (i % width);
    values[Math.floor(i / width) * valueWords + (place >> 3)] |= nibble << (4 * (place & 7));
  }
  return values;
}

/** Inverse of `rowsOf` for one block: writes what the block holds of the object. */
export function putRows(values: Uint32Array, block: number, layout: Layout, bytes: Uint8Array): void {
  const { width, rows, valueWords } = layout;
  const from = block * rows * width;
  const to = Math.min(2 * bytes.length, from + rows * width);
  for (let i = from; i < to; i++) {
    const row = Math.floor((i - from) / width);
    const place = width - 1 - ((i - from) % width);
    const nibble = (values[row * valueWords + (place >> 3)] >>> (4 * (place & 7))) & 15;
    bytes[i >> 1] = (i & 1) === 0 ? (nibble << 4) | (bytes[i >> 1] & 15) : (bytes[i >> 1] & 0xf0) | nibble;
  }
}
