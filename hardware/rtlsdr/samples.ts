/**
 * Whole samples (two bytes) out of a stream, read only when somebody asks for more: memory is bounded by the stream's own
 * buffer, and whoever sends waits meanwhile.
 */

import type { Readable } from 'node:stream';

const SAMPLE_BYTES = 2;

export class SampleStream {
  readonly #stream: Readable;
  #carry: Uint8Array | undefined;
  #first: Uint8Array | undefined;
  #back: Uint8Array | undefined;

  /** `first` was read from the stream before. */
  constructor(stream: Readable, first?: Uint8Array) {
    this.#stream = stream;
    this.#first = first;
  }

  /** Null when there is nothing yet; then `waitMs` says when to ask again. The bytes belong to the caller. */
  take(): Uint8Array | null {
    const back = this.#back;
    this.#back = undefined;
    if (back !== undefined) return back;
    const read = this.#first ?? (this.#stream.read() as Uint8Array | null);
    this.#first = undefined;
    if (read === null) return null;
    const bytes: Uint8Array = this.#carry === undefined ? read : Buffer.concat([this.#carry, read]);
    const whole = bytes.length - (bytes.length % SAMPLE_BYTES);
    this.#carry = whole < bytes.length ? bytes.subarray(whole) : undefined;
    return bytes.subarray(0, whole);
  }

  /** The next `take` gives these again. */
  putBack(bytes: Uint8Array): void {
    this.#back = bytes;
  }

  /** Resolves when there may be more, when the stream has ended, or after so long. */
  async waitMs(ms: number): Promise<'more' | 'ended' | 'silent'> {
    const stream = this.#stream;
    if (stream.destroyed || stream.readableEnded) return 'ended';
    return await new Promise((resolve) => {
      const settle = (what: 'more' | 'ended' | 'silent'): void => {
        clearTimeout(timer);
        stream.off('readable', onReadable).off('end', onEnd).off('close', onEnd);
        resolve(what);
      };
      const onReadable = (): void => settle('more');
      const onEnd = (): void => settle('ended');
      const timer = setTimeout(() => settle('silent'), ms);
      stream.on('readable', onReadable).on('end', onEnd).on('close', onEnd);
    });
  }
}
