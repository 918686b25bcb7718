/**
 * Channel symbols from one subcarrier that has been mixed down and decimated: symbol timing, carrier phase, matched filter.
 *
 * Before there is a signal, samples are gathered for a fifth of a second, timing, frequency and phase are estimated from
 * the whole of them, and only then are they read, from the first one on: nothing is lost to acquisition. After that three
 * slow loops follow. When the signal fades they coast.
 */

import { BIT_RATE_HZ, biphasePulse, PULSE_REACH_BITS } from './shaping.ts';

/** Fractions of a sample for which the matched filter is kept: the timing is right to 1/512 of a bit. */
const FRACTIONS = 64;
/** Bits in an acquisition stretch. */
const STRETCH_BITS = 240;
/** Bits between the two ends of a frequency measurement: unambiguous to +-24 Hz (100 ppm of 76 kHz is 7.6). */
const FREQUENCY_LAG = 12;
/** Averages are over about so many bits. */
const AVERAGE_BITS = 128;
/** The loops of timing: a second; of phase: 7 Hz of noise bandwidth. */
const TIMING_GAIN = 1 / 512;
const TIMING_RATE_GAIN = 1 / (4 * 512 * 512);
const PHASE_GAIN = 0.02;
const FREQUENCY_GAIN = 0.0002;
/** Largest frequency error that is followed, in radians per bit: 20 Hz. */
const MAX_FREQUENCY = (2 * Math.PI * 20) / BIT_RATE_HZ;
/** Timing contrast above which there is a signal (noise alone reaches this in under 1e-3 of averages). */
const PRESENT = 0.09;
const ABSENT = 0.05;
/** Without a signal for this long, everything is measured anew. */
const COAST_BITS = 9_500;
/** A carrier that is not in phase for this long is measured anew. */
const UNLOCKED_BITS = 600;

export class SymbolTracker {
  readonly #onSymbols: (symbols: Float32Array, count: number) => void;
  readonly #carrierCycles: number;
  readonly #samplesPerBit: number;
  readonly #reach: number;
  readonly #length: number;
  readonly #bank: Float64Array;
  readonly #real: Float64Array;
  readonly #imaginary: Float64Array;
  #held: number;
  readonly #symbols = new Float32Array(1024);
  /** Where the next symbol's centre is in the buffers. */
  #at = 0;
  #tracking = false;
  #phase = 0;
  #frequency = 0;
  #rate = 0;
  /** Averages: timing contrast as a vector, power at four instants of the bit, power of the symbols, in-phase excess. */
  #contrastReal = 0;
  #contrastImaginary = 0;
  #fourPower = 0;
  #power = 0;
  #inPhase = 0;
  #absentBits = 0;
  #unlockedBits = 0;
  #present = false;
  /** Filled by `#filter`. */
  #z0 = 0;
  #z1 = 0;

