/** Where samples come from, as a configuration or a command line says it. */

import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import { parseHz } from '#codec/iq/rate.ts';
import { SAMPLE_FORMATS, type SampleFormat } from '#codec/iq/samples.ts';
import type { IqSource, TuneRequest } from '#hardware/contracts.ts';
import type { Fields } from '#hardware/file/fields.ts';
import { FileSource } from '#hardware/file/source.ts';
import { RtlSdrSource } from '#hardware/rtlsdr/child.ts';
import { parseRtlTcpAddress, RtlTcpSource } from '#hardware/rtlsdr/client.ts';
import { DONGLE_RATES, isDongleRate } from '#hardware/rtlsdr/rates.ts';
import { usage } from './fault.ts';

export type SourceConfig =
  | { readonly kind: 'rtl_tcp'; readonly host: string; readonly port: number; readonly biasTee?: boolean }
  /** The first dongle when there is no index. */
  | { readonly kind: 'rtl_sdr'; readonly deviceIndex?: number; readonly biasTee?: boolean }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly format?: SampleFormat;
      readonly defaultFormat?: SampleFormat;
      readonly rateHz?: number;
    };

export function makeSource(config: SourceConfig, stdin?: Readable): IqSource {
  switch (config.kind) {
    case 'rtl_tcp': {
      const { host, port, biasTee } = config;
      return new RtlTcpSource({ host, port, ...(biasTee !== undefined && { biasTee }) });
    }
    case 'rtl_sdr': {
      const { deviceIndex, biasTee } = config;
      return new RtlSdrSource({
        ...(deviceIndex !== undefined && { device: deviceIndex }),
        ...(biasTee !== undefined && { biasTee }),
      });
    }
    case 'file': {
      const { kind: _, ...options } = config;
      return new FileSource({ ...options, ...(stdin !== undefined && { stdin }) });
    }
  }
  return config satisfies never;
}

/** The `source` of a configuration; paths are relative to `folder`. */
export function parseSourceFields(fields: Fields, folder: string): SourceConfig {
  const kind = fields.choice('kind', ['rtl_tcp', 'rtl_sdr', 'file']);
  const config = sourceOf(kind, fields, folder);
  fields.end();
  return config;
}

function sourceOf(kind: SourceConfig['kind'], fields: Fields, folder: string): SourceConfig {
  if (kind === 'file') {
    const path = resolve(folder, fields.text('path'));
    return { kind, path, ...(fields.has('format') && { format: fields.choice('format', SAMPLE_FORMATS) }) };
  }
  const biasTee = fields.has('biasTee') ? { biasTee: fields.flag('biasTee', false) } : {};
  if (kind === 'rtl_sdr') {
    const index = fields.has('deviceIndex') ? { deviceIndex: fields.whole('deviceIndex', DEVICE_INDEX) } : {};
    return { kind, ...index, ...biasTee };
  }
  const host = fields.text('host', '127.0.0.1');
  return { kind, host, port: fields.whole('port', { from: 1, to: 65_535, fallback: 1234 }), ...biasTee };
}

const DEVICE_INDEX = { from: 0, to: 255 };

/** As they come from the command line. */
export interface SourceOptions {
  readonly source?: string;
  readonly frequency?: string;
  readonly rate?: string;
  readonly gain?: string;
  readonly ppm?: string;
  readonly biasTee?: boolean;
  readonly format?: string;
}

export const SOURCE_FORMS = ['rtl_tcp://HOST:PORT', 'rtl_sdr', 'rtl_sdr:INDEX', 'PATH', '-'] as const;

