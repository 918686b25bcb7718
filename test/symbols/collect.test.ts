import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type KeptSymbols, noFaults, ObjectCollector } from '#codec/symbols/collect.ts';
import type { Width } from '#codec/symbols/layout.ts';
import { firstBlockOf } from '#codec/symbols/layout.ts';
import { FountainSpreader, identityOf } from '#codec/symbols/spread.ts';
import { randomBytes, randomWords, type Channel, sending } from './objects.ts';

const WIDTHS: readonly Width[] = [1, 8, 13];

function chance(seed: number): (probability: number) => boolean {
  const word = randomWords(seed);
  return (probability) => word() / 2 ** 32 < probability;
}

/** Loses groups, and of those that arrive some blocks. Block 1 and with it `pppp` always arrives. */
function losing(seed: number, groups: number, blocks: number): Channel {
  const happens = chance(seed);
  return (words, stream) => {
    if (happens(groups)) return undefined;
    return words.map((word, i) => ((stream === 0 || i > 0) && happens(blocks) ? -1 : word));
  };
}

describe('collecting', () => {
  it.each<[groups: number, blocks: number, streams: number[]]>([
    [0, 0, [0]],
    [0, 0, [1]],
    [0.2, 0, [0]],
    [0.2, 0.2, [2]],
    [0.5, 0, [0, 1, 2, 3]],
    [0.3, 0.3, [0, 1, 2, 3]],
    [0, 0.6, [0, 3]],
  ])(
    'brings objects of every width back when %d of the groups and %d of the blocks are lost, on streams %j',
    (...args) => {
      const [groups, blocks, streams] = args;
      for (const width of WIDTHS) {
        for (const size of width === 1 ? [1, 16, 272] : [1, 3, 500, 3001]) {
          const bytes = randomBytes(size, 42);
          const air = sending(bytes, width, streams);
          const channel = losing(size, groups, blocks);
          const limit = 400 + 40 * size;
          while (air.sent < limit && !air.next(channel));
          expect(air.collector.bytes(), `${size} bytes in rows of ${width} nibbles`).toEqual(bytes);
          expect(air.collector.progress()).toMatchObject({ rank: air.collector.progress().needed });
          expect(air.collector.faults).toEqual(noFaults());
        }
      }
    },
  );

  it.each<[width: Width, streams: number[]]>([
    [8, [0]],
    [13, [1, 2, 3]],
    [8, [0, 1]],
    [13, [0, 1]],
  ])('puts several blocks of rows of %i nibbles together, from streams %j', (width, streams) => {
    // Two blocks with a last row that is not full.
    const bytes = randomBytes(2048 * width + 1, width);
    const air = sending(bytes, width, streams);
    const { rows, blocks } = air.collector.layout;
    expect(blocks).toBeGreaterThan(1);
    while (air.sent < 6 * rows && !air.next());
    expect(air.collector.bytes()).toEqual(bytes);
    const nibbles = air.sent * (streams.reduce((sum, stream) => sum + (stream === 0 ? 8 : 13), 0) / streams.length);
    expect(nibbles).toBeLessThan(1.03 * rows * blocks * width + 200);
    expect(air.collector.progress()).toMatchObject({ blocksSolved: blocks, blocks });
  });

  it.each<[width: Width, stream: number]>([
    [8, 0],
    [13, 1],
  ])(
    'needs K + 1.6 whole symbols on average (1.61 for random rows), K = 16 and 100, rows of %i nibbles',
    (width, stream) => {
      for (const K of [16, 100]) {
        const rounds = 300;
        let extra = 0;
        for (let round = 0; round < rounds; round++) {
          const air = sending(randomBytes((K * width) / 2, 1000 + round), width, [stream], round * 977);
          expect(air.collector.layout.rows).toBe(K);
          while (!air.next());
          extra += air.sent - K;
        }
        // Standard deviation of one round is 1.5, so that of the mean is 0.09.
        expect(extra / rounds).toBeGreaterThan(1.25);
        expect(extra / rounds).toBeLessThan(1.97);
      }
    },
  );

  it.each<[width: Width, stream: number, nibbles: number]>([
    [13, 0, 8],
    [8, 1, 13],
  ])('by columns needs few groups more, rows of %i nibbles on stream %i', (width, stream, nibbles) => {
    for (const K of [16, 100]) {
      const rounds = 60;
      let groups = 0;
      for (let round = 0; round < rounds; round++) {
        const air = sending(randomBytes((K * width) / 2, 1000 + round), width, [stream], round * 977);
        while (!air.next());
        groups += air.sent;
      }
      // The slowest of up to 13 columns needs 1.6 + log2(13) more than K on average, and columns come by turns of 13.
      const least = (K * width) / nibbles;
      expect(groups / rounds).toBeGreaterThan(least);
      expect(groups / rounds).toBeLessThan(least + ((1.6 + 3.7 + 2) * width) / nibbles);
    }
  });

  it('takes half groups, and groups that come twice', () => {
    const bytes = randomBytes(400, 3);
    for (const width of [8, 13] as const) {
      const spreader = new FountainSpreader(bytes, width);
      const collector = new ObjectCollector(spreader.identity, 400, width);
      const half = (c: number, lost: number): number[] => spreader.payload(0, c).with(lost, -1);
      // 100 rows of 8 nibbles or 62 of 13. In rows of 8 each half group has the same half of the columns.
      for (let pass = 0; pass < 3; pass++) {
        for (let c = 0; c < 150; c++) collector.addGroup(0, c, half(c, 1));
        expect(collector.bytes()).toBeUndefined();
      }
      for (let c = 150; c < 270; c++) collector.addGroup(0, c, half(c, 0));
      expect(collector.bytes()).toEqual(bytes);
      expect(collector.faults).toEqual(noFaults());
    }
  });

  it('counts what it knows, up to all of it, and what came afterwards', () => {
    const air = sending(randomBytes(800, 1), 8, [0]);
    for (let i = 0; i < 150; i++) air.next();
    expect(air.collector.progress()).toEqual({
      rank: 150,
      needed: 200,
      groupsUsed: 150,
      surplus: 0,
      blocksSolved: 0,
      blocks: 1,
    });
    while (!air.next());
    const used = air.sent;
    for (let i = 0; i < 5; i++) expect(air.next()).toBe(true);
    expect(air.collector.progress()).toEqual({
      rank: 200,
      needed: 200,
      groupsUsed: used,
      surplus: 5,
      blocksSolved: 1,
      blocks: 1,
    });
  });

  it('one group again and again is one group', () => {
    for (const [width, stream] of [
      [8, 0],
      [13, 1],
      [13, 0],
      [8, 1],
      [1, 0],
    ] as const) {
      const bytes = randomBytes(200, 4);
      const spreader = new FountainSpreader(bytes, width);
      const collector = new ObjectCollector(spreader.identity, 200, width);
      const once = spreader.payload(stream, 7);
      for (let i = 0; i < 3000; i++) collector.addGroup(stream, 7, once);
      expect(collector.bytes()).toBeUndefined();
      expect(collector.progress().blocksSolved).toBe(0);
      expect(collector.faults).toEqual(noFaults());
      for (let c = 1000; collector.bytes() === undefined && c < 2000; c++) {
        collector.addGroup(stream, c, spreader.payload(stream, c));
      }
      expect(collector.bytes()).toEqual(bytes);
    }
  });

  it('takes groups without any word, with too few, and with none of the right size', () => {
    const air = sending(randomBytes(300, 4), 13, [1]);
    air.collector.addGroup(1, 5, []);
    air.collector.addGroup(1, 6, [-1, -1, -1, -1]);
    air.collector.addGroup(0, 6, [-1]);
    while (!air.next());
    expect(air.collector.faults).toEqual(noFaults());
  });

  it('decodes 60 kB from one stream of type C in a few seconds', () => {
    const bytes = randomBytes(60_000, 60);
    const air = sending(bytes, 13, [1]);
    const channel = losing(1, 0.1, 0);
    while (air.sent < 15_000 && !air.next(channel));
    expect(air.collector.bytes()).toEqual(bytes);
    expect(air.collector.progress().groupsUsed * 6.5).toBeLessThan(60_000 * 1.02);
  });
});

