/**
 * Channel symbols from one subcarrier that has been mixed down and decimated: symbol timing, carrier frequency and phase,
 * matched filter.
 *
 * Without a signal, timing, frequency and phase are estimated from a fifth of a second ahead, twice in that time, and only
 * when there is something are the samples read with them, from the first one on: nothing is lost to acquisition. While
 * there is a signal, slow loops follow it. When it fades they coast, with the frequency that another carrier of the same
 * clock still has, if there is one.
 */

import { estimateCarrier, FREQUENCY_REACH_HZ } from './frequency.ts';
import { MatchedFilter } from './matched-filter.ts';
import { BIT_RATE_HZ } from './shaping.ts';
import { SymbolWeigher, WINDOW_BITS } from './weigh.ts';

/** Bits in an acquisition stretch, and from one stretch to the next. */
const STRETCH_BITS = 240;
const ATTEMPT_BITS = 120;
/** The whole range of frequencies is searched every so many times, if one is expected. */
const EVERYWHERE_EVERY = 3;
/**
 * Share of the power in phase with one carrier above which one is found (noise: once in four million stretches), above which it is
 * there again, and below which it is gone.
 */
const FOUND = 0.32;
const PRESENT = 0.25;
const ABSENT = 0.2;
/** Timing is measured at every so many bits. */
const TIMING_EVERY = 4;
/** Measurements that timing is averaged over. */
const TIMING_AVERAGE = 128;
/** The loops of timing: two seconds; of phase: 1.5 Hz of noise bandwidth. What they lag behind, SymbolWeigher makes good. */
const TIMING_GAIN = 1 / 512;
const TIMING_RATE_GAIN = 1 / (8 * 512 * 512);
const PHASE_GAIN = 0.005;
const FREQUENCY_GAIN = 0.00001;
const MAX_FREQUENCY = (2 * Math.PI * FREQUENCY_REACH_HZ) / BIT_RATE_HZ;
const MAX_RATE = 3e-4;
/** A timing error beyond this, in bits, is a jump and not a drift. */
const TIMING_JUMP = 0.2;
/** Least contrast of power within a bit that timing is taken from (noise alone reaches this in under 1e-3 of averages). */
const LEAST_CONTRAST = 0.09;
/** Largest power of a symbol that the loops believe, relative to the mean. */
const CLIP = 4;

export interface SymbolTrackerOptions {
  /** Of the complex samples. */
  readonly rateHz: number;
  /** Of the subcarrier, which carrier and bits share. */
  readonly cyclesPerBit: number;
  /** Log-likelihood ratios of channel symbols, and when each was in its middle. The arrays are valid during the call. */
  readonly onSymbols: (symbols: Float32Array, seconds: Float64Array, count: number) => void;
}

export class SymbolTracker {
  readonly #rateHz: number;
  readonly #carrierCycles: number;
  readonly #samplesPerBit: number;
  readonly #filter: MatchedFilter;
  readonly #weigher: SymbolWeigher;
  readonly #real: Float64Array;
  readonly #imaginary: Float64Array;
  #held: number;
  /** Sample of the input that stands first in the buffers. */
  #first: number;
  /** Where the next symbol's centre is in the buffers. */
  #at = 0;
  #bit = 0;
  #phase = 0;
  #frequency = 0;
  #rate = 0;
  /** Averages: timing contrast as a vector, power at four instants of the bit. */
  #contrastReal = 0;
  #contrastImaginary = 0;
  #fourPower = 0;
  /** Share of the power in phase with the carrier, averaged since the signal came. */
  #coherence = 0;
  #coherenceBits = 0;
  #present = false;
  #everFound = false;
  /** Bits for which a carrier that was just found is believed without proof. */
  #grace = 0;
  #untilAttempt = 0;
  #attempts = 0;
  #expectedHz: number | null = null;

