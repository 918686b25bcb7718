/**
 * An installation in the middle of its work, so that the next one goes on from there: for devices that are switched off before a large
 * image is made. Two files in the state folder: what a delta has unpacked, and the state of its decoder. What it has made of the base of
 * another delta is a third one (kept-base.ts).
 *
 *     "CC01" | length of the text, 4 bytes | its CRC-32, 4 bytes | text (JSON) | memory
 *
 * The text has the CRC-32 of the memory. Nothing here is trusted: what it leads to is read back and compared with what was signed, and
 * where that is something else the payload is unpacked from its beginning.
 */

import { closeSync, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { ApplyPlace, KeptApply, SavedApply } from '#codec/package/delta/apply.ts';
import type { Payload } from '#codec/package/manifest.ts';
import type { SlotName } from '#hardware/contracts.ts';
import { replaceDurablySync, writeAllSync } from '#hardware/file/durable.ts';
import { FileScratch } from '#hardware/native/scratch-file.ts';

const MAGIC = 'CC01';
const HEAD_BYTES = 12;
const CRC_AT = 8;
/** A list of places has three numbers for each piece of an image. */
const TEXT_MOST_BYTES = 1 << 26;
const MEMORY_MOST_BYTES = 1 << 27;
const PIECE_BYTES = 1 << 20;

interface Text {
  readonly about: string;
  readonly place: ApplyPlace;
  readonly memoryBytes: number;
  readonly memoryCrc: number;
}

function pathsIn(stateFolder: string): { readonly path: string; readonly scratchPath: string } {
  return { path: join(stateFolder, 'install.checkpoint'), scratchPath: join(stateFolder, 'install.scratch') };
}

/** Whatever it is of; nobody may have it open. */
export function removeCheckpoint(stateFolder: string): void {
  for (const path of Object.values(pathsIn(stateFolder))) rmSync(path, { force: true });
}

export class Checkpoint {
  readonly #folder: string;
  readonly #path: string;
  readonly #scratchPath: string;
  readonly #about: string;
  #scratch: FileScratch | undefined;

  /** Of this payload on its way into this slot, or into the base of the next step, and no other. */
  constructor(stateFolder: string, payload: Payload, target: SlotName | 'base') {
    this.#folder = stateFolder;
    const { path, scratchPath } = pathsIn(stateFolder);
    this.#path = path;
    this.#scratchPath = scratchPath;
    this.#about = [target, payload.sha256OnAir.toHex(), payload.sha256Installed.toHex()].join(' ');
  }

  /** What was kept, whole and of this payload; anything else is removed. */
  load(): KeptApply | undefined {
    const kept = this.#read();
    if (kept === undefined) this.remove();
    return kept;
  }

  get scratch(): FileScratch {
    return (this.#scratch ??= new FileScratch(this.#scratchPath, { kept: true }));
  }

  /** What was written to the slot must be on stable storage. Throws what the file system throws. */
  store({ place, memory }: SavedApply): void {
    this.scratch.flush();
    const said: Text = { about: this.#about, place, memoryBytes: memory.length, memoryCrc: crc32(memory) };
    const text = new TextEncoder().encode(JSON.stringify(said));
    const head = new Uint8Array(HEAD_BYTES);
    head.set(new TextEncoder().encode(MAGIC));
    const view = new DataView(head.buffer);
    view.setUint32(MAGIC.length, text.length);
    view.setUint32(CRC_AT, crc32(text));
    replaceDurablySync(this.#path, (file) => {
      for (const part of [head, text, memory]) writeAllSync(file, part);
    });
  }

  /** Gives the scratch back, for an installation that goes on later. */
  close(): void {
    this.#scratch?.close();
    this.#scratch = undefined;
  }

  remove(): void {
    this.close();
    removeCheckpoint(this.#folder);
  }

  #read(): KeptApply | undefined {
    try {
      const head = this.#bytesAt(0, HEAD_BYTES);
      const view = new DataView(head.buffer);
      const textBytes = view.getUint32(MAGIC.length);
      if (new TextDecoder().decode(head.subarray(0, MAGIC.length)) !== MAGIC || textBytes > TEXT_MOST_BYTES)
        return undefined;
      const text = this.#bytesAt(HEAD_BYTES, textBytes);
      if (crc32(text) !== view.getUint32(CRC_AT)) return undefined;
      const { about, place, memoryBytes, memoryCrc } = JSON.parse(new TextDecoder().decode(text)) as Text;
      if (about !== this.#about || !(memoryBytes <= MEMORY_MOST_BYTES)) return undefined;
      const start = HEAD_BYTES + textBytes;
      if (this.#crcOf(start, memoryBytes) !== memoryCrc) return undefined;
      return { place, memory: { sizeBytes: memoryBytes, read: (into) => this.#fill(start, into) } };
    } catch {
      // Not there, or not whole.
      return undefined;
    }
  }

  #crcOf(start: number, sizeBytes: number): number {
    let crc = 0;
    const piece = new Uint8Array(PIECE_BYTES);
    for (let at = 0; at < sizeBytes; at += PIECE_BYTES) {
      const some = piece.subarray(0, sizeBytes - at);
      this.#fill(start + at, some);
      crc = crc32(some, crc);
    }
    return crc;
  }

  #bytesAt(position: number, sizeBytes: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(sizeBytes);
    this.#fill(position, bytes);
    return bytes;
  }

  #fill(position: number, into: Uint8Array): void {
    const file = openSync(this.#path, 'r');
    try {
      for (let at = 0; at < into.length; ) {
        const count = readSync(file, into, at, into.length - at, position + at);
        if (count === 0) throw new RangeError('it is cut off');
        at += count;
      }
    } finally {
      closeSync(file);
    }
  }
}