/** `rtl_tcp://HOST:PORT`, `rtl_sdr[:INDEX]`, the path of a recording, or `-`. Throws for anything that cannot be meant. */
export function parseSource(options: SourceOptions): SourceConfig {
  const text = options.source ?? '';
  if (text === '') throw usage(`Say where samples come from: --source is one of ${SOURCE_FORMS.join(', ')}.`);
  const biasTee = options.biasTee === true ? { biasTee: true } : {};
  const isDongle = text.startsWith('rtl_tcp') || /^rtl_sdr(:|$)/.test(text);
  if (isDongle && options.format !== undefined) throw usage('--format is for recordings; a dongle gives cu8.');
  if (text === 'rtl_tcp') return { kind: 'rtl_tcp', host: '127.0.0.1', port: 1234, ...biasTee };
  if (text.startsWith('rtl_tcp:')) {
    const address = text.startsWith('rtl_tcp://') ? parseRtlTcpAddress(text.slice('rtl_tcp://'.length)) : undefined;
    if (address === undefined) throw usage(`${text} is no address; write rtl_tcp://HOST:PORT.`);
    return { kind: 'rtl_tcp', ...address, ...biasTee };
  }
  const index = /^rtl_sdr(?::(.*))?$/.exec(text);
  if (index !== null) {
    if (index[1] === undefined) return { kind: 'rtl_sdr', ...biasTee };
    if (!/^\d{1,2}$/.test(index[1])) throw usage(`${text} has no number of a dongle; write rtl_sdr:0.`);
    return { kind: 'rtl_sdr', deviceIndex: Number(index[1]), ...biasTee };
  }
  if (/^[a-z_]+:\/\//i.test(text)) throw usage(`${text} is no source; --source is one of ${SOURCE_FORMS.join(', ')}.`);
  return parseRecording(text, options);
}

/** A file or `-`. What the options do not say is found in the recording itself or its name. */
export function parseRecording(path: string, { rate, format, gain, ppm, biasTee }: SourceOptions): SourceConfig {
  const other = Object.entries({ '--gain': gain, '--ppm': ppm, '--bias-tee': biasTee }).find(([, value]) => value);
  if (other !== undefined) throw usage(`${other[0]} is for a dongle, and ${path} is a recording.`);
  const known = SAMPLE_FORMATS.find((name) => name === format);
  if (format !== undefined && known === undefined) throw usage(`--format is one of ${SAMPLE_FORMATS.join(', ')}.`);
  return {
    kind: 'file',
    path,
    ...(rate !== undefined && { rateHz: parseRate(rate) }),
    ...(known !== undefined && { format: known }),
  };
}

const DEFAULT_RATE_HZ = 250_000;

function parseRate(text: string): number {
  const rateHz = parseHz(text);
  if (rateHz === null) throw usage(`${text} is no sample rate.`);
  if (rateHz < 225_000 || rateHz > 20e6) throw usage('The sample rate of IQ is 225k to 20M.');
  return rateHz;
}

/** Band II with what the Japanese and eastern bands add. */
const LOWEST_HZ = 60e6;
const HIGHEST_HZ = 110e6;

export function parseFrequency(text: string): number {
  const frequencyHz = parseHz(text);
  if (frequencyHz === null) throw usage(`${text} is no frequency; write 98.5M.`);
  if (frequencyHz < LOWEST_HZ || frequencyHz > HIGHEST_HZ)
    throw usage(`${text} is not within 60M to 110M, the FM bands.`);
  return frequencyHz;
}

/** Everything but the frequency. Gain is automatic when it is not given; a recording says its rate itself, or it is asked for. */
export function parseTuning(options: SourceOptions, { kind }: SourceConfig): Omit<TuneRequest, 'frequencyHz'> {
  const unsaid = kind === 'file' ? Number.NaN : DEFAULT_RATE_HZ;
  const rateHz = options.rate === undefined ? unsaid : parseRate(options.rate);
  if (kind !== 'file' && !isDongleRate(rateHz))
    throw usage(`${options.rate}: a dongle samples at ${DONGLE_RATES} a second.`);
  return {
    rateHz,
    gainDb: options.gain === undefined || options.gain === 'auto' ? 'auto' : parseNumber(options.gain, 'gain', -10, 60),
    correctionPpm: options.ppm === undefined ? 0 : parseNumber(options.ppm, 'ppm', -200, 200),
  };
}

function parseNumber(text: string, name: string, from: number, to: number): number {
  const value = /^[-+]?\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= from && value <= to) return value;
  throw usage(`--${name} is a number from ${from} to ${to}${name === 'gain' ? ', or auto' : ''}; ${text} is not.`);
}

export function parseSeconds(text: string): number {
  const seconds = /^\d{1,7}(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (seconds > 0) return seconds;
  throw usage(`--seconds is a number above 0; ${text} is not.`);
}

export function parseStreams(text: string | undefined): 1 | 4 {
  if (text === '1') return 1;
  if (text === undefined || text === '4') return 4;
  throw usage('--streams is 1 (RDS) or 4 (RDS and RDS2).');
}

/** The options of whoever listens to a dongle. */
export function addSourceOptions(command: Command): Command {
  return command
    .option('--source <source>', SOURCE_FORMS.join(', '))
    .option('--format <form>', `of a recording that does not say it: ${SAMPLE_FORMATS.join(', ')}`)
    .option('--rate <hz>', 'samples a second (default 250k, or what a recording says)')
    .option('--gain <db>', 'dB, or auto (default auto)')
    .option('--ppm <n>', "correction of the dongle's crystal")
    .option('--bias-tee', 'power for an amplifier at the antenna')
    .option('--streams <n>', '1 for RDS, 4 for RDS and RDS2 (default 4)');
}
