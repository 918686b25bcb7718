/**
 * What `listen` is receiving, for `status` and the device's page: a small file that is replaced at most twice a second. It
 * says what was counted and when; losing it loses nothing.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceAtomically } from '#hardware/file/durable.ts';

interface StreamProgress {
  readonly stream: number;
  /** The group clock is known. */
  readonly locked: boolean;
  readonly groups: number;
  readonly wholeGroups: number;
}

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

export interface Progress {
  readonly format: 1;
  readonly timeMs: number;
  readonly processId: number;
  readonly source: string;
  readonly frequencyHz: number;
  readonly connected: boolean;
  readonly streams: readonly StreamProgress[];
  readonly objects: readonly ObjectProgress[];
}

const NAME = 'progress.json';

/** One step for a reader, no fsync: it is worth nothing after a power cut. */
export async function writeProgress(stateFolder: string, progress: Progress): Promise<void> {
  await replaceAtomically(join(stateFolder, NAME), `${JSON.stringify(progress)}\n`);
}

export async function readProgress(stateFolder: string): Promise<Progress | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(join(stateFolder, NAME), 'utf8'));
    const isOurs = typeof value === 'object' && value !== null && 'format' in value && value.format === 1;
    return isOurs ? (value as Progress) : undefined;
  } catch {
    return undefined;
  }
}
