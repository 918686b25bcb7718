/**
 * Disks that are really full: a file system of some hundred kB in memory, where mounting is permitted (as root, on a fresh Debian), or
 * the limit on the size of files that a process can set itself anywhere (RLIMIT_FSIZE). Both make the kernel refuse to write.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  readonly folder: string;
  /** From now on about so many bytes more can be written (to the file at `path`, where the limit is one on files). */
  readonly leave: (sizeBytes: number, path: string) => void;
  /** Room for everything again. */
  readonly relieve: () => void;
  /** Does work that writes elsewhere. */
  readonly elsewhere: <Result>(work: () => Result) => Result;
  readonly close: () => void;
}

export const PAGE_BYTES = 4096;

function run(command: string, ...args: string[]): string | undefined {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}

/** Or why there is none. */
export function mountSmallDisk(sizeBytes: number): SmallDisk | string {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-disk-'));
  const failure = run('mount', '-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', folder);
  if (failure !== undefined) {
    rmSync(folder, { recursive: true });
    return failure;
  }
  const ballast = join(folder, 'ballast');
  return {
    folder,
    leave: (leftBytes) => {
      rmSync(ballast, { force: true });
      const { bavail, bsize } = statfsSync(folder);
      const pages = Math.floor((bavail * bsize - leftBytes) / PAGE_BYTES);
      if (pages > 0) writeFileSync(ballast, new Uint8Array(pages * PAGE_BYTES));
    },
    relieve: () => rmSync(ballast, { force: true }),
    elsewhere: (work) => work(),
    close: () => {
      run('umount', folder);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function limit(sizeBytes: number | 'unlimited'): void {
  const failure = run('prlimit', '--pid', String(process.pid), `--fsize=${sizeBytes}:`);
  if (failure !== undefined) throw new Error(`prlimit: ${failure}`);
}

/** Of this very process: whatever else it writes meanwhile is limited as well. */
export function limitFileSizes(): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-limit-'));
  let limited: number | 'unlimited' = 'unlimited';
  return {
    folder,
    leave: (leftBytes, path) => {
      limited = (statSync(path, { throwIfNoEntry: false })?.size ?? 0) + leftBytes;
      limit(limited);
    },
    relieve: () => {
      limited = 'unlimited';
      limit(limited);
    },
    elsewhere: (work) => {
      limit('unlimited');
      try {
        return work();
      } finally {
        limit(limited);
      }
    },
    close: () => {
      limit('unlimited');
      rmSync(folder, { recursive: true });
    },
  };
}
