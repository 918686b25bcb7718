import { describe, expect, it } from 'vitest';
import { parseAnnouncement, parseAssignment } from '#codec/groups/announce.ts';
import { type Carried, StreamCarrier } from '#codec/groups/carry.ts';
import type { Directory } from '#codec/groups/directory.ts';
import type { Group, ReceivedGroup, StreamNumber } from '#codec/groups/group.ts';
import { parseProgrammeGroup } from '#codec/groups/programme.ts';
import { SCHEME_FOUNTAIN_A, SCHEME_REED_SOLOMON } from '#codec/symbols/schemes.ts';
import { identityOf as identity } from '#codec/symbols/spread.ts';
import type { Clock } from '#hardware/contracts.ts';
import { Carousel, type CarouselObject } from '../../gateway/carousel.ts';
import { parseConfig } from '../../gateway/config.ts';
import { Counters } from '../../gateway/counters.ts';
import { neededNibbles } from '../../gateway/need.ts';
import type { LiveObject } from '../../gateway/schedule.ts';
import { GroupClock } from '../../gateway/group-clock.ts';
import { Programme } from '../../gateway/programme.ts';
import { GROUPS_PER_SECOND } from '#codec/airtime.ts';
import { newFolder, noise, STATION } from './station.ts';

const PI = 0xd318;
const MINUTE_GROUPS = 60 * GROUPS_PER_SECOND;

const SIZE_BYTES = 3000;

/** `priority`: also 0, which stands for one that rests. */
function object(seed: number, priority: number): CarouselObject {
  const jobId = `${priority} ${seed}`;
  return { jobId, bytes: noise(SIZE_BYTES, seed), scheme: SCHEME_FOUNTAIN_A, deviceTypeTag: seed, deadlineMinutes: 0 };
}

/** Everything was sent once, so that shares are those of objects that stay on air. */
function finished(jobId: string): LiveObject | undefined {
  const priority = Number.parseInt(jobId, 10);
  const needed = neededNibbles(SIZE_BYTES, 0.1, false);
  if (priority === 0) return undefined;
  return { priority, sizeBytes: SIZE_BYTES, neededNibbles: needed, sentNibbles: needed, promise: undefined };
}

function newCarrier(stream: StreamNumber): StreamCarrier {
  return new StreamCarrier({ pi: PI, tp: false, pty: 0, stream, groupTypeCode: 22, channel: 16, counter: 0 });
}

class Bench {
  readonly carriers: StreamCarrier[];
  readonly saved: Directory[] = [];
  readonly carousel: Carousel;
  failing = false;
  live = finished;

  constructor(streams: readonly StreamNumber[], previous?: Directory) {
    this.carriers = streams.map(newCarrier);
    this.carousel = new Carousel({
      pi: PI,
      carriers: this.carriers,
      previous,
      save: (directory) => {
        if (this.failing) return Promise.reject(new Error('ENOSPC'));
        this.saved.push(directory);
        return Promise.resolve();
      },
      live: (jobId) => this.live(jobId),
      nibblesPerSecond: 20,
    });
  }

  async send(stream: number, groups: number): Promise<Carried[]> {
    const carrier = this.carriers[stream];
    const sent: Carried[] = [];
    for (let i = 0; i < groups; i++) {
      if (this.carousel.canSettle) await this.carousel.settle();
      sent.push(
        carrier.next(
          () => this.carousel.serve(carrier),
          (handle) => this.carousel.spreaderOf(carrier, handle),
        ),
      );
    }
    return sent;
  }
}

/** Runs by handle, of groups that begin a run. */
function runsOf(sent: readonly Carried[]): number[] {
  return sent.filter(({ counter, kind }) => counter % 16 === 0 && kind !== 'assignment').map(({ handle }) => handle);
}

function identityOf({ bytes }: CarouselObject): string {
  return identity(bytes).toHex();
}

