import { describe, expect, it } from 'vitest';
import { Channel, type ChannelOptions, type Tuning } from '#hardware/air/channel.ts';
import { Fades, GROUP_SECONDS } from '#hardware/air/fades.ts';
import { gaussianTable } from '#hardware/air/noise.ts';

const RATE_HZ = 250_000;
const STATION_HZ = 98_500_000;
const PLAIN: ChannelOptions = {
  stationHz: STATION_HZ,
  stationRateHz: RATE_HZ,
  levelDbfs: -12,
  cnDb: Number.POSITIVE_INFINITY,
  tuningPpm: 0,
  clockPpm: 0,
  seed: 7,
};

function tone(hz: number, seconds: number): Float32Array {
  const samples = new Float32Array(2 * Math.round(seconds * RATE_HZ));
  for (let i = 0; i < samples.length; i += 2) {
    const angle = (Math.PI * hz * i) / RATE_HZ;
    samples[i] = Math.cos(angle);
    samples[i + 1] = Math.sin(angle);
  }
  return samples;
}

/** Complex amplitude of `hz` in cu8 bytes, in units of full scale. */
function correlate(bytes: Uint8Array, hz: number, rateHz = RATE_HZ): { re: number; im: number } {
  let re = 0;
  let im = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    const angle = (Math.PI * hz * i) / rateHz;
    const a = (bytes[i] - 127.5) / 127.5;
    const b = (bytes[i + 1] - 127.5) / 127.5;
    re += a * Math.cos(angle) + b * Math.sin(angle);
    im += b * Math.cos(angle) - a * Math.sin(angle);
  }
  return { re: (2 * re) / bytes.length, im: (2 * im) / bytes.length };
}

function power(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) sum += ((byte - 127.5) / 127.5) ** 2;
  return (2 * sum) / bytes.length;
}

/** Carrier at `hz` against everything else, by correlation: no part of the channel's own arithmetic is used. */
function measuredCnDb(bytes: Uint8Array, hz: number): number {
  const { re, im } = correlate(bytes, hz);
  const carrier = re * re + im * im;
  return 10 * Math.log10(carrier / (power(bytes) - carrier));
}

/** Frequency from the turn between two correlations around an expected one. */
function measuredHz(bytes: Uint8Array, nearHz: number, rateHz = RATE_HZ): number {
  const half = (bytes.length / 2) & ~1;
  const a = correlate(bytes.subarray(0, half), nearHz, rateHz);
  const b = correlate(bytes.subarray(half, 2 * half), nearHz, rateHz);
  // correlate() restarts its angle for the second half.
  const restart = (Math.PI * nearHz * half) / rateHz;
  let turn = Math.atan2(b.im, b.re) - Math.atan2(a.im, a.re) - restart;
  turn -= 2 * Math.PI * Math.round(turn / (2 * Math.PI));
  return nearHz + (turn / (2 * Math.PI)) * (rateHz / (half / 2));
}

function listen(options: Partial<ChannelOptions>, samples: Float32Array, tuning?: Partial<Tuning>): Uint8Array {
  const channel = new Channel({ ...PLAIN, ...options });
  if (tuning !== undefined) channel.tune({ ...channel.tuning, ...tuning });
  return channel.process(samples);
}

