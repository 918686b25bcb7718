import { describe, expect, it } from 'vitest';
import { FmDemodulator } from '#codec/iq/demodulate.ts';
import { FmModulator } from '#codec/iq/fm.ts';
import { randomWords } from '../mpx/signals.ts';

const SAMPLES = 10_000;

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
  const taken = demodulator.demodulate(iq, out);
  const count = taken + demodulator.end(0, 0, out.subarray(taken));
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
      // The signal has not begun to be steady.
      if (k < 8) continue;
      // A quarter turn a sample.
      const turn = (Math.PI / 2) * (k / 2 - 1);
      expect(iq[k]).toBeCloseTo(Math.cos(turn), 3);
      expect(iq[k + 1]).toBeCloseTo(Math.sin(turn), 3);
    }
  });

  it.each([
    [57_000, 0.003],
    [76_000, 0.015],
  ])('gives a tone of %i Hz the deviation it should have at 250 kHz, to a share of %f', (toneHz, tolerance) => {
    // The phase of a tone swings by deviation / frequency; of a small one the first sideband has half of that.
    const rateHz = 250_000;
    const deviationHz = 1_500;
    const mpx = Float32Array.from(
      { length: rateHz },
      (_, k) => (deviationHz / 75_000) * Math.sin((2 * Math.PI * toneHz * k) / rateHz),
    );
    const iq = new Float32Array(2 * mpx.length);
    new FmModulator({ rateHz }).modulate(mpx, iq);
    let re = 0;
    let im = 0;
    for (let k = 0; k < rateHz; k++) {
      const turn = (-2 * Math.PI * toneHz * k) / rateHz;
      re += (iq[2 * k] * Math.cos(turn) - iq[2 * k + 1] * Math.sin(turn)) / rateHz;
      im += (iq[2 * k] * Math.sin(turn) + iq[2 * k + 1] * Math.cos(turn)) / rateHz;
    }
    const swing = deviationHz / toneHz;
    expect(Math.abs(Math.hypot(re, im) / (swing / 2) - 1)).toBeLessThan(tolerance + 0.002);
  });

  it.each([225_000, 250_000, 300_000, 1_000_000, 2_400_000, 3_200_000])('at %i Hz comes back', (rateHz) => {
    const { amplitude, rest, demodulator } = through(rateHz, 57_000, 0.05);
    expect(demodulator.mpxRateHz).toBeGreaterThanOrEqual(225_000);
    expect(demodulator.mpxRateHz).toBeLessThanOrEqual(300_000);
    // The discriminator measures over one sample, which costs sinc(57 / 225) at most: 0.9 dB. Slope is no matter for data.
    expect(amplitude / 0.05).toBeGreaterThan(0.87);
    expect(amplitude / 0.05).toBeLessThan(1.02);
    expect(rest).toBeLessThan(1e-6);
  });

  it.each([-10_000, -5_000, 5_000, 10_000])('tuned wrong by %i Hz tunes itself and says so', (offsetHz) => {
    const { amplitude, mean, demodulator } = through(250_000, 57_000, 0.05, offsetHz, 0, 2);
    expect(amplitude / 0.05).toBeGreaterThan(0.9);
    expect(Math.abs(mean * 75_000)).toBeLessThan(0.02 * Math.abs(offsetHz));
    expect(Math.abs(demodulator.frequencyOffsetHz - offsetHz)).toBeLessThan(0.02 * Math.abs(offsetHz));
  });

  it('takes out a constant offset of the tuner', () => {
    const clean = through(250_000, 1_000, 0.8, 0, 0, 2);
    const offset = through(250_000, 1_000, 0.8, 0, 0.2, 2);
    // Uncorrected, the offset turns 0.2 / sqrt 2 radians of error back and forth at up to 60 kHz.
    const uncorrected = (0.2 ** 2 / 2) * 0.4 ** 2;
    expect(offset.rest).toBeLessThan(uncorrected / 4);
    expect(clean.rest).toBeLessThan(1e-5);
  });

  it('takes out a mirror image', () => {
    // I and Q unequal by 1 dB and off square by 5 degrees: an image 23 dB below the signal, which moves by 2 x the deviation.
    const rateHz = 250_000;
    const mpx = Float32Array.from({ length: 4 * rateHz }, (_, k) => 0.8 * Math.sin((2 * Math.PI * 1_000 * k) / rateHz));
    const iq = new Float32Array(2 * mpx.length);
    new FmModulator({ rateHz }).modulate(mpx, iq);
    const restOf = (gain: number, skew: number): number => {
      const bent = iq.map((x, k) => (k % 2 === 0 ? x : gain * (Math.cos(skew) * x + Math.sin(skew) * iq[k - 1])));
      const demodulator = new FmDemodulator({ rateHz });
      const out = new Float32Array(demodulator.outputLength(mpx.length));
      const count = demodulator.demodulate(bent, out);
      // The channel filter begins in the middle of its window, so that samples stand where they were.
      let power = 0;
      for (let k = count - rateHz; k < count; k++) power += (out[k] - mpx[k]) ** 2 / rateHz;
      return power;
    };
    const bent = restOf(10 ** (1 / 20), (5 * Math.PI) / 180);
    const image = (10 ** (1 / 20) - 1) ** 2 / 4 + ((5 * Math.PI) / 180) ** 2 / 4;
    // Uncorrected, the angle of an image of size b goes with b sin(2 phase), whose rate is twice the deviation.
    const uncorrected = (image / 2) * (2 * 0.8) ** 2 * 0.5;
    expect(bent).toBeLessThan(restOf(1, 0) + uncorrected / 10);
  });

  it('gives the same however it is cut, sample by sample too', () => {
    const words = randomWords(3);
    const iq = Float32Array.from({ length: 2 * SAMPLES }, () => words() / 2 ** 31 - 1);
    for (const rateHz of [250_000, 2_400_000]) {
      const run = (chunk: number): number[] => {
        const demodulator = new FmDemodulator({ rateHz });
        const out = new Float32Array(demodulator.outputLength(SAMPLES));
        const all: number[] = [];
        for (let at = 0; at < SAMPLES; at += chunk) {
          const count = demodulator.demodulate(iq.subarray(2 * at, 2 * Math.min(SAMPLES, at + chunk)), out);
          all.push(...out.subarray(0, count));
        }
        all.push(...out.subarray(0, demodulator.end(0, 0, out)));
        return all;
      };
      const whole = run(SAMPLES);
      expect(whole.length).toBeGreaterThan(100);
      for (const chunk of [1, 3, 500, 4_097]) expect(run(chunk)).toEqual(whole);
    }
  });

  it('gives finite numbers for silence and noise', () => {
    const demodulator = new FmDemodulator({ rateHz: 250_000 });
    const out = new Float32Array(demodulator.outputLength(SAMPLES));
    const count = demodulator.demodulate(new Float32Array(2 * SAMPLES), out);
    expect(count).toBeGreaterThan(4_000);
    expect(out.subarray(0, count).every((x) => x === 0)).toBe(true);
  });

  it('refuses rates that hold no FM station', () => {
    for (const rateHz of [0, 48_000, 1e9, Number.NaN])
      expect(() => new FmDemodulator({ rateHz })).toThrow('demodulated');
  });
});
