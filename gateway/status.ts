/** `gateway status`: what the running gateway last wrote down about itself, with how old it is. */

import { join } from 'node:path';
import type { Command } from 'commander';
import type { OnAir, StreamCount } from '#codec/messages/link.ts';
import type { AirCounts } from '#hardware/air/channel.ts';
import { loadConfig } from './config.ts';
import { describeOutlook } from './outlook.ts';
import type { PlannedObject } from './plan.ts';
import { readIfPresent, replaceAtomically } from '#hardware/file/durable.ts';
import { messageOf } from '#hardware/fault.ts';
import { EXIT, type ExitStatus, GatewayError } from './fault.ts';

export interface GatewayStatus {
  readonly timeMs: number;
  readonly pid: number;
  readonly startedMs: number;
  readonly station: { readonly name: string; readonly pi: string; readonly frequencyHz: number };
  /** The station's own time: differs from the wall clock when the air is simulated faster. */
  readonly stationTimeMs: number;
  readonly speed: number;
  readonly outputs: readonly string[];
  readonly streams: readonly StreamCount[];
  readonly directoryVersion: number | null;
  readonly onAir: readonly OnAir[];
  readonly jobs: readonly { readonly jobId: string; readonly state: string; readonly detail: string }[];
  /** Of every package that is held, the next for a handle first. */
  readonly outlook: readonly PlannedObject[];
  readonly link: { readonly state: string; readonly sinceMs: number; readonly connections: number } | null;
  readonly counts: Readonly<Record<string, number>>;
  readonly air: readonly AirCounts[];
}

const STALE_MS = 5000;

function statusPath(stateDir: string): string {
  return join(stateDir, 'status.json');
}

/** Twice a second at most, one write at a time; a disk that is full costs the status and nothing else. */
export class StatusWriter {
  readonly #path: string;
  readonly #status: () => GatewayStatus;
  readonly #timer: NodeJS.Timeout;
  #writing: Promise<void> = Promise.resolve();
  #busy = false;

  constructor(stateDir: string, status: () => GatewayStatus) {
    this.#path = statusPath(stateDir);
    this.#status = status;
    this.#timer = setInterval(() => this.#write(), 500);
    this.#timer.unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writing;
    this.#write();
    await this.#writing;
  }

  #write(): void {
    if (this.#busy) return;
    this.#busy = true;
    this.#writing = replaceAtomically(this.#path, `${JSON.stringify(this.#status())}\n`)
      .catch(() => {})
      .finally(() => {
        this.#busy = false;
      });
  }
}

interface StatusStreams {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly stderr: { write(text: string): unknown };
}

async function showStatus(configPath: string, json: boolean, { stdout, stderr }: StatusStreams): Promise<ExitStatus> {
  try {
    const { stateDir } = await loadConfig(configPath);
    const text = await readIfPresent(statusPath(stateDir));
    if (text === undefined) {
      stderr.write(`No gateway has run with ${stateDir} yet. Start one with "gateway run --config ${configPath}".\n`);
      return EXIT.failed;
    }
    const status = JSON.parse(text) as GatewayStatus;
    const ageMs = Date.now() - status.timeMs;
    if (json || stdout.isTTY !== true) stdout.write(`${JSON.stringify({ ageMs, ...status })}\n`);
    else stdout.write(describe(status, ageMs));
    if (ageMs <= STALE_MS) return EXIT.done;
    stderr.write(`The gateway is not running: this is what it last wrote, ${(ageMs / 1000).toFixed(0)} s ago.\n`);
    return EXIT.failed;
  } catch (error) {
    stderr.write(`gateway status: ${messageOf(error)}\n`);
    return error instanceof GatewayError ? error.exitStatus : EXIT.failed;
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function describe(status: GatewayStatus, ageMs: number): string {
  const { station, streams, jobs, link } = status;
  const lines = [
    `${station.name} (PI ${station.pi}, ${station.frequencyHz / 1e6} MHz), measured ${seconds(ageMs)} ago`,
    `outputs    ${status.outputs.join(', ')}, ${status.speed.toFixed(2)} x real time`,
    ...streams.map(
      ({ stream, groups, dataGroups }) =>
        `stream ${stream}   ${groups} groups sent, ${dataGroups} ours (${((100 * dataGroups) / Math.max(1, groups)).toFixed(1)} %)`,
    ),
    `backend    ${link === null ? 'none configured' : `${link.state} for ${seconds(status.timeMs - link.sinceMs)}`}`,
    ...jobs.flatMap((job) => describeJob(job, status)),
  ];
  return `${lines.join('\n')}\n`;
}

function describeJob({ jobId, state, detail }: GatewayStatus['jobs'][number], status: GatewayStatus): string[] {
  const sent = status.onAir.find((counted) => counted.jobId === jobId);
  const groups =
    sent === undefined
      ? 'no group sent'
      : `${sent.groups} groups, last ${seconds(status.timeMs - sent.lastGroupMs)} before`;
  const lines = [`job        ${jobId}: ${state}${detail === '' ? '' : ` (${detail})`}, ${groups}`];
  const plan = status.outlook.find((one) => one.jobId === jobId);
  if (plan !== undefined) lines.push(`           ${describeOutlook(plan)}`);
  return lines;
}

export function addStatusCommand(program: Command): void {
  program
    .command('status')
    .description('show what the running gateway measured of itself')
    .requiredOption('--config <file>', 'the configuration it runs with')
    .option('--json', 'one JSON object, also on a terminal')
    .action(async (options: { config: string; json?: boolean }) => {
      process.exitCode = await showStatus(options.config, options.json ?? false, process);
    });
}
