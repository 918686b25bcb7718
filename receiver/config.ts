/**
 * What a device is told at manufacture, in one JSON file. Parsed once and strictly: a setting that is misspelt must not be
 * a setting that is silently missing. Paths are relative to the file's folder.
 */

import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { SAMPLE_FORMATS, type SampleFormat } from '#codec/iq/samples.ts';
import { readPublicKey } from '#hardware/hsm/file.ts';
import { type SlotPaths, slotPathsIn } from '#hardware/slots/file.ts';
import { ReceiverError } from './fault.ts';

export interface DeviceIdentity {
  readonly vendor: string;
  readonly deviceType: string;
  /** Absent: the device does not know, and takes only packages for every revision. */
  readonly hardwareRevision?: number;
}

type SourceConfig =
  | { readonly kind: 'rtl_tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'file'; readonly path: string; readonly format?: SampleFormat };

export interface ReceiverConfig {
  readonly device: DeviceIdentity;
  /** Raw Ed25519 public keys. */
  readonly trustedKeys: readonly Uint8Array[];
  readonly slotPaths: SlotPaths;
  readonly slotSizeBytes: number;
  /** Where the boot environment and the record of the running slot lie. */
  readonly bootFolder: string;
  readonly stateFolder: string;
  readonly source: SourceConfig;
  readonly frequencyHz: number;
  readonly rateHz: number;
  readonly gainDb: number | 'auto';
  readonly correctionPpm: number;
  readonly streams: 1 | 4;
}

export async function readConfig(path: string): Promise<ReceiverConfig> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new ReceiverError('CONFIG', `The configuration ${path} cannot be read.`, error);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ReceiverError(
      'CONFIG',
      `The configuration ${path} is not JSON: ${error instanceof Error ? error.message : 'unreadable'}.`,
      error,
    );
  }
  return parseConfig(value, path);
}

export async function parseConfig(value: unknown, path: string): Promise<ReceiverConfig> {
  const folder = dirname(resolve(path));
  const settings = new Settings(value, '', path);
  const keys: Uint8Array[] = [];
  for (const [i, key] of settings.list('trustedKeys').entries())
    keys.push(await parseKey(key, `trustedKeys[${i}]`, folder, path));
  const slots = new Settings(settings.any('slots'), 'slots.', path);
  const slotSizeBytes = slots.number('sizeBytes', { least: 4096, most: 2 ** 40, whole: true });
  const slotFolder = slots.has('folder') ? resolve(folder, slots.text('folder')) : undefined;
  const slotPaths =
    slotFolder === undefined
      ? { A: resolve(folder, slots.text('a')), B: resolve(folder, slots.text('b')) }
      : slotPathsIn(slotFolder);
  if (slotPaths.A === slotPaths.B) throw new ReceiverError('CONFIG', `${path}: slots.a and slots.b are the same file.`);
  slots.end();
  const config: ReceiverConfig = {
    device: {
      vendor: settings.text('vendor'),
      deviceType: settings.text('deviceType'),
      ...(settings.has('hardwareRevision') && {
        hardwareRevision: settings.number('hardwareRevision', { least: 0, most: 2 ** 32, whole: true }),
      }),
    },
    trustedKeys: keys,
    slotPaths,
    slotSizeBytes,
    bootFolder: settings.has('bootFolder')
      ? resolve(folder, settings.text('bootFolder'))
      : (slotFolder ?? dirname(slotPaths.A)),
    stateFolder: resolve(folder, settings.text('stateFolder')),
    source: parseSource(settings.any('source'), folder, path),
    // Band II with what the Japanese and eastern bands add.
    frequencyHz: settings.number('frequencyHz', { least: 60e6, most: 110e6, whole: true }),
    rateHz: settings.number('rateHz', { least: 225_000, most: 4_000_000, whole: true }),
    gainDb: settings.has('gainDb') ? settings.numberOr('gainDb', 'auto', { least: -10, most: 60 }) : 'auto',
    correctionPpm: settings.has('correctionPpm') ? settings.number('correctionPpm', { least: -200, most: 200 }) : 0,
    streams: settings.has('streams') ? settings.oneOf('streams', [1, 4]) : 4,
  };
  settings.end();
  return config;
}

