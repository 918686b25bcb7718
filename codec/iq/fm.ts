/** Frequency modulation: the multiplex signal to a unit circle. Full scale of the multiplex is 75 kHz. demodulate.ts goes back. */

import { FULL_DEVIATION_HZ } from '../mpx/modulate.ts';
import { SINE_STEPS, sineTable } from '../mpx/subcarrier.ts';

const SINE = sineTable();

export class FmModulator {
  readonly #step: number;
  #phase = 0;

  constructor({ rateHz, deviationHz = FULL_DEVIATION_HZ }: { readonly rateHz: number; readonly deviationHz?: number }) {
    this.#step = (deviationHz / rateHz) * SINE_STEPS;
  }

  /** Fills the first 2 x count floats of `iq` with [I, Q, ...]. */
  modulate(mpx: Float32Array, iq: Float32Array, count: number = mpx.length): void {
    const step = this.#step;
    let phase = this.#phase;
    for (let k = 0; k < count; k++) {
      phase += step * mpx[k];
      if (phase >= SINE_STEPS) phase -= SINE_STEPS;
      else if (phase < 0) phase += SINE_STEPS;
      const index = (phase + 0.5) | 0;
      iq[2 * k] = SINE[(index + SINE_STEPS / 4) & (SINE_STEPS - 1)];
      iq[2 * k + 1] = SINE[index & (SINE_STEPS - 1)];
    }
    this.#phase = phase;
  }
}
