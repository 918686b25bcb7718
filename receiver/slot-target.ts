/** Where a content is written as it is made: into a slot, of which only what differs is written. */

import { bytesEqual } from '#codec/bytes.ts';
import type { SlotName, Slots } from '#hardware/contracts.ts';
import { messageOf } from '#hardware/fault.ts';
import { sha256Stream } from '#hardware/native/sha256.ts';
import { ReceiverError } from './fault.ts';
import type { Place } from './step.ts';
import { WrittenPieces } from './written-pieces.ts';

/** The file system's block, and what flash likes to be spared. */
const BLOCK_BYTES = 4096;
const CHUNK_BYTES = 64 * BLOCK_BYTES;

export class SlotTarget implements Place {
  readonly #slots: Slots;
  readonly #slot: SlotName;
  #writtenBytes = 0;
  #present = new Uint8Array(CHUNK_BYTES);
  readonly #pieces = new WrittenPieces();

  constructor(slots: Slots, slot: SlotName) {
    this.#slots = slots;
    this.#slot = slot;
  }

  /** What had to be written; what was there already is spared. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  read(positionBytes: number, into: Uint8Array): void {
    this.#slots.readSync(this.#slot, positionBytes, into);
  }

  async write(positionBytes: number, bytes: Uint8Array): Promise<void> {
    await this.#orFail(async () => {
      if (this.#present.length < bytes.length) this.#present = new Uint8Array(bytes.length);
      const present = this.#present.subarray(0, bytes.length);
      this.#slots.readSync(this.#slot, positionBytes, present);
      for (let at = 0; at < bytes.length; ) {
        const end = differenceEnd(bytes, present, at, positionBytes);
        if (end > at) {
          await this.#slots.write(this.#slot, positionBytes + at, bytes.subarray(at, end));
          this.#writtenBytes += end - at;
        }
        at = Math.max(end, blockEnd(at, positionBytes, bytes.length));
      }
    });
    this.#pieces.add(positionBytes, bytes);
  }

  flush(): Promise<void> {
    return this.#orFail(() => this.#slots.flush(this.#slot));
  }

  /** Reads all of it back: whether it is what was signed. Throws where the medium did not keep what was written. */
  async holds(digest: Uint8Array, sizeBytes: number): Promise<boolean> {
    if (bytesEqual(await digestOfSlot(this.#slots, this.#slot, sizeBytes), digest)) return true;
    if (!this.#pieces.areKept((at, into) => this.read(at, into)))
      throw new ReceiverError(
        'SLOT_VERIFY',
        `Slot ${this.#slot} does not hold what was written to it. The running system is untouched and stays the one that starts; ` +
          `slot ${this.#slot} will not be started. Check its medium.`,
      );
    return false;
  }

  async #orFail(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw new ReceiverError(
        'SLOT_WRITE',
        `Slot ${this.#slot} could not be written (${messageOf(error)}). The running system ` +
          `is untouched and stays the one that starts; slot ${this.#slot} will not be started. Install again when it can be written.`,
        error,
      );
    }
  }
}

function blockEnd(at: number, positionBytes: number, sizeBytes: number): number {
  return Math.min(at + BLOCK_BYTES - ((positionBytes + at) % BLOCK_BYTES), sizeBytes);
}

/** End of the run of differing blocks that begins at `start`; `start` itself when that block is right already. */
function differenceEnd(wanted: Uint8Array, present: Uint8Array, start: number, positionBytes: number): number {
  let at = start;
  while (at < wanted.length) {
    const end = blockEnd(at, positionBytes, wanted.length);
    if (bytesEqual(wanted.subarray(at, end), present.subarray(at, end))) break;
    at = end;
  }
  return at;
}

export async function digestOfSlot(slots: Slots, slot: SlotName, sizeBytes: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(CHUNK_BYTES);
  function* chunks(): Generator<Uint8Array> {
    for (let at = 0; at < sizeBytes; at += CHUNK_BYTES) {
      const chunk = buffer.subarray(0, sizeBytes - at);
      slots.readSync(slot, at, chunk);
      yield chunk;
    }
  }
  return sha256Stream(chunks());
}