  constructor({ rateHz, cyclesPerBit, onSymbols }: SymbolTrackerOptions) {
    this.#rateHz = rateHz;
    this.#carrierCycles = cyclesPerBit;
    this.#samplesPerBit = rateHz / BIT_RATE_HZ;
    this.#filter = new MatchedFilter(this.#samplesPerBit);
    this.#weigher = new SymbolWeigher(onSymbols);
    const window = 2 * this.#filter.reach + 1;
    const capacity = Math.ceil((STRETCH_BITS + 8) * this.#samplesPerBit) + 2 * window + 2_048;
    this.#real = new Float64Array(capacity);
    this.#imaginary = new Float64Array(capacity);
    // As if the signal had been preceded by nothing, so that the first symbol can be read.
    this.#held = this.#filter.reach + Math.ceil(this.#samplesPerBit);
    this.#at = this.#held;
    this.#first = -this.#held;
  }

  /** True while timing and carrier are being followed. */
  get tracking(): boolean {
    return this.#present && this.#grace === 0;
  }

  /** Peak level of the subcarrier in the units of the input. */
  get level(): number {
    return Math.sqrt(this.#weigher.power);
  }

  /** Energy of a bit over the density of the noise, a ratio, averaged over a second; 0 while nothing is followed. */
  get ebN0(): number {
    return this.tracking ? this.#coherence / Math.max(1e-3, 1 - this.#coherence) : 0;
  }

  /** Frequency error of the transmitter's clock as seen by ours, in parts per million. */
  get clockErrorPpm(): number {
    return this.#fast * 1e6;
  }

  /** The clock error as a ratio. */
  get #fast(): number {
    return this.#frequency / (2 * Math.PI * this.#carrierCycles);
  }

  /** The clock error of another carrier that very likely comes from the same clock, null if there is none. */
  expectClockError(ppm: number | null): void {
    const hz = ppm === null ? null : ppm * 1e-6 * this.#carrierCycles * BIT_RATE_HZ;
    // Something else than the clock of a transmitter.
    this.#expectedHz = hz !== null && Math.abs(hz) <= FREQUENCY_REACH_HZ ? hz : null;
  }

  push(real: number, imaginary: number): void {
    this.#real[this.#held] = real;
    this.#imaginary[this.#held] = imaginary;
    this.#held++;
    if (this.#held >= this.#real.length) this.#compact();
  }

  /** Reads what can be read; call after a batch of `push`, at most 1,024 of them. `last` takes what is left. */
  run(last: boolean = false): void {
    this.#follow(last);
    this.#weigher.flush(last);
    this.#compact();
  }

  #compact(): void {
    const keepFrom = Math.floor(this.#at) - this.#filter.reach - Math.ceil(this.#samplesPerBit);
    if (keepFrom <= 0) return;
    this.#real.copyWithin(0, keepFrom, this.#held);
    this.#imaginary.copyWithin(0, keepFrom, this.#held);
    this.#held -= keepFrom;
    this.#at -= keepFrom;
    this.#first += keepFrom;
  }

  #filterAt(at: number): void {
    this.#filter.filter(this.#real, this.#imaginary, at);
  }

  #energy(at: number): number {
    this.#filterAt(at);
    return this.#filter.real * this.#filter.real + this.#filter.imaginary * this.#filter.imaginary;
  }

