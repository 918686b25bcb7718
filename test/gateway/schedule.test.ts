import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FLOOR_SHARE, type LiveObject, type LivePromise, planShares } from '../../gateway/schedule.ts';
import { Turns } from '../../gateway/turns.ts';

const RATE = 10;

function live(more: Partial<LiveObject> = {}): LiveObject {
  return { priority: 5, sizeBytes: 1000, neededNibbles: 600, sentNibbles: 0, promise: undefined, ...more };
}

const DONE = live({ sentNibbles: 600 });

/** Of 100 s, of which so many are left. */
function promise(leftSeconds: number, more: Partial<LivePromise> = {}): LivePromise {
  return { deadlineMs: leftSeconds * 1000, leftSeconds, wholeSeconds: 100, isSpread: true, ...more };
}

describe('the shares', () => {
  const table: [what: string, objects: LiveObject[], shares: number[]][] = [
    ['of nobody', [], []],
    ['of one object are everything', [live()], [1]],
    ['of one that is finished are everything too: there may be later joiners', [DONE], [1]],
    ['give half of the rest to the first that is not finished', [live(), live()], [0.02 + 0.48 + 0.24, 0.02 + 0.24]],
    ['pass over what is finished', [DONE, live()], [0.26, 0.74]],
    [
      'of the finished go by the square root of priority x size',
      [
        live({ ...DONE, priority: 9 }),
        live({ ...DONE, priority: 4 }),
        live({ ...DONE, priority: 1, sizeBytes: 9000 }),
        live({ ...DONE, priority: 1 }),
      ],
      [3, 2, 3, 1].map((weight) => 0.02 + (0.92 * weight) / 9),
    ],
    // 600 symbols in 80 of 100 s at 10 a second: 0.75.
    ['spread a promise over 0.8 of its time', [DONE, live({ promise: promise(100) })], [0.02 + 0.0575, 0.75 + 0.1725]],
    // At 40 s of 100 it should have sent half and has.
    [
      'leave a promise that is on its way its rate',
      [DONE, live({ sentNibbles: 300, promise: promise(60) })],
      [0.02 + 0.0575, 0.75 + 0.1725],
    ],
    // At 20 s before the end 30 symbols: over 10 s.
    [
      'spread the end of it over half of the time left',
      [DONE, live({ sentNibbles: 570, promise: promise(20) })],
      [0.02 + 0.17, 0.3 + 0.51],
    ],
    [
      'hear the earliest deadline first',
      [live({ promise: promise(100) }), live({ promise: promise(80, { wholeSeconds: 80 }) })],
      [0.02 + 0.96 - 0.9175, 0.9375],
    ],
    [
      'pass over a promise that is lost: it takes nobody with it',
      [live({ sentNibbles: 400, promise: promise(10) }), live({ promise: promise(100) })],
      [0.02 + 0.1725, 0.75 + 0.0575],
    ],
    ['forget a promise that is kept', [live({ ...DONE, promise: promise(50) }), live()], [0.26, 0.74]],
    [
      'keep promises one after the other when windows are in play',
      [live({ promise: promise(100) }), live({ neededNibbles: 100, promise: promise(50, { isSpread: false }) }), DONE],
      [0.02, 0.96, 0.02],
    ],
  ];
  it.each(table)('%s', (_what, objects, shares) => {
    const planned = planShares(objects, RATE);
    expect(planned.map((share) => Math.round(share * 1e4))).toEqual(shares.map((share) => Math.round(share * 1e4)));
  });

  const anyObject: fc.Arbitrary<LiveObject> = fc.record({
    priority: fc.integer({ min: 1, max: 9 }),
    sizeBytes: fc.integer({ min: 1, max: 16_777_215 }),
    neededNibbles: fc.integer({ min: 1, max: 1e7 }),
    sentNibbles: fc.nat(1e7),
    promise: fc.option(
      fc.record({
        deadlineMs: fc.nat(),
        leftSeconds: fc.double({ min: 0, max: 1e6, noNaN: true }),
        wholeSeconds: fc.double({ min: 0, max: 1e6, noNaN: true }),
        isSpread: fc.boolean(),
      }),
      { nil: undefined },
    ),
  });

  it('property: add up to one, and nobody has less than the floor', () => {
    fc.assert(
      fc.property(fc.array(anyObject, { minLength: 1, maxLength: 13 }), (objects) => {
        const shares = planShares(objects, RATE);
        expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
        for (const share of shares) expect(share).toBeGreaterThan(FLOOR_SHARE - 1e-9);
      }),
    );
  });
});

describe('the turns', () => {
  it('follow shares within two runs at any time', () => {
    const shares = new Map([
      ['a', 0.5],
      ['b', 0.3],
      ['c', 0.18],
      ['d', 0.02],
    ]);
    const turns = new Turns();
    const had = new Map<string, number>();
    for (let run = 1; run <= 5000; run++) {
      const key = turns.next(shares) ?? '';
      had.set(key, (had.get(key) ?? 0) + 1);
      for (const [name, share] of shares) expect(Math.abs((had.get(name) ?? 0) - share * run)).toBeLessThan(2);
    }
  });

  it('do not come at regular distances to whom these would do harm, and follow shares all the same', () => {
    const shares = new Map(['a', 'b', 'c'].map((name) => [name, 1 / 3]));
    const turns = new Turns();
    const places: number[] = [];
    for (let run = 1; run <= 3000; run++) {
      if (turns.next(shares, new Set(['b'])) !== 'b') continue;
      places.push(run);
      expect(Math.abs(places.length - run / 3)).toBeLessThan(6);
    }
    for (const phase of [0, 1, 2])
      expect(places.filter((place) => place % 3 === phase).length).toBeGreaterThan(places.length / 4);
  });

  it('of nobody are nobody’s', () => {
    expect(new Turns().next(new Map())).toBeUndefined();
  });

  it('property: over any 200 runs everybody has four, whatever the shares do meanwhile', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 13 }), fc.infiniteStream(fc.nat(12)), (count, favourites) => {
        const turns = new Turns();
        const names = Array.from({ length: count }, (_, i) => `${i}`);
        const runs: string[] = [];
        for (let run = 0; run < 1000; run++) {
          // One of them has everything for a while that is not a multiple of anything.
          const favourite = run % 37 === 0 ? String(favourites.next().value) : (runs[0] ?? '0');
          runs.push(
            turns.next(new Map(names.map((name) => [name, name === favourite ? 1 - 0.02 * (count - 1) : 0.02]))) ?? '',
          );
        }
        for (const name of names) {
          const had = runs.map((served) => (served === name ? 1 : 0));
          let inWindow = 0;
          const counts = had.map((one, i) => (inWindow += one - (had[i - 200] ?? 0)));
          expect(Math.min(...counts.slice(199))).toBeGreaterThanOrEqual(4);
        }
      }),
      { numRuns: 40 },
    );
  });
});
