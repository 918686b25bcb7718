/**
 * Instructions of AArch64 that lie on nothing of the old file: a word at a time, its highest byte first, so that the operation is known before
 * its operands.
 */

import { absolute, relative } from './absolute.ts';
import type { BothFiles } from './files.ts';
import { hash, hash3 } from './hash.ts';
import type { ModuleEntry } from './lists.ts';
import type { MatchModel } from './match.ts';
import { lengthStateOf, type WordByte, type WordBytes } from './word-bytes.ts';

/** Words before that are looked at, and how many must be instructions that are common. */
const LOOKED_WORDS = 16;
const INSTRUCTIONS_LEAST = 13;
/** A bit for each highest byte of a word that is common in code: byte 0 is the lowest bit of the first number. */
const COMMON = [0x4cfe_4c00, 0x23f6_4600, 0x041e_4c00, 0x0706_4c00, 0x0cff_0d00, 0x03f7_2700, 0x047f_0d00, 0x0707_0c00];

export class WordDecoder {
  readonly #files: BothFiles;
  readonly #match: MatchModel;
  readonly #bytes: WordBytes;

  constructor(files: BothFiles, match: MatchModel, bytes: WordBytes) {
    this.#files = files;
    this.#match = match;
    this.#bytes = bytes;
  }

  /** Whether new[n] begins a word that is coded here: where the words before are instructions. leftBytes: to the end of the gap. */
  isPlace(n: number, leftBytes: number, module: ModuleEntry): boolean {
    if ((n - module.newStart) % 4 !== 0 || leftBytes < 4) return false;
    let instructions = 0;
    for (let k = 0; k < LOOKED_WORDS; k++) {
      const byte = this.#files.next.u8(n - 4 * k - 1);
      instructions += (COMMON[byte >>> 5] >>> (byte & 31)) & 1;
    }
    return instructions >= INSTRUCTIONS_LEAST;
  }

  /** Decodes the word at new[n], puts it there, and lets the match model follow. */
  decode(n: number, module: ModuleEntry): void {
    const { next, old } = this.#files;
    const place = n - module.newStart;
    const start = old.sizeBytes + n;
    const wordAt = (position: number): number => this.#wordAt(position, module);
    const before = [wordAt(start - 4), wordAt(start - 8), wordAt(start - 12)] as const;
    const length = this.#match.at + 4 <= start ? this.#match.length : 0;
    const lengthState = lengthStateOf(length);
    const expected = length > 0 ? wordAt(this.#match.at) : 0;
    let follows = length > 0;
    let word = 0;
    for (let j = 0; j < 4; j++) {
      const guess = (expected >>> (24 - 8 * j)) & 255;
      // The byte that says what the word is: its first one, or of the first one that of the word before.
      const set = j * 256 + (j === 0 ? before[0] >>> 24 : (word >>> (8 * (j - 1))) & 255);
      const at: WordByte = { j, word, set, guess: follows ? guess : undefined, lengthState };
      const byte = this.#bytes.decode(at, contextsOf(at, before, next.u32(n - 16), place));
      if (byte !== guess) follows = false;
      word = ((word << 8) | byte) >>> 0;
    }
    const stored = relative(word, place);
    for (let k = 0; k < 4; k++) next.bytes[n + k] = stored >>> (8 * k);
    this.#match.followWord(n, word, expected, before, wordAt);
  }

  /** With its target. position: in both files as one. */
  #wordAt(position: number, { oldStart, newStart }: ModuleEntry): number {
    const oldBytes = this.#files.old.sizeBytes;
    const place = position < oldBytes ? position - oldStart : position - oldBytes - newStart;
    return absolute(this.#files.u32(position), place);
  }
}

/** w4: as it stands in the file, without a target. */
function contextsOf(at: WordByte, before: readonly [number, number, number], w4: number, place: number): number[] {
  const { j, word, guess, lengthState } = at;
  const [w1, w2, w3] = before;
  const shift = 24 - 8 * j;
  const known = hash(word, j);
  const tops = (w1 >>> 24) | ((w2 >>> 24) << 8) | ((w3 >>> 24) << 16);
  const registers = (w1 & 31) | (((w1 >>> 5) & 31) << 5) | ((w2 & 31) << 10);
  return [
    guess === undefined ? hash(0x42, j) : hash3(0x41, guess, (lengthState << 2) | j),
    hash(0x43, known),
    hash3(0x44, known, w1 >>> 24),
    hash3(0x45, known, w1),
    hash3(0x46, known, hash(w1, w2)),
    hash3(0x47, known, tops),
    hash3(0x48, known, w1 & 31),
    hash3(0x49, known, w1 & 0xffe0_ffe0),
    hash3(0x4a, known, w2),
    hash3(0x4b, known, (w1 >>> 21) | ((w2 >>> 21) << 11)),
    hash3(0x4c, known, hash3(w1, w2, w3)),
    hash3(0x4d, j, j > 0 ? (word & 255) | ((w1 & 31) << 8) : (w1 >>> 21) | ((w3 >>> 24) << 11)),
    hash3(0x4e, known, registers),
    hash3(0x4f, known, w4),
    hash3(0x50, j, ((w1 >>> shift) & 255) | (((w2 >>> shift) & 255) << 8)),
    hash3(0x51, known, (place & 12) | ((w1 >>> 24) << 4)),
  ];
}
