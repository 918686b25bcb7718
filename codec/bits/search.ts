/**
 * Finds where groups begin in soft channel symbols, by evidence: for each of the 104 places a group may begin at, ln of how
 * much better "groups, beginning there" explains the symbols than "random bits" do.
 *
 * A block at its place multiplies the odds by 1024 F (soft-block.ts). Here only the error patterns of up to two symbols
 * are summed, which takes a look into a table, and is a lower bound: under random bits the odds of a place are a
 * supermartingale, so that they ever exceed e^x from a given beginning has probability e^-x at most (Ville's inequality),
 * whatever the noise. A share of `LOST_SHARE` of blocks may be anything at all.
 */

import { BLOCK_BITS, GROUP_BITS, OFFSET_WORDS, OFFSETS_OF_BLOCK } from '../groups/block.ts';
import { ALL_SYMBOLS, BLOCK_SYMBOLS, COLUMN, REMAINDERS, remainderOfSymbols } from './block-code.ts';

/** Evidence is not carried beyond this, so that a station that is gone is forgotten within a dozen blocks. */
const EVIDENCE_MAX = 40;
const LOST_SHARE = 0.05;
/** Symbols beyond this are all the same. */
const CERTAIN = 16;
const CERTAIN_ODDS = Math.exp(-CERTAIN);
const NO_SYMBOL = BLOCK_SYMBOLS;

/** Error patterns of one and of two symbols by the remainder they leave: row `PATTERN_START[z]`.. of pairs. */
const PATTERN_START = new Uint16Array(REMAINDERS + 1);
const PATTERN_SYMBOLS = tabulatePatterns();

function tabulatePatterns(): Uint8Array {
  const patterns: [z: number, a: number, b: number][] = [];
  for (let a = 0; a < BLOCK_SYMBOLS; a++) {
    patterns.push([COLUMN[a], a, NO_SYMBOL]);
    for (let b = a + 1; b < BLOCK_SYMBOLS; b++) patterns.push([COLUMN[a] ^ COLUMN[b], a, b]);
  }
  patterns.sort((one, other) => one[0] - other[0]);
  for (const [z] of patterns) PATTERN_START[z + 1]++;
  for (let z = 0; z < REMAINDERS; z++) PATTERN_START[z + 1] += PATTERN_START[z];
  return Uint8Array.from(patterns.flatMap(([, a, b]) => [a, b]));
}

/** Offset words of block 0..3; block 2 has two. */
const OFFSETS: readonly (readonly number[])[] = OFFSETS_OF_BLOCK.map((names) =>
  names.map((name) => OFFSET_WORDS[name]),
);

/** Where in a group's time a bit is: 0..103. */
export function placeOf(bit: number): number {
  return ((bit % GROUP_BITS) + GROUP_BITS) % GROUP_BITS;
}

export class PhaseSearch {
  /** By the place of a group's first bit mod 104. */
  readonly #evidence = new Float64Array(GROUP_BITS);
  readonly #since = new Float64Array(GROUP_BITS);
  /** exp(-|symbol|) of the last 27 symbols, oldest first, twice, so that the window never wraps. */
  readonly #odds = new Float64Array(2 * BLOCK_SYMBOLS + 1);
  readonly #logs = new Float64Array(BLOCK_SYMBOLS);
  #write = 0;
  #hard = 0;
  #allRight = 0;
  #count = 0;
  /** The place with the most evidence among those of the last symbol, -1 for none. */
  best = -1;

  constructor() {
    this.#odds.fill(1);
    this.#logs.fill(Math.LN2);
    this.#allRight = -BLOCK_SYMBOLS * Math.LN2;
  }

  /** Evidence for groups whose first bit is at `place` mod 104. */
  evidenceAt(place: number): number {
    return this.#evidence[place];
  }

  /** The bit from which on there is evidence for that place: symbols are counted from 0. */
  sinceAt(place: number): number {
    return this.#since[place];
  }

  /** Symbol number n, a log-likelihood ratio that is a number. */
  push(symbol: number, n: number): void {
    const size = symbol < 0 ? -symbol : symbol;
    const odds = size < CERTAIN ? Math.exp(-size) : CERTAIN_ODDS;
    const log = size < CERTAIN ? Math.log1p(odds) : CERTAIN_ODDS;
    const write = this.#write;
    this.#allRight += this.#logs[write] - log;
    this.#logs[write] = log;
    this.#odds[write] = odds;
    this.#odds[write + BLOCK_SYMBOLS] = odds;
    this.#write = write + 1 === BLOCK_SYMBOLS ? 0 : write + 1;
    this.#hard = ((this.#hard << 1) | (symbol < 0 ? 1 : 0)) & ALL_SYMBOLS;
    if (this.#count < BLOCK_SYMBOLS && ++this.#count < BLOCK_SYMBOLS) return;
    // 1024 P(no symbol wrong).
    const scale = REMAINDERS * Math.exp(this.#allRight);
    const rest = remainderOfSymbols(this.#hard);
    let best = -1;
    let most = 0;
    for (let block = 0; block < 4; block++) {
      const start = n + 1 - BLOCK_BITS * (block + 1);
      const place = placeOf(start);
      const offsets = OFFSETS[block];
      let factor = 0;
      for (let k = 0; k < offsets.length; k++) factor += this.#patterns(rest ^ offsets[k]);
      factor *= scale / offsets.length;
      let evidence = this.#evidence[place];
      if (evidence <= 0) {
        evidence = 0;
        this.#since[place] = start;
      }
      evidence += Math.log(LOST_SHARE + (1 - LOST_SHARE) * factor);
      if (evidence > EVIDENCE_MAX) evidence = EVIDENCE_MAX;
      this.#evidence[place] = evidence;
      if (evidence > most) {
        most = evidence;
        best = place;
      }
    }
    this.best = best;
  }

  /** Sum over the error patterns with this remainder of their odds against "no error". */
  #patterns(z: number): number {
    let sum = z === 0 ? 1 : 0;
    const oldest = this.#write;
    const odds = this.#odds;
    const end = PATTERN_START[z + 1];
    for (let k = PATTERN_START[z]; k < end; k++) {
      const b = PATTERN_SYMBOLS[2 * k + 1];
      const first = odds[oldest + PATTERN_SYMBOLS[2 * k]];
      sum += b === NO_SYMBOL ? first : first * odds[oldest + b];
    }
    return sum;
  }
}
