/** The slot image of the demo: a published npm application as a deterministic tar, and running what a slot holds. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tar from 'tar';

export interface Application {
  /** Folder of the installed package. */
  readonly folder: string;
  readonly name: string;
  readonly version: string;
}

/** Finds an npm alias of devDependencies (hash-locked in package-lock.json). */
export function findApplication(alias: string): Application {
  const folder = dirname(fileURLToPath(import.meta.resolve(`${alias}/package.json`)));
  const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  if (typeof manifest !== 'object' || manifest === null || !('name' in manifest) || !('version' in manifest))
    throw Object.assign(new Error(`${folder}/package.json has no name or version.`), { code: 'DEMO_APPLICATION' });
  return { folder, name: String(manifest.name), version: String(manifest.version) };
}

/** Packs the application so that the same files always give the same bytes. Returns the size in bytes. */
export function packImage(
  application: Application,
  imagePath: string,
  isPacked: (path: string) => boolean = () => true,
): number {
  const files = readdirSync(application.folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(application.folder, join(entry.parentPath, entry.name)))
    .filter(isPacked)
    .toSorted();
  tar.create(
    { cwd: application.folder, file: imagePath, portable: true, noMtime: true, sync: true, noDirRecurse: true },
    files,
  );
  return readFileSync(imagePath).length;
}

export interface HealthCheck {
  readonly healthy: boolean;
  readonly version: string;
  readonly says: string;
}

/** Unpacks what the slot holds and really runs it: the application must say its version and format a line of code. */
export function runSlot(slotImagePath: string, scratchFolder: string): HealthCheck {
  mkdirSync(scratchFolder, { recursive: true });
  const folder = mkdtempSync(join(scratchFolder, 'run-'));
  try {
    tar.extract({ cwd: folder, file: slotImagePath, sync: true });
    const program = join(folder, 'bin', 'prettier.cjs');
    const sample = join(folder, 'health-check.js');
    writeFileSync(sample, 'const   healthy=( 1+1 )==2\n');
    const version = spawnSync(process.execPath, [program, '--version'], { encoding: 'utf8', timeout: 20_000 });
    const work = spawnSync(process.execPath, [program, sample], { encoding: 'utf8', timeout: 20_000 });
    const healthy = version.status === 0 && work.stdout === 'const healthy = 1 + 1 == 2;\n';
    return { healthy, version: version.stdout.trim(), says: (work.stdout || work.stderr).trim() };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