/** Of the objects in groups from a counter on. */
function identitiesOf(sent: readonly Carried[], fromCounter = 0): Set<string> {
  return new Set(
    sent.flatMap(({ counter, identity }) => (counter >= fromCounter && identity !== undefined ? [identity] : [])),
  );
}

function shareOf(runs: readonly number[], handle: number): number {
  return runs.filter((served) => served === handle).length / runs.length;
}

describe('the carousel', () => {
  it('gives objects their shares and the directory half a pass in the runs of the quickest, over ten minutes', async () => {
    const bench = new Bench([0]);
    bench.carousel.setObjects([object(1, 9), object(2, 4), object(3, 1)]);
    const runs = runsOf(await bench.send(0, 10 * MINUTE_GROUPS));
    const rest = runs.filter((handle) => handle !== 0);
    // 2 % each, and 94 % by the square root of the priority; all are of one size.
    for (const [handle, share] of [[1, 0.49] as const, [2, 0.333] as const, [3, 0.177] as const])
      expect(Math.abs(shareOf(rest, handle) - share)).toBeLessThan(0.01);
    // The quickest needs 118 runs of this stream at its share; three entries are said in two runs.
    const quickestRuns = neededNibbles(SIZE_BYTES, 0.1, false) / (16 * 8) / 0.49;
    expect(quickestRuns).toBeGreaterThan(110);
    expect(quickestRuns).toBeLessThan(128);
    expect(shareOf(runs, 0)).toBeCloseTo(2 / Math.floor(quickestRuns / 2), 2);
  });

  it('leaves nobody waiting for more than 50 runs of objects, whatever the others are given', async () => {
    const bench = new Bench([0]);
    bench.live = (jobId) => {
      const live = finished(jobId);
      // One that is not finished and important takes half of what is left.
      return jobId.startsWith('9') && live !== undefined ? { ...live, sentNibbles: 0 } : live;
    };
    bench.carousel.setObjects([object(1, 9), ...Array.from({ length: 12 }, (_, i) => object(i + 2, 1))]);
    const runs = runsOf(await bench.send(0, 30 * MINUTE_GROUPS)).filter((handle) => handle !== 0);
    for (let handle = 1; handle <= 13; handle++) {
      const places = runs.flatMap((served, place) => (served === handle ? [place] : []));
      const waits = places.map((place, i) => place - (places[i - 1] ?? -1));
      expect(Math.max(...waits)).toBeLessThanOrEqual(50);
    }
  });

  it('gives an object that rests no run, and leaves it in the directory', async () => {
    const bench = new Bench([0]);
    bench.carousel.setObjects([object(1, 1), object(2, 0)]);
    const runs = runsOf(await bench.send(0, 10 * MINUTE_GROUPS));
    expect(bench.saved.map(({ entries }) => entries.length)).toEqual([2]);
    expect(shareOf(runs, 2)).toBe(0);
    expect(shareOf(runs, 1)).toBeGreaterThan(0.9);
  });

  it('has nothing to say while all rest, ends the run that was begun, and goes on in the same version', async () => {
    const bench = new Bench([0]);
    bench.carousel.setObjects([object(1, 1)]);
    await bench.send(0, 100);
    bench.live = () => undefined;
    const [carrier] = bench.carriers;
    while (bench.carousel.hasWork(carrier)) await bench.send(0, 1);
    expect(carrier.counter).toBe(112);
    bench.live = finished;
    expect(bench.carousel.hasWork(carrier)).toBe(true);
    expect(runsOf(await bench.send(0, 64)).filter((handle) => handle === 1).length).toBeGreaterThan(2);
    expect(bench.saved.length).toBe(1);
  });

  it('says the directory first, until a receiver that misses nothing has it', async () => {
    const bench = new Bench([0]);
    bench.carousel.setObjects(Array.from({ length: 13 }, (_, i) => object(i, 1)));
    const sent = await bench.send(0, 400);
    const runs = runsOf(sent);
    const first = runs.findIndex((handle) => handle !== 0);
    const nibbles = sent.filter(({ kind, counter }) => kind === 'symbols' && counter >> 4 < first).length * 8;
    // 13 entries: 5 + 260 + 4 bytes, filled up to a multiple of 8; in whole runs.
    expect(nibbles).toBeGreaterThan(544);
    expect(nibbles).toBeLessThan(544 + 16 * 8);
  });

  it('brings a change on air when the last one has been so for four anchors, and rests a freed handle once', async () => {
    const bench = new Bench([0]);
    const [carrier] = bench.carriers;
    const [a, b, c] = [object(1, 1), object(2, 1), object(3, 1)];
    bench.carousel.setObjects([a, b]);
    await bench.send(0, 130);
    bench.carousel.setObjects([b, c]);
    const before = await bench.send(0, 512 - 130);
    expect(carrier.directory?.version).toBe(0);
    // What was taken off ends with its run, and what comes waits for the anchor.
    expect(identitiesOf(before, 144)).toEqual(new Set([identityOf(b)]));
    const after = await bench.send(0, 256);
    expect(carrier.directory?.version).toBe(1);
    expect(identitiesOf(after)).toEqual(new Set([identityOf(b), identityOf(c)]));
    bench.carousel.setObjects([b, c, object(4, 1)]);
    await bench.send(0, 512);
    expect(bench.saved.map(({ version, entries }) => [version, entries.map(({ handle }) => handle)])).toEqual([
      [0, [1, 2]],
      [1, [2, 3]],
      [2, [1, 2, 3]],
    ]);
  });

  it('puts all that changes within four anchors into one version', async () => {
    const bench = new Bench([0]);
    bench.carousel.setObjects([object(1, 1)]);
    await bench.send(0, 100);
    for (const seed of [2, 3, 4]) {
      bench.carousel.setObjects([object(seed, 1)]);
      await bench.send(0, 90);
    }
    await bench.send(0, 512);
    expect(bench.saved.map(({ entries }) => entries.map(({ deviceTypeTag }) => deviceTypeTag))).toEqual([[1], [4]]);
  });

  it('makes no version of a change that was taken back', async () => {
    const bench = new Bench([0]);
    bench.carousel.setObjects([object(1, 1)]);
    await bench.send(0, 100);
    bench.carousel.setObjects([object(1, 1), object(2, 1)]);
    await bench.send(0, 100);
    bench.carousel.setObjects([object(1, 1)]);
    await bench.send(0, 800);
    expect(bench.saved.length).toBe(1);
  });

  it.each([
    ['withdrawn', (bench: Bench, kept: CarouselObject) => bench.carousel.setObjects([kept])],
    ['paused', (bench: Bench) => (bench.live = (jobId) => (jobId === '1 1' ? undefined : finished(jobId)))],
  ])(
    'gives an object that is %s no run from the next one on, also while the directory lists it',
    async (_what, stop) => {
      const bench = new Bench([0, 1]);
      const [gone, kept] = [object(1, 1), object(2, 1)];
      bench.carousel.setObjects([gone, kept]);
      for (const stream of [0, 1]) expect(identitiesOf(await bench.send(stream, 104))).toContain(identityOf(gone));
      stop(bench, kept);
      for (const stream of [0, 1]) {
        const rest = await bench.send(stream, 300);
        expect(bench.carriers[stream].directory?.entries.length).toBe(2);
        expect(identitiesOf(rest, 112)).toEqual(new Set([identityOf(kept)]));
      }
    },
  );

  it('goes on with the same bytes for another job', async () => {
    const bench = new Bench([0]);
    const first = object(1, 1);
    bench.carousel.setObjects([first]);
    await bench.send(0, 100);
    bench.live = (jobId) => (jobId === 'second' ? finished('1 1') : undefined);
    bench.carousel.setObjects([{ ...first, jobId: 'second' }]);
    expect(identitiesOf(await bench.send(0, 200), 112)).toEqual(new Set([identityOf(first)]));
    expect(bench.saved.length).toBe(1);
    expect(bench.carousel.listedJobs()).toEqual(['second']);
  });

  it('sends what has lost its handle to another object until the version that takes it away', async () => {
    const bench = new Bench([0]);
    const before = Array.from({ length: 13 }, (_, i) => object(i, 1));
    bench.carousel.setObjects(before);
    await bench.send(0, 100);
    const fresh = object(20, 9);
    bench.carousel.setObjects([fresh, ...before]);
    const lost = identityOf(before[12]);
    expect(identitiesOf(await bench.send(0, 412), 130)).toContain(lost);
    const resting = identitiesOf(await bench.send(0, 512));
    expect(resting.has(lost) || resting.has(identityOf(fresh))).toBe(false);
    expect(identitiesOf(await bench.send(0, 512))).toContain(identityOf(fresh));
    expect(bench.saved.map(({ entries }) => entries.length)).toEqual([13, 12, 13]);
  });

  it('gives a handle that was freed to what waited for it, not to what has come since', async () => {
    const bench = new Bench([0]);
    const before = Array.from({ length: 13 }, (_, i) => object(i, 1));
    bench.carousel.setObjects(before);
    await bench.send(0, 100);
    const [first, second] = [object(20, 9), object(21, 9)];
    bench.carousel.setObjects([first, ...before]);
    await bench.send(0, 412 + 100);
    bench.carousel.setObjects([second, first, ...before]);
    await bench.send(0, 512);
    expect(bench.saved.at(-1)?.entries.map(({ deviceTypeTag }) => deviceTypeTag)).toContain(20);
    await bench.send(0, 1024);
    expect(bench.saved.at(-1)?.entries.map(({ deviceTypeTag }) => deviceTypeTag)).toContain(21);
    expect(bench.saved.at(-1)?.entries.length).toBe(13);
  });

  it('does not revise again before every stream takes up the next version at its next anchor', async () => {
    const bench = new Bench([0, 1]);
    bench.carousel.setObjects([object(1, 1)]);
    await bench.send(0, 70);
    bench.carousel.setObjects([object(2, 1)]);
    await bench.send(0, 600);
    expect(bench.saved.length).toBe(1);
    // Stream 1 has the first version now, but not for long enough.
    await bench.send(1, 384);
    await bench.send(0, 1);
    expect(bench.saved.length).toBe(1);
    // Its fourth anchor, and one assignment before.
    await bench.send(1, 3);
    await bench.send(0, 1);
    expect(bench.saved.length).toBe(2);
    expect(bench.carriers.map(({ directory }) => directory?.version)).toEqual([0, 0]);
    await bench.send(0, 128);
    expect(bench.carriers.map(({ directory }) => directory?.version)).toEqual([1, 0]);
  });

  it('gives the same bytes in another scheme another handle', async () => {
    const before = new Bench([0]);
    before.carousel.setObjects([object(1, 1), object(2, 1)]);
    await before.send(0, 100);
    const after = new Bench([0], before.carousel.directory);
    after.carousel.setObjects([{ ...object(1, 1), scheme: SCHEME_REED_SOLOMON }, object(2, 1)]);
    await after.send(0, 100);
    expect(after.saved.map(({ entries }) => entries.map(({ handle, scheme }) => [handle, scheme]))).toEqual([
      [
        [2, SCHEME_FOUNTAIN_A],
        [3, SCHEME_REED_SOLOMON],
      ],
    ]);
  });

  it('takes up what it had on air before a restart under the same version', async () => {
    const before = new Bench([0]);
    before.carousel.setObjects([object(1, 1), object(2, 1)]);
    await before.send(0, 100);
    const after = new Bench([0], before.carousel.directory);
    after.carousel.setObjects([object(1, 1), object(2, 1)]);
    await after.send(0, 100);
    expect(after.saved).toEqual([]);
    expect(after.carriers[0].directory).toEqual(before.carriers[0].directory);
    const changed = new Bench([0], before.carousel.directory);
    changed.carousel.setObjects([object(2, 1)]);
    await changed.send(0, 100);
    expect(changed.saved.map(({ version, entries }) => [version, entries[0].handle])).toEqual([[1, 2]]);
  });

  it('gives thirteen new objects handles in two steps when thirteen others rest', async () => {
    const bench = new Bench([0]);
    bench.carousel.setObjects(Array.from({ length: 13 }, (_, i) => object(i, 1)));
    await bench.send(0, 100);
    bench.carousel.setObjects(Array.from({ length: 13 }, (_, i) => object(20 + i, 1)));
    await bench.send(0, 512 + 400);
    expect(bench.saved.map(({ entries }) => entries.length)).toEqual([13, 0, 13]);
  });

  it('has a last word when the last object is gone, then nothing to say', async () => {
    const bench = new Bench([0]);
    expect(bench.carousel.hasWork(bench.carriers[0])).toBe(false);
    bench.carousel.setObjects([object(1, 1)]);
    await bench.send(0, 100);
    bench.carousel.setObjects([]);
    let sent = 0;
    await bench.carousel.settle();
    while (bench.carousel.hasWork(bench.carriers[0]) && sent < 1000) sent += (await bench.send(0, 1)).length;
    // Up to the anchor at 512, and four runs.
    expect(sent).toBeGreaterThan(512 - 100);
    expect(sent).toBeLessThan(512 - 100 + 64 + 1);
    expect(bench.carriers[0].directory?.entries).toEqual([]);
  });

  it('changes nothing on air when the new directory cannot be saved', async () => {
    const bench = new Bench([0]);
    bench.carousel.setObjects([object(1, 1)]);
    await bench.send(0, 400);
    bench.failing = true;
    bench.carousel.setObjects([object(1, 1), object(2, 1)]);
    await expect(bench.carousel.settle()).rejects.toThrow('ENOSPC');
    expect(bench.carousel.canSettle).toBe(true);
    bench.failing = false;
    await bench.send(0, 113);
    expect(bench.carriers[0].directory?.version).toBe(1);
  });
});

