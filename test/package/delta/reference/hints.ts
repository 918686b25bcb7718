/** Hints: blocks of the old module whose words are relative to themselves or to the start of the image. */

import type { Hint } from './lists.ts';
import { firstAbove } from './search.ts';

/** The words of the block are relative to themselves; with reading 2, to the start of the image. */
export const READING_RELATIVE = 1;
const BLOCK_BYTES = 1024;

export class Hints {
  readonly #hints: readonly Hint[];

  /** hints: of all modules, in order. */
  constructor(hints: readonly Hint[], module: number) {
    this.#hints = hints.filter((hint) => hint.module === module);
  }

  /** How the words are read at an offset of the old module; 0: as everywhere. */
  readingAt(offset: number): number {
    if (this.#hints.length === 0) return 0;
    const block = Math.floor(offset / BLOCK_BYTES);
    const k = firstAbove(this.#hints.length, (at) => this.#hints[at].endBlock > block);
    return k < this.#hints.length && this.#hints[k].firstBlock <= block ? this.#hints[k].reading : 0;
  }
}
