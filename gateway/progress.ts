/**
 * How far an object is. A receiver has it when it has every fountain block, so the block of which least was sent counts: runs at a
 * regular distance favour some blocks by some percent, for hundreds of runs.
 */

import { firstBlockOf, payloadNibbles } from '#codec/symbols/layout.ts';

export class Progress {
  /** What every block had in earlier lives of the process, at least. */
  readonly #before: number;
  readonly #sent: Uint32Array;
  #least = 0;
  /** Blocks that have no more than the least. */
  #atLeast: number;

  constructor(blocks: number, nibblesBefore: number) {
    this.#before = nibblesBefore;
    this.#sent = new Uint32Array(blocks);
    this.#atLeast = blocks;
  }

  /** A group with symbols of this object has left. */
  add(stream: number, counter: number): void {
    const sent = this.#sent;
    const block = firstBlockOf(stream, counter, sent.length);
    const wasLeast = sent[block] === this.#least;
    sent[block] += payloadNibbles(stream);
    if (!wasLeast || --this.#atLeast > 0) return;
    this.#least = sent.reduce((least, nibbles) => Math.min(least, nibbles), Number.POSITIVE_INFINITY);
    this.#atLeast = sent.filter((nibbles) => nibbles === this.#least).length;
  }

  /** Symbols of the whole object, if all blocks had as few as the one that has the least. */
  get evenNibbles(): number {
    return this.#before + this.#least * this.#sent.length;
  }
}
