/** A step from where it was cut off the last time, or from its beginning. */

import type { KeptApply } from '#codec/package/delta/apply.ts';
import type { OpenedPackage } from '#codec/package/seal.ts';
import type { Step } from '#codec/package/steps.ts';
import type { UnpackHost } from '#codec/package/unpack.ts';
import type { SlotName } from '#hardware/contracts.ts';
import { isNoRoom } from '#hardware/fault.ts';
import { Checkpoint } from './checkpoint.ts';
import type { Device } from './device.ts';
import { giveBackMemory } from './give-back.ts';
import { withHistory } from './state.ts';
import { type Base, type Fault, makeStep, type Place } from './step.ts';

/** Flash is written for it, some 45 MB: not often, and not at all where a content is made in less. */
const CHECKPOINT_MS = 120_000;

interface Going<P extends Place> {
  readonly opened: OpenedPackage;
  readonly device: Device;
  readonly base: Base;
  readonly goesTo: SlotName | 'base';
  /** The place as it was left, or to begin anew. */
  readonly open: (goesOn: boolean) => P;
}

export async function goOn<P extends Place>(step: Step, going: Going<P>): Promise<P | Fault> {
  const { device, base, goesTo, open } = going;
  const checkpoint = new Checkpoint(device.store.folder, step.payload, goesTo);
  const make = async (kept: KeptApply | undefined): Promise<P | Fault> => {
    const place = open(kept !== undefined);
    const means = { scratch: () => checkpoint.scratch, checkpoint: keepEvery(device, checkpoint, place), kept };
    return (await makeStep(step, going, base, place, means)) ?? place;
  };
  try {
    const kept = checkpoint.load();
    if (kept !== undefined) await tellResumed(device, goesTo, kept);
    let result = await make(kept);
    if ('fault' in result && kept !== undefined) {
      // What was kept may be what was wrong.
      checkpoint.remove();
      giveBackMemory();
      result = await make(undefined);
    }
    checkpoint.remove();
    return result;
  } finally {
    checkpoint.close();
  }
}

function keepEvery(device: Device, checkpoint: Checkpoint, place: Place): NonNullable<UnpackHost['checkpoint']> {
  const everyMs = device.checkpointMs ?? CHECKPOINT_MS;
  let dueMs = performance.now() + everyMs;
  return async (save) => {
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
  };
}

async function tellResumed(device: Device, goesTo: SlotName | 'base', { place }: KeptApply): Promise<void> {
  const where = goesTo === 'base' ? 'the base of the next step' : `slot ${goesTo}`;
  const text = `${where}, at ${place.decoder.doneBytes} bytes`;
  await device.store.update((facts) => withHistory(facts, device.nowMs(), 'resumed', text));
}
