/** The guesses about the byte at hand: which there are, how often each kind was right, and which is the best. */

import { PlainCounters } from './counters.ts';
import { type Fields, Kind, KINDS } from './fields.ts';
import type { BothFiles } from './files.ts';
import type { MatchModel } from './match.ts';
import type { State } from './state.ts';

/** States of a kind of guess, by which its counters are told apart. */
export const KIND_STATES = 512;
const RIGHT_LIMIT = 250;
/** Where there is an old file, the match model is only asked from this length on. */
const MATCH_ABOVE_BYTES = 20;
const RECOVERED_BELOW_BYTES = 16;

export class Guesses {
  readonly #files: BothFiles;
  readonly #fields: Fields;
  readonly #match: MatchModel;
  readonly #state: State;
  /** By kind: whether there is a guess, what it says, its state, and whether the guesses of this kind were right, the last one lowest. */
  readonly valid = new Uint8Array(KINDS);
  readonly byte = new Uint8Array(KINDS);
  readonly kindState = new Uint16Array(KINDS);
  readonly kindHistory = new Uint32Array(KINDS);
  /** By kind, state, and place in the field. */
  readonly #right = new PlainCounters(KINDS * KIND_STATES * 4);
  readonly #counterAt = new Uint32Array(KINDS);

  constructor(files: BothFiles, fields: Fields, match: MatchModel, state: State) {
    this.#files = files;
    this.#fields = fields;
    this.#match = match;
    this.#state = state;
  }

  /** How often guesses like this one were right, 24 bits. */
  rightOf(kind: number): number {
    return this.#right.p(this.#counterAt[kind]);
  }

  /** The guesses about new[n], which lies on old[p], or in a gap. Returns the kind of the best one. */
  gather(n: number, p: number | undefined): number | undefined {
    let best: number | undefined;
    for (let kind = 0; kind < KINDS; kind++) {
      const byte = this.#guess(kind, n, p);
      this.valid[kind] = byte === undefined ? 0 : 1;
      if (byte === undefined) continue;
      this.byte[kind] = byte;
      const state = this.#stateOf(kind, p === undefined);
      this.kindState[kind] = state;
      const isField = kind > Kind.copy && kind < Kind.match;
      const place = (isField ? this.#fields.offset(kind, n) : (p ?? 0)) % 4;
      this.#counterAt[kind] = (kind * KIND_STATES + state) * 4 + place;
      if (best === undefined || this.rightOf(kind) > this.rightOf(best)) best = kind;
    }
    return best;
  }

  #guess(kind: number, n: number, p: number | undefined): number | undefined {
    const { length, at, recoverAt, recoverLeft } = this.#match;
    if (kind === Kind.match) {
      const isAsked = p === undefined ? length > 0 : length > MATCH_ABOVE_BYTES;
      return isAsked ? this.#files.u8(at) : undefined;
    }
    if (kind === Kind.recovered) {
      const isAsked = p === undefined && recoverLeft > 0 && length < RECOVERED_BELOW_BYTES;
      return isAsked && !(length > 0 && recoverAt === at) ? this.#files.u8(recoverAt) : undefined;
    }
    if (p === undefined) return undefined;
    if (kind === Kind.copy) return this.#files.old.u8(p);
    return this.#fields.covers(kind, n) ? this.#fields.byte(kind, n) : undefined;
  }

  #stateOf(kind: number, isGap: boolean): number {
    const history = this.kindHistory[kind];
    const { confidence, referenceType } = this.#state;
    switch (kind) {
      case Kind.match:
        return Math.min(this.#match.length, 31) | (isGap ? 32 : 0);
      case Kind.recovered:
        return 32 | (history & 31);
      case Kind.reference:
      case Kind.learned:
        return (history & 15) | (confidence << 4) | ((referenceType & 7) << 6);
      case Kind.address:
        return (history & 15) | (confidence << 4);
      default:
        return history & 15;
    }
  }

  /** After the byte is known. A field that was wrong once is not asked again. */
  learn(byte: number): void {
    for (let kind = 0; kind < KINDS; kind++) {
      if (this.valid[kind] === 0) continue;
      const right = this.byte[kind] === byte ? 1 : 0;
      this.#right.update(this.#counterAt[kind], right, RIGHT_LIMIT);
      this.kindHistory[kind] = (this.kindHistory[kind] << 1) | right;
      if (right === 0 && kind !== Kind.copy && kind < Kind.match) this.#fields.drop(kind);
    }
  }
}
