/** Brings the content of a package to its place, by the first of the ways there that works. */

import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Refused, refused } from '#codec/package/refusal.ts';
import type { OpenedPackage } from '#codec/package/seal.ts';
import type { SlotName } from '#hardware/contracts.ts';
import { isNoRoom } from '#hardware/fault.ts';
import { FileScratch } from '#hardware/native/scratch-file.ts';
import { removeCheckpoint } from './checkpoint.ts';
import type { Way } from './choose.ts';
import { type Device, otherSlot } from './device.ts';
import { FilePlace } from './file-place.ts';
import { giveBackMemory } from './give-back.ts';
import { goOn } from './go-on.ts';
import { KeptBase } from './kept-base.ts';
import { hasRoom, noRoom } from './room.ts';
import { SlotTarget } from './slot-target.ts';
import { withHistory } from './state.ts';
import { type Base, type Fault, makeStep, runningBase } from './step.ts';

export type Written =
  | { readonly kind: 'written'; readonly way: Way; readonly writtenBytes: number; readonly keptBytes: number }
  | Refused;

/** A package, and where its content goes. */
interface Order {
  readonly opened: OpenedPackage;
  readonly target: SlotName;
  readonly device: Device;
}

/** Into the slot, which holds anything until this resolves with `written`. Goes on where an earlier one was cut off. */
export async function writeContent(
  ways: readonly Way[],
  opened: OpenedPackage,
  target: SlotName,
  device: Device,
): Promise<Written> {
  return firstThatWorks(ways, device, async (way) => {
    const kept = new KeptBase(device.store.folder);
    try {
      const result = await intoSlot(way, { opened, target, device }, kept);
      kept.remove();
      return result;
    } catch (error) {
      if (isNoRoom(error) && way.steps.length > 1) {
        // It is as large as an image: the room is for others as long as there is too little.
        kept.remove();
        removeCheckpoint(device.store.folder);
      }
      throw error;
    } finally {
      kept.close();
    }
  });
}

async function intoSlot(way: Way, order: Order, kept: KeptBase): Promise<Written | Fault> {
  const { device, target } = order;
  const { steps } = way;
  const base = (): Base => kept.base ?? runningBase(device, otherSlot(target));
  const made = await kept.adopt(steps);
  if (made > 0) await tell(device, 'resumed', `step ${made + 1} of ${steps.length}`);
  const last = steps.length - 1;
  for (let k = made; k < last; k++) {
    const open = (goesOn: boolean): FilePlace => kept.part(goesOn);
    const result = await goOn(steps[k], { ...order, base: base(), goesTo: 'base', open });
    if ('fault' in result) return result;
    kept.accept();
    await tell(device, 'base-made', `step ${k + 1} of ${steps.length}`);
    giveBackMemory();
  }
  const open = (): SlotTarget => new SlotTarget(device.slots, target);
  const result = await goOn(steps[last], { ...order, base: base(), goesTo: target, open });
  if ('fault' in result) return result;
  const { writtenBytes } = result;
  return { kind: 'written', way, writtenBytes, keptBytes: steps[last].payload.sizeInstalledBytes - writtenBytes };
}

async function tell(device: Device, event: string, text: string): Promise<void> {
  await device.store.update((facts) => withHistory(facts, device.nowMs(), event, text));
}

/** The same into files that have no name: whether it would work. */
export async function tryContent(
  ways: readonly Way[],
  opened: OpenedPackage,
  target: SlotName,
  device: Device,
): Promise<Written> {
  return firstThatWorks(ways, device, async (way) => {
    let made: FilePlace | undefined;
    try {
      for (const step of way.steps) {
        const [place, scratch] = [new FilePlace(namelessFile(device), device.store.folder), namelessFile(device)];
        const base = made ?? runningBase(device, otherSlot(target));
        const fault = await makeStep(step, { opened, device }, base, place, { scratch: () => scratch }).finally(() => {
          scratch.close();
          made?.close();
          made = place;
        });
        if (fault !== undefined) return fault;
        giveBackMemory();
      }
      return { kind: 'written', way, writtenBytes: 0, keptBytes: 0 };
    } finally {
      made?.close();
    }
  });
}

function namelessFile(device: Device): FileScratch {
  return new FileScratch(join(device.store.folder, `scratch.${randomUUID()}`));
}

/** A way for which there is no room is passed over; when none is left, that may be otherwise the next time: no reason to refuse. */
async function firstThatWorks(
  ways: readonly Way[],
  { store: { folder } }: Device,
  bring: (way: Way) => Promise<Written | Fault>,
): Promise<Written> {
  mkdirSync(folder, { recursive: true });
  let fault: Fault = { kind: 'fault', fault: 'content-mismatch', detail: 'it has no payload' };
  let lacksRoom: { readonly cause?: unknown } | undefined;
  for (const way of ways) {
    if (!hasRoom(way, folder)) {
      lacksRoom = {};
      continue;
    }
    try {
      const result = await bring(way);
      if (result.kind !== 'fault') return result;
      fault = result;
    } catch (error) {
      if (!isNoRoom(error)) throw error;
      lacksRoom = { cause: error };
    }
    giveBackMemory();
  }
  if (lacksRoom !== undefined) throw noRoom(ways, folder, lacksRoom.cause);
  return refused(fault.fault, fault.detail);
}
