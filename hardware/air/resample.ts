/**
 * Another device's sampling clock: complex samples at a rate that differs by some ppm, or by a factor. Windowed-sinc
 * interpolation, 16 taps in 512 phases; the nearest phase is taken, which leaves errors 48 dB below a carrier at 0.3 of
 * the sample rate (cubic interpolation leaves 20 dB there, and an FM signal at 250 ksps reaches there).
 */

const TAPS = 16;
const PHASES = 512;
/** Of the input rate; leaves the band to 0.4 flat and suppresses images from 0.6 on. */
const CUTOFF = 0.5;

let sharedTaps: Float32Array | undefined;

function sincTaps(): Float32Array {
  if (sharedTaps !== undefined) return sharedTaps;
  const taps = new Float32Array((PHASES + 1) * TAPS);
  for (let phase = 0; phase <= PHASES; phase++) {
    let sum = 0;
    for (let tap = 0; tap < TAPS; tap++) {
      const distance = tap - (TAPS / 2 - 1) - phase / PHASES;
      const x = 2 * CUTOFF * distance;
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
      const value = sinc * kaiser(distance / (TAPS / 2));
      taps[phase * TAPS + tap] = value;
      sum += value;
    }
    for (let tap = 0; tap < TAPS; tap++) taps[phase * TAPS + tap] /= sum;
  }
  sharedTaps = taps;
  return taps;
}

/** Kaiser window, beta 6: side lobes below -60 dB. */
function kaiser(x: number): number {
  return Math.abs(x) > 1 ? 0 : besselI0(6 * Math.sqrt(1 - x * x)) / besselI0(6);
}

function besselI0(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; k < 30; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/** Keeps `TAPS` complex samples between chunks. */
export class ClockError {
  #taps = sincTaps();
  #input = new Float32Array(0);
  #output = new Float32Array(0);
  /** Samples of `#input` left over from the chunk before, and where between them the next output lies. */
  #kept = TAPS / 2 - 1;
  #position = TAPS / 2 - 1;

  /** Output valid until the next call. `step` is input rate / output rate. */
  process(samples: Float32Array, step: number): Float32Array {
    const count = samples.length / 2;
    const total = this.#kept + count;
    if (this.#input.length < 2 * total) {
      const grown = new Float32Array(2 * total + 2 * TAPS);
      grown.set(this.#input.subarray(0, 2 * this.#kept));
      this.#input = grown;
    }
    const input = this.#input;
    input.set(samples, 2 * this.#kept);
    const needed = 2 * (Math.ceil(count / step) + 2);
    if (this.#output.length < needed) this.#output = new Float32Array(needed);
    const output = this.#output;
    const taps = this.#taps;
    const end = total - TAPS / 2;
    let position = this.#position;
    let written = 0;
    while (position < end) {
      const whole = Math.floor(position);
      let tap = Math.round((position - whole) * PHASES) * TAPS;
      let at = 2 * (whole - (TAPS / 2 - 1));
      let re = 0;
      let im = 0;
      for (let k = 0; k < TAPS; k++) {
        const weight = taps[tap++];
        re += weight * input[at++];
        im += weight * input[at++];
      }
      output[written++] = re;
      output[written++] = im;
      position += step;
    }
    const drop = Math.max(0, Math.min(total, Math.floor(position) - (TAPS / 2 - 1)));
    input.copyWithin(0, 2 * drop, 2 * total);
    this.#kept = total - drop;
    this.#position = position - drop;
    return output.subarray(0, written);
  }
}
