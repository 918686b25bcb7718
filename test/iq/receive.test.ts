import { describe, expect, it } from 'vitest';
import { serialiseGroup } from '#codec/bits/serialise.ts';
import type { Group, ReceivedGroup } from '#codec/groups/group.ts';
import { isWhole } from '#codec/groups/group.ts';
import { FmModulator } from '#codec/iq/fm.ts';
import { GroupReceiver } from '#codec/iq/receive.ts';
import type { SampleFormat } from '#codec/iq/samples.ts';
import { SAMPLE_FORMATS, writeSamples } from '#codec/iq/samples.ts';
import { Melody } from '#codec/mpx/audio.ts';
import { MpxModulator } from '#codec/mpx/modulate.ts';
import { addNoise, compareGroups, RandomGroups, randomWords } from '../mpx/signals.ts';

interface Transmission {
  readonly rateHz?: number;
  readonly streams?: 1 | 4;
  readonly groups?: number;
  readonly format?: SampleFormat;
  readonly offsetHz?: number;
  readonly cnDb?: number;
}

function transmit(options: Transmission): { sent: Group[][]; bytes: Uint8Array } {
  const { rateHz = 250_000, streams = 1, groups: limit = 15, format = 'cu8', offsetHz = 0, cnDb } = options;
  const groups = new RandomGroups(1, limit);
  const modulator = new MpxModulator({ rateHz, streams, audio: new Melody(), nextGroup: groups.next });
  const mpx = new Float32Array(Math.ceil(((limit + 5) * 104 * rateHz) / 1187.5));
  const iq = new Float32Array(2 * mpx.length);
  modulator.modulate(mpx);
  for (let k = 0; k < mpx.length; k++) mpx[k] += offsetHz / 75_000;
  new FmModulator({ rateHz }).modulate(mpx, iq);
  if (cnDb !== undefined) addNoise(iq, Math.sqrt(0.5 * 10 ** (-cnDb / 10)), randomWords(2));
  for (let k = 0; k < iq.length; k++) iq[k] *= 0.5;
  return { sent: groups.sent, bytes: writeSamples(format, iq) };
}

function receive(bytes: Uint8Array, options: Transmission, chunk: number = 100_001): ReceivedGroup[] {
  const { rateHz = 250_000, streams = 1, format = 'cu8' } = options;
  const received: ReceivedGroup[] = [];
  const receiver = new GroupReceiver({
    input: 'iq',
    rateHz,
    format,
    streams,
    onGroup: (group) => received.push(group),
  });
  for (let at = 0; at < bytes.length; at += chunk) receiver.push(bytes.subarray(at, at + chunk));
  receiver.end();
  return received;
}

/** What came out whole and what was sent, stream by stream, to be held against each other. */
function sentAndReceived(options: Transmission): { sent: unknown; received: unknown } {
  const { sent, bytes } = transmit(options);
  const received = receive(bytes, options);
  const whole = sent.map((_, stream) => received.filter((group) => group.stream === stream && isWhole(group)));
  return {
    sent: sent.map((stream) => stream.map((group) => group.blocks)),
    received: whole.map((stream) => stream.map((group) => group.blocks)),
  };
}

describe('bytes of IQ to groups', () => {
  it.each(SAMPLE_FORMATS)('in %s, all four streams', (format) => {
    const { sent, received } = sentAndReceived({ format, streams: 4 });
    expect(received).toEqual(sent);
  });
  it.each([225_001, 300_000, 1_024_000])('at %i samples a second', (rateHz) => {
    const { sent, received } = sentAndReceived({ rateHz });
    expect(received).toEqual(sent);
  });
  it.each([-5_000, 5_000])('tuned wrong by %i Hz', (offsetHz) => {
    const { sent, received } = sentAndReceived({ offsetHz });
    expect(received).toEqual(sent);
  });

  it('reads 9 of 10 groups at C/N = 16 dB, 3 of 10 at 14 dB (measured .95 and .52)', () => {
    for (const [cnDb, least] of [
      [16, 0.89],
      [14, 0.4],
    ]) {
      const { sent, bytes } = transmit({ groups: 230, cnDb });
      const { right, wrong } = compareGroups(sent[0], receive(bytes, {}));
      expect(right / 230).toBeGreaterThan(least);
      expect(wrong).toBeLessThan(5);
    }
  });

  it('gives the same for any chunking', () => {
    const { bytes } = transmit({ groups: 3, cnDb: 20 });
    const all = receive(bytes, {});
    expect(all.filter(isWhole)).toHaveLength(3);
    for (const chunk of [999, 4_097, bytes.length]) expect(receive(bytes, {}, chunk)).toEqual(all);
  });

  it('makes nothing of random bytes in any format, cut anywhere', () => {
    const words = randomWords(4);
    const bytes = Uint8Array.from({ length: 600_000 }, () => words() & 0xff);
    for (const format of SAMPLE_FORMATS) {
      for (const length of [0, 1, 3, 7, 600_000 - 3]) {
        expect(receive(bytes.subarray(0, length), { format }).filter(isWhole)).toEqual([]);
      }
    }
  });
});

describe('other inputs', () => {
  it('multiplex bytes, cut in the middle of a sample', () => {
    const groups = new RandomGroups(5, 6);
    const mpx = new Float32Array(171_000);
    new MpxModulator({ rateHz: 171_000, streams: 1, nextGroup: groups.next }).modulate(mpx);
    const bytes = writeSamples('cs16', mpx);
    for (const chunk of [1_001, bytes.length]) {
      const received: ReceivedGroup[] = [];
      const receiver = new GroupReceiver({
        input: 'mpx',
        rateHz: 171_000,
        streams: 1,
        onGroup: (g) => received.push(g),
      });
      for (let at = 0; at < bytes.length; at += chunk) receiver.push(bytes.subarray(at, at + chunk));
      receiver.end();
      expect(received.filter(isWhole).map((g) => g.blocks)).toEqual(groups.sent[0].map((g) => g.blocks));
    }
  });

  it('bits as characters, with anything between them', () => {
    const groups = new RandomGroups(6, 8);
    const bits = new Uint8Array(104);
    let text = '0110';
    for (let group = groups.next(0); group !== null; group = groups.next(0)) {
      serialiseGroup(group, bits);
      text += `${bits.join('')}\n`;
    }
    const received: ReceivedGroup[] = [];
    const receiver = new GroupReceiver({ input: 'bits', rateHz: 0, streams: 1, onGroup: (g) => received.push(g) });
    receiver.push(new TextEncoder().encode(text));
    receiver.end();
    expect(received.map((g) => g.blocks)).toEqual(groups.sent[0].map((g) => g.blocks));
  });

  it('reports what it sees: level, tuning, counts', () => {
    const { bytes } = transmit({ groups: 30, offsetHz: 3_000 });
    const receiver = new GroupReceiver({ input: 'iq', rateHz: 250_000, streams: 1, onGroup: () => undefined });
    receiver.push(bytes);
    const { streams, levelDbfs, frequencyOffsetHz, pilotDeviationHz } = receiver.quality;
    expect(levelDbfs).toBeCloseTo(-6, 0);
    expect(Math.abs(frequencyOffsetHz - 3_000)).toBeLessThan(800);
    expect(Math.abs(pilotDeviationHz - 6_750)).toBeLessThan(300);
    expect(streams[0].counts.wholeGroups).toBe(30);
    expect(streams[0].counts.blocks).toBe(streams[0].counts.groups * 4);
  });
});
