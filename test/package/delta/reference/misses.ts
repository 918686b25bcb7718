/**
 * A byte that was not guessed, or that there is no guess of, bit by bit: each mixed from sixteen contexts and from what the guesses say that
 * may still be right.
 */

import type { ArithmeticDecoder } from './arithmetic-decoder.ts';
import { type ByteContexts, CONTEXTS } from './byte-contexts.ts';
import { PlainCounters } from './counters.ts';
import { type Fields, Kind, KINDS } from './fields.ts';
import type { BothFiles } from './files.ts';
import { type Guesses, KIND_STATES } from './guesses.ts';
import { bitsOf, hash3 } from './hash.ts';
import { clamped, squash, stretch } from './logistic.ts';
import type { MatchModel } from './match.ts';
import { type Missed, MissedContexts } from './missed-contexts.ts';
import { Mixer } from './mixer.ts';
import { Refinement } from './refinement.ts';
import type { State } from './state.ts';

const REFINEMENT_BITS = 12;
const RATE = 20;
const RATE2 = 12;
const GUESS_LIMIT = 100;
const CONSTANT = 307;

/** One for where there is an old file, one for gaps. */
interface Mixing {
  /** From this kind on, guesses are inputs: in a gap only those of the match model. */
  readonly firstKind: number;
  /** By what is around the byte, and by the match. */
  readonly mixer: Mixer;
  readonly mixer2: Mixer;
  /** No bit is surer than this. In a gap, runs of zeros are common. */
  readonly pLeast: number;
}

/** The contexts, the guesses, a constant. */
const FIRST_CONTEXTS = [46, 28, 38, 41, 38, 26, 28, 33, 59, 51, 49, 49, 38, 56, 23, 51];
const FIRST = [...FIRST_CONTEXTS, 64, 72, 64, 51, 51, 51, 54, 54, 61, 54, 46];
const FIRST_GAP = [...FIRST_CONTEXTS, 61, 54, 46];

