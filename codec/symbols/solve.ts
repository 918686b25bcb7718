/**
 * Solving one block of an object from the symbols received for it, and finding the wrong ones among them.
 *
 * Wrong symbols: let A be the coefficients of N = K + m symbols, y their values, e the errors (zero for all but t symbols).
 * Every dependency between rows (a vector l with l A = 0) gives l y = l e: m syndromes. The columns of the dependency matrix
 * that belong to wrong symbols span the syndromes' columns (Metzner and Kapturowski, "A general decoding technique applicable
 * to replicated file disagreement location and concatenated code decoding", IEEE Trans. IT 36, 1990), so a symbol is suspect
 * when its column lies in that span. A right one does by chance with probability 2^(t - m).
 */

import { eliminate, type Rows, substitute } from './field.ts';
import type { Coefficients } from './fountain.ts';

/** Dependencies used to look for wrong symbols (m above): fits a 32-bit word and names up to about ten. */
export const SURPLUS_TO_LOCATE = 32;

/** Received symbols of one block. A tag is where a symbol came from: `stream << 26 | counter << 2 | place in its group`. */
export interface Symbols {
  readonly tags: Uint32Array;
  readonly values: Uint16Array;
  readonly count: number;
}

export type Solution =
  | { readonly kind: 'short'; readonly rank: number }
  | { readonly kind: 'contradiction' }
  | { readonly kind: 'solved'; readonly units: Uint16Array };

function fillRows(
  symbols: Symbols,
  coefficients: Coefficients,
  unknowns: number,
  block: number,
  extraWords: number,
): Rows {
  const valueWord = coefficients.rowWords + extraWords;
  const stride = valueWord + 1;
  const words = new Uint32Array(symbols.count * stride);
  for (let i = 0; i < symbols.count; i++) {
    const tag = symbols.tags[i];
    coefficients.seed(tag >>> 26, (tag >>> 2) & 0xff_ffff, block);
    for (let place = 0; place <= (tag & 3); place++) coefficients.next(words, i * stride);
    words[i * stride + valueWord] = symbols.values[i];
  }
  return { words, count: symbols.count, stride, unknowns };
}

/** Units of `block`, or what is missing. Memory: 4 * rowWords + 4 bytes a symbol, 2 MB at K = 4096. */
export function solveBlock(symbols: Symbols, coefficients: Coefficients, unknowns: number, block: number): Solution {
  const rows = fillRows(symbols, coefficients, unknowns, block, 0);
  const echelon = eliminate(rows);
  if (echelon.rank < unknowns) return { kind: 'short', rank: echelon.rank };
  const valueWord = rows.stride - 1;
  for (let i = unknowns; i < rows.count; i++) {
    if (rows.words[echelon.order[i] * rows.stride + valueWord] !== 0) return { kind: 'contradiction' };
  }
  return { kind: 'solved', units: substitute(rows, echelon, valueWord) };
}

export type Suspects =
  | { readonly kind: 'short' }
  /** More wrong symbols than the surplus can tell apart. */
  | { readonly kind: 'hopeless' }
  /** Indices of the symbols to leave out, ascending; empty when all agree. */
  | { readonly kind: 'located'; readonly indices: readonly number[] };

/** Finds the wrong symbols among K + `SURPLUS_TO_LOCATE`; more are not looked at. Takes twice the memory of `solveBlock`. */
export function locateWrong(symbols: Symbols, coefficients: Coefficients, unknowns: number, block: number): Suspects {
  const count = Math.min(symbols.count, unknowns + SURPLUS_TO_LOCATE);
  const markWords = Math.ceil(count / 32);
  const rows = fillRows({ ...symbols, count }, coefficients, unknowns, block, markWords);
  const { words, stride } = rows;
  const markFrom = coefficients.rowWords;
  for (let i = 0; i < count; i++) words[i * stride + markFrom + (i >>> 5)] = 1 << (i & 31);
  const { rank, order } = eliminate(rows);
  if (rank < unknowns) return { kind: 'short' };

  const surplus = count - unknowns;
  const basis: number[] = [];
  for (let bit = 0; bit < 16; bit++) {
    let column = 0;
    for (let q = 0; q < surplus; q++) {
      column |= ((words[order[unknowns + q] * stride + stride - 1] >>> bit) & 1) << q;
    }
    const rest = reduce(column, basis);
    if (rest !== 0) basis.push(rest);
  }
  if (basis.length === 0) return { kind: 'located', indices: [] };
  const indices: number[] = [];
  for (let i = 0; i < count; i++) {
    let column = 0;
    for (let q = 0; q < surplus; q++) {
      column |= ((words[order[unknowns + q] * stride + markFrom + (i >>> 5)] >>> (i & 31)) & 1) << q;
    }
    if (reduce(column, basis) === 0) indices.push(i);
  }
  // Leaving them out must keep enough surplus to see that the rest agree.
  return indices.length > surplus - 8 || indices.length < basis.length
    ? { kind: 'hopeless' }
    : { kind: 'located', indices };
}

/** What is left of a vector after adding basis vectors by their highest bits; the basis is built by this same reduction. */
function reduce(vector: number, basis: readonly number[]): number {
  let rest = vector;
  for (const b of basis) {
    if (((rest >>> (31 - Math.clz32(b))) & 1) !== 0) rest ^= b;
  }
  return rest;
}
