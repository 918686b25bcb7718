/** Programs of the machine, with what they take. */

import { spawnSync } from 'node:child_process';

const OUTPUT_MOST_BYTES = 512 * 2 ** 20;

/** Which Debian package has a program that is not there. */
const PACKAGES: Record<string, string> = {
  bsdiff: 'bsdiff',
  bspatch: 'bsdiff',
  xdelta3: 'xdelta3',
  zstd: 'zstd',
  xz: 'xz-utils',
  bzip2: 'bzip2',
  mksquashfs: 'squashfs-tools',
  mke2fs: 'e2fsprogs',
  'mkfs.erofs': 'erofs-utils',
  debugfs: 'e2fsprogs',
  'dpkg-deb': 'dpkg',
  tar: 'tar',
  time: 'time',
};

interface RunOptions {
  readonly quiet?: boolean;
  readonly folder?: string;
  readonly environment?: Record<string, string>;
  readonly input?: string;
}

/** What the program wrote; throws with its last words where it failed. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): string {
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: OUTPUT_MOST_BYTES,
    ...(options.folder === undefined ? {} : { cwd: options.folder }),
    ...(options.input === undefined ? {} : { input: options.input }),
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive', ...options.environment },
    stdio: ['pipe', 'pipe', options.quiet === true ? 'pipe' : 'inherit'],
  });
  if (result.error !== undefined && 'code' in result.error && result.error.code === 'ENOENT')
    throw new MissingProgram(program);
  if (result.status !== 0)
    throw new Error(
      `${program} ${args.slice(-2).join(' ')} ended with ${result.status}: ${options.quiet === true ? result.stderr.slice(-400) : ''}`,
    );
  return result.stdout;
}

export class MissingProgram extends Error {
  constructor(program: string) {
    super(`${program} is not on this machine: apt-get install ${PACKAGES[program] ?? program}`);
    this.name = 'MissingProgram';
  }
}

export interface Measured {
  readonly seconds: number;
  readonly rssBytes: number;
}

/** Runs under GNU time; throws where the program fails or takes longer than allowed. */
export function runMeasured(
  program: string,
  args: readonly string[],
  { mostSeconds = 3600, environment = {} }: { mostSeconds?: number; environment?: Record<string, string> } = {},
): Measured {
  const started = performance.now();
  const result = spawnSync('/usr/bin/time', ['-f', 'rss %M', program, ...args], {
    encoding: 'utf8',
    maxBuffer: OUTPUT_MOST_BYTES,
    env: { ...process.env, ...environment },
    timeout: 1000 * mostSeconds,
    killSignal: 'SIGKILL',
  });
  if (result.error !== undefined && 'code' in result.error && result.error.code === 'ENOENT')
    throw new MissingProgram('time');
  if (/No such file or directory/.test(result.stderr) && result.status === 127) throw new MissingProgram(program);
  if (result.status !== 0)
    throw new Error(`${program} ended with ${result.status ?? result.signal}: ${result.stderr.slice(-300)}`);
  const kibibytes = Number(/rss (\d+)\s*$/.exec(result.stderr)?.[1]);
  return { seconds: (performance.now() - started) / 1000, rssBytes: 1024 * kibibytes };
}
