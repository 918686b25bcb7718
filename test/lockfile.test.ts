import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly os?: string | readonly string[];
  readonly libc?: string | readonly string[];
  readonly cpu?: string | readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package-lock.json'), 'utf8')) as {
  readonly packages: Readonly<Record<string, LockedPackage>>;
};
const packages = Object.entries(lock.packages).filter(([where]) => where !== '');

/** As npm reads `os`, `cpu` and `libc`: a list of what fits, or of what does not. */
function fits(wanted: string | readonly string[] | undefined, ...have: string[]): boolean {
  if (wanted === undefined) return true;
  return [wanted].flat().some((one) => have.includes(one) || (one.startsWith('!') && !have.includes(one.slice(1))));
}

/** Whether `npm ci` installs it on the machines we support: Linux, glibc, x64 or arm64. */
function isInstalled({ os, cpu, libc }: LockedPackage): boolean {
  return fits(os, 'linux') && fits(cpu, 'x64', 'arm64') && fits(libc, 'glibc');
}

describe('the lockfile', () => {
  it('has a hash for everything that is installed', () => {
    const without = packages.filter(([, locked]) => isInstalled(locked) && locked.integrity === undefined);
    expect(without.map(([where]) => where)).toEqual([]);
  });

  it('names no registry', () => {
    expect(packages.filter(([, locked]) => locked.resolved !== undefined).map(([where]) => where)).toEqual([]);
  });

  it('has every optional package, or npm ci refuses it (scripts/complete-lockfile.ts)', () => {
    const names = new Set(packages.map(([where]) => where.slice(where.lastIndexOf('node_modules/') + 13)));
    const missing = packages.flatMap(([, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter((name) => !names.has(name)),
    );
    expect(missing).toEqual([]);
  });
});
