import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { identityOf } from '#codec/symbols/spread.ts';
import { type CollectEvent, CollectStore } from '../../receiver/collect-store.ts';
import { received, Seeded, Station } from '../groups/station.ts';

const root = mkdtempSync(join(tmpdir(), 'carillon-false-'));
afterAll(() => rmSync(root, { recursive: true }));

const REAL_BYTES = 190_000;
const FALSE_BYTES = 100_000;
/** So many together, so many times. */
const FALSE_TOGETHER = 10;
const FALSE_TIMES = 20;

/** Bytes of everything in a folder. */
function sizeOf(folder: string): number {
  let sum = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
    if (entry.isFile()) sum += statSync(join(entry.parentPath, entry.name)).size;
  return sum;
}

describe('200 false objects, announced ten at a time beside a real one', () => {
  it.each([
    { name: 'and a small log', logBytes: 500_000 },
    { name: 'and the log there is', logBytes: 64_000_000 },
  ])(
    'take no more than their share of memory and disk, and the real one arrives, $name',
    ({ logBytes }) => {
      const folder = join(root, String(logBytes));
      const random = new Seeded(9);
      const real = random.bytes(REAL_BYTES);
      const name = identityOf(real).toHex();
      const station = new Station([1]);
      station.offer([real]);
      let nowMs = 0;
      const options = { nowMs: () => nowMs, logBytes, limits: { collectedBytes: REAL_BYTES + 4 * FALSE_BYTES } };
      let { store } = CollectStore.open(folder, options);
      const events: CollectEvent[] = [...store.push(station.announcement())];
      const isThere = (): boolean => events.some(({ kind }) => kind === 'package');
      const progressOf = (): number => {
        const last = events.findLast((event) => event.kind === 'progress' && event.identity.toHex() === name);
        return last?.kind === 'progress' ? last.progress.rank : 0;
      };
      let largest = 0;
      const hear = (slots: number): void => {
        for (let i = 0; i < slots && !isThere(); i++) {
          const { slot, carried } = station.next();
          for (const { group } of carried) events.push(...store.push(received(group, slot)));
          nowMs += 8;
          if (i % 50 === 0) largest = Math.max(largest, sizeOf(folder));
        }
      };
      hear(600);
      let rank = 0;
      let spells = 0;
      for (let i = 0; i < FALSE_TIMES && !isThere(); i++) {
        spells++;
        const lies = Array.from({ length: FALSE_TOGETHER }, () => {
          const lie = new Uint8Array(FALSE_BYTES);
          lie.set(random.bytes(8));
          return lie;
        });
        // A directory is in force for 512 groups at least.
        station.offer(lies);
        hear(700);
        station.offer([real]);
        hear(700);
        expect(progressOf()).toBeGreaterThanOrEqual(rank);
        rank = progressOf();
        if (i % 5 !== 2) continue;
        // Like a power cut, but for the last second.
        store.close();
        ({ store } = CollectStore.open(folder, options));
        events.push(...store.push(station.announcement()));
      }
      hear(40_000);
      expect(isThere()).toBe(true);
      expect(store.packages().map(({ sizeBytes }) => sizeBytes)).toContain(REAL_BYTES);
      // The old log and the new one for a moment; at most three times what the pool takes and 1 MB to spare.
      expect(largest).toBeLessThan(
        Math.min(2 * logBytes, 3 * 2 * (REAL_BYTES + 4 * FALSE_BYTES) + 1_100_000) + REAL_BYTES,
      );
      expect(largest).toBeGreaterThan(Math.min(logBytes, 600_000) / 2);
      expect(spells).toBe(FALSE_TIMES);
      expect(store.storage).toBeUndefined();
      store.close();
    },
    60_000,
  );
});
