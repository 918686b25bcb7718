/**
 * What `listen` is receiving, for `status` and the device's page: a small file that is replaced at most twice a second. It
 * says what was counted and when; losing it loses nothing. Whatever else stands in its place is read as absent.
 */

import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { STREAM_NUMBERS } from '#codec/groups/group.ts';
import { SAMPLE_FORMATS } from '#codec/iq/samples.ts';
import { replaceAtomically } from '#hardware/file/durable.ts';
import { Fields, type NumberLimits } from '#hardware/file/fields.ts';
import { isNoRoom } from '#hardware/fault.ts';
import type { Storage } from './collect-store.ts';
import type { MeasuredCarrier, MeasuredSignal, MeasuredStream } from './measure.ts';
import { HISTORY_MINUTES, type ReceptionMinute } from './reception-history.ts';
import { parseWrongCounts, type WrongCounts } from './wrong-groups.ts';

interface ObjectProgress {
  /** First 8 bytes of its SHA-256, hex. */
  readonly identity: string;
  readonly sizeBytes: number;
  readonly handle: number;
  /** Whether its device-type tag is this device's. */
  readonly forThisDevice: boolean;
  /** Independent symbols of those needed, 0 .. 1. */
  readonly fraction: number;
}

/** Counted and measured since the source was opened, averaged over about a second. */
export interface SignalProgress extends MeasuredSignal {
  /** When it was measured; after a source is lost this stays. */
  readonly timeMs: number;
}

export interface Progress {
  readonly format: 2;
  readonly timeMs: number;
  readonly processId: number;
  readonly source: string;
  readonly frequencyHz: number;
  readonly connected: boolean;
  /** Null before the first sample. */
  readonly signal: SignalProgress | null;
  readonly history: readonly ReceptionMinute[];
  /** What is in memory only, for want of room; null when there is room for everything. */
  readonly storage: Storage | null;
  /** What was heard and was wrong; null in files of before there was such. */
  readonly wrong: WrongCounts | null;
  readonly objects: readonly ObjectProgress[];
}

const NAME = 'progress.json';
/** A hundred times what it is. */
const MAX_BYTES = 4 * 1024 * 1024;

/** Its length is a multiple of this, so that it can be written in its place when no other block is to be had. */
const BLOCK_BYTES = 4096;

/** One step for a reader, no fsync: it is worth nothing after a power cut. */
export async function writeProgress(stateFolder: string, progress: Progress): Promise<void> {
  const path = join(stateFolder, NAME);
  const text = Buffer.from(JSON.stringify(progress));
  const padded = Buffer.alloc(BLOCK_BYTES * Math.ceil((text.length + 1) / BLOCK_BYTES), '\n');
  text.copy(padded);
  try {
    await replaceAtomically(path, padded.toString());
  } catch (error) {
    if (!isNoRoom(error)) throw error;
    await writeInPlace(path, padded);
  }
}

/** On a full disk; whoever reads in this very moment may find it torn, which counts as absent. */
async function writeInPlace(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.write(bytes, 0, bytes.length, 0);
    await file.truncate(bytes.length);
  } finally {
    await file.close();
  }
}