export class MissDecoder {
  readonly #coder: ArithmeticDecoder;
  readonly #files: BothFiles;
  readonly #fields: Fields;
  readonly #guesses: Guesses;
  readonly #match: MatchModel;
  readonly #bytes: ByteContexts;
  readonly #contexts: MissedContexts;
  readonly #onOld: Mixing = {
    ...{ firstKind: Kind.copy, pLeast: 8389 },
    ...{ mixer: new Mixer(512, FIRST), mixer2: new Mixer(128, FIRST) },
  };
  readonly #inGap: Mixing = {
    ...{ firstKind: Kind.match, pLeast: 840 },
    ...{ mixer: new Mixer(256, FIRST_GAP), mixer2: new Mixer(64, FIRST_GAP) },
  };
  readonly #refinement = new Refinement(1 << REFINEMENT_BITS);
  readonly #refinement2 = new Refinement(1 << REFINEMENT_BITS);
  readonly #inputs = new Int32Array(FIRST.length);
  /** By kind of guess, state and bit: how often it is right. */
  readonly #right = new PlainCounters(KINDS * KIND_STATES * 8);
  /** By kind: whether the guess may still be right. */
  readonly #open = new Uint8Array(KINDS);

  constructor(
    coder: ArithmeticDecoder,
    files: BothFiles,
    fields: Fields,
    guesses: Guesses,
    match: MatchModel,
    bytes: ByteContexts,
    state: State,
  ) {
    this.#coder = coder;
    this.#files = files;
    this.#fields = fields;
    this.#guesses = guesses;
    this.#match = match;
    this.#bytes = bytes;
    this.#contexts = new MissedContexts(files, state, bytes);
  }

  /** best: of new[n], which lies on old[p], or in a gap. On the old file it was wrong. */
  decode(n: number, p: number | undefined, best: number | undefined): number {
    this.#contexts.learnLate(n);
    const missed = this.#describe(n, p, best);
    this.#contexts.set(missed);
    const mixing = p === undefined ? this.#inGap : this.#onOld;
    for (let kind = mixing.firstKind; kind < KINDS; kind++) {
      const isRefuted = p !== undefined && this.#guesses.byte[kind] === missed.predicted;
      this.#open[kind] = this.#guesses.valid[kind] === 1 && !isRefuted ? 1 : 0;
    }
    let partial = 1;
    let half = 1;
    for (let b = 7; b >= 0; b--) {
      if (b === 7 || b === 3) {
        this.#bytes.startHalf(partial);
        half = 1;
      }
      const bit = this.#bit(missed, mixing, b, partial, half);
      partial = (partial << 1) | bit;
      half = (half << 1) | bit;
    }
    return partial & 255;
  }

  #describe(n: number, p: number | undefined, best: number | undefined): Missed {
    const { byte, valid } = this.#guesses;
    const isGap = p === undefined;
    let fieldKind = 0;
    for (let kind = Kind.column24; kind >= Kind.reference; kind--) if (valid[kind] === 1) fieldKind = kind;
    return {
      ...{ n, p, fieldKind },
      mode: isGap ? 0 : best === Kind.copy ? 1 : 2,
      predicted: isGap || best === undefined ? 0 : byte[best],
      favourite: isGap && best !== undefined ? { kind: best, byte: byte[best] } : undefined,
      fieldPlace: fieldKind === 0 ? 0 : this.#fields.offset(fieldKind, n),
      matchLength: this.#match.length,
    };
  }

  /** b: which bit, 7 is the first. partial, half: the bits before it, of the byte and of its half, with a 1 in front. */
  #bit(missed: Missed, mixing: Mixing, b: number, partial: number, half: number): 0 | 1 {
    const { firstKind, mixer, mixer2, pLeast } = mixing;
    const { next } = this.#files;
    const [c1, c2] = [next.u8(missed.n - 1), next.u8(missed.n - 2)];
    this.#bytes.look(half, this.#inputs);
    for (let kind = firstKind; kind < KINDS; kind++)
      this.#inputs[CONTEXTS + kind - firstKind] = this.#open[kind] === 1 ? this.#saying(kind, b) : 0;
    this.#inputs[CONTEXTS + KINDS - firstKind] = CONSTANT;
    const set = missed.mode === 0 ? c1 : (missed.mode - 1) * 256 + missed.fieldKind * 8 + missed.fieldPlace;
    const set2 = this.#matchSet(missed, b, partial);
    const d1 = mixer.mix(set, this.#inputs);
    const d2 = mixer2.mix(set2, this.#inputs);
    const logit = (d1 + d2) >> 1;
    const refined = partial | ((c1 >>> 4) << 8);
    const refined2 = hash3(partial, c1, c2) >>> (32 - REFINEMENT_BITS);
    const [p1, p2] = [this.#refinement.p(refined, logit), this.#refinement2.p(refined2, logit)];
    const bit = this.#coder.bit(clamped((2 * squash(logit) + p1 + p2) >> 2, pLeast));
    mixer.train(set, this.#inputs, bit, squash(d1), RATE);
    mixer2.train(set2, this.#inputs, bit, squash(d2), RATE2);
    this.#refinement.learn(refined, logit, bit);
    this.#refinement2.learn(refined2, logit, bit);
    this.#bytes.learn(bit);
    for (let kind = firstKind; kind < KINDS; kind++) if (this.#open[kind] === 1) this.#learnGuess(kind, b, bit);
    return bit;
  }

  #matchSet({ mode, favourite, matchLength }: Missed, b: number, partial: number): number {
    const follows = favourite !== undefined && (favourite.byte | 256) >>> (b + 1) === partial ? 1 : 0;
    const set = Math.min(bitsOf(matchLength), 15) * 4 + follows + (b < 4 ? 2 : 0);
    return mode === 2 ? 64 + set : set;
  }

  #counterOf(kind: number, b: number): number {
    return (kind * KIND_STATES + this.#guesses.kindState[kind]) * 8 + 7 - b;
  }

  /** The logit of a 1, as a guess says it. */
  #saying(kind: number, b: number): number {
    const logit = stretch(this.#right.p(this.#counterOf(kind, b)));
    return ((this.#guesses.byte[kind] >> b) & 1) === 1 ? logit : -logit;
  }

  #learnGuess(kind: number, b: number, bit: number): void {
    const right = ((this.#guesses.byte[kind] >> b) & 1) === bit ? 1 : 0;
    this.#right.update(this.#counterOf(kind, b), right, GUESS_LIMIT);
    if (right === 0) this.#open[kind] = 0;
  }
}
