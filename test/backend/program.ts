/** Runs the two programs as programs: arguments and environment in, stdout, stderr and exit status out. */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';

/** Halves the start of a program, of which these tests make many. */
const COMPILE_CACHE = join(tmpdir(), 'carillon-test-compile-cache');
const ROOT = join(import.meta.dirname, '../..');
const MAIN = { backend: 'backend/main.ts', carillon: 'backend/client/main.ts' } as const;

function launch(program: keyof typeof MAIN, args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join(ROOT, MAIN[program]), ...args], {
    env: { PATH: process.env.PATH ?? '', NODE_COMPILE_CACHE: COMPILE_CACHE, ...env },
  });
  child.stdin.end();
  return child;
}

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runProgram(
  program: keyof typeof MAIN,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ran> {
  return startProgram(program, args, env).ran;
}

export function startProgram(
  program: keyof typeof MAIN,
  args: readonly string[],
  env: Record<string, string> = {},
): { readonly child: ChildProcessWithoutNullStreams; readonly ran: Promise<Ran> } {
  const child = launch(program, args, env);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  const ran = once(child, 'close').then(([status]: (number | null)[]) => ({ status: status ?? null, stdout, stderr }));
  return { child, ran };
}

export interface Serving {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ready: { readonly api: string; readonly apiPort: number; readonly linkPort: number };
  /** SIGKILL: no handler runs, nothing is flushed. */
  kill(): Promise<void>;
}

/** `backend serve` on free ports, when it is ready. */
export async function serveProgram(data: string): Promise<Serving> {
  const child = launch('backend', ['serve', '--data', data, '--api-port', '0', '--link-port', '0', '--json']);
  let stderr = '';
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  };
  onTestFinished(kill);
  const lines = createInterface({ input: child.stdout });
  const [line] = (await Promise.race([
    once(lines, 'line'),
    once(child, 'close').then(() => Promise.reject(new Error(`serve ended: ${stderr}`))),
  ])) as [string];
  return { child, ready: JSON.parse(line) as Serving['ready'], kill };
}
