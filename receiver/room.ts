/** Whether the state folder has room for what a chain of deltas makes on its way. */

import { statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Way } from './choose.ts';
import { ReceiverError } from './fault.ts';

/** What is left to others: the state and what is being received. */
const RESERVE_BYTES = 1 << 20;
/** What is there of these is gone on with, or removed. */
const OWN_FILES = ['install.base', 'install.base.part', 'install.scratch', 'install.checkpoint'];
/** What stat(2) counts in, whatever the file system does. */
const BLOCK_BYTES = 512;

/** The base of a step and the next one are there at a time; the last step makes the content, which goes into the slot. */
function neededBytes({ steps }: Way): number {
  const made = [0, ...steps.slice(0, -1).map(({ payload }) => payload.sizeInstalledBytes)];
  return Math.max(...made.map((sizeBytes, k) => sizeBytes + (made[k - 1] ?? 0)));
}

function ownBytes(stateFolder: string): number {
  const blocks = OWN_FILES.map((name) => statSync(join(stateFolder, name), { throwIfNoEntry: false })?.blocks ?? 0);
  return BLOCK_BYTES * blocks.reduce((sum, count) => sum + count, 0);
}

export function hasRoom(way: Way, stateFolder: string): boolean {
  if (way.steps.length === 1) return true;
  const { bavail, bsize } = statfsSync(stateFolder);
  return neededBytes(way) + RESERVE_BYTES <= bavail * bsize + ownBytes(stateFolder);
}

/** Throws where none of the ways has room; before anything is touched. */
export function checkRoom(ways: readonly Way[], stateFolder: string): void {
  if (!ways.some((way) => hasRoom(way, stateFolder))) throw noRoom(ways, stateFolder);
}

export function noRoom(ways: readonly Way[], stateFolder: string, cause?: unknown): ReceiverError {
  const leastBytes = Math.min(...ways.map(neededBytes));
  const forWhat = leastBytes === 0 ? '' : ` (${leastBytes} bytes for a version in between)`;
  return new ReceiverError(
    'NO_ROOM',
    `There is no room in ${stateFolder} for what this update unpacks on its way${forWhat}. The running system is untouched; ` +
      `make room, then install again.`,
    cause,
  );
}
