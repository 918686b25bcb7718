/**
 * What a device is made with: for every node i above its leaf the labels, in the tree of i, of the nodes that hang off the way from i to the leaf.
 * From them it reaches every S(i,j) that it is in, and none that it is not in.
 *
 *     | key of everybody | height of i = 1: 1 label | height of i = 2: 2 labels | ... | height of i = depth: depth labels |
 *                          of those of one i, the highest node first
 */

import { MisuseError } from '../../misuse.ts';
import type { Subset } from './cover.ts';
import {
  checkMasterSecret,
  childLabelsOf,
  everybodyKeyOf,
  KEY_BYTES,
  keyOfLabel,
  labelBelow,
  rootLabelOf,
} from './labels.ts';
import { checkDepth, isWithin, leafOf, levelOf } from './tree.ts';

export interface DeviceKeys {
  /** Of the tree; it has 2^depth devices. */
  readonly depth: number;
  readonly device: number;
  /** As they are stored, `deviceKeysSizeBytes(depth)` of them. Secret. */
  readonly labels: Uint8Array;
}

/** 16 ((d^2 + d) / 2 + 1): 3376 bytes for a million devices. */
export function deviceKeysSizeBytes(depth: number): number {
  return KEY_BYTES * ((depth * depth + depth) / 2 + 1);
}

/** In labels. The node of height `nodeHeight` hangs off the way down from the node of height `iHeight`. */
function placeOf(iHeight: number, nodeHeight: number): number {
  return 1 + (iHeight * (iHeight - 1)) / 2 + (iHeight - 1 - nodeHeight);
}

/**
 * Of one device, for its manufacture. masterSecret: 32 random bytes that never leave the manufacturer.
 * Throws `MASTER_SECRET`, `DEPTH` and `DEVICE`.
 */
export function deviceKeysOf(masterSecret: Uint8Array, depth: number, device: number): DeviceKeys {
  checkMasterSecret(masterSecret);
  checkDepth(depth);
  const leaf = leafOf(depth, device);
  const labels = new Uint8Array(deviceKeysSizeBytes(depth));
  labels.set(everybodyKeyOf(masterSecret, depth));
  for (let iHeight = 1; iHeight <= depth; iHeight++) {
    let onTheWay = rootLabelOf(masterSecret, depth, leaf >> iHeight);
    for (let height = iHeight - 1; height >= 0; height--) {
      const children = childLabelsOf(onTheWay);
      const turn = (leaf >> height) & 1;
      labels.set(children[1 - turn], KEY_BYTES * placeOf(iHeight, height));
      onTheWay = children[turn];
    }
  }
  return { depth, device, labels };
}

/** Throws `DEPTH`, `DEVICE` or `DEVICE_KEYS` for what no device can have been made with. */
export function checkDeviceKeys({ depth, device, labels }: DeviceKeys): void {
  checkDepth(depth);
  leafOf(depth, device);
  const sizeBytes = deviceKeysSizeBytes(depth);
  if (labels.length !== sizeBytes)
    throw new MisuseError('DEVICE_KEYS', `The keys of a device are ${sizeBytes} bytes, not ${labels.length}.`);
}

/** Says nothing about keys: only where the device stands in the tree. */
export function isInSubset({ depth, device }: Omit<DeviceKeys, 'labels'>, { i, j }: Subset): boolean {
  const leaf = 2 ** depth + device;
  return isWithin(leaf, i) && (j === 0 || !isWithin(leaf, j));
}

/** The key of a subset that the device is in (`isInSubset`). */
export function subsetKeyFrom({ depth, device, labels }: DeviceKeys, { i, j }: Subset): Uint8Array {
  if (j === 0) return labels.slice(0, KEY_BYTES);
  const height = depth - levelOf(j);
  const beside = (2 ** depth + device) >> height;
  // The way to the leaf and the way to j part just above the node of which the device has the label.
  const levels = 31 - Math.clz32(beside ^ j);
  const at = KEY_BYTES * placeOf(depth - levelOf(i), height + levels);
  return keyOfLabel(labelBelow(labels.subarray(at, at + KEY_BYTES), j, levels));
}
