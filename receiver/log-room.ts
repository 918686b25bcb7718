/** What a new log can hold when there is no room for everything. */

import { statfsSync } from 'node:fs';
import type { SnapshotSize } from '#codec/groups/reception.ts';

/** Left free for others, and for what the file system needs itself. */
const DISK_SPARE_BYTES = 65_536;

/** As far as the file system tells: a quota may be less. */
export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize - DISK_SPARE_BYTES;
}

/**
 * Names of the objects that a log of `roomBytes` leaves out, so that the most likely ones (the last of `objects`) are in it. Undefined
 * when there is no room for the very last: a log without it is of no use.
 */
export function leftOutFor(
  { objects, otherBytes }: SnapshotSize,
  roomBytes: number,
  isLastOnly: boolean,
): ReadonlySet<string> | undefined {
  const leftOut = new Set(objects.map(({ key }) => key));
  let bytes = otherBytes;
  for (const { key, sizeBytes } of isLastOnly ? objects.slice(-1) : objects.toReversed()) {
    if (bytes + sizeBytes > roomBytes) continue;
    bytes += sizeBytes;
    leftOut.delete(key);
  }
  const last = objects.at(-1);
  return bytes > roomBytes || (last !== undefined && leftOut.has(last.key)) ? undefined : leftOut;
}
