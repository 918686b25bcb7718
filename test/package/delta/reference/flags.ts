/** Whether the best guess is right: one binary decision, mixed from twelve contexts. Only where the new file lies on the old one. */

import type { ArithmeticDecoder } from './arithmetic-decoder.ts';
import { EVEN, fine } from './counters.ts';
import { Kind, KINDS } from './fields.ts';
import type { BothFiles } from './files.ts';
import type { Guesses } from './guesses.ts';
import { bitsOf, hash, hash3 } from './hash.ts';
import { squash, stretch } from './logistic.ts';
import { Mixer } from './mixer.ts';
import { Refinement } from './refinement.ts';
import type { State } from './state.ts';

const CONTEXTS = 12;
const RATE = 20;
const SETS = 1280;
const SIGNATURE_BITS = 10;
const REFINED_CONTEXTS = 1024;
const REFINEMENT_BITS = 12;
/** The contexts, how often the best guess was right, and a constant. */
const FIRST = [92, 49, 61, 69, 51, 49, 87, 79, 72, 64, 54, 56, 46, 56];
const CONSTANT = 512;
/** By context: how many bits more its table has, and the limits of the counts. */
const ROOM = [-2, -4, 1, 2, 0, -2, 0, 2, 1, 2, -2, 2];
const LIMITS = [127, 127, 120, 120, 127, 120, 120, 120, 120, 120, 120, 120];
/** Bits of the history that are sampled: this many bytes ago. */
const SAMPLED = [3, 7, 11, 15, 23, 47, 0, 1];
/** Kinds of guess that depend on the type of the reference: bits as in `Opinions`. */
const OF_REFERENCE = (1 << Kind.reference) | (1 << Kind.learned);

/** Where the byte is in its segment: bytes from its start, and to its end. */
export interface InSegment {
  readonly fromBytes: number;
  readonly leftBytes: number;
}

/** Which kinds of guess say the same as the best one, and which say something else: a bit a kind. */
interface Opinions {
  readonly agree: number;
  readonly differ: number;
}

export class FlagDecoder {
  readonly #coder: ArithmeticDecoder;
  readonly #files: BothFiles;
  readonly #guesses: Guesses;
  readonly #state: State;
  readonly #tables: readonly Uint32Array[];
  readonly #shifts: readonly number[];
  readonly #slots = new Uint32Array(CONTEXTS);
  readonly #counters = new Uint32Array(CONTEXTS);
  readonly #inputs = new Int32Array(CONTEXTS + 2);
  readonly #mixer = new Mixer(SETS, FIRST);
  readonly #signatureMixer = new Mixer(1 << SIGNATURE_BITS, FIRST);
  readonly #refinement = new Refinement(REFINED_CONTEXTS);
  readonly #oldRefinement = new Refinement(1 << REFINEMENT_BITS);

  /** bits: of a table without more or less room. */
  constructor(coder: ArithmeticDecoder, files: BothFiles, guesses: Guesses, state: State, bits: number) {
    this.#coder = coder;
    this.#files = files;
    this.#guesses = guesses;
    this.#state = state;
    this.#tables = ROOM.map((room) => new Uint32Array(1 << (bits + room)).fill(EVEN));
    this.#shifts = ROOM.map((room) => 32 - bits - room);
  }

