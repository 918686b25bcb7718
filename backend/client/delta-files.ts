/** Files of the commands of `carillon delta`. */

import { closeSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import type { CostsBytes } from '#codec/package/delta/setup.ts';
import { sharedContentOf } from '../packaging/shared-content.ts';
import { CommandError } from '../refusal.ts';

export function contentOf(path: string): Uint8Array {
  try {
    const buffer = readFileSync(path);
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** In memory that threads share. */
export async function sharedContent(path: string): Promise<Uint8Array> {
  try {
    return await sharedContentOf(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): CommandError {
  return new CommandError(`${path} can't be read: ${cause instanceof Error ? cause.message : String(cause)}.`, 1);
}

/** Under another name first: a file that is there is whole. Nothing is left where `write` fails. */
export async function writeWhole(path: string, write: (descriptor: number) => void | Promise<void>): Promise<void> {
  const part = `${path}.part`;
  const descriptor = openSync(part, 'w+', 0o644);
  try {
    try {
      await write(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(part, path);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

export function rounded(costs: CostsBytes): Record<string, number> {
  return Object.fromEntries(Object.entries(costs).map(([kind, bytes]) => [`${kind}Bytes`, Math.round(bytes)]));
}
