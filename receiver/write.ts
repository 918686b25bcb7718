/** Brings the content of a package to its place, by the first of its payloads that works. */

import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { bytesEqual } from '#codec/bytes.ts';
import { type Refused, refused } from '#codec/package/refusal.ts';
import type { OpenedPackage } from '#codec/package/seal.ts';
import { type UnpackHost, type Unpacked, unpackPayload } from '#codec/package/unpack.ts';
import type { SlotName } from '#hardware/contracts.ts';
import { FileScratch } from '#hardware/native/scratch-file.ts';
import { sha256Stream } from '#hardware/native/sha256.ts';
import { PrefixReader, type Way } from './choose.ts';
import { type Device, otherSlot } from './device.ts';
import { ReceiverError } from './fault.ts';
import { SlotTarget } from './slot-target.ts';

export type Written =
  | { readonly kind: 'written'; readonly way: Way; readonly writtenBytes: number; readonly keptBytes: number }
  | Refused;

const CHUNK_BYTES = 1 << 20;

/** Into the slot, which holds anything until this resolves with `written`. */
export async function writeContent(
  ways: readonly Way[],
  opened: OpenedPackage,
  target: SlotName,
  device: Device,
): Promise<Written> {
  return firstThatWorks(ways, opened, target, device, async (way, unpack) => {
    const place = new SlotTarget(device.slots, target);
    const unpacked = await unpack({
      readNew: (at, into) => place.read(at, into),
      write: (at, bytes) => place.write(at, bytes),
    });
    if (unpacked.kind === 'fault') return unpacked;
    await place.flush();
    const { sha256Installed, sizeInstalledBytes } = way.payload;
    if (!(await place.holds(sha256Installed, sizeInstalledBytes))) return OTHER_DIGEST;
    const { writtenBytes } = place;
    return { kind: 'written', way, writtenBytes, keptBytes: sizeInstalledBytes - writtenBytes };
  });
}

/** The same into a file that has no name: whether it would work. */
export async function tryContent(
  ways: readonly Way[],
  opened: OpenedPackage,
  target: SlotName,
  device: Device,
): Promise<Written> {
  return firstThatWorks(ways, opened, target, device, async (way, unpack) => {
    const place = scratchOf(device);
    try {
      const unpacked = await unpack({
        readNew: (at, into) => place.read(at, into),
        write: async (at, bytes) => place.write(at, bytes),
      });
      if (unpacked.kind === 'fault') return unpacked;
      const { sha256Installed, sizeInstalledBytes } = way.payload;
      const digest = await sha256Stream(chunksOf(place, sizeInstalledBytes));
      if (!bytesEqual(digest, sha256Installed)) return OTHER_DIGEST;
      return { kind: 'written', way, writtenBytes: 0, keptBytes: 0 };
    } finally {
      place.close();
    }
  });
}

type Fault = Extract<Unpacked, { readonly kind: 'fault' }>;
type Place = Pick<UnpackHost, 'readNew' | 'write'>;

const OTHER_DIGEST: Fault = { kind: 'fault', fault: 'content-mismatch', detail: 'its digest is another one' };

async function firstThatWorks(
  ways: readonly Way[],
  opened: OpenedPackage,
  target: SlotName,
  device: Device,
  bring: (way: Way, unpack: (place: Place) => Promise<Unpacked>) => Promise<Written | Fault>,
): Promise<Written> {
  const running = otherSlot(target);
  let fault: Fault = { kind: 'fault', fault: 'content-mismatch', detail: 'it has no payload' };
  for (const way of ways) {
    const scratch = scratchOf(device);
    try {
      const result = await bring(way, (place) =>
        unpackPayload(opened.payloadAt(way.index), way.payload, {
          ...place,
          readBase: (at, into) => device.slots.readSync(running, at, into),
          scratch: () => scratch,
          zstd: device.zstd,
        }),
      );
      if (result.kind !== 'fault') return result;
      fault = result;
    } finally {
      scratch.close();
    }
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

function scratchOf(device: Device): FileScratch {
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
