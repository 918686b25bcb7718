/**
 * What a receiver's dongle makes of a station's signal:
 *
 *     unit-circle IQ -> clock error -> fade -> tuning error -> noise -> 8 bits
 *
 * C/N is carrier to noise within the station's sample rate (250 kHz at 250 ksps); a dongle that samples faster hears the
 * same density over more bandwidth. The rounding to 8 bits counts as part of the noise asked for (up to C/N 40 dB at
 * -12 dBFS it is the smaller part). Fades weaken the station only, the noise stays.
 */

import { type FadeOptions, Fades, GROUP_SECONDS } from './fades.ts';
import { gaussianTable, mixSeed } from './noise.ts';
import { ClockError } from './resample.ts';

export interface ChannelOptions extends FadeOptions {
  readonly stationHz: number;
  readonly stationRateHz: number;
  /** Level of the unfaded carrier. */
  readonly levelDbfs: number;
  /** Infinite for no noise at all. */
  readonly cnDb: number;
  /** How much the dongle's crystal is too fast, for tuning and for sampling (one crystal in a real dongle). */
  readonly tuningPpm: number;
  readonly clockPpm: number;
}

/** What the listener asked its dongle for. */
export interface Tuning {
  readonly frequencyHz: number;
  readonly rateHz: number;
  readonly correctionPpm: number;
}

/** Counted from the start; samples are the station's. */
export interface AirCounts {
  readonly samples: number;
  readonly fadedSamples: number;
  /** Group periods (104 bits) that passed, and those that a fade of 3 dB or more touched. */
  readonly groupPeriods: number;
  readonly touchedGroupPeriods: number;
  readonly clippedValues: number;
}

/** Samples after which the noise generator starts afresh from the seed and its position. */
const NOISE_BLOCK = 4096;
/** Variance of rounding to integers. */
const ROUNDING_POWER = 1 / 12;

export class Channel {
  #options: ChannelOptions;
  #fades: Fades;
  #clockError = new ClockError();
  #gaussian = gaussianTable();
  #tuning: Tuning;
  #step = 1;
  #turnPerSample = 0;
  #turn = 0;
  #carrier = 0;
  #sigma = 0;
  #noiseState = 1;
  #outputIndex = 0;
  /** Where the output stands in the station's signal: `#baseSamples + (#outputIndex - #baseIndex) * #step`. */
  #baseSamples = 0;
  #baseIndex = 0;
  #fadedSamples = 0;
  #touchedGroupPeriods = 0;
  #lastTouchedPeriod = -1;
  #clippedValues = 0;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#fades = new Fades(options);
    this.#tuning = { frequencyHz: options.stationHz, rateHz: options.stationRateHz, correctionPpm: 0 };
    this.tune(this.#tuning);
  }

  tune(tuning: Tuning): void {
    const { stationHz, stationRateHz, levelDbfs, cnDb, tuningPpm, clockPpm } = this.#options;
    this.#baseSamples = this.#stationSamples();
    this.#baseIndex = this.#outputIndex;
    this.#tuning = tuning;
    const realRateHz = tuning.rateHz * (1 + (clockPpm - tuning.correctionPpm) * 1e-6);
    this.#step = stationRateHz / realRateHz;
    // A fast clock counts a tone, and with it the offset, as slower than it is.
    const offsetHz = stationHz - tuning.frequencyHz * (1 + (tuningPpm - tuning.correctionPpm) * 1e-6);
    this.#turnPerSample = (2 * Math.PI * offsetHz) / realRateHz;
    const carrier = 127.5 * 10 ** (levelDbfs / 20);
    this.#carrier = Math.abs(offsetHz) > tuning.rateHz / 2 ? 0 : carrier;
    const noisePower = ((carrier * carrier) / 10 ** (cnDb / 10)) * (tuning.rateHz / stationRateHz);
    this.#sigma = cnDb === Number.POSITIVE_INFINITY ? 0 : Math.sqrt(Math.max(0, noisePower / 2 - ROUNDING_POWER));
  }

  get tuning(): Tuning {
    return this.#tuning;
  }

