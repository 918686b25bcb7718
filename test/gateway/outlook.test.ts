import { describe, expect, it } from 'vitest';
import { capacityOf } from '../../gateway/capacity.ts';
import {
  type Candidate,
  canSpread,
  isChangeDue,
  lineUp,
  liveObject,
  type Moment,
  restMs,
} from '../../gateway/lineup.ts';
import { describeOutlook, type Outlook, outlook } from '../../gateway/outlook.ts';

const T0 = Date.UTC(2027, 2, 1, 12);
const HOUR_MS = 3_600_000;
const CAPACITY = capacityOf({ dataShare: 0.25, streams: [0], assumedLoss: 0.1, speed: 1 });
const AFTERNOON = [{ fromMinute: 13 * 60, toMinute: 17 * 60 }];
/** Five minutes from now. */
const SOON = [{ fromMinute: 12 * 60 + 5, toMinute: 17 * 60 }];

function candidate(jobId: string, more: Partial<Candidate> = {}): Candidate {
  return {
    jobId,
    priority: 5,
    deadlineMs: 0,
    windows: [],
    paused: false,
    sizeBytes: 1000,
    promised: false,
    neededNibbles: 1000,
    sentNibbles: 0,
    sentGroups: 0,
    firstGroupMs: undefined,
    fromMs: 0,
    ...more,
  };
}

function at(nowMs: number): Moment {
  return { nowMs, settleSeconds: 60, isSpread: true };
}

const SERVED_AS: Readonly<Record<string, string>> = { first: 'first', 'same bytes': 'first', other: 'other' };
const FINISHED = { sentNibbles: 1000, sentGroups: 125 };

describe('the line for handles', () => {
  const table: [what: string, one: Candidate, before: Candidate][] = [
    ['by priority', candidate('a', { priority: 6 }), candidate('b')],
    [
      'a promise before any priority',
      candidate('a', { promised: true, deadlineMs: T0 + 1 }),
      candidate('b', { priority: 9 }),
    ],
    [
      'of promises the earliest deadline',
      candidate('a', { promised: true, deadlineMs: T0 + 1 }),
      candidate('b', { promised: true, deadlineMs: T0 + 2, priority: 9 }),
    ],
    [
      'a promise that is kept by its priority',
      candidate('a'),
      candidate('b', { ...FINISHED, promised: true, deadlineMs: T0 + 1 }),
    ],
    [
      'a deadline without a promise by its priority',
      candidate('a', { priority: 6 }),
      candidate('b', { deadlineMs: T0 + 1 }),
    ],
    ['of one priority what is not finished', candidate('a'), candidate('b', FINISHED)],
    ['what is finished before what is less important', candidate('a', { ...FINISHED, priority: 6 }), candidate('b')],
    ['of equals the earlier deadline', candidate('a', { deadlineMs: T0 + 1 }), candidate('b', { deadlineMs: T0 + 2 })],
    [
      'what may be sent before what is paused',
      candidate('a', { priority: 1 }),
      candidate('b', { priority: 9, paused: true }),
    ],
    [
      'what may be sent before what rests for an hour',
      candidate('a', { priority: 1 }),
      candidate('b', { priority: 9, windows: AFTERNOON }),
    ],
    ['what rests for five minutes where it was', candidate('a', { priority: 9, windows: SOON }), candidate('b')],
  ];
  it.each(table)('%s', (_what, one, other) => {
    expect(lineUp([one, other], T0, 600_000)).toEqual([one, other]);
    expect(lineUp([other, one], T0, 600_000)).toEqual([one, other]);
  });

  it('is as they came for equals', () => {
    const [a, b] = [candidate('a'), candidate('b')];
    expect(lineUp([b, a], T0, 600_000)).toEqual([b, a]);
  });
});

describe('handles change hands', () => {
  const FULL = Array.from({ length: 13 }, (_, i) => candidate(`h${i}`));
  const before = new Set(FULL.map(({ jobId }) => jobId));
  const MINUTE_MS = 60_000;
  it.each<[what: string, held: Candidate[], minutes: number, isDue: boolean]>([
    ['at once when the same have them in another order', FULL.toReversed(), 0, true],
    ['at once when nobody waits', FULL, 0, true],
    ['not at once for one that waited', [candidate('new'), ...FULL], 14, false],
    ['for one that waited after a quarter of an hour', [candidate('new'), ...FULL], 15, true],
    ['at once for a promise', [candidate('new', { promised: true, deadlineMs: T0 + 1 }), ...FULL], 0, true],
    ['not at once for a promise that is kept', [candidate('new', { ...FINISHED, promised: true }), ...FULL], 0, false],
    ['not at once when one has none any more', FULL.slice(1), 0, false],
  ])('%s', (_what, held, minutes, isDue) => {
    expect(isChangeDue({ before, held, sinceMs: minutes * MINUTE_MS })).toBe(isDue);
  });
});

