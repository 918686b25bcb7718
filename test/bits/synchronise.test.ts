import { describe, expect, it } from 'vitest';
import { encodeDifferential } from '#codec/bits/differential.ts';
import { serialiseGroup } from '#codec/bits/serialise.ts';
import { Synchroniser } from '#codec/bits/synchronise.ts';
import type { Blocks, Group, HeardGroup, StreamNumber } from '#codec/groups/group.ts';
import { isWhole } from '#codec/groups/group.ts';
import { RandomGroups, randomWords } from '../mpx/signals.ts';

const SEED = 7;

function groupsOf(count: number, seed: number = SEED): Group[] {
  const source = new RandomGroups(seed);
  for (let k = 0; k < count; k++) source.next(0);
  return source.sent[0];
}

/** A symbol that is as good as certain, as a log-likelihood ratio. */
const CERTAIN = 8;

/** Soft symbols +-`CERTAIN` of these groups. */
function symbolsOf(groups: readonly Group[]): Float32Array {
  const bits = new Uint8Array(104 * groups.length);
  for (const [k, group] of groups.entries()) serialiseGroup(group, bits.subarray(104 * k, 104 * k + 104));
  encodeDifferential(bits, 0);
  return Float32Array.from(bits, (bit) => CERTAIN * (1 - 2 * bit));
}

function noise(count: number, seed: number): Float32Array {
  const words = randomWords(seed);
  return Float32Array.from({ length: count }, () => CERTAIN * (words() / 2 ** 31 - 1));
}

function join(...parts: Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

/** When each of so many symbols is in its middle. */
function secondsOf(count: number, from: number = 0): Float64Array {
  return Float64Array.from({ length: count }, (_, k) => (from + k + 0.5) / 1187.5);
}

function receive(symbols: Float32Array, chunk: number = symbols.length, stream: StreamNumber = 0): HeardGroup[] {
  const received: HeardGroup[] = [];
  const synchroniser = new Synchroniser({ stream, onGroup: (group) => received.push(group) });
  for (let at = 0; at < symbols.length; at += chunk) {
    const part = symbols.subarray(at, at + chunk);
    synchroniser.push(part, secondsOf(part.length, at));
  }
  return received;
}

const blocksOf = (groups: readonly { readonly blocks: Blocks }[]): Blocks[] => groups.map((group) => group.blocks);

describe('the synchroniser', () => {
  it('gives every group of a clean stream, the first and the last too, from its first bit', () => {
    const groups = groupsOf(20);
    // The differential decoder needs one symbol before the first.
    const received = receive(join(Float32Array.of(CERTAIN), symbolsOf(groups)));
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
      const received: HeardGroup[] = [];
      const synchroniser = new Synchroniser({ stream: 0, onGroup: (group) => received.push(group) });
      synchroniser.push(symbols.subarray(0, cut), secondsOf(cut));
      synchroniser.push(symbols.subarray(cut), secondsOf(symbols.length - cut, cut));
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
    const symbols = join(symbolsOf(groupsOf(10)), noise(40_000, 6), symbolsOf(groupsOf(10, 9)));
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
      slip > 0 ? Float32Array.of(CERTAIN) : new Float32Array(0),
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

  it.each([0, 1, 103])('notices another station whose groups begin %i bits off those of the first', (off) => {
    const other = groupsOf(60, 12).map(({ stream, blocks }) => ({
      stream,
      blocks: [0x1234, ...blocks.slice(1)] as never,
    }));
    const symbols = join(symbolsOf(groupsOf(60)), symbolsOf(other).subarray(off));
    const received = receive(symbols);
    const restarts = received.filter((group) => group.clockRestarted);
    expect(restarts).toHaveLength(2);
    expect(restarts[1].slot).toBeLessThan(80);
  });

  it('repairs wrong symbols that were in doubt and gives up on strong ones', () => {
    const groups = groupsOf(6);
    const place = 104 * 3 + 40;
    for (const [sizes, whole] of [
      [[0.2], true],
      [[0.2, 0.1, 0.2], true],
      [[1, 1, 1, 1], false],
    ] as const) {
      const symbols = join(Float32Array.of(CERTAIN), symbolsOf(groups));
      for (const [k, size] of sizes.entries()) symbols[place + 2 * k] *= -size;
      const received = receive(symbols);
      expect(isWhole(received[3])).toBe(whole);
      expect(received[3].blocks[0]).toBe(groups[3].blocks[0]);
      expect(received[3].blocks[1]).toBe(whole ? groups[3].blocks[1] : -1);
      expect(received[3].turned[1]).toBe(whole ? sizes.length : -1);
      expect(received[3].reliability[1] > 0.9).toBe(whole);
    }
  });

  it('says when each group began', () => {
    const groups = groupsOf(5);
    const received = receive(join(Float32Array.of(CERTAIN), symbolsOf(groups)));
    for (const [k, { startSeconds }] of received.entries()) expect(startSeconds).toBeCloseTo((1 + 104 * k) / 1187.5, 5);
  });

  it('accepts C and C prime on every stream', () => {
    const tunnelled: Group[] = groupsOf(5).map(({ blocks: [, b, c, d] }) => ({
      stream: 2,
      blocks: [0, b | 0x0800, c, d],
    }));
    const received = receive(join(Float32Array.of(CERTAIN), symbolsOf(tunnelled)), undefined, 2);
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