  counts(): AirCounts {
    const samples = Math.round(this.#stationSamples());
    return {
      samples,
      fadedSamples: Math.round(this.#fadedSamples),
      groupPeriods: Math.floor(samples / this.#options.stationRateHz / GROUP_SECONDS),
      touchedGroupPeriods: this.#touchedGroupPeriods,
      clippedValues: this.#clippedValues,
    };
  }

  /** The time goes on while nobody listens. */
  skip(samples: Float32Array): void {
    this.#each(Math.round(samples.length / 2 / this.#step), () => {});
  }

  /** The dongle's bytes for the next samples of the station (complex pairs); they belong to the caller. */
  process(samples: Float32Array): Uint8Array<ArrayBuffer> {
    const input = this.#step === 1 ? samples : this.#clockError.process(samples, this.#step);
    const bytes = new Uint8Array(input.length);
    let at = 0;
    this.#each(input.length / 2, (amplitude, count) => {
      this.#mix(input, bytes, at, count, amplitude * this.#carrier);
      at += 2 * count;
    });
    return bytes;
  }

  #stationSamples(): number {
    return this.#baseSamples + (this.#outputIndex - this.#baseIndex) * this.#step;
  }

  /** Cuts `count` output samples into stretches of one amplitude and one block of noise. */
  #each(count: number, use: (amplitude: number, count: number) => void): void {
    const { stationRateHz } = this.#options;
    let left = count;
    while (left > 0) {
      const intoBlock = this.#outputIndex % NOISE_BLOCK;
      if (intoBlock === 0) this.#noiseState = mixSeed(this.#options.seed ^ 0x6e6f6973, this.#outputIndex / NOISE_BLOCK);
      const nowSamples = this.#stationSamples();
      const fade = this.#fades.at(nowSamples / stationRateHz);
      const fadeSamples = Math.ceil((fade.untilSeconds * stationRateHz - nowSamples) / this.#step);
      const stretch = Math.min(left, NOISE_BLOCK - intoBlock, Math.max(1, fadeSamples));
      use(fade.amplitude, stretch);
      this.#outputIndex += stretch;
      left -= stretch;
      if (fade.amplitude <= Math.SQRT1_2) this.#countFade(nowSamples, this.#stationSamples());
    }
  }

  #countFade(fromSamples: number, toSamples: number): void {
    this.#fadedSamples += toSamples - fromSamples;
    const periodSamples = GROUP_SECONDS * this.#options.stationRateHz;
    const first = Math.max(Math.floor(fromSamples / periodSamples), this.#lastTouchedPeriod + 1);
    const last = Math.floor((toSamples - 1) / periodSamples);
    if (last < first) return;
    this.#touchedGroupPeriods += last - first + 1;
    this.#lastTouchedPeriod = last;
  }

  #mix(input: Float32Array, bytes: Uint8Array, from: number, count: number, amplitude: number): void {
    const gaussian = this.#gaussian;
    const sigma = this.#sigma;
    const stepRe = Math.cos(this.#turnPerSample);
    const stepIm = Math.sin(this.#turnPerSample);
    let turnRe = amplitude * Math.cos(this.#turn);
    let turnIm = amplitude * Math.sin(this.#turn);
    let noise = this.#noiseState;
    let clipped = 0;
    const end = from + 2 * count;
    for (let i = from; i < end; i += 2) {
      noise ^= noise << 13;
      noise ^= noise >>> 17;
      noise ^= noise << 5;
      const re = input[i];
      const im = input[i + 1];
      // 128 = centre of the unsigned format (127.5) + 0.5, because | 0 cuts off.
      let outRe = (128 + re * turnRe - im * turnIm + sigma * gaussian[noise & 0xffff]) | 0;
      let outIm = (128 + re * turnIm + im * turnRe + sigma * gaussian[noise >>> 16]) | 0;
      if (outRe < 0 || outRe > 255) {
        outRe = outRe < 0 ? 0 : 255;
        clipped++;
      }
      if (outIm < 0 || outIm > 255) {
        outIm = outIm < 0 ? 0 : 255;
        clipped++;
      }
      bytes[i] = outRe;
      bytes[i + 1] = outIm;
      const nextRe = turnRe * stepRe - turnIm * stepIm;
      turnIm = turnRe * stepIm + turnIm * stepRe;
      turnRe = nextRe;
    }
    this.#noiseState = noise;
    this.#turn = (this.#turn + count * this.#turnPerSample) % (2 * Math.PI);
    this.#clippedValues += clipped;
  }
}
