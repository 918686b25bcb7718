/** One process at a time in a state folder. Synchronous, like the store that it guards. */

import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { ReceiverError } from './fault.ts';

/** A file that names the process that holds it. One left by a process that has died is taken over. */
export class ProcessLock {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  static take(path: string): ProcessLock {
    const me = processIdentity(process.pid) ?? String(process.pid);
    const beside = `${path}.${process.pid}`;
    try {
      writeFileSync(beside, me, { mode: 0o600 });
      for (let attempt = 0; attempt < 10; attempt++) {
        // Linked into place whole, so that a lock is never seen empty.
        try {
          linkSync(beside, path);
          return new ProcessLock(path);
        } catch (error) {
          if (codeOf(error) !== 'EEXIST') throw error;
        }
        const owner = readOwner(path);
        const pid = Number(owner?.split(' ')[0]);
        if (owner !== undefined && pid > 0 && processIdentity(pid) === owner) {
          throw new ReceiverError(
            'STATE_LOCKED',
            `Process ${pid} collects into this state already (${path}). Nothing was changed; stop it or use another --state.`,
          );
        }
        if (owner !== undefined) breakLock(path, owner);
      }
    } finally {
      rmSync(beside, { force: true });
    }
    throw new ReceiverError('STATE_LOCKED', `${path} cannot be taken. Nothing was changed; try again.`);
  }

  release(): void {
    rmSync(this.#path, { force: true });
  }
}

/** Renaming is the step that only one of several can win; whoever took away another's new lock by it puts that back. */
function breakLock(path: string, owner: string): void {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
    if (readOwner(aside) !== owner) linkSync(aside, path);
    rmSync(aside, { force: true });
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'EEXIST') throw error;
  }
}

function readOwner(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Process number and start time, which together are never used twice; undefined when there is no such process. */
function processIdentity(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Field 22, counted behind the name in brackets, which may hold anything.
    return `${pid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
