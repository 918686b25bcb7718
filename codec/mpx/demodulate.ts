/**
 * The multiplex signal to soft channel symbols of one or four subcarriers, with or without a pilot.
 *
 * Each subcarrier is taken out by a complex band-pass filter that is evaluated only where its output is kept, at about
 * eight samples a bit: mixing, filtering and decimation are one sum of products.
 */

import type { StreamNumber } from '../groups/group.ts';
import { MisuseError } from '../misuse.ts';
import { lowPassTaps } from './filters.ts';
import { FULL_DEVIATION_HZ } from './modulate.ts';
import { BIT_RATE_HZ } from './shaping.ts';
import { PILOT_HZ, SUBCARRIERS, topHz } from './subcarrier.ts';
import { SymbolTracker } from './track.ts';

export interface MpxDemodulatorOptions {
  readonly rateHz: number;
  readonly streams: 1 | 4;
  /**
   * Log-likelihood ratios of channel symbols, and when each was in its middle, in seconds from the first sample. The
   * arrays are the demodulator's own and valid during the call.
   */
  readonly onSymbols: (stream: StreamNumber, symbols: Float32Array, seconds: Float64Array, count: number) => void;
}

export interface SubcarrierQuality {
  readonly stream: StreamNumber;
  readonly tracking: boolean;
  /** Peak deviation by this subcarrier, in Hz, noise included. */
  readonly deviationHz: number;
  readonly clockErrorPpm: number;
  /** A ratio; 0 while nothing is followed. */
  readonly ebN0: number;
}

/** Samples per bit after decimation, at least. */
const MIN_SAMPLES_PER_BIT = 8;
/** Highest frequency of the shaped signal, 2/td. */
const SIDEBAND_HZ = 2 * BIT_RATE_HZ;
const STOP_DB = 60;
const CHUNK = 4_096;
/** Batches small enough for the tracker. */
const RUN_EVERY = 256;
/** Every so many outputs the pilot is measured. */
const PILOT_EVERY = 8;
/** Largest sample that is taken as it is; more is a fault of the source. */
const LIMIT = 4;

class BandPass {
  readonly real: Float64Array;
  readonly imaginary: Float64Array;

  constructor(lowPass: Float64Array, frequencyHz: number, rateHz: number) {
    this.real = new Float64Array(lowPass.length);
    this.imaginary = new Float64Array(lowPass.length);
    const middle = (lowPass.length - 1) / 2;
    for (let k = 0; k < lowPass.length; k++) {
      const angle = (-2 * Math.PI * frequencyHz * (k - middle)) / rateHz;
      // A real signal has half its amplitude on either side of 0 Hz.
      this.real[k] = 2 * lowPass[k] * Math.cos(angle);
      this.imaginary[k] = 2 * lowPass[k] * Math.sin(angle);
    }
  }
}

export class MpxDemodulator {
  readonly rateHz: number;
  readonly #decimation: number;
  readonly #length: number;
  readonly #bands: BandPass[];
  readonly #pilot: BandPass;
  readonly #trackers: SymbolTracker[];
  /** Turn of each carrier from one output to the next, in cycles, and where it is. */
  readonly #turns: Float64Array;
  readonly #angles: Float64Array;
  readonly #samples: Float64Array;
  #held: number;
  #outputs = 0;
  #pilotPower = 0;

