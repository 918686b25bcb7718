/**
 * A recording as if it were a dongle: `-` is stdin. What it is, it says itself (WAV) or its name does, or the options do.
 */

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { SAMPLE_BYTES, type SampleFormat } from '#codec/iq/samples.ts';
import type { IqSource, Tuned, TuneRequest } from '#hardware/contracts.ts';
import { HardwareError, messageOf, systemCodeOf } from '../fault.ts';
import { parseRecordingName, type RecordingFacts } from './recording.ts';
import { type Unwrapped, unwrapWav, WAV_FORMS, type WavForm } from './wav.ts';

export interface FileSourceOptions extends RecordingFacts {
  readonly path: string;
  /** For what says its format neither itself nor by its name. */
  readonly defaultFormat?: SampleFormat;
  readonly stdin?: Readable;
}

const CHUNK_BYTES = 64 * 1024;

const FORMAT_OF_WAV: Readonly<Record<WavForm, SampleFormat>> = { u8: 'cu8', s16: 'cs16', f32: 'cf32' };

export class FileSource implements IqSource {
  #options: FileSourceOptions;
  #stream: Readable | undefined;
  #samples: AsyncIterable<Uint8Array> | undefined;
  #sampleBytes = 2;

  constructor(options: FileSourceOptions) {
    this.#options = options;
  }

  /**
   * A file is what it is: a WAV header counts before the options, which must not contradict it; the options before the name;
   * the request only where nothing else says anything, and a rate of NaN is no request. Waits for the first bytes.
   */
  async open(request: TuneRequest): Promise<Tuned> {
    const { path } = this.#options;
    const isStandard = path === '-';
    if (!isStandard) {
      const found = await stat(path).catch((cause: unknown) => {
        throw new HardwareError('FILE_OPEN', `${path} cannot be read; check the path.`, cause);
      });
      if (found.isDirectory()) throw new HardwareError('FILE_OPEN', `${path} is a directory, not a recording.`);
    }
    const fromName = isStandard ? {} : parseRecordingName(path);
    // Without a format it can only be a WAV file, and waiting for a whole header of something else would be in vain.
    const named = this.#options.format ?? fromName.format ?? this.#options.defaultFormat;
    const stream = isStandard
      ? (this.#options.stdin ?? process.stdin)
      : createReadStream(path, { highWaterMark: CHUNK_BYTES });
    this.#stream = stream;
    const { wav, samples } = await this.#unwrap(stream);
    this.#samples = samples;
    const format = wav === null ? named : this.#agree(wav);
    if (format === undefined) {
      await this.close();
      throw new HardwareError(
        'FILE_FORMAT',
        `${this.#name} does not say its sample format; name it .cu8, .cs8, .cs16 or .cf32, or give the format.`,
      );
    }
    const rateHz = wav?.rateHz ?? this.#options.rateHz ?? fromName.rateHz ?? request.rateHz;
    if (!Number.isFinite(rateHz)) {
      await this.close();
      throw new HardwareError(
        'FILE_RATE',
        `${this.#name} does not say how fast it was sampled. Give the sample rate, for example 250k.`,
      );
    }
    this.#sampleBytes = SAMPLE_BYTES[format];
    return {
      frequencyHz: this.#options.frequencyHz ?? fromName.frequencyHz ?? request.frequencyHz,
      rateHz,
      format,
      description: this.#name,
    };
  }

  /** Always whole samples; what is left of a sample at the end of the file is dropped. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    const samples = this.#samples;
    if (samples === undefined) throw new HardwareError('FILE_NOT_OPEN', 'Open the recording before reading it.');
    this.#samples = undefined;
    let carry: Uint8Array | undefined;
    try {
      for await (const read of samples) {
        const bytes = carry === undefined ? read : Buffer.concat([carry, read]);
        const whole = bytes.length - (bytes.length % this.#sampleBytes);
        carry = whole < bytes.length ? bytes.subarray(whole) : undefined;
        if (whole > 0) yield bytes.subarray(0, whole);
      }
    } catch (cause) {
      if (this.#stream === undefined) return;
      throw this.#unreadable(cause);
    }
  }

  async close(): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    this.#samples = undefined;
    if (stream === undefined || stream.closed) return;
    // Of stdin, whoever waits for it gets nothing more, and it does not keep the process alive.
    stream.destroy();
    if (this.#options.path !== '-') await new Promise<void>((resolve) => stream.once('close', () => resolve()));
  }

  get #name(): string {
    return this.#options.path === '-' ? 'stdin' : this.#options.path;
  }

  async #unwrap(stream: Readable): Promise<Unwrapped> {
    try {
      return await unwrapWav(stream as AsyncIterable<Uint8Array>, this.#name, WAV_FORMS);
    } catch (cause) {
      if (cause instanceof HardwareError) throw cause;
      throw this.#unreadable(cause);
    }
  }

  /** What a WAV file says about itself, held against what the options say. */
  #agree({ rateHz, channels, form }: NonNullable<Unwrapped['wav']>): SampleFormat {
    const fail = (code: string, says: string): never => {
      this.#stream?.destroy();
      throw new HardwareError(code, `${this.#name} ${says}`);
    };
    if (channels !== 2) {
      const has = channels === 1 ? 'is a WAV file with one channel' : `is a WAV file with ${channels} channels`;
      fail('FILE_WAV', `${has}; IQ needs two, I left and Q right. A multiplex of one channel is -i mpx.`);
    }
    if (rateHz < 1) fail('FILE_WAV', 'is a WAV file that says 0 samples a second.');
    const format = FORMAT_OF_WAV[form];
    const asked = this.#options;
    if (asked.rateHz !== undefined && asked.rateHz !== rateHz)
      fail('FILE_CONTRADICTS', `says ${rateHz} samples a second itself and not ${asked.rateHz}; leave the rate out.`);
    if (asked.format !== undefined && asked.format !== format)
      fail('FILE_CONTRADICTS', `says itself that it is ${format} and not ${asked.format}; leave the format out.`);
    return format;
  }

  #unreadable(cause: unknown): HardwareError {
    const why = systemCodeOf(cause) === undefined ? '' : ` (${messageOf(cause)})`;
    return new HardwareError('FILE_READ', `${this.#name} could not be read to its end${why}.`, cause);
  }
}
