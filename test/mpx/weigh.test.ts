import { describe, expect, it } from 'vitest';
import { SymbolWeigher } from '#codec/mpx/weigh.ts';
import { estimateCarrier } from '#codec/mpx/frequency.ts';
import { PilotTracker } from '#codec/mpx/pilot.ts';
import { addNoise, randomWords } from './signals.ts';

interface Symbols {
  readonly sent: Int8Array;
  readonly real: Float32Array;
  readonly imaginary: Float32Array;
}

/** Random symbols of this amplitude, turned by `phase`, at this Es/N0. */
function symbolsOf(count: number, amplitude: number, phase: number, esN0: number, seed: number): Symbols {
  const words = randomWords(seed);
  const sent = Int8Array.from({ length: count }, () => (words() < 2 ** 31 ? 1 : -1));
  const real = Float32Array.from(sent, (s) => s * amplitude * Math.cos(phase));
  const imaginary = Float32Array.from(sent, (s) => s * amplitude * Math.sin(phase));
  const deviation = amplitude * Math.sqrt(1 / (2 * esN0));
  addNoise(real, deviation, words);
  addNoise(imaginary, deviation, words);
  return { sent, real, imaginary };
}

function weigh({ real, imaginary }: Symbols): number[] {
  const out: number[] = [];
  const weigher = new SymbolWeigher((symbols, _, count) => out.push(...symbols.subarray(0, count)));
  for (const [k, re] of real.entries()) {
    weigher.push(re, imaginary[k], k);
    if (k % 700 === 0) weigher.flush();
  }
  weigher.flush(true);
  return out;
}

describe('symbols are weighed', () => {
  it.each([5, 2, 0])('so that a ratio of L is wrong once in 1 + e^L, at Es/N0 = %i dB and any scale', (esN0Db) => {
    const count = 60_000;
    const symbols = symbolsOf(count, 1e-3, 0.4, 10 ** (esN0Db / 10), 4);
    const llr = weigh(symbols);
    expect(llr).toHaveLength(count);
    // By their size: one and a half to two thousand cases each, at the least.
    const classes = [1, 2, 3, 4.5].map((to) => ({ to, wrong: 0, claimed: 0 }));
    for (const [k, value] of llr.entries()) {
      const of = classes.find(({ to }) => Math.abs(value) < to);
      if (of === undefined) continue;
      of.claimed += 1 / (1 + Math.exp(Math.abs(value)));
      if (Math.sign(value) !== symbols.sent[k]) of.wrong++;
    }
    // The estimates of amplitude and noise add a few per cent to four standard deviations.
    for (const { wrong, claimed } of classes)
      expect(Math.abs(wrong - claimed)).toBeLessThan(4 * Math.sqrt(claimed) + 0.08 * claimed);
  });

  it('hardly at all when there is only noise', () => {
    const { sent, real, imaginary } = symbolsOf(20_000, 1, 0, 1e-6, 5);
    const llr = weigh({ sent, real, imaginary });
    const size = llr.reduce((sum, x) => sum + Math.abs(x), 0) / llr.length;
    expect(size).toBeLessThan(1);
  });

  it('as before within two dozen symbols after the level has changed by 60 dB either way', () => {
    const low = symbolsOf(1_000, 1e-3, 0.2, 100, 6);
    const high = symbolsOf(1_000, 1, 0.2, 100, 7);
    for (const [one, two] of [
      [low, high],
      [high, low],
    ]) {
      const joined = {
        sent: Int8Array.from([...one.sent, ...two.sent]),
        real: Float32Array.from([...one.real, ...two.real]),
        imaginary: Float32Array.from([...one.imaginary, ...two.imaginary]),
      };
      const llr = weigh(joined);
      let wrong = 0;
      for (const [k, value] of llr.entries()) if (k > 1_200 && Math.sign(value) !== joined.sent[k]) wrong++;
      expect(wrong).toBe(0);
      expect(Math.abs(llr[1_500])).toBeGreaterThan(20);
    }
  });

  it('lightly when they lie where no symbol should, and the others are not harmed', () => {
    const symbols = symbolsOf(2_000, 1, 0, 30, 8);
    symbols.real[1_000] = -60 * symbols.sent[1_000];
    symbols.imaginary[1_000] = 45;
    const llr = weigh(symbols);
    expect(Math.abs(llr[1_000])).toBeLessThan(1);
    for (const k of [940, 990, 1_010, 1_060]) expect(Math.abs(llr[k])).toBeGreaterThan(20);
  });
});

