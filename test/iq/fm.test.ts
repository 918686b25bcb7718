import { describe, expect, it } from 'vitest';
import { FmDemodulator, FmModulator } from '#codec/iq/fm.ts';
import { randomWords } from '../mpx/signals.ts';

/** A tone of the multiplex through modulator and demodulator, and the part of it that comes out, and what else does. */
function through(
  rateHz: number,
  toneHz: number,
  level: number,
  offsetHz: number = 0,
  centre: number = 0,
  seconds: number = 0.2,
) {
  const mpx = Float32Array.from({ length: Math.round(rateHz * seconds) }, (_, k) => {
    return level * Math.sin((2 * Math.PI * toneHz * k) / rateHz) + offsetHz / 75_000;
  });
  const iq = new Float32Array(2 * mpx.length);
  new FmModulator({ rateHz }).modulate(mpx, iq);
  for (let k = 0; k < iq.length; k += 2) iq[k] += centre;
  const demodulator = new FmDemodulator({ rateHz });
  const out = new Float32Array(demodulator.outputLength(mpx.length));
  const count = demodulator.demodulate(iq, out);
  const from = count >> 1;
  let re = 0;
  let im = 0;
  let mean = 0;
  let power = 0;
  for (let k = from; k < count; k++) {
    const a = (2 * Math.PI * toneHz * k) / demodulator.mpxRateHz;
    re += out[k] * Math.cos(a);
    im += out[k] * Math.sin(a);
    mean += out[k] / (count - from);
    power += (out[k] * out[k]) / (count - from);
  }
  const amplitude = (2 * Math.hypot(re, im)) / (count - from);
  return { amplitude, mean, rest: power - mean * mean - (amplitude * amplitude) / 2, demodulator };
}

describe('frequency modulation', () => {
  it('stays on the unit circle and turns by 75 kHz at full scale', () => {
    const iq = new Float32Array(2_000);
    new FmModulator({ rateHz: 300_000 }).modulate(new Float32Array(1_000).fill(1), iq);
    for (let k = 0; k < 2_000; k += 2) {
      expect(Math.hypot(iq[k], iq[k + 1])).toBeCloseTo(1, 5);
      // A quarter turn a sample.
      const turn = (Math.PI / 2) * (k / 2 + 1);
      expect(iq[k]).toBeCloseTo(Math.cos(turn), 3);
      expect(iq[k + 1]).toBeCloseTo(Math.sin(turn), 3);
    }
  });

  it.each([225_000, 250_000, 300_000, 1_000_000, 2_400_000, 3_200_000])('at %i Hz comes back', (rateHz) => {
    const { amplitude, rest, demodulator } = through(rateHz, 57_000, 0.05);
    expect(demodulator.mpxRateHz).toBeGreaterThanOrEqual(225_000);
    expect(demodulator.mpxRateHz).toBeLessThanOrEqual(300_000);
    // The discriminator measures over one sample, which costs sinc(57 / 225) at most: 0.9 dB. Slope is no matter for data.
    expect(amplitude / 0.05).toBeGreaterThan(0.88);
    expect(amplitude / 0.05).toBeLessThan(1.02);
    expect(rest).toBeLessThan(1e-6);
  });

  it.each([-10_000, -5_000, 5_000, 10_000])('tuned wrong by %i Hz loses nothing and says so', (offsetHz) => {
    const { amplitude, mean, demodulator } = through(250_000, 57_000, 0.05, offsetHz);
    expect(amplitude / 0.05).toBeGreaterThan(0.9);
    expect(mean * 75_000).toBeCloseTo(offsetHz, -2);
    expect(Math.abs(demodulator.frequencyOffsetHz - offsetHz)).toBeLessThan(0.2 * Math.abs(offsetHz));
  });

  it('takes out a constant offset of the tuner', () => {
    const clean = through(250_000, 1_000, 0.8, 0, 0, 2);
    const offset = through(250_000, 1_000, 0.8, 0, 0.2, 2);
    // Uncorrected, the offset turns 0.2 / sqrt 2 radians of error back and forth at up to 60 kHz.
    const uncorrected = (0.2 ** 2 / 2) * 0.4 ** 2;
    expect(offset.rest).toBeLessThan(uncorrected / 4);
    expect(clean.rest).toBeLessThan(1e-5);
  });

  it('gives the same however it is cut, sample by sample too', () => {
    const words = randomWords(3);
    const iq = Float32Array.from({ length: 4_000 }, () => words() / 2 ** 31 - 1);
    for (const rateHz of [250_000, 2_400_000]) {
      const run = (chunk: number): number[] => {
        const demodulator = new FmDemodulator({ rateHz });
        const out = new Float32Array(demodulator.outputLength(2_000));
        const all: number[] = [];
        for (let at = 0; at < 2_000; at += chunk) {
          const count = demodulator.demodulate(iq.subarray(2 * at, 2 * Math.min(2_000, at + chunk)), out);
          all.push(...out.subarray(0, count));
        }
        return all;
      };
      const whole = run(2_000);
      expect(whole.length).toBeGreaterThan(100);
      for (const chunk of [1, 3, 500]) expect(run(chunk)).toEqual(whole);
    }
  });

  it('gives finite numbers for silence and noise', () => {
    const demodulator = new FmDemodulator({ rateHz: 250_000 });
    const out = new Float32Array(2_000);
    const count = demodulator.demodulate(new Float32Array(2_000), out);
    expect(out.subarray(0, count).every((x) => x === 0)).toBe(true);
  });

  it('refuses rates that hold no FM station', () => {
    for (const rateHz of [0, 48_000, 1e9, Number.NaN])
      expect(() => new FmDemodulator({ rateHz })).toThrow('demodulated');
  });
});
