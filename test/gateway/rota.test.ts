import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GROUPS_PER_SECOND } from '#codec/airtime.ts';
import { DEFAULT_RATES, largestShare, Rota, type RotaSlot } from '../../gateway/rota.ts';

const SLOT_MS = 1000 / GROUPS_PER_SECOND;

function slotsOf(share: number, count: number, rates = DEFAULT_RATES, startMs = 0): RotaSlot[] {
  const rota = new Rota({ share, rates });
  return Array.from({ length: count }, (_, i) => rota.next(startMs + (i + 1) * SLOT_MS));
}

/** How many are true in every window of so many. */
function countsIn(flags: readonly boolean[], length: number): number[] {
  let count = 0;
  return flags.map((flag, i) => (count += Number(flag) - Number(flags[i - length] ?? false))).slice(length - 1);
}

function isOurs(slot: RotaSlot): boolean {
  return slot === 'data' || slot === '3A';
}

describe('the data share', () => {
  it('property: is kept exactly, the error stays below one slot at any time and at any start', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.06, max: largestShare(DEFAULT_RATES), noNaN: true }),
        fc.nat(120_000),
        (share, startMs) => {
          let ours = 0;
          slotsOf(share, 1500, DEFAULT_RATES, startMs).forEach((slot, i) => {
            if (isOurs(slot)) ours++;
            expect(Math.abs(ours - share * (i + 1))).toBeLessThan(1);
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('property: is within a hundredth over any minute, at any share and any start', () => {
    const minute = 685;
    fc.assert(
      fc.property(
        fc.double({ min: 0.05, max: largestShare(DEFAULT_RATES), noNaN: true }),
        fc.nat(120_000),
        (share, startMs) => {
          const ours = slotsOf(share, 4 * minute, DEFAULT_RATES, startMs).map(isOurs);
          const errors = countsIn(ours, minute).map((count) => Math.abs(count / minute - share));
          expect(Math.max(...errors)).toBeLessThanOrEqual(0.01);
        },
      ),
      {
        numRuns: 200,
        examples: [
          [0.05, 0],
          [largestShare(DEFAULT_RATES), 59_000],
        ],
      },
    );
  });

  it('of nothing leaves everything to the programme', () => {
    expect(slotsOf(0, 500).some(isOurs)).toBe(false);
  });

  it('that leaves no room is refused and says which fits', () => {
    expect(largestShare(DEFAULT_RATES)).toBeCloseTo(1 - (2 + 0.5 + 1 / 60) / 11.418, 4);
    expect(() => new Rota({ share: 0.8, rates: DEFAULT_RATES })).toThrow(/0\.779 is the largest/);
    expect(() => new Rota({ share: 0.779, rates: DEFAULT_RATES })).not.toThrow();
    for (const share of [-0.1, 1, Number.NaN]) {
      expect(() => new Rota({ share, rates: DEFAULT_RATES })).toThrow(expect.objectContaining({ code: 'ROTA_SHARE' }));
    }
    expect(() => new Rota({ share: 0.03, rates: DEFAULT_RATES })).toThrow(/announcements only/);
    expect(() => new Rota({ share: 0.5, rates: { ...DEFAULT_RATES, psPerSecond: 1.5 } })).toThrow(
      expect.objectContaining({ code: 'ROTA_RATES' }),
    );
  });
});

describe('the programme', () => {
  it('property: has the rates that were promised, at the largest share too', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 2, max: 4, noNaN: true }),
        fc.double({ min: 0, max: 3, noNaN: true }),
        fc.double({ min: 0.2, max: 1, noNaN: true }),
        (psPerSecond, radioTextPerSecond, part) => {
          const rates = { ...DEFAULT_RATES, psPerSecond, radioTextPerSecond };
          const share = Math.max(0.06, largestShare(rates) * part);
          const slots = slotsOf(share, 2284, rates);
          const seconds = slots.length / GROUPS_PER_SECOND;
          const count = (wanted: RotaSlot): number => slots.filter((slot) => slot === wanted).length;
          expect(count('0A')).toBeGreaterThanOrEqual(Math.floor(psPerSecond * seconds) - 2);
          expect(count('2A')).toBeGreaterThanOrEqual(Math.floor(radioTextPerSecond * seconds) - 2);
          expect(count('4A')).toBe(Math.floor(seconds / 60));
          expect(count('3A')).toBeCloseTo(0.5 * seconds, -0.5);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('property: misses no rate in any ten seconds, and tells every minute, at any share and any start', () => {
    // A group of each may stand just outside.
    const tenSeconds = Math.floor(10 * GROUPS_PER_SECOND);
    fc.assert(
      fc.property(
        fc.double({ min: 0.05, max: largestShare(DEFAULT_RATES), noNaN: true }),
        fc.nat(120_000),
        (share, startMs) => {
          const slots = slotsOf(share, 5 * 685, DEFAULT_RATES, startMs);
          const least = (wanted: RotaSlot): number =>
            Math.min(
              ...countsIn(
                slots.map((slot) => slot === wanted),
                tenSeconds,
              ),
            );
          expect(least('0A')).toBeGreaterThanOrEqual(2 * 10 - 1);
          expect(least('2A')).toBeGreaterThanOrEqual(0.5 * 10 - 1);
          const minutes =
            Math.floor((startMs + slots.length * SLOT_MS) / 60_000) - Math.floor((startMs + SLOT_MS) / 60_000);
          expect(slots.filter((slot) => slot === '4A').length).toBeGreaterThanOrEqual(minutes - 1);
          expect(slots.filter((slot) => slot === '4A').length).toBeLessThanOrEqual(minutes);
        },
      ),
      {
        numRuns: 200,
        examples: [
          [0.05, 0],
          [largestShare(DEFAULT_RATES), 59_000],
        ],
      },
    );
  });

  it('tells a minute that begins just when another share begins, and none twice', () => {
    const first = new Rota({ share: 0.01, rates: { ...DEFAULT_RATES, announcementsPerSecond: 0.05 } });
    for (let slot = 1; slot <= 200; slot++) first.next(60_000 - (201 - slot) * SLOT_MS);
    const second = new Rota({ share: 0.5, rates: DEFAULT_RATES, after: first });
    const slots = Array.from({ length: 20 }, (_, i) => second.next(60_001 + i * SLOT_MS));
    expect(slots.filter((slot) => slot === '4A').length).toBe(1);
    const third = new Rota({ share: 0.01, rates: { ...DEFAULT_RATES, announcementsPerSecond: 0.05 }, after: second });
    const later = Array.from({ length: 20 }, (_, i) => third.next(62_000 + i * SLOT_MS));
    expect(later).not.toContain('4A');
  });

  it('has 0A at least every second, and announces in the first slots', () => {
    const slots = slotsOf(0.7, 1000);
    let since = 0;
    for (const slot of slots) {
      since = slot === '0A' ? 0 : since + 1;
      expect(since * SLOT_MS).toBeLessThan(1000);
    }
    expect(slots.indexOf('3A')).toBeLessThan(3);
  });

  it('tells the time in the first slots of a minute', () => {
    for (const share of [0.1, 0.5, 0.7, 0.775]) {
      for (let startMs = 0; startMs < 60_000; startMs += 7777) {
        const slots = slotsOf(share, 800, DEFAULT_RATES, startMs);
        const at = slots.indexOf('4A');
        const endMs = startMs + (at + 1) * SLOT_MS;
        expect(endMs % 60_000).toBeLessThan(4 * SLOT_MS);
      }
    }
  });
});
