/**
 * How well and how fast receiving is: whole groups right against noise and other misfortunes, acquisition, fades, noise alone,
 * speed and memory. All signals are made here, from the seed.
 *
 *     npm run bench -- reception [SECONDS] [SEED] [PART ...]
 */

import { cpus } from 'node:os';
import type { StreamNumber } from '#codec/groups/group.ts';
import { STREAM_NUMBERS } from '#codec/groups/group.ts';
import { endure, JUNK } from '../iq/hostile.ts';
import { detune, gainJumps, imbalance, type Impairment, scale, secondRay, sparks } from './impairments.ts';
import { print, row, table } from './print.ts';
import { measureSpeed } from './speed.ts';
import { type Heard, IQ_RATE_HZ, overIq, overMpx, type Score, score } from './station.ts';

const GROUP_SECONDS = 104 / 1187.5;

function titled(title: string, head: readonly string[]): void {
  print(`\n${title}\n`);
  table(head);
}

const share = ({ right, sent }: Score): string => (right / sent).toFixed(4);
const wrongShare = ({ wrongBlocks, acceptedBlocks }: Score): string =>
  acceptedBlocks === 0 ? '-' : (wrongBlocks / acceptedBlocks).toExponential(1);

interface Run {
  readonly seconds: number;
  readonly seed: number;
}

/** redsea on signals of the same definition, 600 s each. */
const REDSEA_MPX: Readonly<Record<number, string>> = { 6: '.991', 5: '.944', 4: '.802', 3: '.536', 2: '.230' };
const WANTED_MPX: Readonly<Record<number, string>> = { 4: '.99', 3: '.95', 2: '.80' };

function mpx({ seconds, seed }: Run): void {
  titled(`Multiplex at 171 kHz, white noise, 2 kHz of deviation, ${seconds} s`, [
    'Eb/N0 dB',
    'whole groups right',
    'wanted',
    'wrong blocks among accepted',
    'redsea',
  ]);
  for (const ebN0Db of [6, 4, 3, 2, 1]) {
    const found = score(overMpx({ seed, seconds, streams: 1, ebN0Db }), 0);
    row([ebN0Db, share(found), WANTED_MPX[ebN0Db] ?? '', wrongShare(found), REDSEA_MPX[ebN0Db] ?? '']);
  }
}

function mpxStreams({ seconds, seed }: Run): void {
  titled(`The same with four streams at equal level: whole groups right, wrong blocks among accepted`, [
    'Eb/N0 dB',
    ...STREAM_NUMBERS.map((stream) => `stream ${stream}`),
  ]);
  for (const ebN0Db of [4, 3, 2]) {
    const heard = overMpx({ seed, seconds, streams: 4, ebN0Db });
    row([ebN0Db, ...STREAM_NUMBERS.map((stream) => both(heard, stream))]);
  }
}

function both(heard: Heard, stream: StreamNumber): string {
  const found = score(heard, stream);
  return `${share(found)}, ${wrongShare(found)}`;
}

const REDSEA_IQ: Readonly<Record<number, string>> = { 18: '.985', 16: '.761', 15: '.459' };
const WANTED_IQ: Readonly<Record<number, string>> = { 18: '.99', 16: '.97', 15: '.93', 14: '.80' };

function iq({ seconds, seed }: Run): void {
  titled(`IQ, cu8 at 250 kHz, with audio, 2 kHz of deviation, ${seconds} s`, [
    'C/N in 250 kHz, dB',
    'whole groups right',
    'wanted',
    'wrong blocks among accepted',
    'redsea behind an ideal channel filter',
  ]);
  for (const cnDb of [18, 16, 15, 14, 13]) {
    const found = score(overIq({ seed, seconds, streams: 1, cnDb }), 0);
    row([cnDb, share(found), WANTED_IQ[cnDb] ?? '', wrongShare(found), REDSEA_IQ[cnDb] ?? '']);
  }
  titled('The same with four streams: whole groups right, wrong blocks among accepted', [
    'C/N dB',
    ...STREAM_NUMBERS.map((stream) => `stream ${stream}`),
  ]);
  for (const cnDb of [20, 18, 16]) {
    const heard = overIq({ seed, seconds, streams: 4, cnDb });
    row([cnDb, ...STREAM_NUMBERS.map((stream) => both(heard, stream))]);
  }
}

const STARTS = 50;

