/** One step of a way to the content: a payload unpacked from its base to its place, read back and compared with what was signed. */

import type { OpenedPackage } from '#codec/package/seal.ts';
import type { Step } from '#codec/package/steps.ts';
import { type UnpackHost, type Unpacked, unpackPayload } from '#codec/package/unpack.ts';
import type { SlotName } from '#hardware/contracts.ts';
import { PrefixReader } from './choose.ts';
import type { Device } from './device.ts';
import { ReceiverError } from './fault.ts';

/** What a delta starts from. */
export interface Base {
  read(positionBytes: number, into: Uint8Array): void;
  /** Whether it begins with what has this digest. */
  holds(digest: Uint8Array, sizeBytes: number): Promise<boolean>;
  /** Says that it did and does not any more. */
  unsteady(): ReceiverError;
}

/** Where a content is made. */
export interface Place {
  read(positionBytes: number, into: Uint8Array): void;
  write(positionBytes: number, bytes: Uint8Array): Promise<void>;
  /** Resolves once all that was written is on stable storage. */
  flush(): Promise<void>;
  /** Reads all of it back: whether it is what was signed. Throws where the medium did not keep what was written. */
  holds(digest: Uint8Array, sizeBytes: number): Promise<boolean>;
}

export type Fault = Extract<Unpacked, { readonly kind: 'fault' }>;

const OTHER_DIGEST: Fault = { kind: 'fault', fault: 'content-mismatch', detail: 'its digest is another one' };

export function runningBase({ slots }: Device, running: SlotName): Base {
  return {
    read: (at, into) => slots.readSync(running, at, into),
    holds: (digest, sizeBytes) => new PrefixReader(slots, running).holds(digest, sizeBytes),
    unsteady: () =>
      new ReceiverError(
        'SLOT_READ',
        `Slot ${running} does not always read the same. Check its medium. Nothing was switched.`,
      ),
  };
}

/** Undefined where the place holds what the step makes, on stable storage. */
export async function makeStep(
  { index, payload }: Step,
  { opened, device }: { readonly opened: OpenedPackage; readonly device: Device },
  base: Base,
  place: Place,
  means: Pick<UnpackHost, 'scratch' | 'checkpoint' | 'kept'>,
): Promise<Fault | undefined> {
  const unpacked = await unpackPayload(opened.payloadAt(index), payload, {
    ...means,
    readBase: (at, into) => base.read(at, into),
    readNew: (at, into) => place.read(at, into),
    write: (at, bytes) => place.write(at, bytes),
    zstd: device.zstd,
  });
  if (unpacked.kind === 'unpacked') {
    await place.flush();
    if (await place.holds(payload.sha256Installed, payload.sizeInstalledBytes)) return undefined;
  }
  // What was read as the base must have been the base, or the fault says nothing about the package.
  if (payload.base !== undefined && !(await base.holds(payload.base.sha256, payload.base.sizeBytes)))
    throw base.unsteady();
  return unpacked.kind === 'fault' ? unpacked : OTHER_DIGEST;
}
