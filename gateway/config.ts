/** The configuration of a gateway, parsed once into a form that cannot be wrong. docs/gateway.md explains every field. */

import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { DEFAULT_CHANNEL, DEFAULT_GROUP_TYPE_CODE } from '#codec/groups/announce.ts';
import { STREAM_NUMBERS, type StreamNumber } from '#codec/groups/group.ts';
import { leastMpxRateHz } from '#codec/mpx/subcarrier.ts';
import { Fields } from '#hardware/file/fields.ts';
import { messageOf } from '#hardware/fault.ts';
import { configFault, EXIT, GatewayError } from './fault.ts';
import { type OutputConfig, parseOutput } from './output-config.ts';

export interface LinkConfig {
  /** What `backend gateway add` made: this gateway's key and certificate, the backend's authority and address. */
  readonly bundleDir: string;
  /** In place of what the bundle says. */
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly heartbeatSeconds: number;
}

export interface StationConfig {
  readonly name: string;
  readonly frequencyHz: number;
  readonly pi: number;
  readonly ps: string;
  readonly radioText: string;
  readonly tp: boolean;
  readonly pty: number;
  readonly groupTypeCode: number;
  readonly channel: number;
  /** Of our groups: what a receiver loses for which promises are made. */
  readonly assumedLoss: number;
  /** What the smallest receiver can spare for a matrix; undefined: what a fountain needs. */
  readonly receiverMemoryBytes: number | undefined;
  /** 0 alone, or 0 to 3. */
  readonly streams: readonly StreamNumber[];
  readonly rdsDeviationHz: number;
  /** `melody`, `none`, or the path of a 16-bit stereo WAV file. */
  readonly audio: string;
}

export interface GatewayConfig {
  readonly stateDir: string;
  readonly link: LinkConfig | undefined;
  /** Files with release public keys (PEM), or the keys themselves in hexadecimal; besides that of the bundle. */
  readonly trustedKeys: readonly string[];
  readonly station: StationConfig;
  /** Of the groups of stream 0, announcements included. */
  readonly dataShare: number;
  readonly rateHz: number;
  readonly outputs: readonly OutputConfig[];
}

export async function loadConfig(path: string): Promise<GatewayConfig> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new GatewayError('CONFIG', `The configuration ${path} cannot be read; check --config.`, EXIT.usage, cause);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new GatewayError('CONFIG', `${path} is not JSON: ${messageOf(cause)}.`, EXIT.usage, cause);
  }
  try {
    return parseConfig(value, dirname(resolve(path)));
  } catch (cause) {
    if (!(cause instanceof GatewayError)) throw cause;
    throw new GatewayError('CONFIG', `${path}: ${cause.message}`, EXIT.usage, cause);
  }
}

/** Paths in the file count from the folder it lies in. */
export function parseConfig(value: unknown, folder: string): GatewayConfig {
  const fields = new Fields(value, '', configFault);
  const path = (text: string): string => resolve(folder, text);
  const station = parseStation(fields.object('station'), path);
  const hasSeveral = Array.isArray(fields.raw('output'));
  const outputs = (hasSeveral ? fields.objects('output') : [fields.object('output')]).map((one) =>
    parseOutput(one, path),
  );
  if (outputs.length === 0) throw configFault('output must name at least one output.');
  const rateHz = outputs[0].rateHz;
  if (outputs.some((other) => other.rateHz !== rateHz))
    throw configFault('All outputs of one gateway must have the same rateHz.');
  const lowestHz = leastMpxRateHz(station.streams.length > 1 ? 4 : 1);
  if (rateHz < lowestHz) throw configFault(`output.rateHz must be ${lowestHz} or more for these streams.`);
  const config: GatewayConfig = {
    stateDir: path(fields.text('stateDir')),
    link: fields.has('link') ? parseLink(fields.object('link'), path) : undefined,
    trustedKeys: fields.has('trustedKeys')
      ? fields.list('trustedKeys').map((key, index) => {
          if (typeof key !== 'string' || key === '')
            throw configFault(`trustedKeys[${index}] must be a file or 64 hex digits.`);
          return /^[0-9a-fA-F]{64}$/.test(key) ? key : path(key);
        })
      : [],
    station,
    dataShare: fields.number('dataShare', { from: 0.01, to: 0.9, fallback: 0.25 }),
    rateHz,
    outputs,
  };
  fields.end();
  return config;
}

function parseLink(fields: Fields, path: (text: string) => string): LinkConfig {
  const link: LinkConfig = {
    bundleDir: path(fields.text('bundleDir')),
    host: fields.has('host') ? fields.text('host') : undefined,
    port: fields.has('port') ? fields.whole('port', { from: 1, to: 65_535 }) : undefined,
    heartbeatSeconds: fields.number('heartbeatSeconds', { from: 0.05, to: 600, fallback: 10 }),
  };
  fields.end();
  return link;
}

function parseStation(fields: Fields, path: (text: string) => string): StationConfig {
  const rds2 = fields.flag('rds2', false);
  const audio = fields.text('audio', 'melody');
  const station: StationConfig = {
    name: fields.text('name', 'station'),
    frequencyHz: fields.number('frequencyHz', { from: 1e6, to: 1.8e9 }),
    pi: fields.parsed('pi', 'four hex digits, not 0000', parsePi),
    ps: fields.parsed('ps', '1 to 8 characters', (text) => (text.length >= 1 && text.length <= 8 ? text : undefined)),
    radioText: fields.parsed('rt', 'at most 64 characters', (text) => (text.length <= 64 ? text : undefined), ''),
    tp: fields.flag('tp', false),
    pty: fields.whole('pty', { from: 0, to: 31, fallback: 0 }),
    groupTypeCode: fields.parsed(
      'groupType',
      'a type A group that is free for ODA: 5A 6A 7A 8A 9A 11A 12A 13A',
      parseGroupType,
      groupTypeName(DEFAULT_GROUP_TYPE_CODE),
    ),
    channel: fields.whole('channel', { from: 0, to: 63, fallback: DEFAULT_CHANNEL }),
    assumedLoss: fields.number('assumedLoss', { from: 0, to: 0.9, fallback: 0.1 }),
    receiverMemoryBytes: fields.has('receiverMemoryBytes')
      ? fields.whole('receiverMemoryBytes', { from: 0, to: Number.MAX_SAFE_INTEGER })
      : undefined,
    streams: rds2 ? STREAM_NUMBERS : [0],
    rdsDeviationHz: fields.number('rdsDeviationHz', { from: 1000, to: 7500, fallback: 2000 }),
    audio: audio === 'melody' || audio === 'none' ? audio : path(audio),
  };
  fields.end();
  return station;
}

function parsePi(text: string): number | undefined {
  const pi = /^[0-9a-fA-F]{4}$/.test(text) ? Number.parseInt(text, 16) : 0;
  return pi === 0 ? undefined : pi;
}

/** EN 50067:1998 table 6: what the standard leaves to ODA, and what it does when the station does not use it. */
const ODA_TYPES = ['5A', '6A', '7A', '8A', '9A', '11A', '12A', '13A'];

function parseGroupType(text: string): number | undefined {
  return ODA_TYPES.includes(text) ? 2 * Number.parseInt(text, 10) : undefined;
}

function groupTypeName(code: number): string {
  return `${code >> 1}${(code & 1) === 0 ? 'A' : 'B'}`;
}
