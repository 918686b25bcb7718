/**
 * The binary tree whose leaves are the devices. Nodes have the numbers of a heap, so that a number alone says where a node is:
 *
 *     level 0             1                 parent of v: v >> 1; its children: 2v and 2v + 1
 *     level 1       2           3           level of v: the place of its highest bit
 *     level 2    4     5     6     7        leaf of device u: 2^depth + u
 */

import { MisuseError } from '../../misuse.ts';

/** The highest node number, 2^31 - 1, is the highest that bit operations of JavaScript keep positive. */
export const MAX_DEPTH = 30;

export const ROOT = 1;

/** Throws `DEPTH` unless a tree can have it: a whole number from 1 to 30. */
export function checkDepth(depth: number): void {
  if (!Number.isInteger(depth) || depth < 1 || depth > MAX_DEPTH)
    throw new MisuseError('DEPTH', `A tree of devices has a depth of 1 to ${MAX_DEPTH}, not ${depth}.`);
}

/** The node of a device. Throws `DEVICE` for one that the tree does not have. */
export function leafOf(depth: number, device: number): number {
  const devices = 2 ** depth;
  if (!Number.isInteger(device) || device < 0 || device >= devices)
    throw new MisuseError('DEVICE', `A tree of depth ${depth} has the devices 0 to ${devices - 1}, not ${device}.`);
  return devices + device;
}

export function levelOf(node: number): number {
  return 31 - Math.clz32(node);
}

/** Whether `node` is `top` or somewhere below it. */
export function isWithin(node: number, top: number): boolean {
  const levels = levelOf(node) - levelOf(top);
  return levels >= 0 && node >> levels === top;
}
