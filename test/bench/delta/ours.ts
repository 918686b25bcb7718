/** Our own patch of a pair, made and applied as a developer and a device do it: by the command line, measured from outside. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BuiltPair } from './pairs.ts';
import { runMeasured } from './run.ts';

export interface OurFigure {
  readonly bytes: number;
  readonly makeSeconds: number;
  readonly makeRssBytes: number;
  readonly applySeconds: number;
  readonly applyRssBytes: number;
}

/** The digests in a patch as the command line makes it; in a package the manifest says them instead. */
const DIGESTS_BYTES = 64;
const PROGRAM = join(import.meta.dirname, '../../../backend/client/main.ts');

/**
 * As on a device, where a service finds its modules compiled (docs/receiver.md): the first run on a machine takes some 25 MB more, for
 * what strips the types.
 */
function compiledModules(folder: string): Record<string, string> {
  const environment = { NODE_COMPILE_CACHE: join(folder, 'compiled') };
  const [empty, patch] = [join(folder, 'empty'), join(folder, 'empty.patch')];
  writeFileSync(empty, 'nothing');
  runMeasured(process.execPath, [PROGRAM, 'delta', 'make', empty, empty, '-o', patch]);
  runMeasured(process.execPath, [PROGRAM, 'delta', 'apply', empty, patch, '-o', `${empty}.back`], { environment });
  return environment;
}

/** Throws where what was applied is not the new file. */
export function measureOurs(pair: BuiltPair): OurFigure {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-bench-'));
  const [patch, back] = [join(folder, 'patch'), join(folder, 'back')];
  try {
    const program = process.execPath;
    const made = runMeasured(program, [PROGRAM, 'delta', 'make', pair.oldPath, pair.newPath, '-o', patch]);
    const applied = runMeasured(program, [PROGRAM, 'delta', 'apply', pair.oldPath, patch, '-o', back], {
      environment: compiledModules(folder),
    });
    execFileSync('cmp', ['-s', back, pair.newPath]);
    return {
      bytes: statSync(patch).size - DIGESTS_BYTES,
      makeSeconds: made.seconds,
      makeRssBytes: made.rssBytes,
      applySeconds: applied.seconds,
      applyRssBytes: applied.rssBytes,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
