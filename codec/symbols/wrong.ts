/**
 * Finding the wrong ones among the symbols of a block.
 *
 * Let A be the coefficients of N symbols, y their values, e the errors (zero for all but t symbols). Every dependency between
 * rows (a vector l with l A = 0) gives l y = l e: m = N - rank syndromes for each bit of the value. Column i of the dependency
 * matrix L belongs to symbol i, and the syndromes lie in the span of the columns of the wrong symbols.
 *
 * 1. When the errors are linearly independent, each of these columns lies in the span of the syndromes (Metzner and Kapturowski,
 *    "A general decoding technique applicable to replicated file disagreement location and concatenated code decoding", IEEE
 *    Trans. IT 36, 1990). That of a right symbol does by chance, with probability 2^(r - m) for r independent syndromes.
 * 2. When a few dependencies hold between the errors, the columns concerned are equal up to the span of the syndromes.
 * 3. More wrong symbols than a value has bits, in one spell (another transmitter took over): the shortest stretch of symbols,
 *    in the order they were heard, whose columns span the syndromes.
 */

import { Echelon } from './field.ts';

/** Surplus beyond the number of wrong symbols: a right one is suspected with probability 2^-14, and wrongly cleared likewise. */
export const LOCATING_MARGIN = 14;
/** Two right ones of 4096 look alike by chance with probability 2^(23 - 32). */
const LIKENESS_MARGIN = 32;
/** Of the search for spells: more dependencies than this are not looked at. */
export const SPELL_DEPENDENCIES_MAX = 1024;
const SPELL_GRID = 32;

/** Fills in the coefficients of symbol `i`, and the words of its value. */
export type FillSymbol = (i: number, words: Uint32Array, offset: number, valueOffset: number) => void;

export interface Dependencies {
  /** m */
  readonly count: number;
  /** N columns of m bits, `columnWords` words each. */
  readonly columns: Uint32Array;
  readonly columnWords: number;
  readonly symbols: number;
  /** One column of m bits for each bit of a value; independent ones only. */
  readonly syndromes: Span;
}

/** Vectors over GF(2) that span a space, each with a highest bit of its own. */
export class Span {
  readonly words: number;
  readonly #byTop: (Uint32Array | undefined)[];
  rank = 0;

  constructor(words: number) {
    this.words = words;
    this.#byTop = Array.from({ length: 32 * words }, () => undefined);
  }

  basis(): Uint32Array[] {
    return this.#byTop.filter((vector) => vector !== undefined);
  }

  /** What is left of `vector`, in place: all zero when it is in the span; otherwise the same for all vectors that differ by one of it. */
  reduce(vector: Uint32Array): Uint32Array {
    const byTop = this.#byTop;
    for (let w = this.words - 1; w >= 0; w--) {
      let bits = vector[w];
      while (bits !== 0) {
        const top = 31 - Math.clz32(bits);
        const basis = byTop[(w << 5) + top];
        if (basis !== undefined) for (let k = 0; k <= w; k++) vector[k] ^= basis[k];
        bits = vector[w] & ((1 << top) - 1);
      }
    }
    return vector;
  }

  contains(vector: Uint32Array): boolean {
    return this.reduce(vector.slice()).every((word) => word === 0);
  }

  /** False when it was in the span already. Keeps `vector`. */
  add(vector: Uint32Array): boolean {
    this.reduce(vector);
    for (let w = this.words - 1; w >= 0; w--) {
      if (vector[w] === 0) continue;
      this.#byTop[(w << 5) + 31 - Math.clz32(vector[w])] = vector;
      this.rank++;
      return true;
    }
    return false;
  }
}

/** Dependencies between `symbols` rows of `unknowns` coefficients. Memory: 2 x `symbols` x `unknowns` bits. */
export function dependenciesOf(symbols: number, unknowns: number, valueWords: number, fill: FillSymbol): Dependencies {
  const markWords = Math.ceil(symbols / 32);
  const echelon = new Echelon(symbols, unknowns, markWords + valueWords);
  const { words, stride, valueAt: marksAt } = echelon;
  for (let i = 0; i < symbols; i++) {
    const row = i * stride;
    fill(i, words, row, row + marksAt + markWords);
    words[row + marksAt + (i >>> 5)] = 1 << (i & 31);
  }
  echelon.eliminate(symbols);
  const surplus = echelon.surplus();
  const count = surplus.length;
  const columnWords = Math.max(1, Math.ceil(count / 32));
  const columns = new Uint32Array(symbols * columnWords);
  const values = new Uint32Array(32 * valueWords * columnWords);
  for (const [q, row] of surplus.entries()) {
    const word = q >>> 5;
    const bit = 1 << (q & 31);
    const marks = row + marksAt;
    for (let i = 0; i < symbols; i++)
      if (((words[marks + (i >>> 5)] >>> (i & 31)) & 1) !== 0) columns[i * columnWords + word] |= bit;
    for (let b = 0; b < 32 * valueWords; b++)
      if (((words[marks + markWords + (b >>> 5)] >>> (b & 31)) & 1) !== 0) values[b * columnWords + word] |= bit;
  }
  echelon.close();
  const syndromes = new Span(columnWords);
  for (let b = 0; b < 32 * valueWords; b++) syndromes.add(values.slice(b * columnWords, (b + 1) * columnWords));
  return { count, columns, columnWords, symbols, syndromes };
}

