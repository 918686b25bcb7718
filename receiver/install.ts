/**
 * From a sealed package to a slot that the boot loader starts next, in the order of docs/package.md, "Installing":
 *
 *     judge, find a payload | target unbootable | unpack, write what differs | flush | read back | switch
 *
 * Every step may be the last before a power cut. What makes that harmless: the target cannot be started from before the
 * first byte until after the last check, and the switch is one atomic write. An interrupted installation is done again from
 * the beginning; blocks that are right already are not written again.
 */

import type { Payload } from '#codec/package/manifest.ts';
import type { Refused } from '#codec/package/refusal.ts';
import { type OpenedPackage, openPackage } from '#codec/package/seal.ts';
import type { BootState, SlotName } from '#hardware/contracts.ts';
import { sha256Native } from '#hardware/native/sha256.ts';
import { choose, type NotChosen, type Postponed, type Way } from './choose.ts';
import { BOOT_ATTEMPTS, type Device, observe, step, withSlot } from './device.ts';
import { ReceiverError } from './fault.ts';
import { INSTALL_STATES } from './install-states.ts';
import { checkRoom } from './room.ts';
import { type Facts, type InstallRecord, type SlotFacts, withHistory, withRefusal, withSettled } from './state.ts';
import { tryContent, writeContent } from './write.ts';

export type InstallOutcome =
  | {
      readonly kind: 'installed';
      readonly target: SlotName;
      readonly version: string;
      readonly sequence: number;
      readonly encoding: Payload['encoding'];
      /** Payloads that were unpacked one after another. */
      readonly steps: number;
      readonly writtenBytes: number;
      readonly keptBytes: number;
    }
  | { readonly kind: 'already-installed'; readonly version: string; readonly sequence: number }
  | Postponed
  | Refused;

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

/** Whether `installPackage` would install it: unpacks it too, to nowhere. Changes nothing and counts nothing. */
export async function verifyPackage(
  bytes: Uint8Array,
  device: Device,
): Promise<{ readonly kind: 'installable'; readonly opened: OpenedPackage; readonly way: Way } | NotChosen> {
  const opened = openPackage(bytes, device.trustedKeys, device.leastSignatures);
  if (opened.kind === 'refused') return opened;
  const chosen = await choose(opened, device);
  if (chosen.kind !== 'chosen') return chosen;
  const tried = await tryContent(chosen.ways, opened, chosen.target, device);
  return tried.kind === 'refused' ? tried : { kind: 'installable', opened, way: tried.way };
}

async function attempt(bytes: Uint8Array, packageHex: string, device: Device): Promise<InstallOutcome> {
  const opened = openPackage(bytes, device.trustedKeys, device.leastSignatures);
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
  const { ways, target } = chosen;
  const [{ sha256Installed, sizeInstalledBytes: sizeBytes }] = opened.manifest.payloads;
  const contentHex = sha256Installed.toHex();

  // The target is a way back as long as nothing can be written to it anyway.
  checkRoom(ways, device.store.folder);
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
  const written = await writeContent(ways, opened, target, device);
  if (written.kind === 'refused') {
    await step(device, 'content-wrong');
    return written;
  }
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
  const { way, writtenBytes, keptBytes } = written;
  const { encoding } = way.steps[0].payload;
  const steps = way.steps.length;
  return { kind: 'installed', target, version, sequence, encoding, steps, writtenBytes, keptBytes };
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

async function recogniseRunning(device: Device, holds: SlotFacts): Promise<void> {
  const { running } = await device.boot.state();
  const text = `slot ${running} runs ${holds.version} (sequence ${holds.sequence})`;
  await device.store.update((facts) =>
    withHistory(withSlot(facts, running, holds), device.nowMs(), 'recognised', text),
  );
}

async function closeSlot(target: SlotName, device: Device): Promise<void> {
  const boot = await device.boot.state();
  // The way back must really be one: in the order, with all its attempts, before the target goes out of the order.
  if (!boot.order.includes(boot.running) || boot.attemptsLeft[boot.running] < BOOT_ATTEMPTS)
    await device.boot.markGood(boot.running);
  await device.boot.markUnbootable(target);
}

/** Under what a refusal holds: other keys, another identity or another running version may decide otherwise. */
function circumstances(device: Device, facts: Facts, boot: BootState): string {
  const said = JSON.stringify([
    device.identity,
    device.trustedKeys.map((key) => key.toHex()).toSorted(),
    device.leastSignatures ?? 1,
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
