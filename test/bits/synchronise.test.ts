import { describe, expect, it } from 'vitest';
import { encodeDifferential } from '#codec/bits/differential.ts';
import { serialiseGroup } from '#codec/bits/serialise.ts';
import { Synchroniser } from '#codec/bits/synchronise.ts';
import type { Blocks, Group, ReceivedGroup } from '#codec/groups/group.ts';
import { isWhole } from '#codec/groups/group.ts';
import { RandomGroups, randomWords } from '../mpx/signals.ts';

const SEED = 7;

function groupsOf(count: number, seed: number = SEED): Group[] {
  const source = new RandomGroups(seed);
  for (let k = 0; k < count; k++) source.next(0);
  return source.sent[0];
}

/** Soft symbols +-1 of these groups. */
function symbolsOf(groups: readonly Group[]): Float32Array {
  const bits = new Uint8Array(104 * groups.length);
  for (const [k, group] of groups.entries()) serialiseGroup(group, bits.subarray(104 * k, 104 * k + 104));
  encodeDifferential(bits, 0);
  return Float32Array.from(bits, (bit) => 1 - 2 * bit);
}

function noise(count: number, seed: number): Float32Array {
  const words = randomWords(seed);
  return Float32Array.from({ length: count }, () => words() / 2 ** 31 - 1);
}

