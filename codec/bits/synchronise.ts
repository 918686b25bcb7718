/**
 * Channel symbols to groups, on a group clock that goes on through fades.
 *
 * Searching: every place is weighed by its evidence (search.ts). Locked: one group is put out every 104 bits, whatever is
 * left of it, so that slots can be counted. The search goes on behind a lock, for bit slips and for another station.
 */

import { GROUP_BITS } from '../groups/block.ts';
import type { HeardGroup, StreamNumber } from '../groups/group.ts';
import { LOST_BLOCK } from '../groups/group.ts';
import { GroupDecoder, PRESENT } from './group-decoder.ts';
import { PhaseSearch, placeOf } from './search.ts';

export interface SynchroniserOptions {
  readonly stream: StreamNumber;
  readonly onGroup: (group: HeardGroup) => void;
}

/** Counts only ever grow. */
export interface BlockCounts {
  /** Blocks of groups that were put out. */
  blocks: number;
  /** Of these: accepted, every symbol as received. */
  right: number;
  /** Of these: accepted with symbols turned over. */
  corrected: number;
  /** Of these: given up. */
  lost: number;
  groups: number;
  wholeGroups: number;
  /** How often the group clock started anew, the first time included. */
  restarts: number;
}

/** Odds of e^23 against random bits: in ten minutes of noise on four streams one lock in 30,000 such times. */
const LOCK_EVIDENCE = 23;
/** Symbols kept to read backwards from the bit where the lock was found. */
const HISTORY = 1024;
const HISTORY_MASK = HISTORY - 1;
/** How far back groups are read: history less the group being received and its predecessor symbol. */
const BACKWARD_BITS = 8 * GROUP_BITS;
/** A lock is kept this long without a signal: 30 s, in which a clock known to 10 ppm slips a third of a bit. */
const FLYWHEEL_BITS = 35_625;
/** A lock moved by up to this many bits is the same clock after a slip. */
const SLIP_BITS = 2;
/** Groups after which a new PI has no more to do with the last start of the clock. */
const SETTLED_GROUPS = 40;
/** The block error rate is that of so many groups (redsea's). */
const RATE_GROUPS = 12;

const NEVER = -1e9;

export class Synchroniser {
  readonly counts: BlockCounts = { blocks: 0, right: 0, corrected: 0, lost: 0, groups: 0, wholeGroups: 0, restarts: 0 };
  readonly #stream: StreamNumber;
  readonly #onGroup: (group: HeardGroup) => void;
  readonly #symbols = new Float32Array(HISTORY);
  readonly #seconds = new Float64Array(HISTORY);
  readonly #search = new PhaseSearch();
  readonly #decoder: GroupDecoder;
  /** Symbols received; bit n lies between symbols n-1 and n. */
  #received = 0;
  #locked = false;
  /** First bit of the group being received. */
  #groupStart = 0;
  /** The bit up to which there was a signal. */
  #lastGood = NEVER;
  #slot = -1;
  #lastStart = NEVER;
  #clockRestarted = true;
  /** How many groups there were when the clock last started anew. */
  #restartedAt = 0;
  /** Blocks not right as received in each of the last groups. */
  readonly #recentErrors = new Uint8Array(RATE_GROUPS);

  constructor({ stream, onGroup }: SynchroniserOptions) {
    this.#stream = stream;
    this.#onGroup = onGroup;
    this.#decoder = new GroupDecoder(stream, this.#symbols);
  }

  get locked(): boolean {
    return this.#locked;
  }

  /** Share of the blocks of the last twelve groups that were not right as received, 0..1; null before the first group. */
  get blockErrorRate(): number | null {
    const groups = Math.min(this.counts.groups, RATE_GROUPS);
    if (groups === 0) return null;
    return this.#recentErrors.reduce((sum, errors) => sum + errors, 0) / (4 * groups);
  }

  /**
   * Takes soft channel symbols, before differential decoding: log-likelihood ratios, positive for one polarity and negative
   * for the other. NaN counts as "no idea". `seconds` says when each was in its middle.
   */
  push(symbols: Float32Array, seconds: Float64Array, count: number = symbols.length): void {
    for (let k = 0; k < count; k++) this.#pushSymbol(symbols[k], seconds[k]);
  }