function restored(from: ObjectCollector, kept: Iterable<KeptSymbols> = from.kept()): ObjectCollector {
  const { identity, sizeBytes, layout } = from;
  const collector = new ObjectCollector(identity, sizeBytes, layout.width);
  for (const piece of kept) collector.restore(piece);
  return collector;
}

describe('what is kept', () => {
  it.each<[width: Width, streams: number[]]>([
    [8, [0]],
    [13, [0]],
    [13, [1]],
    [8, [0, 1]],
    [13, [0, 1, 2, 3]],
  ])('is what was held at any moment: rows of %i nibbles, streams %j', (width, streams) => {
    const bytes = randomBytes(1200, 12);
    const whole = sending(bytes, width, streams);
    const channel = losing(3, 0.1, 0.1);
    while (!whole.next(channel));
    for (let stop = 0; stop < whole.sent; stop += Math.ceil(whole.sent / 40)) {
      const air = sending(bytes, width, streams);
      const same = losing(3, 0.1, 0.1);
      while (air.sent < stop) air.next(same);
      const again = restored(air.collector);
      const { rank, needed, blocksSolved } = air.collector.progress();
      expect(again.progress()).toMatchObject({ rank, needed, blocksSolved });
      expect([...again.kept()]).toEqual([...air.collector.kept()]);
      while (again.bytes() === undefined && air.sent < whole.sent) {
        air.next((words, stream, counter) => {
          const received = same(words, stream, counter);
          if (received !== undefined) again.addGroup(stream, counter, received);
          return received;
        });
      }
      expect(again.bytes()).toEqual(bytes);
    }
  });

  it('of a block that is beyond doubt is its rows, in pieces that fit into a batch of the log', () => {
    for (const width of [8, 13] as const) {
      const bytes = randomBytes(2048 * width + 10, 5);
      const spreader = new FountainSpreader(bytes, width);
      const stream = width === 8 ? 0 : 1;
      const collector = new ObjectCollector(spreader.identity, bytes.length, width);
      const { blocks, rows } = collector.layout;
      expect(blocks).toBe(2);
      // Only block 0: the other one never comes.
      let heard = 0;
      for (let c = 0; heard < rows + 40; c++) {
        if (firstBlockOf(stream, c, blocks) !== 0) continue;
        collector.addGroup(stream, c, spreader.payload(stream, c));
        heard++;
      }
      const kept = [...collector.kept()];
      expect(new Set(kept.map(({ kind }) => kind))).toEqual(new Set(['rows']));
      expect(kept.length).toBe(Math.ceil(rows / 256));
      const again = restored(collector, kept);
      expect(again.progress()).toMatchObject({ blocksSolved: 1, rank: rows });
      for (let c = 0; again.bytes() === undefined && c < 4 * rows; c++) {
        again.addGroup(stream, c, spreader.payload(stream, c));
      }
      expect(again.bytes()).toEqual(bytes);
    }
  });

  it('with a piece missing, twice, or of another object brings no wrong bytes and no exception', () => {
    const bytes = randomBytes(1200, 12);
    const air = sending(bytes, 13, [0, 1]);
    for (let i = 0; i < 150; i++) air.next();
    const kept = [...air.collector.kept()];
    expect(kept.length).toBeGreaterThan(1);
    for (let i = 0; i < kept.length; i++) {
      const again = restored(air.collector, [...kept.toSpliced(i, 1), kept[(i + 1) % kept.length]]);
      expect(again.bytes()).toBeUndefined();
    }
    const other = new ObjectCollector(identityOf(randomBytes(900, 1)), 900, 8);
    for (const piece of kept) expect(other.restore(piece)).toBe(false);
    expect(other.restore({ kind: 'rows', block: 3, firstRow: 0, values: new Uint32Array(5) })).toBe(false);
    expect(other.restore({ kind: 'rows', block: 0, firstRow: 0, values: new Uint32Array(5000) })).toBe(false);
  });
});

describe('anything', () => {
  it('property: may be pushed, nothing throws, and bytes are given out only when they are the object', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.constantFrom(...WIDTHS),
        fc.uint8Array({ minLength: 8, maxLength: 8 }),
        fc.array(
          fc.tuple(fc.nat(3), fc.nat(0xffffff), fc.array(fc.integer({ min: -1, max: 0xffff }), { maxLength: 4 })),
          { maxLength: 400 },
        ),
        (size, width, identity, groups) => {
          const collector = new ObjectCollector(identity, size, width);
          for (const [stream, c, words] of groups) collector.addGroup(stream, c, words);
          expect(collector.bytes()).toBeUndefined();
          const again = restored(collector);
          expect(again.bytes()).toBeUndefined();
        },
      ),
      { numRuns: 60 },
    );
  });
});