  /** best: the kind of the best guess about new[n], which lies on old[p]. */
  decode(best: number, n: number, p: number, segment: InSegment): boolean {
    const { old } = this.#files;
    const opinions = this.#opinions(this.#guesses.byte[best]);
    const signature = signatureOf(opinions);
    const miss = opinions.differ === 0 ? 0 : 1;
    const run = Math.min(bitsOf(this.#state.runLength), 15);
    for (const [k, context] of this.#contexts(best, n, p, segment, opinions).entries()) this.#look(k, context);
    this.#inputs[CONTEXTS] = stretch(this.#guesses.rightOf(best));
    this.#inputs[CONTEXTS + 1] = CONSTANT;
    const set = (best * 8 + (run >> 1)) * 16 + (p % 4) * 4 + miss;
    const signatureSet = hash(signature, 7) >>> (32 - SIGNATURE_BITS);
    const d1 = this.#mixer.mix(set, this.#inputs);
    const d2 = this.#signatureMixer.mix(signatureSet, this.#inputs);
    const logit = (d1 + d2) >> 1;
    const refined = best * 64 + miss * 32 + (run >> 1) * 2;
    const oldRefined = hash(old.u8(p), old.u8(p - 1)) >>> (32 - REFINEMENT_BITS);
    const [p1, p2] = [this.#refinement.p(refined, logit), this.#oldRefinement.p(oldRefined, logit)];
    const hit = this.#coder.bit((2 * squash(logit) + p1 + p2) >> 2);
    this.#mixer.train(set, this.#inputs, hit, squash(d1), RATE);
    this.#signatureMixer.train(signatureSet, this.#inputs, hit, squash(d2), RATE);
    this.#refinement.learn(refined, logit, hit);
    this.#oldRefinement.learn(oldRefined, logit, hit);
    for (const [k, table] of this.#tables.entries())
      table[this.#slots[k]] = fine.updated(this.#counters[k], hit, LIMITS[k]);
    return hit === 1;
  }

  #opinions(predicted: number): Opinions {
    let [agree, differ] = [0, 0];
    for (let kind = 0; kind < KINDS; kind++) {
      if (this.#guesses.valid[kind] === 0) continue;
      if (this.#guesses.byte[kind] === predicted) agree |= 1 << kind;
      else differ |= 1 << kind;
    }
    return { agree, differ };
  }

  #look(k: number, context: number): void {
    const slot = context >>> this.#shifts[k];
    const counter = fine.owned(this.#tables[k][slot], context);
    this.#slots[k] = slot;
    this.#counters[k] = counter;
    this.#inputs[k] = fine.logit(counter);
  }

  #contexts(best: number, n: number, p: number, segment: InSegment, opinions: Opinions): number[] {
    const { old, next } = this.#files;
    const state = this.#state;
    const predicted = this.#guesses.byte[best];
    const place = p % 4;
    const signature = signatureOf(opinions);
    const miss = opinions.differ === 0 ? 0 : 1;
    const run = Math.min(bitsOf(state.runLength), 15);
    const [oldHere, o1, o2, o3] = [old.u8(p), old.u8(p - 1), old.u8(p - 2), old.u8(p - 3)];
    const [c1, c2, c3, c4] = [next.u8(n - 1), next.u8(n - 2), next.u8(n - 3), next.u8(n - 4)];
    const isOfReference = ((opinions.agree | opinions.differ) & OF_REFERENCE) !== 0;
    const sinceMiss = Math.min(n - state.lastMiss, 20);
    const ends = Math.min(bitsOf(segment.fromBytes), 15) | (Math.min(bitsOf(segment.leftBytes), 15) << 4);
    const last3 = predicted | (c1 << 8) | (c2 << 16);
    return [
      hash3(1, signature, state.confidence | (isOfReference ? state.referenceType << 3 : 0)),
      hash3(2, run, place | (best << 2) | (miss << 6)),
      hash3(3, o1 | (o2 << 8) | (o3 << 16), oldHere | (miss << 9)),
      hash3(4, old.u32(p), miss),
      hash3(5, state.history & 0xffff, best),
      hash3(6, this.#sampledHistory(), (p % 8) | (best << 3)),
      hash3(7, ends, run | (signature << 4)),
      hash3(8, state.difference1 | (state.difference2 << 8), hash3(sinceMiss, oldHere, best)),
      hash3(9, last3, 0),
      hash3(10, last3 | (c3 << 24), c4),
      hash3(11, this.#guesses.kindHistory[best] & 255, best | (place << 4) | (state.confidence << 6)),
      hash3(12, o1 | (o2 << 8), c1 | (c2 << 8) | (place << 16)),
    ];
  }

  #sampledHistory(): number {
    const { history, earlierHistory } = this.#state;
    let sampled = 0;
    for (const [k, ago] of SAMPLED.entries()) {
      const bit = ago < 32 ? history >>> ago : earlierHistory >>> (ago - 32);
      sampled |= (bit & 1) << k;
    }
    return sampled;
  }
}

function signatureOf({ agree, differ }: Opinions): number {
  return agree | (differ << 11);
}
