/** The receiving half of the path in one object: bytes of IQ, multiplex or bits in, groups out. */

import { Synchroniser } from '../bits/synchronise.ts';
import type { BlockCounts } from '../bits/synchronise.ts';
import type { HeardGroup, StreamNumber } from '../groups/group.ts';
import { STREAM_NUMBERS } from '../groups/group.ts';
import { MpxDemodulator } from '../mpx/demodulate.ts';
import { discriminatorGain, FmDemodulator } from './demodulate.ts';
import type { SignalKernels } from '../kernels/kernels.ts';
import { BIT_RATE_HZ } from '../mpx/shaping.ts';
import { PILOT_HZ, SUBCARRIERS } from '../mpx/subcarrier.ts';
import type { SampleFormat } from './samples.ts';
import { CU8_CENTRE, SampleReader } from './samples.ts';

export interface GroupReceiverOptions {
  readonly input: 'iq' | 'mpx' | 'bits';
  /** Samples per second; not used for `bits`. */
  readonly rateHz: number;
  /** Of `iq`. `mpx` is signed 16 bit little endian mono, `bits` are the characters 0 and 1. */
  readonly format?: SampleFormat;
  readonly streams: 1 | 4;
  readonly onGroup: (group: HeardGroup) => void;
  /** The inner loops, for tests and benches: `plainKernels` instead of the fastest there are. */
  readonly kernels?: () => SignalKernels;
}

export interface StreamQuality {
  readonly stream: StreamNumber;
  /** Timing and carrier are being followed. */
  readonly tracking: boolean;
  /** The group clock is known. */
  readonly locked: boolean;
  readonly counts: Readonly<BlockCounts>;
  /** Peak deviation by the subcarrier, noise included. */
  readonly deviationHz: number;
  readonly clockErrorPpm: number;
  /** Energy of a bit over noise density, in dB, averaged over a second; null while no signal is followed. */
  readonly ebN0Db: number | null;
  /** Share of the blocks of the last 12 groups that were not right as received, 0..1; null before the first group. */
  readonly blockErrorRate: number | null;
}

export interface Quality {
  readonly streams: readonly StreamQuality[];
  readonly pilotDeviationHz: number;
  /** Carrier less tuned frequency; 0 unless the input is `iq`. */
  readonly frequencyOffsetHz: number;
  /** Power in the channel relative to a full-scale carrier, in dB; 0 unless the input is `iq`. */
  readonly levelDbfs: number;
  /** Carrier to noise in 250 kHz, in dB; null unless the input is `iq`. */
  readonly cnDb: number | null;
  /** Share of the values at an end of the sample format's range, 0..1, averaged over about 0.1 s. */
  readonly clippedShare: number;
}

/** What a bit from elsewhere is worth: one wrong in 400. */
const HARD_LLR = 6;

/** Memory: about 130 kB per stream and 200 kB for IQ below 300 kHz, and as many floats as the largest chunk has samples. */
export class GroupReceiver {
  readonly #synchronisers: Synchroniser[];
  readonly #reader: SampleReader | null = null;
  readonly #fm: FmDemodulator | null = null;
  readonly #demodulator: MpxDemodulator | null = null;
  readonly #flip: number = 0;
  readonly #centre: number = 0;
  #mpx = new Float32Array(0);
  #lowByte = -1;
  #symbol = HARD_LLR;
  #bits = 0;

