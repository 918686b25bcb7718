/**
 * One process at a time, by a file that names the process that holds it. A process may die without giving its lock back
 * (kill -9, a power cut), so the file says when its owner began: a process number is given to another one day, number and
 * beginning together are not. Linux; where there is no /proc the number alone counts.
 *
 * Invariants:
 * - A lock file is linked into place whole, so it is never seen empty.
 * - The file of a live process is removed by that process only.
 * - The file of a dead one is removed by whoever holds the lock `PATH.stale`, after a second look. As long as it lies there
 *   nobody can link another in its place, so nobody's new lock is ever removed for an old one.
 *
 * Not for processes that cannot see each other's numbers (two containers) or that reach the file over a network.
 */

import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isNoRoom, systemCodeOf } from '../fault.ts';

export type LockAttempt =
  | { readonly kind: 'taken'; release(): void }
  | { readonly kind: 'held'; readonly processId: number };

const RETRY_MS = 20;

/** Takes the lock if nobody has it. Throws what the file system throws. */
export function tryLock(path: string): LockAttempt {
  const beside = `${path}.${randomUUID()}`;
  try {
    writeOwner(beside, identityOf(process.pid) ?? String(process.pid));
    for (;;) {
      if (linkIfFree(beside, path)) return { kind: 'taken', release: () => rmSync(path, { force: true }) };
      const owner = readOwner(path);
      // Given back in this moment.
      if (owner === undefined) continue;
      if (isAlive(owner)) return { kind: 'held', processId: processIdOf(owner) };
      const breaking = removeStale(path);
      if (breaking.kind === 'held') return breaking;
    }
  } finally {
    rmSync(beside, { force: true });
  }
}

/** As `tryLock`, but waits while another one has it. */
export async function waitForLock(path: string, patienceMs: number): Promise<LockAttempt> {
  for (let waitedMs = 0; ; waitedMs += RETRY_MS) {
    const attempt = tryLock(path);
    if (attempt.kind === 'taken' || waitedMs >= patienceMs) return attempt;
    await sleep(RETRY_MS);
  }
}

function removeStale(path: string): LockAttempt {
  const breaking = tryLock(`${path}.stale`);
  if (breaking.kind === 'held') return breaking;
  try {
    const owner = readOwner(path);
    if (owner !== undefined && !isAlive(owner)) rmSync(path, { force: true });
  } finally {
    breaking.release();
  }
  return breaking;
}

function linkIfFree(beside: string, path: string): boolean {
  try {
    linkSync(beside, path);
    return true;
  } catch (error) {
    if (systemCodeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function writeOwner(path: string, owner: string): void {
  try {
    writeFileSync(path, owner, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (!isNoRoom(error)) throw error;
    // On a full disk: the target of a short symbolic link lies in the inode and takes no block.
    rmSync(path, { force: true });
    symlinkSync(owner, path);
  }
}

function readOwner(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined;
    // Not a symbolic link.
    if (systemCodeOf(error) !== 'EINVAL') throw error;
  }
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function processIdOf(owner: string): number {
  return Number(owner.split(' ')[0]);
}

function isAlive(owner: string): boolean {
  const processId = processIdOf(owner);
  return Number.isSafeInteger(processId) && processId > 0 && identityOf(processId) === owner;
}

/** Number, beginning and boot of a process; undefined when there is none. */
function identityOf(processId: number): string | undefined {
  let stat: string;
  let bootId: string;
  try {
    bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    stat = readFileSync(`/proc/${processId}/stat`, 'utf8');
  } catch {
    return exists(processId) ? String(processId) : undefined;
  }
  // proc(5): the name in parentheses may hold anything; behind it stands the state, and `starttime` is field 22.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  // Dead, and its parent has not asked yet how it ended.
  if (state === 'Z' || state === 'X') return undefined;
  return `${processId} ${fields[19]} ${bootId}`;
}

function exists(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return systemCodeOf(error) === 'EPERM';
  }
}
