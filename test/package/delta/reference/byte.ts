/** One byte of the new file, or one word of instructions: decoded, and then learned from by all that learn. */

import type { ArithmeticDecoder } from './arithmetic-decoder.ts';
import { ByteContexts } from './byte-contexts.ts';
import { TargetDecoder } from './calls.ts';
import type { Candidates } from './candidates.ts';
import type { Fields } from './fields.ts';
import type { BothFiles } from './files.ts';
import { FlagDecoder, type InSegment } from './flags.ts';
import { Guesses } from './guesses.ts';
import type { MatchModel } from './match.ts';
import { nextWord } from './missed-contexts.ts';
import { MissDecoder } from './misses.ts';
import type { OpenModule } from './module.ts';
import type { State } from './state.ts';
import { WordBytes } from './word-bytes.ts';
import { WordDecoder } from './words.ts';

/** Bits of the smallest tables. */
const FLAG_BITS = 14;
const BYTE_BITS = 14;
/** How long after a miss a match is looked for where there is an old file. */
const MATCH_LOOKS_BYTES = 16;
const LINE_FEED = 10;
const WORD_BYTES = 4;

/** What all that decode a byte share. */
export interface ByteParts {
  readonly coder: ArithmeticDecoder;
  readonly files: BothFiles;
  readonly state: State;
  readonly fields: Fields;
  readonly candidates: Candidates;
  readonly match: MatchModel;
}

export class ByteDecoder {
  readonly #parts: ByteParts;
  readonly #guesses: Guesses;
  readonly #flags: FlagDecoder;
  readonly #misses: MissDecoder;
  readonly #words: WordDecoder;
  readonly #targets: TargetDecoder;

  /** tables: as the head says. */
  constructor(parts: ByteParts, tables: number) {
    const { coder, files, state, fields, match } = parts;
    const bytes = new ByteContexts(BYTE_BITS + tables);
    this.#parts = parts;
    this.#guesses = new Guesses(files, fields, match, state);
    this.#flags = new FlagDecoder(coder, files, this.#guesses, state, FLAG_BITS + tables);
    this.#misses = new MissDecoder(coder, files, fields, this.#guesses, match, bytes, state);
    const wordBytes = new WordBytes(coder, bytes);
    this.#words = new WordDecoder(files, match, wordBytes);
    this.#targets = new TargetDecoder(files, match, wordBytes, state);
  }

  /** new[n], which lies on old[p]. */
  onOld(n: number, p: number, segment: InSegment): void {
    const { files, state } = this.#parts;
    const best = this.#guesses.gather(n, p) ?? 0;
    const hit = this.#flags.decode(best, n, p, segment);
    const byte = hit ? this.#guesses.byte[best] : this.#misses.decode(n, p, best);
    state.pushHistory(hit ? 0 : 1, 1);
    state.runLength = hit ? (state.runLength + 1) | 0 : 0;
    if (!hit) state.lastMiss = n;
    const difference = (byte - files.old.u8(p)) & 255;
    if (difference !== 0) {
      state.difference2 = state.difference1;
      state.difference1 = difference;
    }
    this.#learn(n, byte, n - state.lastMiss <= MATCH_LOOKS_BYTES);
  }

  /** new[n] and what else is decoded at once in a gap, which has so many bytes left. Returns how many bytes these are. */
  inGap(n: number, leftBytes: number, module: OpenModule | undefined): number {
    const { state } = this.#parts;
    if (module?.machine === 'a64' && this.#words.isPlace(n, leftBytes, module)) this.#words.decode(n, module);
    else if (module?.machine === 'x64' && this.#targets.isPlace(n, leftBytes, module)) this.#targets.decode(n, module);
    else {
      const best = this.#guesses.gather(n, undefined);
      const byte = this.#misses.decode(n, undefined, best);
      state.pushHistory(1, 1);
      this.#learn(n, byte, true);
      return 1;
    }
    state.trained = n + WORD_BYTES;
    state.pushHistory(15, WORD_BYTES);
    state.word = 0;
    return WORD_BYTES;
  }

  #learn(n: number, byte: number, looksForMatch: boolean): void {
    const { files, state, candidates, match } = this.#parts;
    files.next.bytes[n] = byte;
    this.#guesses.learn(byte);
    state.word = nextWord(state.word, byte);
    if (byte === LINE_FEED) {
      state.lineBefore = state.lineStart;
      state.lineStart = n + 1;
    }
    candidates.finish(n);
    match.followByte(n, looksForMatch);
  }
}