function join(...parts: Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

function receive(symbols: Float32Array, chunk: number = symbols.length, soft: boolean = true): ReceivedGroup[] {
  const received: ReceivedGroup[] = [];
  const synchroniser = new Synchroniser({ stream: 0, soft, onGroup: (group) => received.push(group) });
  for (let at = 0; at < symbols.length; at += chunk) synchroniser.push(symbols.subarray(at, at + chunk));
  return received;
}

const blocksOf = (groups: readonly { readonly blocks: Blocks }[]): Blocks[] => groups.map((group) => group.blocks);

describe('the synchroniser', () => {
  it('gives every group of a clean stream, the first and the last too, from its first bit', () => {
    const groups = groupsOf(20);
    // The differential decoder needs one symbol before the first.
    const received = receive(join(Float32Array.of(1), symbolsOf(groups)));
    expect(blocksOf(received)).toEqual(blocksOf(groups));
    expect(received.map((group) => group.slot)).toEqual(groups.map((_, k) => k));
    expect(received.map((group) => group.clockRestarted)).toEqual(groups.map((_, k) => k === 0));
  });

  it('starts at any bit of a stream and gives the groups that are whole', () => {
    const groups = groupsOf(6);
    const symbols = symbolsOf(groups);
    for (let cut = 1; cut <= 104; cut++) {
      expect(blocksOf(receive(symbols.subarray(cut))), `cut ${cut}`).toEqual(
        blocksOf(groups.slice(1 + Math.floor(cut / 104))),
      );
    }
  });

  it('gives the same for any chunking, one symbol at a time too', () => {
    const symbols = join(noise(333, 3), symbolsOf(groupsOf(9)), noise(500, 4), symbolsOf(groupsOf(9, 8)));
    const all = receive(symbols);
    for (const chunk of [1, 7, 104, 999]) expect(receive(symbols, chunk)).toEqual(all);
    for (let cut = 0; cut < symbols.length; cut += 97) {
      const received: ReceivedGroup[] = [];
      const synchroniser = new Synchroniser({ stream: 0, soft: true, onGroup: (group) => received.push(group) });
      synchroniser.push(symbols.subarray(0, cut));
      synchroniser.push(symbols.subarray(cut));
      expect(received).toEqual(all);
    }
  });

  it('counts slots through a fade of five seconds', () => {
    const groups = groupsOf(100);
    const symbols = symbolsOf(groups);
    symbols.set(noise(104 * 57, 5), 104 * 20 + 13);
    const received = receive(symbols);
    const place = new Map(groups.map((group, k) => [group.blocks.join(), k]));
    const whole = received.filter(isWhole);
    expect(whole.length).toBeGreaterThanOrEqual(100 - 60);
    for (const group of whole) expect(group.slot - whole[0].slot).toBe((place.get(group.blocks.join()) ?? -1) - 1);
    expect(received.filter((group) => group.clockRestarted)).toHaveLength(1);
    // In the fade there is a group for every period, and nothing in it.
    expect(received.map((group) => group.slot)).toEqual(received.map((_, k) => k));
    expect(received.filter((group) => group.blocks.every((word) => word === -1)).length).toBeGreaterThan(50);
  });

  it('says so when a fade was too long to count through', () => {
    const symbols = join(symbolsOf(groupsOf(10)), noise(12_000, 6), symbolsOf(groupsOf(10, 9)));
    const received = receive(symbols);
    const restarts = received.filter((group) => group.clockRestarted);
    expect(restarts).toHaveLength(2);
    const slots = received.map((group) => group.slot);
    expect(slots).toEqual([...new Set(slots)].toSorted((a, b) => a - b));
    // The first bit after the noise is lost to differential decoding, and its block with it.
    expect(blocksOf(received.slice(-9))).toEqual(blocksOf(groupsOf(10, 9).slice(1)));
  });

  it.each([-1, 1])('keeps its count over a slip of %i bit', (slip) => {
    const first = groupsOf(20);
    const second = groupsOf(20, 10);
    const symbols = symbolsOf([...first, ...second]);
    const cut = 104 * 20;
    const slipped = join(
      symbols.subarray(0, cut),
      slip > 0 ? Float32Array.of(1) : new Float32Array(0),
      symbols.subarray(slip > 0 ? cut : cut + 1),
    );
    const received = receive(slipped);
    expect(received.filter((group) => group.clockRestarted)).toHaveLength(1);
    const last = received.findLast(isWhole);
    expect(last?.blocks).toEqual(second[19].blocks);
    expect((last?.slot ?? 0) - received[0].slot).toBe(38);
  });

  it('moves to another station within a few groups and restarts the clock', () => {
    const other = groupsOf(20, 11);
    const symbols = join(symbolsOf(groupsOf(20)), symbolsOf(other).subarray(50));
    const received = receive(symbols);
    expect(received.filter((group) => group.clockRestarted)).toHaveLength(2);
    const heard = new Set(received.map((group) => group.blocks.join()));
    expect(other.filter((group) => heard.has(group.blocks.join())).length).toBeGreaterThanOrEqual(17);
  });

  it('repairs a wrong symbol that was in doubt and gives up on one that was not', () => {
    const groups = groupsOf(6);
    const place = 104 * 3 + 40;
    for (const [size, whole] of [
      [0.2, true],
      [1, false],
    ] as const) {
      const symbols = join(Float32Array.of(1), symbolsOf(groups));
      symbols[place] *= -size;
      const received = receive(symbols);
      expect(isWhole(received[3])).toBe(whole);
      expect(received[3].blocks[0]).toBe(groups[3].blocks[0]);
      expect(received[3].blocks[1]).toBe(whole ? groups[3].blocks[1] : -1);
    }
  });

  it('takes hard bits at their word: two adjacent wrong bits are repaired, three are not', () => {
    const groups = groupsOf(6);
    for (const [wrong, whole] of [
      [1, true],
      [2, false],
    ] as const) {
      const symbols = join(Float32Array.of(1), symbolsOf(groups));
      for (let k = 0; k < wrong; k++) symbols[104 * 3 + 40 + k] *= -1;
      expect(isWhole(receive(symbols, undefined, false)[3])).toBe(whole);
    }
  });

  it('accepts C and C prime on every stream', () => {
    const received: ReceivedGroup[] = [];
    const synchroniser = new Synchroniser({ stream: 2, soft: true, onGroup: (group) => received.push(group) });
    const tunnelled: Group[] = groupsOf(5).map(({ blocks: [, b, c, d] }) => ({
      stream: 2,
      blocks: [0, b | 0x0800, c, d],
    }));
    synchroniser.push(join(Float32Array.of(1), symbolsOf(tunnelled)));
    expect(blocksOf(received)).toEqual(blocksOf(tunnelled));
    expect(received[0].stream).toBe(2);
  });

  it('makes nothing of ten minutes of noise', () => {
    const received = receive(noise(712_500, 12));
    expect(received.filter((group) => group.blocks.some((word) => word !== -1))).toEqual([]);
  });

  it('does not throw on NaN, infinities and silence', () => {
    const symbols = join(symbolsOf(groupsOf(5)), new Float32Array(300).fill(Number.NaN), new Float32Array(300));
    symbols.set([Infinity, -Infinity, Number.NaN], 200);
    expect(receive(symbols).filter(isWhole).length).toBeGreaterThanOrEqual(2);
  });
});
