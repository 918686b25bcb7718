import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { airtimeOf } from '#codec/airtime.ts';
import { type AdmissionQuestion, promisesOf, refusalOf } from '../../gateway/admission.ts';
import { capacityOf, type StationAir } from '../../gateway/capacity.ts';
import type { JobState, KnownJob } from '../../gateway/jobs.ts';
import { neededNibbles, needOf } from '../../gateway/need.ts';
import { finishTimes, type Promised } from '../../gateway/promises.ts';
import { jobFor } from './station.ts';

const T0 = Date.UTC(2027, 2, 1, 12);
const HOUR_MS = 3_600_000;
const AIR: StationAir = { dataShare: 0.25, streams: [0], assumedLoss: 0.1, speed: 1 };
const LARGEST = 0.779;

function question(sizeBytes: number, hours: number, more: Partial<AdmissionQuestion> = {}): AdmissionQuestion {
  return {
    applicant: {
      sizeBytes,
      deadlineMs: hours === 0 ? 0 : T0 + hours * HOUR_MS,
      windows: [],
      sentNibbles: 0,
      hasBegun: false,
    },
    promises: [],
    air: AIR,
    largestShare: LARGEST,
    nowMs: T0,
    ...more,
  };
}

/** A promise that takes so many hours of what a station of 0.25 has for promises. */
function promised(hoursOfAir: number, hours: number): Promised {
  const { nibblesPerSecond } = capacityOf(AIR);
  return {
    remainingNibbles: hoursOfAir * 3600 * nibblesPerSecond * 0.76,
    deadlineMs: T0 + hours * HOUR_MS,
    windows: [],
    fromMs: 0,
  };
}

function shareNamed(text: string | undefined): number | undefined {
  const named = /a share of (\S+) would do\.$/.exec(text ?? '')?.[1];
  return named === undefined ? undefined : Number(named);
}

describe('what must be sent', () => {
  it.each([
    [1000, 0],
    [100_000, 0.1],
    [3_000_000, 0.1],
    [100_000, 0.5],
  ])('of %d bytes at a loss of %d is what the forecast of the whole air says, and 4 %', (sizeBytes, loss) => {
    const streams = [{ stream: 0, share: 1 }] as const;
    const alone = airtimeOf({ sizeBytes, streams, loss, objectShare: 0.01, directoryShare: 0 });
    const nibbles = (alone.seconds90 / alone.meanSeconds) * alone.groups * 0.01 * (127 / 128) * 8;
    expect(neededNibbles(sizeBytes, loss, false) / nibbles / 1.04).toBeGreaterThan(0.9);
    expect(neededNibbles(sizeBytes, loss, false) / nibbles / 1.04).toBeLessThan(1.01);
    expect(neededNibbles(sizeBytes, loss, false)).toBeGreaterThan((2 * sizeBytes) / (1 - loss));
  });
});

describe('the capacity', () => {
  it('of stream 0 is its share without announcements, anchors and an eighth for the directory', () => {
    const { nibblesPerSecond, nibblesPerGroup } = capacityOf(AIR);
    expect(nibblesPerSecond).toBeCloseTo((0.25 * 11.418 - 0.5) * (127 / 128) * (7 / 8) * 8, 2);
    expect(nibblesPerGroup).toBe(8);
  });

  it('comes after two versions of the directory, of four anchors each, and the one that was about to be', () => {
    expect(capacityOf(AIR).listingSeconds).toBeCloseTo((9 * 128 + 80) / (0.25 * 11.418 - 0.5), 0);
    // The slowest stream counts: no version begins before all have the last.
    expect(capacityOf({ ...AIR, streams: [0, 1, 2, 3] }).listingSeconds).toBe(capacityOf(AIR).listingSeconds);
    expect(capacityOf({ ...AIR, speed: 10 }).listingSeconds).toBeCloseTo(capacityOf(AIR).listingSeconds / 10, 6);
  });

  it('of a slow stream leaves out what changes of the directory cost', () => {
    const { nibblesPerSecond } = capacityOf({ ...AIR, dataShare: 0.1 });
    expect(nibblesPerSecond).toBeCloseTo((0.1 * 11.418 - 0.5 - (8 * 80) / 3600) * (127 / 128) * 8, 2);
    expect(capacityOf({ ...AIR, dataShare: 0.05 }).nibblesPerSecond).toBe(0);
  });

  it('goes with the speed of a simulated air, and RDS2 adds to it', () => {
    const one = capacityOf(AIR).nibblesPerSecond;
    expect(capacityOf({ ...AIR, speed: 10 }).nibblesPerSecond).toBeCloseTo(10 * one, 6);
    const four = capacityOf({ ...AIR, streams: [0, 1, 2, 3] });
    expect(four.nibblesPerSecond).toBeCloseTo(one + 3 * 11.4183 * (256 / 257) * (127 / 128) * (7 / 8) * 13, 1);
    expect(four.nibblesPerGroup).toBeGreaterThan(12.5);
    expect(four.nibblesPerGroup).toBeLessThan(13);
  });
});

