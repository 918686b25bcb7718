/**
 * Finds blocks and groups in a stream of channel symbols (EN 50067:1998 annex C), and keeps the group clock through fades.
 *
 * Searching: every bit position is tried; three offset words in the rhythm of one group within nine blocks are a lock
 * (pure noise does that about once in an hour). Locked: one group is put out every 104 bits, whatever is left of it, so
 * that slots can be counted. The search goes on behind a lock, for bit slips and for another station.
 *
 * Symbols are soft (see differential.ts). Today they only veto corrections; soft decoding takes the place of `readBlock`.
 */

import {
  BLOCK_BITS,
  BLOCK_OF_REMAINDER,
  burstError,
  CHECK_BITS,
  GROUP_BITS,
  OFFSETS_OF_BLOCK,
  remainder,
} from '../groups/block.ts';
import type { HeardGroup, StreamNumber } from '../groups/group.ts';
import { LOST_BLOCK } from '../groups/group.ts';
import { decodeDifferential } from './differential.ts';
import { offsetOfBlock3 } from './serialise.ts';

export interface SynchroniserOptions {
  readonly stream: StreamNumber;
  /** False when every symbol is +-1 (a bit stream from elsewhere), so that sizes say nothing. */
  readonly soft: boolean;
  readonly onGroup: (group: HeardGroup) => void;
}

/** Counts only ever grow. */
export interface BlockCounts {
  /** Blocks of groups that were put out. */
  blocks: number;
  /** Of these: check word right as received. */
  right: number;
  /** Of these: accepted after correcting a burst of one or two bits. */
  corrected: number;
  /** Of these: given up. */
  lost: number;
  groups: number;
  wholeGroups: number;
  /** How often the group clock started anew, the first time included. */
  restarts: number;
}

/** Three hits within this many bits are a lock. */
const SEARCH_BITS = 9 * BLOCK_BITS;
/** Symbols kept to read backwards from the bit where the lock was found. */
const HISTORY = 1024;
const HISTORY_MASK = HISTORY - 1;
/** How far back groups are read: history less the group being received and its predecessor symbol. */
const BACKWARD_BITS = 6 * GROUP_BITS;
/** A lock is kept this long without two right blocks near each other: 8 s, in which a clock wrong by 100 ppm slips 1 bit. */
const FLYWHEEL_BITS = 9_500;
/** The same for a lock that has not yet proved itself with `PROOF_HITS` right blocks. */
const UNPROVED_FLYWHEEL_BITS = 16 * BLOCK_BITS;
const PROOF_HITS = 8;
/** A lock moved by up to this many bits is the same clock after a slip. */
const SLIP_BITS = 2;
/** A symbol that a correction turns over must be weaker than this part of the group's mean. Noise that turns a symbol
 * over at Eb/N0 = 3 dB leaves more than this in 1.5 % of cases; a wrong correction hits a stronger one in most. */
const DOUBTFUL = 0.7;
/** Of this group and the one before, so many blocks must be right as received before anything in it is believed. */
const BELIEVED_BLOCKS = 2;

const NO_BLOCK = 255;
const NEVER = -1e9;

export class Synchroniser {
  readonly counts: BlockCounts = { blocks: 0, right: 0, corrected: 0, lost: 0, groups: 0, wholeGroups: 0, restarts: 0 };
  readonly #stream: StreamNumber;
  readonly #soft: boolean;
  readonly #onGroup: (group: HeardGroup) => void;
  readonly #symbols = new Float32Array(HISTORY);
  /** Symbols received; bit n lies between symbols n-1 and n. */
  #received = 0;
  #register = 0;
  /** Per phase (bit position of a group's begin mod 104): when the last and the last but one offset word fitted. */
  readonly #lastHit = new Float64Array(GROUP_BITS).fill(NEVER);
  readonly #hitBefore = new Float64Array(GROUP_BITS).fill(NEVER);
  #locked = false;
  /** First bit of the group being received. */
  #groupStart = 0;
  #hitsOfLock = 0;
  #lastHitOfLock = NEVER;
  /** When two right blocks last stood near each other. */
  #lastGood = NEVER;
  #rightInGroupBefore = 0;
  #slot = -1;
  #lastStart = NEVER;
  #clockRestarted = true;
  /** Filled by `#readGroup`. */
  readonly #words = new Int32Array(4);
  readonly #errors = new Int32Array(4);

