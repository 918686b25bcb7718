/**
 * What a station sends again and again at the same place: the PI in block 1, TP and PTY in block 2 with the mix of group
 * types (IEC 62106-2; EN 50067:1998 clause 3.1), the function header of type C groups on streams 1..3. It is learned from
 * blocks that were certain without it, and believed only as far as it has kept its word.
 */

import type { StreamNumber } from '../groups/group.ts';
import type { KnownBits } from './sub-code.ts';

const PI_MASK = 0xffff;
/** TP and PTY. */
const PROGRAMME_MASK = 0x07e0;
/** FID and function number. */
const FUNCTION_MASK = 0xff00;

/** Only blocks that are at least this certain teach anything. */
const CERTAIN = 0.999;
/** The share of blocks that agree is averaged over about so many. */
const AVERAGE_BLOCKS = 16;
const FIRST_PROBABILITY = 0.8;
const MOST_PROBABILITY = 0.98;
/** Below, knowing is not worth the work. */
const LEAST_PROBABILITY = 0.3;
const TYPES = 32;
const TYPE_BLOCKS = 64;
/** Every type keeps this much of a chance, together. */
const ANY_TYPE = 0.2;

class Memory {
  readonly mask: number;
  readonly #known: { mask: number; value: number; probability: number; typeShares: Float64Array | null };
  #last = -1;

  constructor(mask: number, typeShares: Float64Array | null) {
    this.mask = mask;
    this.#known = { mask, value: -1, probability: 0, typeShares };
  }

  get known(): KnownBits | null {
    return this.#known.probability >= LEAST_PROBABILITY ? this.#known : null;
  }

  /** True when a value that was believed has given way to this one. */
  learn(word: number): boolean {
    const known = this.#known;
    const before = known.value;
    const value = word & this.mask;
    const agrees = value === known.value ? 1 : 0;
    known.probability += (agrees - known.probability) / AVERAGE_BLOCKS;
    if (known.probability > MOST_PROBABILITY) known.probability = MOST_PROBABILITY;
    // Twice the same in a row, and nothing better known: believe it.
    if (agrees === 0 && value === this.#last && known.probability < 0.5) {
      known.value = value;
      known.probability = FIRST_PROBABILITY;
    }
    this.#last = value;
    return before >= 0 && known.value !== before;
  }
}

export class HeaderMemory {
  readonly #memories: readonly (Memory | null)[];
  readonly #types = new Float64Array(TYPES).fill(1 / TYPES);
  readonly #shares = new Float64Array(TYPES).fill(1 / TYPES);

  constructor(stream: StreamNumber) {
    this.#memories =
      stream === 0
        ? [new Memory(PI_MASK, null), new Memory(PROGRAMME_MASK, this.#shares), null, null]
        : [new Memory(FUNCTION_MASK, null), null, null, null];
  }

  known(block: number): KnownBits | null {
    return this.#memories[block]?.known ?? null;
  }

  /**
   * Any block, with the probability that it is right without what is known here. True when a value that was believed has
   * given way to another one.
   */
  learn(block: number, word: number, probability: number): boolean {
    const memory = this.#memories[block] ?? null;
    if (memory === null || probability < CERTAIN) return false;
    const hasChanged = memory.learn(word);
    if (memory.mask !== PROGRAMME_MASK) return hasChanged;
    const type = word >>> 11;
    for (let k = 0; k < TYPES; k++) {
      this.#types[k] += ((k === type ? 1 : 0) - this.#types[k]) / TYPE_BLOCKS;
      this.#shares[k] = (1 - ANY_TYPE) * this.#types[k] + ANY_TYPE / TYPES;
    }
    return hasChanged;
  }
}
