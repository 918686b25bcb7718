/** Promises against a broadcast: what was admitted is sent by the real carousel, and receivers count what they get of it. */

import { describe, expect, it } from 'vitest';
import type { DailyWindow } from '#codec/messages/link.ts';
import { refusalOf } from '../../gateway/admission.ts';
import { capacityOf, type StationAir } from '../../gateway/capacity.ts';
import { neededSymbols } from '../../gateway/need.ts';
import { SimulatedAir, type SimulatedJob } from './simulated-air.ts';

const HOUR_MS = 3_600_000;
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

/** Thirteen jobs that were admitted one after the other, most of them with deadlines, on a station that is nearly full. */
function admittedJobs(air: StationAir, spanMs: number, withWindows: boolean, random: () => number) {
  const jobs: SimulatedJob[] = [];
  let refused = 0;
  const { symbolsPerSecond } = capacityOf(air);
  for (let i = 0; i < 60 && jobs.length < 13; i++) {
    const windows: DailyWindow[] = [];
    if (withWindows && random() < 0.4) {
      const fromMinute = (20 * 60 + Math.floor(120 * random())) % 1440;
      windows.push({ fromMinute, toMinute: (fromMinute + 30 + Math.floor(200 * random())) % 1440 || 1440 });
    }
    const job: SimulatedJob = {
      jobId: `j${i}`,
      sizeBytes: Math.ceil(symbolsPerSecond * (spanMs / 1000) * (0.02 + 0.25 * random())),
      priority: 1 + Math.floor(9 * random()),
      deadlineMs: random() < 0.8 ? Math.floor(T0 + spanMs * (0.1 + 0.9 * random())) : 0,
      windows,
      fromMs: T0,
    };
    const refusal = refusalOf({
      applicant: { ...job, sentSymbols: 0 },
      promises: jobs
        .filter(({ deadlineMs }) => deadlineMs !== 0)
        .map((other) => ({ ...other, remainingSymbols: neededSymbols(other.sizeBytes, air.assumedLoss) })),
      air,
      largestShare: 0.779,
      nowMs: T0,
    });
    if (refusal === undefined) jobs.push(job);
    else refused++;
  }
  return { jobs, refused };
}

describe('thirteen jobs that were admitted', () => {
  const cases: [what: string, streams: StationAir['streams'], withWindows: boolean, spanMs: number][] = [
    ['on RDS', [0], false, 6 * HOUR_MS],
    ['on RDS, with windows of the day', [0], true, 6 * HOUR_MS],
    ['on RDS2', [0, 1, 2, 3], false, HOUR_MS],
  ];
  it.each(cases)(
    '%s: every promise is kept, lossless and at the assumed loss, and nobody starves',
    async (_what, streams, withWindows, spanMs) => {
      let refusals = 0;
      for (let seed = 1; seed <= 4; seed++) {
        const random = seeded(seed);
        const air: StationAir = { dataShare: 0.1 + 0.6 * random(), streams, assumedLoss: 0.1, speed: 1 };
        const { settleSeconds } = capacityOf(air);
        const { jobs, refused } = admittedJobs(air, spanMs, withWindows, random);
        expect(jobs.length, `seed ${seed}`).toBe(13);
        refusals += refused;
        const simulated = new SimulatedAir(air, jobs, random);
        const receivers = await simulated.broadcast(T0, T0 + spanMs, [0, 0.1, 0.1, 0.1]);
        for (const { jobId, deadlineMs } of jobs.filter((job) => job.deadlineMs !== 0))
          for (const { loss, completeMs } of receivers)
            expect(completeMs.get(jobId), `seed ${seed}, ${jobId}, loss ${loss}`).toBeLessThanOrEqual(
              deadlineMs - settleSeconds * 1000,
            );
        const everybody = jobs.filter(({ deadlineMs, windows }) => deadlineMs === 0 && windows.length === 0);
        for (const stream of streams) {
          const runs = simulated.runs.filter((run) => run.stream === stream && run.jobId !== undefined);
          for (const { jobId } of everybody) {
            const places = runs.flatMap((run, place) => (run.jobId === jobId ? [place] : []));
            const waits = places.map((place, i) => place - (places[i - 1] ?? -1));
            expect(Math.max(...waits), `seed ${seed}, ${jobId}`).toBeLessThanOrEqual(50);
          }
        }
      }
      // The stations were as full as they may be.
      expect(refusals).toBeGreaterThan(0);
    },
  );

  it('one that sends nothing outside its window, and no longer than its deadline', async () => {
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