  constructor(options: SynchroniserOptions) {
    this.#stream = options.stream;
    this.#soft = options.soft;
    this.#onGroup = options.onGroup;
  }

  get locked(): boolean {
    return this.#locked;
  }

  /** Soft channel symbols, before differential decoding. NaN counts as "no idea". */
  push(symbols: Float32Array, count: number = symbols.length): void {
    for (let k = 0; k < count; k++) this.#pushSymbol(symbols[k]);
  }

  #pushSymbol(value: number): void {
    const symbol = Number.isNaN(value) ? 0 : value;
    const n = this.#received++;
    const bit = decodeDifferential(symbol, this.#symbols[(n - 1) & HISTORY_MASK]);
    this.#symbols[n & HISTORY_MASK] = symbol;
    this.#register = ((this.#register << 1) | bit) & 0x3ff_ffff;
    if (n >= BLOCK_BITS) {
      const block = BLOCK_OF_REMAINDER[remainder(this.#register)];
      if (block !== NO_BLOCK) this.#hit(n, n + 1 - BLOCK_BITS * (block + 1));
    }
    if (!this.#locked) return;
    if (n === this.#groupStart + GROUP_BITS - 1) this.#finishGroup();
    const patience = this.#hitsOfLock < PROOF_HITS ? UNPROVED_FLYWHEEL_BITS : FLYWHEEL_BITS;
    if (n - this.#lastGood > patience) this.#locked = false;
  }

  /** An offset word that fits a group beginning at bit `start` ended with bit `n`. */
  #hit(n: number, start: number): void {
    const phase = ((start % GROUP_BITS) + GROUP_BITS) % GROUP_BITS;
    const ofLock = this.#locked && phase === this.#groupStart % GROUP_BITS;
    if (ofLock) {
      this.#hitsOfLock++;
      if (n - this.#lastHitOfLock <= 8 * BLOCK_BITS) this.#lastGood = n;
      this.#lastHitOfLock = n;
    }
    const before = this.#hitBefore[phase];
    const three = n - before <= SEARCH_BITS;
    this.#hitBefore[phase] = this.#lastHit[phase];
    this.#lastHit[phase] = n;
    if (!ofLock && three && (!this.#locked || this.#lastHitOfLock < before)) this.#lock(n, phase);
  }

  #lock(n: number, phase: number): void {
    const shift = (((phase - this.#groupStart) % GROUP_BITS) + GROUP_BITS) % GROUP_BITS;
    const slipped = this.#locked && (shift <= SLIP_BITS || shift >= GROUP_BITS - SLIP_BITS);
    const notBefore = Math.max(1, n - BACKWARD_BITS, this.#lastStart + GROUP_BITS - SLIP_BITS);
    if (!slipped) {
      this.#clockRestarted = true;
      this.#hitsOfLock = 3;
    }
    this.#locked = true;
    this.#lastHitOfLock = n;
    this.#lastGood = n;
    this.#rightInGroupBefore = 0;
    let start = notBefore + ((((phase - notBefore) % GROUP_BITS) + GROUP_BITS) % GROUP_BITS);
    // A group that was only half sent must not come out of the past, so the first one has to be whole.
    if (!slipped) {
      while (start + GROUP_BITS - 1 < n && this.#readGroup(start) < 4) start += GROUP_BITS;
    }
    this.#groupStart = start;
    while (this.#groupStart + GROUP_BITS - 1 < n) this.#finishGroup();
  }

  /** Bits `start`.. of one block as an integer. */
  #bits(start: number): number {
    let bits = 0;
    let previous = this.#symbols[(start - 1) & HISTORY_MASK];
    for (let k = start; k < start + BLOCK_BITS; k++) {
      const symbol = this.#symbols[k & HISTORY_MASK];
      bits = (bits << 1) | decodeDifferential(symbol, previous);
      previous = symbol;
    }
    return bits;
  }

  /** Fills `#words` and `#errors` (0 right, -1 beyond repair, otherwise the burst that was taken out). Counts the right. */
  #readGroup(start: number): number {
    let right = 0;
    for (let block = 0; block < 4; block++) {
      const bits = this.#bits(start + block * BLOCK_BITS);
      const error = block === 2 ? this.#errorOfBlock3(bits) : burstError(bits, OFFSETS_OF_BLOCK[block][0]);
      this.#errors[block] = error;
      this.#words[block] = (error > 0 ? bits ^ error : bits) >>> CHECK_BITS;
      if (error === 0) right++;
    }
    return right;
  }

  /** Either offset is taken when it fits as received; a correction needs block 2 to say which of the two it should be. */
  #errorOfBlock3(bits: number): number {
    if (BLOCK_OF_REMAINDER[remainder(bits)] === 2) return 0;
    if (this.#errors[1] < 0) return -1;
    const block1 = this.#errors[0] < 0 ? 1 : this.#words[0];
    return burstError(bits, offsetOfBlock3(this.#stream, block1, this.#words[1]));
  }

  #finishGroup(): void {
    const start = this.#groupStart;
    const right = this.#readGroup(start);
    const believed = right + this.#rightInGroupBefore >= BELIEVED_BLOCKS;
    const mean = this.#soft && believed ? this.#meanSize(start) : 0;
    const blocks: [number, number, number, number] = [LOST_BLOCK, LOST_BLOCK, LOST_BLOCK, LOST_BLOCK];
    let whole = true;
    for (let block = 0; block < 4; block++) {
      const error = this.#errors[block];
      const accepted =
        believed && (error === 0 || (error > 0 && this.#plausible(start + block * BLOCK_BITS, error, mean)));
      if (accepted) blocks[block] = this.#words[block];
      if (!accepted) this.counts.lost++;
      else if (error === 0) this.counts.right++;
      else this.counts.corrected++;
      whole &&= accepted;
    }
    this.#rightInGroupBefore = right;
    this.#advanceSlot(start);
    this.#groupStart = start + GROUP_BITS;
    this.counts.blocks += 4;
    this.counts.groups++;
    if (whole) this.counts.wholeGroups++;
    const clockRestarted = this.#clockRestarted;
    this.#clockRestarted = false;
    if (clockRestarted) this.counts.restarts++;
    this.#onGroup({
      stream: this.#stream,
      blocks,
      slot: this.#slot,
      clockRestarted,
      reliability: [0, 0, 0, 0],
      turned: [0, 0, 0, 0],
      startSeconds: 0,
    });
  }

  #advanceSlot(start: number): void {
    const passed = Math.round((start - this.#lastStart) / GROUP_BITS);
    this.#slot = this.#slot < 0 ? 0 : this.#slot + Math.max(1, passed);
    this.#lastStart = start;
  }

  #meanSize(start: number): number {
    let sum = 0;
    for (let k = start; k < start + GROUP_BITS; k++) sum += Math.abs(this.#symbols[k & HISTORY_MASK]);
    return sum / GROUP_BITS;
  }

  /** Whether a correction turns over a symbol that was in doubt. */
  #plausible(blockStart: number, error: number, mean: number): boolean {
    if (!this.#soft) return true;
    const firstWrong = blockStart + Math.clz32(error) - (32 - BLOCK_BITS);
    const bits = (error & (error - 1)) === 0 ? 1 : 2;
    // The wrong symbol is the first of two wrong bits; one wrong bit comes from a symbol at the edge of the block.
    let symbol = firstWrong;
    if (bits === 1) {
      if (firstWrong === blockStart) symbol = firstWrong - 1;
      else if (firstWrong !== blockStart + BLOCK_BITS - 1) return false;
    }
    return Math.abs(this.#symbols[symbol & HISTORY_MASK]) < DOUBTFUL * mean;
  }
}