  constructor({ rateHz, streams, onSymbols }: MpxDemodulatorOptions) {
    if (!(rateHz > 2 * topHz(streams))) {
      throw new MisuseError(
        'MPX_RATE',
        `${rateHz} Hz is too low a rate for a multiplex that reaches ${topHz(streams)} Hz`,
      );
    }
    this.rateHz = rateHz;
    this.#decimation = Math.floor(rateHz / (MIN_SAMPLES_PER_BIT * BIT_RATE_HZ));
    const outHz = rateHz / this.#decimation;
    const lowPass = lowPassTaps({ rateHz, passHz: SIDEBAND_HZ, stopHz: outHz - SIDEBAND_HZ, stopDb: STOP_DB });
    this.#length = lowPass.length;
    const carriers = SUBCARRIERS.slice(0, streams);
    this.#bands = carriers.map(({ frequencyHz }) => new BandPass(lowPass, frequencyHz, rateHz));
    this.#pilot = new BandPass(lowPass, PILOT_HZ, rateHz);
    this.#trackers = carriers.map(
      ({ stream, cyclesPerBit }) =>
        new SymbolTracker({
          rateHz: outHz,
          cyclesPerBit,
          onSymbols: (symbols, seconds, count) => onSymbols(stream, symbols, seconds, count),
        }),
    );
    this.#turns = Float64Array.from(carriers, ({ frequencyHz }) => (frequencyHz / outHz) % 1);
    this.#angles = new Float64Array(streams);
    this.#samples = new Float64Array(CHUNK + this.#length);
    // Silence before the signal, so that the first symbol is not cut.
    this.#held = this.#length >> 1;
  }

  /** Deviation by the pilot, in Hz. */
  get pilotDeviationHz(): number {
    return Math.sqrt(this.#pilotPower) * FULL_DEVIATION_HZ;
  }

  get quality(): SubcarrierQuality[] {
    return this.#trackers.map((tracker, k) => ({
      stream: SUBCARRIERS[k].stream,
      tracking: tracker.tracking,
      deviationHz: tracker.level * FULL_DEVIATION_HZ,
      clockErrorPpm: tracker.clockErrorPpm,
      ebN0: tracker.ebN0,
    }));
  }

  push(mpx: Float32Array, count: number = mpx.length): void {
    const samples = this.#samples;
    for (let from = 0; from < count; from += CHUNK) {
      const to = Math.min(count, from + CHUNK);
      let held = this.#held;
      for (let k = from; k < to; k++) {
        const value = mpx[k];
        samples[held++] = value < LIMIT && value > -LIMIT ? value : 0;
      }
      this.#held = held;
      this.#decimate();
    }
    for (const tracker of this.#trackers) tracker.run();
  }

  /** Lets out what is still in the filters. Nothing may be pushed after it. */
  end(): void {
    this.push(new Float32Array(this.#length + 4 * Math.ceil(this.rateHz / BIT_RATE_HZ)));
    for (const tracker of this.#trackers) tracker.run(true);
  }

  #decimate(): void {
    const samples = this.#samples;
    const length = this.#length;
    const decimation = this.#decimation;
    let start = 0;
    let outputs = this.#outputs;
    for (; start + length <= this.#held; start += decimation) {
      for (let band = 0; band < this.#bands.length; band++) this.#output(band, start);
      if (outputs % PILOT_EVERY === 0) this.#measurePilot(start);
      if (++outputs % RUN_EVERY === 0) for (const tracker of this.#trackers) tracker.run();
    }
    this.#outputs = outputs;
    samples.copyWithin(0, start, this.#held);
    this.#held -= start;
  }

  #output(band: number, start: number): void {
    const samples = this.#samples;
    const { real, imaginary } = this.#bands[band];
    const length = this.#length;
    let re = 0;
    let im = 0;
    for (let k = 0, at = start; k < length; k++, at++) {
      const x = samples[at];
      re += x * real[k];
      im += x * imaginary[k];
    }
    const angle = this.#angles[band];
    const cosine = Math.cos(2 * Math.PI * angle);
    const sine = Math.sin(2 * Math.PI * angle);
    this.#angles[band] = (angle + this.#turns[band]) % 1;
    this.#trackers[band].push(re * cosine + im * sine, im * cosine - re * sine);
  }

  #measurePilot(start: number): void {
    const samples = this.#samples;
    const { real, imaginary } = this.#pilot;
    let re = 0;
    let im = 0;
    for (let k = 0; k < this.#length; k++) {
      re += samples[start + k] * real[k];
      im += samples[start + k] * imaginary[k];
    }
    this.#pilotPower += 0.01 * (re * re + im * im - this.#pilotPower);
  }
}
