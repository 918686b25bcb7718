/**
 * From a sealed package to a slot that the boot loader starts next, in the order of docs/package.md, "Installing":
 *
 *     everything that can be refused is refused | target unbootable | write what differs | flush | read back | switch
 *
 * Every step may be the last before a power cut. What makes that harmless: the target cannot be started from before the
 * first byte until after the last check, and the switch is one atomic write. An interrupted installation is done again from
 * the beginning; blocks that are right already are not written again.
 */

import { bytesEqual } from '#codec/package/cbor.ts';
import type { Zstd } from '#codec/package/compress.ts';
import { applyDelta, type Unpacked, unpackFull } from '#codec/package/delta.ts';
import type { Payload } from '#codec/package/manifest.ts';
import { type Refused, refused } from '#codec/package/refusal.ts';
import { type OpenedPackage, openPackage } from '#codec/package/seal.ts';
import type { BootControl, BootState, SlotName, Slots } from '#hardware/contracts.ts';
import { sha256Native, sha256Stream } from '#hardware/native/sha256.ts';
import type { DeviceIdentity } from './config.ts';
import { ReceiverError } from './fault.ts';
import { INSTALL_STATES, type InstallEvent, observedEvent } from './install-states.ts';
import {
  type Facts,
  type InstallRecord,
  type SlotFacts,
  type StateStore,
  withHistory,
  withRefusal,
  withSettled,
} from './state.ts';
import { type Floors, type InstalledContent, judge } from './trust.ts';

/** Starts that a new system gets to prove itself; RAUC's default. */
const BOOT_ATTEMPTS = 3;
/** The file system's block, and what flash likes to be spared. */
const BLOCK_BYTES = 4096;
const CHUNK_BYTES = 256 * BLOCK_BYTES;

export interface Device {
  readonly identity: DeviceIdentity;
  readonly trustedKeys: readonly Uint8Array[];
  readonly slots: Slots;
  readonly boot: BootControl;
  readonly store: StateStore;
  readonly zstd: Zstd;
  nowMs(): number;
}

export type InstallOutcome =
  | {
      readonly kind: 'installed';
      readonly target: SlotName;
      readonly version: string;
      readonly sequence: number;
      readonly encoding: Payload['encoding'];
      readonly writtenBytes: number;
      readonly keptBytes: number;
    }
  | { readonly kind: 'already-installed'; readonly version: string; readonly sequence: number }
  /** The package is good, the moment is not: the running system has not proved itself, and the other slot is the way back. */
  | { readonly kind: 'postponed'; readonly detail: string }
  | Refused;

function otherSlot(slot: SlotName): SlotName {
  return slot === 'A' ? 'B' : 'A';
}

/** Installs a package, or says why not. Throws only when the device itself fails. */
export async function installPackage(bytes: Uint8Array, device: Device): Promise<InstallOutcome> {
  return device.store.whileInstalling(async () => {
    await observe(device);
    const packageHex = sha256Native(bytes).toHex();
    const outcome = await attempt(bytes, packageHex, device);
    if (outcome.kind === 'refused' || outcome.kind === 'already-installed') {
      const { boot, facts } = await observe(device);
      const about = { packageHex, circumstances: circumstances(device, facts, boot) };
      await device.store.update((current) =>
        outcome.kind === 'refused'
          ? withRefusal(current, outcome, about, device.nowMs())
          : withSettled(current, 'already-installed', about),
      );
    }
    return outcome;
  });
}

/** All that `installPackage` checks before it writes. Changes nothing and counts nothing. */
export async function verifyPackage(
  bytes: Uint8Array,
  device: Device,
): Promise<{ readonly kind: 'installable'; readonly opened: OpenedPackage; readonly payload: Payload } | NotChosen> {
  const opened = openPackage(bytes, device.trustedKeys);
  if (opened.kind === 'refused') return opened;
  const chosen = await choose(opened, device);
  return chosen.kind === 'chosen' ? { kind: 'installable', opened, payload: chosen.payload } : chosen;
}

