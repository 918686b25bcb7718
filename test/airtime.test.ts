import { describe, expect, it } from 'vitest';
import { airtimeOf, GROUPS_PER_SECOND } from '#codec/airtime.ts';
import { makeAnnouncement } from '#codec/groups/announce.ts';
import { Reception } from '#codec/groups/reception.ts';
import { StreamCarrier } from '#codec/groups/carry.ts';
import { reviseDirectory } from '#codec/groups/directory.ts';
import type { StreamNumber } from '#codec/groups/group.ts';
import { directorySpacingRuns } from '#codec/groups/spacing.ts';
import { payloadNibbles } from '#codec/symbols/layout.ts';
import { chooseScheme, makeSpreader } from '#codec/symbols/schemes.ts';
import { HEADER, received, Seeded } from './groups/station.ts';

type Streams = readonly { stream: StreamNumber; share: number }[];

/** Seconds until the object is there, with directories as a sender of this object alone has them; the receiver joins anywhere. */
function simulate(sizeBytes: number, streams: Streams, loss: number, seed: number): number {
  const random = new Seeded(seed);
  const { scheme } = chooseScheme({ sizeBytes, hasTypeC: streams.some(({ stream }) => stream > 0) });
  const spreader = makeSpreader(random.bytes(sizeBytes), scheme);
  const directory = reviseDirectory(undefined, HEADER.pi, [
    { scheme, deviceTypeTag: 0, sizeBytes, identity: spreader.identity, deadlineMinutes: 0 },
  ]);
  const reception = new Reception();
  reception.push(received(makeAnnouncement(HEADER, { groupTypeCode: 22, channel: 16, streams: [1, 2, 3] }), 0));
  const nibbles = streams.reduce((sum, { stream, share }) => sum + share * payloadNibbles(stream), 0);
  const carriers = streams.map(({ stream, share }) => {
    const counter = 128 * (seed * 37);
    const carrier = new StreamCarrier({ ...HEADER, stream, groupTypeCode: 22, channel: 16, counter });
    carrier.setDirectory(directory);
    const quickestRuns = (2 * sizeBytes * share) / nibbles / 16;
    const spacing = Math.round(directorySpacingRuns({ stream, quickestRuns }));
    const offset = random.word() % spacing;
    const next = (): ReturnType<StreamCarrier['next']> =>
      carrier.next(
        (run) => (run % spacing === offset ? 0 : 1),
        () => spreader,
      );
    const skip = random.word() % 128;
    for (let i = 0; i < skip; i++) next();
    // Announcements, half a group a second, come out of the share of stream 0.
    return { next, rate: stream === 0 ? share - 0.5 / GROUPS_PER_SECOND : share, sent: 0 };
  });
  for (let slot = 1; ; slot++) {
    for (const carrier of carriers) {
      if (carrier.sent + 1 > carrier.rate * slot) continue;
      carrier.sent++;
      const { group } = carrier.next();
      if (random.next() < loss) continue;
      if (reception.push(received(group, slot)).some(({ kind }) => kind === 'object')) return slot / GROUPS_PER_SECOND;
    }
  }
}

describe('airtime', () => {
  it.each([
    [20_000, [{ stream: 0, share: 0.7 }], 0.1, 12],
    [20_000, [{ stream: 0, share: 0.1 }], 0, 6],
    [50_000, [{ stream: 1, share: 0.9 }], 0.3, 6],
    [
      12_000,
      [
        { stream: 0, share: 0.5 },
        { stream: 1, share: 1 },
        { stream: 2, share: 1 },
        { stream: 3, share: 1 },
      ],
      0.5,
      8,
    ],
  ] as [number, Streams, number, number][])(
    'of %i bytes on %j at loss %d is what a simulation of %i receivers takes',
    (sizeBytes, streams, loss, rounds) => {
      const taken = Array.from({ length: rounds }, (_, i) => simulate(sizeBytes, streams, loss, i + 1));
      const mean = taken.reduce((sum, seconds) => sum + seconds, 0) / rounds;
      const { meanSeconds, seconds50, seconds90, seconds99 } = airtimeOf({ sizeBytes, streams, loss });
      expect(meanSeconds / mean).toBeGreaterThan(0.95);
      expect(meanSeconds / mean).toBeLessThan(1.05);
      expect(seconds50).toBeLessThanOrEqual(seconds90);
      expect(seconds90).toBeLessThanOrEqual(seconds99);
      expect(seconds90 / mean).toBeGreaterThan(0.95);
      expect(seconds99 / mean).toBeLessThan(1.2);
    },
  );

  it('grows with loss as 1 / (1 - loss), and never ends when nothing gets through', () => {
    const streams = [{ stream: 1, share: 1 }] as const;
    const [a, b] = [0, 0.5].map((loss) => airtimeOf({ sizeBytes: 1_000_000, streams, loss }).meanSeconds);
    expect(b / a).toBeCloseTo(2, 0);
    expect(airtimeOf({ sizeBytes: 1000, streams: [{ stream: 0, share: 0.04 }], loss: 0 }).meanSeconds).toBe(Infinity);
    expect(airtimeOf({ sizeBytes: 1000, streams, loss: 1 }).seconds90).toBe(Infinity);
    expect(airtimeOf({ sizeBytes: 1000, streams, loss: 0, listeningSecondsPerDay: 0 }).seconds50).toBe(Infinity);
  });

  it('spreads more in bursts, and in few blocks more than in many', () => {
    const streams = [{ stream: 1, share: 1 }] as const;
    const spread = (sizeBytes: number, burstGroups: number): number => {
      const { seconds50, seconds90 } = airtimeOf({ sizeBytes, streams, loss: 0.2, burstGroups });
      return seconds90 / seconds50 - 1;
    };
    expect(spread(20_000, 100)).toBeGreaterThan(3 * spread(20_000, 1));
    expect(spread(3_000_000, 100)).toBeLessThan(spread(20_000, 100) / 3);
  });

  it('counts the pauses of who listens two hours a day', () => {
    const question = { sizeBytes: 3_000_000, streams: [{ stream: 1, share: 0.9 }], loss: 0.1 } as const;
    const always = airtimeOf(question);
    const sometimes = airtimeOf({ ...question, listeningSecondsPerDay: 7200 });
    const days = Math.floor(always.seconds50 / 7200);
    expect(sometimes.seconds50).toBeCloseTo(days * 86_400 + (always.seconds50 - days * 7200), 3);
    expect(sometimes.groups).toBeCloseTo(always.groups, 6);
  });
});
