/**
 * How far an object is. A receiver has it when it has every fountain block, so the block of which least was sent counts: runs at a
 * regular distance favour some blocks by some percent, for hundreds of runs.
 */

import { blockOf } from '#codec/symbols/fountain.ts';

const SYMBOLS_A = 2;
const SYMBOLS_C = 3;

export class Progress {
  /** What every block had in earlier lives of the process, at least. */
  readonly #before: number;
  readonly #sent: Uint32Array;
  #least = 0;
  /** Blocks that have no more than the least. */
  #atLeast: number;

  constructor(blocks: number, symbolsBefore: number) {
    this.#before = symbolsBefore;
    this.#sent = new Uint32Array(blocks);
    this.#atLeast = blocks;
  }

  /** A group with symbols of this object has left. */
  add(stream: number, counter: number): void {
    const sent = this.#sent;
    const block = blockOf(stream, counter, sent.length);
    const wasLeast = sent[block] === this.#least;
    sent[block] += stream === 0 ? SYMBOLS_A : SYMBOLS_C;
    if (!wasLeast || --this.#atLeast > 0) return;
    this.#least = sent.reduce((least, symbols) => Math.min(least, symbols), Number.POSITIVE_INFINITY);
    this.#atLeast = sent.filter((symbols) => symbols === this.#least).length;
  }

  /** Symbols of the whole object, if all blocks had as few as the one that has the least. */
  get evenSymbols(): number {
    return this.#before + this.#least * this.#sent.length;
  }
}
