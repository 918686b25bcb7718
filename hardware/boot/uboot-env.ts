/**
 * A redundant U-Boot environment in two plain files, as `fw_setenv` (libubootenv) and U-Boot's own `saveenv` write it.
 *
 *     | CRC-32 of the data, u32 LE | flags: 1 byte | data: name=value\0 name=value\0 ... \0 | zeros or ff up to the size |
 *
 * The CRC covers everything behind the flags. Of two sound copies the one with the newer flags counts, where flags go up
 * by one and 0 follows 255 (U-Boot env/common.c, env_check_redund). Every update writes the older copy, so that a torn
 * write leaves the newer one as it was.
 */

import { type FileHandle, mkdir, open, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { HardwareError, systemCodeOf } from '../fault.ts';
import { flushFolder } from '../file/durable.ts';

const CRC_BYTES = 4;
const HEAD_BYTES = CRC_BYTES + 1;
/** CONFIG_ENV_SIZE of many boards. */
export const ENVIRONMENT_BYTES = 0x4000;

export type Variables = ReadonlyMap<string, string>;

export interface EnvironmentCopy {
  readonly flags: number;
  readonly variables: Variables;
}

/** One copy, or undefined when it is torn, empty or not one at all. Never throws. */
export function parseEnvironment(bytes: Uint8Array): EnvironmentCopy | undefined {
  if (bytes.length <= HEAD_BYTES) return undefined;
  const data = bytes.subarray(HEAD_BYTES);
  if (new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) !== crc32(data)) return undefined;
  const variables = new Map<string, string>();
  const text = new TextDecoder('latin1');
  for (let start = 0; start < data.length && data[start] !== 0; ) {
    const found = data.indexOf(0, start);
    const end = found === -1 ? data.length : found;
    const line = text.decode(data.subarray(start, end));
    const equals = line.indexOf('=');
    if (equals > 0) variables.set(line.slice(0, equals), line.slice(equals + 1));
    start = end + 1;
  }
  return { flags: bytes[CRC_BYTES], variables };
}

export function serialiseEnvironment({ flags, variables }: EnvironmentCopy, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  let at = HEAD_BYTES;
  for (const [name, value] of variables) {
    if (!/^[!-<>-~]+$/.test(name) || !/^[\t -~\u00a0-\u00ff]*$/.test(value))
      throw new HardwareError('ENVIRONMENT_NAME', `${JSON.stringify(`${name}=${value}`)} is no variable.`);
    const line = Uint8Array.from(`${name}=${value}\0`, (character) => character.charCodeAt(0));
    // One more zero ends the list.
    if (at + line.length + 1 > sizeBytes)
      throw new HardwareError('ENVIRONMENT_FULL', `The variables do not fit into ${sizeBytes} bytes.`);
    bytes.set(line, at);
    at += line.length;
  }
  bytes[CRC_BYTES] = flags;
  new DataView(bytes.buffer).setUint32(0, crc32(bytes.subarray(HEAD_BYTES)), true);
  return bytes;
}

/** Index of the copy that counts, or -1 when neither is sound. */
export function newerCopy(copies: readonly [EnvironmentCopy | undefined, EnvironmentCopy | undefined]): 0 | 1 | -1 {
  const [first, second] = copies;
  if (first === undefined) return second === undefined ? -1 : 1;
  if (second === undefined) return 0;
  if (first.flags === 255 && second.flags === 0) return 1;
  if (second.flags === 255 && first.flags === 0) return 0;
  return second.flags > first.flags ? 1 : 0;
}

export type EnvironmentHealth = 'sound' | 'one-copy-torn' | 'both-torn';

export interface EnvironmentRead {
  readonly variables: Variables;
  /** `both-torn`: the variables are the defaults, because nothing else is left. */
  readonly health: EnvironmentHealth;
}

export interface EnvironmentFiles {
  readonly paths: readonly [string, string];
  readonly sizeBytes: number;
  readonly offsetBytes?: number;
}

/** The two copies. One writer at a time; the caller sees to that. */
export class UBootEnvironment {
  readonly #files: EnvironmentFiles;
  readonly #defaults: Variables;

  constructor(files: EnvironmentFiles, defaults: Variables) {
    this.#files = files;
    this.#defaults = defaults;
  }

  async read(): Promise<EnvironmentRead> {
    const copies = await this.#copies();
    const newer = newerCopy(copies);
    if (newer === -1) return { variables: this.#defaults, health: 'both-torn' };
    return {
      variables: copies[newer]?.variables ?? this.#defaults,
      health: copies.includes(undefined) ? 'one-copy-torn' : 'sound',
    };
  }

  /** Changes variables in the older copy; durable and read back when it resolves. */
  async update(changes: Variables): Promise<void> {
    await this.#createMissing();
    const copies = await this.#copies();
    const newer = newerCopy(copies);
    const current = newer === -1 ? undefined : copies[newer];
    const variables = new Map([...(current?.variables ?? this.#defaults), ...changes]);
    const older = newer === 0 ? 1 : 0;
    const flags = current === undefined ? 1 : (current.flags + 1) % 256;
    const bytes = serialiseEnvironment({ flags, variables }, this.#files.sizeBytes);
    await this.#writeCopy(older, bytes);
    // A medium that takes writes and keeps nothing is found out here and not at the next boot.
    const [again, other] = await this.#copies().then((read) => (older === 0 ? read : [read[1], read[0]]));
    if (again === undefined || newerCopy([again, other]) !== 0)
      throw new HardwareError('ENVIRONMENT_IO', `${this.#files.paths[older]} did not keep what was written to it.`);
  }

  /** fw_printenv takes a torn copy, but not a missing file. */
  async #createMissing(): Promise<void> {
    for (const path of this.#files.paths) {
      try {
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, new Uint8Array(this.#files.sizeBytes), { flag: 'wx', flush: true });
        await flushFolder(dirname(path));
      } catch (error) {
        if (systemCodeOf(error) !== 'EEXIST')
          throw new HardwareError('ENVIRONMENT_IO', `${path} cannot be made.`, error);
      }
    }
  }

  async #copies(): Promise<[EnvironmentCopy | undefined, EnvironmentCopy | undefined]> {
    return [await this.#readCopy(0), await this.#readCopy(1)];
  }

  async #readCopy(index: 0 | 1): Promise<EnvironmentCopy | undefined> {
    let file: FileHandle;
    try {
      file = await open(this.#files.paths[index], 'r');
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return undefined;
      throw new HardwareError('ENVIRONMENT_IO', `${this.#files.paths[index]} cannot be read.`, error);
    }
    try {
      const bytes = new Uint8Array(this.#files.sizeBytes);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, this.#files.offsetBytes ?? 0);
      return bytesRead === bytes.length ? parseEnvironment(bytes) : undefined;
    } finally {
      await file.close();
    }
  }

  async #writeCopy(index: 0 | 1, bytes: Uint8Array): Promise<void> {
    const path = this.#files.paths[index];
    try {
      const file = await open(path, 'r+');
      try {
        await file.write(bytes, 0, bytes.length, this.#files.offsetBytes ?? 0);
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (error) {
      throw new HardwareError('ENVIRONMENT_IO', `${path} cannot be written. The other copy still holds.`, error);
    }
  }
}
