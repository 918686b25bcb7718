/** The two slots as two image files (or block devices) of one fixed size. */

import { closeSync, openSync, readSync } from 'node:fs';
import { type FileHandle, mkdir, open, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SlotName, Slots } from '#hardware/contracts.ts';
import { HardwareError } from '../fault.ts';

export type SlotPaths = Readonly<Record<SlotName, string>>;

export function slotPathsIn(folder: string): SlotPaths {
  return { A: join(folder, 'slot-a.img'), B: join(folder, 'slot-b.img') };
}

/** Makes what is missing of the two files, sparse and zero. Touches nothing that exists. */
export async function createSlotFiles(paths: SlotPaths, sizeBytes: number): Promise<void> {
  for (const path of [paths.A, paths.B]) {
    try {
      await stat(path);
    } catch {
      await mkdir(join(path, '..'), { recursive: true });
      await writeFile(path, '', { flag: 'wx' });
      await truncate(path, sizeBytes);
    }
  }
}

/** Holds file descriptors from the first use on; `close` gives them back. */
export class FileSlots implements Slots {
  readonly #paths: SlotPaths;
  readonly #sizeBytes: number;
  readonly #files = new Map<SlotName, FileHandle>();
  readonly #descriptors = new Map<SlotName, number>();

  constructor(paths: SlotPaths, sizeBytes: number) {
    this.#paths = paths;
    this.#sizeBytes = sizeBytes;
  }

  sizeBytes(_slot: SlotName): Promise<number> {
    return Promise.resolve(this.#sizeBytes);
  }

  async read(slot: SlotName, offsetBytes: number, lengthBytes: number): Promise<Uint8Array> {
    this.#checkRange(slot, offsetBytes, lengthBytes);
    const file = await this.#file(slot);
    const bytes = new Uint8Array(lengthBytes);
    let at = 0;
    while (at < lengthBytes) {
      const { bytesRead } = await file.read(bytes, at, lengthBytes - at, offsetBytes + at);
      if (bytesRead === 0)
        throw new HardwareError('SLOT_RANGE', `${this.#paths[slot]} is shorter than its ${this.#sizeBytes} bytes.`);
      at += bytesRead;
    }
    return bytes;
  }

  readSync(slot: SlotName, offsetBytes: number, into: Uint8Array): void {
    this.#checkRange(slot, offsetBytes, into.length);
    const descriptor = this.#descriptors.get(slot) ?? this.#openSync(slot);
    for (let at = 0; at < into.length; ) {
      const count = readSync(descriptor, into, at, into.length - at, offsetBytes + at);
      if (count === 0)
        throw new HardwareError('SLOT_RANGE', `${this.#paths[slot]} is shorter than its ${this.#sizeBytes} bytes.`);
      at += count;
    }
  }

  async write(slot: SlotName, offsetBytes: number, bytes: Uint8Array): Promise<void> {
    this.#checkRange(slot, offsetBytes, bytes.length);
    const file = await this.#file(slot);
    let at = 0;
    while (at < bytes.length) {
      const { bytesWritten } = await file.write(bytes, at, bytes.length - at, offsetBytes + at);
      at += bytesWritten;
    }
  }

  async flush(slot: SlotName): Promise<void> {
    await (await this.#file(slot)).sync();
  }

  async close(): Promise<void> {
    const files = [...this.#files.values()];
    this.#files.clear();
    for (const file of files) await file.close();
    const descriptors = [...this.#descriptors.values()];
    this.#descriptors.clear();
    for (const descriptor of descriptors) closeSync(descriptor);
  }

  #checkRange(slot: SlotName, offsetBytes: number, lengthBytes: number): void {
    if (
      !Number.isSafeInteger(offsetBytes) ||
      offsetBytes < 0 ||
      lengthBytes < 0 ||
      offsetBytes + lengthBytes > this.#sizeBytes
    )
      throw new HardwareError(
        'SLOT_RANGE',
        `${lengthBytes} bytes at ${offsetBytes} lie outside slot ${slot} of ${this.#sizeBytes} bytes.`,
      );
  }

  #openSync(slot: SlotName): number {
    try {
      const descriptor = openSync(this.#paths[slot], 'r');
      this.#descriptors.set(slot, descriptor);
      return descriptor;
    } catch (error) {
      throw new HardwareError('SLOT_MISSING', `Slot ${slot}, ${this.#paths[slot]}, cannot be opened.`, error);
    }
  }

  async #file(slot: SlotName): Promise<FileHandle> {
    const opened = this.#files.get(slot);
    if (opened !== undefined) return opened;
    let file: FileHandle;
    try {
      file = await open(this.#paths[slot], 'r+');
    } catch (error) {
      throw new HardwareError('SLOT_MISSING', `Slot ${slot}, ${this.#paths[slot]}, cannot be opened.`, error);
    }
    this.#files.set(slot, file);
    return file;
  }
}
