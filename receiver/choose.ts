/** Whether a package is installed, into which slot, and from which of its payloads. Writes nothing. */

import { bytesEqual } from '#codec/bytes.ts';
import { type Refused, refused } from '#codec/package/refusal.ts';
import type { OpenedPackage } from '#codec/package/seal.ts';
import { type Steps, stepsFrom } from '#codec/package/steps.ts';
import type { BootState, SlotName, Slots } from '#hardware/contracts.ts';
import { BOOT_ATTEMPTS, type Device, observe, otherSlot } from './device.ts';
import { digestOfSlot } from './slot-target.ts';
import type { Facts, SlotFacts } from './state.ts';
import { type Floors, type InstalledContent, judge } from './trust.ts';

/** The package is good, the moment is not: the running system has not proved itself, and the other slot is the way back. */
export interface Postponed {
  readonly kind: 'postponed';
  readonly detail: string;
}

/** The payloads that lead from what this device has to the content; nearly always a single one. */
export interface Way {
  readonly steps: Steps;
}

export type Chosen =
  | {
      readonly kind: 'chosen';
      readonly target: SlotName;
      /** At least one. They lead to the same content; where one turns out to be broken, the next one is taken. */
      readonly ways: readonly Way[];
    }
  | NotChosen;

export type NotChosen =
  | {
      readonly kind: 'already-installed';
      /** What the running slot turned out to hold, when that was not known. */
      readonly recognised?: SlotFacts;
    }
  | Postponed
  | Refused;

/** Judges, and finds the payloads that this device can use: first deltas from what is running, then chains of them, then full content. */
export async function choose(opened: OpenedPackage, device: Device): Promise<Chosen> {
  const { manifest } = opened;
  const { boot, facts, sequenceFloor } = await observe(device);
  const slotSizeBytes = await device.slots.sizeBytes(otherSlot(boot.running));
  const judged = judge(manifest, device.identity, floorsOf(facts, boot, sequenceFloor, slotSizeBytes));
  if (judged.kind === 'refused') return judged;
  if (judged.kind === 'already-installed') return judged;
  // When our memory is lost, the boot loader's count still says whether this start was marked as good.
  const mayBeUnproven = facts.memoryLost === true && boot.attemptsLeft[boot.running] < BOOT_ATTEMPTS;
  if (facts.install?.state === 'running' || mayBeUnproven)
    return {
      kind: 'postponed',
      detail: `slot ${boot.running} runs ${facts.slots[boot.running]?.version ?? 'an unknown version'} and has not been confirmed since it was started; slot ${otherSlot(boot.running)} is the way back`,
    };

  const prefix = new PrefixReader(device.slots, boot.running);
  // A device that lost its memory still knows what it runs when it reads it.
  const [{ sha256Installed, sizeInstalledBytes }] = manifest.payloads;
  if (facts.slots[boot.running] === null && (await prefix.holds(sha256Installed, sizeInstalledBytes)))
    return {
      kind: 'already-installed',
      recognised: {
        version: manifest.version,
        sequence: manifest.sequence,
        contentHex: sha256Installed.toHex(),
        sizeBytes: sizeInstalledBytes,
        writtenMs: device.nowMs(),
        confirmedMs: null,
      },
    };

  const ways: Way[] = [];
  for (const [index, { base }] of manifest.payloads.entries())
    if (base !== undefined && (await prefix.holds(base.sha256, base.sizeBytes)))
      ways.push({ steps: stepsFrom(manifest.payloads, index) });
  // A chain takes longer with each of its steps, and needs room.
  ways.sort((a, b) => a.steps.length - b.steps.length);
  for (const [index, { encoding }] of manifest.payloads.entries())
    if (encoding === 'full') ways.push({ steps: stepsFrom(manifest.payloads, index) });
  return ways.length === 0
    ? refused('base-mismatch', `slot ${boot.running} holds ${facts.slots[boot.running]?.version ?? 'unknown content'}`)
    : { kind: 'chosen', target: otherSlot(boot.running), ways };
}

/** Digests of the beginning of a slot. Each length is read once. */
export class PrefixReader {
  readonly #slots: Slots;
  readonly #slot: SlotName;
  readonly #digests = new Map<number, Uint8Array>();

  constructor(slots: Slots, slot: SlotName) {
    this.#slots = slots;
    this.#slot = slot;
  }

  async holds(digest: Uint8Array, lengthBytes: number): Promise<boolean> {
    if (lengthBytes > (await this.#slots.sizeBytes(this.#slot))) return false;
    const own = this.#digests.get(lengthBytes) ?? (await digestOfSlot(this.#slots, this.#slot, lengthBytes));
    this.#digests.set(lengthBytes, own);
    return bytesEqual(own, digest);
  }
}

function floorsOf(facts: Facts, boot: BootState, sequenceFloor: number, slotSizeBytes: number): Floors {
  const running = facts.slots[boot.running];
  const { install } = facts;
  const installed: InstalledContent[] = running === null ? [] : [running];
  if (install?.state === 'switched') installed.push(install);
  const confirmed = Object.values(facts.slots).map((slot) =>
    slot !== null && slot.confirmedMs !== null ? slot.sequence : 0,
  );
  return {
    // The floor files are written after the facts: a power cut in between must not lower it.
    sequenceFloor: Math.max(sequenceFloor, ...confirmed),
    installed,
    runningSequence: running?.sequence ?? 0,
    failedSequence: Math.max(0, ...facts.failed.map((failed) => failed.sequence)),
    // TODO: the time of the latest signed beacon, as soon as there are beacons.
    timeFloorSeconds: 0,
    slotSizeBytes,
  };
}
