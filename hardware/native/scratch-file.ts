/** Files that are read and written at random by code that can't wait. */

import { closeSync, existsSync, fsyncSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import type { Scratch } from '#codec/package/delta/view/view.ts';

/** Zeros after the end. */
export function readFull(descriptor: number, position: number, into: Uint8Array): void {
  let at = 0;
  while (at < into.length) {
    const count = readSync(descriptor, into, at, into.length - at, position + at);
    if (count === 0) break;
    at += count;
  }
  into.fill(0, at);
}

export function writeFull(descriptor: number, position: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at, bytes.length - at, position + at);
}

/** A file that loses its name at once, made when something is written; or a kept one, which is there again after a power cut. */
export class FileScratch implements Scratch {
  readonly #path: string;
  readonly #isKept: boolean;
  #descriptor: number | undefined;

  constructor(path: string, { kept = false }: { readonly kept?: boolean } = {}) {
    this.#path = path;
    this.#isKept = kept;
    if (kept && existsSync(path)) this.#descriptor = openSync(path, 'r+');
  }

  read(positionBytes: number, into: Uint8Array): void {
    if (this.#descriptor === undefined) into.fill(0);
    else readFull(this.#descriptor, positionBytes, into);
  }

  write(positionBytes: number, bytes: Uint8Array): void {
    if (this.#descriptor === undefined) {
      this.#descriptor = openSync(this.#path, 'wx+', 0o600);
      if (!this.#isKept) rmSync(this.#path);
    }
    writeFull(this.#descriptor, positionBytes, bytes);
  }

  /** Returns once all that was written is on stable storage. */
  flush(): void {
    if (this.#descriptor !== undefined) fsyncSync(this.#descriptor);
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}
