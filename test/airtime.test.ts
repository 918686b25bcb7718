import { describe, expect, it } from 'vitest';
import { airtimeOf, GROUPS_PER_SECOND } from '#codec/airtime.ts';
import { makeAnnouncement } from '#codec/groups/announce.ts';
import { Reception } from '#codec/groups/reception.ts';
import { StreamCarrier } from '#codec/groups/carry.ts';
import { reviseDirectory } from '#codec/groups/directory.ts';
import type { StreamNumber } from '#codec/groups/group.ts';
import { ObjectSpreader } from '#codec/symbols/spread.ts';
import { HEADER, received, Seeded } from './groups/station.ts';

/** Seconds until the object is there, with one run in 16 for the directory; the counter starts anywhere. */
function simulate(
  sizeBytes: number,
  streams: readonly { stream: StreamNumber; share: number }[],
  loss: number,
  seed: number,
): number {
  const random = new Seeded(seed);
  const spreader = new ObjectSpreader(random.bytes(sizeBytes));
  const directory = reviseDirectory(undefined, HEADER.pi, [
    { deviceTypeTag: 0, sizeBytes, identity: spreader.identity, deadlineMinutes: 0 },
  ]);
  const reception = new Reception();
  reception.push(received(makeAnnouncement(HEADER, { groupTypeCode: 22, channel: 16, streams: [1, 2, 3] }), 0));
  const carriers = streams.map(({ stream, share }) => {
    const carrier = new StreamCarrier({ ...HEADER, stream, groupTypeCode: 22, channel: 16, counter: 64 * (seed * 37) });
    carrier.setDirectory(directory);
    const next = (): ReturnType<StreamCarrier['next']> =>
      carrier.next(
        (run) => (run % 16 === 3 ? 0 : 1),
        () => spreader,
      );
    const skip = random.word() % 64;
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
    [2_000, [{ stream: 0, share: 0.7 }], 0.3, 30],
    [2_000, [{ stream: 0, share: 0.1 }], 0, 20],
    [18_000, [{ stream: 0, share: 0.7 }], 0.2, 5],
    [
      6_000,
      [
        { stream: 0, share: 0.5 },
        { stream: 1, share: 1 },
        { stream: 2, share: 1 },
        { stream: 3, share: 1 },
      ],
      0.5,
      14,
    ],
  ] as [number, { stream: StreamNumber; share: number }[], number, number][])(
    'of %i bytes on %j at loss %d is what a simulation of %i receivers takes',
    (sizeBytes, streams, loss, rounds) => {
      const taken = Array.from({ length: rounds }, (_, i) => simulate(sizeBytes, streams, loss, i + 1));
      const mean = taken.reduce((sum, seconds) => sum + seconds, 0) / rounds;
      const { meanSeconds, seconds90 } = airtimeOf({ sizeBytes, streams, loss });
      expect(meanSeconds / mean).toBeGreaterThan(0.95);
      expect(meanSeconds / mean).toBeLessThan(1.05);
      expect(taken.filter((seconds) => seconds <= seconds90).length / rounds).toBeGreaterThanOrEqual(0.8);
      expect(seconds90 / meanSeconds).toBeLessThan(1.3);
    },
  );

  it('grows with loss as 1 / (1 - loss), and never ends when nothing gets through', () => {
    const streams = [{ stream: 1, share: 1 }];
    const [a, b] = [0, 0.5].map((loss) => airtimeOf({ sizeBytes: 1_000_000, streams, loss }).meanSeconds);
    expect(b / a).toBeCloseTo(2, 0);
    expect(airtimeOf({ sizeBytes: 1000, streams: [{ stream: 0, share: 0.04 }], loss: 0 }).meanSeconds).toBe(Infinity);
    expect(airtimeOf({ sizeBytes: 1000, streams, loss: 1 }).seconds90).toBe(Infinity);
  });
});
