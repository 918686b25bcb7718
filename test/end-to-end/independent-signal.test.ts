import { describe, expect, it } from 'vitest';
import type { HeardGroup } from '#codec/groups/group.ts';
import { LOST_BLOCK } from '#codec/groups/group.ts';
import { GroupReceiver } from '#codec/iq/receive.ts';
import {
  cu8Samples,
  FmSignal,
  iqNoiseVariance,
  mpxNoiseVariance,
  mpxSamples,
  Random,
  Station,
  TD,
} from '../independent/rds-modulator.ts';
import type { SentGroup, StationOptions, Stream, Words } from '../independent/rds-modulator.ts';

/** What a modulator that shares no code with ours sends is read by our receiver, without noise and at our limits. */

const MPX_RATE_HZ = 171_000;
const IQ_RATE_HZ = 250_000;
const AUDIO_HZ = 12_000;

/** A station's programme in stream 0 (0A, 2A, 3A, 11A; PI D3C2), ODA channels 16 to 18 of RDS2 in the others. */
function programme(stream: Stream, random: Random): Words {
  const [c, d] = [random.below(65_536), random.below(65_536)];
  if (stream > 0) return [((0x4f + stream) << 8) | random.below(256), random.below(65_536), c, d];
  return [0xd3c2, [0x0548, 0x2548, 0x3548, 0xb540][random.below(4)] | random.below(8), c, d];
}

/** Hands a signal to a receiver in pieces of a second. */
function receive(
  input: 'mpx' | 'iq',
  { streams, seconds }: { readonly streams: 1 | 4; readonly seconds: number },
  piece: (second: number) => Uint8Array,
): HeardGroup[] {
  const heard: HeardGroup[] = [];
  const rateHz = input === 'mpx' ? MPX_RATE_HZ : IQ_RATE_HZ;
  const receiver = new GroupReceiver({ input, rateHz, format: 'cu8', streams, onGroup: (group) => heard.push(group) });
  for (let second = 0; second < seconds; second++) receiver.push(piece(second));
  receiver.end();
  return heard;
}

function receiveMpx(mpx: readonly Float64Array[], streams: 1 | 4, noiseVariance: number, seed: number): HeardGroup[] {
  const noise = new Random(seed);
  const piece = (second: number): Uint8Array => mpxSamples(mpx[second], noiseVariance, noise);
  return receive('mpx', { streams, seconds: mpx.length }, piece);
}

function mpxOf(options: StationOptions): { mpx: Float64Array[]; sent: SentGroup[] } {
  const station = new Station(options);
  const mpx = Array.from({ length: options.seconds }, (_, second) =>
    station.mpx(MPX_RATE_HZ, second * MPX_RATE_HZ, MPX_RATE_HZ),
  );
  return { mpx, sent: station.sent };
}

function receiveIq(options: StationOptions, noiseVariance: number): { heard: HeardGroup[]; sent: SentGroup[] } {
  const station = new Station(options);
  const fm = new FmSignal(station, IQ_RATE_HZ);
  const noise = new Random(options.seed + 1);
  const heard = receive('iq', options, () => cu8Samples(fm.read(IQ_RATE_HZ), 0.5, noiseVariance, noise));
  return { heard, sent: station.sent };
}

interface Demand {
  /** Of the groups, those with all four blocks as they were sent. */
  readonly wholeShare: number;
  /** Of the blocks given out, those that are not what was sent. */
  readonly wrongShare: number;
  /** Largest error of `startSeconds`, in td. */
  readonly timeError: number;
}

/**
 * Without noise `startSeconds` may be wrong by a sixteenth of a bit: a clock error of 200 ppm is 0.021 of a bit over the 104
 * bits of a group, and as much again while the clock is still being found. The nearest wrong answers are td / 2 away.
 */
const ALL: Demand = { wholeShare: 1, wrongShare: 0, timeError: 1 / 16 };
/** With noise, half way to the nearest wrong answer. Of blocks, one in a thousand may be wrong without being known to be. */
const NOISY = { wrongShare: 1 / 1000, timeError: 1 / 4 };

/**
 * The demanded shares are of long times. Of some hundred groups fewer may come, and more wrong blocks: three deviations of
 * the binomial distribution, so that a receiver that just meets the demand fails with one seed in 700.
 */
function slack(share: number, count: number): number {
  return 3 * Math.sqrt(count * share * (1 - share));
}

