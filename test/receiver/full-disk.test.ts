import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { formatHexGroup } from '#codec/groups/hex.ts';
import type { CollectStore } from '../../receiver/collect-store.ts';
import { writeProgress } from '../../receiver/progress.ts';
import { Seeded, Station } from '../groups/station.ts';
import { Hearing, rankOf } from './hearing.ts';
import { PROGRESS } from './signals.ts';
import { limitFileSizes, mountSmallDisk, PAGE_BYTES, type SmallDisk } from './small-disk.ts';

const PROGRAM = join(import.meta.dirname, 'collect-program.ts');
const copies = mkdtempSync(join(tmpdir(), 'carillon-copies-'));
afterAll(() => rmSync(copies, { recursive: true }));

const SIZE_BYTES = 1_000_000;
const attempt = mountSmallDisk(SIZE_BYTES);
const whyNot = typeof attempt === 'string' ? attempt : undefined;
if (typeof attempt !== 'string') attempt.close();
else
  console.warn(
    `NOT RUN on a small file system, which needs the right to mount one (${attempt}); only with file size limits.`,
  );

let disk: SmallDisk | undefined;
let store: CollectStore | undefined;
afterEach(() => {
  disk?.relieve();
  store?.close();
  disk?.close();
  disk = store = undefined;
});

function newDisk(): SmallDisk {
  const made = mountSmallDisk(SIZE_BYTES);
  if (typeof made === 'string') throw new Error(made);
  return (disk = made);
}

function newLimit(): SmallDisk {
  return (disk = limitFileSizes());
}

/** With a store that is closed in any case. */
function hearingOf(folder: string, objects: readonly Uint8Array[]): Hearing {
  const hearing = new Hearing(folder, objects);
  store = hearing.store;
  return hearing;
}

/** What would be there after a power cut in this moment, when there is room. */
function cutOf(hearing: Hearing): { store: CollectStore; kinds: string[] } {
  const cut = (): { store: CollectStore; kinds: string[] } => hearing.afterPowerCut(copies);
  return disk === undefined ? cut() : disk.elsewhere(cut);
}

const large = new Seeded(1).bytes(30_000);
const small = new Seeded(3).bytes(9000);

interface Kind {
  readonly name: string;
  readonly make: () => SmallDisk;
  readonly runs: boolean;
  /** See below. */
  readonly roomLeft: number;
}

const KINDS: readonly Kind[] = [
  { name: 'a small file system', make: newDisk, runs: whyNot === undefined, roomLeft: 250_000 },
  { name: 'a limit on the size of files', make: newLimit, runs: true, roomLeft: 10_000 },
];

describe.each(KINDS)('no room: $name', ({ make, runs, roomLeft }) => {
  it('reception goes on in memory, says so, and writes all of it when there is room again', ({ skip }) => {
    skip(!runs, whyNot);
    const { folder, leave, relieve } = make();
    const hearing = hearingOf(folder, [large]);
    hearing.hear(400);
    leave(PAGE_BYTES, hearing.log);
    hearing.hear(1000);
    const { storage } = hearing.store;
    expect(storage).toMatchObject({ cause: 'disk-full', heldPackages: 0 });
    expect(storage?.heldGroups).toBeGreaterThan(300);
    // Once, and again after a minute.
    expect(hearing.kinds().filter((kind) => kind === 'storage').length).toBe(2);
    const before = hearing.rankOf(large);
    const cut = cutOf(hearing);
    expect(cut.store.opened).toMatchObject({ tornBytes: 0, skippedBytes: 0 });
    expect(rankOf(cut.store, large)).toBeGreaterThan(0);
    expect(rankOf(cut.store, large)).toBeLessThan(before);
    relieve();
    hearing.pass(10_000);
    expect(hearing.store.storage).toBeUndefined();
    expect(hearing.events.at(-1)).toEqual({ kind: 'storage', storage: undefined });
    expect(rankOf(cutOf(hearing).store, large)).toBe(before);
    hearing.hear(4000, () => hearing.has('package'));
    expect(hearing.store.packages().map(({ sizeBytes }) => sizeBytes)).toEqual([large.length]);
  });

  it('a finished package waits in memory until there is room', ({ skip }) => {
    skip(!runs, whyNot);
    const { folder, leave, relieve } = make();
    const hearing = hearingOf(folder, [large]);
    hearing.hear(4000, () => hearing.rankOf(large) > 4400);
    // Less than the package; not even the log, where the limit is one on files.
    leave(5 * PAGE_BYTES, join(folder, 'nothing'));
    hearing.hear(600);
    expect(hearing.store.packages()).toEqual([]);
    expect(hearing.store.storage).toMatchObject({ heldPackages: 1 });
    expect(hearing.store.missing()).toEqual([]);
    relieve();
    hearing.pass(10_000);
    expect(hearing.store.storage).toBeUndefined();
    const [stored] = hearing.store.packages();
    expect(new Uint8Array(readFileSync(stored.path))).toEqual(large);
    expect(hearing.kinds().filter((kind) => kind === 'package')).toHaveLength(1);
    hearing.hear(100);
    expect(statSync(hearing.log).size).toBeLessThan(5000);
  });

  it('what is least advanced is left out of the log for what is most advanced, and comes back to it', ({ skip }) => {
    skip(!runs, whyNot);
    const { folder, leave, relieve } = make();
    const [most, one, another] = [4, 5, 6].map((seed) => new Seeded(seed).bytes(150_000));
    const hearing = hearingOf(folder, [most]);
    hearing.hear(3000);
    hearing.station.offer([one]);
    hearing.hear(1300);
    hearing.station.offer([most, another]);
    hearing.hear(1300);
    // A disk on which a new log would find room for the last time; a file that may grow a little more.
    leave(roomLeft, hearing.log);
    hearing.hear(2000);
    const [ofMost, ofOne, ofAnother] = [most, one, another].map((bytes) => hearing.rankOf(bytes));
    expect(hearing.store.storage).toMatchObject({ cause: 'disk-full', heldGroups: 0 });
    expect(hearing.store.storage?.heldObjects).toBeGreaterThan(0);
    const cut = cutOf(hearing).store;
    expect(rankOf(cut, most)).toBeGreaterThan(ofMost - 20);
    expect(rankOf(cut, one) + rankOf(cut, another)).toBeLessThan(ofOne + ofAnother - 500);
    relieve();
    hearing.pass(600_000);
    hearing.hear(1200);
    expect(hearing.store.storage).toBeUndefined();
    const after = cutOf(hearing).store;
    expect(rankOf(after, another)).toBeGreaterThan(hearing.rankOf(another) - 20);
    hearing.hear(20_000, () => hearing.store.packages().length === 2);
    expect(hearing.store.packages()).toHaveLength(2);
  });
});

