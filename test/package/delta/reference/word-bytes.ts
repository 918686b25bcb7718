/**
 * Words that are decoded as a whole, their highest byte first: each bit mixed from sixteen contexts and from what the match model says. For
 * instructions of AArch64, and for targets of x86-64.
 */

import type { ArithmeticDecoder } from './arithmetic-decoder.ts';
import { type ByteContexts, CONTEXTS } from './byte-contexts.ts';
import { PlainCounters } from './counters.ts';
import { hash3 } from './hash.ts';
import { clamped, squash, stretch } from './logistic.ts';
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
/** Weights of instructions by byte and operation; behind them those of targets. */
export const TARGET_SETS_AT = 1024;
const SETS = TARGET_SETS_AT + 16;

const LENGTH_MOST = 255;
const LENGTH_STATES = 64;

/** Of the length of a match, as the contexts have it. */
export function lengthStateOf(matchLength: number): number {
  const length = Math.min(matchLength, LENGTH_MOST);
  return length < 16 ? length : Math.min(16 + (length >> 4), 31);
}

/** What the bits of a byte of a word depend on. */
export interface WordByte {
  /** 0 is the highest byte. */
  readonly j: number;
  /** The bytes before it, as a number. */
  readonly word: number;
  /** Which weights. */
  readonly set: number;
  /** What the match model says, where it was right so far in this word; and how long the match is. */
  readonly guess: number | undefined;
  readonly lengthState: number;
}

export class WordBytes {
  readonly #coder: ArithmeticDecoder;
  readonly #bytes: ByteContexts;
  readonly #inputs = new Int32Array(FIRST.length);
  readonly #mixer = new Mixer(SETS, FIRST);
  readonly #mixer2 = new Mixer(256, FIRST);
  readonly #refinement = new Refinement(1 << REFINEMENT_BITS);
  readonly #refinement2 = new Refinement(1 << REFINEMENT_BITS);
  /** By the length of the match, byte and bit: how often the match model is right. */
  readonly #right = new PlainCounters(LENGTH_STATES * 4 * 8);

  /** bytes: of misses.ts; the tables are the same. */
  constructor(coder: ArithmeticDecoder, bytes: ByteContexts) {
    this.#coder = coder;
    this.#bytes = bytes;
  }

  /** contexts: sixteen. */
  decode(at: WordByte, contexts: readonly number[]): number {
    this.#bytes.contexts.set(contexts);
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
  #bit({ j, word, set, guess, lengthState }: WordByte, b: number, partial: number, half: number): 0 | 1 {
    this.#bytes.look(half, this.#inputs);
    const says = guess !== undefined && (guess | 256) >>> (b + 1) === partial ? (guess >> b) & 1 : undefined;
    const counter = (lengthState * 4 + j) * 8 + b;
    const trust = stretch(this.#right.p(counter));
    this.#inputs[CONTEXTS] = says === undefined ? 0 : says === 1 ? trust : -trust;
    this.#inputs[CONTEXTS + 1] = CONSTANT;
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
