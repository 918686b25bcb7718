/**
 * A recording that is being made: samples as they come, bare or as WAV. Never over an existing file unless asked to; what was
 * written before a failure is kept and is a valid recording.
 */

import { type FileHandle, open } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { HardwareError, isNoRoom, messageOf, systemCodeOf } from '../fault.ts';
import { ByteWriter } from './bytes.ts';
import { type WavForm, wavHeader } from './wav.ts';

export interface RecordingFileOptions {
  /** `-` is stdout. */
  readonly path: string;
  readonly overwrite: boolean;
  /** Two channels, I and Q; bare samples when absent. */
  readonly wav?: { readonly rateHz: number; readonly form: WavForm };
  readonly stdout?: Writable;
}

export class RecordingFile {
  readonly #options: RecordingFileOptions;
  readonly #file: FileHandle | undefined;
  readonly #stdout: ByteWriter | undefined;
  #bytes = 0;

  private constructor(options: RecordingFileOptions, file: FileHandle | undefined, stdout: ByteWriter | undefined) {
    this.#options = options;
    this.#file = file;
    this.#stdout = stdout;
  }

  static async open(options: RecordingFileOptions): Promise<RecordingFile> {
    const { path, overwrite, stdout } = options;
    const recording =
      path === '-'
        ? new RecordingFile(options, undefined, await ByteWriter.open('-', stdout))
        : new RecordingFile(options, await openNew(path, overwrite), undefined);
    await recording.#writeAll(recording.#header());
    recording.#bytes = 0;
    return recording;
  }

  /** Of samples, without a header. */
  get bytes(): number {
    return this.#bytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#writeAll(bytes);
  }

  /** Puts the length into the header where that can be done, and closes. */
  async close(): Promise<void> {
    await this.#stdout?.end();
    const file = this.#file;
    if (file === undefined) return;
    try {
      if (this.#options.wav === undefined || !(await file.stat()).isFile()) return;
      const header = this.#header(this.#bytes);
      await file.write(header, 0, header.length, 0);
    } catch (cause) {
      throw this.#failure(cause);
    } finally {
      await file.close();
    }
  }

  #header(dataBytes?: number): Uint8Array {
    const { wav } = this.#options;
    if (wav === undefined) return new Uint8Array(0);
    return wavHeader({ rateHz: Math.round(wav.rateHz), channels: 2 }, dataBytes, wav.form);
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    try {
      if (this.#stdout !== undefined) {
        if (!(await this.#stdout.write(bytes)))
          throw new HardwareError('FILE_CLOSED', 'Nobody reads stdout any more; the recording ends here.');
        this.#bytes += bytes.length;
      } else if (this.#file !== undefined) {
        for (let at = 0; at < bytes.length; ) {
          const { bytesWritten } = await this.#file.write(bytes, at);
          at += bytesWritten;
          this.#bytes += bytesWritten;
        }
      }
    } catch (cause) {
      throw cause instanceof HardwareError ? cause : this.#failure(cause);
    }
  }

  #failure(cause: unknown): HardwareError {
    const code = systemCodeOf(cause);
    if (code === 'EPIPE')
      return new HardwareError(
        'FILE_CLOSED',
        `Nobody reads ${this.#options.path} any more; the recording ends here.`,
        cause,
      );
    const why = isNoRoom(cause) ? 'the disk is full' : messageOf(cause);
    return new HardwareError(
      'FILE_WRITE',
      `${this.#options.path} cannot be written on: ${why}. What is there is kept.`,
      cause,
    );
  }
}

async function openNew(path: string, overwrite: boolean): Promise<FileHandle> {
  try {
    return await open(path, overwrite ? 'w' : 'wx');
  } catch (cause) {
    if (systemCodeOf(cause) === 'EEXIST')
      throw new HardwareError(
        'FILE_EXISTS',
        `${path} exists and is left as it is; choose another name, or --force.`,
        cause,
      );
    throw new HardwareError(
      'FILE_OPEN',
      `${path} cannot be written (${messageOf(cause)}); check the path and the disk.`,
      cause,
    );
  }
}
