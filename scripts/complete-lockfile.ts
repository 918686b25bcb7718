/**
 * `node scripts/complete-lockfile.ts`, after every change of dependencies: adds the entries of optional packages for other
 * platforms that a registry without them made npm leave out. `npm ci` refuses a lockfile that lacks them. They are never
 * installed on Linux x64 and arm64 with glibc, so they have no hash; those that are installed have one.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface LockedPackage {
  version?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

const OPERATING_SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const PROCESSORS = ['arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64'];

/** `@biomejs/cli-linux-x64-musl`: the platform is in the name, word by word. */
function platformOf(name: string): Pick<LockedPackage, 'os' | 'cpu' | 'libc'> {
  const words = name.split(/[-/]/);
  const os = OPERATING_SYSTEMS.find((one) => words.includes(one));
  const cpu = PROCESSORS.find((one) => words.includes(one));
  const isMusl = words.some((word) => word.startsWith('musl'));
  if (os === undefined || cpu === undefined)
    throw Object.assign(new Error(`${name} does not say its platform; add it to the lockfile by hand.`), {
      code: 'UNKNOWN_PLATFORM',
    });
  return { os: [os], cpu: [cpu], ...(os === 'linux' && { libc: [isMusl ? 'musl' : 'glibc'] }) };
}

/** Whether `name` is found from the package at `where`, as Node looks for it. */
function isLocked(packages: Record<string, LockedPackage>, where: string, name: string): boolean {
  for (let base = where; ; base = base.slice(0, Math.max(0, base.lastIndexOf('/node_modules/')))) {
    if (`${base === '' ? '' : `${base}/`}node_modules/${name}` in packages) return true;
    if (base === '' || !base.includes('/node_modules/')) return `node_modules/${name}` in packages;
  }
}

const path = join(import.meta.dirname, '..', 'package-lock.json');
const lock = JSON.parse(readFileSync(path, 'utf8')) as { packages: Record<string, LockedPackage> };
const added: string[] = [];
for (const [where, locked] of Object.entries(lock.packages))
  for (const [name, version] of Object.entries(locked.optionalDependencies ?? {})) {
    if (where === '' || isLocked(lock.packages, where, name)) continue;
    lock.packages[`node_modules/${name}`] = {
      version,
      ...(locked.dev === true && { dev: true }),
      optional: true,
      ...platformOf(name),
    };
    added.push(name);
  }
const entries = Object.entries(lock.packages).toSorted(([a], [b]) => (a < b ? -1 : 1));
writeFileSync(path, `${JSON.stringify({ ...lock, packages: Object.fromEntries(entries) }, null, 2)}\n`);
process.stdout.write(`${added.length} entries added\n`);
