/** Brings the content of a package to its place, by the first of its payloads that works. */

import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { bytesEqual } from '#codec/bytes.ts';
import type { KeptApply } from '#codec/package/delta/apply.ts';
import { type Refused, refused } from '#codec/package/refusal.ts';
import type { OpenedPackage } from '#codec/package/seal.ts';
import { type UnpackHost, type Unpacked, unpackPayload } from '#codec/package/unpack.ts';
import type { SlotName } from '#hardware/contracts.ts';
import { isNoRoom } from '#hardware/fault.ts';
import { FileScratch } from '#hardware/native/scratch-file.ts';
import { sha256Stream } from '#hardware/native/sha256.ts';
import { Checkpoint } from './checkpoint.ts';
import { PrefixReader, type Way } from './choose.ts';
import { type Device, otherSlot } from './device.ts';
import { ReceiverError } from './fault.ts';
import { SlotTarget } from './slot-target.ts';
import { withHistory } from './state.ts';

export type Written =
  | { readonly kind: 'written'; readonly way: Way; readonly writtenBytes: number; readonly keptBytes: number }
  | Refused;

/** A package, and where its content goes. */
interface Order {
  readonly opened: OpenedPackage;
  readonly target: SlotName;
  readonly device: Device;
}

type Fault = Extract<Unpacked, { readonly kind: 'fault' }>;

const CHUNK_BYTES = 1 << 20;
/** Flash is written for it, some 45 MB: not often, and not at all where a content is made in less. */
const CHECKPOINT_MS = 120_000;
const OTHER_DIGEST: Fault = { kind: 'fault', fault: 'content-mismatch', detail: 'its digest is another one' };

/** Into the slot, which holds anything until this resolves with `written`. Goes on where an earlier one was cut off. */
export async function writeContent(
  ways: readonly Way[],
  opened: OpenedPackage,
  target: SlotName,
  device: Device,
): Promise<Written> {
  const order = { opened, target, device };
  mkdirSync(device.store.folder, { recursive: true });
  return firstThatWorks(ways, order, async (way) => {
    const checkpoint = new Checkpoint(device.store.folder, way.payload, target);
    try {
      const kept = checkpoint.load();
      let result = await intoSlot(way, order, checkpoint, kept);
      if (result.kind === 'fault' && kept !== undefined) {
        // What was kept may be what was wrong.
        checkpoint.remove();
        result = await intoSlot(way, order, checkpoint, undefined);
      }
      checkpoint.remove();
      return result;
    } finally {
      checkpoint.close();
    }
  });
}

async function intoSlot(
  way: Way,
  order: Order,
  checkpoint: Checkpoint,
  kept: KeptApply | undefined,
): Promise<Written | Fault> {
  const { device, target } = order;
  const { sha256Installed, sizeInstalledBytes } = way.payload;
  const place = new SlotTarget(device.slots, target);
  const everyMs = device.checkpointMs ?? CHECKPOINT_MS;
  let dueMs = performance.now() + everyMs;
  if (kept !== undefined) {
    const text = `slot ${target}, at ${kept.place.decoder.doneBytes} bytes`;
    await device.store.update((facts) => withHistory(facts, device.nowMs(), 'resumed', text));
  }
  const unpacked = await unpack(way, order, {
    readNew: (at, into) => place.read(at, into),
    write: (at, bytes) => place.write(at, bytes),
    scratch: () => checkpoint.scratch,
    kept,
    checkpoint: async (save) => {
      if (performance.now() < dueMs) return;
      await place.flush();
      const saved = save();
      try {
        if (saved !== undefined) checkpoint.store(saved);
      } catch (error) {
        // Without one it begins again from the beginning: no reason to stop.
        if (!isNoRoom(error)) throw error;
      }
      dueMs = performance.now() + everyMs;
    },
  });
  if (unpacked.kind === 'fault') return unpacked;
  await place.flush();
  if (!(await place.holds(sha256Installed, sizeInstalledBytes))) return OTHER_DIGEST;
  const { writtenBytes } = place;
  return { kind: 'written', way, writtenBytes, keptBytes: sizeInstalledBytes - writtenBytes };
}

/** The same into a file that has no name: whether it would work. */
export async function tryContent(
  ways: readonly Way[],
  opened: OpenedPackage,
  target: SlotName,
  device: Device,
): Promise<Written> {
  const order = { opened, target, device };
  return firstThatWorks(ways, order, async (way) => {
    const [place, scratch] = [namelessFile(device), namelessFile(device)];
    try {
      const unpacked = await unpack(way, order, {
        readNew: (at, into) => place.read(at, into),
        write: async (at, bytes) => place.write(at, bytes),
        scratch: () => scratch,
      });
      if (unpacked.kind === 'fault') return unpacked;
      const { sha256Installed, sizeInstalledBytes } = way.payload;
      const digest = await sha256Stream(chunksOf(place, sizeInstalledBytes));
      if (!bytesEqual(digest, sha256Installed)) return OTHER_DIGEST;
      return { kind: 'written', way, writtenBytes: 0, keptBytes: 0 };
    } finally {
      place.close();
      scratch.close();
    }
  });
}

function unpack(
  way: Way,
  { opened, target, device }: Order,
  place: Omit<UnpackHost, 'readBase' | 'zstd'>,
): Promise<Unpacked> {
  const running = otherSlot(target);
  return unpackPayload(opened.payloadAt(way.index), way.payload, {
    ...place,
    readBase: (at, into) => device.slots.readSync(running, at, into),
    zstd: device.zstd,
  });
}

async function firstThatWorks(
  ways: readonly Way[],
  { target, device }: Order,
  bring: (way: Way) => Promise<Written | Fault>,
): Promise<Written> {
  const running = otherSlot(target);
  let fault: Fault = { kind: 'fault', fault: 'content-mismatch', detail: 'it has no payload' };
  for (const way of ways) {
    const result = await bring(way);
    if (result.kind !== 'fault') return result;
    fault = result;
    const { base } = way.payload;
    // What was read as the base must have been the base, or the fault says nothing about the package.
    if (base !== undefined && !(await new PrefixReader(device.slots, running).holds(base.sha256, base.sizeBytes)))
      throw new ReceiverError(
        'SLOT_READ',
        `Slot ${running} does not always read the same. Check its medium. Nothing was switched.`,
      );
  }
  return refused(fault.fault, fault.detail);
}

function namelessFile(device: Device): FileScratch {
  mkdirSync(device.store.folder, { recursive: true });
  return new FileScratch(join(device.store.folder, `scratch.${randomUUID()}`));
}

function* chunksOf(place: FileScratch, sizeBytes: number): Generator<Uint8Array> {
  for (let at = 0; at < sizeBytes; at += CHUNK_BYTES) {
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, sizeBytes - at));
    place.read(at, chunk);
    yield chunk;
  }
}
