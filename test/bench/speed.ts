/** How fast `receiver decode` is, as a program: cu8 at 250 kHz from a file, on one core. */

import { spawn } from 'node:child_process';
import { createWriteStream, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FmModulator } from '#codec/iq/fm.ts';
import { GroupReceiver } from '#codec/iq/receive.ts';
import { writeSamples } from '#codec/iq/samples.ts';
import { plainKernels } from '#codec/kernels/plain.ts';
import { Melody } from '#codec/mpx/audio.ts';
import { MpxModulator } from '#codec/mpx/modulate.ts';
import { addNoise, RandomGroups, randomWords } from '../mpx/signals.ts';
import { IQ_RATE_HZ } from './station.ts';

const TENTH = IQ_RATE_HZ / 10;

export interface Speed {
  /** Seconds of signal per second of computing, in a process that has run for a while. */
  readonly modulate: number;
  readonly receive: number;
  readonly receivePlain: number;
  /** The same of the program, from its start to its end by the clock on the wall. */
  readonly program: number;
  /** Largest resident memory of the program. */
  readonly residentBytes: number;
}

/** C/N 20 dB: what a device at the edge of a city has. */
export async function measureSpeed(seconds: number, streams: 1 | 4, seed: number): Promise<Speed> {
  const folder = await mkdtemp(join(tmpdir(), 'speed-'));
  try {
    const path = join(folder, 'air_98.5M_250k.cu8');
    const modulate = await writeSignal(path, seconds, streams, seed);
    const receive = await receiveFile(path, seconds, streams, false);
    const receivePlain = await receiveFile(path, seconds, streams, true);
    return { modulate, receive, receivePlain, ...(await runProgram(path, seconds, streams)) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function writeSignal(path: string, seconds: number, streams: 1 | 4, seed: number): Promise<number> {
  const groups = new RandomGroups(seed);
  const modulator = new MpxModulator({ rateHz: IQ_RATE_HZ, streams, audio: new Melody(), nextGroup: groups.next });
  const fm = new FmModulator({ rateHz: IQ_RATE_HZ });
  const words = randomWords(seed + 1);
  const mpx = new Float32Array(TENTH);
  const iq = new Float32Array(2 * TENTH);
  const file = createWriteStream(path);
  let milliseconds = 0;
  for (let tenth = 0; tenth < 10 * seconds; tenth++) {
    const begin = performance.now();
    modulator.modulate(mpx);
    fm.modulate(mpx, iq);
    milliseconds += performance.now() - begin;
    addNoise(iq, Math.sqrt(0.5 * 10 ** -2), words);
    for (let k = 0; k < iq.length; k++) iq[k] *= 0.4;
    if (!file.write(writeSamples('cu8', iq))) await once(file, 'drain');
  }
  file.end();
  await once(file, 'close');
  return (1000 * seconds) / milliseconds;
}

async function receiveFile(path: string, seconds: number, streams: 1 | 4, isPlain: boolean): Promise<number> {
  const bytes = await readFile(path);
  let groups = 0;
  const receiver = new GroupReceiver({
    input: 'iq',
    rateHz: IQ_RATE_HZ,
    streams,
    onGroup: () => groups++,
    ...(isPlain && { kernels: plainKernels }),
  });
  const warm = Math.min(bytes.length, 2 * IQ_RATE_HZ * 10);
  receiver.push(bytes.subarray(0, warm));
  const begin = process.cpuUsage();
  for (let at = 0; at < bytes.length; at += 65_536) receiver.push(bytes.subarray(at, at + 65_536));
  const { user, system } = process.cpuUsage(begin);
  if (groups === 0) throw new Error('nothing was received');
  return seconds / ((user + system) / 1e6);
}

async function runProgram(
  path: string,
  seconds: number,
  streams: 1 | 4,
): Promise<Pick<Speed, 'program' | 'residentBytes'>> {
  const main = join(import.meta.dirname, '../../receiver/main.ts');
  const options = ['decode', '-i', 'iq', '-r', '250k', '--streams', String(streams), '-f', path, '-o', 'hex'];
  const begin = performance.now();
  const child = spawn(process.execPath, [main, ...options], { stdio: ['ignore', 'pipe', 'ignore'] });
  let bytes = 0;
  child.stdout.on('data', (chunk: Uint8Array) => (bytes += chunk.length));
  let residentBytes = 0;
  const watch = setInterval(() => {
    residentBytes = Math.max(residentBytes, peakBytes(child.pid));
  }, 50);
  const [code] = (await once(child, 'close')) as [number];
  clearInterval(watch);
  if (code !== 0 || bytes === 0) throw new Error(`receiver decode ended with ${code} after ${bytes} bytes`);
  return { program: (1000 * seconds) / (performance.now() - begin), residentBytes };
}

/** Largest resident memory of a process so far, 0 when it is gone. */
function peakBytes(pid: number | undefined): number {
  try {
    return 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