describe('an object', () => {
  it('rests while it is paused or outside its window', () => {
    expect(restMs(candidate('a'), T0)).toBe(0);
    expect(restMs(candidate('a', { windows: AFTERNOON }), T0)).toBe(HOUR_MS);
    expect(restMs(candidate('a', { paused: true }), T0)).toBe(Number.POSITIVE_INFINITY);
    expect(liveObject(candidate('a', { windows: AFTERNOON }), at(T0))).toBeUndefined();
    expect(liveObject(candidate('a', { paused: true }), at(T0))).toBeUndefined();
    expect(liveObject(candidate('a', { windows: AFTERNOON }), at(T0 + HOUR_MS))).toMatchObject({ promise: undefined });
  });

  it('has the time in its windows for its promise, less what it takes to put it to use', () => {
    const promised = { promised: true, deadlineMs: T0 + 26 * HOUR_MS, firstGroupMs: T0 - 24 * HOUR_MS };
    expect(liveObject(candidate('a', promised), at(T0))?.promise).toEqual({
      deadlineMs: T0 + 26 * HOUR_MS - 60_000,
      leftSeconds: 26 * 3600 - 60,
      wholeSeconds: 50 * 3600 - 60,
      isSpread: true,
    });
    expect(liveObject(candidate('a', { ...promised, windows: AFTERNOON }), at(T0 + HOUR_MS))?.promise).toMatchObject({
      leftSeconds: 5 * 3600 - 60,
      wholeSeconds: 9 * 3600 - 60,
    });
    expect(liveObject(candidate('a', { ...promised, fromMs: T0 + 1 }), at(T0))).toMatchObject({ promise: undefined });
  });
});

describe('promises', () => {
  it.each<[what: string, one: Candidate, isSpread: boolean]>([
    ['are spread', candidate('a', { promised: true, deadlineMs: T0 }), true],
    [
      'are not while one has windows, also when it rests',
      candidate('a', { promised: true, windows: AFTERNOON }),
      false,
    ],
    ['are again when that is kept', candidate('a', { ...FINISHED, promised: true, windows: AFTERNOON }), true],
    ['are beside windows without a promise', candidate('a', { windows: AFTERNOON }), true],
    ['are not before one counts', candidate('a', { promised: true, deadlineMs: T0 + HOUR_MS, fromMs: T0 + 1 }), false],
    ['are when it does', candidate('a', { promised: true, deadlineMs: T0 + HOUR_MS, fromMs: T0 }), true],
  ])('%s', (_what, one, isSpread) => {
    expect(canSpread([candidate('b', { promised: true, deadlineMs: T0 }), one], T0)).toBe(isSpread);
  });
});