  constructor({ input, rateHz, format = 'cu8', streams, onGroup, kernels }: GroupReceiverOptions) {
    const numbers = input === 'bits' ? STREAM_NUMBERS.slice(0, 1) : STREAM_NUMBERS.slice(0, streams);
    this.#synchronisers = numbers.map((stream) => new Synchroniser({ stream, onGroup }));
    if (input === 'bits') return;
    if (input === 'iq') {
      this.#reader = format === 'cu8' || format === 'cs8' ? null : new SampleReader(format);
      this.#flip = format === 'cs8' ? 0x80 : 0;
      this.#centre = format === 'cs8' ? 128 : CU8_CENTRE;
      this.#fm = new FmDemodulator({
        rateHz,
        streams,
        limited: format !== 'cf32',
        ...(kernels && { kernels: kernels() }),
      });
    }
    this.#demodulator = new MpxDemodulator({
      rateHz: this.#fm?.mpxRateHz ?? rateHz,
      streams,
      trusted: input === 'iq',
      ...(kernels && { kernels: kernels() }),
      onSymbols: (stream, symbols, seconds, count) => this.#synchronisers[stream].push(symbols, seconds, count),
    });
  }

  get quality(): Quality {
    const demodulated = this.#demodulator?.quality;
    return {
      streams: this.#synchronisers.map((synchroniser, k) => ({
        stream: STREAM_NUMBERS[k],
        tracking: demodulated?.[k].tracking ?? true,
        locked: synchroniser.locked,
        counts: synchroniser.counts,
        deviationHz: (demodulated?.[k].deviationHz ?? 0) / this.#gainAt(SUBCARRIERS[k].frequencyHz),
        clockErrorPpm: demodulated?.[k].clockErrorPpm ?? 0,
        ebN0Db: demodulated === undefined || demodulated[k].ebN0 === 0 ? null : 10 * Math.log10(demodulated[k].ebN0),
        blockErrorRate: synchroniser.blockErrorRate,
      })),
      pilotDeviationHz: (this.#demodulator?.pilotDeviationHz ?? 0) / this.#gainAt(PILOT_HZ),
      frequencyOffsetHz: this.#fm?.frequencyOffsetHz ?? 0,
      levelDbfs: this.#fm === null ? 0 : 10 * Math.log10(Math.max(1e-12, this.#fm.power)),
      cnDb: this.#fm?.cnDb ?? null,
      clippedShare: this.#fm?.clippedShare ?? 0,
    };
  }

  #gainAt(toneHz: number): number {
    return this.#fm === null ? 1 : discriminatorGain(toneHz, this.#fm.mpxRateHz);
  }

  /** A chunk of any size, of any content. */
  push(bytes: Uint8Array): void {
    if (this.#demodulator === null) this.#pushBits(bytes);
    else if (this.#fm === null) this.#pushMpxBytes(bytes, this.#demodulator);
    else if (this.#reader === null) {
      this.#reserve(this.#fm.outputLength(bytes.length >> 1));
      this.#demodulator.push(this.#mpx, this.#fm.demodulateBytes(bytes, this.#flip, this.#centre, this.#mpx));
    } else {
      const iq = this.#reader.read(bytes);
      const count = iq.length >> 1;
      this.#reserve(this.#fm.outputLength(count));
      this.#demodulator.push(this.#mpx, this.#fm.demodulate(iq, this.#mpx, count));
    }
  }

  /** Multiplex samples in units of 75 kHz, for a source that has them as floats. */
  pushMpx(mpx: Float32Array, count: number = mpx.length): void {
    this.#demodulator?.push(mpx, count);
  }

  /** The input is over: lets out what is still in the filters. */
  end(): void {
    if (this.#fm !== null) {
      this.#reserve(this.#fm.outputLength(0));
      this.#demodulator?.push(this.#mpx, this.#fm.end(this.#flip, this.#centre, this.#mpx));
    }
    this.#demodulator?.end();
  }

  #reserve(samples: number): void {
    if (this.#mpx.length < samples) this.#mpx = new Float32Array(samples);
  }

  #pushMpxBytes(bytes: Uint8Array, demodulator: MpxDemodulator): void {
    this.#reserve((bytes.length >> 1) + 1);
    const mpx = this.#mpx;
    let count = 0;
    let at = 0;
    if (this.#lowByte >= 0 && bytes.length > 0) {
      mpx[count++] = (((bytes[0] << 8) | this.#lowByte) << 16) / 2_147_483_648;
      this.#lowByte = -1;
      at = 1;
    }
    for (; at + 1 < bytes.length; at += 2) mpx[count++] = (((bytes[at + 1] << 8) | bytes[at]) << 16) / 2_147_483_648;
    if (at < bytes.length) this.#lowByte = bytes[at];
    demodulator.push(mpx, count);
  }

  /** Data bits as characters (all but 0 and 1 are passed over), made into channel symbols again. */
  #pushBits(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    const symbols = this.#mpx;
    const seconds = new Float64Array(bytes.length);
    let count = 0;
    for (const byte of bytes) {
      if (byte === 49) this.#symbol = -this.#symbol;
      else if (byte !== 48) continue;
      seconds[count] = (this.#bits++ + 0.5) / BIT_RATE_HZ;
      symbols[count++] = this.#symbol;
    }
    this.#synchronisers[0].push(symbols, seconds, count);
  }
}
