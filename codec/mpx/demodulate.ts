/**
 * The multiplex signal to soft channel symbols of one or four subcarriers, with or without a pilot.
 *
 * Each subcarrier is taken out by a complex band-pass filter that is evaluated only where its output is kept, at about
 * eight samples a bit: mixing, filtering and decimation are one sum of products.
 */

import type { StreamNumber } from '../groups/group.ts';
import { MisuseError } from '../misuse.ts';
import { type SignalKernels, withRoom } from '../kernels/kernels.ts';
import { signalKernels } from '../kernels/simd.ts';
import { lowPassTaps } from './filters.ts';
import { FULL_DEVIATION_HZ } from './modulate.ts';
import { PilotTracker } from './pilot.ts';
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
  /** All samples are numbers and not beyond what FM can be (default false): they need not be looked at. */
  readonly trusted?: boolean;
  /** The inner loops, for tests: `plainKernels()` instead of the fastest there are. */
  readonly kernels?: SignalKernels;
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
const MAX_RATE_HZ = 20e6;
/** Outputs from one look at the pilot to the next. */
const PILOT_EVERY = 8;
/** Largest sample that is taken as it is; more is a fault of the source. */
const LIMIT = 4;

/** Memory: about 130 kB a stream at 171 to 300 kHz; the filters grow with the rate. */
export class MpxDemodulator {
  readonly rateHz: number;
  readonly #kernels: SignalKernels;
  readonly #trusted: boolean;
  readonly #decimation: number;
  readonly #length: number;
  readonly #bands: number;
  readonly #taps: Float32Array;
  readonly #pilotTaps: Float32Array;
  readonly #samples: Float32Array;
  readonly #out: Float32Array;
  readonly #pilotOut: Float32Array;
  readonly #trackers: SymbolTracker[];
  readonly #pilot: PilotTracker;
  /** What makes each carrier stand still. */
  readonly #turns: Turn[];
  readonly #pilotTurn: Turn;
  readonly #silence: number;
  #held: number;
  #pending = 0;
  #untilPilot = 0;