export async function readProgress(stateFolder: string): Promise<Progress | undefined> {
  try {
    const path = join(stateFolder, NAME);
    const found = await stat(path);
    if (!found.isFile() || found.size > MAX_BYTES) return undefined;
    return parseProgress(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}

const TIME: NumberLimits = { from: 0, to: 8.64e15 };
const COUNT: NumberLimits = { from: 0, to: Number.MAX_SAFE_INTEGER };
const SHARE: NumberLimits = { from: 0, to: 1 };
/** For what may have either sign and any unit. */
const ANY: NumberLimits = { from: -1e15, to: 1e15 };
const POSITIVE: NumberLimits = { from: 0, to: 1e15 };

function numberOrNull(fields: Fields, name: string, limits: NumberLimits): number | null {
  return fields.raw(name) === null ? null : fields.number(name, limits);
}

/** Throws for what is no progress. Fields that are not known are passed over. */
function parseProgress(value: unknown): Progress {
  const fields = new Fields(value);
  return {
    format: fields.choice('format', [2]),
    timeMs: fields.number('timeMs', TIME),
    processId: fields.whole('processId', COUNT),
    source: fields.raw('source') === '' ? '' : fields.text('source').slice(0, 1000),
    frequencyHz: fields.number('frequencyHz', POSITIVE),
    connected: fields.flag('connected', false),
    signal: fields.raw('signal') === null ? null : parseSignal(fields.object('signal')),
    history: fields.objects('history').slice(-HISTORY_MINUTES).map(parseMinute),
    storage: (fields.raw('storage') ?? null) === null ? null : parseStorage(fields.object('storage')),
    wrong: (fields.raw('wrong') ?? null) === null ? null : parseWrongCounts(fields.object('wrong')),
    objects: fields.objects('objects').map(parseObject),
  };
}

function parseSignal(fields: Fields): SignalProgress {
  return {
    timeMs: fields.number('timeMs', TIME),
    input: fields.choice('input', ['iq', 'mpx', 'bits']),
    rateHz: fields.number('rateHz', POSITIVE),
    format: fields.raw('format') === null ? null : fields.choice('format', SAMPLE_FORMATS),
    seconds: fields.number('seconds', POSITIVE),
    silentSeconds: fields.number('silentSeconds', POSITIVE),
    acceptedBlocks: fields.whole('acceptedBlocks', COUNT),
    carrier: parseCarrier(fields.object('carrier')),
    streams: fields.objects('streams').slice(0, STREAM_NUMBERS.length).map(parseStream),
  };
}

function parseCarrier(fields: Fields): MeasuredCarrier {
  return {
    levelDbfs: numberOrNull(fields, 'levelDbfs', ANY),
    cnDb: numberOrNull(fields, 'cnDb', ANY),
    frequencyOffsetHz: numberOrNull(fields, 'frequencyOffsetHz', ANY),
    pilotDeviationHz: numberOrNull(fields, 'pilotDeviationHz', POSITIVE),
    clippedShare: numberOrNull(fields, 'clippedShare', SHARE),
  };
}

function parseStream(fields: Fields): MeasuredStream {
  return {
    stream: fields.choice('stream', STREAM_NUMBERS),
    tracking: fields.flag('tracking', false),
    locked: fields.flag('locked', false),
    blockErrorRate: numberOrNull(fields, 'blockErrorRate', SHARE),
    ebN0Db: numberOrNull(fields, 'ebN0Db', ANY),
    clockErrorPpm: numberOrNull(fields, 'clockErrorPpm', ANY),
    deviationHz: numberOrNull(fields, 'deviationHz', POSITIVE),
    groups: fields.whole('groups', COUNT),
    wholeGroups: fields.whole('wholeGroups', COUNT),
  };
}

function parseStorage(fields: Fields): Storage {
  return {
    cause: fields.choice('cause', ['disk-full', 'log-limit']),
    sinceMs: fields.number('sinceMs', TIME),
    heldGroups: fields.whole('heldGroups', COUNT),
    heldPackages: fields.whole('heldPackages', COUNT),
    heldObjects: fields.whole('heldObjects', COUNT),
  };
}

function parseMinute(fields: Fields): ReceptionMinute {
  return {
    timeMs: fields.number('timeMs', TIME),
    seconds: fields.number('seconds', POSITIVE),
    lockedShare: fields.number('lockedShare', SHARE),
    blockErrorRate: numberOrNull(fields, 'blockErrorRate', SHARE),
    cnDb: numberOrNull(fields, 'cnDb', ANY),
    groups: fields.whole('groups', COUNT),
    wholeGroups: fields.whole('wholeGroups', COUNT),
    restarts: fields.whole('restarts', COUNT),
  };
}

function parseObject(fields: Fields): ObjectProgress {
  return {
    identity: fields.parsed('identity', '16 hex digits', (text) => (/^[0-9a-f]{16}$/.test(text) ? text : undefined)),
    sizeBytes: fields.whole('sizeBytes', COUNT),
    handle: fields.whole('handle', COUNT),
    forThisDevice: fields.flag('forThisDevice', false),
    fraction: fields.number('fraction', SHARE),
  };
}
