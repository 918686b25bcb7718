/** Section 5 of docs/air-interface.md: how an object is cut, what a symbol is, and the equations solved column by column. */

import { generator } from './air-bits.ts';

/** A nibble of a payload that was not received. */
export const LOST = -1;

/** What a group of ours carries, unscrambled: 8 nibbles in type A, 13 in type C. */
export interface Payload {
  readonly stream: number;
  readonly c: number;
  readonly nibbles: readonly number[];
}

export interface Shape {
  readonly width: number;
  readonly blocks: number;
  readonly rows: number;
}

export function shapeOf(sizeBytes: number, width: number): Shape {
  const nibbles = 2 * sizeBytes;
  const blocks = Math.ceil(nibbles / (4096 * width));
  return { width, blocks, rows: Math.ceil(nibbles / (blocks * width)) };
}

export interface SymbolPlace {
  readonly block: number;
  /** Bit j mod 32 of word j / 32 selects row j; bits of rows that do not exist are zero. */
  readonly coefficients: Uint32Array;
  /** Of each nibble of the symbol, in the order of the payload. */
  readonly columns: readonly number[];
}

/** The symbols of a group with so many nibbles of payload. */
export function symbolsOf(
  { width, blocks, rows }: Shape,
  identity: Uint8Array,
  { stream, c }: { readonly stream: number; readonly c: number },
  payloadNibbles: number,
): SymbolPlace[] {
  const x = (Math.imul(c % 16, 0x9e3779b1) + Math.imul(c >>> 4, 0x74fabe5d) + Math.imul(stream, 0x6a09e667)) >>> 0;
  const first = Math.floor((x * blocks) / 2 ** 32);
  const next = generator(identity, stream, c, first);
  return Array.from({ length: Math.ceil(payloadNibbles / width) }, (_, j) => {
    const coefficients = Uint32Array.from({ length: Math.ceil(rows / 32) }, next);
    if (rows % 32 !== 0) coefficients[coefficients.length - 1] &= 2 ** (rows % 32) - 1;
    const nibbles = Math.min(width, payloadNibbles - j * width);
    const start = nibbles < width ? nibbles * c : 0;
    const columns = Array.from({ length: nibbles }, (_, i) => (start + i) % width);
    return { block: (first + j) % blocks, coefficients, columns };
  });
}

/** What is known of one symbol: column q in bits 4q.. of `low`, or 4(q - 8).. of `high`. */
interface Equation {
  readonly coefficients: Uint32Array;
  readonly columns: ReadonlySet<number>;
  readonly low: number;
  readonly high: number;
}

/** The rows of a block, as pairs of words like those of an equation; undefined when the rank is less than the rows. */
function eliminate(equations: readonly Equation[], rows: number): Uint32Array | undefined {
  const words = Math.ceil(rows / 32);
  const stride = words + 2;
  /** The equation whose first row is j, at place j. */
  const matrix = new Uint32Array(rows * stride);
  const present = new Uint8Array(rows);
  const rest = new Uint32Array(stride);
  let rank = 0;
  for (const { coefficients, low, high } of equations) {
    if (rank === rows) break;
    rest.set(coefficients);
    rest[words] = low;
    rest[words + 1] = high;
    for (let w = 0; w < words; w++) {
      let stored = false;
      while (rest[w] !== 0) {
        const j = 32 * w + 31 - Math.clz32(rest[w] & -rest[w]);
        if (present[j] === 0) {
          matrix.set(rest, j * stride);
          present[j] = 1;
          rank++;
          stored = true;
          break;
        }
        for (let v = w, at = j * stride + w; v < stride; v++, at++) rest[v] ^= matrix[at];
      }
      if (stored) break;
    }
  }
  if (rank < rows) return undefined;
  const solved = new Uint32Array(2 * rows);
  for (let j = rows - 1; j >= 0; j--) {
    let low = matrix[j * stride + words];
    let high = matrix[j * stride + words + 1];
    for (let k = j + 1; k < rows; k++) {
      if (((matrix[j * stride + (k >>> 5)] >>> (k & 31)) & 1) === 0) continue;
      low ^= solved[2 * k];
      high ^= solved[2 * k + 1];
    }
    solved[2 * j] = low;
    solved[2 * j + 1] = high;
  }
  return solved;
}

/** Columns that the same equations tell, so that one elimination does for all of them. */
function columnsTogether(equations: readonly Equation[], width: number): number[][] {
  const columns = Array.from({ length: width }, (_, column) => column);
  const pattern = (column: number): string =>
    equations.map((equation) => (equation.columns.has(column) ? '1' : '0')).join('');
  return [...Map.groupBy(columns, pattern).values()];
}

/** The nibbles of a block, row by row. */
function solveBlock(equations: readonly Equation[], { rows, width }: Shape): Uint8Array | undefined {
  const nibbles = new Uint8Array(rows * width);
  for (const columns of columnsTogether(equations, width)) {
    const telling = equations.filter((equation) => equation.columns.has(columns[0]));
    const solved = telling.length < rows ? undefined : eliminate(telling, rows);
    if (solved === undefined) return undefined;
    for (const column of columns) {
      for (let row = 0; row < rows; row++) {
        nibbles[row * width + column] = (solved[2 * row + (column >>> 3)] >>> (4 * (column & 7))) & 0xf;
      }
    }
  }
  return nibbles;
}

export class FountainObject {
  readonly #shape: Shape;
  readonly #identity: Uint8Array;
  readonly #sizeBytes: number;
  readonly #blocks: Equation[][];

  constructor(identity: Uint8Array, sizeBytes: number, width: number) {
    this.#shape = shapeOf(sizeBytes, width);
    this.#identity = identity;
    this.#sizeBytes = sizeBytes;
    this.#blocks = Array.from({ length: this.#shape.blocks }, () => []);
  }

  add(payload: Payload): void {
    let at = 0;
    for (const { block, coefficients, columns } of symbolsOf(
      this.#shape,
      this.#identity,
      payload,
      payload.nibbles.length,
    )) {
      const known = new Set<number>();
      const values = new Uint32Array(2);
      for (const column of columns) {
        const nibble = payload.nibbles[at++];
        if (nibble === LOST) continue;
        known.add(column);
        values[column >>> 3] |= nibble << (4 * (column & 7));
      }
      if (known.size > 0) this.#blocks[block].push({ coefficients, columns: known, low: values[0], high: values[1] });
    }
  }

  /** Undefined while a column of a block has too few equations. */
  bytes(): Uint8Array | undefined {
    const { rows, width, blocks } = this.#shape;
    const nibbles = new Uint8Array(rows * width * blocks);
    for (const [b, equations] of this.#blocks.entries()) {
      const solved = solveBlock(equations, this.#shape);
      if (solved === undefined) return undefined;
      nibbles.set(solved, b * rows * width);
    }
    return Uint8Array.from({ length: this.#sizeBytes }, (_, i) => (nibbles[2 * i] << 4) | nibbles[2 * i + 1]);
  }
}
