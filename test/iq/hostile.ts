/** Input that nobody would send: for the tests, the long tests and the bench. */

import { GroupReceiver, type GroupReceiverOptions } from '#codec/iq/receive.ts';
import { SAMPLE_BYTES, SAMPLE_FORMATS, type SampleFormat, writeSamples } from '#codec/iq/samples.ts';
import { randomWords } from '../mpx/signals.ts';

const RATE_HZ = 250_000;

/** `pour` fills a chunk. */
export interface Junk {
  readonly name: string;
  readonly options: Pick<GroupReceiverOptions, 'input' | 'rateHz' | 'format' | 'streams'>;
  readonly bytesPerSecond: number;
  readonly pour: (chunk: Uint8Array, words: () => number) => void;
}

function fillRandom(chunk: Uint8Array, words: () => number): void {
  const whole = chunk.length & ~3;
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  for (let k = 0; k < whole; k += 4) view.setUint32(k, words());
  for (let k = whole; k < chunk.length; k++) chunk[k] = words();
}

const STRANGE = [Number.NaN, Infinity, -Infinity, 0, -0, 1e-45, 3e38, -3e38, 1e6, -9.9e5, 1, -1];

function fillStrange(chunk: Uint8Array, words: () => number): void {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  for (let k = 0; k + 4 <= chunk.length; k += 4) view.setFloat32(k, STRANGE[words() % STRANGE.length], true);
}

export const JUNK: readonly Junk[] = [
  ...SAMPLE_FORMATS.map((format: SampleFormat) => ({
    name: `random bytes as ${format}`,
    options: { input: 'iq', rateHz: RATE_HZ, format, streams: 4 } as const,
    bytesPerSecond: RATE_HZ * SAMPLE_BYTES[format],
    pour: fillRandom,
  })),
  {
    name: 'NaN, infinities and extremes as cf32',
    options: { input: 'iq', rateHz: RATE_HZ, format: 'cf32', streams: 4 },
    bytesPerSecond: RATE_HZ * SAMPLE_BYTES.cf32,
    pour: fillStrange,
  },
  {
    name: 'random bytes as a multiplex',
    options: { input: 'mpx', rateHz: 171_000, streams: 4 },
    bytesPerSecond: 2 * 171_000,
    pour: fillRandom,
  },
  {
    name: 'random bytes as bits',
    options: { input: 'bits', rateHz: 0, streams: 1 },
    // One byte in 128 is a 0 or a 1.
    bytesPerSecond: 128 * 1_188,
    pour: fillRandom,
  },
];

export interface Endured {
  /** Groups with anything in them. */
  readonly groups: number;
  /** Growth of the process from a tenth of the time to the end. */
  readonly grownBytes: number;
}

/** Throws when the receiver does. Chunks are of odd sizes. */
export function endure(junk: Junk, seconds: number, seed: number): Endured {
  const words = randomWords(seed);
  let groups = 0;
  const receiver = new GroupReceiver({
    ...junk.options,
    onGroup: ({ blocks }) => {
      if (blocks.some((word) => word >= 0)) groups++;
    },
  });
  const chunk = new Uint8Array(Math.floor(junk.bytesPerSecond / 5) | 1);
  let begin = 0;
  for (let fifth = 0; fifth < 5 * seconds; fifth++) {
    junk.pour(chunk, words);
    receiver.push(chunk);
    if (fifth === Math.floor(seconds / 2)) begin = process.memoryUsage().rss;
  }
  receiver.end();
  return { groups, grownBytes: process.memoryUsage().rss - begin };
}

/** Gives the receiver every beginning of some samples, from none to all of them: it must not throw. */
export function truncations(format: SampleFormat, bytesMax: number, step: number): number {
  const words = randomWords(9);
  const iq = Float32Array.from({ length: bytesMax }, () => words() / 2 ** 31 - 1);
  const bytes = writeSamples(format, iq).subarray(0, bytesMax);
  let count = 0;
  for (let length = 0; length <= bytes.length; length += step) {
    const receiver = new GroupReceiver({ input: 'iq', rateHz: RATE_HZ, format, streams: 4, onGroup: () => {} });
    receiver.push(bytes.subarray(0, length));
    receiver.end();
    count++;
  }
  return count;
}
