/** Runs the project's programs as programs: arguments in, JSON lines and an exit status out. */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const ROOT = join(import.meta.dirname, '..', '..');

export const PROGRAMS = {
  backend: 'backend/main.ts',
  carillon: 'backend/client/main.ts',
  gateway: 'gateway/main.ts',
  receiver: 'receiver/main.ts',
} as const;
export type ProgramName = keyof typeof PROGRAMS;

/** One line that a program printed on stdout. */
export type ProgramEvent = Readonly<Record<string, unknown>>;

function parseLine(line: string): ProgramEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** A program that runs on until it is stopped. Its stderr goes to a log file. */
export class Program {
  readonly name: ProgramName;
  readonly exited: Promise<number | null>;
  #child: ChildProcess;
  #log: WriteStream;
  #waiting: { matches: (event: ProgramEvent) => boolean; resolve: (event: ProgramEvent) => void }[] = [];
  #events: ProgramEvent[] = [];
  #hasEnded = false;

  constructor(
    name: ProgramName,
    args: readonly string[],
    options: { logFile: string; env?: NodeJS.ProcessEnv; onEvent?: (event: ProgramEvent) => void },
  ) {
    this.name = name;
    this.#log = createWriteStream(options.logFile, { flags: 'a' });
    this.#child = spawn(process.execPath, [join(ROOT, PROGRAMS[name]), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: options.env ?? process.env,
    });
    this.#child.stderr?.pipe(this.#log, { end: false });
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (status) => {
        this.#hasEnded = true;
        this.#log.end();
        resolve(status);
      });
    });
    if (this.#child.stdout !== null)
      createInterface({ input: this.#child.stdout }).on('line', (line) => {
        this.#log.write(`${line}\n`);
        const event = parseLine(line);
        if (event === undefined) return;
        this.#events.push(event);
        options.onEvent?.(event);
        this.#waiting = this.#waiting.filter((waiter) => {
          if (!waiter.matches(event)) return true;
          waiter.resolve(event);
          return false;
        });
      });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The first event, past or future, that matches; fails when the program ends before or the time is up. */
  async event(says: string, matches: (event: ProgramEvent) => boolean, timeoutMs: number): Promise<ProgramEvent> {
    const past = this.#events.find(matches);
    if (past !== undefined) return past;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await Promise.race([
        new Promise<ProgramEvent>((resolve) => {
          this.#waiting.push({ matches, resolve });
        }),
        this.exited.then((status) => {
          throw Object.assign(new Error(`${this.name} ended (status ${String(status)}) before: ${says}`), {
            code: 'PROGRAM_ENDED',
          });
        }),
        new Promise<never>((_, reject) => {
          timer = setTimeout(() => {
            reject(
              Object.assign(new Error(`${this.name}: waited ${timeoutMs / 1000} s for: ${says}`), {
                code: 'PROGRAM_TIMEOUT',
              }),
            );
          }, timeoutMs);
        }),
      ]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** SIGTERM, and SIGKILL when it does not end within five seconds. */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    const status = await this.exited;
    clearTimeout(timer);
    return status;
  }

  /** Dies as in a power cut. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }
}

export interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export function run(
  name: ProgramName,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(ROOT, PROGRAMS[name]), ...args],
      { env, encoding: 'utf8', maxBuffer: 64 << 20 },
      (error, stdout, stderr) => {
        const status = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        resolve({ status, stdout, stderr });
      },
    );
  });
}

/** Like `run`, but anything except status 0 is an error that shows what the command said. */
export async function runOrThrow(
  name: ProgramName,
  args: readonly string[],
  env?: NodeJS.ProcessEnv,
): Promise<Finished> {
  const finished = await run(name, args, env);
  if (finished.status !== 0)
    throw Object.assign(
      new Error(
        `${name} ${args.join(' ')} ended with status ${finished.status}:\n${finished.stderr || finished.stdout}`,
      ),
      { code: 'COMMAND_FAILED' },
    );
  return finished;
}
