/** Stations as a dongle hears them, with and without RDS, and what is none. */

import { FmModulator } from '#codec/iq/fm.ts';
import { GroupReceiver } from '#codec/iq/receive.ts';
import { Melody } from '#codec/mpx/audio.ts';
import { MpxModulator } from '#codec/mpx/modulate.ts';
import type { Progress } from '../../receiver/progress.ts';
import { addNoise, RandomGroups, randomWords } from '../mpx/signals.ts';
import { type MeasuredSignal, SignalMeasure, type SignalMeasureOptions } from '../../receiver/measure.ts';

export interface StationOptions {
  readonly rateHz?: number;
  readonly seconds?: number;
  /** False leaves the subcarrier out. */
  readonly rds?: boolean;
  readonly pilotDeviationHz?: number;
  readonly offsetHz?: number;
  readonly cnDb?: number;
  /** 1 is full scale. */
  readonly amplitude?: number;
}

const RATE_HZ = 250_000;
const SECONDS = 2;

export function multiplexOf({
  rateHz = RATE_HZ,
  seconds = SECONDS,
  rds = true,
  pilotDeviationHz = 6750,
}: StationOptions = {}): Float32Array {
  const part = (options: { pilotDeviationHz: number; audio: Melody | null }): Float32Array => {
    const mpx = new Float32Array(Math.round(seconds * rateHz));
    new MpxModulator({ rateHz, streams: 1, nextGroup: new RandomGroups(1).next, ...options }).modulate(mpx);
    return mpx;
  };
  const mpx = part({ pilotDeviationHz, audio: new Melody() });
  // The modulator does not go without; the same subcarrier alone is taken away.
  const subcarrier = rds ? null : part({ pilotDeviationHz: 0, audio: null });
  return subcarrier === null ? mpx : mpx.map((x, k) => x - subcarrier[k]);
}

/** Complex samples. */
export function stationOf(options: StationOptions = {}): Float32Array {
  const { rateHz = RATE_HZ, offsetHz = 0, cnDb = 40, amplitude = 0.5 } = options;
  const mpx = multiplexOf(options).map((x) => x + offsetHz / 75_000);
  const iq = new Float32Array(2 * mpx.length);
  new FmModulator({ rateHz }).modulate(mpx, iq);
  addNoise(iq, Math.sqrt((0.5 * 10 ** (-cnDb / 10) * rateHz) / RATE_HZ), randomWords(2));
  return iq.map((x) => x * amplitude);
}

export function noiseOf(deviation: number, values: number = 2 * SECONDS * RATE_HZ): Float32Array {
  const noise = new Float32Array(values);
  addNoise(noise, deviation, randomWords(3));
  return noise;
}

/** What reception measures of these bytes. */
export function measure(
  bytes: Uint8Array,
  { input = 'iq', rateHz = RATE_HZ, format = 'cu8', ...rest }: Partial<SignalMeasureOptions> = {},
): MeasuredSignal {
  const receiver = new GroupReceiver({ input, rateHz, format, streams: 1, onGroup: () => {} });
  const signal = new SignalMeasure({ input, rateHz, format, ...rest });
  for (let at = 0; at < bytes.length; at += 65_536) {
    const chunk = bytes.subarray(at, at + 65_536);
    receiver.push(chunk);
    signal.add(chunk.length, receiver.quality);
  }
  receiver.end();
  signal.addEnd(receiver.quality);
  return signal.measured;
}

/** A device that receives, at 1,800,000,000 s. */
export const PROGRESS: Progress = {
  format: 2,
  timeMs: 1_800_000_000_000,
  processId: 7,
  source: 'a dongle',
  frequencyHz: 98_500_000,
  connected: true,
  signal: {
    timeMs: 1_800_000_000_000,
    input: 'iq',
    rateHz: 250_000,
    format: 'cu8',
    seconds: 100,
    silentSeconds: 0,
    acceptedBlocks: 4000,
    carrier: { levelDbfs: -12.5, cnDb: 24, frequencyOffsetHz: -800, pilotDeviationHz: 6700, clippedShare: 0.001 },
    streams: [
      {
        ...{ stream: 0, tracking: true, locked: true, blockErrorRate: 0.0417, ebN0Db: 11.2, clockErrorPpm: -3.4 },
        ...{ deviationHz: 2010, groups: 1100, wholeGroups: 1000 },
      },
      {
        ...{ stream: 1, tracking: false, locked: false, blockErrorRate: null, ebN0Db: null, clockErrorPpm: null },
        ...{ deviationHz: 90, groups: 0, wholeGroups: 0 },
      },
    ],
  },
  storage: null,
  wrong: null,
  history: [
    {
      ...{ timeMs: 1_799_999_940_000, seconds: 60, lockedShare: 1, blockErrorRate: 0.04, cnDb: 24 },
      ...{ groups: 685, wholeGroups: 640, restarts: 1 },
    },
  ],
  objects: [{ identity: '0123456789abcdef', sizeBytes: 9000, handle: 1, forThisDevice: true, fraction: 0.5 }],
};
