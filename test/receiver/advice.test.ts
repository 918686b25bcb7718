import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type SampleFormat, writeSamples } from '#codec/iq/samples.ts';
import { Melody } from '#codec/mpx/audio.ts';
import { ADVICE_REASONS, type AdviceReason, adviceFor } from '../../receiver/advice.ts';
import type { MeasuredSignal, SignalMeasureOptions } from '../../receiver/measure.ts';
import { measure, multiplexOf, noiseOf, type StationOptions, stationOf } from './signals.ts';

const cu8 = (iq: Float32Array): Uint8Array => writeSamples('cu8', iq);
const reasonOf = (bytes: Uint8Array, options?: Partial<SignalMeasureOptions>): AdviceReason | undefined =>
  adviceFor(measure(bytes, options))?.reason;

describe('advice on FM samples', () => {
  it('is given only when nothing is received', () => {
    expect(reasonOf(cu8(stationOf()))).toBeUndefined();
    // A mono station may well send RDS; a station 20 kHz away is received.
    expect(reasonOf(cu8(stationOf({ pilotDeviationHz: 0, offsetHz: 20_000 })))).toBeUndefined();
  });

  it.each<[string, AdviceReason, () => Uint8Array]>([
    ['a dongle that gives one value', 'nothing-modulated', () => new Uint8Array(1_000_000).fill(127)],
    ['a file of zeros', 'nothing-modulated', () => new Uint8Array(1_000_000)],
    ['faint noise', 'level-too-low', () => cu8(noiseOf(0.004))],
    ['noise', 'only-noise', () => cu8(noiseOf(0.05))],
    ['no bytes', 'no-samples', () => new Uint8Array(0)],
    ['two groups', 'too-short', () => cu8(stationOf({ seconds: 0.17 }))],
  ])('on %s: %s', (_, reason, bytes) => {
    expect(reasonOf(bytes())).toBe(reason);
  });

  it.each<[string, AdviceReason, StationOptions]>([
    ['a stereo station without RDS', 'no-rds', { rds: false }],
    ['a stereo station without RDS, weaker', 'no-rds', { rds: false, cnDb: 20 }],
    ['a mono station without RDS', 'no-pilot', { rds: false, pilotDeviationHz: 0 }],
    ['a weak station', 'weak', { cnDb: 6 }],
    ['a station at the bottom of the range', 'level-too-low', { amplitude: 0.003 }],
    ['a station that is clipped', 'overloaded', { amplitude: 20 }],
    ['a station 120 kHz away', 'mistuned', { offsetHz: -120_000 }],
  ])('on %s: %s', (_, reason, options) => {
    expect(reasonOf(cu8(stationOf(options)))).toBe(reason);
  });

  it.each<[number, number, AdviceReason]>([
    [250_000, 240_000, 'no-rds'],
    [250_000, 500_000, 'no-pilot'],
    [1_024_000, 250_000, 'no-pilot'],
    [1_024_000, 1_000_000, 'no-rds'],
  ])('on %i samples a second read as %i: %s, and it names the rate', (rateHz, readHz, reason) => {
    const advice = adviceFor(measure(cu8(stationOf({ rateHz })), { rateHz: readHz }));
    expect(advice?.reason).toBe(reason);
    expect(advice?.sentence).toContain(`${readHz} Hz`);
  });

  it.each<[SampleFormat, SampleFormat]>([
    ['cu8', 'cs8'],
    ['cu8', 'cs16'],
    ['cu8', 'cf32'],
    ['cs8', 'cu8'],
    ['cs8', 'cs16'],
    ['cs8', 'cf32'],
    ['cs16', 'cu8'],
    ['cs16', 'cs8'],
    ['cs16', 'cf32'],
    ['cf32', 'cu8'],
    ['cf32', 'cs8'],
    ['cf32', 'cs16'],
  ])('on %s read as %s names the format', (format, read) => {
    const advice = adviceFor(measure(writeSamples(format, stationOf()), { format: read }));
    expect(advice?.sentence).toContain(`${read} was assumed`);
  });
});

