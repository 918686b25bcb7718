/** How fast the counter of a stream goes on, and so what a gap between two of its groups means for the count. */

import type { StreamNumber } from './group.ts';
import type { DataGroup } from './select.ts';

export interface Step {
  readonly advance: number;
  /** It is a guess. */
  readonly broken: boolean;
  /** It is, because the place does not go with the rate. */
  readonly strange: boolean;
}

/** A sender keeps its share, so that the rate tells the count within a group or so; a turn more would be 8 or 16 away. */
const SURE_SLOTS = 256;
const SURE_GROUPS = 1.5;
/** Before the rate is measured, where all of a stream seems to be ours. */
const SURE_SLOTS_DENSE = 64;
/** Short gaps that have to look as if every lost group were ours. */
const DENSE_GAPS = 6;

export class Pace {
  /** Places are counts modulo this, a power of two. */
  readonly modulus: number;
  /** Our groups per group of the stream. Streams 1 to 3 are ours as a rule. */
  rate: number;
  #isMeasured = false;
  readonly #mayBeDense: boolean;
  /** Gaps of two to m groups of the stream, and those of them in which all were ours, but for an assignment. */
  #gaps = 0;
  #denseGaps = 0;

  constructor(stream: StreamNumber) {
    this.modulus = stream === 0 ? 16 : 8;
    this.rate = stream === 0 ? 0 : 1;
    this.#mayBeDense = stream !== 0;
  }

  /** The rate comes from two anchors. */
  get isMeasured(): boolean {
    return this.#isMeasured;
  }

  /** Between two anchors there were `groups` of ours among `slots` of the stream. */
  measure(groups: number, slots: number): void {
    this.rate = groups / slots;
    this.#isMeasured = true;
  }

  /** A step that was taken. */
  note(from: DataGroup, group: DataGroup, { advance, broken }: Step): void {
    const slots = group.slot - from.slot;
    if (slots < 2 || slots > this.modulus || broken) return;
    this.#gaps++;
    if (advance >= slots - 1) this.#denseGaps++;
  }

  /** How far c went on from `from` to `group`; undefined when it cannot have. */
  step(from: DataGroup, group: DataGroup): Step | undefined {
    const { modulus } = this;
    const least = this.least(from, group);
    const slots = group.slot - from.slot;
    if (group.clockRestarted || group.slot < 0 !== from.slot < 0)
      return { advance: least, broken: true, strange: false };
    if (group.slot < 0) return { advance: least, broken: false, strange: false };
    if (slots < 0) return { advance: least, broken: true, strange: false };
    if (least > slots) return undefined;
    const expected = this.rate * slots;
    if (least + modulus > slots) {
      // A wrong place and the step back from it are a turn together, so that one of them is half a turn from what the rate says.
      const strange = this.#isMeasured && Math.abs(least - expected) >= modulus / 2;
      return { advance: least, broken: strange, strange };
    }
    const turns = Math.max(0, Math.round((expected - least) / modulus));
    const advance = least + modulus * Math.min(turns, Math.floor((slots - least) / modulus));
    const sureSlots = this.#isMeasured ? SURE_SLOTS : this.#looksDense ? SURE_SLOTS_DENSE : 0;
    const isSure = slots <= sureSlots && Math.abs(advance - expected) <= SURE_GROUPS;
    return { advance, broken: !isSure, strange: false };
  }

  /** The least that c can have gone on: 1 .. m. */
  least(from: DataGroup, group: DataGroup): number {
    return (group.place - from.place) & (this.modulus - 1) || this.modulus;
  }

  /** Whether every group of the stream seems to be ours. */
  get #looksDense(): boolean {
    return this.#mayBeDense && this.#gaps >= DENSE_GAPS && this.#denseGaps >= 0.75 * this.#gaps;
  }
}