async function parseKey(value: unknown, name: string, folder: string, path: string): Promise<Uint8Array> {
  if (typeof value === 'string') return readTrustedKey(resolve(folder, value), name, path);
  const key = new Settings(value, `${name}.`, path);
  if (key.has('file')) {
    const file = resolve(folder, key.text('file'));
    key.end();
    return readTrustedKey(file, name, path);
  }
  const text = key.text('base64');
  key.end();
  let raw: Uint8Array;
  try {
    raw = Uint8Array.fromBase64(text);
  } catch (error) {
    throw new ReceiverError('CONFIG', `${path}: ${name}.base64 is not base64.`, error);
  }
  if (raw.length !== 32)
    throw new ReceiverError('CONFIG', `${path}: ${name}.base64 is ${raw.length} bytes long instead of 32.`);
  return raw;
}

async function readTrustedKey(file: string, name: string, path: string): Promise<Uint8Array> {
  try {
    return await readPublicKey(file);
  } catch (error) {
    throw new ReceiverError(
      'CONFIG',
      `${path}: ${name}: ${error instanceof Error ? error.message : 'unreadable'}`,
      error,
    );
  }
}

function parseSource(value: unknown, folder: string, path: string): SourceConfig {
  const source = new Settings(value, 'source.', path);
  if (source.oneOf('kind', ['rtl_tcp', 'file']) === 'rtl_tcp') {
    const host = source.has('host') ? source.text('host') : '127.0.0.1';
    const port = source.has('port') ? source.number('port', { least: 1, most: 65_535, whole: true }) : 1234;
    source.end();
    return { kind: 'rtl_tcp', host, port };
  }
  const file = resolve(folder, source.text('path'));
  const format = source.has('format') ? source.oneOf('format', SAMPLE_FORMATS) : undefined;
  source.end();
  return { kind: 'file', path: file, ...(format !== undefined && { format }) };
}

interface Bounds {
  readonly least: number;
  readonly most: number;
  readonly whole?: boolean;
}

/** Takes settings off a JSON object one by one; what is left at the end was misspelt. */
class Settings {
  readonly #left: Map<string, unknown>;
  readonly #prefix: string;
  readonly #path: string;

  constructor(value: unknown, prefix: string, path: string) {
    this.#prefix = prefix;
    this.#path = path;
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new ReceiverError(
        'CONFIG',
        `${path}: ${prefix === '' ? 'the whole' : prefix.slice(0, -1)} must be a JSON object.`,
      );
    this.#left = new Map(Object.entries(value));
  }

  has(name: string): boolean {
    return this.#left.has(name);
  }

  any(name: string): unknown {
    if (!this.#left.has(name)) throw this.#wrong(name, 'is missing');
    const value = this.#left.get(name);
    this.#left.delete(name);
    return value;
  }

  text(name: string): string {
    const value = this.any(name);
    if (typeof value === 'string' && value !== '') return value;
    throw this.#wrong(name, 'must be a text that is not empty');
  }

  list(name: string): readonly unknown[] {
    const value = this.any(name);
    if (Array.isArray(value) && value.length > 0) return value;
    throw this.#wrong(name, 'must be a list with at least one entry');
  }

  number(name: string, { least, most, whole = false }: Bounds): number {
    const value = this.any(name);
    if (
      typeof value === 'number' &&
      Number.isFinite(value) &&
      value >= least &&
      value <= most &&
      (!whole || Number.isInteger(value))
    )
      return value;
    throw this.#wrong(name, `must be a ${whole ? 'whole ' : ''}number from ${least} to ${most}`);
  }

  numberOr<Word extends string>(name: string, word: Word, bounds: Bounds): number | Word {
    if (this.#left.get(name) !== word) return this.number(name, bounds);
    this.#left.delete(name);
    return word;
  }

  oneOf<const Choice extends string | number>(name: string, choices: readonly Choice[]): Choice {
    const value = this.any(name);
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw this.#wrong(name, `must be one of ${choices.join(', ')}`);
    return found;
  }

  end(): void {
    const [unknown] = this.#left.keys();
    if (unknown !== undefined) throw this.#wrong(unknown, 'is not a setting of this version');
  }

  #wrong(name: string, what: string): ReceiverError {
    return new ReceiverError('CONFIG', `${this.#path}: ${this.#prefix}${name} ${what}.`);
  }
}
