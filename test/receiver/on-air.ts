/** Stations for tests of programs that listen to dongles: as samples, and as an rtl_tcp server that has several. */

import { spawn } from 'node:child_process';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { GROUPS_PER_SECOND } from '#codec/airtime.ts';
import { DEFAULT_CHANNEL, DEFAULT_GROUP_TYPE_CODE, makeAnnouncement, makeAssignment } from '#codec/groups/announce.ts';
import type { Group } from '#codec/groups/group.ts';
import { formatHexGroup } from '#codec/groups/hex.ts';
import { makePsGroup } from '#codec/groups/programme.ts';
import { COMMAND, CommandReader, encodeGreeting, R820T_GAINS, TUNER_R820T } from '#hardware/rtlsdr/protocol.ts';
import { runModulate } from '../../gateway/modulate.ts';
import { received, Seeded } from '../groups/station.ts';

export const MAIN = join(import.meta.dirname, '../../receiver/main.ts');

export class Collector extends Writable {
  readonly parts: Buffer[] = [];
  readonly isTTY: boolean;
  constructor(isTTY = false) {
    super();
    this.isTTY = isTTY;
  }
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.parts.push(chunk);
    done();
  }
  get bytes(): Buffer {
    return Buffer.concat(this.parts);
  }
  get text(): string {
    return this.bytes.toString();
  }
}

export interface StationOptions {
  readonly pi: number;
  readonly ps: string;
  /** What the station says of updates. */
  readonly carries: 'rds' | 'rds2' | 'other-version' | 'nothing';
  readonly seconds: number;
}

/** An ODA that is not ours (RT+, EN 62106 annex P). */
const RT_PLUS_AID = 0x4bd7;

function groupsOf({ pi, ps, carries, seconds }: StationOptions): Group[] {
  const header = { pi, tp: false, pty: 10 };
  const station = { header, ps, ta: false, music: true, decoderInformation: 1 };
  const random = new Seeded(pi);
  const word = (): number => random.word() & 0xffff;
  const groups: Group[] = [];
  for (let k = 0; k < Math.round(seconds * GROUPS_PER_SECOND); k++) {
    if (carries === 'rds2') {
      const data = [0x4000 | (DEFAULT_CHANNEL << 8), word(), word(), word()] as const;
      groups.push(k % 8 === 3 ? makeAssignment(1, DEFAULT_CHANNEL, pi) : { stream: 1, blocks: data });
    }
    if (k % 3 === 0) groups.push(makePsGroup(station, k / 3));
    else if (k % 22 === 10 && carries !== 'rds2') groups.push(announcementOf(header, carries));
    else if (carries === 'rds') groups.push({ stream: 0, blocks: [pi, 0xb000 | (10 << 5) | (k & 15), word(), word()] });
    else groups.push({ stream: 0, blocks: [pi, 0x2400 | (k & 15), word(), word()] });
  }
  return groups;
}

function announcementOf(header: { pi: number; tp: boolean; pty: number }, carries: StationOptions['carries']): Group {
  const ours = makeAnnouncement(header, {
    groupTypeCode: DEFAULT_GROUP_TYPE_CODE,
    channel: DEFAULT_CHANNEL,
    streams: [],
  });
  const [a, b, c, d] = ours.blocks;
  if (carries === 'nothing') return { stream: 0, blocks: [a, b, 0, RT_PLUS_AID] };
  return carries === 'other-version' ? { stream: 0, blocks: [a, b, c + 0x1000, d] } : ours;
}

/** FM baseband at 250,000 samples/s, without noise. */
export async function stationSignal(options: StationOptions, format: 'cu8' | 'cf32'): Promise<Uint8Array> {
  const lines = groupsOf(options).map((group) => formatHexGroup(received(group, -1)));
  const stdout = new Collector();
  const status = await runModulate(
    { input: 'hex', rate: '250k', output: 'iq', format, rds2: options.carries === 'rds2', audio: 'melody' },
    { stdin: Readable.from([Buffer.from(lines.join('\n'))]), stdout, stderr: new Collector() },
  );
  if (status !== 0) throw new Error('the station has no signal');
  return new Uint8Array(stdout.bytes);
}

/** Bytes of a dongle that hears nothing. */
export function noise(sizeBytes: number): Uint8Array {
  const random = new Seeded(9);
  // Two dice: rather bell-shaped, some 20 levels wide.
  return Uint8Array.from({ length: sizeBytes }, () => {
    const word = random.word();
    return 108 + ((word & 15) + ((word >>> 8) & 15) + ((word >>> 16) & 7));
  });
}

/** An rtl_tcp server with a signal on each of some frequencies and noise on all others, as fast as it is read. */
export class FakeDongle {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly frequenciesHz: number[] = [];
  #isCut = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(signals: ReadonlyMap<number, Uint8Array>): Promise<FakeDongle> {
    const quiet = noise(500_000);
    const server = createServer();
    const dongle = new FakeDongle(server);
    server.on('connection', (socket) => dongle.#serve(socket, signals, quiet));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return dongle;
  }

  get source(): string {
    const address = this.#server.address();
    return `rtl_tcp://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  }

  /** The next frequency is not reached: the cable is pulled. */
  cutAtNextFrequency(): void {
    this.#isCut = true;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: Socket, signals: ReadonlyMap<number, Uint8Array>, quiet: Uint8Array): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.write(encodeGreeting(TUNER_R820T, R820T_GAINS));
    const reader = new CommandReader();
    let signal = quiet;
    let at = 0;
    let isPlaying = false;
    socket.on('data', (chunk: Uint8Array) => {
      for (const { command, value } of reader.push(chunk)) {
        if (command !== COMMAND.frequencyHz) continue;
        if (this.#isCut && this.frequenciesHz.length > 0) socket.destroy();
        this.frequenciesHz.push(value);
        signal = signals.get(value) ?? quiet;
        at = 0;
        if (isPlaying) continue;
        isPlaying = true;
        play();
      }
    });
    const play = (): void => {
      while (!socket.destroyed) {
        const bytes = signal.subarray(at, at + 50_000);
        at = at + 50_000 < signal.length ? at + 50_000 : 0;
        if (!socket.write(bytes)) break;
      }
      if (!socket.destroyed) socket.once('drain', () => setImmediate(play));
    };
  }
}

export interface Ran {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** Lines of stdout, as JSON. */
  readonly lines: Record<string, unknown>[];
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** Ctrl-C, so long after stderr says this. */
  readonly stopAt?: RegExp;
  readonly stopAfterMs?: number;
  readonly stopAtStdout?: RegExp;
}

/** Runs the receiver as a program. */
export async function runReceiver(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
  });
  const stdout = new Collector();
  child.stdout.pipe(stdout);
  let stderr = '';
  let { stopAt, stopAtStdout } = options;
  child.stdout.on('data', () => {
    if (stopAtStdout?.test(stdout.text) !== true) return;
    stopAtStdout = undefined;
    child.kill('SIGINT');
  });
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
    if (stopAt?.test(stderr) !== true) return;
    stopAt = undefined;
    setTimeout(() => child.kill('SIGINT'), options.stopAfterMs ?? 0);
  });
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  const lines: Record<string, unknown>[] = [];
  if (!args.includes('-')) {
    for (const line of stdout.text.split('\n')) if (line.startsWith('{')) lines.push(JSON.parse(line));
  }
  return { status, stdout: stdout.bytes, stderr, lines };
}
