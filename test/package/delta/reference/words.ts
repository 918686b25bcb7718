/**
 * Instructions of AArch64 that lie on nothing of the old file: a word at a time, its highest byte first, so that the operation is known before
 * its operands.
 */

import { absolute, relative } from './absolute.ts';
import type { ArithmeticDecoder } from './arithmetic-decoder.ts';
import { type ByteContexts, CONTEXTS } from './byte-contexts.ts';
import { PlainCounters } from './counters.ts';
import type { BothFiles } from './files.ts';
import { hash, hash3 } from './hash.ts';
import type { ModuleEntry } from './lists.ts';
import { clamped, squash, stretch } from './logistic.ts';
import type { MatchModel } from './match.ts';
import { Mixer } from './mixer.ts';
import { Refinement } from './refinement.ts';

const REFINEMENT_BITS = 12;
const RATE = 20;
const RATE2 = 12;
const GUESS_LIMIT = 250;
const P_LEAST = 840;
/** The contexts, the match model, a constant. */
const FIRST = [46, 28, 38, 41, 38, 26, 28, 33, 49, 51, 49, 49, 38, 46, 23, 41, 61, 46];
const CONSTANT = 307;

/** Words before that are looked at, and how many must be instructions that are common. */
const LOOKED_WORDS = 16;
const INSTRUCTIONS_LEAST = 13;
/** A bit for each highest byte of a word that is common in code: byte 0 is the lowest bit of the first number. */
const COMMON = [0x4cfe_4c00, 0x23f6_4600, 0x041e_4c00, 0x0706_4c00, 0x0cff_0d00, 0x03f7_2700, 0x047f_0d00, 0x0707_0c00];

const LENGTH_MOST = 255;
const LENGTH_STATES = 64;

/** What the bits of a byte of a word depend on. */
interface WordByte {
  /** 0 is the highest byte. */
  readonly j: number;
  /** The bytes before it, as a number. */
  readonly word: number;
  /** The word before. */
  readonly w1: number;
  /** What the match model says, where it was right so far in this word; and how long the match is. */
  readonly guess: number | undefined;
  readonly lengthState: number;
}

export class WordDecoder {
  readonly #coder: ArithmeticDecoder;
  readonly #files: BothFiles;
  readonly #match: MatchModel;
  readonly #bytes: ByteContexts;
  readonly #inputs = new Int32Array(FIRST.length);
  readonly #mixer = new Mixer(1024, FIRST);
  readonly #mixer2 = new Mixer(256, FIRST);
  readonly #refinement = new Refinement(1 << REFINEMENT_BITS);
  readonly #refinement2 = new Refinement(1 << REFINEMENT_BITS);
  /** By the length of the match, byte and bit: how often the match model is right. */
  readonly #right = new PlainCounters(LENGTH_STATES * 4 * 8);

  /** bytes: of misses.ts; the tables are the same. */
  constructor(coder: ArithmeticDecoder, files: BothFiles, match: MatchModel, bytes: ByteContexts) {
    this.#coder = coder;
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
    const length = this.#match.at + 4 <= start ? Math.min(this.#match.length, LENGTH_MOST) : 0;
    const lengthState = length < 16 ? length : Math.min(16 + (length >> 4), 31);
    const expected = length > 0 ? wordAt(this.#match.at) : 0;
    let follows = length > 0;
    let word = 0;
    for (let j = 0; j < 4; j++) {
      const guess = (expected >>> (24 - 8 * j)) & 255;
      const at: WordByte = { j, word, w1: before[0], guess: follows ? guess : undefined, lengthState };
      this.#setContexts(at, before, next.u32(n - 16), place);
      const byte = this.#byte(at);
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

  /** w4: as it stands in the file, without a target. */
  #setContexts(at: WordByte, before: readonly [number, number, number], w4: number, place: number): void {
    const { j, word, guess, lengthState } = at;
    const [w1, w2, w3] = before;
    const shift = 24 - 8 * j;
    const known = hash(word, j);
    const tops = (w1 >>> 24) | ((w2 >>> 24) << 8) | ((w3 >>> 24) << 16);
    const registers = (w1 & 31) | (((w1 >>> 5) & 31) << 5) | ((w2 & 31) << 10);
    this.#bytes.contexts.set([
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
    ]);
  }

  #byte(at: WordByte): number {
    let partial = 1;
    let half = 1;
    for (let b = 7; b >= 0; b--) {
      if (b === 7 || b === 3) {
        this.#bytes.startHalf(partial);
        half = 1;
      }
      const bit = this.#bit(at, b, partial, half);
      partial = (partial << 1) | bit;
      half = (half << 1) | bit;
    }
    return partial & 255;
  }

  /** b: which bit, 7 is the first. partial, half: the bits before it, of the byte and of its half, with a 1 in front. */
  #bit({ j, word, w1, guess, lengthState }: WordByte, b: number, partial: number, half: number): 0 | 1 {
    this.#bytes.look(half, this.#inputs);
    const says = guess !== undefined && (guess | 256) >>> (b + 1) === partial ? (guess >> b) & 1 : undefined;
    const counter = (lengthState * 4 + j) * 8 + b;
    const trust = stretch(this.#right.p(counter));
    this.#inputs[CONTEXTS] = says === undefined ? 0 : says === 1 ? trust : -trust;
    this.#inputs[CONTEXTS + 1] = CONSTANT;
    // The byte that says what the word is: its first one, or of the first one that of the word before.
    const set = j * 256 + (j === 0 ? w1 >>> 24 : (word >>> (8 * (j - 1))) & 255);
    const set2 = (j * 32 + (says === undefined ? 0 : lengthState)) * 2 + (b > 3 ? 1 : 0);
    const d1 = this.#mixer.mix(set, this.#inputs);
    const d2 = this.#mixer2.mix(set2, this.#inputs);
    const logit = (d1 + d2) >> 1;
    const refined = partial | (j << 8) | ((says === undefined ? 0 : 1 + (lengthState >> 4)) << 10);
    const refined2 = hash3(partial, word, j) >>> (32 - REFINEMENT_BITS);
    const [p1, p2] = [this.#refinement.p(refined, logit), this.#refinement2.p(refined2, logit)];
    const bit = this.#coder.bit(clamped((2 * squash(logit) + p1 + p2) >> 2, P_LEAST));
    this.#mixer.train(set, this.#inputs, bit, squash(d1), RATE);
    this.#mixer2.train(set2, this.#inputs, bit, squash(d2), RATE2);
    this.#refinement.learn(refined, logit, bit);
    this.#refinement2.learn(refined2, logit, bit);
    this.#bytes.learn(bit);
    if (says !== undefined) this.#right.update(counter, says === bit ? 1 : 0, GUESS_LIMIT);
    return bit;
  }
}
