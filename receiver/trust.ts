/**
 * Whether a verified package is for this device, now. The checks stand in their order, each under the attack or mistake it
 * stops; the signature was checked before (`openPackage`), and what only the slot can tell is checked after (`install.ts`).
 */

import type { Manifest } from '#codec/package/manifest.ts';
import { type Refused, refused } from '#codec/package/refusal.ts';
import type { DeviceIdentity } from './config.ts';

/** What the device has had, and how much it can hold. */
export interface Floors {
  /** The highest sequence that ever proved itself here; 0 for none. */
  readonly sequenceFloor: number;
  /** What runs, or is switched to and waits for its start. */
  readonly installed: readonly InstalledContent[];
  /** Sequence of what is running; 0 when it is not known. */
  readonly runningSequence: number;
  /** The highest sequence that was tried and did not prove itself; 0 for none. */
  readonly failedSequence: number;
  /** Seconds since 1970 of the latest signed time that was heard; 0 for none. Never the local clock. */
  readonly timeFloorSeconds: number;
  readonly slotSizeBytes: number;
}

export interface InstalledContent {
  readonly sequence: number;
  readonly contentHex: string;
}

export type Judgement = { readonly kind: 'accepted' } | { readonly kind: 'already-installed' } | Refused;

/** Slots hold this and nothing else; application targets come later, beside it. */
const SLOT_TARGET = 'rootfs';

export function judge(manifest: Manifest, device: DeviceIdentity, floors: Floors): Judgement {
  // Wrong device: a signed package of another product, recorded and sent here.
  if (manifest.vendor !== device.vendor)
    return refused('wrong-vendor', `for ${manifest.vendor}, this is ${device.vendor}`);
  if (manifest.deviceType !== device.deviceType)
    return refused('wrong-device-type', `for ${manifest.deviceType}, this is ${device.deviceType}`);
  const revisions = manifest.hardwareRevisions;
  if (
    revisions !== undefined &&
    (device.hardwareRevision === undefined || !revisions.includes(device.hardwareRevision))
  )
    return refused(
      'wrong-hardware-revision',
      `for ${revisions.join(', ')}, this is ${device.hardwareRevision ?? 'unknown'}`,
    );

  // Fast enough to be worth saying early: this receiver writes slots only.
  if (manifest.kind !== 'image') return refused('unsupported-kind', manifest.kind);

  // Rollback and replay: an old release with a known hole has a good signature too. A sequence that proved itself but no
  // longer runs (its slot broke later) may come back; one that failed may not, or it would be tried for ever.
  const { sequence } = manifest;
  const same = floors.installed.find((installed) => installed.sequence === sequence);
  if (same !== undefined) {
    const content = manifest.payloads.find((payload) => payload.target === SLOT_TARGET);
    return content?.sha256Installed.toHex() === same.contentHex
      ? { kind: 'already-installed' }
      : refused('same-sequence', `sequence ${sequence} with other content`);
  }
  if (sequence === floors.failedSequence) return refused('failed-before', `sequence ${sequence}`);
  const floor = Math.max(
    floors.sequenceFloor,
    floors.failedSequence,
    ...floors.installed.map((installed) => installed.sequence),
  );
  if (sequence < floor) return refused('older-sequence', `sequence ${sequence}, this device has had ${floor}`);

  // A jump that the developer never tested.
  if (manifest.oldestSequence !== undefined && floors.runningSequence < manifest.oldestSequence)
    return refused(
      'installed-too-old',
      `it needs sequence ${manifest.oldestSequence}, ${floors.runningSequence === 0 ? 'an unknown one' : floors.runningSequence} is running`,
    );

  // Freeze: an update that was withdrawn in time but is still sent. By signed time only; clocks here are wrong.
  if (manifest.expiryFloorSeconds !== undefined && floors.timeFloorSeconds > manifest.expiryFloorSeconds)
    return refused('expired', new Date(manifest.expiryFloorSeconds * 1000).toISOString());

  // Mix and match: all contents of a release are switched together or not at all, so one that we cannot place refuses it.
  const foreign = manifest.payloads.find((payload) => payload.target !== SLOT_TARGET);
  if (foreign !== undefined) return refused('no-usable-payload', `this device has no target ${foreign.target}`);

  // Full disk.
  const tooLarge = manifest.payloads.find((payload) => payload.sizeInstalledBytes > floors.slotSizeBytes);
  if (tooLarge !== undefined)
    return refused('too-large', `${tooLarge.sizeInstalledBytes} bytes, the slot has ${floors.slotSizeBytes}`);

  return { kind: 'accepted' };
}