  /** Looks ahead for a signal. False when there are not enough samples for that yet. */
  #attempt(last: boolean): boolean {
    const available = Math.floor((this.#held - this.#at - this.#filter.reach) / this.#samplesPerBit);
    if (available < STRETCH_BITS && !(last && available > 24)) return false;
    this.#acquire(Math.min(STRETCH_BITS, available) - 2);
    this.#untilAttempt = ATTEMPT_BITS;
    return true;
  }

  /** Estimates everything from `bits` bits that begin at #at, and takes it over if there is a signal. */
  #acquire(bits: number): void {
    const perBit = this.#samplesPerBit;
    const sums = [0, 0, 0, 0];
    // Every other bit is enough.
    for (let k = 0; k < 4 * bits; k++)
      if ((k & 4) === 0) sums[k & 3] += Math.sqrt(this.#energy(this.#at + (k * perBit) / 4));
    let late = Math.atan2(sums[1] - sums[3], sums[0] - sums[2]) / (2 * Math.PI);
    // Never before the sample to be read next, less a tolerance that keeps the first symbol.
    if (late < -0.25) late += 1;
    // Coasting, the count of symbols must not change: the nearest one then.
    if (this.#everFound && late > 0.5) late -= 1;
    const at = this.#at + late * perBit;
    const real = new Float64Array(bits);
    const imaginary = new Float64Array(bits);
    for (let k = 0; k < bits; k++) {
      this.#filterAt(at + k * perBit);
      const { real: re, imaginary: im } = this.#filter;
      // Divided by their size, so that a few strong disturbances do not decide.
      const size = Math.sqrt(re * re + im * im);
      if (size === 0) continue;
      real[k] = (re * re - im * im) / size;
      imaginary[k] = (2 * re * im) / size;
    }
    const everywhere = this.#attempts++ % EVERYWHERE_EVERY === 0;
    const found = estimateCarrier(real, imaginary, bits, BIT_RATE_HZ, this.#expectedHz, everywhere);
    const { frequency, phase, coherence } = found;
    if (coherence < FOUND && this.#everFound) return;
    if (coherence >= FOUND) this.#everFound = true;
    this.#frequency = Math.max(-MAX_FREQUENCY, Math.min(MAX_FREQUENCY, frequency));
    // Timing is that of the middle of the stretch, which a fast clock reaches earlier.
    this.#at = at + (bits / 2) * perBit * this.#fast;
    this.#contrastReal = 0;
    this.#contrastImaginary = 0;
    this.#fourPower = 0;
    this.#rate = 0;
    this.#phase = phase;
    this.#present = coherence >= FOUND;
    this.#grace = this.#present ? WINDOW_BITS : 0;
  }

  /** Reads symbols as far as the samples go. */
  #follow(last: boolean): void {
    const perBit = this.#samplesPerBit;
    const limit = this.#held - this.#filter.reach - 2;
    const filter = this.#filter;
    const weigher = this.#weigher;
    while (this.#at + 0.75 * perBit < limit) {
      if (!this.#present && this.#untilAttempt === 0) {
        if (!this.#attempt(last)) {
          if (!last) return;
          this.#untilAttempt = ATTEMPT_BITS;
        }
        continue;
      }
      const at = this.#at;
      this.#filterAt(at);
      const cosine = Math.cos(this.#phase);
      const sine = Math.sin(this.#phase);
      const re = filter.real * cosine + filter.imaginary * sine;
      const im = filter.imaginary * cosine - filter.real * sine;
      weigher.push(re, im, (this.#first + at) / this.#rateHz);
      const mean = weigher.power;
      const power = re * re + im * im;
      if (this.#present && this.#bit % TIMING_EVERY === 0) this.#measureTiming(at, Math.min(power, CLIP * mean), mean);
      this.#bit++;
      this.#watch();
      this.#steerPhase(mean > 0 ? re / Math.sqrt(mean) : 0, mean > 0 ? im / Math.sqrt(mean) : 0);
      // Carrier and bits come from one clock: a carrier fast by a part in a million has bits that are short by it.
      this.#at += perBit * (1 - this.#fast + this.#rate);
    }
  }

  /** Whether there still is a signal. */
  #watch(): void {
    if (this.#untilAttempt > 0) this.#untilAttempt--;
    if (this.#grace > 0) {
      this.#grace--;
      return;
    }
    const { coherence } = this.#weigher;
    if (this.#present) {
      this.#coherenceBits = Math.min(this.#coherenceBits + 1, BIT_RATE_HZ);
      this.#coherence += (coherence - this.#coherence) / this.#coherenceBits;
    }
    if (this.#present && coherence < ABSENT) {
      this.#present = false;
      this.#untilAttempt = 0;
      this.#coherenceBits = 0;
    } else if (!this.#present && coherence > PRESENT) this.#present = true;
    if (!this.#present && this.#expectedHz !== null) this.#frequency = (2 * Math.PI * this.#expectedHz) / BIT_RATE_HZ;
  }

  #measureTiming(at: number, power: number, mean: number): void {
    const perBit = this.#samplesPerBit;
    const most = CLIP * mean;
    const late1 = Math.min(most, this.#energy(at + 0.25 * perBit));
    const late2 = Math.min(most, this.#energy(at + 0.5 * perBit));
    const late3 = Math.min(most, this.#energy(at + 0.75 * perBit));
    const forget = 1 / TIMING_AVERAGE;
    this.#contrastReal += forget * (power - late2 - this.#contrastReal);
    this.#contrastImaginary += forget * (late1 - late3 - this.#contrastImaginary);
    this.#fourPower += forget * (power + late1 + late2 + late3 - this.#fourPower);
    const contrast = Math.sqrt(
      this.#contrastReal * this.#contrastReal + this.#contrastImaginary * this.#contrastImaginary,
    );
    if (!(contrast > LEAST_CONTRAST * this.#fourPower)) return;
    const late = Math.atan2(this.#contrastImaginary, this.#contrastReal) / (2 * Math.PI);
    if (Math.abs(late) > TIMING_JUMP && this.#grace === 0) {
      this.#at += late * perBit;
      this.#contrastReal = contrast;
      this.#contrastImaginary = 0;
    } else {
      this.#at += late * TIMING_GAIN * perBit;
      this.#rate = Math.max(-MAX_RATE, Math.min(MAX_RATE, this.#rate + late * TIMING_RATE_GAIN));
    }
  }

  /** `re`, `im`: a symbol of mean power 1, turned by the present phase. */
  #steerPhase(re: number, im: number): void {
    this.#phase += this.#frequency;
    if (this.#phase > Math.PI) this.#phase -= 2 * Math.PI;
    else if (this.#phase < -Math.PI) this.#phase += 2 * Math.PI;
    if (!this.#present) return;
    const error = Math.max(-CLIP, Math.min(CLIP, im)) * Math.max(-1, Math.min(1, re));
    this.#phase += PHASE_GAIN * error;
    const frequency = this.#frequency + FREQUENCY_GAIN * error;
    this.#frequency = Math.max(-MAX_FREQUENCY, Math.min(MAX_FREQUENCY, frequency));
  }
}
