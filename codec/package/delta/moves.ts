/** Content that moved: found anywhere in the old file, where the alignment of files with their predecessors leaves gaps. */

import type { Machine } from './machine.ts';
import { startMachine } from './machine.ts';

/** A piece of the new file that lies on one of the old file. */
export interface Copy {
  readonly newStart: number;
  readonly oldStart: number;
  readonly sizeBytes: number;
}

const PIECE_BYTES = 1 << 24;
const MEMORY_MOST_BYTES = 2 ** 32 - 65_536;

export class Moves {
  readonly #newContent: Uint8Array;
  readonly #machine: Machine;

  constructor(oldContent: Uint8Array, newContent: Uint8Array) {
    this.#newContent = newContent;
    this.#machine = startMachine(
      { readFile: () => undefined, readPatch: () => 0, writePatch: () => undefined },
      MEMORY_MOST_BYTES,
    );
    const { code } = this.#machine;
    code.movesRoom(oldContent.length, Math.min(PIECE_BYTES, newContent.length));
    this.#machine.bytes().set(oldContent, code.movesOldAt() >>> 0);
    code.movesIndex();
  }

  /** What of new[start, end) stands in the old file, in order, without overlap. */
  find(start: number, end: number): Copy[] {
    const { code } = this.#machine;
    const copies: Copy[] = [];
    for (let from = start; from < end; from += PIECE_BYTES) {
      const piece = this.#newContent.subarray(from, Math.min(end, from + PIECE_BYTES));
      this.#machine.bytes().set(piece, code.movesPieceAt() >>> 0);
      const count = code.movesFind(piece.length);
      const words = this.#machine.words(code.movesFoundAt(), 3 * count);
      for (let k = 0; k < words.length; k += 3) {
        const [at = 0, oldStart = 0, sizeBytes = 0] = words.subarray(k, k + 3);
        copies.push({ newStart: from + at, oldStart, sizeBytes });
      }
    }
    return copies;
  }
}

/** Made when it is first asked for: the index takes memory, more than the old content, and time. */
export interface LazyMoves {
  (): Moves;
  /** Gives the memory back. Asked for again, it is made again. */
  readonly release: () => void;
}

export function movesBetween(oldContent: Uint8Array, newContent: Uint8Array): LazyMoves {
  let made: Moves | undefined;
  const moves = (): Moves => {
    made ??= new Moves(oldContent, newContent);
    return made;
  };
  return Object.assign(moves, {
    release: (): void => {
      made = undefined;
    },
  });
}
