/** Brings a content into a slot: what differs is written, flushed, and all of it read back. */

import { bytesEqual } from '#codec/bytes.ts';
import type { Payload } from '#codec/package/manifest.ts';
import type { SlotName, Slots } from '#hardware/contracts.ts';
import { messageOf } from '#hardware/fault.ts';
import { sha256Stream } from '#hardware/native/sha256.ts';
import { ReceiverError } from './fault.ts';

/** The file system's block, and what flash likes to be spared. */
const BLOCK_BYTES = 4096;
const CHUNK_BYTES = 256 * BLOCK_BYTES;

export async function writeSlot(
  target: SlotName,
  content: Uint8Array,
  slots: Slots,
): Promise<{ writtenBytes: number; keptBytes: number }> {
  let writtenBytes = 0;
  try {
    for (let chunkAt = 0; chunkAt < content.length; chunkAt += CHUNK_BYTES) {
      const chunk = content.subarray(chunkAt, chunkAt + CHUNK_BYTES);
      const present = await slots.read(target, chunkAt, chunk.length);
      for (let at = 0; at < chunk.length; ) {
        const end = differenceEnd(chunk, present, at);
        if (end > at) {
          await slots.write(target, chunkAt + at, chunk.subarray(at, end));
          writtenBytes += end - at;
        }
        at = Math.max(end, Math.min(at + BLOCK_BYTES, chunk.length));
      }
    }
    await slots.flush(target);
  } catch (error) {
    throw new ReceiverError(
      'SLOT_WRITE',
      `Slot ${target} could not be written (${messageOf(error)}). The running system ` +
        `is untouched and stays the one that starts; slot ${target} will not be started. Install again when it can be written.`,
      error,
    );
  }
  return { writtenBytes, keptBytes: content.length - writtenBytes };
}

/** End of the run of differing blocks that begins at `start`; `start` itself when that block is right already. */
function differenceEnd(wanted: Uint8Array, present: Uint8Array, start: number): number {
  let at = start;
  while (at < wanted.length) {
    const end = Math.min(at + BLOCK_BYTES, wanted.length);
    if (bytesEqual(wanted.subarray(at, end), present.subarray(at, end))) break;
    at = end;
  }
  return at;
}

export async function readBack(target: SlotName, payload: Payload, slots: Slots): Promise<void> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < payload.sizeInstalledBytes; at += CHUNK_BYTES)
      yield await slots.read(target, at, Math.min(CHUNK_BYTES, payload.sizeInstalledBytes - at));
  }
  if (bytesEqual(await sha256Stream(chunks()), payload.sha256Installed)) return;
  throw new ReceiverError(
    'SLOT_VERIFY',
    `Slot ${target} does not hold what was written to it. The running system is untouched and stays the one that starts; ` +
      `slot ${target} will not be started. Check its medium.`,
  );
}
