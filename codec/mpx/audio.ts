/** Programme audio: where it comes from, and its way to the multiplex rate (15 kHz low-pass, pre-emphasis if wanted). */

import { lowPassLength, lowPassTaps } from './filters.ts';
import { StereoInterpolator } from './resample.ts';
import { SINE_STEPS, sineTable } from './subcarrier.ts';

/** Gives samples -1..1; at the end it gives silence or begins anew, as it likes. */
export interface AudioSource {
  readonly rateHz: number;
  /** Puts the next left and right sample into `pair`. */
  next(pair: Float32Array): void;
}

/** Upper edge of programme audio (EN 50067 clause 1; ITU-R BS.450). */
const AUDIO_TOP_HZ = 15_000;
/** Where the low-pass has reached its stop band: well below the pilot. */
const AUDIO_STOP_HZ = 17_500;

const SINE = sineTable();

/** A pentatonic tune in eighths, in semitones above A3; 99 is a rest. */
const TUNE = [0, 4, 7, 9, 12, 9, 7, 4, 2, 4, 7, 4, 2, 0, 99, 99, 0, 7, 4, 9, 7, 12, 9, 14, 12, 9, 7, 4, 2, 4, 0, 99];
const REST = 99;
const TUNE_A3_HZ = 220;
const NOTE_SECONDS = 0.3;

/** A quiet tune for tests and demonstrations: a plucked voice that wanders between left and right over a bass note. */
export class Melody implements AudioSource {
  readonly rateHz = 48_000;
  #sample = 0;
  #note = -1;
  #step = 0;
  #phase = 0;
  #bassPhase = 0;
  #level = 0;
  #left = 0.5;

  next(pair: Float32Array): void {
    if (this.#sample === 0) {
      this.#note = (this.#note + 1) % TUNE.length;
      const semitones = TUNE[this.#note];
      this.#step = semitones === REST ? 0 : ((TUNE_A3_HZ * 2 ** (semitones / 12)) / this.rateHz) * SINE_STEPS;
      this.#left = 0.5 + 0.35 * Math.sin(this.#note * 0.7);
    }
    const attack = Math.min(1, this.#sample / 480);
    this.#level = this.#step === 0 ? 0 : attack * (1 - this.#sample / (this.rateHz * NOTE_SECONDS)) ** 2;
    const voice = (SINE[this.#phase | 0] + 0.3 * SINE[(2 * this.#phase) & (SINE_STEPS - 1)]) * this.#level;
    const bass = 0.25 * SINE[this.#bassPhase | 0];
    pair[0] = 0.6 * voice * this.#left + bass;
    pair[1] = 0.6 * voice * (1 - this.#left) + bass;
    this.#phase = (this.#phase + this.#step) % SINE_STEPS;
    this.#bassPhase = (this.#bassPhase + (110 / this.rateHz) * SINE_STEPS) % SINE_STEPS;
    this.#sample = this.#sample + 1 >= this.rateHz * NOTE_SECONDS ? 0 : this.#sample + 1;
  }
}

/** 16-bit stereo samples, left first, played over and over. Keeps a reference, not a copy. */
export class PcmAudio implements AudioSource {
  readonly rateHz: number;
  readonly #samples: Int16Array;
  #at = 0;

  constructor(samples: Int16Array, rateHz: number) {
    this.#samples = samples;
    this.rateHz = rateHz;
  }

  next(pair: Float32Array): void {
    if (this.#samples.length < 2) {
      pair.fill(0);
      return;
    }
    if (this.#at + 1 >= this.#samples.length) this.#at = 0;
    pair[0] = this.#samples[this.#at] / 32_768;
    pair[1] = this.#samples[this.#at + 1] / 32_768;
    this.#at += 2;
  }
}

/** Takes an `AudioSource` to the multiplex rate. */
export class AudioConditioner {
  readonly #source: AudioSource;
  readonly #interpolator: StereoInterpolator;
  readonly #taps: Float64Array;
  readonly #left: Float64Array;
  readonly #right: Float64Array;
  #write = 0;
  readonly #preEmphasis: number;
  #beforeLeft = 0;
  #beforeRight = 0;
  readonly #pull: (pair: Float32Array) => void;

  /** `preEmphasisSeconds` is 50e-6 in Europe, 75e-6 in America, 0 for none. */
  constructor(source: AudioSource, toHz: number, preEmphasisSeconds: number) {
    this.#source = source;
    const passHz = Math.min(AUDIO_TOP_HZ, 0.45 * source.rateHz);
    this.#interpolator = new StereoInterpolator({ fromHz: source.rateHz, toHz, passHz });
    const design = { rateHz: source.rateHz, passHz, stopHz: AUDIO_STOP_HZ, stopDb: 50 };
    // A source that cannot hold more than 17.5 kHz needs no low-pass of its own: the interpolator is one.
    this.#taps = source.rateHz / 2 > AUDIO_STOP_HZ ? lowPassTaps(design, lowPassLength(design)) : Float64Array.of(1);
    this.#left = new Float64Array(2 * this.#taps.length);
    this.#right = new Float64Array(2 * this.#taps.length);
    // x + e (x - x before), with the zero of 1 + s tau: within 0.1 dB at 3 kHz, 0.7 at 10 kHz, 1.5 at 15 kHz (at 48 kHz).
    this.#preEmphasis = preEmphasisSeconds > 0 ? 1 / Math.expm1(1 / (preEmphasisSeconds * source.rateHz)) : 0;
    this.#pull = (pair) => this.#filtered(pair);
  }

  /** Fills the first `count` samples of both. */
  condition(left: Float32Array, right: Float32Array, count: number): void {
    this.#interpolator.interpolate(left, right, count, this.#pull);
  }

  #filtered(pair: Float32Array): void {
    this.#source.next(pair);
    const left = pair[0];
    const right = pair[1];
    const emphasis = this.#preEmphasis;
    const emphasisedLeft = left + emphasis * (left - this.#beforeLeft);
    const emphasisedRight = right + emphasis * (right - this.#beforeRight);
    this.#beforeLeft = left;
    this.#beforeRight = right;
    const taps = this.#taps;
    const length = taps.length;
    const inLeft = this.#left;
    const inRight = this.#right;
    const write = this.#write;
    inLeft[write] = emphasisedLeft;
    inLeft[write + length] = emphasisedLeft;
    inRight[write] = emphasisedRight;
    inRight[write + length] = emphasisedRight;
    const oldest = write + 1 === length ? 0 : write + 1;
    let l = 0;
    let r = 0;
    for (let k = 0; k < length; k++) {
      l += taps[k] * inLeft[oldest + k];
      r += taps[k] * inRight[oldest + k];
    }
    this.#write = oldest;
    pair[0] = l;
    pair[1] = r;
  }
}
