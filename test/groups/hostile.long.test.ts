import { describe, expect, it } from 'vitest';
import type { ReceivedGroup, StreamNumber } from '#codec/groups/group.ts';
import { Reception } from '#codec/groups/reception.ts';
import { FmModulator } from '#codec/iq/fm.ts';
import { GroupReceiver } from '#codec/iq/receive.ts';
import { SAMPLE_BYTES, SAMPLE_FORMATS, writeSamples } from '#codec/iq/samples.ts';
import { MpxModulator } from '#codec/mpx/modulate.ts';
import { SCHEME_FOUNTAIN_C } from '#codec/symbols/schemes.ts';
import { identityOf } from '#codec/symbols/spread.ts';
import { type Attack, ATTACKS, type Target, undergo } from './hostile.ts';
import { HEADER, Seeded, Station } from './station.ts';

const RATE_HZ = 250_000;
/** Half an hour of air. */
const SLOTS = 20_000;
const SEEDS = Array.from({ length: Number(process.env['SEEDS'] ?? 4) }, (_, i) => i + 1);

/** One attack after the other, each for up to half a minute. */
function everything(target: Target): Attack {
  const attacks = Object.values(ATTACKS).map((make) => make(target));
  let now = attacks[0];
  return (real, slot) => {
    if (target.random.next() < 1 / 300) now = attacks[target.random.word() % attacks.length];
    return now(real, slot);
  };
}

describe.each(SEEDS)('seed %i: after half an hour of attack the package of the real station arrives', (seed) => {
  it.each([...Object.entries(ATTACKS), ['all of them by turns', everything] as const])('%s', (_, attack) => {
    for (const streams of [[0], [0, 1, 2, 3]] as StreamNumber[][]) {
      const objectBytes = 20_000;
      const { slotsAfter, grownMb, slowestMs } = undergo({
        attack,
        seed,
        streams,
        objectBytes,
        before: 300,
        slots: SLOTS,
        after: 30_000,
      });
      // Nibbles, at eight a slot or 47, of which the directory takes an eighth; and all of it twice.
      const needed = (2 * objectBytes) / (streams.length === 1 ? 8 : 47) / 0.875;
      expect(slotsAfter).toBeLessThan(2.5 * needed + 1000);
      expect(grownMb).toBeLessThan(80);
      expect(slowestMs).toBeLessThan(3000);
    }
  });
});

describe('through the whole receiver', () => {
  const bytes = new Seeded(3).bytes(700);
  const stations = ([0, 1, 2, 3] as StreamNumber[]).map(
    (stream) => new Station([stream], 0, HEADER.pi, SCHEME_FOUNTAIN_C),
  );
  for (const station of stations) station.offer([bytes]);
  let announced = 0;
  const modulator = new MpxModulator({
    rateHz: RATE_HZ,
    streams: 4,
    nextGroup: (stream) => {
      if (stream === 0 && announced++ % 20 === 0) return stations[0].announcement();
      return stations[stream].next().carried[0].group;
    },
  });
  const second = (): Float32Array => {
    const mpx = new Float32Array(RATE_HZ);
    modulator.modulate(mpx);
    const iq = new Float32Array(2 * RATE_HZ);
    new FmModulator({ rateHz: RATE_HZ }).modulate(mpx, iq);
    for (let k = 0; k < iq.length; k++) iq[k] *= 0.5;
    return iq;
  };
  // Random bytes as cf32 cost half of what follows them too, and an anchor comes every 11 s.
  const air = Array.from({ length: 120 }, second);

  it.each(SAMPLE_FORMATS)('in %s, with random bytes in place of every third second', (format) => {
    const random = new Seeded(4);
    const reception = new Reception();
    const objects: Uint8Array[] = [];
    const take = (group: ReceivedGroup): void => {
      for (const event of reception.push(group)) if (event.kind === 'object') objects.push(event.bytes);
    };
    const receiver = new GroupReceiver({ input: 'iq', rateHz: RATE_HZ, format, streams: 4, onGroup: take });
    for (const [i, iq] of air.entries()) {
      receiver.push(i % 3 === 2 ? random.bytes(RATE_HZ * SAMPLE_BYTES[format]) : writeSamples(format, iq));
    }
    receiver.end();
    expect(objects.map((object) => identityOf(object))).toEqual([identityOf(bytes)]);
  });
});
