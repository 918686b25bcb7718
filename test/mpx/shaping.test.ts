import { describe, expect, it } from 'vitest';
import {
  biphasePulse,
  PULSE_REACH_BITS,
  shapedImpulse,
  shapingTable,
  TABLE_STEPS,
  TABLE_STRIDE,
} from '#codec/mpx/shaping.ts';

/** HT(f) of EN 50067:1998 clause 1.7, f in multiples of the bit rate. */
const ht = (f: number): number => (Math.abs(f) <= 2 ? Math.cos((Math.PI * f) / 4) : 0);

/** Fourier transform of a real pulse at f, by the trapezium rule over +-reach bits. */
function fourier(pulse: (t: number) => number, f: number, reach: number): { re: number; im: number } {
  let re = 0;
  let im = 0;
  const step = 1 / 256;
  for (let t = -reach; t <= reach; t += step) {
    re += pulse(t) * Math.cos(2 * Math.PI * f * t) * step;
    im -= pulse(t) * Math.sin(2 * Math.PI * f * t) * step;
  }
  return { re, im };
}

function correlate(shift: number): number {
  let sum = 0;
  for (let t = -4; t <= 4; t += 1 / 256) sum += biphasePulse(t) * biphasePulse(t - shift);
  return sum;
}

describe('the shaped pulse', () => {
  it('is the inverse transform of HT, evaluated from its definition', () => {
    for (const t of [0, 0.05, 0.125, 0.3, 0.375, 0.7, 1.1, 2.3]) {
      let sum = 0;
      const step = 1e-4;
      for (let f = -2 + step / 2; f < 2; f += step) sum += ht(f) * Math.cos(2 * Math.PI * f * t) * step;
      expect(shapedImpulse(t)).toBeCloseTo((Math.PI / 8) * sum, 6);
    }
  });

  it('has the spectrum of a biphase symbol through HT, but for the -52 dB that cutting it costs', () => {
    // An impulse and half a bit later its opposite have the spectrum 2 sin(pi f / 2).
    const top = Math.abs(fourier(biphasePulse, 0.785, PULSE_REACH_BITS).im);
    for (let f = 0; f <= 3; f += 0.05) {
      const { re, im } = fourier(biphasePulse, f, PULSE_REACH_BITS);
      const wanted = Math.sin((Math.PI * f) / 2) * ht(f);
      const peak = Math.sin((Math.PI * 0.785) / 2) * ht(0.785);
      expect(Math.abs(re)).toBeLessThan(1e-9);
      expect(Math.abs(Math.abs(im) / top - Math.abs(wanted) / peak), `at ${f}`).toBeLessThan(2.5e-3);
    }
  });

  it('makes a sine of level 1 at the bit rate from an all-zeroes message (EN 50067 clause 1.4)', () => {
    const table = shapingTable();
    for (let step = 0; step <= TABLE_STEPS; step++) {
      const value = table[31 * TABLE_STRIDE + step];
      expect(Math.abs(value - -Math.sin(2 * Math.PI * (step / TABLE_STEPS - 0.5)))).toBeLessThan(5e-3);
    }
  });

  it('goes on smoothly from one window of symbols to the next', () => {
    const table = shapingTable();
    for (let symbols = 0; symbols < 64; symbols++) {
      const before = table[(symbols >> 1) * TABLE_STRIDE + TABLE_STEPS];
      const after = table[(symbols & 31) * TABLE_STRIDE];
      expect(Math.abs(before - after)).toBeLessThan(1e-6);
    }
  });

  it('through the same filter again leaves neighbouring symbols alone (no intersymbol interference)', () => {
    const own = correlate(0);
    for (const shift of [1, 2, 3]) expect(Math.abs(correlate(shift) / own)).toBeLessThan(3e-3);
  });
});
