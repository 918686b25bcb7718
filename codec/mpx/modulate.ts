/**
 * Groups to the multiplex signal: L+R, pilot, L-R on 38 kHz, and one or four RDS subcarriers (ITU-R BS.450, EN 50067,
 * IEC 62106-2). The signal is the instantaneous deviation in units of 75 kHz and never exceeds 1.
 */

import { encodeDifferential } from '../bits/differential.ts';
import { serialiseFill, serialiseGroup, serialiseLeadIn } from '../bits/serialise.ts';
import { GROUP_BITS } from '../groups/block.ts';
import type { Group, StreamNumber } from '../groups/group.ts';
import { MisuseError } from '../misuse.ts';
import type { AudioSource } from './audio.ts';
import { AudioConditioner } from './audio.ts';
import { BIT_RATE_HZ } from './shaping.ts';
import type { Subcarrier } from './subcarrier.ts';
import {
  PILOT_CYCLES,
  SHAPED_PEAK,
  SINE_STEPS,
  sineTable,
  STEREO_CYCLES,
  SUBCARRIERS,
  SubcarrierModulator,
  topHz,
} from './subcarrier.ts';

export const FULL_DEVIATION_HZ = 75_000;
export const DEFAULT_RDS_DEVIATION_HZ = 2_000;
const DEFAULT_PILOT_DEVIATION_HZ = 6_750;

export interface MpxModulatorOptions {
  /** Any rate above twice the highest frequency: 128 kHz for RDS, 156.8 kHz for RDS2. */
  readonly rateHz: number;
  readonly streams: 1 | 4;
  /** Deviation of each subcarrier (EN 50067:1998 clause 1.4: 1.0 to 7.5 kHz, 2 kHz recommended). */
  readonly rdsDeviationHz?: number;
  /** 0 switches the pilot off. */
  readonly pilotDeviationHz?: number;
  readonly audio?: AudioSource | null;
  readonly preEmphasisSeconds?: number;
  /**
   * Called when a stream needs its next group, 2 bits before that is on air. Null sends 104 bits of which nobody makes a
   * group, and asks again.
   */
  readonly nextGroup: (stream: StreamNumber) => Group | null;
  /** Begin each stream with the lead-in of codec/bits/serialise.ts (default true). */
  readonly leadIn?: boolean;
}

/** The bits of one stream, pulled one channel symbol at a time. */
class SymbolFeed {
  readonly #stream: StreamNumber;
  readonly #nextGroup: (stream: StreamNumber) => Group | null;
  readonly #group = new Uint8Array(GROUP_BITS);
  #bits: Uint8Array;
  #at = 0;
  #symbol = 0;

  constructor(stream: StreamNumber, nextGroup: (stream: StreamNumber) => Group | null, leadIn: boolean) {
    this.#stream = stream;
    this.#nextGroup = nextGroup;
    this.#bits = leadIn ? serialiseLeadIn() : new Uint8Array(0);
    this.#symbol = encodeDifferential(this.#bits, 0);
  }

  readonly next = (): number => {
    if (this.#at === this.#bits.length) {
      const group = this.#nextGroup(this.#stream);
      if (group === null) serialiseFill(this.#group);
      else serialiseGroup(group, this.#group);
      this.#symbol = encodeDifferential(this.#group, this.#symbol);
      this.#bits = this.#group;
      this.#at = 0;
    }
    return this.#bits[this.#at++];
  };
}

const SINE = sineTable();
/** Samples made at a time where scratch space is needed. */
const STRETCH = 2_048;

/** Memory: four short buffers of `STRETCH` samples and the audio filters. */
export class MpxModulator {
  readonly rateHz: number;
  readonly #subcarriers: SubcarrierModulator[];
  readonly #audio: AudioConditioner | null;
  readonly #left = new Float32Array(STRETCH);
  readonly #right = new Float32Array(STRETCH);
  readonly #step: number;
  readonly #pilotLevel: number;
  readonly #audioLevel: number;
  #position = 0;

  constructor(options: MpxModulatorOptions) {
    const { rateHz, streams, nextGroup, leadIn = true, audio = null } = options;
    const rdsLevel = (options.rdsDeviationHz ?? DEFAULT_RDS_DEVIATION_HZ) / FULL_DEVIATION_HZ;
    this.#pilotLevel = (options.pilotDeviationHz ?? DEFAULT_PILOT_DEVIATION_HZ) / FULL_DEVIATION_HZ;
    if (!(rateHz > 2 * topHz(streams))) {
      throw new MisuseError(
        'MPX_RATE',
        `${rateHz} Hz is too low a rate for a multiplex that reaches ${topHz(streams)} Hz`,
      );
    }
    const taken = this.#pilotLevel + streams * rdsLevel * SHAPED_PEAK;
    if (!(rdsLevel >= 0 && this.#pilotLevel >= 0 && taken <= 1)) {
      throw new MisuseError('MPX_LEVEL', 'pilot and RDS subcarriers together would exceed 75 kHz of deviation');
    }
    this.rateHz = rateHz;
    this.#step = BIT_RATE_HZ / rateHz;
    this.#subcarriers = SUBCARRIERS.slice(0, streams).map((carrier: Subcarrier) => {
      const feed = new SymbolFeed(carrier.stream, nextGroup, leadIn);
      return new SubcarrierModulator(carrier, rateHz, rdsLevel, feed.next);
    });
    this.#audio = audio === null ? null : new AudioConditioner(audio, rateHz, options.preEmphasisSeconds ?? 0);
    // What pilot and subcarriers can never need is left for the programme; a hair less, for the rounding to float32.
    this.#audioLevel = (1 - taken) * 0.9999;
  }

  /** Overwrites all of `out`, or its first `count` samples. */
  modulate(out: Float32Array, count: number = out.length): void {
    for (let at = 0; at < count; at += STRETCH) {
      const stretch = out.subarray(at, Math.min(count, at + STRETCH));
      this.#fillBase(stretch);
      for (const subcarrier of this.#subcarriers) subcarrier.addTo(stretch, stretch.length);
    }
  }

  /** Programme and pilot. */
  #fillBase(out: Float32Array): void {
    const count = out.length;
    const step = this.#step;
    const pilotLevel = this.#pilotLevel;
    let position = this.#position;
    if (this.#audio === null) {
      for (let k = 0; k < count; k++) {
        out[k] = pilotLevel * SINE[(position * (PILOT_CYCLES * SINE_STEPS) + 0.5) & (SINE_STEPS - 1)];
        position += step;
        if (position >= 1) position -= 1;
      }
    } else {
      const left = this.#left;
      const right = this.#right;
      const half = 0.5 * this.#audioLevel;
      this.#audio.condition(left, right, count);
      for (let k = 0; k < count; k++) {
        const l = left[k] > 1 ? 1 : left[k] < -1 ? -1 : left[k];
        const r = right[k] > 1 ? 1 : right[k] < -1 ? -1 : right[k];
        const pilot = SINE[(position * (PILOT_CYCLES * SINE_STEPS) + 0.5) & (SINE_STEPS - 1)];
        const stereo = SINE[(position * (STEREO_CYCLES * SINE_STEPS) + 0.5) & (SINE_STEPS - 1)];
        out[k] = pilotLevel * pilot + half * (l + r + (l - r) * stereo);
        position += step;
        if (position >= 1) position -= 1;
      }
    }
    this.#position = position;
  }
}
