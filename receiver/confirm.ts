/** After an update: the running system proved itself, or the one before it comes back. */

import type { SlotName } from '#hardware/contracts.ts';
import { BOOT_ATTEMPTS, type Device, observe, otherSlot, step } from './device.ts';
import { INSTALL_STATES } from './install-states.ts';
import type { Facts } from './state.ts';

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
  const known = { ...facts, memoryLost: false };
  const slot = known.slots[running];
  if (slot === null || slot.confirmedMs !== null) return known;
  return { ...known, slots: { ...known.slots, [running]: { ...slot, confirmedMs: timeMs } } };
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