async function newGroupClock(
  dataShare: number,
  objects: readonly CarouselObject[],
  { rds2 = false, wallClock }: { rds2?: boolean; wallClock?: Clock } = {},
) {
  const folder = await newFolder();
  const { station } = parseConfig(
    { stateDir: 's', station: { ...STATION, rds2 }, output: { kind: 'air', port: 0 } },
    folder.path,
  );
  const counters = await Counters.load(folder.path);
  const bench = new Bench(station.streams);
  bench.carousel.setObjects(objects);
  const programme = new Programme(station);
  const clock = new GroupClock({
    station,
    programme,
    dataShare,
    carousel: bench.carousel,
    carriers: bench.carriers,
    counters,
    startMs: Date.UTC(2026, 6, 1, 12, 0, 30),
    wallClock,
  });
  return {
    clock,
    bench,
    async send(groups: number): Promise<Group[]> {
      const sent: Group[] = [];
      for (let i = 0; i < groups; i++) {
        await counters.ensure(station.streams, 16);
        if (bench.carousel.canSettle) await bench.carousel.settle();
        for (const stream of station.streams) sent.push(clock.next(stream));
      }
      return sent;
    },
    remove: async () => await folder.remove(),
  };
}

function received(group: Group): ReceivedGroup {
  return { ...group, slot: -1, clockRestarted: false };
}