async function attempt(bytes: Uint8Array, packageHex: string, device: Device): Promise<InstallOutcome> {
  const opened = openPackage(bytes, device.trustedKeys);
  if (opened.kind === 'refused') return opened;
  const { version, sequence } = opened.manifest;
  const chosen = await choose(opened, device);
  if (chosen.kind === 'refused' || chosen.kind === 'postponed') return chosen;
  const timeMs = device.nowMs();
  await device.store.update((facts) => ({ ...facts, received: { packageHex, version, sequence, timeMs } }));
  if (chosen.kind === 'already-installed') {
    if (chosen.recognised !== undefined) await recogniseRunning(device, chosen.recognised);
    return { kind: 'already-installed', version, sequence };
  }
  const { payload, content, target } = chosen;
  const contentHex = payload.sha256Installed.toHex();
  const sizeBytes = content.length;

  await withdrawUnstarted(device);
  const about = { packageHex, version, sequence, contentHex, sizeBytes };
  const record: InstallRecord = { state: 'verified', target, ...about, sinceMs: timeMs };
  await device.store.update((facts) => {
    if (facts.install !== null && INSTALL_STATES[facts.install.state].accepted === undefined)
      throw new ReceiverError('STATE', `An installation in state ${facts.install.state} cannot be replaced.`);
    const text = `${version} (sequence ${sequence}) for slot ${target}`;
    return withHistory({ ...facts, install: record }, timeMs, 'accepted', text);
  });

  await closeSlot(target, device);
  // From here on nobody knows what the target holds, until it was read back.
  await step(device, 'target-unbootable', (facts) => withSlot(facts, target, null));
  await step(device, 'write-started');
  const written = await write(target, content, device);
  await readBack(target, payload, device);
  const slot: SlotFacts = { version, sequence, contentHex, sizeBytes, writtenMs: device.nowMs(), confirmedMs: null };
  await step(device, 'read-back-matches', (facts) => withSlot(facts, target, slot));
  try {
    await device.boot.activate(target, BOOT_ATTEMPTS);
  } catch (error) {
    throw new ReceiverError(
      'BOOT_SWITCH',
      `Slot ${target} holds ${version}, but the boot loader could not be told. The running system is unchanged; ` +
        `install again.`,
      error,
    );
  }
  await step(device, 'activated');
  return { kind: 'installed', target, version, sequence, encoding: payload.encoding, ...written };
}

function withSlot(facts: Facts, slot: SlotName, holds: SlotFacts | null): Facts {
  return { ...facts, slots: { ...facts.slots, [slot]: holds } };
}

/**
 * A version that was switched to and not started gives way to a newer one. It stays on record until its slot is closed: a
 * reboot in between would start it, and then the other slot must not be touched.
 */
async function withdrawUnstarted(device: Device): Promise<void> {
  const { facts } = await observe(device);
  if (facts.install === null || INSTALL_STATES[facts.install.state].superseded === undefined) return;
  await step(device, 'superseded');
  await closeSlot(facts.install.target, device);
  await observe(device);
}

type Chosen =
  | {
      readonly kind: 'chosen';
      readonly target: SlotName;
      readonly payload: Payload;
      readonly content: Uint8Array;
    }
  | NotChosen;
type NotChosen =
  | {
      readonly kind: 'already-installed';
      /** What the running slot turned out to hold, when that was not known. */
      readonly recognised?: SlotFacts;
    }
  | Extract<InstallOutcome, { kind: 'postponed' | 'refused' }>;

