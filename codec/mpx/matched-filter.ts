/** The receiver's half of the pulse shaping (EN 50067:1998 clause 1.7), at any fraction of a sample. */

import { biphasePulse, PULSE_REACH_BITS } from './shaping.ts';

/** Fractions of a sample for which the filter is kept: the timing is right to 1/512 of a bit. */
const FRACTIONS = 64;

export class MatchedFilter {
  /** Samples before and after the middle. */
  readonly reach: number;
  readonly #length: number;
  /** Row `fraction` x length: the pulse as sampled when its centre is that fraction of a sample late. Unit energy. */
  readonly #bank: Float64Array;
  /** Results of the last call. */
  real = 0;
  imaginary = 0;

  constructor(samplesPerBit: number) {
    this.reach = Math.ceil(PULSE_REACH_BITS * samplesPerBit);
    this.#length = 2 * this.reach + 1;
    this.#bank = new Float64Array(this.#length * (FRACTIONS + 1));
    let energy = 0;
    for (let k = -this.reach; k <= this.reach; k++) energy += biphasePulse(k / samplesPerBit) ** 2;
    for (let fraction = 0; fraction <= FRACTIONS; fraction++) {
      for (let k = 0; k < this.#length; k++) {
        const at = (k - this.reach - fraction / FRACTIONS) / samplesPerBit;
        this.#bank[fraction * this.#length + k] = biphasePulse(at) / energy;
      }
    }
  }

  /** Filters the samples around `at`, a position between them. */
  filter(samplesReal: Float64Array, samplesImaginary: Float64Array, at: number): void {
    const nearest = Math.round(at * FRACTIONS);
    const whole = Math.floor(nearest / FRACTIONS);
    const bank = this.#bank;
    let tap = (nearest - whole * FRACTIONS) * this.#length;
    const from = whole - this.reach;
    const to = from + this.#length;
    let re = 0;
    let im = 0;
    for (let k = from; k < to; k++) {
      const h = bank[tap++];
      re += h * samplesReal[k];
      im += h * samplesImaginary[k];
    }
    this.real = re;
    this.imaginary = im;
  }
}
