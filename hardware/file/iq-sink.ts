/** Complex baseband to a file or a standard stream (`-`), in any of the sample formats. */

import { type SampleFormat, writeSamples } from '#codec/iq/samples.ts';
import type { IqSink } from '#hardware/contracts.ts';
import { HardwareError } from '../fault.ts';
import { ByteWriter } from './bytes.ts';

export interface IqFileOptions {
  readonly path: string;
  readonly rateHz: number;
  readonly format: SampleFormat;
}

export class IqFileSink implements IqSink {
  readonly rateHz: number;
  #options: IqFileOptions;
  #writer: ByteWriter;

  private constructor(options: IqFileOptions, writer: ByteWriter) {
    this.rateHz = options.rateHz;
    this.#options = options;
    this.#writer = writer;
  }

  static async open(options: IqFileOptions): Promise<IqFileSink> {
    return new IqFileSink(options, await openWriter(options.path));
  }

  async write(samples: Float32Array): Promise<void> {
    await writeOrFail(this.#writer, writeSamples(this.#options.format, samples), this.#options.path);
  }

  async close(): Promise<void> {
    await this.#writer.end();
  }
}

export async function openWriter(path: string): Promise<ByteWriter> {
  try {
    return await ByteWriter.open(path);
  } catch (cause) {
    throw new HardwareError('FILE_OPEN', `${path} cannot be written; check the path and the disk.`, cause);
  }
}

export async function writeOrFail(writer: ByteWriter, bytes: Uint8Array, path: string): Promise<void> {
  const open = await writer.write(bytes).catch((cause: unknown) => {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new HardwareError('FILE_WRITE', `${path} could not be written on (${why}); what is there is kept.`, cause);
  });
  if (!open) throw new HardwareError('FILE_CLOSED', `Nobody reads ${path === '-' ? 'stdout' : path} any more.`);
}