  constructor({ rateHz, streams, onSymbols, kernels, trusted = false }: MpxDemodulatorOptions) {
    if (!(rateHz > 2 * topHz(streams))) {
      throw new MisuseError(
        'MPX_RATE',
        `${rateHz} Hz is too low a rate for a multiplex that reaches ${topHz(streams)} Hz`,
      );
    }
    if (!(rateHz <= MAX_RATE_HZ)) throw new MisuseError('MPX_RATE', `${rateHz} Hz is no rate of a multiplex`);
    this.rateHz = rateHz;
    this.#trusted = trusted;
    this.#decimation = Math.floor(rateHz / (MIN_SAMPLES_PER_BIT * BIT_RATE_HZ));
    const outHz = rateHz / this.#decimation;
    const lowPass = lowPassTaps({ rateHz, passHz: SIDEBAND_HZ, stopHz: outHz - SIDEBAND_HZ, stopDb: STOP_DB });
    const length = (lowPass.length + 7) & ~7;
    const carriers = SUBCARRIERS.slice(0, streams);
    this.#length = length;
    this.#bands = streams;
    const outputs = Math.ceil(CHUNK / this.#decimation) + 1;
    const sampleRoom = withRoom(CHUNK + length);
    const floats = 2 * (length + outputs) * (streams + 1) + sampleRoom;
    this.#kernels = kernels ?? signalKernels(4 * floats + 256);
    const make = (count: number): Float32Array => this.#kernels.floats(count);
    this.#taps = make(2 * length * streams);
    this.#pilotTaps = make(2 * length);
    this.#samples = make(sampleRoom);
    this.#out = make(2 * outputs * streams);
    this.#pilotOut = make(2 * outputs);
    for (const [band, { frequencyHz }] of carriers.entries())
      fillBand(this.#taps.subarray(2 * length * band, 2 * length * (band + 1)), lowPass, frequencyHz / rateHz);
    fillBand(this.#pilotTaps, lowPass, PILOT_HZ / rateHz);
    this.#trackers = carriers.map(
      ({ stream, cyclesPerBit }) =>
        new SymbolTracker({
          rateHz: outHz,
          cyclesPerBit,
          onSymbols: (symbols, seconds, count) => onSymbols(stream, symbols, seconds, count),
        }),
    );
    this.#pilot = new PilotTracker(outHz / PILOT_EVERY);
    this.#turns = carriers.map(({ frequencyHz }) => new Turn(frequencyHz / outHz));
    this.#pilotTurn = new Turn((PILOT_EVERY * PILOT_HZ) / outHz);
    // Silence before the signal, so that the first symbol is not cut.
    this.#held = (lowPass.length - 1) / 2;
    this.#silence = lowPass.length;
  }

  /** Deviation by the pilot, in Hz. */
  get pilotDeviationHz(): number {
    return this.#pilot.level * FULL_DEVIATION_HZ;
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

  /** Samples are used in chunks of `CHUNK`, so that the result does not depend on how they came. */
  push(mpx: Float32Array, count: number = mpx.length): void {
    const samples = this.#samples;
    for (let from = 0; from < count; ) {
      const to = Math.min(count, from + CHUNK - this.#pending);
      let at = this.#held + this.#pending;
      this.#pending += to - from;
      if (this.#trusted) samples.set(mpx.subarray(from, to), at);
      else {
        for (let k = from; k < to; k++) {
          const value = mpx[k];
          samples[at++] = value < LIMIT && value > -LIMIT ? value : 0;
        }
      }
      from = to;
      if (this.#pending === CHUNK) this.#decimate(false);
    }
  }

  /** Lets out what is still in the filters. Nothing may be pushed after it. */
  end(): void {
    this.push(new Float32Array(this.#silence + 4 * Math.ceil(this.rateHz / BIT_RATE_HZ)));
    this.#decimate(true);
  }

  #decimate(last: boolean): void {
    const samples = this.#samples;
    const bands = this.#bands;
    const held = this.#held + this.#pending;
    this.#pending = 0;
    const step = this.#decimation;
    const outputs = held < this.#length ? 0 : Math.floor((held - this.#length) / step) + 1;
    this.#kernels.bands(samples, step, this.#taps, this.#length, bands, outputs, this.#out);
    for (const [band, turn] of this.#turns.entries())
      turn.hand(this.#out, 2 * band, 2 * bands, outputs, this.#trackers[band]);
    this.#listenToPilot(outputs);
    const next = outputs * step;
    samples.copyWithin(0, next, held);
    this.#held = held - next;
    this.#shareClock();
    for (const tracker of this.#trackers) tracker.run(last);
  }

  /** The pilot is steady: every `PILOT_EVERY`-th output is enough. */
  #listenToPilot(outputs: number): void {
    const first = this.#untilPilot;
    const count = first < outputs ? Math.floor((outputs - 1 - first) / PILOT_EVERY) + 1 : 0;
    this.#untilPilot = first + count * PILOT_EVERY - outputs;
    const from = this.#samples.subarray(first * this.#decimation);
    const step = PILOT_EVERY * this.#decimation;
    this.#kernels.bands(from, step, this.#pilotTaps, this.#length, 1, count, this.#pilotOut);
    this.#pilotTurn.hand(this.#pilotOut, 0, 2, count, this.#pilot);
  }

  /**
   * Pilot and subcarriers come from one clock (EN 50067:1998 clause 1.3; IEC 62106-2 for the RDS2 subcarriers): what one knows
   * of it the others need not find out. A carrier that is followed uses its own knowledge.
   */
  #shareClock(): void {
    const first = this.#trackers[0];
    const pilotPpm = this.#pilot.clockErrorPpm;
    first.expectClockError(pilotPpm);
    const ppm = first.tracking ? first.clockErrorPpm : pilotPpm;
    for (let k = 1; k < this.#trackers.length; k++) this.#trackers[k].expectClockError(ppm);
  }
}

/** Turns complex values by the same angle more each time, and hands them on. */
class Turn {
  readonly #stepCosine: number;
  readonly #stepSine: number;
  #cosine = 1;
  #sine = 0;

  /** `cycles` is what the carrier turns from one value to the next; it is turned back by that. */
  constructor(cycles: number) {
    this.#stepCosine = Math.cos(-2 * Math.PI * cycles);
    this.#stepSine = Math.sin(-2 * Math.PI * cycles);
  }

  /** Real and imaginary parts stand side by side, `count` pairs from `at` on, `stride` floats apart. */
  hand(
    pairs: Float32Array,
    at: number,
    stride: number,
    count: number,
    to: { push(real: number, imaginary: number): void },
  ): void {
    const stepCosine = this.#stepCosine;
    const stepSine = this.#stepSine;
    let cosine = this.#cosine;
    let sine = this.#sine;
    for (let n = 0, k = at; n < count; n++, k += stride) {
      const re = pairs[k];
      const im = pairs[k + 1];
      to.push(re * cosine - im * sine, re * sine + im * cosine);
      const turned = cosine * stepCosine - sine * stepSine;
      sine = cosine * stepSine + sine * stepCosine;
      cosine = turned;
    }
    const size = Math.hypot(cosine, sine);
    this.#cosine = cosine / size;
    this.#sine = sine / size;
  }
}

/** Complex band-pass: real parts in the first half, imaginary parts in the second. */
function fillBand(taps: Float32Array, lowPass: Float64Array, cyclesPerSample: number): void {
  const half = taps.length / 2;
  const middle = (lowPass.length - 1) / 2;
  for (let k = 0; k < lowPass.length; k++) {
    const angle = -2 * Math.PI * cyclesPerSample * (k - middle);
    // A real signal has half its amplitude on either side of 0 Hz.
    taps[k] = 2 * lowPass[k] * Math.cos(angle);
    taps[half + k] = 2 * lowPass[k] * Math.sin(angle);
  }
}
