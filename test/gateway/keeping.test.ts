/** Promises against a broadcast: jobs come one after the other, what is admitted is sent by the real carousel, and receivers count what they get of it. */

import { describe, expect, it } from 'vitest';
import type { DailyWindow } from '#codec/messages/link.ts';
import { capacityOf, type StationAir } from '../../gateway/capacity.ts';
import { needOf } from '../../gateway/need.ts';
import { SimulatedAir, type SimulatedJob } from './simulated-air.ts';

const HOUR_MS = 3_600_000;
const SEEDS = 4;
const T0 = Date.UTC(2027, 2, 1, 20);

function seeded(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

/** More jobs than there are handles and more deadlines than there is air, that come over half of the time. */
function newJobs(air: StationAir, spanMs: number, withWindows: boolean, random: () => number): SimulatedJob[] {
  const spanBytes = (capacityOf(air).nibblesPerSecond / 2) * (spanMs / 1000);
  return Array.from({ length: 24 }, (_, i) => {
    const windows: DailyWindow[] = [];
    if (withWindows && random() < 0.4) {
      const fromMinute = (20 * 60 + Math.floor(120 * random())) % 1440;
      windows.push({ fromMinute, toMinute: (fromMinute + 30 + Math.floor(200 * random())) % 1440 || 1440 });
    }
    const fromMs = Math.floor(T0 + (i < 12 ? 0 : (spanMs / 2) * random()));
    return {
      jobId: `j${i}`,
      sizeBytes: Math.ceil(spanBytes * (0.005 + 0.1 * random())),
      priority: 1 + Math.floor(9 * random()),
      deadlineMs: random() < 0.7 ? Math.floor(fromMs + (T0 + spanMs - fromMs) * (0.1 + 0.9 * random())) : 0,
      windows,
      fromMs,
    };
  });
}

describe('what was admitted', () => {
  const [RDS, RDS2]: StationAir['streams'][] = [[0], [0, 1, 2, 3]];
  const cases: [what: string, air: Partial<StationAir>, withWindows: boolean, spanMs: number][] = [
    ['on RDS', { streams: RDS }, false, 6 * HOUR_MS],
    ['on RDS, with windows of the day', { streams: RDS }, true, 6 * HOUR_MS],
    ['on RDS with a small share, with windows of the day', { streams: RDS, dataShare: 0.12 }, true, 12 * HOUR_MS],
    ['on RDS2', { streams: RDS2 }, false, HOUR_MS],
    ['on RDS in Reed-Solomon', { streams: RDS, matrixBytes: 0 }, false, 6 * HOUR_MS],
  ];
  it.each(cases)(
    '%s is kept, lossless and at the assumed loss, whatever comes later',
    async (_what, more, withWindows, spanMs) => {
      let promises = 0;
      let refused = 0;
      for (let seed = 1; seed <= SEEDS; seed++) {
        const random = seeded(seed);
        const air: StationAir = { dataShare: 0.1 + 0.6 * random(), streams: RDS, assumedLoss: 0.1, speed: 1, ...more };
        const { settleSeconds } = capacityOf(air);
        const simulated = new SimulatedAir(air, newJobs(air, spanMs, withWindows, random), random);
        const receivers = await simulated.broadcast(T0, T0 + spanMs, [0, 0.1, 0.1, 0.1]);
        refused += simulated.refused.length;
        for (const { jobId, deadlineMs } of simulated.admitted.filter((job) => job.deadlineMs !== 0)) {
          promises++;
          for (const { loss, completeMs } of receivers)
            expect(completeMs.get(jobId), `seed ${seed}, ${jobId}, loss ${loss}`).toBeLessThanOrEqual(
              deadlineMs - settleSeconds * 1000,
            );
        }
      }
      // The stations were as full as they may be.
      expect(refused).toBeGreaterThan(2 * SEEDS);
      expect(promises).toBeGreaterThan(4 * SEEDS);
    },
  );

  it('without a promise waits for 50 runs at most, beside promises that need all they can have', async () => {
    const air: StationAir = { dataShare: 0.3, streams: [0, 1, 2, 3], assumedLoss: 0.1, speed: 1 };
    const { nibblesPerSecond } = capacityOf(air);
    const jobs = Array.from({ length: 13 }, (_, i): SimulatedJob => {
      const deadlineMs = i < 3 ? T0 + ((i + 2) * HOUR_MS) / 4 : 0;
      const sizeBytes = i < 3 ? Math.floor(0.18 * (nibblesPerSecond / 2) * 3600) : 1000;
      return { jobId: `j${i}`, sizeBytes, priority: 1 + (i % 9), deadlineMs, windows: [], fromMs: T0 };
    });
    const simulated = new SimulatedAir(air, jobs, seeded(1));
    await simulated.broadcast(T0, T0 + HOUR_MS / 2, []);
    expect(simulated.refused).toEqual([]);
    for (const stream of air.streams) {
      const runs = simulated.runs.filter((run) => run.stream === stream && run.jobId !== undefined);
      for (const { jobId } of jobs.filter(({ deadlineMs }) => deadlineMs === 0)) {
        const places = runs.flatMap((run, place) => (run.jobId === jobId ? [place] : []));
        const waits = places.map((place, i) => place - (places[i - 1] ?? -1));
        expect(Math.max(...waits), `${jobId} on stream ${stream}`).toBeLessThanOrEqual(50);
      }
    }
  });

  it.each([
    ['RDS', [0], 0.1],
    ['RDS', [0], 0.5],
    ['RDS2', [0, 1, 2, 3], 0.25],
  ] as const)(
    'on %s (streams %j, share %d) is kept when it comes at any moment of a version, all handles are taken, and the time just does',
    async (_what, streams, dataShare) => {
      const air: StationAir = { dataShare, streams, assumedLoss: 0.1, speed: 1 };
      const { nibblesPerSecond, listingSeconds, settleSeconds } = capacityOf(air);
      const others = Array.from({ length: 14 }, (_, i): SimulatedJob => {
        // The last one takes the handle of another one, so that versions follow each other.
        return { jobId: `j${i}`, sizeBytes: 20_000, priority: i < 13 ? 1 : 9, deadlineMs: 0, windows: [], fromMs: T0 };
      });
      for (let moment = 0; moment < 10; moment++) {
        const fromMs = T0 + Math.floor((moment / 9) * listingSeconds * 1000);
        const deadlineMs = Math.floor(fromMs + 1.5 * listingSeconds * 1000);
        const airNibbles = nibblesPerSecond * (0.5 * listingSeconds - settleSeconds - 1) * 0.76;
        // The largest that is admitted a second later, when it is looked at.
        let sizeBytes = Math.ceil(airNibbles / 2);
        while (needOf(0.1, streams)(sizeBytes) > airNibbles * 0.999) sizeBytes -= Math.ceil(sizeBytes / 200);
        const last: SimulatedJob = { jobId: 'last', sizeBytes, priority: 1, deadlineMs, windows: [], fromMs };
        const simulated = new SimulatedAir(air, [...others, last], seeded(moment + 1));
        const receivers = await simulated.broadcast(T0, deadlineMs, [0, 0.1]);
        expect(simulated.admitted).toContain(last);
        const listed = simulated.runs.find(({ jobId }) => jobId === 'last')?.atMs ?? Number.POSITIVE_INFINITY;
        expect(listed - fromMs).toBeLessThanOrEqual(listingSeconds * 1000);
        for (const { loss, completeMs } of receivers)
          expect(completeMs.get('last'), `moment ${moment}, loss ${loss}`).toBeLessThanOrEqual(deadlineMs);
      }
    },
  );

  it('sends nothing outside its window, and no longer than its deadline', async () => {
    const air: StationAir = { dataShare: 0.5, streams: [0], assumedLoss: 0.1, speed: 1 };
    const windows = [{ fromMinute: 21 * 60, toMinute: 22 * 60 }];
    const jobs: SimulatedJob[] = [
      { jobId: 'window', sizeBytes: 4000, priority: 9, deadlineMs: 0, windows, fromMs: T0 },
      { jobId: 'ends', sizeBytes: 4000, priority: 1, deadlineMs: T0 + HOUR_MS, windows: [], fromMs: T0 },
    ];
    const simulated = new SimulatedAir(air, jobs, seeded(1));
    await simulated.broadcast(T0, T0 + 4 * HOUR_MS, []);
    const spanOf = (wanted: string): number[] => {
      const times = simulated.runs.flatMap(({ jobId, atMs }) => (jobId === wanted ? [(atMs - T0) / HOUR_MS] : []));
      return [Math.min(...times), Math.max(...times)].map((hours) => Math.round(hours * 50) / 50);
    };
    expect(spanOf('window')).toEqual([1, 2]);
    expect(spanOf('ends')).toEqual([0, 1]);
  });
});
