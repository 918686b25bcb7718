/** Complex baseband samples as bytes, I before Q, and as floats [I, Q, I, Q, ...] with full scale 1. */

export type SampleFormat = 'cu8' | 'cs8' | 'cs16' | 'cf32';

export const SAMPLE_FORMATS: readonly SampleFormat[] = ['cu8', 'cs8', 'cs16', 'cf32'];

/** Bytes of one complex sample. */
export const SAMPLE_BYTES: Readonly<Record<SampleFormat, number>> = { cu8: 2, cs8: 2, cs16: 4, cf32: 8 };

/** The middle of an RTL2832U's range as dongles really have it (rtl_fm and rtl_433 subtract the same). */
export const CU8_CENTRE = 127.4;
const CU8_CENTRE_WRITE = 127.5;

const CU8: Readonly<Float32Array> = Float32Array.from({ length: 256 }, (_, k) => (k - CU8_CENTRE) / 128);

/** Largest size a float sample may have: what is beyond, or not a number, is a fault of the source. */
const CF32_LIMIT = 1e6;

/** Bytes of any chunking to floats; keeps the beginning of a sample that the next chunk completes (at most 7 bytes). */
export class SampleReader {
  readonly #format: SampleFormat;
  readonly #sampleBytes: number;
  readonly #rest: Uint8Array;
  #restLength = 0;
  #floats = new Float32Array(0);

  constructor(format: SampleFormat) {
    this.#format = format;
    this.#sampleBytes = SAMPLE_BYTES[format];
    this.#rest = new Uint8Array(this.#sampleBytes);
  }

  /** The whole samples so far. The array is the reader's own and valid until the next call. */
  read(bytes: Uint8Array): Float32Array {
    const size = this.#sampleBytes;
    const samples = Math.floor((this.#restLength + bytes.length) / size);
    if (this.#floats.length < 2 * samples) this.#floats = new Float32Array(2 * samples);
    const floats = this.#floats;
    let at = 0;
    let done = 0;
    if (this.#restLength > 0) {
      while (this.#restLength < size && at < bytes.length) this.#rest[this.#restLength++] = bytes[at++];
      if (this.#restLength < size) return floats.subarray(0, 0);
      convert(this.#format, this.#rest, 0, 1, floats, 0);
      this.#restLength = 0;
      done = 1;
    }
    convert(this.#format, bytes, at, samples - done, floats, done);
    at += (samples - done) * size;
    while (at < bytes.length) this.#rest[this.#restLength++] = bytes[at++];
    return floats.subarray(0, 2 * samples);
  }
}

function convert(
  format: SampleFormat,
  bytes: Uint8Array,
  at: number,
  samples: number,
  floats: Float32Array,
  fromSample: number,
): void {
  const first = 2 * fromSample;
  const count = 2 * samples;
  switch (format) {
    case 'cu8':
      for (let k = 0; k < count; k++) floats[first + k] = CU8[bytes[at + k]];
      return;
    case 'cs8':
      for (let k = 0; k < count; k++) floats[first + k] = ((bytes[at + k] << 24) >> 24) / 128;
      return;
    case 'cs16':
      for (let k = 0; k < count; k++) {
        const b = at + 2 * k;
        floats[first + k] = ((bytes[b] | (bytes[b + 1] << 8)) << 16) / 2_147_483_648;
      }
      return;
    case 'cf32': {
      const view = new DataView(bytes.buffer, bytes.byteOffset + at, samples * 8);
      for (let k = 0; k < count; k++) {
        const value = view.getFloat32(4 * k, true);
        floats[first + k] = Math.abs(value) < CF32_LIMIT ? value : 0;
      }
      return;
    }
    default:
      format satisfies never;
  }
}

function toByte(value: number, centre: number, low: number, high: number): number {
  const level = Math.floor(value * 127 + centre + 0.5);
  return level < low ? low : level > high ? high : level;
}

/** Floats to bytes, rounded to the nearest level and limited. The result is the caller's. */
export function writeSamples(format: SampleFormat, floats: Float32Array, count: number = floats.length): Uint8Array {
  const bytes = new Uint8Array((count * SAMPLE_BYTES[format]) / 2);
  switch (format) {
    case 'cu8':
      for (let k = 0; k < count; k++) bytes[k] = toByte(floats[k], CU8_CENTRE_WRITE, 0, 255);
      break;
    case 'cs8':
      for (let k = 0; k < count; k++) bytes[k] = toByte(floats[k], 0, -128, 127);
      break;
    case 'cs16':
      for (let k = 0; k < count; k++) {
        const scaled = Math.floor(floats[k] * 32_767 + 0.5);
        const level = scaled < -32_768 ? -32_768 : scaled > 32_767 ? 32_767 : scaled;
        bytes[2 * k] = level & 0xff;
        bytes[2 * k + 1] = (level >> 8) & 0xff;
      }
      break;
    case 'cf32': {
      const view = new DataView(bytes.buffer);
      for (let k = 0; k < count; k++) view.setFloat32(4 * k, floats[k], true);
      break;
    }
    default:
      format satisfies never;
  }
  return bytes;
}
