/**
 * The four RDS subcarriers. All are locked to the pilot, and all make a whole number of cycles in one bit, as do the pilot
 * (16) and the stereo subcarrier (32): one bit phase drives everything.
 */

import type { StreamNumber } from '../groups/group.ts';
import { BIT_RATE_HZ, shapingTable, TABLE_STEPS, TABLE_STRIDE } from './shaping.ts';

export const PILOT_HZ = 16 * BIT_RATE_HZ;
export const PILOT_CYCLES = 16;
export const STEREO_CYCLES = 32;

export interface Subcarrier {
  readonly stream: StreamNumber;
  readonly cyclesPerBit: number;
  readonly frequencyHz: number;
  /** Phase and symbol shift that keep the peak of the sum low (usual practice; IEC 62106-2 leaves them open). */
  readonly phaseDegrees: number;
  readonly delayBits: number;
}

function subcarrier(stream: StreamNumber, cyclesPerBit: number, phaseDegrees: number, delayBits: number): Subcarrier {
  return { stream, cyclesPerBit, frequencyHz: cyclesPerBit * BIT_RATE_HZ, phaseDegrees, delayBits };
}

export const SUBCARRIERS: readonly Subcarrier[] = [
  subcarrier(0, 48, 0, 0), // 57 kHz
  subcarrier(1, 56, 90, 0.5), // 66.5 kHz
  subcarrier(2, 60, 180, 0.25), // 71.25 kHz
  subcarrier(3, 64, 270, 0.75), // 76 kHz
];

/** Highest frequency of the multiplex, half a sideband above the last subcarrier. */
export function topHz(streams: 1 | 4): number {
  return SUBCARRIERS[streams - 1].frequencyHz + 2 * BIT_RATE_HZ;
}

/** Lowest sample rate of a multiplex that programs take: above twice `topHz`, with room for filters. */
export function leastMpxRateHz(streams: 1 | 4): number {
  return streams === 4 ? 157_000 : 128_000;
}

/** Entries of a sine table; a power of two. Read without interpolation the error is 1.1e-4 rms, -79 dB. */
export const SINE_STEPS = 16_384;

export function sineTable(): Float32Array {
  const table = new Float32Array(SINE_STEPS);
  for (let k = 0; k < SINE_STEPS; k++) table[k] = Math.sin((2 * Math.PI * k) / SINE_STEPS);
  return table;
}

const SHAPING = shapingTable();
const SINE = sineTable();

/** Largest value the shaped signal can take, whatever the data. */
export const SHAPED_PEAK = SHAPING.reduce((peak, x) => Math.max(peak, Math.abs(x)), 0);

/** Adds one modulated subcarrier to a multiplex signal. */
export class SubcarrierModulator {
  readonly #nextSymbol: () => number;
  readonly #step: number;
  readonly #level: number;
  readonly #carrierStep: number;
  readonly #carrierStart: number;
  #window = 0;
  /** Position in the bit, 0..1. */
  #position: number;

  /** `level` is the deviation in units of the output; `nextSymbol` gives channel symbols 0 or 1. */
  constructor(carrier: Subcarrier, rateHz: number, level: number, nextSymbol: () => number) {
    this.#nextSymbol = nextSymbol;
    this.#step = BIT_RATE_HZ / rateHz;
    this.#level = level;
    this.#position = 1 - carrier.delayBits;
    this.#carrierStep = carrier.cyclesPerBit * SINE_STEPS;
    const cycles = carrier.cyclesPerBit * carrier.delayBits + carrier.phaseDegrees / 360;
    this.#carrierStart = (cycles - Math.floor(cycles)) * SINE_STEPS + 0.5;
  }

  addTo(out: Float32Array, count: number): void {
    const step = this.#step;
    const level = this.#level;
    const carrierStep = this.#carrierStep;
    const carrierStart = this.#carrierStart;
    let window = this.#window;
    let row = window * TABLE_STRIDE;
    let position = this.#position;
    for (let k = 0; k < count; k++) {
      if (position >= 1) {
        position -= 1;
        window = ((window << 1) | this.#nextSymbol()) & 31;
        row = window * TABLE_STRIDE;
      }
      const at = position * TABLE_STEPS;
      const index = at | 0;
      const low = SHAPING[row + index];
      const shaped = low + (SHAPING[row + index + 1] - low) * (at - index);
      out[k] += level * shaped * SINE[(carrierStart + position * carrierStep) & (SINE_STEPS - 1)];
      position += step;
    }
    this.#window = window;
    this.#position = position;
  }
}
