/** Files of the commands of `carillon delta`. */

import { closeSync, openSync, readFileSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import type { CostsBytes } from '#codec/package/delta/setup.ts';
import type { Scratch } from '#codec/package/delta/view/view.ts';
import { CommandError } from '../refusal.ts';

export function contentOf(path: string): Uint8Array {
  try {
    const buffer = readFileSync(path);
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
  } catch (cause) {
    throw new CommandError(`${path} can't be read: ${cause instanceof Error ? cause.message : String(cause)}.`, 1);
  }
}

/** Under another name first: a file that is there is whole. */
export function writeWhole(path: string, write: (descriptor: number) => void): void {
  const part = `${path}.part`;
  const descriptor = openSync(part, 'w+', 0o644);
  try {
    try {
      write(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

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

/** A file that loses its name at once, made when something is written. */
export class FileScratch implements Scratch {
  readonly #path: string;
  #descriptor: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  read(positionBytes: number, into: Uint8Array): void {
    if (this.#descriptor === undefined) into.fill(0);
    else readFull(this.#descriptor, positionBytes, into);
  }

  write(positionBytes: number, bytes: Uint8Array): void {
    if (this.#descriptor === undefined) {
      this.#descriptor = openSync(this.#path, 'wx+', 0o600);
      rmSync(this.#path);
    }
    writeFull(this.#descriptor, positionBytes, bytes);
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

export function rounded(costs: CostsBytes): Record<string, number> {
  return Object.fromEntries(Object.entries(costs).map(([kind, bytes]) => [`${kind}Bytes`, Math.round(bytes)]));
}
