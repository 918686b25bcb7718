/** The contexts of a byte that was not guessed, and what they learn of the bytes that were. */

import type { ByteContexts } from './byte-contexts.ts';
import type { BothFiles, File } from './files.ts';
import { hash, hash3 } from './hash.ts';
import type { State } from './state.ts';

/** What is known about the byte at new[n], which lies on old[p], or in a gap. */
export interface Missed {
  readonly n: number;
  readonly p: number | undefined;
  /** 0 in a gap, 1 where the old byte was the best guess, 2 where another one was. */
  readonly mode: 0 | 1 | 2;
  /** The guess that was wrong; 0 in a gap. */
  readonly predicted: number;
  /** In a gap: the best guess, and its kind. */
  readonly favourite: { readonly kind: number; readonly byte: number } | undefined;
  /** The first kind of field that covers the byte, and where it is in it; otherwise 0. */
  readonly fieldKind: number;
  readonly fieldPlace: number;
  readonly matchLength: number;
}

/** Those of the bytes before, which are also learned from what was guessed right. */
const ORDER_FIRST = 7;
const ORDER_END = 13;
/** How many bytes before a miss are learned late, and how many before these make the word. */
const LATE_BYTES = 24;
const WORD_BYTES = 8;
const FIRST_WORD_AT = 8;
const CHUNK_BYTES = 1 << 18;
/** A decoder keeps so much of the new file before the chunk at hand: lines that start before it are not looked at. */
const KEPT_BYTES = 1 << 17;
const NO_BYTE = 256;

function isWord(byte: number): boolean {
  const isLetter = (byte >= 97 && byte <= 122) || (byte >= 65 && byte <= 90);
  return isLetter || (byte >= 48 && byte <= 57) || byte === 95 || byte > 127;
}

export class MissedContexts {
  readonly #files: BothFiles;
  readonly #state: State;
  readonly #bytes: ByteContexts;

  constructor(files: BothFiles, state: State, bytes: ByteContexts) {
    this.#files = files;
    this.#state = state;
    this.#bytes = bytes;
  }

  set(missed: Missed): void {
    const { n, p, mode, predicted, favourite, fieldKind, fieldPlace, matchLength } = missed;
    const { old, next } = this.#files;
    const { contexts } = this.#bytes;
    const [oldHere, oldNext, o1] = p === undefined ? [0, 0, 0] : [old.u8(p), old.u8(p + 1), old.u8(p - 1)];
    const place = (p ?? 0) % 4;
    const [c1, c2, c3, c4] = [next.u8(n - 1), next.u8(n - 2), next.u8(n - 3), next.u8(n - 4)];
    const field = fieldPlace | (fieldKind << 3);
    contexts[0] =
      favourite === undefined
        ? hash3(1, mode, predicted | (p === undefined ? 0 : 256))
        : hash3(17, favourite.byte, Math.min(matchLength, 31) | (favourite.kind << 8));
    if (p === undefined) this.#setGap(n);
    else {
      contexts[1] = hash3(2, oldHere | (o1 << 8), mode);
      contexts[2] = hash3(3, oldHere | (c1 << 8), place | (mode << 4));
      contexts[3] = hash3(4, this.#state.difference1, hash(oldHere, field | (mode << 8)));
      contexts[4] = hash3(5, oldHere | (oldNext << 8), hash(c1, mode));
      contexts[5] = hash3(6, field, this.#state.confidence | (mode << 3) | (place << 6));
      contexts[6] = hash3(7, old.u32(p - 3), mode);
    }
    this.#setOrders(n, this.#state.word);
    contexts[13] = hash3(14, place | (mode << 4), next.u8(n - 8) | (c4 << 8));
    contexts[14] = hash3(15, mode, 0);
    contexts[15] = hash3(16, c2 | (c3 << 8), mode);
  }

  /** In a gap: skipped bytes, and the line above. */
  #setGap(n: number): void {
    const { next } = this.#files;
    const { contexts } = this.#bytes;
    const [c1, c2, c4] = [next.u8(n - 1), next.u8(n - 2), next.u8(n - 4)];
    const last4 = next.u32(n - 4);
    const column = Math.min(n - this.#state.lineStart, 255);
    const above = this.#byteAbove(n, column);
    contexts[1] = hash3(2, last4 & 0xff00_ffff, 0);
    contexts[2] = hash3(3, column, 0);
    contexts[3] = hash3(4, last4 & 0x00ff_ffff, 0);
    contexts[4] = hash3(5, column | (above << 8), c1);
    contexts[5] = hash3(6, n % 4, c1 | (c4 << 8));
    contexts[6] = hash3(7, above, c2 | (c1 << 8));
  }

  #byteAbove(n: number, column: number): number {
    const { lineStart, lineBefore } = this.#state;
    const keptFrom = Math.max(0, Math.floor(n / CHUNK_BYTES) * CHUNK_BYTES - KEPT_BYTES);
    const isThere = lineBefore > 0 && lineBefore + column < lineStart && lineBefore >= keptFrom;
    return isThere ? this.#files.next.u8(lineBefore + column) : NO_BYTE;
  }

  /** Contexts of the last bytes of the new file before new[n], and of the word there. */
  #setOrders(n: number, word: number): void {
    const { next } = this.#files;
    const { contexts } = this.#bytes;
    const last4 = next.u32(n - 4);
    contexts[7] = hash3(8, last4 >>> 24, 0);
    contexts[8] = hash3(9, last4 >>> 16, 0);
    contexts[9] = hash3(10, last4 >>> 8, 0);
    contexts[10] = hash3(11, last4, 0);
    contexts[11] = hash3(12, last4, n > 5 ? next.u16(n - 6) : 0);
    contexts[12] = hash3(13, word, last4 >>> 24);
  }

  /** Before a miss at new[n]: learns the bytes before it that were guessed right, for they are its context. */
  learnLate(n: number): void {
    const { next } = this.#files;
    const from = Math.max(this.#state.trained, n - LATE_BYTES);
    this.#state.trained = n + 1;
    if (from >= n) return;
    // The first eight bytes of the file are in no word.
    let word = wordBetween(next, Math.max(from - WORD_BYTES, FIRST_WORD_AT), from);
    for (let q = from; q < n; q++) {
      const byte = next.u8(q);
      this.#setOrders(q, word);
      word = nextWord(word, byte);
      this.#learnByte(byte);
    }
  }

  #learnByte(byte: number): void {
    let half = 1;
    for (let b = 7; b >= 0; b--) {
      if (b === 7 || b === 3) {
        this.#bytes.startHalf((256 | byte) >> (b + 1), ORDER_FIRST, ORDER_END);
        half = 1;
      }
      const bit = (byte >> b) & 1;
      for (let k = ORDER_FIRST; k < ORDER_END; k++) this.#bytes.learnUnseen(k, half, bit, k < 9 ? 127 : 100);
      half = (half << 1) | bit;
    }
  }
}

/** The hash of the word at hand, after one byte more. */
export function nextWord(word: number, byte: number): number {
  return isWord(byte) ? hash(word, byte) : 0;
}

function wordBetween(file: File, from: number, to: number): number {
  let word = 0;
  for (let q = from; q < to; q++) word = nextWord(word, file.u8(q));
  return word;
}