function columnOf({ columns, columnWords }: Dependencies, i: number): Uint32Array {
  return columns.slice(i * columnWords, (i + 1) * columnWords);
}

/** Whether errors in these symbols alone would explain everything, with enough dependencies left to have shown others. */
function explains(dependencies: Dependencies, suspects: readonly number[]): boolean {
  const { count, columnWords, syndromes } = dependencies;
  const span = new Span(columnWords);
  for (const i of suspects) span.add(columnOf(dependencies, i));
  if (count - span.rank < LOCATING_MARGIN / 2) return false;
  for (const syndrome of syndromes.basis()) if (!span.contains(syndrome)) return false;
  return true;
}

/** The symbols that are wrong, ascending, and perhaps a right one among them; undefined when they cannot be told (yet). */
export function locateWrong(dependencies: Dependencies): number[] | undefined {
  const { count, symbols, syndromes, columnWords } = dependencies;
  const span = new Span(columnWords);
  for (const syndrome of syndromes.basis()) span.add(syndrome.slice());
  while (count - span.rank >= LOCATING_MARGIN) {
    const seesAlike = count - span.rank >= LIKENESS_MARGIN;
    const suspects: number[] = [];
    const alike = new Map<string, Uint32Array>();
    const found: Uint32Array[] = [];
    for (let i = 0; i < symbols; i++) {
      const rest = span.reduce(columnOf(dependencies, i));
      if (rest.every((word) => word === 0)) suspects.push(i);
      else if (seesAlike) {
        const name = rest.join();
        if (alike.has(name)) found.push(rest);
        else alike.set(name, rest);
      }
    }
    if (explains(dependencies, suspects)) return suspects;
    const before = span.rank;
    // With these in the span the symbols that are alike are, and others may be alike that were not.
    for (const rest of found) span.add(rest);
    if (span.rank === before) return undefined;
  }
  return undefined;
}

/** The symbols of none, one or two of the groups that explain everything; undefined when there are no such. */
export function locateGroups(
  dependencies: Dependencies,
  groups: readonly (readonly number[])[],
  together: number,
): readonly number[] | undefined {
  if (together === 0) return explains(dependencies, []) ? [] : undefined;
  if (together === 1) return groups.find((group) => explains(dependencies, group));
  for (const [i, one] of groups.entries()) {
    for (const other of groups.slice(i + 1)) {
      const both = [...one, ...other];
      if (explains(dependencies, both)) return both;
    }
  }
  return undefined;
}

/** The shortest stretch, from .. to (not included), that explains everything; undefined when there is none. */
export function locateSpell(dependencies: Dependencies): readonly [from: number, to: number] | undefined {
  const { count, symbols, columnWords, syndromes } = dependencies;
  if (count > SPELL_DEPENDENCIES_MAX || count < 2 * LOCATING_MARGIN) return undefined;
  const step = Math.ceil(symbols / SPELL_GRID);
  const room = count - LOCATING_MARGIN;
  const syndromeBasis = syndromes.basis();
  let best: readonly [number, number] | undefined;
  for (let from = 0; from < symbols; from += step) {
    const span = new Span(columnWords);
    // A column that is not in the span makes it larger, so this ends after `room` columns of right symbols.
    for (let to = from; to < symbols && span.rank <= room; ) {
      const end = Math.min(symbols, to + step);
      for (; to < end; to++) span.add(columnOf(dependencies, to));
      if (span.rank > room || (best !== undefined && to - from >= best[1] - best[0])) break;
      if (!syndromeBasis.every((syndrome) => span.contains(syndrome))) continue;
      best = [from, to];
      break;
    }
  }
  return best;
}
