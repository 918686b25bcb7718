/** Frequency modulation: the multiplex signal to a unit circle and back. Full scale of the multiplex is 75 kHz. */

import { MisuseError } from '../misuse.ts';
import { lowPassTaps } from '../mpx/filters.ts';
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

/** Half the bandwidth that is kept before the discriminator: less cuts the modulation, more lets noise make clicks. */
const CHANNEL_PASS_HZ = 80_000;
const CHANNEL_STOP_HZ = 125_000;
const CHANNEL_STOP_DB = 45;
/** Lowest rate after decimation. */
const MIN_MPX_RATE_HZ = 225_000;
/** Below, the station does not fit; above, the filter would grow without bound. */
const MIN_RATE_HZ = 171_000;
const MAX_RATE_HZ = 20e6;
const CHUNK = 4_096;

/**
 * Removal of a constant offset (leakage of a tuner's oscillator). An FM carrier may itself stand at 0 Hz, so the mean of the
 * samples says nothing; what is looked for is the centre of the circle they move on. Every 16th sample moves the
 * estimate a little against the error of the radius; the leak lets go of it while the carrier hardly moves.
 */
const CENTRE_EVERY = 16;
const CENTRE_GAIN = 1 / 2_000;
const CENTRE_LEAK = 1 / 8_000;
/** Largest offset that is removed, as part of the carrier's amplitude, squared. */
const CENTRE_LIMIT = 0.25;

/** atan(x) for |x| <= 1 to 1e-5 rad (Abramowitz and Stegun 4.4.49): 74 dB below the RDS subcarrier's phase steps. */
const ATAN_1 = 0.999866;
const ATAN_3 = -0.3302995;
const ATAN_5 = 0.180141;
const ATAN_7 = -0.085133;
const ATAN_9 = 0.0208351;

export class FmDemodulator {
  /** Rate of the multiplex that comes out: the input's, or an integer part of it. */
  readonly mpxRateHz: number;
  readonly #decimation: number;
  readonly #scale: number;
  readonly #taps: Float64Array;
  readonly #real: Float64Array;
  readonly #imaginary: Float64Array;
  #held: number;
  /** Where in the buffers the next output's window begins. */
  #start = 0;
  #lastReal = 1;
  #lastImaginary = 0;
  #mean = 0;
  #power = 0;
  #centreReal = 0;
  #centreImaginary = 0;
  #radiusSquared = 0;
  #untilCentre = CENTRE_EVERY;

  constructor({ rateHz }: { readonly rateHz: number }) {
    if (!(rateHz >= MIN_RATE_HZ && rateHz <= MAX_RATE_HZ)) {
      throw new MisuseError('IQ_RATE', `a station cannot be demodulated from ${rateHz} samples a second`);
    }
    this.#decimation = Math.max(1, Math.floor(rateHz / MIN_MPX_RATE_HZ));
    this.mpxRateHz = rateHz / this.#decimation;
    this.#scale = this.mpxRateHz / (2 * Math.PI * FULL_DEVIATION_HZ);
    const nyquistHz = this.mpxRateHz / 2;
    const passHz = Math.min(CHANNEL_PASS_HZ, 0.8 * nyquistHz);
    const stopHz = this.#decimation > 1 ? this.mpxRateHz - passHz : Math.min(CHANNEL_STOP_HZ, 1.1 * nyquistHz);
    this.#taps = lowPassTaps({ rateHz, passHz, stopHz, stopDb: CHANNEL_STOP_DB });
    this.#real = new Float64Array(CHUNK + this.#taps.length);
    this.#imaginary = new Float64Array(CHUNK + this.#taps.length);
    this.#held = this.#taps.length - 1;
  }

  /** How far the carrier is from where the receiver is tuned, averaged over about 0.1 s. */
  get frequencyOffsetHz(): number {
    return this.#mean * FULL_DEVIATION_HZ;
  }

  /** Power of the channel, 1 for a full-scale carrier. */
  get power(): number {
    return this.#power;
  }

