/** How well and how fast the modem works: whole groups right against noise, and speed against real time. */

import { cpus } from 'node:os';
import type { ReceivedGroup } from '#codec/groups/group.ts';
import { FmModulator } from '#codec/iq/fm.ts';
import { GroupReceiver } from '#codec/iq/receive.ts';
import { writeSamples } from '#codec/iq/samples.ts';
import { Melody } from '#codec/mpx/audio.ts';
import { MpxModulator } from '#codec/mpx/modulate.ts';
import { addNoise, compareGroups, noiseDeviation, RandomGroups, randomWords, subcarrierPower } from '../mpx/signals.ts';

const MPX_RATE_HZ = 171_000;
const IQ_RATE_HZ = 250_000;

interface Point {
  readonly share: number;
  readonly wrong: number;
}

function overMpx(seed: number, seconds: number, ebN0Db: number): Point {
  const groups = new RandomGroups(seed);
  const modulator = new MpxModulator({ rateHz: MPX_RATE_HZ, streams: 1, nextGroup: groups.next });
  const received: ReceivedGroup[] = [];
  const receiver = new GroupReceiver({
    input: 'mpx',
    rateHz: MPX_RATE_HZ,
    streams: 1,
    onGroup: (g) => received.push(g),
  });
  const deviation = noiseDeviation(MPX_RATE_HZ, subcarrierPower(MPX_RATE_HZ, 2_000), ebN0Db);
  const words = randomWords(seed + 1);
  const mpx = new Float32Array(MPX_RATE_HZ);
  for (let second = 0; second < seconds; second++) {
    modulator.modulate(mpx);
    addNoise(mpx, deviation, words);
    receiver.pushMpx(mpx);
  }
  receiver.end();
  const { right, wrong } = compareGroups(groups.sent[0], received);
  return { share: right / groups.sent[0].length, wrong };
}

function overIq(seed: number, seconds: number, cnDb: number): Point {
  const groups = new RandomGroups(seed);
  const modulator = new MpxModulator({
    rateHz: IQ_RATE_HZ,
    streams: 1,
    audio: new Melody(),
    nextGroup: groups.next,
  });
  const fm = new FmModulator({ rateHz: IQ_RATE_HZ });
  const received: ReceivedGroup[] = [];
  const receiver = new GroupReceiver({ input: 'iq', rateHz: IQ_RATE_HZ, streams: 1, onGroup: (g) => received.push(g) });
  const words = randomWords(seed + 1);
  const deviation = Math.sqrt(0.5 * 10 ** (-cnDb / 10));
  const mpx = new Float32Array(IQ_RATE_HZ / 2);
  const iq = new Float32Array(IQ_RATE_HZ);
  for (let half = 0; half < 2 * seconds; half++) {
    modulator.modulate(mpx);
    fm.modulate(mpx, iq);
    addNoise(iq, deviation, words);
    for (let k = 0; k < iq.length; k++) iq[k] *= 0.4;
    receiver.push(writeSamples('cu8', iq));
  }
  receiver.end();
  const { right, wrong } = compareGroups(groups.sent[0], received);
  return { share: right / groups.sent[0].length, wrong };
}

/** Seconds of signal made, or received, per second of computing. */
function speed(seconds: number, streams: 1 | 4): { modulate: number; demodulate: number } {
  const groups = new RandomGroups(1);
  const modulator = new MpxModulator({ rateHz: IQ_RATE_HZ, streams, audio: new Melody(), nextGroup: groups.next });
  const fm = new FmModulator({ rateHz: IQ_RATE_HZ });
  let count = 0;
  const receiver = new GroupReceiver({ input: 'iq', rateHz: IQ_RATE_HZ, streams, onGroup: () => count++ });
  const mpx = new Float32Array(IQ_RATE_HZ / 10);
  const iq = new Float32Array(2 * mpx.length);
  let modulating = 0;
  let demodulating = 0;
  for (let tenth = 0; tenth < 10 * seconds; tenth++) {
    const begin = performance.now();
    modulator.modulate(mpx);
    fm.modulate(mpx, iq);
    const bytes = writeSamples('cu8', iq);
    const between = performance.now();
    receiver.push(bytes);
    modulating += between - begin;
    demodulating += performance.now() - between;
  }
  return { modulate: (1000 * seconds) / modulating, demodulate: (1000 * seconds) / demodulating };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function row(cells: readonly (string | number)[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}

function table(head: readonly string[]): void {
  row(head);
  row(head.map(() => '---'));
}

/** `args`: seconds per point (default 120), seed (default 1). */
export async function bench(args: string[]): Promise<void> {
  const seconds = Number(args[0] ?? 120);
  const seed = Number(args[1] ?? 1);
  print(
    `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.versions.node}, seed ${seed}, ${seconds} s per point`,
  );
  print('\nSpeed at 250 kHz, multiplex with audio and FM to cu8 and back, times real time\n');
  table(['streams', 'modulate', 'demodulate']);
  for (const streams of [1, 4] as const) {
    const { modulate, demodulate } = speed(20, streams);
    row([streams, modulate.toFixed(0), demodulate.toFixed(0)]);
  }
  print('\nWhite noise on the multiplex, 171 kHz, 2 kHz deviation\n');
  table(['Eb/N0 dB', 'whole groups right', 'wrong groups']);
  for (const ebN0Db of [6, 5, 4, 3, 2]) {
    const { share, wrong } = overMpx(seed, seconds, ebN0Db);
    row([ebN0Db, share.toFixed(3), wrong]);
  }
  print('\nWhite noise on IQ, cu8 at 250 kHz, with audio, 2 kHz deviation\n');
  table(['C/N dB', 'whole groups right', 'wrong groups']);
  for (const cnDb of [18, 16, 14]) {
    const { share, wrong } = overIq(seed, seconds, cnDb);
    row([cnDb, share.toFixed(3), wrong]);
  }
}
