/**
 * Sixteen contexts of the bits of a byte, each with a table of counters. For each half of the byte a context chooses a line of 16 counters,
 * and each bit of the half a counter in the line.
 */

import { coarse, EVEN } from './counters.ts';
import { hash } from './hash.ts';

export const CONTEXTS = 16;
/** A cache line has 64 bytes. */
const LINE_MASK = 15;
/** By context: how many bits more its table has, and the limits of the counts. */
const ROOM = [-1, 0, 0, 0, 0, -2, 0, -1, 1, 2, 2, 2, 1, 0, -5, 0];
const LIMITS = [60, 60, 60, 60, 60, 60, 60, 127, 127, 120, 120, 120, 120, 120, 127, 120];

export class ByteContexts {
  /** To be set before a byte: hashes. */
  readonly contexts = new Uint32Array(CONTEXTS);
  readonly #tables: readonly Uint32Array[];
  readonly #shifts: readonly number[];
  readonly #hashes = new Uint32Array(CONTEXTS);
  readonly #slots = new Uint32Array(CONTEXTS);
  readonly #counters = new Uint32Array(CONTEXTS);

  /** bits: of a table without more or less room. */
  constructor(bits: number) {
    this.#tables = ROOM.map((room) => new Uint32Array(1 << (bits + room)).fill(EVEN));
    this.#shifts = ROOM.map((room) => 32 - bits - room);
  }

  /** To be called before the first and the fifth bit. partial: the bits of the byte before it, with a 1 in front. */
  startHalf(partial: number, from = 0, to = CONTEXTS): void {
    for (let k = from; k < to; k++) this.#hashes[k] = hash(this.contexts[k], partial);
  }

  /** half: the bits of this half of the byte, with a 1 in front. */
  #slotOf(k: number, half: number): number {
    const h = this.#hashes[k];
    return ((h >>> this.#shifts[k]) & ~LINE_MASK) | ((h ^ half) & LINE_MASK);
  }

  /** The counter at a slot, or a new one; its check is not the bits of the hash that say where it is. */
  #counterAt(k: number, slot: number): number {
    return coarse.owned(this.#tables[k][slot], this.#hashes[k] >>> 4);
  }

  /** The logits of the next bit, into the first inputs. */
  look(half: number, inputs: Int32Array): void {
    for (let k = 0; k < CONTEXTS; k++) {
      const slot = this.#slotOf(k, half);
      const counter = this.#counterAt(k, slot);
      this.#slots[k] = slot;
      this.#counters[k] = counter;
      inputs[k] = coarse.logit(counter);
    }
  }

  /** The bit that was looked up last. */
  learn(bit: number): void {
    for (let k = 0; k < CONTEXTS; k++)
      this.#tables[k][this.#slots[k]] = coarse.updated(this.#counters[k], bit, LIMITS[k]);
  }

  /** A bit that was not looked up, in one context. */
  learnUnseen(k: number, half: number, bit: number, limit: number): void {
    const slot = this.#slotOf(k, half);
    this.#tables[k][slot] = coarse.updated(this.#counterAt(k, slot), bit, limit);
  }
}
