/** The multiplex signal to a file or a standard stream (`-`): 16-bit little endian mono, full scale 75 kHz, bare or as WAV. */

import { writeSamples } from '#codec/iq/samples.ts';
import type { MpxSink } from '#hardware/contracts.ts';
import type { ByteWriter } from './bytes.ts';
import { openWriter, writeOrFail } from './iq-sink.ts';
import { wavHeader } from './wav.ts';

export interface MpxFileOptions {
  readonly path: string;
  readonly rateHz: number;
  readonly format: 's16' | 'wav';
}

export class MpxFileSink implements MpxSink {
  readonly rateHz: number;
  #path: string;
  #writer: ByteWriter;

  private constructor(options: MpxFileOptions, writer: ByteWriter) {
    this.rateHz = options.rateHz;
    this.#path = options.path;
    this.#writer = writer;
  }

  static async open(options: MpxFileOptions): Promise<MpxFileSink> {
    const sink = new MpxFileSink(options, await openWriter(options.path));
    if (options.format === 'wav')
      await writeOrFail(sink.#writer, wavHeader({ rateHz: options.rateHz, channels: 1 }), options.path);
    return sink;
  }

  async write(samples: Float32Array): Promise<void> {
    await writeOrFail(this.#writer, writeSamples('cs16', samples), this.#path);
  }

  async close(): Promise<void> {
    await this.#writer.end();
  }
}