describe('promises kept one after the other', () => {
  const share = capacityOf(AIR).nibblesPerSecond;
  const hoursOf = (promises: readonly Promised[]): number[] =>
    finishTimes(promises, share, T0).map((ms) => Math.round(((ms - T0) / HOUR_MS) * 100) / 100);
  const table: [what: string, promises: Promised[], hours: number[]][] = [
    ['none', [], []],
    ['one has what thirteen floors leave', [promised(2, 3)], [2]],
    ['one that is finished', [{ ...promised(1, 2), remainingNibbles: 0 }], [0]],
    // While it waits, the second has its floor: 0.02 / 0.76 of what the first has.
    ['two, the earlier deadline first', [promised(1, 4), promised(1, 2)], [1.97, 1]],
    ['one that its deadline overtakes', [promised(1.1, 1)], [Number.POSITIVE_INFINITY]],
    [
      'one that is lost anyhow takes nothing from the other',
      [promised(9, 2), promised(2, 3)],
      [Number.POSITIVE_INFINITY, 2],
    ],
    [
      'one that waits for its window',
      [{ ...promised(1, 12), windows: [{ fromMinute: 15 * 60, toMinute: 17 * 60 }] }],
      [4],
    ],
    [
      'one whose window is too short',
      [{ ...promised(3, 12), windows: [{ fromMinute: 15 * 60, toMinute: 17 * 60 }] }],
      [Number.POSITIVE_INFINITY],
    ],
    ['one over two days', [{ ...promised(3, 48), windows: [{ fromMinute: 15 * 60, toMinute: 17 * 60 }] }], [28]],
    [
      'one that has the air while the earlier one is outside its window',
      [{ ...promised(1, 6), windows: [{ fromMinute: 16 * 60, toMinute: 18 * 60 }] }, promised(3, 8)],
      [5, 3],
    ],
    ['one that cannot have runs for an hour', [{ ...promised(1, 3), fromMs: T0 + HOUR_MS }], [2]],
    [
      'one that cannot have runs for too long',
      [{ ...promised(1, 3), fromMs: T0 + 2.1 * HOUR_MS }],
      [Number.POSITIVE_INFINITY],
    ],
    [
      'one that has the air before the earlier one can have runs',
      [{ ...promised(1, 3), fromMs: T0 + HOUR_MS }, promised(2, 8)],
      [2, 2.97],
    ],
  ];
  it.each(table)('%s', (_what, promises, hours) => {
    expect(hoursOf(promises)).toEqual(hours);
  });

  it('are followed for eleven years, and not for ever', () => {
    const never = { ...promised(1e9, 1e9), windows: [{ fromMinute: 0, toMinute: 1 }] };
    expect(finishTimes([never], share, T0)).toEqual([Number.POSITIVE_INFINITY]);
  });
});

