/** The device that everything here is done to, and the one way in which its installation moves on. */

import type { Zstd } from '#codec/package/compress.ts';
import type { BootControl, BootState, SlotName, Slots } from '#hardware/contracts.ts';
import type { DeviceIdentity } from './config.ts';
import { ReceiverError } from './fault.ts';
import { INSTALL_STATES, type InstallEvent, observedEvent } from './install-states.ts';
import { type Facts, type SlotFacts, type StateStore, withHistory } from './state.ts';

/** Starts that a new system gets to prove itself; RAUC's default. */
export const BOOT_ATTEMPTS = 3;

export interface Device {
  readonly identity: DeviceIdentity;
  readonly trustedKeys: readonly Uint8Array[];
  /** How many of them must have signed a package; one by itself. */
  readonly leastSignatures?: number;
  readonly slots: Slots;
  readonly boot: BootControl;
  readonly store: StateStore;
  readonly zstd: Zstd;
  /** How long an installation works between two states that it could go on from; two minutes by itself. */
  readonly checkpointMs?: number;
  nowMs(): number;
}

export function otherSlot(slot: SlotName): SlotName {
  return slot === 'A' ? 'B' : 'A';
}

export function withSlot(facts: Facts, slot: SlotName, holds: SlotFacts | null): Facts {
  return { ...facts, slots: { ...facts.slots, [slot]: holds } };
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

export async function step(
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
