/**
 * What a device is told at manufacture, in one JSON file. Parsed once and strictly: a setting that is misspelt must not be
 * a setting that is silently missing. Paths are relative to the file's folder.
 */

import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Fields } from '#hardware/file/fields.ts';
import { openKey } from '#codec/package/keys.ts';
import { MAX_SIGNATURES } from '#codec/package/sign.ts';
import { readPublicKey } from '#hardware/hsm/file.ts';
import { DONGLE_RATES, isDongleRate } from '#hardware/rtlsdr/rates.ts';
import { type SlotPaths, slotPathsIn } from '#hardware/slots/file.ts';
import { messageOf } from '#hardware/fault.ts';
import { ReceiverError } from './fault.ts';
import { parseSourceFields, type SourceConfig } from './source.ts';

export interface DeviceIdentity {
  readonly vendor: string;
  readonly deviceType: string;
  /** Absent: the device does not know, and takes only packages for every revision. */
  readonly hardwareRevision?: number;
}

export interface ReceiverConfig {
  readonly device: DeviceIdentity;
  /** Raw Ed25519 public keys. */
  readonly trustedKeys: readonly Uint8Array[];
  /** How many of them must have signed a package. */
  readonly leastSignatures: number;
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
    throw new ReceiverError('CONFIG', `The configuration ${path} is not JSON: ${messageOf(error)}.`, error);
  }
  return parseConfig(value, path);
}

export async function parseConfig(value: unknown, path: string): Promise<ReceiverConfig> {
  const folder = dirname(resolve(path));
  const fault = (message: string): ReceiverError => new ReceiverError('CONFIG', `${path}: ${message}`);
  const settings = new Fields(value, '', fault);
  const keys: Uint8Array[] = [];
  for (const [i, key] of settings.list('trustedKeys', { least: 1 }).entries()) {
    const name = `trustedKeys[${i}]`;
    if (typeof key === 'string') keys.push(await readTrustedKey(resolve(folder, key), name, path));
    else keys.push(await parseKey(settings.nested(name, key), name, folder, path));
  }
  const leastSignatures = settings.whole('leastSignatures', { from: 1, to: MAX_SIGNATURES, fallback: 1 });
  if (leastSignatures > keys.length)
    throw fault(`leastSignatures is ${leastSignatures}, but there are ${keys.length} trustedKeys.`);
  const slots = settings.object('slots');
  const slotSizeBytes = slots.whole('sizeBytes', { from: 4096, to: 2 ** 40 });
  const slotFolder = slots.has('folder') ? resolve(folder, slots.text('folder')) : undefined;
  const slotPaths =
    slotFolder === undefined
      ? { A: resolve(folder, slots.text('a')), B: resolve(folder, slots.text('b')) }
      : slotPathsIn(slotFolder);
  if (slotPaths.A === slotPaths.B) throw fault('slots.a and slots.b are the same file.');
  slots.end();
  const config: ReceiverConfig = {
    device: {
      vendor: settings.text('vendor'),
      deviceType: settings.text('deviceType'),
      ...(settings.has('hardwareRevision') && {
        hardwareRevision: settings.whole('hardwareRevision', { from: 0, to: 2 ** 32 }),
      }),
    },
    trustedKeys: keys,
    leastSignatures,
    slotPaths,
    slotSizeBytes,
    bootFolder: settings.has('bootFolder')
      ? resolve(folder, settings.text('bootFolder'))
      : (slotFolder ?? dirname(slotPaths.A)),
    stateFolder: resolve(folder, settings.text('stateFolder')),
    source: parseSourceFields(settings.object('source'), folder),
    // Band II with what the Japanese and eastern bands add.
    frequencyHz: settings.whole('frequencyHz', { from: 60e6, to: 110e6 }),
    rateHz: settings.whole('rateHz', { from: 225_000, to: 4_000_000 }),
    gainDb: isAutomatic(settings) ? 'auto' : settings.number('gainDb', { from: -10, to: 60 }),
    correctionPpm: settings.number('correctionPpm', { from: -200, to: 200, fallback: 0 }),
    streams: settings.choice('streams', [1, 4], 4),
  };
  settings.end();
  if (config.source.kind !== 'file' && !isDongleRate(config.rateHz))
    throw fault(`rateHz is ${config.rateHz}; a dongle samples at ${DONGLE_RATES} a second.`);
  return config;
}

function isAutomatic(settings: Fields): boolean {
  return !settings.has('gainDb') || settings.raw('gainDb') === 'auto';
}

async function parseKey(key: Fields, name: string, folder: string, path: string): Promise<Uint8Array> {
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
  if (openKey(raw) === undefined)
    throw new ReceiverError(
      'CONFIG',
      `${path}: ${name}.base64 is ${raw.length} bytes long and neither 32 bytes of Ed25519 nor a COSE_Key.`,
    );
  return raw;
}

async function readTrustedKey(file: string, name: string, path: string): Promise<Uint8Array> {
  try {
    return await readPublicKey(file);
  } catch (error) {
    throw new ReceiverError('CONFIG', `${path}: ${name}: ${messageOf(error)}`, error);
  }
}
