/** Seeded signals for the reception bench, made in short pieces, and what was received of them. */

import type { Group, HeardGroup, StreamNumber } from '#codec/groups/group.ts';
import { FmModulator } from '#codec/iq/fm.ts';
import { GroupReceiver, type GroupReceiverOptions } from '#codec/iq/receive.ts';
import { writeSamples } from '#codec/iq/samples.ts';
import { Melody } from '#codec/mpx/audio.ts';
import { MpxModulator } from '#codec/mpx/modulate.ts';
import { addNoise, noiseDeviation, RandomGroups, randomWords, subcarrierPower } from '../mpx/signals.ts';
import type { Impairment } from './impairments.ts';

export const MPX_RATE_HZ = 171_000;
export const IQ_RATE_HZ = 250_000;
/** Pieces of a signal. */
const PIECE_SECONDS = 0.05;
/** Level of the carrier in the samples: -8 dBFS. */
const CARRIER = 0.4;

export interface Heard {
  readonly sent: readonly Group[][];
  readonly received: readonly HeardGroup[];
  /** Seconds of signal that had been taken in when each group came out. */
  readonly outSeconds: readonly number[];
}

interface Common {
  readonly seed: number;
  readonly seconds: number;
  readonly streams: 1 | 4;
  /** By how much the receiver's clock is slow. */
  readonly ppm?: number;
  /** Seconds of the station that pass before the receiver is switched on. */
  readonly skipSeconds?: number;
  /** The station is silent from .. to, the noise is not. */
  readonly fade?: readonly [fromSeconds: number, toSeconds: number];
  readonly pilot?: boolean;
}

function hear(
  options: Pick<GroupReceiverOptions, 'input' | 'rateHz' | 'streams'>,
  feed: (receiver: GroupReceiver) => void,
) {
  const received: HeardGroup[] = [];
  const outSeconds: number[] = [];
  const receiver = new GroupReceiver({ ...options, onGroup: (group) => received.push(group) });
  return {
    received,
    outSeconds,
    feed(seconds: number): void {
      feed(receiver);
      while (outSeconds.length < received.length) outSeconds.push(seconds);
    },
    end(): void {
      receiver.end();
      while (outSeconds.length < received.length) outSeconds.push(Number.POSITIVE_INFINITY);
    },
  };
}

/** The multiplex with white noise. */
export function overMpx(options: Common & { readonly ebN0Db: number }): Heard {
  const { seed, seconds, streams, ppm = 0, skipSeconds = 0, fade = [0, 0], pilot = true } = options;
  const groups = new RandomGroups(seed);
  const modulator = new MpxModulator({
    rateHz: MPX_RATE_HZ * (1 + ppm * 1e-6),
    streams,
    nextGroup: groups.next,
    ...(!pilot && { pilotDeviationHz: 0 }),
  });
  const deviation = noiseDeviation(MPX_RATE_HZ, subcarrierPower(MPX_RATE_HZ, 2_000), options.ebN0Db);
  const words = randomWords(seed + 1);
  const mpx = new Float32Array(MPX_RATE_HZ * PIECE_SECONDS);
  if (skipSeconds > 0) modulator.modulate(new Float32Array(Math.round(skipSeconds * MPX_RATE_HZ)));
  const heard = hear({ input: 'mpx', rateHz: MPX_RATE_HZ, streams }, (receiver) => receiver.pushMpx(mpx));
  for (let at = 0; at < seconds; at += PIECE_SECONDS) {
    modulator.modulate(mpx);
    if (at >= fade[0] && at < fade[1]) mpx.fill(0);
    addNoise(mpx, deviation, words);
    heard.feed(at + PIECE_SECONDS);
  }
  heard.end();
  return { sent: groups.sent, received: heard.received, outSeconds: heard.outSeconds };
}

/** cu8 at 250 kHz with audio. `cnDb`: carrier to noise in 250 kHz. */
export function overIq(
  options: Common & {
    readonly cnDb: number;
    readonly before?: readonly Impairment[];
    readonly after?: readonly Impairment[];
  },
): Heard {
  const { seed, seconds, streams, ppm = 0, fade = [0, 0], before = [], after = [] } = options;
  const groups = new RandomGroups(seed);
  const rateHz = IQ_RATE_HZ * (1 + ppm * 1e-6);
  const modulator = new MpxModulator({ rateHz, streams, audio: new Melody(), nextGroup: groups.next });
  const fm = new FmModulator({ rateHz });
  const words = randomWords(seed + 1);
  const deviation = Math.sqrt(0.5 * 10 ** (-options.cnDb / 10));
  const mpx = new Float32Array(IQ_RATE_HZ * PIECE_SECONDS);
  const iq = new Float32Array(2 * mpx.length);
  const heard = hear({ input: 'iq', rateHz: IQ_RATE_HZ, streams }, (receiver) =>
    receiver.push(writeSamples('cu8', iq)),
  );
  for (let at = 0; at < seconds; at += PIECE_SECONDS) {
    modulator.modulate(mpx);
    fm.modulate(mpx, iq);
    if (at >= fade[0] && at < fade[1]) iq.fill(0);
    for (const impair of before) impair(iq);
    addNoise(iq, deviation, words);
    for (const impair of after) impair(iq);
    for (let k = 0; k < iq.length; k++) iq[k] *= CARRIER;
    heard.feed(at + PIECE_SECONDS);
  }
  heard.end();
  return { sent: groups.sent, received: heard.received, outSeconds: heard.outSeconds };
}

export interface Score {
  readonly sent: number;
  /** Groups of which all four blocks came out as they were sent. */
  readonly right: number;
  readonly acceptedBlocks: number;
  readonly wrongBlocks: number;
  /** Index in `received` of the first group that was right, -1 for none. */
  readonly first: number;
}

/**
 * Holds what came out against what was sent, block by block, by the group clock: groups are matched where they are whole and
 * right, and those between by their slots.
 */
export function score(heard: Heard, stream: StreamNumber): Score {
  const sent = heard.sent[stream];
  const places = new Map(sent.map((group, k) => [group.blocks.join(), k]));
  const received = heard.received
    .map((group, index) => ({ group, index }))
    .filter(({ group }) => group.stream === stream);
  let shift: number | undefined;
  const found = new Set<number>();
  let acceptedBlocks = 0;
  let wrongBlocks = 0;
  let first = -1;
  for (const { group, index } of received) {
    const place = places.get(group.blocks.join());
    if (place !== undefined) {
      found.add(place);
      shift = place - group.slot;
      if (first < 0) first = index;
    }
    // Before the first right one nobody can say what was sent: that one says it for them.
    shift ??= shiftOf(received, places);
    const wanted = shift === undefined ? undefined : sent[group.slot + shift];
    for (const [block, word] of group.blocks.entries()) {
      if (word < 0) continue;
      acceptedBlocks++;
      if (wanted?.blocks[block] !== word) wrongBlocks++;
    }
  }
  return { sent: sent.length, right: found.size, acceptedBlocks, wrongBlocks, first };
}

function shiftOf(
  received: readonly { readonly group: HeardGroup }[],
  places: ReadonlyMap<string, number>,
): number | undefined {
  for (const { group } of received) {
    const place = places.get(group.blocks.join());
    if (place !== undefined) return place - group.slot;
  }
  return undefined;
}
