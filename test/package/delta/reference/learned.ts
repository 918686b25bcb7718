/** Where targets really went, learned while a module is coded. Addresses are relative to the lowest one of their module. */

import { spread } from './hash.ts';

const TABLE_BITS = 17;
const TABLE_MASK = (1 << TABLE_BITS) - 1;
const PROBES = 4;
const TARGET_MOST = 0xffff_fffdn;
const NOW_MOST = 0xffff_fffen;

/** A table that forgets: where no place is free near its own, a target takes the place of another. */
export class LearnedTargets {
  /** Old target plus 1, or 0 where the place is free; and where it went. */
  readonly #keys = new Uint32Array(1 << TABLE_BITS);
  readonly #values = new Uint32Array(1 << TABLE_BITS);

  learn(target: bigint, now: bigint): void {
    if (target < 0n || target > TARGET_MOST || now < 0n || now > NOW_MOST) return;
    const key = Number(target) + 1;
    const first = spread(key) >>> (32 - TABLE_BITS);
    let at = first;
    for (let k = 0; k < PROBES; k++) {
      const place = (first + k) & TABLE_MASK;
      if (this.#keys[place] !== key && this.#keys[place] !== 0) continue;
      at = place;
      break;
    }
    this.#keys[at] = key;
    this.#values[at] = Number(now);
  }

  get(target: bigint): bigint | undefined {
    if (target < 0n || target > TARGET_MOST) return undefined;
    const key = Number(target) + 1;
    const first = spread(key) >>> (32 - TABLE_BITS);
    for (let k = 0; k < PROBES; k++) {
      const place = (first + k) & TABLE_MASK;
      if (this.#keys[place] === key) return BigInt(this.#values[place]);
      if (this.#keys[place] === 0) return undefined;
    }
    return undefined;
  }
}