/** What is missing, by stream. */
function shortcomings(allSent: readonly SentGroup[], allHeard: readonly HeardGroup[], demand: Demand): string[] {
  return [...new Set(allSent.map(({ stream }) => stream))].flatMap((stream) => {
    const sent = allSent.filter((group) => group.stream === stream);
    const groupSeconds = sent[1].startSeconds - sent[0].startSeconds;
    const seen = new Set<number>();
    let [whole, blocks, wrong, timeError] = [0, 0, 0, 0];
    const missing: string[] = [];
    for (const { blocks: words, startSeconds } of allHeard.filter((group) => group.stream === stream)) {
      const index = Math.round((startSeconds - sent[0].startSeconds) / groupSeconds);
      // Groups that begin before the signal or end after it may be heard in part.
      if (index < 0 || index >= sent.length) continue;
      if (seen.has(index)) missing.push(`#${stream}: group ${index} twice`);
      seen.add(index);
      timeError = Math.max(timeError, Math.abs(startSeconds - sent[index].startSeconds) / TD);
      const right = words.filter((word, i) => word === sent[index].words[i]).length;
      const given = words.filter((word) => word !== LOST_BLOCK).length;
      blocks += given;
      wrong += given - right;
      if (right === 4) whole++;
    }
    const { wholeShare, wrongShare } = demand;
    if (whole < wholeShare * sent.length - slack(wholeShare, sent.length)) {
      missing.push(`#${stream}: ${whole} whole groups of ${sent.length}`);
    }
    if (wrong > wrongShare * blocks + slack(wrongShare, blocks)) {
      missing.push(`#${stream}: ${wrong} wrong blocks of ${blocks}`);
    }
    if (timeError > demand.timeError) missing.push(`#${stream}: times wrong by ${timeError} td`);
    return missing;
  });
}

/** Random words, of which half the groups of stream 0 are of version B; a start anywhere in a bit; with loud audio. */
const CLEAN = { seconds: 5, streams: 4, audioHz: AUDIO_HZ } as const;
const ALL_ZERO = { rds2PhasesDeg: [0, 0, 0], rds2Shifts: [0, 0, 0] } as const;

describe('a clean signal of an independent modulator is read to the last group of all four streams', () => {
  it.each<[string, StationOptions]>([
    ['subcarrier in phase with the pilot', { ...CLEAN, seed: 1 }],
    ['subcarrier in quadrature', { ...CLEAN, seed: 2, carrierPhaseDeg: 90 }],
    ['no pilot', { ...CLEAN, seed: 3, pilotHz: 0 }],
    ['RDS2 without phases and shifts', { ...CLEAN, seed: 4, ...ALL_ZERO }],
    [
      'the same, groups aligned, in quadrature, without a pilot',
      {
        ...{ ...CLEAN, seed: 5, ...ALL_ZERO },
        ...{ carrierPhaseDeg: 90, pilotHz: 0, startBits: [7.5, 7.5, 7.5, 7.5] },
      },
    ],
    ['sample clock 200 ppm fast', { ...CLEAN, seed: 6, clockPpm: 200 }],
    ['sample clock 200 ppm slow, no pilot', { ...CLEAN, seed: 7, clockPpm: -200, pilotHz: 0 }],
  ])('multiplex: %s', (_, options) => {
    const { mpx, sent } = mpxOf(options);
    expect(sent.length).toBeGreaterThan(4 * 54);
    expect(shortcomings(sent, receiveMpx(mpx, 4, 0, 0), ALL)).toEqual([]);
  });

  it.each<[string, StationOptions]>([
    ['in phase, sample clock 200 ppm slow', { ...CLEAN, seed: 8, clockPpm: -200 }],
    ['in quadrature, no pilot', { ...CLEAN, seed: 9, carrierPhaseDeg: 90, pilotHz: 0 }],
  ])('IQ: %s', (_, options) => {
    const { heard, sent } = receiveIq(options, 0);
    expect(sent.length).toBeGreaterThan(4 * 54);
    expect(shortcomings(sent, heard, ALL)).toEqual([]);
  });
});

describe('a noisy signal of an independent modulator is read as well as is promised', () => {
  it('multiplex of 171 kHz: 99 % of whole groups at Eb/N0 4 dB, 95 % at 3 dB, in every stream', () => {
    const { mpx, sent } = mpxOf({ seed: 11, seconds: 36, streams: 4, audioHz: AUDIO_HZ, words: programme });
    expect(sent.length).toBeGreaterThan(4 * 400);
    for (const [ebN0Db, wholeShare] of [
      [4, 0.99],
      [3, 0.95],
    ]) {
      const heard = receiveMpx(mpx, 4, mpxNoiseVariance(ebN0Db, 2000, MPX_RATE_HZ), 10 + ebN0Db);
      expect(shortcomings(sent, heard, { ...NOISY, wholeShare })).toEqual([]);
    }
  });

  it('IQ of 250 kHz, 8 bit: 97 % of whole groups at C/N 16 dB', () => {
    const options = { seed: 15, seconds: 36, streams: 1, audioHz: AUDIO_HZ, words: programme } as const;
    const { heard, sent } = receiveIq(options, iqNoiseVariance(16, IQ_RATE_HZ));
    expect(sent.length).toBeGreaterThan(400);
    expect(shortcomings(sent, heard, { ...NOISY, wholeShare: 0.97 })).toEqual([]);
  });
});
