/**
 * Frequency demodulation: IQ at any rate a dongle can produce to the multiplex signal, full scale 75 kHz.
 *
 *     samples -> decimated to 225..450 k -> offset, image and tuning error removed -> channel filter -> angle between samples
 *
 * The channel filter is what decides: noise outside the station's channel makes clicks in the discriminator.
 */

import { fillTurn, type SignalKernels, SUMS_LENGTH, TURN_LENGTH, withRoom } from '../kernels/kernels.ts';
import { signalKernels } from '../kernels/simd.ts';
import { MisuseError } from '../misuse.ts';
import { lowPassTaps } from '../mpx/filters.ts';
import { FULL_DEVIATION_HZ } from '../mpx/modulate.ts';
import { Balance } from './balance.ts';

/**
 * Half the bandwidth of the channel filter: less cuts the modulation, more lets noise make clicks. Between 70 and 100 kHz that
 * changes little (0.05 dB on 57 kHz at C/N = 13 dB, with audio); the RDS2 subcarriers want 10 kHz more than RDS alone.
 */
const CHANNEL = {
  1: { passHz: 75_000, stopHz: 125_000 },
  4: { passHz: 85_000, stopHz: 125_000 },
} as const;
const CHANNEL_STOP_DB = 30;
const DECIMATE_STOP_DB = 60;
/** The band that decimation leaves alone: a channel with its tuning error. */
const DECIMATE_PASS_HZ = 100_000;
/** Lowest rate after decimation. */
const MIN_MPX_RATE_HZ = 225_000;
/** Below, the station does not fit; above, the filter would grow without bound. */
const MIN_RATE_HZ = 171_000;
const MAX_RATE_HZ = 20e6;
/** Input samples that are taken at a time: a multiple of 8. */
const CHUNK = 4_096;
/** Every so many samples are looked at for offset and image. */
const BALANCE_EVERY = 32;
const CLIPPING_EVERY = 64;
/** Largest tuning error that is taken out: 150 ppm at 108 MHz. */
const MAX_TUNING_ERROR_HZ = 16_000;
/** The tuning error is averaged over this time, the reported figures over that. */
const TUNING_SECONDS = 1;
const REPORT_SECONDS = 0.3;
/** The last step of 8-bit samples begins here. */
const CLIPPED = 0.99;
const CLIPPED_SECONDS = 0.1;
const NOISE_BANDWIDTH_HZ = 250_000;

export interface FmDemodulatorOptions {
  readonly rateHz: number;
  /** Subcarriers that are wanted: they decide how wide the channel filter is. */
  readonly streams?: 1 | 4;
  /** Values beyond the range of the samples have been cut off at +-1, so that they can be counted (default false). */
  readonly limited?: boolean;
  /** The inner loops, for tests: `plainKernels()` instead of the fastest there are. */
  readonly kernels?: SignalKernels;
}

/** Memory: half a megabyte of buffers, more for rates of many megahertz. */
export class FmDemodulator {
  /** Rate of the multiplex that comes out: the input's, or an integer part of it. */
  readonly mpxRateHz: number;
  readonly #kernels: SignalKernels;
  readonly #limited: boolean;
  readonly #decimation: number;
  readonly #scale: number;
  readonly #noiseBandwidthHz: number;
  /** Input before decimation; not used without. */
  readonly #wideTaps: Float32Array;
  readonly #wideLength: number;
  readonly #wideRe: Float32Array;
  readonly #wideIm: Float32Array;
  #wideHeld = 0;
  /** In `#wide...`, where the next output's window begins. */
  #wideStart = 0;
  /** Before the channel filter: the past of its length, then what is new. */
  readonly #taps: Float32Array;
  readonly #length: number;
  readonly #re: Float32Array;
  readonly #im: Float32Array;
  #held: number;
  /** After it; the first is the last sample of the chunk before. */
  readonly #cleanRe: Float32Array;
  readonly #cleanIm: Float32Array;
  readonly #bytes: Uint8Array;
  readonly #angles: Float32Array;
  readonly #sums: Float32Array;
  readonly #affine: Float32Array;
  readonly #turn: Float32Array;
  readonly #balance: Balance;
  /** Samples that wait for a chunk to be full, and bytes of samples. */
  #pending = 0;
  #pendingBytes = 0;
  #turned = 0;
  #tuningErrorHz = 0;
  #residualHz = 0;
  #samples = 0;
  #power = 0;
  #square = 0;
  #clipped = 0;

