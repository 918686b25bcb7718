/**
 * Match model: where the last bytes stood before, in the old file as far as it was made known or in the new one, and what followed them there.
 * Positions are those of both files as one, the new file after the old one.
 */

import { hash, hash3, spread } from './hash.ts';
import type { BothFiles, File } from './files.ts';

/** A match is looked for by its last six bytes, or three words, and is one from five bytes, or three words. */
const HASHED_BYTES = 6;
const LEAST_BYTES = 5;
const LEAST_WORDS = 3;
/** Further back a match is not compared. */
const LOOKED_BYTES = 32;
/** From this length on a match that ends is gone on with after the byte that differed. */
const RECOVERED_FROM_BYTES = 12;
const RECOVERED_FIRST = 16;
const RECOVERED_MOST = 32;
const RECOVERED_LOSS = 5;
/** Matches from far are looked for below this length, and must have so much. */
const FAR_BELOW_BYTES = 16;
const FAR_LEAST_BYTES = 20;
const ROLLED_BYTES = 32;
/** From this length on a match may stand for a whole block. */
const REACHING_BYTES = 32;
/** Even: after 32 steps a byte has left the hash. */
const FAR_FACTOR = 0x2f0b_4c46;

export class MatchModel {
  readonly #files: BothFiles;
  readonly #bits: number;
  /** By the hash: the position after what was hashed, 0 for none, and the lowest byte of the hash. */
  readonly #places: Uint32Array;
  readonly #checks: Uint8Array;
  readonly #far: FarPlaces | undefined;
  /** What the next byte may be: that at `at`. `length` bytes before it are the same; 0: there is no match. */
  at = 0;
  length = 0;
  /** The same for a match that a byte interrupted. recoverLeft: how much trust is left; none from 0 down. */
  recoverAt = 0;
  recoverLeft = 0;

  /** bits: of the table. */
  constructor(files: BothFiles, bits: number) {
    this.#files = files;
    this.#bits = bits;
    this.#places = new Uint32Array(1 << bits);
    this.#checks = new Uint8Array(1 << bits);
    const { old, next } = files;
    if (old.sizeBytes === 0 && next.sizeBytes > 1 << bits) this.#far = new FarPlaces(next, bits + 1);
  }

  /** Makes old[from, to) known. */
  indexOld(from: number, to: number): void {
    for (let p = from + HASHED_BYTES; p < to; p++) this.#note(this.#hashBefore(p), p);
  }

