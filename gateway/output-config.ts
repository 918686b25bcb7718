/** Where the signal goes: one entry of `output` in the configuration. */

import { SAMPLE_FORMATS, type SampleFormat } from '#codec/iq/samples.ts';
import type { ScheduledFade } from '#hardware/air/fades.ts';
import type { Fields } from '#hardware/file/fields.ts';

interface AirOutput {
  readonly kind: 'air';
  readonly rateHz: number;
  readonly host: string;
  readonly port: number;
  readonly speed: number;
  readonly waitForListener: boolean;
  readonly levelDbfs: number;
  readonly cnDb: number;
  readonly tuningPpm: number;
  readonly clockPpm: number;
  readonly schedule: readonly ScheduledFade[];
  readonly lossShare: number;
  readonly lossGroups: number;
  readonly seed: number;
  readonly savePath: string | undefined;
  readonly stallSeconds: number;
}

interface IqFileOutput {
  readonly kind: 'iq-file';
  readonly rateHz: number;
  readonly path: string;
  readonly format: SampleFormat;
}

interface MpxFileOutput {
  readonly kind: 'mpx-file';
  readonly rateHz: number;
  readonly path: string;
  readonly format: MpxFormat;
}

type MpxFormat = 's16' | 'wav';
const MPX_FORMATS: readonly MpxFormat[] = ['s16', 'wav'];

export type OutputConfig = AirOutput | IqFileOutput | MpxFileOutput;
const OUTPUT_KINDS: readonly OutputConfig['kind'][] = ['air', 'iq-file', 'mpx-file'];

const DEFAULT_RATE_HZ = 250_000;

export function parseOutput(fields: Fields, path: (text: string) => string): OutputConfig {
  const kind = fields.choice('kind', OUTPUT_KINDS);
  const rateHz = fields.whole('rateHz', { from: 100_000, to: 20_000_000, fallback: DEFAULT_RATE_HZ });
  const output = ((): OutputConfig => {
    switch (kind) {
      case 'air':
        return parseAir(fields, path, rateHz);
      case 'iq-file':
        return { kind, rateHz, path: filePath(fields, path), format: fields.choice('format', SAMPLE_FORMATS, 'cu8') };
      case 'mpx-file':
        return { kind, rateHz, path: filePath(fields, path), format: fields.choice('format', MPX_FORMATS, 's16') };
    }
    return kind satisfies never;
  })();
  fields.end();
  return output;
}

/** `-` is stdout. */
function filePath(fields: Fields, path: (text: string) => string): string {
  const text = fields.text('path');
  return text === '-' ? text : path(text);
}

function parseAir(fields: Fields, path: (text: string) => string, rateHz: number): AirOutput {
  return {
    kind: 'air',
    rateHz,
    host: fields.text('host', '127.0.0.1'),
    port: fields.whole('port', { from: 0, to: 65_535 }),
    speed: fields.number('speed', { from: 0, to: 1000, fallback: 1 }),
    waitForListener: fields.flag('waitForListener', false),
    levelDbfs: fields.number('levelDbfs', { from: -40, to: 0, fallback: -12 }),
    cnDb: fields.has('cnDb') ? fields.number('cnDb', { from: -20, to: 100 }) : Number.POSITIVE_INFINITY,
    tuningPpm: fields.number('tuningPpm', { from: -200, to: 200, fallback: 0 }),
    clockPpm: fields.number('clockPpm', { from: -200, to: 200, fallback: 0 }),
    schedule: fields.has('fades') ? fields.objects('fades').map(parseFade) : [],
    lossShare: fields.number('lossShare', { from: 0, to: 0.99, fallback: 0 }),
    lossGroups: fields.number('lossGroups', { from: 0.01, to: 1e6, fallback: 4 }),
    seed: fields.whole('seed', { from: 0, to: 0xffff_ffff, fallback: 1 }),
    savePath: fields.has('save') ? path(fields.text('save')) : undefined,
    stallSeconds: fields.number('stallSeconds', { from: 1, to: 3600, fallback: 60 }),
  };
}

function parseFade(fields: Fields): ScheduledFade {
  const fade = {
    atSeconds: fields.number('atSeconds', { from: 0, to: 1e9 }),
    durationSeconds: fields.number('durationSeconds', { from: 0, to: 1e9 }),
    ...(fields.has('depthDb') ? { depthDb: fields.number('depthDb', { from: 0, to: 200 }) } : {}),
  };
  fields.end();
  return fade;
}
