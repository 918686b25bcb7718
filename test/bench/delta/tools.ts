/** What other tools make of a pair. Every result is decoded and compared; figures are kept beside the pair. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { bsdiffStreams } from './bsdiff.ts';
import type { BuiltPair } from './pairs.ts';
import { MissingProgram, run, runMeasured } from './run.ts';

export interface ToolFigure {
  readonly tool: string;
  readonly bytes?: number;
  readonly makeSeconds?: number;
  readonly makeRssBytes?: number;
  /** Why there are no bytes. */
  readonly missing?: string;
  readonly cached?: boolean;
}

interface Tool {
  readonly name: string;
  readonly make: (pair: BuiltPair, patch: string) => readonly [program: string, args: readonly string[]];
  readonly apply: (pair: BuiltPair, patch: string, to: string) => readonly [program: string, args: readonly string[]];
}

const MAKE_MOST_SECONDS = 2400;
const CACHE_FILE = 'tools.json';

const TOOLS: readonly Tool[] = [
  {
    name: 'xz -9e, no base',
    make: (pair, patch) => ['sh', ['-c', 'xz -9e -T1 -c "$1" > "$2"', 'sh', pair.newPath, patch]],
    apply: (_, patch, to) => ['sh', ['-c', 'xz -dc "$1" > "$2"', 'sh', patch, to]],
  },
  {
    name: 'zstd --patch-from',
    make: (pair, patch) => [
      'zstd',
      ['--ultra', '-22', '--long=31', '-q', '-f', `--patch-from=${pair.oldPath}`, pair.newPath, '-o', patch],
    ],
    apply: (pair, patch, to) => [
      'zstd',
      ['-d', '--long=31', '-q', '-f', `--patch-from=${pair.oldPath}`, patch, '-o', to],
    ],
  },
  {
    name: 'xdelta3',
    make: (pair, patch) => [
      'xdelta3',
      ['-9', '-S', 'djw', '-B', '2147483648', '-e', '-f', '-s', pair.oldPath, pair.newPath, patch],
    ],
    apply: (pair, patch, to) => ['xdelta3', ['-d', '-f', '-B', '2147483648', '-s', pair.oldPath, patch, to]],
  },
  {
    name: 'bsdiff',
    make: (pair, patch) => ['bsdiff', [pair.oldPath, pair.newPath, patch]],
    apply: (pair, patch, to) => ['bspatch', [pair.oldPath, to, patch]],
  },
  {
    name: 'HDiffPatch',
    make: (pair, patch) => ['hdiffz', ['-f', '-c-lzma2-9-64m', pair.oldPath, pair.newPath, patch]],
    apply: (pair, patch, to) => ['hpatchz', ['-f', pair.oldPath, patch, to]],
  },
];
/** Other tools' names for their figures; bsdiff has a second one. */
export const BSDIFF_XZ = 'bsdiff + xz';

function measure(tool: Tool, pair: BuiltPair, folder: string): ToolFigure[] {
  const patch = join(folder, 'patch');
  const back = join(folder, 'back');
  try {
    const [program, args] = tool.make(pair, patch);
    const { seconds, rssBytes } = runMeasured(program, args, { mostSeconds: MAKE_MOST_SECONDS });
    const [decoder, decoderArgs] = tool.apply(pair, patch, back);
    run(decoder, decoderArgs, { quiet: true });
    execFileSync('cmp', ['-s', back, pair.newPath]);
    const figure = { tool: tool.name, bytes: statSync(patch).size, makeSeconds: seconds, makeRssBytes: rssBytes };
    return tool.name === 'bsdiff' ? [figure, { ...figure, tool: BSDIFF_XZ, bytes: withXz(patch, folder) }] : [figure];
  } catch (error) {
    const missing = error instanceof MissingProgram ? 'not on this machine' : `failed: ${String(error).slice(0, 200)}`;
    return [{ tool: tool.name, missing }];
  } finally {
    for (const path of [patch, back]) rmSync(path, { force: true });
  }
}

function withXz(patchPath: string, folder: string): number {
  const { headBytes, streams } = bsdiffStreams(readFileSync(patchPath));
  return streams.reduce((sum, stream) => {
    const file = join(folder, 'stream');
    writeFileSync(`${file}.bz2`, stream);
    run('sh', ['-c', 'bzip2 -dc "$1.bz2" | xz -9e -T1 -c > "$1.xz"', 'sh', file], { quiet: true });
    return sum + Math.min(statSync(`${file}.xz`).size, stream.length);
  }, headBytes);
}

export function toolFigures(pair: BuiltPair, fresh: boolean, tell: (figure: ToolFigure) => void): ToolFigure[] {
  const cachePath = join(dirname(pair.oldPath), CACHE_FILE);
  const known = !fresh && existsSync(cachePath) ? (JSON.parse(readFileSync(cachePath, 'utf8')) as ToolFigure[]) : [];
  const folder = mkdtempSync(join(tmpdir(), 'carillon-bench-'));
  const figures: ToolFigure[] = [];
  try {
    for (const tool of TOOLS) {
      const cached = known.filter(
        (figure) => figure.tool === tool.name || (tool.name === 'bsdiff' && figure.tool === BSDIFF_XZ),
      );
      const own = cached.some(({ bytes }) => bytes !== undefined)
        ? cached.map((figure) => ({ ...figure, cached: true }))
        : measure(tool, pair, folder);
      for (const figure of own) tell(figure);
      figures.push(...own);
      writeFileSync(cachePath, JSON.stringify(figures, null, 1));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return figures;
}