/** Judges, and unpacks the first payload that this device can use: a delta from what is running, else full content. */
async function choose(opened: OpenedPackage, device: Device): Promise<Chosen> {
  const { manifest } = opened;
  const { boot, facts, sequenceFloor } = await observe(device);
  const slotSizeBytes = await device.slots.sizeBytes(otherSlot(boot.running));
  const judged = judge(manifest, device.identity, floorsOf(facts, boot, sequenceFloor, slotSizeBytes));
  if (judged.kind === 'refused') return judged;
  if (judged.kind === 'already-installed') return judged;
  if (facts.install?.state === 'running')
    return {
      kind: 'postponed',
      detail: `slot ${boot.running} runs ${facts.install.version} and has not been confirmed; slot ${otherSlot(boot.running)} is the way back`,
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

  let unpacked: Unpacked | undefined;
  for (const [i, payload] of manifest.payloads.entries()) {
    if (payload.base === undefined || !(await prefix.holds(payload.base.sha256, payload.base.sizeBytes))) continue;
    const base = await prefix.read(payload.base.sizeBytes);
    unpacked = applyDelta(base, opened.payloadAt(i), payload, device.zstd);
    if (unpacked.kind === 'content')
      return { kind: 'chosen', target: otherSlot(boot.running), payload, content: unpacked.content };
  }
  for (const [i, payload] of manifest.payloads.entries()) {
    if (payload.encoding !== 'full') continue;
    unpacked = unpackFull(opened.payloadAt(i), payload, device.zstd);
    if (unpacked.kind === 'content')
      return { kind: 'chosen', target: otherSlot(boot.running), payload, content: unpacked.content };
  }
  return unpacked?.kind === 'fault'
    ? refused(unpacked.fault, unpacked.detail)
    : refused('base-mismatch', `slot ${boot.running} holds ${facts.slots[boot.running]?.version ?? 'unknown content'}`);
}

/** The beginning of the running slot, read at most once for each length. Holds one content. */
class PrefixReader {
  readonly #slots: Slots;
  readonly #slot: SlotName;
  #bytes = new Uint8Array(0);
  #digest = new Uint8Array(0);

  constructor(slots: Slots, slot: SlotName) {
    this.#slots = slots;
    this.#slot = slot;
  }

  async holds(digest: Uint8Array, lengthBytes: number): Promise<boolean> {
    if (lengthBytes > (await this.#slots.sizeBytes(this.#slot))) return false;
    await this.read(lengthBytes);
    return bytesEqual(this.#digest, digest);
  }

  async read(lengthBytes: number): Promise<Uint8Array> {
    if (this.#bytes.length !== lengthBytes || this.#digest.length === 0) {
      this.#bytes = Uint8Array.from(await this.#slots.read(this.#slot, 0, lengthBytes));
      this.#digest = Uint8Array.from(sha256Native(this.#bytes));
    }
    return this.#bytes;
  }
}

async function recogniseRunning(device: Device, holds: SlotFacts): Promise<void> {
  const { running } = await device.boot.state();
  const text = `slot ${running} runs ${holds.version} (sequence ${holds.sequence})`;
  await device.store.update((facts) =>
    withHistory(withSlot(facts, running, holds), device.nowMs(), 'recognised', text),
  );
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

async function closeSlot(target: SlotName, device: Device): Promise<void> {
  const boot = await device.boot.state();
  // The way back must really be one: in the order, with all its attempts, before the target goes out of the order.
  if (!boot.order.includes(boot.running) || boot.attemptsLeft[boot.running] < BOOT_ATTEMPTS)
    await device.boot.markGood(boot.running);
  await device.boot.markUnbootable(target);
}

async function write(
  target: SlotName,
  content: Uint8Array,
  device: Device,
): Promise<{ writtenBytes: number; keptBytes: number }> {
  let writtenBytes = 0;
  try {
    for (let chunkAt = 0; chunkAt < content.length; chunkAt += CHUNK_BYTES) {
      const chunk = content.subarray(chunkAt, chunkAt + CHUNK_BYTES);
      const present = await device.slots.read(target, chunkAt, chunk.length);
      for (let at = 0; at < chunk.length; ) {
        const end = differenceEnd(chunk, present, at);
        if (end > at) {
          await device.slots.write(target, chunkAt + at, chunk.subarray(at, end));
          writtenBytes += end - at;
        }
        at = Math.max(end, Math.min(at + BLOCK_BYTES, chunk.length));
      }
    }
    await device.slots.flush(target);
  } catch (error) {
    throw new ReceiverError(
      'SLOT_WRITE',
      `Slot ${target} could not be written (${error instanceof Error ? error.message : 'unknown'}). The running system ` +
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

async function readBack(target: SlotName, payload: Payload, device: Device): Promise<void> {
  const { slots } = device;
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

/** Moves the installation on in the table; a step that the table does not have is a mistake in this file. */
function moved(facts: Facts, event: InstallEvent, timeMs: number): Facts {
  const { install } = facts;
  const next = install === null ? undefined : INSTALL_STATES[install.state][event];
  if (install === null || next === undefined)
    throw new ReceiverError('STATE', `An installation in state ${install?.state ?? 'idle'} cannot be ${event}.`);
  let changed: Facts = { ...facts, install: { ...install, state: next, sinceMs: timeMs } };
  if (next === 'rolled-back') {
    const { packageHex, version, sequence } = install;
    changed = { ...changed, failed: [...facts.failed, { packageHex, version, sequence, timeMs }] };
  }
  return withHistory(
    changed,
    timeMs,
    event,
    `${install.version} (sequence ${install.sequence}) in slot ${install.target}`,
  );
}

async function step(
  device: Device,
  event: InstallEvent,
  also: (facts: Facts) => Facts = (facts) => facts,
): Promise<void> {
  await device.store.update((facts) => also(moved(facts, event, device.nowMs())));
}

export interface Observed {
  readonly boot: BootState;
  readonly facts: Facts;
  readonly sequenceFloor: number;
}

/** Brings the facts up to what the boot loader did since they were written. */
export async function observe(device: Device): Promise<Observed> {
  const boot = await device.boot.state();
  for (;;) {
    const { facts, sequenceFloor } = await device.store.load();
    const { install } = facts;
    const event = install === null ? undefined : observedEvent(install.state, install.target, boot);
    if (event === undefined) return { boot, facts, sequenceFloor };
    await device.store.update((current) => {
      // Another process may have seen it first.
      const isStill = current.install?.state === install?.state && current.install?.packageHex === install?.packageHex;
      return isStill ? moved(current, event, device.nowMs()) : current;
    });
  }
}

export interface MarkedGood {
  readonly slot: SlotName;
  readonly version: string | null;
  readonly sequence: number | null;
}

/** The running system proved itself. To be called at every boot, after the health check: the boot loader counts each start. */
export async function markGood(device: Device): Promise<MarkedGood> {
  const { boot, facts } = await observe(device);
  await device.boot.markGood(boot.running);
  if (facts.install?.state === 'running') await step(device, 'marked-good');
  const changed = await device.store.update((current) => confirmRunning(current, boot.running, device.nowMs()));
  const slot = changed.slots[boot.running];
  // Only now: a version that never proved itself must not bar the way to the one that did.
  if (slot !== null) await device.store.raiseFloor(slot.sequence);
  return { slot: boot.running, version: slot?.version ?? null, sequence: slot?.sequence ?? null };
}

function confirmRunning(facts: Facts, running: SlotName, timeMs: number): Facts {
  const slot = facts.slots[running];
  if (slot === null || slot.confirmedMs !== null) return facts;
  return { ...facts, slots: { ...facts.slots, [running]: { ...slot, confirmedMs: timeMs } } };
}

export type RolledBack =
  | { readonly kind: 'rolled-back'; readonly next: SlotName; readonly needsReboot: boolean }
  | { readonly kind: 'nothing-to-roll-back'; readonly detail: string };

/** Back to the system before an update that has not been confirmed. A confirmed one stays: going down needs a signed permit. */
export async function rollBack(device: Device): Promise<RolledBack> {
  return device.store.whileInstalling(async () => {
    const { boot, facts } = await observe(device);
    const { install } = facts;
    if (install === null || INSTALL_STATES[install.state]['gave-up'] === undefined)
      return {
        kind: 'nothing-to-roll-back',
        detail: `no update waits for its confirmation (state ${install?.state ?? 'idle'})`,
      };
    const next = otherSlot(install.target);
    await device.boot.activate(next, BOOT_ATTEMPTS);
    await device.boot.markUnbootable(install.target);
    // Closed and not running, it is seen as given up; closed and still running, it has to be said.
    const after = await observe(device);
    if (after.facts.install?.state !== 'rolled-back') await step(device, 'gave-up');
    return { kind: 'rolled-back', next, needsReboot: boot.running !== next };
  });
}

/** Under what a refusal holds: other keys, another identity or another running version may decide otherwise. */
function circumstances(device: Device, facts: Facts, boot: BootState): string {
  const said = JSON.stringify([
    device.identity,
    device.trustedKeys.map((key) => key.toHex()).toSorted(),
    boot.running,
    facts.slots[boot.running]?.contentHex ?? '',
  ]);
  return sha256Native(new TextEncoder().encode(said)).toHex().slice(0, 16);
}

/** Identities (first 8 bytes of the SHA-256, hex) of packages that would be judged as they were, and need not be received. */
export async function settledIdentities(device: Device): Promise<Set<string>> {
  const { facts, boot } = await observe(device);
  const now = circumstances(device, facts, boot);
  const settled = facts.settled.filter((one) => one.circumstances === now);
  return new Set(settled.map((one) => one.packageHex.slice(0, 16)));
}