  constructor({ rateHz, streams = 1, limited = false, kernels }: FmDemodulatorOptions) {
    if (!(rateHz >= MIN_RATE_HZ && rateHz <= MAX_RATE_HZ)) {
      throw new MisuseError('IQ_RATE', `a station cannot be demodulated from ${rateHz} samples a second`);
    }
    this.#limited = limited;
    this.#decimation = Math.max(1, Math.floor(rateHz / MIN_MPX_RATE_HZ));
    this.mpxRateHz = rateHz / this.#decimation;
    this.#scale = this.mpxRateHz / (2 * Math.PI * FULL_DEVIATION_HZ);
    const taps = channelTaps(this.mpxRateHz, streams);
    const wideTaps = decimationTaps(rateHz, this.mpxRateHz);
    this.#length = taps.length;
    this.#wideLength = wideTaps.length;
    this.#noiseBandwidthHz = this.mpxRateHz * taps.reduce((sum, h) => sum + h * h, 0);
    const wide = this.#decimation > 1 ? withRoom(CHUNK + wideTaps.length + this.#decimation) : 0;
    const narrow = withRoom(CHUNK + taps.length);
    const floats = taps.length + wideTaps.length + 2 * wide + 5 * narrow + 64;
    this.#kernels = kernels ?? signalKernels(4 * floats + 2 * CHUNK + 1_024);
    const make = (count: number): Float32Array => this.#kernels.floats(count);
    this.#taps = make(taps.length);
    this.#taps.set(taps);
    this.#wideTaps = make(wideTaps.length);
    this.#wideTaps.set(wideTaps);
    this.#wideRe = make(wide);
    this.#wideIm = make(wide);
    this.#re = make(narrow);
    this.#im = make(narrow);
    this.#cleanRe = make(narrow);
    this.#cleanIm = make(narrow);
    this.#angles = make(narrow);
    this.#bytes = this.#kernels.bytes(2 * CHUNK);
    this.#sums = make(SUMS_LENGTH);
    this.#affine = make(6);
    this.#turn = make(TURN_LENGTH);
    this.#balance = new Balance(this.#affine);
    // Silence before the signal, so that its first sample is in the middle of a window.
    this.#held = (taps.length - 1) / 2;
    this.#wideHeld = this.#decimation > 1 ? wideTaps.length >> 1 : 0;
  }

  /** How far the carrier is from where the receiver is tuned. */
  get frequencyOffsetHz(): number {
    return this.#tuningErrorHz + this.#residualHz;
  }

  /** Share of the values that are at an end of their range. */
  get clippedShare(): number {
    return this.#clipped;
  }

  /** Power of the channel, 1 for a full-scale carrier. */
  get power(): number {
    return this.#power;
  }