  #pushSymbol(value: number, seconds: number): void {
    const symbol = Number.isNaN(value) ? 0 : value;
    const n = this.#received++;
    this.#symbols[n & HISTORY_MASK] = symbol;
    this.#seconds[n & HISTORY_MASK] = seconds;
    this.#search.push(symbol, n);
    const { best } = this.#search;
    if (best >= 0 && this.#search.evidenceAt(best) >= LOCK_EVIDENCE) this.#consider(n, best);
    if (!this.#locked) return;
    if (n === this.#groupStart + GROUP_BITS - 1) this.#finishGroup();
    if (n - this.#lastGood > FLYWHEEL_BITS) this.#locked = false;
  }

  /** A place with enough evidence for a lock. */
  #consider(n: number, place: number): void {
    if (!this.#locked) this.#lock(n, place);
    else {
      const ofLock = this.#groupStart % GROUP_BITS;
      if (place !== ofLock && this.#search.evidenceAt(place) > this.#search.evidenceAt(ofLock)) this.#lock(n, place);
    }
  }

  #lock(n: number, place: number): void {
    const shift = placeOf(place - this.#groupStart);
    const slipped =
      this.#lastStart !== NEVER && this.#locked && (shift <= SLIP_BITS || shift >= GROUP_BITS - SLIP_BITS);
    const since = this.#search.sinceAt(place);
    const notBefore = Math.max(1, n - BACKWARD_BITS, since - GROUP_BITS + 1, this.#lastStart + GROUP_BITS - SLIP_BITS);
    if (!slipped) this.#clockRestarted = true;
    this.#locked = true;
    this.#lastGood = n;
    let start = notBefore + placeOf(place - notBefore);
    // A group that was only half sent must not come out of the past, so the first one has to be whole.
    if (!slipped) {
      this.#decoder.restart();
      while (start + GROUP_BITS - 1 < n && !this.#isWhole(start)) start += GROUP_BITS;
      this.#decoder.restart();
    }
    this.#groupStart = start;
    while (this.#groupStart + GROUP_BITS - 1 < n) this.#finishGroup();
  }

  #isWhole(start: number): boolean {
    this.#decoder.decode(start);
    const { accepted, reliability } = this.#decoder;
    return reliability.every((each) => each >= accepted);
  }

  #finishGroup(): void {
    const start = this.#groupStart;
    const decoder = this.#decoder;
    const { accepted } = decoder;
    decoder.decode(start);
    // Another station at the very place of the one before: the clock is another one all the same.
    if (decoder.learn() && this.counts.groups - this.#restartedAt > SETTLED_GROUPS) this.#clockRestarted = true;
    if (decoder.present > PRESENT) this.#lastGood = start + GROUP_BITS;
    const { counts } = this;
    const blocks: [number, number, number, number] = [LOST_BLOCK, LOST_BLOCK, LOST_BLOCK, LOST_BLOCK];
    const reliability: [number, number, number, number] = [0, 0, 0, 0];
    const turned: [number, number, number, number] = [-1, -1, -1, -1];
    let errors = 0;
    let lost = 0;
    for (let block = 0; block < 4; block++) {
      if (decoder.reliability[block] < accepted) {
        lost++;
        errors++;
        continue;
      }
      blocks[block] = decoder.blocks[block].word;
      reliability[block] = decoder.reliability[block];
      turned[block] = decoder.turned[block];
      if (turned[block] > 0) {
        errors++;
        counts.corrected++;
      } else counts.right++;
    }
    this.#recentErrors[counts.groups % RATE_GROUPS] = errors;
    counts.lost += lost;
    counts.blocks += 4;
    counts.groups++;
    if (lost === 0) counts.wholeGroups++;
    this.#advanceSlot(start);
    this.#groupStart = start + GROUP_BITS;
    const clockRestarted = this.#clockRestarted;
    this.#clockRestarted = false;
    if (clockRestarted) {
      counts.restarts++;
      this.#restartedAt = counts.groups;
    }
    const startSeconds = this.#startSeconds(start);
    const slot = this.#slot;
    this.#onGroup({ stream: this.#stream, blocks, slot, clockRestarted, reliability, turned, startSeconds });
  }

  /** A bit begins half way between the middles of two symbols. In whole microseconds. */
  #startSeconds(start: number): number {
    const seconds = this.#seconds;
    return Math.round(5e5 * (seconds[start & HISTORY_MASK] + seconds[(start - 1) & HISTORY_MASK])) / 1e6;
  }

  #advanceSlot(start: number): void {
    const passed = Math.round((start - this.#lastStart) / GROUP_BITS);
    this.#slot = this.#slot < 0 ? 0 : this.#slot + Math.max(1, passed);
    this.#lastStart = start;
  }
}