describe('no room', () => {
  it('the symbols of a package that waits in memory are in the log until it is stored', ({ skip }) => {
    skip(whyNot !== undefined, whyNot);
    const { folder, leave } = newDisk();
    const hearing = hearingOf(folder, [large]);
    hearing.hear(4000, () => hearing.rankOf(large) > 4400);
    leave(5 * PAGE_BYTES, '');
    hearing.hear(600);
    expect(hearing.store.storage).toMatchObject({ heldPackages: 1, heldGroups: 0 });
    expect(cutOf(hearing).kinds).toContain('package');
  });

  it.each([1, 2, 3, 4, 5, 6])(
    'comes and goes: nothing is thrown, the disk never goes back, the package arrives (seed %i)',
    (seed) => {
      const { folder, leave, relieve } = seed > 3 || whyNot !== undefined ? newLimit() : newDisk();
      const random = new Seeded(seed);
      const hearing = hearingOf(folder, [large, small]);
      let best = 0;
      for (let i = 0; i < 40; i++) {
        if (random.next() < 0.5) relieve();
        else
          leave(Math.floor(random.next() ** 2 * 40_000), random.next() < 0.5 ? hearing.log : join(folder, 'nothing'));
        hearing.hear(Math.floor(random.next() * 60));
        if (random.next() < 0.5) hearing.pass(Math.floor(random.next() * 20_000));
        const { store: cut, kinds } = cutOf(hearing);
        const held = kinds.includes('package') || cut.packages().length > 0 ? Infinity : rankOf(cut, large);
        expect(held, `seed ${seed}, step ${i}`).toBeGreaterThanOrEqual(best);
        best = held;
      }
      relieve();
      hearing.pass(600_000);
      hearing.hear(6000, () => hearing.store.packages().length === 2);
      expect(hearing.store.packages()).toHaveLength(2);
      expect(hearing.store.storage).toBeUndefined();
    },
  );

  it('receiver collect begins on a full disk, ends with status 1 and what is wrong, and goes on later', ({ skip }) => {
    skip(whyNot !== undefined, whyNot);
    const { folder, leave, relieve } = newDisk();
    const state = join(folder, 'state');
    const lines = linesOf(large);
    const collect = (part: string[]): { status: number | null; stderr: string; events: Record<string, unknown>[] } => {
      const args = [PROGRAM, 'collect', '--state', state];
      const { status, stderr, stdout } = spawnSync(process.execPath, args, {
        input: part.join('\n'),
        encoding: 'utf8',
      });
      const events = stdout.split('\n').filter((text) => text !== '');
      return { status, stderr, events: events.map((text) => JSON.parse(text) as Record<string, unknown>) };
    };
    expect(collect(lines.slice(0, 1000)).status).toBe(4);
    leave(0, '');
    const full = collect(lines.slice(1000, 3000));
    expect(full.status).toBe(1);
    expect(full.stderr).toMatch(
      /collect: disk full: since \S+, \d{3,} groups are held in memory only, and lost now.*make room/,
    );
    expect(full.events.find(({ event }) => event === 'storage')).toMatchObject({
      problem: 'disk-full',
      heldPackages: 0,
    });
    expect(readdirSync(state).toSorted()).toEqual(['packages', 'reception.log']);
    relieve();
    const last = collect(lines.slice(1000));
    expect(last).toMatchObject({ status: 0 });
    expect(last.stderr).toContain('going on from');
    const [name] = readdirSync(join(state, 'packages'));
    expect(
      createHash('sha256')
        .update(readFileSync(join(state, 'packages', name)))
        .digest('hex'),
    ).toBe(name.slice(0, 64));
  });

  it('status shows it: progress.json is written in its place', async ({ skip }) => {
    skip(whyNot !== undefined, whyNot);
    const { folder, leave } = newDisk();
    await writeProgress(folder, PROGRESS);
    leave(0, '');
    expect(() => writeFileSync(join(folder, 'x'), 'x')).toThrow('ENOSPC');
    const held = { cause: 'disk-full', sinceMs: 1, heldGroups: 7, heldPackages: 0, heldObjects: 0 } as const;
    await writeProgress(folder, { ...PROGRESS, storage: held });
    expect(JSON.parse(readFileSync(join(folder, 'progress.json'), 'utf8'))).toMatchObject({ storage: held });
  });
});

function linesOf(bytes: Uint8Array): string[] {
  const station = new Station([1, 2]);
  station.offer([bytes]);
  const lines = [formatHexGroup(station.announcement())];
  for (let i = 0; i < 4000; i++) for (const { group } of station.next().carried) lines.push(formatHexGroup(group));
  return lines;
}
