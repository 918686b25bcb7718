import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DailyWindow } from '#codec/messages/link.ts';
import { afterOpenMs, isOpen, nextEdgeMs, openMsBetween, opensMs } from '../../gateway/windows.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 1440 * MINUTE_MS;
const T0 = Date.UTC(2027, 2, 1);

function at(hour: number, minute = 0): number {
  return T0 + (60 * hour + minute) * MINUTE_MS;
}

const NIGHT: DailyWindow[] = [{ fromMinute: 22 * 60, toMinute: 5 * 60 }];

const someWindows = fc.array(
  fc
    .record({ fromMinute: fc.nat(1439), toMinute: fc.integer({ min: 1, max: 1440 }) })
    .filter(({ fromMinute, toMinute }) => fromMinute !== toMinute),
  { maxLength: 4 },
);

/** What the words mean, minute by minute. */
function openByMinute(windows: readonly DailyWindow[], ms: number): boolean {
  const minute = Math.floor((ms % DAY_MS) / MINUTE_MS);
  return (
    windows.length === 0 ||
    windows.some(({ fromMinute, toMinute }) =>
      fromMinute < toMinute ? minute >= fromMinute && minute < toMinute : minute >= fromMinute || minute < toMinute,
    )
  );
}

describe('windows of the day', () => {
  it('go over midnight when they end before they begin', () => {
    expect([21, 22, 23, 24, 28, 29, 30].map((hour) => isOpen(NIGHT, at(hour)))).toEqual([
      false,
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(opensMs(NIGHT, at(12))).toBe(at(22));
    expect(opensMs(NIGHT, at(23))).toBe(at(23));
    expect(nextEdgeMs(NIGHT, at(12))).toBe(at(22));
    expect(nextEdgeMs(NIGHT, at(29))).toBe(at(46));
    expect(openMsBetween(NIGHT, at(12), at(36))).toBe(7 * 3_600_000);
    expect(afterOpenMs(NIGHT, at(12), 8 * 3_600_000)).toBe(at(47));
  });

  it('that leave nothing out are the whole day', () => {
    for (const windows of [
      [],
      [{ fromMinute: 0, toMinute: 1440 }],
      [
        { fromMinute: 700, toMinute: 60 },
        { fromMinute: 50, toMinute: 701 },
      ],
    ]) {
      expect(nextEdgeMs(windows, at(3))).toBe(Number.POSITIVE_INFINITY);
      expect(openMsBetween(windows, at(3), at(300))).toBe(297 * 3_600_000);
      expect(afterOpenMs(windows, at(3), 1000)).toBe(at(3) + 1000);
    }
  });

  it('property: mean the same minute by minute, also where they overlap', () => {
    fc.assert(
      fc.property(someWindows, fc.nat(3 * 1440), fc.nat(4000), (windows, from, minutes) => {
        const fromMs = T0 + from * MINUTE_MS;
        let open = 0;
        for (let m = 0; m < minutes; m++) if (openByMinute(windows, fromMs + m * MINUTE_MS)) open++;
        expect(isOpen(windows, fromMs)).toBe(openByMinute(windows, fromMs));
        expect(openMsBetween(windows, fromMs, fromMs + minutes * MINUTE_MS)).toBe(open * MINUTE_MS);
        const edge = nextEdgeMs(windows, fromMs);
        expect(edge).toBeGreaterThan(fromMs);
        for (let ms = fromMs; ms < Math.min(edge, fromMs + DAY_MS); ms += MINUTE_MS)
          expect(openByMinute(windows, ms)).toBe(openByMinute(windows, fromMs));
      }),
      { numRuns: 60 },
    );
  });

  it('property: the time after so much open time has so much open time before it', () => {
    fc.assert(
      fc.property(someWindows, fc.nat(1439), fc.integer({ min: 1, max: 5000 }), (windows, from, minutes) => {
        const fromMs = T0 + from * MINUTE_MS;
        const endMs = afterOpenMs(windows, fromMs, minutes * MINUTE_MS);
        expect(openMsBetween(windows, fromMs, endMs)).toBe(minutes * MINUTE_MS);
        expect(openByMinute(windows, endMs - 1)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});
