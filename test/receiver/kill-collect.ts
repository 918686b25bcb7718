/** `receiver collect` as a process, fed through a pipe as a receiver would feed it, and killed with -9 at random moments. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GROUPS_PER_SECOND } from '#codec/airtime.ts';
import { formatHexGroup } from '#codec/groups/hex.ts';
import { LogReader } from '#codec/groups/log.ts';
import { Reception } from '#codec/groups/reception.ts';
import { Seeded, Station } from '../groups/station.ts';
import { until } from '../until.ts';

const PROGRAM = join(import.meta.dirname, 'collect-program.ts');
const STREAMS = [1, 2, 3] as const;
/** How much faster than on air. */
const SPEED = 8;
const TICK_MS = 25;
const PATIENCE_MS = 30_000;
const LINES_PER_TICK = Math.round((STREAMS.length * GROUPS_PER_SECOND * SPEED * TICK_MS) / 1000);

/** What a kill may cost: a second of groups, and the batch that was not written yet. */
export const LOST_MAX = Math.ceil(STREAMS.length * GROUPS_PER_SECOND) + 16;

export interface KilledCollecting {
  /** Groups sent before each kill and not in the log after it. */
  readonly lost: readonly number[];
  /** Groups sent until the package was there; without kills; and the bytes of the package. */
  readonly groups: number;
  readonly groupsWithoutKills: number;
  readonly isRight: boolean;
}

/** Our groups that a log holds. */
function groupsIn(path: string): number {
  const reader = new LogReader(readFileSync(path));
  let groups = 0;
  for (let records = reader.next(); records !== undefined; records = reader.next())
    for (const { kind } of records) if (kind === 'data') groups++;
  return groups;
}

class Air {
  readonly #station = new Station(STREAMS);
  #waiting: string[] = [];
  /** Groups of ours sent. */
  sent = 0;

  constructor(bytes: Uint8Array) {
    this.#station.offer([bytes]);
  }

  announcement(): string {
    return formatHexGroup(this.#station.announcement());
  }

  next(): string {
    for (;;) {
      const line = this.#waiting.shift();
      if (line !== undefined) {
        this.sent++;
        return line;
      }
      // Announcements and assignments are in no log.
      for (const { group, kind } of this.#station.next().carried)
        if (kind !== 'assignment') this.#waiting.push(formatHexGroup(group));
    }
  }
}

function groupsNeeded(bytes: Uint8Array): number {
  const station = new Station(STREAMS);
  station.offer([bytes]);
  const reception = new Reception();
  reception.push(station.announcement());
  for (let groups = 0; ; ) {
    for (const { group, kind } of station.next().carried) {
      if (kind !== 'assignment') groups++;
      const events = reception.push({ ...group, slot: -1, clockRestarted: false });
      if (events.some((event) => event.kind === 'object')) return groups;
    }
  }
}

function hasPackage(state: string): boolean {
  return readdirSync(join(state, 'packages')).some((name) => name.endsWith('.pkg'));
}

class Victim {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  isReady = false;

  constructor(state: string) {
    this.#child = spawn(process.execPath, [PROGRAM, 'collect', '--state', state], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#exited = once(this.#child, 'exit');
    this.#child.stdin?.on('error', () => undefined);
    // What it says of the first group it hears, or of what it had heard.
    this.#child.stdout?.on('data', () => (this.isReady = true));
    this.#child.stderr?.on('data', () => (this.isReady = true));
  }

  hear(lines: readonly string[]): void {
    this.#child.stdin?.write(`${lines.join('\n')}\n`);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}

/** Each life hears some hundred groups: an anchor on every stream at least, because a hex file has no clock. */
export async function collectWithKills(seed: number, kills: number): Promise<KilledCollecting> {
  const random = new Seeded(seed);
  const state = mkdtempSync(join(tmpdir(), 'carillon-killed-'));
  const log = join(state, 'reception.log');
  const bytes = random.bytes(2800 * (kills + 1));
  const air = new Air(bytes);
  const lost: number[] = [];
  let heardBefore = 0;
  try {
    for (let life = 0; ; life++) {
      const victim = new Victim(state);
      victim.hear([air.announcement()]);
      await until(() => victim.isReady, 'the program to be ready', PATIENCE_MS);
      const from = air.sent;
      const lifeGroups = life < kills ? 400 + Math.floor(random.next() * 150) : Infinity;
      while (air.sent - from < lifeGroups && !hasPackage(state)) {
        // On air nothing waits for a receiver; here a busy machine must not count as reception lost.
        await until(
          () => air.sent - from - (groupsIn(log) - heardBefore) <= LOST_MAX - LINES_PER_TICK || hasPackage(state),
          'the program to hear what was sent',
          PATIENCE_MS,
        );
        victim.hear(Array.from({ length: LINES_PER_TICK }, () => air.next()));
        await sleep(TICK_MS * random.next() * 2);
      }
      await victim.kill();
      if (hasPackage(state)) break;
      const heard = groupsIn(log);
      lost.push(air.sent - from - (heard - heardBefore));
      heardBefore = heard;
    }
    const [name] = readdirSync(join(state, 'packages')).filter((file) => file.endsWith('.pkg'));
    const isRight = Buffer.compare(readFileSync(join(state, 'packages', name)), bytes) === 0;
    return { lost, groups: air.sent, groupsWithoutKills: groupsNeeded(bytes), isRight };
  } finally {
    rmSync(state, { recursive: true });
  }
}