describe('a job', () => {
  const table: [what: string, asked: AdmissionQuestion, says: RegExp | undefined][] = [
    ['without a deadline is admitted, however large', question(16_000_000, 0), undefined],
    ['with time enough is admitted', question(10_000, 3), undefined],
    [
      'that takes too long is refused with the share that would do',
      question(80_000, 3),
      /^Refused: the deadline 2027-03-01T15:00:00\.000Z cannot be kept for a receiver that listens throughout and loses at most 10 % of its groups with a data share of 0\.25; a share of 0\.\d\d would do\.$/,
    ],
    [
      'that no share could send is refused too',
      question(1_000_000, 3),
      /with a data share of 0\.25, and no share up to 0\.77 would do; give it more time, or more of the day\.$/,
    ],
    [
      'of another assumption names that',
      question(80_000, 3, { air: { ...AIR, assumedLoss: 0.25 } }),
      /at most 25 % of/,
    ],
    [
      'beside a promise that leaves no room is refused',
      question(10_000, 3, { promises: [promised(3.6, 4)] }),
      /cannot be kept beside what was promised before for .* a share of 0\.\d\d would do/,
    ],
    [
      'that would break a later promise is refused',
      question(10_000, 5, { promises: [promised(4.9, 5.1)] }),
      /beside what was promised before/,
    ],
    [
      'beside a promise that was lost before is not kept from the air',
      question(10_000, 3, { promises: [promised(20, 5)] }),
      undefined,
    ],
    [
      'beside promises that are finished is admitted',
      question(10_000, 3, {
        promises: Array.from({ length: 20 }, () => ({ ...promised(1, 1), remainingNibbles: 0 })),
      }),
      undefined,
    ],
    [
      'that would be the fourteenth promise is refused',
      question(100, 30, { promises: Array.from({ length: 13 }, () => promised(0.1, 40)) }),
      /: 13 promises are all that can be on air at a time\.$/,
    ],
    [
      'that would do all day is refused for two hours of it',
      {
        ...question(10_000, 3),
        applicant: { ...question(10_000, 3).applicant, windows: [{ fromMinute: 14 * 60 + 30, toMinute: 17 * 60 }] },
      },
      /would do/,
    ],
    [
      'whose deadline is moved counts what was sent',
      { ...question(80_000, 3), applicant: { ...question(80_000, 3).applicant, sentNibbles: 80_000, hasBegun: true } },
      undefined,
    ],
    ['that would not be in the directory in time is refused', question(100, 0.13), /a share of 0\.\d+ would do\.$/],
    [
      'that is in the directory already needs no time for that',
      { ...question(100, 0.13), applicant: { ...question(100, 0.13).applicant, hasBegun: true } },
      undefined,
    ],
    [
      'for receivers too small for a fountain needs more than twice the time',
      question(30_000, 3, { air: { ...AIR, matrixBytes: 1000 } }),
      /would do\.$/,
    ],
    ['that would do as a fountain', question(30_000, 3), undefined],
    ['whose matrix is small enough is one', question(350, 0.2, { air: { ...AIR, matrixBytes: 1000 } }), undefined],
    ['whose deadline is past is refused', question(100, -1), /no share up to/],
    [
      'on RDS2 is admitted where RDS alone would not do',
      question(80_000, 3, { air: { ...AIR, streams: [0, 1, 2, 3] } }),
      undefined,
    ],
    ['on a simulated air that is ten times as fast', question(80_000, 3, { air: { ...AIR, speed: 10 } }), undefined],
  ];
  it.each(table)('%s', (_what, asked, says) => {
    expect(refusalOf(asked) ?? 'admitted').toMatch(says ?? /^admitted$/);
  });

  it('property: is admitted with the share that is named, and not with one hundredth less', () => {
    let named = 0;
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 200_000 }),
        fc.double({ min: 0.5, max: 48, noNaN: true }),
        fc.array(
          fc.record({
            hours: fc.double({ min: 0.5, max: 48, noNaN: true }),
            part: fc.double({ min: 0.1, max: 0.9, noNaN: true }),
          }),
          { maxLength: 5 },
        ),
        fc.integer({ min: 5, max: 60 }),
        fc.boolean(),
        (sizeBytes, hours, others, share, windowed) => {
          const windows = windowed ? [{ fromMinute: 22 * 60, toMinute: 14 * 60 }] : [];
          const asked = question(sizeBytes, hours, {
            promises: others.map((other) => ({ ...promised(other.part * other.hours * 0.3, other.hours), windows })),
            air: { ...AIR, dataShare: share / 100 },
          });
          const enough = shareNamed(refusalOf(asked));
          if (enough === undefined) return;
          named++;
          const withShare = (dataShare: number) => refusalOf({ ...asked, air: { ...asked.air, dataShare } });
          expect(withShare(enough)).toBeUndefined();
          expect(withShare(Math.round(enough * 100 - 1) / 100)).toContain('Refused');
        },
      ),
      { numRuns: 300 },
    );
    expect(named).toBeGreaterThan(30);
  });

  it('that is promised counts until it is over, also when it is paused or not fetched yet', () => {
    const states: JobState[] = ['wanted', 'stored', 'on-air', 'refused', 'finished'];
    const known = states.map((state, i): KnownJob => {
      const job = jobFor(`j${i}`, new Uint8Array(1000), { deadlineMs: T0 + HOUR_MS, paused: true });
      return { job, state, detail: '', promised: true };
    });
    const all = promisesOf({
      jobs: [...known, { ...known[0], promised: false }],
      sentNibbles: (jobId) => (jobId === 'j2' ? 1e9 : 0),
      fromMs: (jobId) => (jobId === 'j0' ? T0 : 0),
      neededNibbles: needOf(0.1, [0]),
    });
    const needed = neededNibbles(1000, 0.1, false);
    expect(all.map(({ remainingNibbles, fromMs }) => [remainingNibbles, fromMs])).toEqual([
      [needed, T0],
      [needed, 0],
      [0, 0],
    ]);
  });
});
