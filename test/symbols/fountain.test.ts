import { sha256 } from '@noble/hashes/sha2.js';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ObjectCollector } from '#codec/symbols/collect.ts';
import { eliminate, substitute } from '#codec/symbols/field.ts';
import { blockOf, Coefficients, layoutOf } from '#codec/symbols/fountain.ts';
import { drawWords } from '#codec/symbols/random.ts';
import { identityOf, ObjectSpreader } from '#codec/symbols/spread.ts';
import { ReferenceRank, referenceSymbols, referenceValue } from './reference.ts';

function randomBytes(length: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  drawWords(Uint32Array.of(seed, 1, 2, 3), words, 0, words.length);
  return new Uint8Array(words.buffer).slice(0, length);
}

describe('the layout of an object', () => {
  it.each([
    [1, { units: 1, blocks: 1, blockUnits: 1 }],
    [8192, { units: 4096, blocks: 1, blockUnits: 4096 }],
    [8193, { units: 4097, blocks: 2, blockUnits: 2049 }],
    [300_000, { units: 150_000, blocks: 37, blockUnits: 4055 }],
    [16_777_215, { units: 8_388_608, blocks: 2048, blockUnits: 4096 }],
  ])('of %i bytes', (sizeBytes, layout) => {
    expect(layoutOf(sizeBytes)).toEqual({ sizeBytes, ...layout });
  });

  it.each([0, -1, 1.5, 16_777_216, Number.NaN])('is refused for %d bytes', (sizeBytes) => {
    expect(() => layoutOf(sizeBytes)).toThrow(expect.objectContaining({ code: 'OBJECT_SIZE' }));
  });

  it('serves the blocks evenly: 37 blocks differ by two groups at most in any stretch of the counter', () => {
    for (const start of [0, 123_456, 0xfff000]) {
      const counts = Array.from({ length: 37 }, () => 0);
      for (let c = start; c < start + 37 * 100; c++) counts[blockOf(0, c & 0xffffff, 37)]++;
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(4);
    }
  });
});

describe('the encoder', () => {
  it('agrees with the slow reference', () => {
    for (const size of [1, 2, 31, 64, 65, 999, 8192, 20_001]) {
      const bytes = randomBytes(size, size);
      const spreader = new ObjectSpreader(bytes);
      expect(spreader.identity).toEqual(sha256(bytes).slice(0, 8));
      for (const [stream, c] of [
        [0, 0],
        [1, 0xffffff],
        [3, 777],
      ]) {
        const count = stream === 0 ? 2 : 3;
        const expected = referenceSymbols(spreader.identity, size, stream, c, count).map((s) =>
          referenceValue(s, bytes),
        );
        expect(spreader.symbols(stream, c, count)).toEqual(expected);
      }
    }
  });
});

describe('elimination', () => {
  it('has full rank exactly when the reference says so, and solves', () => {
    for (const unknowns of [1, 7, 8, 9, 31, 32, 33, 70]) {
      for (let seed = 1; seed < 12; seed++) {
        const count = unknowns + (seed % 4);
        const stride = Math.ceil(unknowns / 32) + 1;
        const words = new Uint32Array(count * stride);
        drawWords(Uint32Array.of(seed, unknowns, 9, 9), words, 0, words.length);
        const wanted = Uint16Array.from(randomBytes(unknowns, seed));
        const reference = new ReferenceRank();
        for (let i = 0; i < count; i++) {
          if ((unknowns & 31) !== 0) words[i * stride + stride - 2] &= (1 << (unknowns & 31)) - 1;
          const row = Array.from(
            { length: unknowns },
            (_, j) => ((words[i * stride + (j >> 5)] >>> (j & 31)) & 1) === 1,
          );
          reference.add(row);
          words[i * stride + stride - 1] = row.reduce((sum, taken, j) => (taken ? sum ^ wanted[j] : sum), 0);
        }
        const rows = { words, count, stride, unknowns };
        const echelon = eliminate(rows);
        expect(echelon.rank === unknowns).toBe(reference.rank === unknowns);
        const isSolved =
          echelon.rank < unknowns || substitute(rows, echelon, stride - 1).every((v, j) => v === wanted[j]);
        expect(isSolved).toBe(true);
      }
    }
  });
});

/** Feeds groups of `streams` with random loss until the object is there; returns how many groups came through. */
function deliver(
  bytes: Uint8Array,
  options: {
    loss?: number;
    streams?: number[];
    seed?: number;
    spoil?: (i: number, words: number[]) => void;
    limit?: number;
  },
): { collector: ObjectCollector; received: number } {
  const { loss = 0, streams = [0], seed = 1, spoil, limit = 10 } = options;
  const spreader = new ObjectSpreader(bytes);
  const collector = new ObjectCollector(spreader.identity, bytes.length);
  const random = new Uint32Array(1);
  const state = Uint32Array.of(seed, 5, 6, 7);
  let received = 0;
  for (let c = 0; c < 300 + (limit * bytes.length) / 4; c++) {
    for (const stream of streams) {
      drawWords(state, random, 0, 1);
      if (random[0] / 2 ** 32 < loss) continue;
      const words = spreader.symbols(stream, (0xfffff0 + c) & 0xffffff, stream === 0 ? 2 : 3);
      spoil?.(received, words);
      received++;
      if (collector.addGroup(stream, (0xfffff0 + c) & 0xffffff, words) === 'enough') return { collector, received };
    }
  }
  return { collector, received };
}

