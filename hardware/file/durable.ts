/**
 * Files that are the old one or the whole new one, whatever happens: written beside as `PATH.new`, flushed, renamed over, and
 * the folder flushed. One writer of a path at a time; whoever calls sees to that.
 */

import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCodeOf } from '../fault.ts';

const OWNER_ONLY = 0o600;

interface ReplaceOptions {
  readonly mode?: number;
}

export async function replaceDurably(path: string, text: string, { mode }: ReplaceOptions = {}): Promise<void> {
  await writeBeside(path, text, { mode: mode ?? OWNER_ONLY, flush: true });
  await flushFolder(dirname(path));
}

/** Whole or absent for readers, but not flushed: for what is written twice a second and worth nothing after a power cut. */
export async function replaceAtomically(path: string, text: string): Promise<void> {
  await writeBeside(path, text, { mode: 0o644, flush: false });
}

/** As `replaceDurably`, in one go; `write` gets a file descriptor. */
export function replaceDurablySync(path: string, write: (file: number) => void): void {
  const beside = besideOf(path);
  try {
    const file = openSync(beside, 'w', OWNER_ONLY);
    try {
      write(file);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
  flushFolderSync(dirname(path));
}

export function flushFolderSync(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** All of it: a write may take less than it was given. */
export function writeAllSync(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at);
}

/** Gives a flushed file its final name for good. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  await flushFolder(dirname(to));
}

/** A new name in a folder is on stable storage once the folder is. */
export async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Undefined when there is no such file. */
export async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** What a power cut left under this name is overwritten the next time. */
function besideOf(path: string): string {
  return `${path}.new`;
}

async function writeBeside(path: string, text: string, options: { mode: number; flush: boolean }): Promise<void> {
  const beside = besideOf(path);
  try {
    const file = await open(beside, 'w', options.mode);
    try {
      await file.writeFile(text);
      if (options.flush) await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}
