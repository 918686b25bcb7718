/** Seeded noise and random groups for the signal tests and the reception bench. */

import type { Group, ReceivedGroup, StreamNumber } from '#codec/groups/group.ts';
import { isWhole } from '#codec/groups/group.ts';
import { MpxModulator } from '#codec/mpx/modulate.ts';
import { BIT_RATE_HZ } from '#codec/mpx/shaping.ts';

/** Uniform 32-bit numbers (xorshift32). */
export function randomWords(seed: number): () => number {
  let state = (seed ^ 0x9e37_79b9) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

/** Adds white Gaussian noise (polar method). */
export function addNoise(samples: Float32Array, deviation: number, words: () => number): void {
  const uniform = (): number => words() / 2_147_483_648 - 1;
  for (let k = 0; k < samples.length; k += 2) {
    let x: number;
    let y: number;
    let s: number;
    do {
      x = uniform();
      y = uniform();
      s = x * x + y * y;
    } while (s >= 1 || s === 0);
    const f = deviation * Math.sqrt((-2 * Math.log(s)) / s);
    samples[k] += f * x;
    if (k + 1 < samples.length) samples[k + 1] += f * y;
  }
}

/** Random groups (of every type) with a count on each stream, and what was sent. */
export class RandomGroups {
  readonly sent: Group[][] = [[], [], [], []];
  readonly #words: () => number;
  readonly #limit: number;

  constructor(seed: number, limit: number = Number.POSITIVE_INFINITY) {
    this.#words = randomWords(seed);
    this.#limit = limit;
  }

  readonly next = (stream: StreamNumber): Group | null => {
    if (this.sent[stream].length >= this.#limit) return null;
    const word = (): number => this.#words() & 0xffff;
    const first = stream === 0 ? 0xd3c2 : 0x4000 | (word() & 0xff);
    const group: Group = { stream, blocks: [first, word(), word(), word()] };
    this.sent[stream].push(group);
    return group;
  };
}

const key = (group: { readonly blocks: readonly number[] }): string => group.blocks.join();

/** How many groups came out exactly as they were sent, in order, and how many came out whole but were never sent so. */
export function compareGroups(
  sent: readonly Group[],
  received: readonly ReceivedGroup[],
): { right: number; wrong: number } {
  let right = 0;
  let wrong = 0;
  let at = 0;
  for (const group of received) {
    if (!isWhole(group)) continue;
    const wanted = key(group);
    let found = at;
    while (found < sent.length && found < at + 200 && key(sent[found]) !== wanted) found++;
    if (found < sent.length && key(sent[found]) === wanted) {
      right++;
      at = found + 1;
    } else wrong++;
  }
  return { right, wrong };
}

/** Mean power of one modulated subcarrier with random data, in units of the multiplex squared. */
export function subcarrierPower(rateHz: number, rdsDeviationHz: number): number {
  const groups = new RandomGroups(1);
  const modulator = new MpxModulator({
    rateHz,
    streams: 1,
    rdsDeviationHz,
    pilotDeviationHz: 0,
    nextGroup: groups.next,
  });
  const samples = new Float32Array(Math.round(rateHz * 2));
  modulator.modulate(samples);
  return samples.reduce((sum, x) => sum + x * x, 0) / samples.length;
}

/** Standard deviation of white noise per sample of the multiplex for this Eb/N0. */
export function noiseDeviation(rateHz: number, power: number, ebN0Db: number): number {
  return Math.sqrt((power * rateHz) / (2 * BIT_RATE_HZ * 10 ** (ebN0Db / 10)));
}