  /** Most samples that `demodulate` can give for so many. */
  outputLength(count: number): number {
    return Math.ceil(count / this.#decimation) + 1;
  }

  /** Takes `count` complex samples from `iq`, puts multiplex samples into `mpx` and returns how many. */
  demodulate(iq: Float32Array, mpx: Float32Array, count: number = iq.length >> 1): number {
    let done = 0;
    for (let at = 0; at < count; at += CHUNK) {
      done = this.#demodulateChunk(iq, at, Math.min(count, at + CHUNK), mpx, done);
    }
    return done;
  }

  #demodulateChunk(iq: Float32Array, from: number, to: number, mpx: Float32Array, done: number): number {
    const real = this.#real;
    const imaginary = this.#imaginary;
    let held = this.#held;
    for (let k = from; k < to; k++) {
      real[held] = iq[2 * k];
      imaginary[held] = iq[2 * k + 1];
      held++;
    }
    const taps = this.#taps;
    const length = taps.length;
    const middle = (length - 1) >> 1;
    const decimation = this.#decimation;
    const scale = this.#scale;
    const forget = 1 / (0.1 * this.mpxRateHz);
    let start = this.#start;
    let lastReal = this.#lastReal;
    let lastImaginary = this.#lastImaginary;
    let mean = this.#mean;
    let power = this.#power;
    let centreReal = this.#centreReal;
    let centreImaginary = this.#centreImaginary;
    let untilCentre = this.#untilCentre;
    let out = done;
    for (; start + length <= held; start += decimation) {
      let re = taps[middle] * real[start + middle];
      let im = taps[middle] * imaginary[start + middle];
      for (let k = 0, mirror = start + length - 1, near = start; k < middle; k++, near++, mirror--) {
        const h = taps[k];
        re += h * (real[near] + real[mirror]);
        im += h * (imaginary[near] + imaginary[mirror]);
      }
      power += forget * (re * re + im * im - power);
      re -= centreReal;
      im -= centreImaginary;
      if (--untilCentre === 0) {
        untilCentre = CENTRE_EVERY;
        const squared = re * re + im * im;
        if (this.#radiusSquared === 0) this.#radiusSquared = squared;
        this.#radiusSquared += CENTRE_GAIN * (squared - this.#radiusSquared);
        const error = this.#radiusSquared > 0 ? squared / this.#radiusSquared - 1 : 0;
        const move = CENTRE_GAIN * (error > 1 ? 1 : error);
        centreReal += move * re - CENTRE_LEAK * centreReal;
        centreImaginary += move * im - CENTRE_LEAK * centreImaginary;
        const size = centreReal * centreReal + centreImaginary * centreImaginary;
        if (size > CENTRE_LIMIT * this.#radiusSquared) {
          centreReal *= 0.99;
          centreImaginary *= 0.99;
        }
      }
      // The angle of this sample times the conjugate of the one before.
      const x = re * lastReal + im * lastImaginary;
      const y = im * lastReal - re * lastImaginary;
      lastReal = re;
      lastImaginary = im;
      const ax = x < 0 ? -x : x;
      const ay = y < 0 ? -y : y;
      const large = ax > ay ? ax : ay;
      let angle = 0;
      if (large > 0) {
        const ratio = (ax > ay ? ay : ax) / large;
        const square = ratio * ratio;
        angle = ratio * (ATAN_1 + square * (ATAN_3 + square * (ATAN_5 + square * (ATAN_7 + square * ATAN_9))));
        if (ay > ax) angle = Math.PI / 2 - angle;
        if (x < 0) angle = Math.PI - angle;
        if (y < 0) angle = -angle;
      }
      const value = angle * scale;
      mean += forget * (value - mean);
      mpx[out++] = value;
    }
    real.copyWithin(0, start, held);
    imaginary.copyWithin(0, start, held);
    this.#held = held - start;
    this.#start = 0;
    if (this.#held < 0) {
      this.#start = -this.#held;
      this.#held = 0;
    }
    this.#lastReal = lastReal;
    this.#lastImaginary = lastImaginary;
    this.#mean = mean;
    this.#centreReal = centreReal;
    this.#centreImaginary = centreImaginary;
    this.#untilCentre = untilCentre;
    this.#power = power;
    return out;
  }
}
