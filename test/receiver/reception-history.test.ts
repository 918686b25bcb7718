import { describe, expect, it } from 'vitest';
import type { Quality } from '#codec/iq/receive.ts';
import { describeHistory, ReceptionHistory, type ReceptionMinute } from '../../receiver/reception-history.ts';

const START_MS = 1_800_000_000_000;
const MINUTE_MS = 60_000;

interface Heard {
  readonly locked?: boolean;
  readonly cnDb?: number | null;
  readonly groups?: number;
  readonly wholeGroups?: number;
  readonly wrongBlocks?: number;
  readonly restarts?: number;
}

function quality({
  locked = true,
  cnDb = 20,
  groups = 0,
  wholeGroups = groups,
  wrongBlocks = 0,
  restarts = 0,
}: Heard): Quality {
  const blocks = 4 * groups;
  const counts = {
    blocks,
    right: blocks - wrongBlocks,
    corrected: wrongBlocks,
    lost: 0,
    groups,
    wholeGroups,
    restarts,
  };
  const rest = { tracking: locked, deviationHz: 2000, clockErrorPpm: 0, ebN0Db: 10, blockErrorRate: 0 };
  const carrier = { pilotDeviationHz: 6700, frequencyOffsetHz: 0, levelDbfs: -10, clippedShare: 0 };
  return { streams: [{ stream: 0, locked, counts, ...rest }], ...carrier, cnDb };
}

describe('the history of reception', () => {
  it('adds up what was heard within a minute, each piece with its length', () => {
    const history = new ReceptionHistory([], START_MS);
    expect(history.minutes(START_MS)).toEqual([]);
    history.add(START_MS, 10, quality({ groups: 100, wrongBlocks: 40, restarts: 1, cnDb: 20 }));
    history.add(
      START_MS + 30_000,
      30,
      quality({ locked: false, cnDb: 10, groups: 200, wholeGroups: 150, wrongBlocks: 240, restarts: 1 }),
    );
    history.add(
      START_MS + 59_999,
      0,
      quality({ cnDb: null, groups: 200, wholeGroups: 150, wrongBlocks: 240, restarts: 2 }),
    );
    expect(history.minutes(START_MS + 59_999)).toEqual([
      {
        timeMs: START_MS,
        seconds: 40,
        lockedShare: 0.25,
        blockErrorRate: 0.3,
        cnDb: 12.5,
        groups: 200,
        wholeGroups: 150,
        restarts: 2,
      },
    ]);
    // The next minute counts anew; so does the next receiver.
    history.add(START_MS + MINUTE_MS, 1, quality({ groups: 211, wholeGroups: 160, wrongBlocks: 240, restarts: 2 }));
    history.startReceiver();
    history.add(START_MS + MINUTE_MS + 1, 1, quality({ groups: 5, restarts: 1 }));
    expect(history.minutes(START_MS + MINUTE_MS).at(-1)).toMatchObject({
      groups: 16,
      wholeGroups: 15,
      restarts: 1,
      blockErrorRate: 0,
    });
  });

  it('is of an hour, and a minute without a source has no entry', () => {
    const history = new ReceptionHistory([], START_MS);
    for (let minute = 0; minute < 200; minute++) {
      if (minute === 170) continue;
      history.add(START_MS + minute * MINUTE_MS, 60, quality({ groups: minute }));
    }
    const minutes = history.minutes(START_MS + 199 * MINUTE_MS);
    expect(minutes).toHaveLength(59);
    expect(minutes[0].timeMs).toBe(START_MS + 140 * MINUTE_MS);
    expect(history.minutes(START_MS + 300 * MINUTE_MS)).toEqual([]);
  });

  it('goes on with what a run before has kept, in the same minute too', () => {
    const before = new ReceptionHistory([], START_MS);
    before.add(START_MS, 20, quality({ groups: 200, wrongBlocks: 80, cnDb: 20 }));
    const after = new ReceptionHistory(before.minutes(START_MS), START_MS + 30_000);
    after.add(START_MS + 30_000, 20, quality({ locked: false, cnDb: null }));
    expect(after.minutes(START_MS + 30_000)).toEqual([
      {
        timeMs: START_MS,
        seconds: 40,
        lockedShare: 0.5,
        blockErrorRate: 0.1,
        cnDb: 20,
        groups: 200,
        wholeGroups: 200,
        restarts: 0,
      },
    ]);
    expect(
      new ReceptionHistory(after.minutes(START_MS), START_MS + 60 * MINUTE_MS).minutes(START_MS + 60 * MINUTE_MS),
    ).toEqual([]);
  });

  it('survives a clock that is set, in either direction', () => {
    const history = new ReceptionHistory([], 0);
    history.add(0, 60, quality({ groups: 10 }));
    history.add(START_MS, 60, quality({ groups: 20 }));
    expect(history.minutes(START_MS).map(({ timeMs }) => timeMs)).toEqual([START_MS]);
    history.add(MINUTE_MS, 60, quality({ groups: 30 }));
    expect(history.minutes(MINUTE_MS).map(({ timeMs }) => timeMs)).toEqual([MINUTE_MS]);
  });
});

const minute = (index: number, wholeGroups: number, rest: Partial<ReceptionMinute> = {}): ReceptionMinute => ({
  ...{ timeMs: START_MS + index * MINUTE_MS, seconds: 60, lockedShare: 1, blockErrorRate: 0.1, cnDb: null },
  ...{ groups: 680, wholeGroups, restarts: 0 },
  ...rest,
});

describe('the history for people', () => {
  it('is a bar a minute, and a dot where nothing was listened to', () => {
    const minutes = [minute(0, 680, { restarts: 1 }), minute(1, 340), minute(4, 0), minute(5, 340, { seconds: 30 })];
    expect(describeHistory(minutes, START_MS + 5 * MINUTE_MS + 30_000)).toBe(
      '█▅··▁▅ last 6 min: locked 100 % of the time, block error rate 10.0 %, 1360 of 2720 groups whole, 1 start of a group clock',
    );
    expect(describeHistory([], START_MS)).toBeUndefined();
  });

  it('has at most 60 bars and does not mind what cannot be', () => {
    const hostile = [
      minute(1e6, 1e9, { lockedShare: 0 }),
      minute(-5, 5),
      minute(-1e9, 0),
      minute(0, 1e12, { groups: 0 }),
    ];
    for (const nowMs of [0, START_MS, 8e15])
      expect(describeHistory(hostile, nowMs)?.split(' ')[0].length).toBeLessThanOrEqual(60);
    const hour = Array.from({ length: 60 }, (_, k) => minute(k, 680));
    expect(describeHistory(hour, START_MS + 59 * MINUTE_MS)).toMatch(/^█{59}[▁█] last 60 min/);
  });
});