  /** `rateHz` is that of the complex samples; `cyclesPerBit` that of the subcarrier, which carrier and bits share. */
  constructor(rateHz: number, cyclesPerBit: number, onSymbols: (symbols: Float32Array, count: number) => void) {
    this.#onSymbols = onSymbols;
    this.#carrierCycles = cyclesPerBit;
    this.#samplesPerBit = rateHz / BIT_RATE_HZ;
    this.#reach = Math.ceil(PULSE_REACH_BITS * this.#samplesPerBit);
    this.#length = 2 * this.#reach + 1;
    this.#bank = matchedFilters(this.#samplesPerBit, this.#reach);
    const capacity = Math.ceil((STRETCH_BITS + 8) * this.#samplesPerBit) + 2 * this.#length + 2_048;
    this.#real = new Float64Array(capacity);
    this.#imaginary = new Float64Array(capacity);
    // As if the signal had been preceded by nothing, so that the first symbol can be read.
    this.#held = this.#reach + Math.ceil(this.#samplesPerBit);
    this.#at = this.#held;
  }

  /** True while timing and carrier are being followed. */
  get tracking(): boolean {
    return this.#tracking && this.#present;
  }

  /** Peak level of the subcarrier in the units of the input. */
  get level(): number {
    return Math.sqrt(this.#power);
  }

  /** Frequency error of the transmitter's clock as seen by ours, in parts per million. */
  get clockErrorPpm(): number {
    return (this.#frequency / (2 * Math.PI * this.#carrierCycles)) * 1e6;
  }

  push(real: number, imaginary: number): void {
    this.#real[this.#held] = real;
    this.#imaginary[this.#held] = imaginary;
    this.#held++;
    if (this.#held === this.#real.length) this.#compact();
  }

  /** Reads what can be read; call after a batch of `push`, at most 1,024 of them. `last` takes what is left. */
  run(last: boolean = false): void {
    if (!this.#tracking) {
      const needed = STRETCH_BITS * this.#samplesPerBit;
      const available = this.#held - this.#at - this.#reach;
      if (available < needed && !(last && available > 24 * this.#samplesPerBit)) return;
      this.#acquire(Math.min(STRETCH_BITS, Math.floor(available / this.#samplesPerBit)) - 2);
    }
    this.#follow();
    this.#compact();
  }

  #compact(): void {
    const keepFrom = Math.floor(this.#at) - this.#reach - Math.ceil(this.#samplesPerBit);
    if (keepFrom <= 0) return;
    this.#real.copyWithin(0, keepFrom, this.#held);
    this.#imaginary.copyWithin(0, keepFrom, this.#held);
    this.#held -= keepFrom;
    this.#at -= keepFrom;
  }

  /** Matched filter centred at `at`, result in #z0 and #z1. */
  #filter(at: number): void {
    const nearest = Math.round(at * FRACTIONS);
    const whole = Math.floor(nearest / FRACTIONS);
    let tap = (nearest - whole * FRACTIONS) * this.#length;
    const bank = this.#bank;
    const real = this.#real;
    const imaginary = this.#imaginary;
    const from = whole - this.#reach;
    const to = from + this.#length;
    let re = 0;
    let im = 0;
    for (let k = from; k < to; k++) {
      const h = bank[tap++];
      re += h * real[k];
      im += h * imaginary[k];
    }
    this.#z0 = re;
    this.#z1 = im;
  }

  #energy(at: number): number {
    this.#filter(at);
    return this.#z0 * this.#z0 + this.#z1 * this.#z1;
  }

  /** Estimates everything from `bits` bits that begin at #at. */
  #acquire(bits: number): void {
    const perBit = this.#samplesPerBit;
    const sums = [0, 0, 0, 0];
    for (let k = 0; k < 4 * bits; k++) sums[k & 3] += this.#energy(this.#at + (k * perBit) / 4);
    this.#contrastReal = (sums[0] - sums[2]) / bits;
    this.#contrastImaginary = (sums[1] - sums[3]) / bits;
    this.#fourPower = (sums[0] + sums[1] + sums[2] + sums[3]) / bits;
    let late = Math.atan2(this.#contrastImaginary, this.#contrastReal) / (2 * Math.PI);
    // Never before the sample to be read next, less a tolerance that keeps the first symbol.
    if (late < -0.25) late += 1;
    this.#at += late * perBit;
    this.#contrastReal = Math.hypot(this.#contrastReal, this.#contrastImaginary);
    this.#contrastImaginary = 0;
    this.#rate = 0;
    // Squared symbols have no data in them; what turns is twice the frequency error.
    const squaredReal = new Float64Array(bits);
    const squaredImaginary = new Float64Array(bits);
    let turnReal = 0;
    let turnImaginary = 0;
    let power = 0;
    for (let k = 0; k < bits; k++) {
      this.#filter(this.#at + k * perBit);
      const re = this.#z0 * this.#z0 - this.#z1 * this.#z1;
      const im = 2 * this.#z0 * this.#z1;
      power += this.#z0 * this.#z0 + this.#z1 * this.#z1;
      squaredReal[k] = re;
      squaredImaginary[k] = im;
      if (k < FREQUENCY_LAG) continue;
      turnReal += re * squaredReal[k - FREQUENCY_LAG] + im * squaredImaginary[k - FREQUENCY_LAG];
      turnImaginary += im * squaredReal[k - FREQUENCY_LAG] - re * squaredImaginary[k - FREQUENCY_LAG];
    }
    const frequency = Math.atan2(turnImaginary, turnReal) / (2 * FREQUENCY_LAG);
    let sumReal = 0;
    let sumImaginary = 0;
    for (let k = 0; k < bits; k++) {
      const c = Math.cos(2 * frequency * k);
      const s = Math.sin(2 * frequency * k);
      sumReal += squaredReal[k] * c + squaredImaginary[k] * s;
      sumImaginary += squaredImaginary[k] * c - squaredReal[k] * s;
    }
    this.#frequency = Math.max(-MAX_FREQUENCY, Math.min(MAX_FREQUENCY, frequency));
    this.#phase = Math.atan2(sumImaginary, sumReal) / 2;
    this.#power = power / bits;
    this.#inPhase = Math.hypot(sumReal, sumImaginary) / bits;
    this.#tracking = true;
    this.#present = true;
    this.#absentBits = COAST_BITS - STRETCH_BITS;
    this.#unlockedBits = 0;
  }

  /** Reads symbols as far as the samples go. */
  #follow(): void {
    const perBit = this.#samplesPerBit;
    const forget = 1 / AVERAGE_BITS;
    const limit = this.#held - this.#reach - 2;
    let count = 0;
    while (this.#tracking && this.#at + 0.75 * perBit < limit) {
      const at = this.#at;
      const late1 = this.#energy(at + 0.25 * perBit);
      const late2 = this.#energy(at + 0.5 * perBit);
      const late3 = this.#energy(at + 0.75 * perBit);
      this.#filter(at);
      const cosine = Math.cos(this.#phase);
      const sine = Math.sin(this.#phase);
      const re = this.#z0 * cosine + this.#z1 * sine;
      const im = this.#z1 * cosine - this.#z0 * sine;
      const power = re * re + im * im;
      this.#contrastReal += forget * (power - late2 - this.#contrastReal);
      this.#contrastImaginary += forget * (late1 - late3 - this.#contrastImaginary);
      this.#fourPower += forget * (power + late1 + late2 + late3 - this.#fourPower);
      this.#power += forget * (power - this.#power);
      this.#inPhase += forget * (re * re - im * im - this.#inPhase);
      const scale = this.#power > 0 ? 1 / Math.sqrt(this.#power) : 0;
      if (count === this.#symbols.length) {
        this.#onSymbols(this.#symbols, count);
        count = 0;
      }
      this.#symbols[count++] = re * scale;
      this.#steerTiming(perBit);
      this.#steerPhase(re * scale, im * scale);
    }
    if (count > 0) this.#onSymbols(this.#symbols, count);
  }

  #steerTiming(perBit: number): void {
    const contrast = Math.hypot(this.#contrastReal, this.#contrastImaginary);
    const relative = this.#fourPower > 0 ? contrast / this.#fourPower : 0;
    if (relative > PRESENT) this.#present = true;
    else if (relative < ABSENT) this.#present = false;
    if (this.#present) this.#absentBits = 0;
    else if (++this.#absentBits > COAST_BITS) this.#tracking = false;
    if (this.#present) {
      const late = Math.atan2(this.#contrastImaginary, this.#contrastReal) / (2 * Math.PI);
      if (Math.abs(late) > 0.2 && relative > PRESENT) {
        this.#at += (late < -0.25 ? late + 1 : late) * perBit;
        this.#contrastReal = contrast;
        this.#contrastImaginary = 0;
      } else {
        this.#at += late * TIMING_GAIN * perBit;
        this.#rate += late * TIMING_RATE_GAIN;
        this.#rate = Math.max(-3e-4, Math.min(3e-4, this.#rate));
      }
    }
    // Carrier and bits come from one clock: a carrier that is fast by a part in a million has bits that are short by it.
    const fast = this.#frequency / (2 * Math.PI * this.#carrierCycles);
    this.#at += perBit * (1 - fast + this.#rate);
  }

  #steerPhase(re: number, im: number): void {
    this.#phase += this.#frequency;
    if (this.#phase > Math.PI) this.#phase -= 2 * Math.PI;
    else if (this.#phase < -Math.PI) this.#phase += 2 * Math.PI;
    if (!this.#present) return;
    const error = im * Math.max(-1, Math.min(1, re));
    this.#phase += PHASE_GAIN * error;
    const frequency = this.#frequency + FREQUENCY_GAIN * error;
    this.#frequency = Math.max(-MAX_FREQUENCY, Math.min(MAX_FREQUENCY, frequency));
    if (this.#inPhase > 0.15 * this.#power) this.#unlockedBits = 0;
    else if (++this.#unlockedBits > UNLOCKED_BITS) this.#tracking = false;
  }
}

/** Row `fraction` x length: the pulse as sampled when its centre is that fraction of a sample late. Unit energy. */
function matchedFilters(samplesPerBit: number, reach: number): Float64Array {
  const length = 2 * reach + 1;
  const bank = new Float64Array(length * (FRACTIONS + 1));
  let energy = 0;
  for (let k = 0; k < length; k++) energy += biphasePulse((k - reach) / samplesPerBit) ** 2;
  for (let fraction = 0; fraction <= FRACTIONS; fraction++) {
    for (let k = 0; k < length; k++) {
      bank[fraction * length + k] = biphasePulse((k - reach - fraction / FRACTIONS) / samplesPerBit) / energy;
    }
  }
  return bank;
}
