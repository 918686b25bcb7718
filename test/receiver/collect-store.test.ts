import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { LogReader, type LogRecord, LogWriter } from '#codec/groups/log.ts';
import { firstBlockOf, layoutOf } from '#codec/symbols/layout.ts';
import { CollectStore } from '../../receiver/collect-store.ts';
import { Seeded } from '../groups/station.ts';
import { Hearing, rankOf } from './hearing.ts';

const root = mkdtempSync(join(tmpdir(), 'carillon-store-'));
afterAll(() => rmSync(root, { recursive: true }));
const newFolder = (): string => mkdtempSync(join(root, 'folder-'));

const small = new Seeded(21).bytes(6000);
const large = new Seeded(22).bytes(120_000);
/** What is lost at most when the process dies: records that wait to be written together. */
const QUEUE_GROUPS = 16;

describe('the log made anew', () => {
  it('a crash at every step of it leaves the old log or the new one', () => {
    // Whenever it looks at the clock it has taken long enough.
    let nowMs = 0;
    const hearing = new Hearing(newFolder(), [large], { nowMs: () => (nowMs += 11) });
    hearing.hear(3000);
    hearing.station.offer([small, large]);
    hearing.hear(4000, () => hearing.has('package'));
    const before = statSync(hearing.log).size;
    const rank = hearing.rankOf(large);
    expect(rank).toBeGreaterThan(5000);
    let steps = 0;
    hearing.hear(
      40,
      () => statSync(hearing.log).size < before,
      () => {
        steps++;
        const { store } = hearing.afterPowerCut(root);
        expect(rankOf(store, large)).toBeGreaterThanOrEqual(rank - 2 * QUEUE_GROUPS);
        expect(store.packages()).toHaveLength(1);
      },
    );
    expect(steps).toBeGreaterThan(4);
    expect(existsSync(`${hearing.log}.new`)).toBe(false);
    hearing.store.sync();
    const { store } = hearing.afterPowerCut(root);
    expect(rankOf(store, large)).toBe(hearing.rankOf(large));
    hearing.hear(20_000, () => hearing.store.packages().length === 2);
    expect(hearing.store.packages()).toHaveLength(2);
    hearing.store.close();
  });

  it.each([
    { groups: 100_000, isRenewed: false },
    { groups: 160_000, isRenewed: true },
  ])(
    'is made anew when it is twice what is needed and 1 MB more: $groups groups of no use',
    ({ groups, isRenewed }) => {
      const state = newFolder();
      const random = new Seeded(groups);
      const writer = new LogWriter();
      const records = Array.from({ length: groups }, (_, slot): LogRecord => {
        const words = [slot & 15, ...random.bytes(3)];
        return { kind: 'data', group: { stream: 1, place: slot & 7, check: 0, words, slot, clockRestarted: false } };
      });
      writeFileSync(join(state, 'reception.log'), writer.encode(records));
      const before = statSync(join(state, 'reception.log')).size;
      const { store } = CollectStore.open(state);
      for (let i = 0; i < 100; i++) store.tick();
      const { size } = statSync(join(state, 'reception.log'));
      expect(size < before).toBe(isRenewed);
      expect(size).toBeLessThan(1_100_000);
      store.close();
    },
  );
});

describe('a torn log', () => {
  it('cut at every byte of its last two batches, or with a byte of them flipped, loses these at most', () => {
    const hearing = new Hearing(newFolder(), [large], { streams: [1] });
    hearing.hear(700);
    hearing.store.sync();
    const whole = readFileSync(hearing.log);
    hearing.hear(QUEUE_GROUPS);
    hearing.store.sync();
    hearing.hear(QUEUE_GROUPS);
    hearing.store.sync();
    const log = readFileSync(hearing.log);
    expect(log.length - whole.length).toBeGreaterThan(2 * QUEUE_GROUPS * 9);
    hearing.store.close();
    const state = newFolder();
    const path = join(state, 'reception.log');
    const groupsAfter = (bytes: Uint8Array): number => {
      writeFileSync(path, bytes);
      const { store } = CollectStore.open(state);
      const groups = store.status().dataGroups[1];
      store.close();
      return groups;
    };
    const all = groupsAfter(log);
    const least = groupsAfter(whole);
    expect(all - least).toBe(2 * QUEUE_GROUPS);
    for (let end = whole.length; end < log.length; end++) {
      expect(groupsAfter(log.subarray(0, end))).toBeGreaterThanOrEqual(least);
      // What was torn is cut off, and what comes is appended to whole batches.
      expect(statSync(path).size).toBeLessThanOrEqual(end);
      const flipped = log.slice();
      flipped[end] ^= 1 + (end % 255);
      expect(groupsAfter(flipped)).toBeGreaterThanOrEqual(least);
    }
  });
});

describe('what is solved', () => {
  it('is written down once it is certain, and need not be solved again', () => {
    const sizeBytes = 30_000;
    const bytes = new Seeded(23).bytes(sizeBytes);
    const { blocks, rows } = layoutOf(sizeBytes, 13);
    expect(blocks).toBe(2);
    const hearing = new Hearing(newFolder(), [bytes], { streams: [1] });
    // Nothing comes of the second block.
    hearing.isHeard = ({ kind, counter, group }) =>
      kind !== 'symbols' || firstBlockOf(group.stream, counter, blocks) === 0;
    hearing.hear(8000, () => isSolved(hearing.store));
    expect(rowsIn(hearing.log)).toBe(0);
    hearing.hear(200);
    hearing.store.sync();
    expect(rowsIn(hearing.log)).toBe(rows);
    const log = readFileSync(hearing.log);
    const cut = hearing.afterPowerCut(root);
    expect(isSolved(cut.store)).toBe(true);
    expect(cut.store.status().objects).toEqual(hearing.store.status().objects);
    // Rows that are torn away: solved anew, and written anew when more comes.
    hearing.store.close();
    const reader = new LogReader(log.subarray(0, log.length - 100), 'rows');
    let first = 0;
    while (reader.next()?.length === 0) first = reader.validBytes;
    writeFileSync(hearing.log, log.subarray(0, first + 5000));
    const { store } = CollectStore.open(hearing.state);
    expect(isSolved(store)).toBe(true);
    expect(rowsIn(hearing.log)).toBeLessThan(rows);
    store.close();
  });
});

function isSolved(store: CollectStore): boolean {
  return store.status().objects[0]?.progress?.blocksSolved === 1;
}

function rowsIn(path: string): number {
  const reader = new LogReader(readFileSync(path), 'rows');
  let words = 0;
  for (let records = reader.next(); records !== undefined; records = reader.next())
    for (const record of records)
      words += record.kind === 'kept' && record.kept.kind === 'rows' ? record.kept.values.length : 0;
  return words / 2;
}