  /** Of the six bytes before a position. */
  #hashBefore(position: number): number {
    const byte = (back: number): number => this.#files.u8(position - back);
    const last4 = ((byte(4) << 24) | (byte(3) << 16) | (byte(2) << 8) | byte(1)) >>> 0;
    return hash(last4, (byte(6) << 8) | byte(5));
  }

  #note(h: number, position: number): void {
    const slot = h >>> (32 - this.#bits);
    this.#places[slot] = position;
    this.#checks[slot] = h & 255;
  }

  /** 0 for none. */
  #placeOf(h: number): number {
    const slot = h >>> (32 - this.#bits);
    return this.#checks[slot] === (h & 255) ? this.#places[slot] : 0;
  }

  /** After new[n] is known. look: whether a match is worth looking for. */
  followByte(n: number, look: boolean): void {
    const known = this.#files.old.sizeBytes + n + 1;
    const byte = this.#files.next.u8(n);
    this.#followRecovered(byte, known);
    this.#followMatch(byte, known);
    this.#followFar(n, 0);
    if (n < HASHED_BYTES) return;
    const h = this.#hashBefore(known);
    const found = this.length === 0 && look ? this.#placeOf(h) : 0;
    if (found > 0) {
      const length = this.#lengthAt(found, n);
      if (length >= LEAST_BYTES) {
        this.length = length;
        this.at = found;
      }
    }
    this.#note(h, known);
  }

  #followRecovered(byte: number, known: number): void {
    if (this.recoverLeft <= 0) return;
    if (this.#files.u8(this.recoverAt) !== byte) this.recoverLeft -= RECOVERED_LOSS;
    else if (this.recoverLeft < RECOVERED_MOST) this.recoverLeft += 1;
    this.recoverAt += 1;
    if (this.recoverAt >= known) this.recoverLeft = 0;
  }

  #followMatch(byte: number, known: number): void {
    if (this.length === 0) return;
    if (this.#files.u8(this.at) === byte) {
      this.at += 1;
      this.length = this.at >= known ? 0 : this.length + 1;
      return;
    }
    if (this.length >= RECOVERED_FROM_BYTES && this.at + 1 < known - 1) {
      this.recoverAt = this.at + 1;
      this.recoverLeft = RECOVERED_FIRST;
    }
    this.length = 0;
  }

  /** How many bytes before a position are the same as those up to new[n]. */
  #lengthAt(position: number, n: number): number {
    let length = 0;
    while (length < LOOKED_BYTES && length < position && length <= n) {
      if (this.#files.u8(position - 1 - length) !== this.#files.next.u8(n - length)) break;
      length++;
    }
    return length;
  }

  /** left: how many bytes more are known. */
  #followFar(n: number, left: number): void {
    const found = this.#far?.follow(n) ?? 0;
    if (found === 0 || this.length >= FAR_BELOW_BYTES) return;
    const length = this.#lengthAt(found, n);
    if (length < FAR_LEAST_BYTES || length <= this.length) return;
    this.length = length;
    this.at = found + left;
  }

  /** Whether there is a long match that may be right for so many bytes from new[n] on. */
  reaches(n: number, bytes: number): boolean {
    return this.length >= REACHING_BYTES && this.at + bytes <= this.#files.old.sizeBytes + n;
  }

  /** After so many bytes from new[n] on were said at once. */
  pass(n: number, bytes: number, matched: boolean): void {
    this.recoverLeft = 0;
    this.length = matched ? this.length + bytes : 0;
    if (matched) this.at += bytes;
    this.#far?.pass(n + bytes);
  }

  /** After the four bytes at new[n], which are a target of x86-64. same: as the match has them. */
  followTarget(n: number, same: boolean): void {
    this.recoverLeft = 0;
    this.#goOn(n, same);
    for (let k = 0; k < 4; k++) this.#followFar(n + k, 3 - k);
  }

  #goOn(n: number, same: boolean): void {
    if (this.length === 0) return;
    const goesOn = same && this.at + 4 <= this.#files.old.sizeBytes + n;
    this.length = goesOn ? this.length + 4 : 0;
    if (goesOn) this.at += 4;
  }

  /**
   * After the word at new[n] is known: its four bytes. word, expected: with targets, see words.ts; before: the three words before it, the last
   * one first. wordAt: the word that stands at a position, with its target.
   */
  followWord(
    n: number,
    word: number,
    expected: number,
    before: readonly [number, number, number],
    wordAt: (position: number) => number,
  ): void {
    const start = this.#files.old.sizeBytes + n;
    this.recoverLeft = 0;
    this.#goOn(n, word === expected);
    const h = hash3(word, hash(before[0], before[1]), 0x57);
    const found = this.length < 4 * LEAST_WORDS ? this.#placeOf(h) : 0;
    if (found >= 16) {
      let same = 0;
      while (same < 4 && wordAt(found - 4 * (same + 1)) === [word, ...before][same]) same++;
      if (same >= LEAST_WORDS) {
        this.length = 4 * same;
        this.at = found;
      }
    }
    this.#note(h, start + 4);
    for (let k = 0; k < 4; k++) this.#followFar(n + k, 3 - k);
  }
}

/** Places of 32 bytes at a distance from each other that lets the table reach over the whole file. Only from nothing. */
class FarPlaces {
  readonly #next: File;
  readonly #bits: number;
  readonly #stepBytes: number;
  readonly #places: Uint32Array;
  readonly #checks: Uint16Array;
  /** Of the last 32 bytes. */
  #rolling = 0;

  constructor(next: File, bits: number) {
    this.#next = next;
    this.#bits = bits;
    this.#stepBytes = Math.max(16, Math.floor(next.sizeBytes / 2 ** bits) + 1);
    this.#places = new Uint32Array(1 << bits);
    this.#checks = new Uint16Array(1 << bits);
  }

  #roll(n: number): void {
    this.#rolling = Math.imul(this.#rolling + this.#next.u8(n) + 1, FAR_FACTOR) >>> 0;
  }

  /** Bytes up to here, at least 32, were said at once. */
  pass(end: number): void {
    for (let n = end - ROLLED_BYTES; n < end; n++) this.#roll(n);
  }

  /** After new[n] is known: where the last bytes stood before; 0 for nowhere. To be called for every byte that is not passed. */
  follow(n: number): number {
    this.#roll(n);
    const h = this.#rolling ^ (this.#rolling >>> 15);
    const slot = spread(h) >>> (32 - this.#bits);
    const found = this.#checks[slot] === (h & 0xffff) ? this.#places[slot] : 0;
    if (n % this.#stepBytes === 0) {
      this.#places[slot] = n + 1;
      this.#checks[slot] = h & 0xffff;
    }
    return found;
  }
}
