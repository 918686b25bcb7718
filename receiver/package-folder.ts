/** Finished packages, `<sha256>.pkg` in a folder, each whole or absent; those for which there is no room wait in memory. */

import { createHash } from 'node:crypto';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DirectoryEntry } from '#codec/groups/directory.ts';
import { replaceDurablySync, writeAllSync } from '#hardware/file/durable.ts';
import { isNoRoom } from '#hardware/fault.ts';

export interface StoredPackage {
  readonly identity: Uint8Array;
  readonly sha256Hex: string;
  readonly path: string;
  readonly sizeBytes: number;
}

export interface FinishedObject {
  readonly identity: Uint8Array;
  readonly bytes: Uint8Array;
  readonly entry: DirectoryEntry | undefined;
}

export class PackageFolder {
  readonly #path: string;
  readonly #stored = new Map<string, StoredPackage>();
  #held: FinishedObject[] = [];

  constructor(path: string) {
    this.#path = path;
    for (const name of readdirSync(path)) this.#adopt(name);
  }

  all(): readonly StoredPackage[] {
    return [...this.#stored.values()];
  }

  /** In memory only. */
  get held(): readonly FinishedObject[] {
    return this.#held;
  }

  get heldBytes(): number {
    return this.#held.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** On stable storage when it returns; undefined when there is no room. */
  store({ bytes }: FinishedObject): StoredPackage | undefined {
    const sha256Hex = createHash('sha256').update(bytes).digest('hex');
    const name = `${sha256Hex}.pkg`;
    try {
      replaceDurablySync(join(this.#path, name), (file) => writeAllSync(file, bytes));
    } catch (error) {
      if (!isNoRoom(error)) throw error;
      return undefined;
    }
    return this.#adopt(name);
  }

  hold(object: FinishedObject): void {
    this.#held.push(object);
  }

  /** Takes out of memory what there is room for now. */
  storeHeld(): { readonly stored: StoredPackage; readonly entry: DirectoryEntry | undefined }[] {
    const done = [];
    const left: FinishedObject[] = [];
    for (const object of this.#held) {
      const stored = this.store(object);
      if (stored === undefined) left.push(object);
      else done.push({ stored, entry: object.entry });
    }
    this.#held = left;
    return done;
  }

  discard({ sha256Hex, path }: StoredPackage): void {
    rmSync(path, { force: true });
    this.#stored.delete(sha256Hex);
  }

  /** By its name; removes what a power cut left half written. */
  #adopt(name: string): StoredPackage | undefined {
    const path = join(this.#path, name);
    if (name.endsWith('.new')) rmSync(path, { force: true });
    const sha256Hex = /^([0-9a-f]{64})\.pkg$/.exec(name)?.[1];
    if (sha256Hex === undefined) return undefined;
    const identity = Uint8Array.from(Buffer.from(sha256Hex.slice(0, 16), 'hex'));
    const stored = { identity, sha256Hex, path, sizeBytes: statSync(path).size };
    this.#stored.set(sha256Hex, stored);
    return stored;
  }
}