describe('the simulated air', () => {
  it('draws noise that is normal', () => {
    const table = gaussianTable();
    let second = 0;
    let fourth = 0;
    for (const x of table) {
      second += x ** 2;
      fourth += x ** 4;
    }
    expect(second / table.length).toBeCloseTo(1, 5);
    expect(fourth / table.length).toBeCloseTo(3, 1);
  });

  it.each([-3, 0, 5, 10, 20, 30])('gives the asked C/N of %d dB within 0.2 dB', (cnDb) => {
    const bytes = listen({ cnDb }, tone(12_345, 2));
    expect(Math.abs(measuredCnDb(bytes, 12_345) - cnDb)).toBeLessThan(0.2);
  });

  it('puts the carrier at the asked level', () => {
    const { re, im } = correlate(listen({ levelDbfs: -20, cnDb: 20 }, tone(5000, 1)), 5000);
    expect(20 * Math.log10(Math.hypot(re, im))).toBeCloseTo(-20, 1);
  });

  it('makes white noise: neighbouring samples, and I and Q, are uncorrelated', () => {
    const bytes = listen({ cnDb: 0, levelDbfs: -15 }, new Float32Array(2 * RATE_HZ * 2));
    const total = power(bytes) * (bytes.length / 2);
    for (const lag of [1, 2, 3, 4, 5, 8, 64]) {
      let sum = 0;
      for (let i = lag; i < bytes.length; i++) sum += ((bytes[i] - 127.5) * (bytes[i - lag] - 127.5)) / 127.5 ** 2;
      // 1/sqrt(n) is 0.001 for n = 10^6 values.
      expect(Math.abs(sum / total)).toBeLessThan(0.005);
    }
  });

  it('shifts the station by the tuning error of the crystal', () => {
    const bytes = listen({ tuningPpm: 20 }, tone(10_000, 1));
    expect(measuredHz(bytes, 8030)).toBeCloseTo(10_000 - 20e-6 * STATION_HZ, 0);
  });

  it('stretches the time by the clock error', () => {
    const bytes = listen({ clockPpm: 80 }, tone(40_000, 4));
    expect(bytes.length / 2).toBeCloseTo(4 * RATE_HZ * (1 + 80e-6), -2);
    expect(measuredHz(bytes, 39_996.8)).toBeCloseTo(40_000 / (1 + 80e-6), 1);
    // What interpolation adds stays 40 dB below the tone; rounding to 8 bits at -12 dBFS is 38 dB below.
    expect(measuredCnDb(bytes.subarray(0, 200_000), 40_000 / (1 + 80e-6))).toBeGreaterThan(36);
  });

  it('obeys the correction that a listener asks for', () => {
    const bytes = listen({ tuningPpm: 35, clockPpm: 35 }, tone(10_000, 1), { correctionPpm: 35 });
    expect(measuredHz(bytes, 10_000)).toBeCloseTo(10_000, 1);
  });

  it('is heard beside its frequency, and not at all away from it', () => {
    const beside = listen({ cnDb: 20 }, tone(0, 1), { frequencyHz: STATION_HZ - 30_000 });
    expect(Math.abs(measuredCnDb(beside, 30_000) - 20)).toBeLessThan(0.3);
    const away = listen({ cnDb: 20 }, tone(0, 1), { frequencyHz: STATION_HZ + 400_000 });
    expect(power(away)).toBeCloseTo(10 ** (-12 / 10) / 100, 4);
  });

  it('keeps the noise density for a dongle that samples faster', () => {
    const bytes = listen({ cnDb: 10 }, tone(20_000, 0.5), { rateHz: 1_000_000 });
    expect(bytes.length / 2).toBeCloseTo(500_000, -2);
    expect(measuredHz(bytes, 20_000, 1_000_000)).toBeCloseTo(20_000, 0);
    const { re, im } = correlate(bytes, 20_000, 1_000_000);
    const carrier = re * re + im * im;
    expect(10 * Math.log10(carrier / (power(bytes) - carrier))).toBeCloseTo(10 - 10 * Math.log10(4), 0);
  });

  it('gives the same bytes for the same seed however the signal is cut, and others for another seed', () => {
    const options = { cnDb: 10, lossShare: 0.3, lossGroups: 0.5, tuningPpm: 5, clockPpm: 0 };
    const samples = tone(3000, 0.4);
    const whole = listen(options, samples);
    const channel = new Channel({ ...PLAIN, ...options });
    const parts: number[] = [];
    for (let at = 0, size = 2; at < samples.length; at += size, size = ((size * 3) % 10_007) & ~1 || 2)
      parts.push(...channel.process(samples.subarray(at, Math.min(samples.length, at + size))));
    expect(Buffer.from(parts).equals(whole)).toBe(true);
    expect(Buffer.from(listen({ ...options, seed: 8 }, samples)).equals(whole)).toBe(false);
  });

  it('fades on schedule', () => {
    const schedule = [
      { atSeconds: 0.5, durationSeconds: 0.25 },
      { atSeconds: 1, durationSeconds: 0.5, depthDb: 20 },
    ];
    const channel = new Channel({ ...PLAIN, schedule });
    const bytes = channel.process(tone(1000, 2));
    const levelDb = (fromSeconds: number, toSeconds: number): number =>
      10 * Math.log10(power(bytes.subarray(2 * fromSeconds * RATE_HZ, 2 * toSeconds * RATE_HZ)));
    expect(levelDb(0, 0.5)).toBeCloseTo(-12, 1);
    expect(levelDb(0.5, 0.75)).toBeLessThan(-40);
    expect(levelDb(0.75, 1)).toBeCloseTo(-12, 1);
    // Rounding noise stands 18 dB below.
    expect(levelDb(1, 1.5)).toBeCloseTo(-32, 0);
    expect(levelDb(1.5, 2)).toBeCloseTo(-12, 1);
    const counts = channel.counts();
    expect(counts.samples).toBe(2 * RATE_HZ);
    expect(counts.fadedSamples).toBe(0.75 * RATE_HZ);
    // 0.5..0.75 s touches periods 5..8, 1..1.5 s periods 11..17.
    expect(counts.touchedGroupPeriods).toBe(4 + 7);
  });

  it.each([
    [0.1, 1],
    [0.3, 8],
  ])('loses %d of the time in fades of %d groups, counted also while nobody listens', (lossShare, lossGroups) => {
    const channel = new Channel({ ...PLAIN, lossShare, lossGroups });
    const silence = new Float32Array(2 * RATE_HZ);
    for (let second = 0; second < 20_000; second++) channel.skip(silence);
    const { samples, fadedSamples, groupPeriods, touchedGroupPeriods } = channel.counts();
    expect(fadedSamples / samples).toBeGreaterThan(lossShare * 0.93);
    expect(fadedSamples / samples).toBeLessThan(lossShare * 1.07);
    // A fade touches its length and one period more.
    expect(touchedGroupPeriods / groupPeriods).toBeGreaterThan(lossShare * (1 + 0.5 / lossGroups));
    expect(touchedGroupPeriods / groupPeriods).toBeLessThan(lossShare * (1 + 1.1 / lossGroups));
  });

  it('has fades of the mean length asked for', () => {
    const fades = new Fades({ lossShare: 0.2, lossGroups: 4, seed: 3 });
    let seconds = 0;
    let count = 0;
    let lost = 0;
    while (seconds < 20_000) {
      const { amplitude, untilSeconds } = fades.at(seconds);
      if (amplitude === 0) {
        count++;
        lost += untilSeconds - seconds;
      }
      seconds = untilSeconds;
    }
    expect(lost / count / GROUP_SECONDS).toBeGreaterThan(3.8);
    expect(lost / count / GROUP_SECONDS).toBeLessThan(4.2);
  });
});
