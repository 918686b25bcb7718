/**
 * Instructions of x86-64 that lie on nothing of the old file: what follows a call, a jump, or an access relative to the program counter is
 * decoded as where it leads (Intel SDM 2, "CALL", "JMP", 2.2.1.6).
 */

import type { BothFiles } from './files.ts';
import { hash, hash3 } from './hash.ts';
import type { ModuleEntry } from './lists.ts';
import type { MatchModel } from './match.ts';
import type { State } from './state.ts';
import { lengthStateOf, TARGET_SETS_AT, type WordBytes } from './word-bytes.ts';

const CALL = 0xe8;
const JUMP = 0xe9;
const LEA = 0x8d;
const LOAD = 0x8b;
const GROUP5 = 0xff;
const FIELD_BYTES = 4;
/** Of the module, before the first one: instructions are looked at. */
const BEFORE_BYTES = 8;

export class TargetDecoder {
  readonly #files: BothFiles;
  readonly #match: MatchModel;
  readonly #bytes: WordBytes;
  readonly #state: State;
  /** The targets last met, by the kind of instruction, and of all. */
  readonly #lasts = new Uint32Array(4);
  #last = 0;

  constructor(files: BothFiles, match: MatchModel, bytes: WordBytes, state: State) {
    this.#files = files;
    this.#match = match;
    this.#bytes = bytes;
    this.#state = state;
  }

  /** Whether new[n] begins a field that is decoded here. leftBytes: to the end of the gap. */
  isPlace(n: number, leftBytes: number, module: ModuleEntry): boolean {
    if (leftBytes < FIELD_BYTES || n < module.newStart + BEFORE_BYTES) return false;
    const [c1, c2] = [this.#files.next.u8(n - 1), this.#files.next.u8(n - 2)];
    if (c1 === CALL || c1 === JUMP) return true;
    if ((c1 & 0xc7) !== 5) return false;
    return c2 === LEA || c2 === LOAD || (c2 === GROUP5 && (c1 === 0x15 || c1 === 0x25));
  }

  /** Decodes the field at new[n], puts it there, and lets the match model follow. */
  decode(n: number, module: ModuleEntry): void {
    const { next, old } = this.#files;
    const start = old.sizeBytes + n;
    const place = n - module.newStart + FIELD_BYTES;
    const length = this.#match.at + FIELD_BYTES <= start ? this.#match.length : 0;
    const lengthState = lengthStateOf(length);
    const expected = length > 0 ? this.#targetAt(this.#match.at, module) : 0;
    const call = kindOf(next.u8(n - 1), next.u8(n - 2));
    let follows = length > 0;
    let word = 0;
    for (let j = 0; j < FIELD_BYTES; j++) {
      const expectedByte = (expected >>> (24 - 8 * j)) & 255;
      const guess = follows ? expectedByte : undefined;
      const at = { j, word, set: TARGET_SETS_AT + j * 4 + call, guess, lengthState };
      const contexts = this.#contexts(n, j, word, call, place);
      const first = guess === undefined ? hash(0x62, j | (call << 2)) : hash3(0x61, guess, (lengthState << 2) | j);
      const byte = this.#bytes.decode(at, [first, ...contexts]);
      if (byte !== expectedByte) follows = false;
      word = ((word << 8) | byte) >>> 0;
    }
    const stored = (word - place) >>> 0;
    for (let k = 0; k < FIELD_BYTES; k++) next.bytes[n + k] = stored >>> (8 * k);
    this.#lasts[call] = word;
    this.#last = word;
    this.#match.followTarget(n, word === expected);
  }

  /** position: in both files as one. */
  #targetAt(position: number, { oldStart, newStart }: ModuleEntry): number {
    const oldBytes = this.#files.old.sizeBytes;
    const place = position < oldBytes ? position - oldStart : position - oldBytes - newStart;
    return (this.#files.u32(position) + place + FIELD_BYTES) >>> 0;
  }

  #contexts(n: number, j: number, word: number, call: number, place: number): number[] {
    const { next } = this.#files;
    const [c4, before] = [next.u32(n - 4), next.u32(n - 8)];
    const last = this.#lasts[call];
    const shift = 24 - 8 * j;
    const where = j | (call << 2);
    const known = hash(word, where);
    return [
      hash3(0x63, known, 0),
      hash3(0x64, known, c4 >>> 16),
      hash3(0x65, known, last),
      hash3(0x66, known, place >>> 12),
      hash3(0x67, known, place >>> 16),
      hash3(0x68, known, c4),
      hash3(0x69, known, hash(c4, before)),
      hash3(0x6a, known, last >>> 12),
      hash3(0x6b, word, j),
      hash3(0x6c, known, c4 >>> 8),
      hash3(0x6d, (last >>> shift) & 255, where),
      hash3(0x6e, known, this.#last),
      hash3(0x6f, (place >>> shift) & 255, where),
      hash3(0x70, this.#last, last),
      hash3(0x71, known, this.#state.history & 255),
    ];
  }
}

/** CALL, JMP, both of them indirect, an access. */
function kindOf(c1: number, c2: number): number {
  if (c1 === CALL) return 0;
  if (c1 === JUMP) return 1;
  return c2 === GROUP5 ? 2 : 3;
}
