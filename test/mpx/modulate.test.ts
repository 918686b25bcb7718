import { describe, expect, it } from 'vitest';
import { AudioConditioner, Melody, PcmAudio } from '#codec/mpx/audio.ts';
import type { MpxModulatorOptions } from '#codec/mpx/modulate.ts';
import { MpxModulator } from '#codec/mpx/modulate.ts';
import { SUBCARRIERS } from '#codec/mpx/subcarrier.ts';
import { RandomGroups, randomWords } from './signals.ts';
import { spectrumOf } from './spectrum.ts';

type Changes = Partial<Omit<MpxModulatorOptions, 'nextGroup'>>;

function samplesOf(seconds: number, changes: Changes): Float32Array {
  const groups = new RandomGroups(3);
  const options = { rateHz: 192_000, streams: 1, ...changes } as const;
  const modulator = new MpxModulator({ ...options, nextGroup: groups.next });
  const samples = new Float32Array(Math.round(seconds * options.rateHz));
  modulator.modulate(samples);
  return samples;
}

function cutInto(chunk: number): Float32Array {
  const groups = new RandomGroups(6);
  const modulator = new MpxModulator({ rateHz: 250_000, streams: 4, audio: new Melody(), nextGroup: groups.next });
  const samples = new Float32Array(30_000);
  for (let at = 0; at < samples.length; at += chunk) modulator.modulate(samples.subarray(at, at + chunk));
  return samples;
}

const nextGroup = (): null => null;

const db = (ratio: number): number => 10 * Math.log10(ratio);

describe('the multiplex', () => {
  it('has a pilot of 6.75 kHz deviation at 19 kHz', () => {
    const spectrum = spectrumOf(samplesOf(2, {}), 192_000);
    const amplitude = Math.sqrt(2 * spectrum.power(18_900, 19_100));
    expect(amplitude * 75_000).toBeGreaterThan(6_730);
    expect(amplitude * 75_000).toBeLessThan(6_770);
  });

  it.each([171_000, 192_000, 250_000])(
    'at %i Hz has 57 kHz suppressed, sidebands within 2.4 kHz, nothing beyond',
    (rateHz) => {
      const spectrum = spectrumOf(samplesOf(4, { rateHz, pilotDeviationHz: 0 }), rateHz);
      const all = spectrum.power(0, rateHz / 2);
      const sidebands = spectrum.power(54_600, 59_400);
      // The biphase spectrum is zero at the carrier and highest 0.785 of the bit rate away from it.
      const atCarrier = spectrum.power(56_960, 57_040) / 80;
      const atPeak = spectrum.power(57_900, 57_980) / 80;
      expect(db(atCarrier / atPeak)).toBeLessThan(-20);
      expect(db((all - sidebands) / all)).toBeLessThan(-45);
      expect(db((all - spectrum.power(54_000, 60_000)) / all)).toBeLessThan(-55);
    },
  );

  it('has the power of the shaped spectrum at the deviation asked for', () => {
    // Mean of |P(f)|^2 with P as in shaping.ts, normalised to a sine of 1 at the bit rate: sum over f of
    // (sin(pi f / 2) cos(pi f / 4))^2 / (4 (sin(pi / 2) cos(pi / 4))^2) x 2, f from 0 to 2 bit rates.
    let wanted = 0;
    const step = 1e-3;
    for (let f = step / 2; f < 2; f += step) {
      wanted += (2 * (Math.sin((Math.PI * f) / 2) * Math.cos((Math.PI * f) / 4)) ** 2 * step) / 2;
    }
    for (const rdsDeviationHz of [1_000, 2_000, 7_500]) {
      const samples = samplesOf(4, { pilotDeviationHz: 0, rdsDeviationHz });
      const power = samples.reduce((sum, x) => sum + x * x, 0) / samples.length;
      const level = (rdsDeviationHz / 75_000) ** 2;
      // Half, because the carrier is a sine. 2 % is four standard deviations of the mean over 4 s of random data.
      expect(power / level / (wanted / 2)).toBeGreaterThan(0.97);
      expect(power / level / (wanted / 2)).toBeLessThan(1.03);
    }
  });

  it('puts the RDS2 subcarriers where they belong, all at one level', () => {
    const spectrum = spectrumOf(samplesOf(4, { streams: 4, pilotDeviationHz: 0, rateHz: 250_000 }), 250_000);
    const powers = SUBCARRIERS.map(({ frequencyHz }) => spectrum.power(frequencyHz - 2_375, frequencyHz + 2_375));
    for (const power of powers) expect(Math.abs(db(power / powers[0]))).toBeLessThan(0.3);
    const between = spectrum.power(59_600, 63_900) + spectrum.power(78_700, 120_000);
    expect(db(between / powers[0])).toBeLessThan(-50);
  });

  it('locks the subcarrier to the third harmonic of the pilot, in phase', () => {
    // With an all-zeroes message the subcarrier is 57 kHz times a sine at the bit rate: its square has 114 kHz in phase.
    const rateHz = 456_000;
    const modulator = new MpxModulator({ rateHz, streams: 1, nextGroup: () => null, leadIn: false });
    const samples = new Float32Array(rateHz);
    modulator.modulate(samples);
    let pilot = [0, 0];
    let squared = [0, 0];
    for (let k = 0; k < samples.length; k++) {
      const a = (2 * Math.PI * 19_000 * k) / rateHz;
      pilot = [pilot[0] + samples[k] * Math.cos(a), pilot[1] + samples[k] * Math.sin(a)];
    }
    const pilotLevel = (2 * Math.hypot(...pilot)) / samples.length;
    for (let k = 0; k < samples.length; k++) {
      const rest = samples[k] - pilotLevel * Math.sin((2 * Math.PI * 19_000 * k) / rateHz);
      const b = (2 * Math.PI * 114_000 * k) / rateHz;
      squared = [squared[0] + rest * rest * Math.cos(b), squared[1] + rest * rest * Math.sin(b)];
    }
    const pilotPhase = Math.atan2(pilot[0], pilot[1]);
    // sin^2 = (1 - cos 2a) / 2
    const carrierPhase = Math.atan2(-squared[1], -squared[0]) / 2;
    expect(Math.abs(pilotPhase)).toBeLessThan(0.01);
    expect(Math.abs(carrierPhase)).toBeLessThan((10 * Math.PI) / 180);
  });

  it('never exceeds full deviation, with the loudest audio there can be and all subcarriers', () => {
    const words = randomWords(4);
    const square = Int16Array.from({ length: 96_000 }, () => ((words() & 1) === 1 ? 32_767 : -32_768));
    const audio = new PcmAudio(square, 48_000);
    for (const rdsDeviationHz of [2_000, 7_500]) {
      const samples = samplesOf(2, { streams: 4, rdsDeviationHz, audio, preEmphasisSeconds: 50e-6 });
      const peak = samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      expect(peak).toBeLessThanOrEqual(1);
      expect(peak).toBeGreaterThan(0.8);
    }
  });

  it('keeps audio below the pilot and out of the subcarriers', () => {
    const words = randomWords(5);
    const noise = Int16Array.from({ length: 96_000 }, () => (words() & 0x3fff) - 0x2000);
    const options = { audio: new PcmAudio(noise, 48_000), pilotDeviationHz: 0, rdsDeviationHz: 0 };
    const spectrum = spectrumOf(samplesOf(3, options), 192_000);
    const density = spectrum.power(1_000, 14_000) / 13_000;
    expect(db(spectrum.power(18_500, 19_500) / 1_000 / density)).toBeLessThan(-45);
    expect(db(spectrum.power(56_000, 58_000) / 2_000 / density)).toBeLessThan(-45);
    expect(db(spectrum.power(60_000, 90_000) / 30_000 / density)).toBeLessThan(-45);
  });

  it('gives a stereo decoder left and right back', () => {
    const tone = new Int16Array(2 * 4_800);
    for (let k = 0; k < 4_800; k++) tone[2 * k] = 20_000 * Math.sin((2 * Math.PI * 1_000 * k) / 48_000);
    const rateHz = 192_000;
    const samples = samplesOf(1, { audio: new PcmAudio(tone, 48_000), rdsDeviationHz: 0 });
    let left = [0, 0];
    let right = [0, 0];
    for (let k = 19_200; k < 19_200 + 96_000; k++) {
      const stereo = 2 * Math.sin((2 * Math.PI * 38_000 * k) / rateHz);
      const a = (2 * Math.PI * 1_000 * k) / rateHz;
      const l = samples[k] * (1 + stereo);
      const r = samples[k] * (1 - stereo);
      left = [left[0] + l * Math.cos(a), left[1] + l * Math.sin(a)];
      right = [right[0] + r * Math.cos(a), right[1] + r * Math.sin(a)];
    }
    expect(20 * Math.log10(Math.hypot(...right) / Math.hypot(...left))).toBeLessThan(-40);
  });

  it('is the same however it is cut', () => {
    const whole = cutInto(30_000);
    for (const chunk of [1, 999, 2_048, 2_049]) expect(cutInto(chunk)).toEqual(whole);
  });

  it('refuses rates that cannot hold it and levels beyond 75 kHz', () => {
    expect(() => new MpxModulator({ rateHz: 118_000, streams: 1, nextGroup })).toThrow('too low a rate');
    expect(() => new MpxModulator({ rateHz: 156_000, streams: 4, nextGroup })).toThrow('too low a rate');
    expect(() => new MpxModulator({ rateHz: Number.NaN, streams: 1, nextGroup })).toThrow('too low a rate');
    expect(() => new MpxModulator({ rateHz: 250e3, streams: 4, rdsDeviationHz: 20_000, nextGroup })).toThrow('75 kHz');
  });
});

