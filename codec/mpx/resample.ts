/** Raises the rate of band-limited samples by any ratio: a bank of short filters, one for each fraction of an input sample. */

import { lowPassLength, lowPassTaps } from './filters.ts';

/** Fractions of an input sample; the nearest is taken, which leaves an error 60 dB below a tone of 15 kHz at 48 kHz. */
const FRACTIONS = 512;

export interface InterpolatorOptions {
  readonly fromHz: number;
  readonly toHz: number;
  /** Band that must come through; images above `fromHz - passHz` are taken out. */
  readonly passHz: number;
}

/** Two channels at once, because programme audio is stereo. Holds one filter length of samples. */
export class StereoInterpolator {
  readonly #step: number;
  readonly #length: number;
  /** Row `fraction` x length. */
  readonly #bank: Float64Array;
  /** Samples twice, one length apart, so that a window never wraps. */
  readonly #left: Float64Array;
  readonly #right: Float64Array;
  #write = 0;
  #position = 1;

  constructor({ fromHz, toHz, passHz }: InterpolatorOptions) {
    const design = { rateHz: fromHz, passHz, stopHz: fromHz - passHz, stopDb: 60 };
    const length = lowPassLength(design) + 1;
    const fine = lowPassTaps({ ...design, rateHz: fromHz * FRACTIONS }, length * FRACTIONS + 1);
    this.#bank = new Float64Array(length * FRACTIONS);
    for (let fraction = 0; fraction < FRACTIONS; fraction++) {
      for (let k = 0; k < length; k++) {
        this.#bank[fraction * length + k] = FRACTIONS * fine[(length - 1 - k) * FRACTIONS + fraction];
      }
    }
    this.#length = length;
    this.#step = fromHz / toHz;
    this.#left = new Float64Array(2 * length);
    this.#right = new Float64Array(2 * length);
  }

  /** Fills `left` and `right` with `count` samples. `pull(pair)` puts the next input sample into `pair`. */
  interpolate(left: Float32Array, right: Float32Array, count: number, pull: (pair: Float32Array) => void): void {
    const length = this.#length;
    const bank = this.#bank;
    const inLeft = this.#left;
    const inRight = this.#right;
    const step = this.#step;
    const pair = new Float32Array(2);
    let position = this.#position;
    let write = this.#write;
    for (let n = 0; n < count; n++) {
      while (position >= 1) {
        position -= 1;
        pull(pair);
        inLeft[write] = pair[0];
        inLeft[write + length] = pair[0];
        inRight[write] = pair[1];
        inRight[write + length] = pair[1];
        write = write + 1 === length ? 0 : write + 1;
      }
      let tap = ((position * FRACTIONS) | 0) * length;
      let l = 0;
      let r = 0;
      for (let k = write; k < write + length; k++) {
        const h = bank[tap++];
        l += h * inLeft[k];
        r += h * inRight[k];
      }
      left[n] = l;
      right[n] = r;
      position += step;
    }
    this.#position = position;
    this.#write = write;
  }
}
