import { describe, expect, it } from 'vitest';
import type { DirectoryEntry } from '#codec/groups/directory.ts';
import { CollectorPool, keyOf } from '#codec/groups/pool.ts';
import { SCHEME_FOUNTAIN_C } from '#codec/symbols/schemes.ts';
import { Seeded } from './station.ts';

const random = new Seeded(1);

function entryOf(sizeBytes: number): DirectoryEntry {
  const identity = random.bytes(8);
  return { handle: 1, scheme: SCHEME_FOUNTAIN_C, deviceTypeTag: 0, sizeBytes, identity, deadlineMinutes: 0 };
}

/** Hears so many groups of an object. */
function hear(pool: CollectorPool, entry: DirectoryEntry, groups: number): void {
  const collecting = pool.get(entry) ?? pool.start(entry, entry);
  for (let i = 0; i < groups; i++) {
    pool.clock++;
    collecting?.collector.addGroup(1, 4096 + pool.clock, [1, 2, 3, 4]);
  }
  if (collecting !== undefined) collecting.heardAt = pool.clock;
}

const keys = (pool: CollectorPool): string[] => [...pool.all()].map(({ key }) => key);

describe('the pool', () => {
  it('has 64 places, however small the objects are, and the least advanced goes first', () => {
    const pool = new CollectorPool(1_000_000);
    const entries = Array.from({ length: 80 }, () => entryOf(5000));
    for (const [i, entry] of entries.entries()) hear(pool, entry, i === 3 ? 50 : 1 + (i % 5));
    expect(keys(pool)).toHaveLength(64);
    expect(keys(pool)).toContain(keyOf(entries[3]));
    // What was heard one group of is gone before anything that was heard five of.
    const left = new Set(keys(pool));
    const gone = entries.map((entry, i) => ({ i, key: keyOf(entry) })).filter(({ key }) => !left.has(key));
    expect(Math.max(...gone.map(({ i }) => i % 5))).toBeLessThan(4);
  });

  it('holds objects of so many bytes together, and refuses what finds no room beside what is listed', () => {
    const pool = new CollectorPool(10_000);
    const [a, b, c] = [entryOf(6000), entryOf(6000), entryOf(11_000)];
    hear(pool, a, 10);
    expect(pool.start(b, b, [a, b])).toBeUndefined();
    expect(pool.start(c, c, [c])).toBeUndefined();
    expect(keys(pool)).toEqual([keyOf(a)]);
    // The only one, and not listed: it goes.
    expect(pool.start(b, b, [b])).toBeDefined();
    expect(keys(pool)).toEqual([keyOf(b)]);
  });

  it('orders by listing, then by what is held and how long ago it was heard; the most advanced is last', () => {
    const pool = new CollectorPool(1_000_000);
    const [most, old, fresh, listed] = Array.from({ length: 4 }, () => entryOf(50_000));
    hear(pool, old, 300);
    hear(pool, most, 2000);
    pool.clock += 2 ** 20;
    hear(pool, fresh, 200);
    hear(pool, listed, 10);
    const order = (entries: DirectoryEntry[]): string[] => pool.byLikelihood(entries).map(({ key }) => key);
    // 300 groups count as 150 after the half-life, 2000 as 1000.
    expect(order([listed])).toEqual([old, fresh, listed, most].map(keyOf));
    expect(order([])).toEqual([listed, old, fresh, most].map(keyOf));
    expect(new CollectorPool(1).byLikelihood()).toEqual([]);
  });
});