describe('the group clock', () => {
  it.each([0.05, 0.25, 0.5])('keeps a data share of %d within 1 %% in every minute', async (dataShare) => {
    const station = await newGroupClock(dataShare, [object(1, 1)]);
    for (let minute = 0; minute < 5; minute++) {
      await station.send(MINUTE_GROUPS);
      const pulled = station.clock.takePulled();
      const share = pulled.filter(({ isData }) => isData).length / pulled.length;
      expect(Math.abs(share - dataShare)).toBeLessThan(0.01 * dataShare + 1 / pulled.length);
    }
    await station.remove();
  });

  it('sends the time within the first groups of each minute and never a wrong one', async () => {
    const station = await newGroupClock(0.5, [object(1, 1)]);
    const groups = await station.send(5 * MINUTE_GROUPS);
    const times = groups.flatMap((group, index) => {
      const parsed = parseProgrammeGroup(received(group));
      return parsed?.kind === 'clock-time' ? [{ index, minutes: parsed.minutesSince1970 }] : [];
    });
    expect(times.length).toBe(5);
    for (const { index, minutes } of times) {
      const sentMs = Date.UTC(2026, 6, 1, 12, 0, 30) + ((index + 1) / GROUPS_PER_SECOND) * 1000;
      expect(Math.floor(sentMs / 60_000)).toBe(minutes);
      expect(sentMs - minutes * 60_000).toBeLessThan(500);
    }
    await station.remove();
  });

  it('tells the time of the wall clock where the signal is real, however its crystal drifts', async () => {
    let nowMs = Date.UTC(2027, 0, 1, 23, 59, 50);
    const wallClock: Clock = { nowMs: () => nowMs, sleepUntilMs: () => Promise.resolve() };
    const station = await newGroupClock(0.5, [object(1, 1)], { wallClock });
    const minutes: number[] = [];
    for (let i = 0; i < 1500; i++) {
      // 10 % slow.
      nowMs += 1100 / GROUPS_PER_SECOND;
      for (const group of await station.send(1)) {
        const parsed = parseProgrammeGroup(received(group));
        if (parsed?.kind !== 'clock-time') continue;
        minutes.push(parsed.minutesSince1970);
        expect(nowMs - parsed.minutesSince1970 * 60_000).toBeLessThan(500);
      }
    }
    expect(minutes).toEqual([0, 1, 2].map((minute) => Date.UTC(2027, 0, 2) / 60_000 + minute));
    await station.remove();
  });

  it('leaves the air to the programme when there is nothing to broadcast', async () => {
    const station = await newGroupClock(0.5, []);
    const groups = await station.send(10 * MINUTE_GROUPS);
    const announcements = groups.filter((group) => parseAnnouncement(received(group)) !== undefined);
    expect(announcements.length / groups.length).toBeCloseTo(0.01, 3);
    expect(groups.filter((group) => parseProgrammeGroup(received(group)) !== undefined).length).toBe(
      groups.length - announcements.length,
    );
    // The time is right also after a pause in which another rota counted the minutes.
    station.bench.carousel.setObjects([object(1, 1)]);
    const busy = await station.send(MINUTE_GROUPS / 4);
    expect(busy.filter((group) => parseProgrammeGroup(received(group))?.kind === 'clock-time').length).toBeLessThan(2);
    await station.remove();
  });

  it('keeps the upper streams in step with assignments while there is nothing to broadcast', async () => {
    const station = await newGroupClock(0.5, [], { rds2: true });
    const upper = (await station.send(50)).filter(({ stream }) => stream !== 0);
    expect(upper.length).toBe(150);
    for (const group of upper) expect(parseAssignment(received(group))).toEqual({ channel: 16, pi: PI });
    station.bench.carousel.setObjects([object(1, 1)]);
    await station.send(600);
    const identities = station.clock.takePulled().filter(({ identity }) => identity !== undefined);
    expect(new Set(identities.map(({ stream }) => stream))).toEqual(new Set([0, 1, 2, 3]));
    await station.remove();
  });

  it('refuses a share that leaves no room for the programme', async () => {
    await expect(newGroupClock(0.85, [])).rejects.toThrow('leaves no room for the programme');
  });
});