  /**
   * Carrier to noise in 250 kHz, in dB, from the second and fourth moment of the envelope: a carrier of constant size and
   * Gaussian noise are told apart by them (M2M4 estimator). Null before there is a signal. Above some 25 dB it says at
   * least that much: multipath and the channel filter change the envelope too.
   */
  get cnDb(): number | null {
    const carrierSquared = 2 * this.#power * this.#power - this.#square;
    if (!(this.#power > 0)) return null;
    const carrier = Math.sqrt(Math.max(0, carrierSquared));
    const noise = Math.max(1e-9 * this.#power, this.#power - carrier);
    const inChannel = Math.max(1e-3, carrier / noise);
    return 10 * Math.log10((inChannel * this.#noiseBandwidthHz) / NOISE_BANDWIDTH_HZ);
  }

  /** Most samples that `demodulate` can give for so many, or `end` for none. */
  outputLength(count: number): number {
    return Math.ceil((count + CHUNK) / this.#decimation) + 1;
  }

  /**
   * Takes `count` complex samples from `iq`, puts multiplex samples into `mpx` and returns how many. Samples are used in
   * chunks of `CHUNK`, so that the result does not depend on how they came; up to that many are kept.
   */
  demodulate(iq: Float32Array, mpx: Float32Array, count: number = iq.length >> 1): number {
    let done = 0;
    for (let from = 0; from < count; ) {
      const part = Math.min(CHUNK - this.#pending, count - from);
      const [re, im, at] = this.#input();
      for (let k = 0; k < part; k++) {
        re[at + k] = iq[2 * (from + k)];
        im[at + k] = iq[2 * (from + k) + 1];
      }
      this.#pending += part;
      from += part;
      if (this.#pending === CHUNK) done += this.#takePending(mpx, done);
    }
    return done;
  }

  /** The same from bytes I, Q, I, Q, ..., cut anywhere: (byte xor flip) - centre, over 128. */
  demodulateBytes(bytes: Uint8Array, flip: number, centre: number, mpx: Float32Array): number {
    let done = 0;
    for (let from = 0; from < bytes.length; ) {
      const part = Math.min(2 * CHUNK - this.#pendingBytes, bytes.length - from);
      this.#bytes.set(bytes.subarray(from, from + part), this.#pendingBytes);
      this.#pendingBytes += part;
      from += part;
      if (this.#pendingBytes === 2 * CHUNK) done += this.#convertPending(flip, centre, mpx, done);
    }
    return done;
  }

  /** Nothing may be taken after it: what is still here. The format is that of `demodulateBytes`. */
  end(flip: number, centre: number, mpx: Float32Array): number {
    if (this.#pendingBytes > 1) return this.#convertPending(flip, centre, mpx, 0);
    return this.#takePending(mpx, 0);
  }

  #convertPending(flip: number, centre: number, mpx: Float32Array, done: number): number {
    const [re, im, at] = this.#input();
    this.#pending = this.#pendingBytes >> 1;
    this.#pendingBytes = 0;
    this.#kernels.convert(this.#bytes, this.#pending, flip, centre, re, im, at);
    return this.#takePending(mpx, done);
  }

  /** Where new samples go. */
  #input(): [re: Float32Array, im: Float32Array, at: number] {
    return this.#decimation > 1
      ? [this.#wideRe, this.#wideIm, this.#wideHeld + this.#pending]
      : [this.#re, this.#im, this.#held + this.#pending];
  }

  #takePending(mpx: Float32Array, done: number): number {
    const count = this.#pending;
    this.#pending = 0;
    if (this.#limited) this.#watchClipping(count);
    const fresh = this.#decimation > 1 ? this.#decimate(count) : count;
    if (fresh === 0) return 0;
    const kernels = this.#kernels;
    const re = this.#re;
    const im = this.#im;
    this.#balance.observe(re, im, this.#held, fresh, BALANCE_EVERY);
    const step = (-2 * Math.PI * this.#tuningErrorHz) / this.mpxRateHz;
    fillTurn(this.#turn, this.#turned, step);
    kernels.correct(re, im, this.#held, fresh, this.#affine, this.#turn);
    this.#turned = (this.#turned + fresh * step) % (2 * Math.PI);
    const held = this.#held + fresh;
    const outputs = held - this.#length + 1;
    if (outputs <= 0) {
      this.#held = held;
      return 0;
    }
    kernels.filter(re, im, this.#taps, this.#length, this.#cleanRe, this.#cleanIm, 1, outputs);
    re.copyWithin(0, outputs, held);
    im.copyWithin(0, outputs, held);
    this.#held = held - outputs;
    kernels.discriminate(this.#cleanRe, this.#cleanIm, outputs, this.#scale, this.#angles, this.#sums);
    this.#cleanRe[0] = this.#cleanRe[outputs];
    this.#cleanIm[0] = this.#cleanIm[outputs];
    mpx.set(this.#angles.subarray(0, outputs), done);
    this.#average();
    return outputs;
  }

  #watchClipping(count: number): void {
    const [re, im, at] = this.#input();
    let clipped = 0;
    let values = 0;
    for (let k = at; k < at + count; k += CLIPPING_EVERY) {
      values += 2;
      if (re[k] >= CLIPPED || re[k] <= -CLIPPED) clipped++;
      if (im[k] >= CLIPPED || im[k] <= -CLIPPED) clipped++;
    }
    const seconds = count / (this.mpxRateHz * this.#decimation);
    this.#clipped += Math.min(1, seconds / CLIPPED_SECONDS) * (clipped / Math.max(1, values) - this.#clipped);
  }

  #decimate(count: number): number {
    const wideRe = this.#wideRe;
    const wideIm = this.#wideIm;
    const held = this.#wideHeld + count;
    const room = held - this.#wideStart - this.#wideLength;
    const outputs = room < 0 ? 0 : Math.floor(room / this.#decimation) + 1;
    if (outputs > 0) {
      this.#kernels.decimate(
        wideRe.subarray(this.#wideStart),
        wideIm.subarray(this.#wideStart),
        this.#decimation,
        this.#wideTaps,
        this.#wideLength,
        this.#re,
        this.#im,
        this.#held,
        outputs,
      );
    }
    const next = this.#wideStart + outputs * this.#decimation;
    const drop = Math.min(next, held);
    wideRe.copyWithin(0, drop, held);
    wideIm.copyWithin(0, drop, held);
    this.#wideHeld = held - drop;
    this.#wideStart = next - drop;
    return outputs;
  }

  /** Running figures from the sums of a chunk. */
  #average(): void {
    const count = this.#sums[3];
    if (count === 0) return;
    this.#samples += count;
    const seconds = Math.min(REPORT_SECONDS, this.#samples / this.mpxRateHz);
    const share = Math.min(1, count / (seconds * this.mpxRateHz));
    const powers = this.#sums[4];
    this.#power += share * (this.#sums[0] / powers - this.#power);
    this.#square += share * (this.#sums[1] / powers - this.#square);
    const offHz = (this.#sums[2] / count) * FULL_DEVIATION_HZ;
    this.#residualHz += share * (offHz - this.#residualHz);
    const follow = Math.min(TUNING_SECONDS, this.#samples / this.mpxRateHz);
    const move = Math.min(0.5, count / (follow * this.mpxRateHz)) * offHz;
    const before = this.#tuningErrorHz;
    this.#tuningErrorHz = Math.max(-MAX_TUNING_ERROR_HZ, Math.min(MAX_TUNING_ERROR_HZ, before + move));
    this.#residualHz -= this.#tuningErrorHz - before;
  }
}

/** What becomes of a tone of the multiplex: the discriminator measures over one sample, a mean that has a gain of sinc. */
export function discriminatorGain(toneHz: number, mpxRateHz: number): number {
  const half = (Math.PI * toneHz) / mpxRateHz;
  return Math.sin(half) / half;
}

function channelTaps(mpxRateHz: number, streams: 1 | 4): Float64Array {
  const nyquistHz = mpxRateHz / 2;
  const passHz = Math.min(CHANNEL[streams].passHz, 0.8 * nyquistHz);
  const stopHz = Math.min(CHANNEL[streams].stopHz, 1.1 * nyquistHz);
  return lowPassTaps({ rateHz: mpxRateHz, passHz, stopHz, stopDb: CHANNEL_STOP_DB });
}

/** Padded with zeros to a multiple of 4. */
function decimationTaps(rateHz: number, mpxRateHz: number): Float64Array {
  if (rateHz === mpxRateHz) return new Float64Array(0);
  const passHz = DECIMATE_PASS_HZ;
  const taps = lowPassTaps({ rateHz, passHz, stopHz: mpxRateHz - passHz, stopDb: DECIMATE_STOP_DB });
  const padded = new Float64Array((taps.length + 3) & ~3);
  padded.set(taps);
  return padded;
}
