/** A file in the state folder in which a content is made, and which may be the base of what comes next. */

import { bytesEqual } from '#codec/bytes.ts';
import type { FileScratch } from '#hardware/native/scratch-file.ts';
import { sha256Stream } from '#hardware/native/sha256.ts';
import { ReceiverError } from './fault.ts';
import type { Base, Place } from './step.ts';
import { WrittenPieces } from './written-pieces.ts';

const CHUNK_BYTES = 1 << 18;

export class FilePlace implements Base, Place {
  readonly #file: FileScratch;
  readonly #folder: string;
  readonly #pieces = new WrittenPieces();

  constructor(file: FileScratch, folder: string) {
    this.#file = file;
    this.#folder = folder;
  }

  read(positionBytes: number, into: Uint8Array): void {
    this.#file.read(positionBytes, into);
  }

  async write(positionBytes: number, bytes: Uint8Array): Promise<void> {
    this.#file.write(positionBytes, bytes);
    this.#pieces.add(positionBytes, bytes);
  }

  async flush(): Promise<void> {
    this.#file.flush();
  }

  async holds(digest: Uint8Array, sizeBytes: number): Promise<boolean> {
    if (bytesEqual(await sha256Stream(this.#chunks(sizeBytes)), digest)) return true;
    if (!this.#pieces.areKept((at, into) => this.read(at, into))) throw this.unsteady();
    return false;
  }

  unsteady(): ReceiverError {
    return new ReceiverError(
      'STATE_READ',
      `${this.#folder} does not give back what was written to it. Check its medium. Nothing was switched.`,
    );
  }

  close(): void {
    this.#file.close();
  }

  /** Each valid until the next one is asked for. */
  *#chunks(sizeBytes: number): Generator<Uint8Array> {
    const buffer = new Uint8Array(Math.min(CHUNK_BYTES, sizeBytes));
    for (let at = 0; at < sizeBytes; at += CHUNK_BYTES) {
      const chunk = buffer.subarray(0, sizeBytes - at);
      this.read(at, chunk);
      yield chunk;
    }
  }
}