describe('collecting', () => {
  it.each([
    [0, [0]],
    [0.2, [0]],
    [0.5, [0, 1, 2, 3]],
  ])('brings the object back at loss %d on streams %j', (loss, streams) => {
    for (const size of [1, 3, 500, 9001]) {
      const bytes = randomBytes(size, 42);
      const { collector } = deliver(bytes, { loss, streams });
      expect(collector.bytes()).toEqual(bytes);
      expect(collector.progress()).toMatchObject({ rank: collector.progress().needed });
    }
  });

  it('needs K + 1.6 symbols on average (1.61 for random rows), also where K is below one word', () => {
    for (const K of [16, 100]) {
      let extra = 0;
      const rounds = 300;
      for (let round = 0; round < rounds; round++) {
        const bytes = randomBytes(2 * K, 1000 + round);
        const spreader = new ObjectSpreader(bytes);
        const collector = new ObjectCollector(spreader.identity, bytes.length);
        let used = 0;
        for (let c = round * 977; collector.bytes() === undefined; c++) {
          const words = spreader.symbols(0, c, 2);
          used++;
          if (collector.addGroup(0, c, [words[0], -1]) === 'enough') break;
          used++;
          collector.addGroup(0, c, [-1, words[1]]);
        }
        extra += used - K;
      }
      // Standard deviation of one round is 1.5, so that of the mean is 0.09.
      expect(extra / rounds).toBeGreaterThan(1.25);
      expect(extra / rounds).toBeLessThan(1.97);
    }
  });

  it('takes half groups, and groups that come twice', () => {
    const bytes = randomBytes(400, 3);
    const spreader = new ObjectSpreader(bytes);
    const collector = new ObjectCollector(spreader.identity, 400);
    for (let pass = 0; pass < 3; pass++) {
      for (let c = 0; c < 150; c++) collector.addGroup(0, c, [spreader.symbols(0, c, 2)[0], -1]);
      expect(collector.bytes()).toBeUndefined();
    }
    for (let c = 150; c < 215; c++) collector.addGroup(0, c, [-1, spreader.symbols(0, c, 2)[1]]);
    expect(collector.bytes()).toEqual(bytes);
  });

  it('finds wrong symbols and goes on, up to eight among the symbols of a block', () => {
    for (const wrong of [1, 2, 8]) {
      const bytes = randomBytes(3000, wrong);
      const places = new Set(Array.from({ length: wrong }, (_, i) => 10 + 83 * i));
      const { collector, received } = deliver(bytes, {
        spoil: (i, words) => {
          if (places.has(i)) words[i & 1] ^= 1 + i * 31;
        },
      });
      expect(collector.bytes()).toEqual(bytes);
      expect(received).toBeLessThan(1500 / 2 + 40);
      expect(collector.faults['block-forgotten']).toBe(0);
    }
  });

  it('starts a block anew when too much of it is wrong, and never gives out wrong bytes', () => {
    const bytes = randomBytes(1000, 8);
    const { collector } = deliver(bytes, {
      spoil: (i, words) => {
        if (i < 200 && i % 4 === 0) words[0] ^= 0x5555 + i;
      },
    });
    expect(collector.bytes()).toEqual(bytes);
    expect(collector.faults['block-forgotten']).toBeGreaterThan(0);
  });

  it('does not give out bytes that are not the object: the identity is another', () => {
    const bytes = randomBytes(100, 8);
    const identity = identityOf(randomBytes(100, 9));
    const spreader = new ObjectSpreader(bytes, identity);
    const collector = new ObjectCollector(identity, 100);
    for (let c = 0; c < 2000; c++) collector.addGroup(0, c, spreader.symbols(0, c, 2));
    expect(collector.bytes()).toBeUndefined();
    expect(collector.faults['hash-mismatch']).toBeGreaterThan(0);
  });

  it('property: anything may be pushed, nothing throws, memory and bytes stay bounded', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.uint8Array({ minLength: 8, maxLength: 8 }),
        fc.array(
          fc.tuple(fc.nat(3), fc.nat(0xffffff), fc.array(fc.integer({ min: -1, max: 0xffff }), { maxLength: 3 })),
          {
            maxLength: 400,
          },
        ),
        (size, identity, groups) => {
          const collector = new ObjectCollector(identity, size);
          for (const [stream, c, words] of groups) collector.addGroup(stream, c, words);
          expect(collector.bytes()).toBeUndefined();
          let held = 0;
          for (const _ of collector.eachSymbol(() => held++));
          expect(held).toBeLessThanOrEqual(collector.layout.blockUnits + 32 + 3);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('gives up a block whose symbols were chosen so that it can never be solved', () => {
    const identity = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const collector = new ObjectCollector(identity, 2000);
    const { blockUnits } = collector.layout;
    const coefficients = new Coefficients(identity, blockUnits);
    const row = new Uint32Array(coefficients.rowWords);
    const last = blockUnits - 1;
    let symbols = 0;
    for (let c = 1; symbols < 3 * blockUnits; c++) {
      coefficients.seed(0, c, 0);
      let without = true;
      for (let place = 0; place < 2; place++) {
        coefficients.next(row, 0);
        without &&= ((row[last >> 5] >>> (last & 31)) & 1) === 0;
      }
      if (!without) continue;
      collector.addGroup(0, c, [0, 0]);
      expect(collector.symbolsHeld).toBeLessThanOrEqual(blockUnits + 36);
      symbols += 2;
    }
    expect(collector.faults['block-forgotten']).toBe(2);
  });

  it('decodes 60 kB in a few seconds', () => {
    const bytes = randomBytes(60_000, 60);
    const { collector, received } = deliver(bytes, { streams: [1], loss: 0.1 });
    expect(collector.bytes()).toEqual(bytes);
    expect(received * 6).toBeLessThan(60_000 * 1.06);
  });
});
