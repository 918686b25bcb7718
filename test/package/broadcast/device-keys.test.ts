import { describe, expect, it } from 'vitest';
import { coverOf, EVERYBODY, type Subset } from '#codec/package/broadcast/cover.ts';
import {
  checkDeviceKeys,
  deviceKeysOf,
  deviceKeysSizeBytes,
  isInSubset,
  subsetKeyFrom,
} from '#codec/package/broadcast/device-keys.ts';
import { subsetKeyOf } from '#codec/package/broadcast/labels.ts';
import { runsOf } from '#codec/package/broadcast/revoked.ts';
import { childLabels, devicesIn, keyOf, labelOf, leavesBelow, storedLabels, subsetKey } from './reference.ts';

const MASTER_SECRET = Uint8Array.from({ length: 32 }, (_, k) => k);
const DEPTH = 4;
const DEVICES = Array.from({ length: 2 ** DEPTH }, (_, device) => device);
const KEYS = DEVICES.map((device) => deviceKeysOf(MASTER_SECRET, DEPTH, device));
const labelsIn = (stored: Uint8Array): Uint8Array[] =>
  Array.from({ length: stored.length / 16 }, (_, k) => stored.slice(16 * k, 16 * k + 16));

/** Every S(i,j) that there is, and everybody. */
const SUBSETS: Subset[] = [EVERYBODY];
for (let i = 1; i < 2 ** DEPTH; i++)
  for (let j = 2 * i; j < 2 ** (DEPTH + 1); j++) {
    const below = leavesBelow(DEPTH, i);
    if (leavesBelow(DEPTH, j).every((device) => below.includes(device))) SUBSETS.push({ i, j });
  }

const withCode = (code: string): unknown => expect.objectContaining({ code });

describe('the keys of a device', () => {
  it.each([
    [1, 32],
    [2, 64],
    [14, 1696],
    [17, 2464],
    [20, 3376],
    [30, 7456],
  ])('of a tree of depth %i are %i bytes: 16 ((d^2 + d) / 2 + 1)', (depth, sizeBytes) => {
    expect(deviceKeysSizeBytes(depth)).toBe(sizeBytes);
    expect(deviceKeysOf(MASTER_SECRET, depth, 2 ** depth - 1).labels).toHaveLength(sizeBytes);
  });

  it('are the labels that the definition names, in the order of the layout', () => {
    const expected = DEVICES.map((device) =>
      storedLabels(DEPTH, device).map(([i, node]) =>
        (node === 0 ? subsetKey(MASTER_SECRET, DEPTH, EVERYBODY) : labelOf(MASTER_SECRET, DEPTH, i, node)).toHex(),
      ),
    );
    expect(KEYS.map(({ labels }) => labelsIn(labels).map((label) => label.toHex()))).toEqual(expected);
  });

  // Made with the HMAC of OpenSSL.
  it('written down once: device 5 of 8', () => {
    expect(labelsIn(deviceKeysOf(MASTER_SECRET, 3, 5).labels).map((label) => label.toHex())).toEqual([
      'fa51d4272b2988effcef4bbde17d32c0',
      '901a10f763770b5ebe92c07fc39fead2',
      'fd11613de9f03c7634f9350a91826719',
      'bf77378a63152061f07f2f869553cb28',
      'c25befb5715d5c014825597136397786',
      '498eb57d334f0517eaaec28fbfa9c79b',
      '491af3745a8dccb363e84415c9df5081',
    ]);
  });

  it('give the key of every subset that the device is in, the one that the master secret gives', () => {
    expect(SUBSETS).toHaveLength(99);
    const wrong: string[] = [];
    for (const subset of SUBSETS) {
      const expected = subsetKey(MASTER_SECRET, DEPTH, subset).toHex();
      if (subsetKeyOf(MASTER_SECRET, DEPTH, subset).toHex() !== expected) wrong.push(`S(${subset.i},${subset.j})`);
      const members = devicesIn(DEPTH, subset);
      for (const keys of KEYS) {
        if (isInSubset(keys, subset) !== members.includes(keys.device))
          wrong.push(`${keys.device} is in S(${subset.i},${subset.j})`);
        if (members.includes(keys.device) && subsetKeyFrom(keys, subset).toHex() !== expected)
          wrong.push(`${keys.device}: S(${subset.i},${subset.j})`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('of all revoked devices together give no key of the cover, whatever they derive', () => {
    // Of every label that they hold, everything that follows from it, as bytes.
    const derived = (label: Uint8Array, levels: number): string[] => {
      const keys = [label.toHex(), keyOf(label).toHex()];
      if (levels === 0) return keys;
      const children = childLabels(label);
      return [...keys, ...derived(children.slice(0, 16), levels - 1), ...derived(children.slice(16), levels - 1)];
    };
    const derivedBy = KEYS.map(({ labels }) => new Set(labelsIn(labels).flatMap((label) => derived(label, DEPTH - 1))));
    const leaks: string[] = [];
    let wasReached = 0;
    for (let mask = 1; mask < 2 ** 16; mask += 257) {
      const revoked = DEVICES.filter((device) => (mask >> device) & 1);
      for (const subset of coverOf(DEPTH, runsOf(DEPTH, revoked))) {
        const key = subsetKey(MASTER_SECRET, DEPTH, subset).toHex();
        if (revoked.some((device) => derivedBy[device].has(key))) leaks.push(`${mask}: S(${subset.i},${subset.j})`);
        if (devicesIn(DEPTH, subset).every((device) => derivedBy[device].has(key))) wasReached++;
        else leaks.push(`${mask}: S(${subset.i},${subset.j}) is not reached by who should`);
      }
    }
    expect(leaks).toEqual([]);
    expect(wasReached).toBeGreaterThan(500);
  });

  it('are others for another depth, another device and another master secret', () => {
    const all = [
      ...labelsIn(deviceKeysOf(MASTER_SECRET, 5, 3).labels),
      ...labelsIn(deviceKeysOf(MASTER_SECRET, 4, 3).labels),
      ...labelsIn(deviceKeysOf(MASTER_SECRET.toReversed(), 4, 3).labels),
    ].map((label) => label.toHex());
    expect(new Set(all).size).toBe(all.length);
  });

  it('throw for what cannot be', () => {
    expect(() => deviceKeysOf(new Uint8Array(31), 4, 0)).toThrow(withCode('MASTER_SECRET'));
    expect(() => deviceKeysOf(MASTER_SECRET, 31, 0)).toThrow(withCode('DEPTH'));
    expect(() => deviceKeysOf(MASTER_SECRET, 4, 16)).toThrow(withCode('DEVICE'));
    expect(() => checkDeviceKeys({ depth: 4, device: 0, labels: new Uint8Array(160) })).toThrow(
      withCode('DEVICE_KEYS'),
    );
  });
});
