/** Bytes from and to a file or a standard stream (`-`), with backpressure. */

import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { Readable, Writable } from 'node:stream';
import { HardwareError, messageOf, systemCodeOf } from '../fault.ts';

/** Of a process, or what a test puts in their place. */
export interface StandardStreams {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** For a program that goes on with its work when nobody reads what it says any more (EPIPE). */
export function outliveReaders({ stdout, stderr }: Pick<StandardStreams, 'stdout' | 'stderr'>): void {
  for (const stream of [stdout, stderr]) stream.on('error', () => {});
}

const STANDARD = '-';
const READ_BYTES = 1024 * 1024;

/** Opens `path` for reading. Throws what `open` throws before the first chunk is asked for. */
export async function openBytes(path: string, stdin: Readable = process.stdin): Promise<Readable> {
  if (path === STANDARD) return stdin;
  const stream = createReadStream(path, { highWaterMark: READ_BYTES });
  await opened(stream, `${path} cannot be read`);
  return stream;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'it is not permitted',
  EISDIR: 'it is a folder',
};

async function opened(stream: Readable | Writable, failure: string): Promise<void> {
  try {
    await once(stream, 'open');
  } catch (error) {
    const reason = REASONS[systemCodeOf(error) ?? ''] ?? messageOf(error);
    throw new HardwareError('FILE', `${failure}: ${reason}.`, error);
  }
}

/** Where bytes go. `write` resolves when more may be written; `false` means that nobody reads any more. */
export class ByteWriter {
  readonly #stream: Writable;
  readonly #close: boolean;
  #error: NodeJS.ErrnoException | null = null;

  private constructor(stream: Writable, close: boolean) {
    this.#stream = stream;
    this.#close = close;
    stream.on('error', (error: NodeJS.ErrnoException) => {
      this.#error = error;
    });
  }

  static async open(path: string, stdout: Writable = process.stdout): Promise<ByteWriter> {
    if (path === STANDARD) return new ByteWriter(stdout, false);
    const stream = createWriteStream(path);
    await opened(stream, `${path} cannot be written`);
    return new ByteWriter(stream, true);
  }

  async write(bytes: Uint8Array | string): Promise<boolean> {
    if (!this.#open()) return false;
    if (!this.#stream.write(bytes)) await this.#drained();
    return this.#open();
  }

  /** Resolves when everything has been handed over. */
  async end(): Promise<void> {
    if (!this.#open()) return;
    if (this.#close) {
      this.#stream.end();
      await finished(this.#stream);
    } else await this.#flushed();
    this.#open();
  }

  /** Whether the other end still reads. A pipe that was closed is no error (EPIPE); a full disk is. */
  #open(): boolean {
    if (this.#error !== null && this.#error.code !== 'EPIPE') throw this.#error;
    return this.#error === null && !this.#stream.destroyed;
  }

  /** Not `drain`: that never comes when the last write was still welcome. The callback of a write behind all others does. */
  #flushed(): Promise<void> {
    return new Promise((resolve) => {
      this.#stream.write('', () => resolve());
    });
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#stream.off('drain', done);
        this.#stream.off('error', done);
        this.#stream.off('close', done);
        resolve();
      };
      this.#stream.on('drain', done);
      this.#stream.on('error', done);
      this.#stream.on('close', done);
    });
  }
}

/** Lines of a text stream, without line feeds; a line of more than `limit` characters comes in pieces of that length. */
export async function* linesOf(
  stream: AsyncIterable<Uint8Array | string>,
  limit: number = 4096,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    rest += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    let from = 0;
    for (let feed = rest.indexOf('\n'); feed >= 0; feed = rest.indexOf('\n', from)) {
      yield rest.slice(from, feed);
      from = feed + 1;
    }
    rest = rest.slice(from);
    while (rest.length > limit) {
      yield rest.slice(0, limit);
      rest = rest.slice(limit);
    }
  }
  if (rest !== '') yield rest;
}