/** Switched on in the middle of a transmission, at `STARTS` places. */
function acquisition({ seed }: Run): void {
  titled(`First right group, in seconds from the first sample, ${STARTS} starts (resolution 0.05 s)`, [
    'Eb/N0 dB',
    'clock ppm',
    'pilot',
    'median',
    'worst',
    'wanted',
  ]);
  for (const [ebN0Db, ppm, pilot, wanted] of [
    [6, 0, true, '0.5'],
    [6, 200, true, '1.5'],
    [6, -200, true, '1.5'],
    [6, 0, false, '0.5'],
    [6, 200, false, '1.5'],
    [3, 0, true, ''],
  ] as const) {
    const times: number[] = [];
    for (let start = 0; start < STARTS; start++) {
      const skipSeconds = 0.4 + (start * GROUP_SECONDS) / 9.7;
      const heard = overMpx({ seed: seed + start, seconds: 4, streams: 1, ebN0Db, ppm, pilot, skipSeconds });
      const { first } = score(heard, 0);
      times.push(first < 0 ? Number.POSITIVE_INFINITY : heard.outSeconds[first]);
    }
    times.sort((a, b) => a - b);
    const seconds = (index: number): string => times[index].toFixed(2);
    row([ebN0Db, ppm, pilot ? 'yes' : 'no', seconds(STARTS >> 1), seconds(STARTS - 1), wanted]);
  }
}

const NOISE_SECONDS = 600;

function anything({ received }: Heard): number {
  return received.filter(({ blocks }) => blocks.some((word) => word >= 0)).length;
}

function noiseAlone({ seed }: Run): void {
  titled(`Noise alone, ${NOISE_SECONDS} s, four streams: groups with anything in them (wanted: 0)`, [
    'input',
    'groups',
  ]);
  const fade = [0, NOISE_SECONDS] as const;
  row(['multiplex', anything(overMpx({ seed, seconds: NOISE_SECONDS, streams: 4, ebN0Db: 3, fade }))]);
  row(['IQ', anything(overIq({ seed, seconds: NOISE_SECONDS, streams: 4, cnDb: 18, fade }))]);
}

/** Groups that a fade touches, and those that were lost. */
function fades({ seed }: Run): void {
  titled(
    'A fade of 10 s in a minute, 5 seeds: groups lost beyond those that it touches (wanted: at most 5.7 each, 0.5 s)',
    ['signal', 'touched', 'lost', 'lost without a fade', 'cost of each fade beyond itself, groups'],
  );
  const seeds = [0, 1, 2, 3, 4].map((k) => seed + k);
  const fade = [20, 30] as const;
  const lost = (run: (seed: number) => Heard): number => {
    let sum = 0;
    for (const each of seeds) {
      const { sent, right } = score(run(each), 0);
      sum += sent - right;
    }
    return sum;
  };
  const touched = seeds.length * (Math.ceil(10 / GROUP_SECONDS) + 1);
  const signals: [string, (seed: number, faded: boolean) => Heard][] = [
    [
      'multiplex, Eb/N0 6 dB',
      (each, faded) => overMpx({ seed: each, seconds: 60, streams: 1, ebN0Db: 6, ...(faded && { fade }) }),
    ],
    [
      'multiplex, 4 dB, no pilot, 100 ppm',
      (each, faded) =>
        overMpx({ seed: each, seconds: 60, streams: 1, ebN0Db: 4, pilot: false, ppm: 100, ...(faded && { fade }) }),
    ],
    [
      'IQ, C/N 18 dB',
      (each, faded) => overIq({ seed: each, seconds: 60, streams: 1, cnDb: 18, ...(faded && { fade }) }),
    ],
  ];
  for (const [name, run] of signals) {
    const with10 = lost((each) => run(each, true));
    const without = lost((each) => run(each, false));
    row([name, touched, with10, without, ((with10 - without - touched) / seeds.length).toFixed(1)]);
  }
}

const HOSTILE_SECONDS = 600;
const IMPAIRED_SECONDS = 120;
const IMPAIRED_CN_DB = 16;

