import { createHmac } from 'node:crypto';
import type { Subset } from '#codec/package/broadcast/cover.ts';

/**
 * Subset Difference once more: by its definitions, slowly, and with the HMAC of Node (OpenSSL). Nothing of the code under test is used here.
 */

/** All leaves below a node of a tree of this depth, as device numbers, by going down to them. */
export function leavesBelow(depth: number, node: number): number[] {
  if (node >= 2 ** depth) return [node - 2 ** depth];
  return [...leavesBelow(depth, 2 * node), ...leavesBelow(depth, 2 * node + 1)];
}

/** S(i,j): set difference of leaves. */
export function devicesIn(depth: number, { i, j }: Subset): number[] {
  const without = new Set(j === 0 ? [] : leavesBelow(depth, j));
  return leavesBelow(depth, i).filter((device) => !without.has(device));
}

/** The loop of section 3.2 of the paper, literally: T is the tree of what is still to be covered, as a set of its leaves. */
export function coverOfPaper(depth: number, revoked: ReadonlySet<number>): Subset[] {
  if (revoked.size === 0) return [{ i: 1, j: 0 }];
  const cover: Subset[] = [];
  const leaves = new Set([...revoked].map((device) => 2 ** depth + device));
  const add = (i: number, j: number): void => {
    if (i !== j) cover.push({ i, j });
  };
  while (leaves.size > 1) {
    // Two leaves whose least common ancestor has no other leaf of T below it.
    const [v1, v2, v] = closestPair([...leaves]);
    add(childTowards(v, v1), v1);
    add(childTowards(v, v2), v2);
    leaves.delete(v1);
    leaves.delete(v2);
    leaves.add(v);
  }
  for (const last of leaves) add(1, last);
  return cover;
}

function closestPair(nodes: number[]): [v1: number, v2: number, ancestor: number] {
  let best: [number, number, number] = [0, 0, 0];
  for (const a of nodes)
    for (const b of nodes) {
      if (a >= b) continue;
      const ancestor = ancestorsOf(a).find((node) => ancestorsOf(b).includes(node)) ?? 0;
      if (ancestor > best[2]) best = [a, b, ancestor];
    }
  return best;
}

/** From the node itself to the root. */
function ancestorsOf(node: number): number[] {
  return node === 0 ? [] : [node, ...ancestorsOf(Math.floor(node / 2))];
}

function childTowards(ancestor: number, node: number): number {
  return ancestorsOf(node).find((below) => Math.floor(below / 2) === ancestor) ?? 0;
}

const hmacOf = (key: Uint8Array, text: string, ...rest: Uint8Array[]): Uint8Array => {
  const mac = createHmac('sha256', key).update(text, 'ascii');
  for (const bytes of rest) mac.update(bytes);
  return Uint8Array.from(mac.digest());
};

const fourBytes = (value: number): Uint8Array => Uint8Array.fromHex(value.toString(16).padStart(8, '0'));

export function labelOf(masterSecret: Uint8Array, depth: number, i: number, node: number): Uint8Array {
  if (node === i) return hmacOf(masterSecret, 'carillon/sd/root', Uint8Array.of(depth), fourBytes(i)).slice(0, 16);
  const both = childLabels(labelOf(masterSecret, depth, i, Math.floor(node / 2)));
  return node % 2 === 0 ? both.slice(0, 16) : both.slice(16);
}

export function childLabels(label: Uint8Array): Uint8Array {
  return hmacOf(label, 'carillon/sd/children');
}

export function keyOf(label: Uint8Array): Uint8Array {
  return hmacOf(label, 'carillon/sd/key').slice(0, 16);
}

export function subsetKey(masterSecret: Uint8Array, depth: number, { i, j }: Subset): Uint8Array {
  if (j === 0) return hmacOf(masterSecret, 'carillon/sd/everybody', Uint8Array.of(depth)).slice(0, 16);
  return keyOf(labelOf(masterSecret, depth, i, j));
}

export function pad(key: Uint8Array, salt: Uint8Array, { i, j }: Subset): Uint8Array {
  return hmacOf(key, 'carillon/sd/content', salt, fourBytes(i), fourBytes(j)).slice(0, 16);
}

/** What is stored on a device, as pairs (i, node) in the order of the file; (1, 0) is the key of everybody. */
export function storedLabels(depth: number, device: number): [i: number, node: number][] {
  const way = ancestorsOf(2 ** depth + device);
  const stored: [number, number][] = [[1, 0]];
  for (let iHeight = 1; iHeight <= depth; iHeight++)
    for (let height = iHeight - 1; height >= 0; height--) {
      const onTheWay = way[height];
      stored.push([way[iHeight], onTheWay % 2 === 0 ? onTheWay + 1 : onTheWay - 1]);
    }
  return stored;
}

/** The same numbers for the same seed (mulberry32). */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export function randomDevices(random: (below: number) => number, depth: number, count: number): Set<number> {
  const devices = new Set<number>();
  while (devices.size < count) devices.add(random(2 ** depth));
  return devices;
}
