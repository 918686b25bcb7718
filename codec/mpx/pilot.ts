/** The pilot tone as a clock: how far it is from 19 kHz by our own clock, from its complex samples at 0 Hz. */

import { PILOT_HZ } from './subcarrier.ts';

/** Samples that are added up before anything is looked at: 5 ms, over which 250 ppm turn the pilot by a ninth of a turn. */
const SUM_SECONDS = 0.005;
/** The turn from one sum to the next, the power and the share that is one tone are averaged over this time. */
const AVERAGE_SECONDS = 1;
/** Least share of the power of the sums that is one steady tone (noise alone: 0.07, and 0.3 about once in ten million). */
const STEADY = 0.3;
const LEAST_SECONDS = 0.3;

export class PilotTracker {
  readonly #sumSamples: number;
  readonly #sumSeconds: number;
  #count = 0;
  #real = 0;
  #imaginary = 0;
  #lastReal = 0;
  #lastImaginary = 0;
  #turnReal = 0;
  #turnImaginary = 0;
  #power = 0;
  #sums = 0;

  /** `rateHz` is that of the complex samples. */
  constructor(rateHz: number) {
    this.#sumSamples = Math.max(1, Math.round(SUM_SECONDS * rateHz));
    this.#sumSeconds = this.#sumSamples / rateHz;
  }

  /** Peak level in the units of the input. */
  get level(): number {
    return Math.sqrt(this.#power);
  }

  /** Frequency error of the transmitter's clock as seen by ours, in parts per million; null while there is no steady tone. */
  get clockErrorPpm(): number | null {
    if (this.#sums * this.#sumSeconds < LEAST_SECONDS) return null;
    const steady = Math.hypot(this.#turnReal, this.#turnImaginary);
    if (!(steady > STEADY * this.#power)) return null;
    return (Math.atan2(this.#turnImaginary, this.#turnReal) / (2 * Math.PI * this.#sumSeconds * PILOT_HZ)) * 1e6;
  }

  push(real: number, imaginary: number): void {
    this.#real += real;
    this.#imaginary += imaginary;
    if (++this.#count < this.#sumSamples) return;
    const re = this.#real / this.#count;
    const im = this.#imaginary / this.#count;
    this.#count = 0;
    this.#real = 0;
    this.#imaginary = 0;
    this.#sums++;
    const share = 1 / Math.min(this.#sums, AVERAGE_SECONDS / this.#sumSeconds);
    this.#turnReal += share * (re * this.#lastReal + im * this.#lastImaginary - this.#turnReal);
    this.#turnImaginary += share * (im * this.#lastReal - re * this.#lastImaginary - this.#turnImaginary);
    this.#power += share * (re * re + im * im - this.#power);
    this.#lastReal = re;
    this.#lastImaginary = im;
  }
}
