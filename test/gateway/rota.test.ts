import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_RATES, GROUPS_PER_SECOND, largestShare, Rota, type RotaSlot } from '../../gateway/rota.ts';

const SLOT_MS = 1000 / GROUPS_PER_SECOND;

function slotsOf(share: number, count: number, rates = DEFAULT_RATES, startMs = 0): RotaSlot[] {
  const rota = new Rota({ share, rates });
  return Array.from({ length: count }, (_, i) => rota.next(startMs + (i + 1) * SLOT_MS));
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
