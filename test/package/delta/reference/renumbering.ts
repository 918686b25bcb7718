/** How names, and types, of BTF were renumbered: by how much each number was moved that is known, and so about how much its neighbours were. */

import { countAtMost } from './search.ts';

const VALUE_END = 1 << 22;
/** No more are learned. */
const MOST = 3 << 16;

export interface Renumbered {
  readonly value: number;
  /** 3: this number is known, 2: both neighbours moved alike, 1: they did not, 0: there is only one. */
  readonly confidence: number;
}

export class Renumbering {
  readonly #shifts = new Map<number, number>();
  /** The known numbers, rising. */
  readonly #values: number[] = [];

  learn(value: number, shift: number): void {
    if (value >= VALUE_END) return;
    if (!this.#shifts.has(value)) {
      if (this.#shifts.size === MOST) return;
      this.#values.splice(countAtMost(this.#values, value), 0, value);
    }
    this.#shifts.set(value, shift);
  }

  get(value: number): Renumbered | undefined {
    if (value >= VALUE_END) return undefined;
    const moved = (by: number, confidence: number): Renumbered => ({ value: (value + by) >>> 0, confidence });
    const exact = this.#shifts.get(value);
    if (exact !== undefined) return moved(exact, 3);
    const count = countAtMost(this.#values, value);
    const [low, high] = [this.#values[count - 1], this.#values[count]] as (number | undefined)[];
    const [lowShift, highShift] = [this.#shiftOf(low), this.#shiftOf(high)];
    if (low === undefined || high === undefined)
      return low === high ? undefined : moved(low === undefined ? highShift : lowShift, 0);
    const byLow = value - low <= high - value;
    return moved(byLow ? lowShift : highShift, lowShift === highShift ? 2 : 1);
  }

  #shiftOf(value: number | undefined): number {
    return value === undefined ? 0 : (this.#shifts.get(value) ?? 0);
  }
}