function impairments({ seed }: Run): void {
  const rate = IQ_RATE_HZ;
  const carrierHz = 98.5e6;
  interface Case {
    readonly name: string;
    readonly before?: Impairment[];
    readonly after?: Impairment[];
    readonly ppm?: number;
  }
  const cases: Case[] = [
    { name: 'nothing' },
    { name: 'second ray, 4 us, -6 dB, standing', before: [secondRay(rate, 4e-6, -6, 0)] },
    { name: 'second ray, 8 us, -10 dB, 0.3 turns a second', before: [secondRay(rate, 8e-6, -10, 0.3)] },
    { name: 'second ray, 20 us, -15 dB, 1 turn a second', before: [secondRay(rate, 20e-6, -15, 1)] },
    { name: 'sparks, 50 a second, 10 dB over the carrier, 8 us', after: [sparks(rate, 50, 10, 8e-6, seed)] },
    { name: 'sparks, 500 a second, 0 dB, 8 us', after: [sparks(rate, 500, 0, 8e-6, seed)] },
    { name: 'gain jumps of 10 dB every 2 s', after: [gainJumps(rate, 2, [0, -10, 6, -20])] },
    { name: 'clipped at 0.8 of the carrier', after: [scale(3)] },
    { name: 'offset 0.1, image -23 dB', after: [imbalance(0.1, 1, 5)] },
    ...[1, 10, 50, 100].map((ppm) => ({
      name: `crystal wrong by ${ppm} ppm at 98.5 MHz`,
      ppm,
      before: [detune(rate, ppm * 1e-6 * carrierHz)],
    })),
    { name: 'crystal wrong by -100 ppm', ppm: -100, before: [detune(rate, -100e-6 * carrierHz)] },
  ];
  titled(`Misfortunes at C/N ${IMPAIRED_CN_DB} dB, ${IMPAIRED_SECONDS} s`, [
    'what',
    'whole groups right',
    'against nothing',
    'wrong blocks among accepted',
  ]);
  let clean = 1;
  for (const { name, before = [], after = [], ppm = 0 } of cases) {
    const found = score(
      overIq({ seed, seconds: IMPAIRED_SECONDS, streams: 1, cnDb: IMPAIRED_CN_DB, before, after, ppm }),
      0,
    );
    const value = found.right / found.sent;
    if (name === 'nothing') clean = value;
    row([name, value.toFixed(4), (value / clean).toFixed(4), wrongShare(found)]);
  }
}

function hostile({ seed }: Run): void {
  titled(`Hostile input, ${HOSTILE_SECONDS} s of it each (wanted: no group, nothing thrown, no growth)`, [
    'input',
    'groups',
    'growth of the process after the first minute, MB',
  ]);
  for (const junk of JUNK) {
    const { groups, grownBytes } = endure(junk, HOSTILE_SECONDS, seed);
    row([junk.name, groups, (grownBytes / 1e6).toFixed(1)]);
  }
}

/**
 * A core of a Raspberry Pi 3 (Cortex-A53, 1.2 GHz, in order, 64 bits of SIMD a cycle) against one of a server of these years: from a
 * ninth in general benchmarks of single cores to a twentieth in code that lives on wide SIMD.
 */
const PI_3_TIMES_SLOWER = [9, 20] as const;

async function speed({ seed }: Run): Promise<void> {
  titled(
    'Speed at 250 kHz cu8, C/N 20 dB, with audio, one core, times real time (wanted: 150 and 50; at most 150 MB)',
    [
      'streams',
      'modulate',
      'receive',
      'receive, plain TypeScript',
      'program `receiver decode`, start and all',
      'its resident memory, MB',
      'Raspberry Pi 3, estimated',
    ],
  );
  for (const streams of [1, 4] as const) {
    const found = await measureSpeed(300, streams, seed);
    const [least, most] = PI_3_TIMES_SLOWER;
    row([
      streams,
      found.modulate.toFixed(0),
      found.receive.toFixed(0),
      found.receivePlain.toFixed(0),
      found.program.toFixed(0),
      (found.residentBytes / 1e6).toFixed(0),
      `${(found.receive / most).toFixed(0)} to ${(found.receive / least).toFixed(0)}`,
    ]);
  }
  print(
    `\nThe estimate divides what is measured here by ${PI_3_TIMES_SLOWER.join(' to ')}; nothing was run on a Raspberry Pi.`,
  );
}

const PARTS: Readonly<Record<string, (run: Run) => void | Promise<void>>> = {
  speed,
  mpx,
  streams: mpxStreams,
  iq,
  acquisition,
  noise: noiseAlone,
  fades,
  impairments,
  hostile,
};

/** `args`: seconds per point (default 300), seed (default 1), names of parts (default all). */
export async function bench(args: string[]): Promise<void> {
  const [seconds = '300', seed = '1', ...names] = args;
  const run = { seconds: Number(seconds), seed: Number(seed) };
  if (!(run.seconds >= 1) || !Number.isInteger(run.seed) || names.some((name) => !Object.hasOwn(PARTS, name))) {
    throw new Error(`reception [SECONDS] [SEED] [PART ...], parts: ${Object.keys(PARTS).join(', ')}`);
  }
  print(
    `${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.versions.node}, seed ${seed}, ${seconds} s per point`,
  );
  for (const [name, part] of Object.entries(PARTS)) if (names.length === 0 || names.includes(name)) await part(run);
}