describe('a carrier is found in squared symbols', () => {
  it.each([-18.6, -3.3, 0, 7.07, 18.9])('at %f Hz, Es/N0 = 2 dB', (hz) => {
    const count = 238;
    const rateHz = 1_187.5;
    const { real, imaginary } = symbolsOf(count, 1, 0.7, 10 ** 0.2, 9);
    const squaredReal = new Float64Array(count);
    const squaredImaginary = new Float64Array(count);
    for (let k = 0; k < count; k++) {
      const turn = (2 * Math.PI * hz * k) / rateHz;
      const re = real[k] * Math.cos(turn) - imaginary[k] * Math.sin(turn);
      const im = real[k] * Math.sin(turn) + imaginary[k] * Math.cos(turn);
      squaredReal[k] = re * re - im * im;
      squaredImaginary[k] = 2 * re * im;
    }
    for (const [expected, everywhere] of [
      [null, false],
      [hz + 0.3, false],
      [hz - 9, true],
    ] as const) {
      const found = estimateCarrier(squaredReal, squaredImaginary, count, rateHz, expected, everywhere);
      // Cramer-Rao at this length and noise is 0.12 Hz.
      expect(Math.abs((found.frequency * rateHz) / (2 * Math.PI) - hz)).toBeLessThan(0.5);
      expect(found.coherence).toBeGreaterThan(0.35);
    }
  });

  it('and none in noise', () => {
    const words = randomWords(10);
    let most = 0;
    for (let trial = 0; trial < 200; trial++) {
      const noise = new Float32Array(476);
      addNoise(noise, 1, words);
      const real = new Float64Array(238);
      const imaginary = new Float64Array(238);
      for (let k = 0; k < 238; k++) {
        const size = Math.hypot(noise[2 * k], noise[2 * k + 1]);
        real[k] = (noise[2 * k] ** 2 - noise[2 * k + 1] ** 2) / size;
        imaginary[k] = (2 * noise[2 * k] * noise[2 * k + 1]) / size;
      }
      most = Math.max(most, estimateCarrier(real, imaginary, 238, 1_187.5, null, true).coherence);
    }
    expect(most).toBeLessThan(0.32);
  });
});

describe('the pilot as a clock', () => {
  it.each([-200, 0, 35, 200])('says %i ppm within 2 ppm after two seconds, 10 dB above the noise', (ppm) => {
    const rateHz = 1_187.5;
    const pilot = new PilotTracker(rateHz);
    const noise = new Float32Array(2 * 3_000);
    addNoise(noise, Math.sqrt(0.05), randomWords(11));
    expect(pilot.clockErrorPpm).toBeNull();
    for (let k = 0; k < 3_000; k++) {
      const turn = (2 * Math.PI * 19_000 * ppm * 1e-6 * k) / rateHz;
      pilot.push(Math.cos(turn) + noise[2 * k], Math.sin(turn) + noise[2 * k + 1]);
    }
    expect(Math.abs((pilot.clockErrorPpm ?? Number.NaN) - ppm)).toBeLessThan(2);
  });

  it('says nothing in noise', () => {
    const pilot = new PilotTracker(1_187.5);
    const noise = new Float32Array(2 * 60_000);
    addNoise(noise, 1, randomWords(12));
    let told = 0;
    for (let k = 0; k < 60_000; k++) {
      pilot.push(noise[2 * k], noise[2 * k + 1]);
      if (pilot.clockErrorPpm !== null) told++;
    }
    expect(told).toBe(0);
  });
});
