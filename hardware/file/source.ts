/** A recording as if it were a dongle: `-` is stdin. Rate, frequency and format come from the name unless they are given. */

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { SAMPLE_BYTES } from '#codec/iq/samples.ts';
import type { IqSource, Tuned, TuneRequest } from '#hardware/contracts.ts';
import { HardwareError } from '../fault.ts';
import { parseRecordingName, type RecordingFacts } from './recording.ts';

export interface FileSourceOptions extends RecordingFacts {
  readonly path: string;
}

const CHUNK_BYTES = 64 * 1024;

export class FileSource implements IqSource {
  #options: FileSourceOptions;
  #stream: Readable | undefined;
  #sampleBytes = 2;

  constructor(options: FileSourceOptions) {
    this.#options = options;
  }

  /** A file is what it is: the request counts only where neither the name nor the options say anything. */
  async open(request: TuneRequest): Promise<Tuned> {
    const { path } = this.#options;
    const fromName = path === '-' ? {} : parseRecordingName(path);
    const format = this.#options.format ?? fromName.format;
    if (format === undefined)
      throw new HardwareError(
        'FILE_FORMAT',
        `${path} does not say its sample format; name it .cu8, .cs8, .cs16 or .cf32, or give the format.`,
      );
    if (path !== '-') {
      const found = await stat(path).catch((cause: unknown) => {
        throw new HardwareError('FILE_OPEN', `${path} cannot be read; check the path.`, cause);
      });
      if (found.isDirectory()) throw new HardwareError('FILE_OPEN', `${path} is a directory, not a recording.`);
    }
    this.#sampleBytes = SAMPLE_BYTES[format];
    this.#stream = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: CHUNK_BYTES });
    return {
      frequencyHz: this.#options.frequencyHz ?? fromName.frequencyHz ?? request.frequencyHz,
      rateHz: this.#options.rateHz ?? fromName.rateHz ?? request.rateHz,
      format,
      description: path === '-' ? 'stdin' : path,
    };
  }

  /** Always whole samples; what is left of a sample at the end of the file is dropped. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    const stream = this.#stream;
    if (stream === undefined) throw new HardwareError('FILE_NOT_OPEN', 'Open the recording before reading it.');
    let carry: Uint8Array | undefined;
    try {
      for await (const read of stream as AsyncIterable<Uint8Array>) {
        const bytes = carry === undefined ? read : Buffer.concat([carry, read]);
        const whole = bytes.length - (bytes.length % this.#sampleBytes);
        carry = whole < bytes.length ? bytes.subarray(whole) : undefined;
        if (whole > 0) yield bytes.subarray(0, whole);
      }
    } catch (cause) {
      if (stream.destroyed && this.#stream === undefined) return;
      throw new HardwareError('FILE_READ', `${this.#options.path} could not be read to its end.`, cause);
    }
  }

  async close(): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream === undefined || stream === process.stdin || stream.closed) return;
    const closed = new Promise<void>((resolve) => stream.once('close', () => resolve()));
    stream.destroy();
    await closed;
  }
}
