import { describe, expect, it } from 'vitest';
import { serialiseGroup } from '#codec/bits/serialise.ts';
import { Synchroniser } from '#codec/bits/synchronise.ts';
import { isWhole, type ReceivedGroup, type StreamNumber } from '#codec/groups/group.ts';
import { FmModulator } from '#codec/iq/fm.ts';
import { GroupReceiver } from '#codec/iq/receive.ts';
import { SAMPLE_FORMATS, type SampleFormat, writeSamples } from '#codec/iq/samples.ts';
import { MpxModulator } from '#codec/mpx/modulate.ts';
import { RandomGroups } from '../mpx/signals.ts';
import { ATTACKS, undergo } from './hostile.ts';
import { Seeded } from './station.ts';

const RATE_HZ = 250_000;
const GROUPS = 40;

/** Measured: 1 s of the worst junk costs the first 8 groups after it. */
const COST_GROUPS = 16;

describe('after an attack the package of the real station arrives', () => {
  it.each(Object.entries(ATTACKS))('%s', (_, attack) => {
    for (const streams of [[0], [0, 1, 2, 3]] as StreamNumber[][]) {
      const { slotsAfter, grownMb, slowestMs } = undergo({ attack, seed: 7, streams, slots: 1500, after: 4000 });
      // Without an attack it takes 175 slots on four streams and 860 on one; an attack may spoil the block once.
      expect(slotsAfter).toBeLessThan(streams.length === 1 ? 2000 : 500);
      expect(grownMb).toBeLessThan(40);
      expect(slowestMs).toBeLessThan(1000);
    }
  });
});

function floats(samples: number, value: () => number): Uint8Array {
  return new Uint8Array(Float32Array.from({ length: 2 * samples }, value).buffer);
}

function transmission(): { groups: RandomGroups; iq: Float32Array } {
  const groups = new RandomGroups(1, GROUPS);
  const modulator = new MpxModulator({ rateHz: RATE_HZ, streams: 1, nextGroup: groups.next });
  const mpx = new Float32Array(Math.ceil(((GROUPS + 5) * 104 * RATE_HZ) / 1187.5));
  const iq = new Float32Array(2 * mpx.length);
  modulator.modulate(mpx);
  new FmModulator({ rateHz: RATE_HZ }).modulate(mpx, iq);
  for (let k = 0; k < iq.length; k++) iq[k] *= 0.5;
  return { groups, iq };
}

describe('a receiver goes on after samples of any kind', () => {
  const { groups, iq } = transmission();
  const junk: [name: string, format: SampleFormat, make: (random: Seeded) => Uint8Array][] = [
    ...SAMPLE_FORMATS.map((format): [string, SampleFormat, (random: Seeded) => Uint8Array] => [
      `random bytes as ${format}`,
      format,
      (random) => random.bytes(1_000_003),
    ]),
    ['NaN', 'cf32', () => floats(RATE_HZ, () => Number.NaN)],
    ['infinities', 'cf32', (random) => floats(RATE_HZ, () => (random.next() < 0.5 ? -Infinity : Infinity))],
    ['the largest samples taken', 'cf32', (random) => floats(RATE_HZ, () => 9.9e5 * Math.sign(random.next() - 0.5))],
    ['the smallest samples there are', 'cf32', () => floats(RATE_HZ, () => 1e-45)],
  ];
  it.each(junk)('%s', (_, format, make) => {
    const received: ReceivedGroup[] = [];
    const receiver = new GroupReceiver({
      input: 'iq',
      rateHz: RATE_HZ,
      format,
      streams: 1,
      onGroup: (group) => received.push(group),
    });
    const bytes = make(new Seeded(5));
    // Whole samples, so that what follows is in step.
    receiver.push(bytes.subarray(0, bytes.length & ~7));
    expect(received.filter(isWhole)).toEqual([]);
    receiver.push(writeSamples(format, iq));
    receiver.end();
    const sent = new Set(groups.sent[0].map((group) => group.blocks.join()));
    const whole = received.filter(isWhole);
    expect(whole.length).toBeGreaterThanOrEqual(GROUPS - COST_GROUPS);
    expect(whole.filter((group) => !sent.has(group.blocks.join()))).toEqual([]);
  });
});

describe('a synchroniser goes on after soft symbols of any kind', () => {
  const strange = [Number.NaN, Infinity, -Infinity, 0, -0, 1e-45, 3e38, -3e38];
  it.each([
    ['random', (random: Seeded) => 2 * random.next() - 1],
    ['strange', (random: Seeded) => strange[random.word() & 7]],
    ['all alike', () => 1],
  ])('%s', (_, make) => {
    const random = new Seeded(8);
    const received: ReceivedGroup[] = [];
    const synchroniser = new Synchroniser({ stream: 0, onGroup: (group) => received.push(group) });
    const push = (symbols: Float32Array): void => synchroniser.push(symbols, new Float64Array(symbols.length));
    push(Float32Array.from({ length: 200_000 }, () => make(random)));
    received.length = 0;
    const groups = new RandomGroups(2, GROUPS);
    const bits = new Uint8Array(104);
    let symbol = 8;
    for (let group = groups.next(0); group !== null; group = groups.next(0)) {
      serialiseGroup(group, bits);
      push(Float32Array.from(bits, (bit) => (symbol = bit === 1 ? -symbol : symbol)));
    }
    expect(received.filter(isWhole).length).toBeGreaterThanOrEqual(GROUPS - 4);
  });
});