function sound(): Float32Array {
  const melody = new Melody();
  const pair = new Float32Array(2);
  return Float32Array.from({ length: 400_000 }, (_, k) => {
    if (k % 4 === 0) melody.next(pair);
    return pair[0];
  });
}

describe('advice on a multiplex', () => {
  const rateHz = 192_000;
  const mpx = (samples: Float32Array, readHz = rateHz): AdviceReason | undefined =>
    reasonOf(writeSamples('cs16', samples), { input: 'mpx', rateHz: readHz });
  it('of a station, at any level, is not given', () => {
    expect(mpx(multiplexOf({ rateHz }))).toBeUndefined();
    expect(mpx(multiplexOf({ rateHz }).map((x) => x / 100))).toBeUndefined();
  });
  it.each<[string, AdviceReason, () => Float32Array, number?]>([
    ['silence', 'nothing-modulated', () => new Float32Array(400_000)],
    ['noise', 'only-noise', () => noiseOf(0.1, 400_000)],
    ['a station without RDS', 'no-rds', () => multiplexOf({ rateHz, rds: false })],
    ['a station at a wrong rate', 'no-pilot', () => multiplexOf({ rateHz }), 384_000],
    ['sound', 'no-pilot', sound],
  ])('of %s: %s', (_, reason, samples, readHz) => {
    expect(mpx(samples(), readHz)).toBe(reason);
  });
});

describe('the rules', () => {
  const heard: MeasuredSignal = {
    input: 'iq',
    rateHz: 250_000,
    format: 'cu8',
    seconds: 60,
    silentSeconds: 30,
    acceptedBlocks: 0,
    carrier: { levelDbfs: -20, cnDb: 30, frequencyOffsetHz: 0, pilotDeviationHz: 6700, clippedShare: 0 },
    streams: [],
  };
  const stream = { stream: 0, tracking: true, locked: false, blockErrorRate: 1, ebN0Db: 10, clockErrorPpm: 0 } as const;
  const of = (deviationHz: number, wholeGroups = 0): MeasuredSignal['streams'] => [
    { ...stream, deviationHz, groups: wholeGroups, wholeGroups },
  ];

  it('ask for patience where blocks were received before', () => {
    const signal = { ...heard, acceptedBlocks: 20, streams: of(2000, 5) };
    expect(adviceFor(signal, 31)).toBeUndefined();
    expect(adviceFor(signal, 30)?.reason).toBe('no-groups');
    expect(adviceFor(signal)).toBeUndefined();
  });

  it('believe the carrier to noise ratio and the clipped share where they are known', () => {
    const silent = { ...heard, silentSeconds: 60, streams: of(2000) };
    const withCarrier = (carrier: Partial<MeasuredSignal['carrier']>): MeasuredSignal => ({
      ...silent,
      carrier: { ...heard.carrier, ...carrier },
    });
    expect(adviceFor(withCarrier({ cnDb: 9.04 }))).toMatchObject({
      reason: 'weak',
      sentence: expect.stringContaining('C/N 9.0 dB') as string,
    });
    expect(adviceFor(withCarrier({ clippedShare: 0.4 }))).toMatchObject({
      reason: 'overloaded',
      sentence: expect.stringContaining('40.0 %') as string,
    });
  });

  it("have each of their reasons in the technician's table", () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/receiver.md'), 'utf8');
    for (const reason of ADVICE_REASONS) expect(page).toContain(`\`${reason}\``);
  });

  it('have something to say of any numbers', () => {
    for (const levelDbfs of [null, -120, 0, 100])
      for (const cnDb of [null, -20, 50])
        for (const pilotDeviationHz of [null, 0, 6000])
          for (const input of ['iq', 'mpx', 'bits'] as const)
            for (const streams of [[], of(0), of(1900), of(20_000)]) {
              const carrier = { levelDbfs, cnDb, pilotDeviationHz, frequencyOffsetHz: null, clippedShare: null };
              const advice = adviceFor({ ...heard, input, carrier, streams, silentSeconds: 60 });
              expect(advice?.sentence).toMatch(/^[A-Z].{20,250}\.$/);
            }
  });
});