describe('programme audio', () => {
  it('has the response of 50 microseconds of pre-emphasis within 0.1 dB up to 3 kHz', () => {
    for (const hz of [100, 1_000, 3_000, 10_000]) {
      const pcm = new Int16Array(2 * 48_000);
      for (let k = 0; k < 48_000; k++) pcm[2 * k] = 5_000 * Math.sin((2 * Math.PI * hz * k) / 48_000);
      const levels = [0, 50e-6].map((seconds) => {
        const left = new Float32Array(48_000);
        const conditioner = new AudioConditioner(new PcmAudio(pcm, 48_000), 192_000, seconds);
        conditioner.condition(left, new Float32Array(48_000), 48_000);
        return left.subarray(4_000).reduce((sum, x) => sum + x * x, 0);
      });
      const wanted = db(1 + (2 * Math.PI * hz * 50e-6) ** 2);
      expect(Math.abs(db(levels[1] / levels[0]) - wanted), `${hz} Hz`).toBeLessThan(hz < 5_000 ? 0.1 : 0.7);
    }
  });

  it('of a melody is gentle and has both channels', () => {
    const melody = new Melody();
    const pair = new Float32Array(2);
    let peak = 0;
    let difference = 0;
    for (let k = 0; k < 480_000; k++) {
      melody.next(pair);
      peak = Math.max(peak, Math.abs(pair[0]), Math.abs(pair[1]));
      difference = Math.max(difference, Math.abs(pair[0] - pair[1]));
    }
    expect(peak).toBeGreaterThan(0.3);
    expect(peak).toBeLessThan(1);
    expect(difference).toBeGreaterThan(0.1);
  });
});
