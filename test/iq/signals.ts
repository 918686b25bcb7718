/** A station's samples for tests: random groups, audio, FM, noise, and what a tuner adds. */

import type { Group } from '#codec/groups/group.ts';
import { FmModulator } from '#codec/iq/fm.ts';
import { type SampleFormat, writeSamples } from '#codec/iq/samples.ts';
import { Melody } from '#codec/mpx/audio.ts';
import { MpxModulator } from '#codec/mpx/modulate.ts';
import { addNoise, RandomGroups, randomWords } from '../mpx/signals.ts';

export interface FmSignalOptions {
  readonly seed?: number;
  readonly rateHz?: number;
  readonly streams?: 1 | 4;
  readonly groups?: number;
  readonly format?: SampleFormat;
  /** Tuning error. */
  readonly offsetHz?: number;
  /** Carrier to noise in 250 kHz. */
  readonly cnDb?: number;
}

export function fmSignal(options: FmSignalOptions): { sent: Group[][]; bytes: Uint8Array } {
  const { seed = 1, rateHz = 250_000, streams = 1, groups: limit = 15, format = 'cu8', offsetHz = 0, cnDb } = options;
  const groups = new RandomGroups(seed, limit);
  const modulator = new MpxModulator({ rateHz, streams, audio: new Melody(), nextGroup: groups.next });
  const mpx = new Float32Array(Math.ceil(((limit + 5) * 104 * rateHz) / 1187.5));
  const iq = new Float32Array(2 * mpx.length);
  modulator.modulate(mpx);
  for (let k = 0; k < mpx.length; k++) mpx[k] += offsetHz / 75_000;
  new FmModulator({ rateHz }).modulate(mpx, iq);
  const noiseShare = rateHz / 250_000;
  if (cnDb !== undefined) addNoise(iq, Math.sqrt(0.5 * noiseShare * 10 ** (-cnDb / 10)), randomWords(seed + 1));
  for (let k = 0; k < iq.length; k++) iq[k] *= 0.4;
  return { sent: groups.sent, bytes: writeSamples(format, iq) };
}
