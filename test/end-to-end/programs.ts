/** Runs the programs as programs, and chains them as a shell would. */

import { spawn } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
const MAINS = { gateway: 'gateway/main.ts', receiver: 'receiver/main.ts' } as const;

export interface Ended {
  readonly status: number | null;
  readonly stdout: Uint8Array;
  readonly stderr: string;
}

export function runProgram(
  name: keyof typeof MAINS,
  args: readonly string[],
  stdin?: Uint8Array | string,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(ROOT, MAINS[name]), ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => undefined);
    child.on('error', reject);
    child.on('close', (status) => {
      resolve({ status, stdout: new Uint8Array(Buffer.concat(out)), stderr: Buffer.concat(err).toString() });
    });
    child.stdin.end(stdin ?? '');
  });
}

/** Runs `sh -c` with `$GATEWAY` and `$RECEIVER` standing for the two programs. */
export function runShell(script: string, env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-o', 'pipefail', '-c', script], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        GATEWAY: `${process.execPath} ${join(ROOT, MAINS.gateway)}`,
        RECEIVER: `${process.execPath} ${join(ROOT, MAINS.receiver)}`,
        ...env,
      },
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', reject);
    child.on('close', (status) => {
      resolve({ status, stdout: new Uint8Array(Buffer.concat(out)), stderr: Buffer.concat(err).toString() });
    });
  });
}

export function textOf(ended: Ended): string {
  return new TextDecoder().decode(ended.stdout);
}