describe('the outlook', () => {
  const { nibblesPerSecond, settleSeconds } = CAPACITY;
  /** As long as a whole station takes for it. */
  const aloneMs = (1000 / nibblesPerSecond + settleSeconds) * 1000;
  const DEADLINE = T0 + 2 * aloneMs;
  const table: [what: string, one: Candidate, isListed: boolean, says: object][] = [
    [
      'on air',
      candidate('a'),
      true,
      {
        state: 'on air',
        share: 1,
        sentGroups: 0,
        neededGroups: 125,
        expectedFinishMs: Math.round(T0 + aloneMs),
        promise: 'none',
      },
    ],
    ['partly sent', candidate('a', { sentNibbles: 400, sentGroups: 50 }), true, { sentGroups: 50, neededGroups: 125 }],
    [
      'finished',
      candidate('a', FINISHED),
      true,
      { state: 'on air', share: 1, neededGroups: 125, expectedFinishMs: null, promise: 'none' },
    ],
    [
      'waiting for a handle',
      candidate('a'),
      false,
      { state: 'waiting for a handle', share: 0, expectedFinishMs: null },
    ],
    [
      'paused',
      candidate('a', { paused: true }),
      true,
      { state: 'paused', share: 0, expectedFinishMs: null, promise: 'none' },
    ],
    [
      'outside its window',
      candidate('a', { windows: AFTERNOON }),
      true,
      { state: 'outside its window', share: 0, expectedFinishMs: Math.round(T0 + HOUR_MS + aloneMs) },
    ],
    ['a promise that holds', candidate('a', { promised: true, deadlineMs: DEADLINE }), true, { promise: 'holds' }],
    [
      'a promise that is kept',
      candidate('a', { ...FINISHED, promised: true, deadlineMs: T0 + 1 }),
      true,
      { promise: 'kept', expectedFinishMs: null },
    ],
    [
      'a promise that is lost',
      candidate('a', { promised: true, deadlineMs: T0 + aloneMs - 1000 }),
      true,
      { state: 'on air', promise: 'late' },
    ],
    [
      'a promise that waits for its window until it is too late',
      candidate('a', { promised: true, deadlineMs: T0 + HOUR_MS + 1, windows: AFTERNOON }),
      true,
      { promise: 'late' },
    ],
    [
      'a promise that is paused',
      candidate('a', { promised: true, deadlineMs: DEADLINE, paused: true }),
      true,
      { state: 'paused', expectedFinishMs: null, promise: 'holds' },
    ],
    ['a deadline without a promise that will do', candidate('a', { deadlineMs: DEADLINE }), true, { promise: 'holds' }],
    [
      'a deadline without a promise that will not do',
      candidate('a', { deadlineMs: T0 + aloneMs - 1000 }),
      true,
      { promise: 'late' },
    ],
  ];
  it.each(table)('%s', (_what, one, isListed, says) => {
    const servedAs = (jobId: string) => (isListed ? jobId : undefined);
    expect(outlook({ held: [one], servedAs, capacity: CAPACITY, nowMs: T0 })).toMatchObject([says]);
  });

  it('gives shares to what is on air only, and a promise is not later than it was promised', () => {
    const held = [
      candidate('first', { promised: true, deadlineMs: T0 + 2 * aloneMs }),
      candidate('second', { promised: true, deadlineMs: T0 + 4 * aloneMs }),
      candidate('paused', { paused: true }),
    ];
    const [first, second, paused] = outlook({ held, servedAs: (jobId) => jobId, capacity: CAPACITY, nowMs: T0 });
    expect(first.share + second.share).toBeCloseTo(1, 9);
    expect(paused.share).toBe(0);
    for (const one of [first, second]) {
      expect(one.promise).toBe('holds');
      expect(one.expectedFinishMs).toBeLessThanOrEqual(T0 + 4 * aloneMs);
    }
  });

  it('shows a job whose bytes another one has on air as on air, with the same share', () => {
    const held = [candidate('first'), candidate('same bytes'), candidate('other')];
    const [first, same, other] = outlook({
      held,
      servedAs: (jobId) => SERVED_AS[jobId],
      capacity: CAPACITY,
      nowMs: T0,
    });
    expect(same).toEqual({ ...first, jobId: 'same bytes' });
    expect(first.share + other.share).toBeCloseTo(1, 9);
  });

  it('says of a paused promise whether it could be kept if it were resumed now', () => {
    const paused = candidate('paused', { promised: true, deadlineMs: T0 + 1.5 * aloneMs, paused: true });
    const running = candidate('running', { promised: true, deadlineMs: T0 + 1.4 * aloneMs });
    const says = outlook({ held: [running, paused], servedAs: (jobId) => jobId, capacity: CAPACITY, nowMs: T0 });
    expect(says.map(({ promise }) => promise)).toEqual(['holds', 'late']);
  });

  const SHOWN: Outlook = {
    jobId: 'a',
    state: 'on air',
    share: 0.5,
    sentGroups: 250,
    neededGroups: 500,
    expectedFinishMs: T0,
    promise: 'none',
  };
  it.each<[says: string, more: Partial<Outlook>]>([
    ['50.0 % of the runs, 250 of 500 groups, expected 2027-03-01T12:00:00.000Z', {}],
    ['paused, 250 of 500 groups', { state: 'paused', expectedFinishMs: null }],
    ['outside its window, 250 of 500 groups, expected 2027-03-01T12:00:00.000Z', { state: 'outside its window' }],
    ['waiting for a handle, 250 of 500 groups', { state: 'waiting for a handle', expectedFinishMs: null }],
    ['50.0 % of the runs, 250 of 500 groups, its deadline can be kept', { expectedFinishMs: null, promise: 'holds' }],
    [
      '50.0 % of the runs, 250 of 500 groups, sent what its deadline promised',
      { expectedFinishMs: null, promise: 'kept' },
    ],
    [
      '50.0 % of the runs, 250 of 500 groups, LATE: its deadline can no longer be kept',
      { expectedFinishMs: null, promise: 'late' },
    ],
  ])('is told as "%s"', (says, more) => {
    expect(describeOutlook({ ...SHOWN, ...more })).toBe(says);
  });
});
