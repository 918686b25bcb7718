import { sha256 } from '@noble/hashes/sha2.js';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstBlockOf, layoutOf, putRows, rowsOf, type Width } from '#codec/symbols/layout.ts';
import { makeCollector, makeSpreader, SCHEME_FOUNTAIN_A, SCHEME_FOUNTAIN_C } from '#codec/symbols/schemes.ts';
import { scramble, unscramble } from '#codec/symbols/scramble.ts';
import { FountainSpreader } from '#codec/symbols/spread.ts';
import { randomBytes } from './objects.ts';
import { referenceLayout, referencePayload, referenceScramble } from './reference.ts';

const WIDTHS: readonly Width[] = [1, 8, 13];

describe('the layout of an object', () => {
  // n = 2 x size nibbles; S = ceil(n / 4096 w); K = ceil(n / S w).
  it.each<[sizeBytes: number, width: Width, layout: object]>([
    [1, 13, { blocks: 1, rows: 1, valueWords: 2 }],
    [1, 8, { blocks: 1, rows: 1, valueWords: 1 }],
    [1, 1, { blocks: 1, rows: 2, valueWords: 1 }],
    // The largest directory: 5 + 13 x 20 + 4 bytes, in units of 8.
    [272, 1, { blocks: 1, rows: 544, valueWords: 1 }],
    [16_384, 8, { blocks: 1, rows: 4096, valueWords: 1 }],
    [16_385, 8, { blocks: 2, rows: 2049, valueWords: 1 }],
    [26_624, 13, { blocks: 1, rows: 4096, valueWords: 2 }],
    [26_625, 13, { blocks: 2, rows: 2049, valueWords: 2 }],
    [300_000, 8, { blocks: 19, rows: 3948, valueWords: 1 }],
    [300_000, 13, { blocks: 12, rows: 3847, valueWords: 2 }],
    [16_777_215, 8, { blocks: 1024, rows: 4096, valueWords: 1 }],
    [16_777_215, 13, { blocks: 631, rows: 4091, valueWords: 2 }],
  ])('of %i bytes in rows of %i nibbles', (sizeBytes, width, layout) => {
    expect(layoutOf(sizeBytes, width)).toEqual({ sizeBytes, width, ...layout });
  });

  it.each([0, -1, 1.5, 16_777_216, Number.NaN])('is refused for %d bytes', (sizeBytes) => {
    expect(() => layoutOf(sizeBytes, 8)).toThrow(expect.objectContaining({ code: 'OBJECT_SIZE' }));
  });

  it('property: agrees with the page, and its rows give the object back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60_000 }), fc.constantFrom(...WIDTHS), (sizeBytes, width) => {
        const layout = layoutOf(sizeBytes, width);
        expect(layout).toMatchObject(referenceLayout(sizeBytes, width));
        const bytes = randomBytes(sizeBytes, sizeBytes);
        const values = rowsOf(bytes, layout);
        const back = new Uint8Array(sizeBytes);
        const wordsOfBlock = layout.rows * layout.valueWords;
        for (let block = 0; block < layout.blocks; block++) {
          putRows(values.subarray(block * wordsOfBlock, (block + 1) * wordsOfBlock), block, layout, back);
        }
        expect(back).toEqual(bytes);
      }),
      { numRuns: 40 },
    );
  });

  it('a row is drawn by hand: 13 nibbles, the first the most significant; the second row is cut off by the end', () => {
    const bytes = Uint8Array.fromHex('123456789abcdef1');
    // Row 0 is 123456789ABCD: five nibbles in the upper word, eight in the lower one, which comes first. Row 1 is EF1.
    expect([...rowsOf(bytes, layoutOf(8, 13))].map((word) => word.toString(16))).toEqual([
      '6789abcd',
      '12345',
      '0',
      'ef100',
    ]);
    expect([...rowsOf(bytes, layoutOf(8, 8))].map((word) => word.toString(16))).toEqual(['12345678', '9abcdef1']);
    expect([...rowsOf(bytes, layoutOf(8, 1))].map((word) => word.toString(16)).join('')).toBe('123456789abcdef1');
  });

  it('serves the blocks evenly: 37 blocks differ by a few groups only in any stretch of the counter', () => {
    for (const start of [0, 123_456, 0xfff000]) {
      const counts = Array.from({ length: 37 }, () => 0);
      for (let c = start; c < start + 37 * 100; c++) counts[firstBlockOf(0, c & 0xffffff, 37)]++;
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(10);
    }
  });

  it('serves the blocks evenly when an object gets every second, third ... fiftieth run', () => {
    for (let stride = 2; stride <= 50; stride++) {
      const counts = Array.from({ length: 12 }, () => 0);
      for (let run = 0; run < 2400; run++)
        for (let place = 0; place < 16; place++) counts[firstBlockOf(1, (16 * run * stride + place) & 0xffffff, 12)]++;
      expect(Math.max(...counts) / Math.min(...counts), `every ${stride}th run`).toBeLessThan(1.015);
    }
  });
});

describe('scrambling', () => {
  it.each([
    [0, 0],
    [0, 4097],
    [1, 0xffffff],
    [3, 0xabcdef],
  ])('agrees with the page for every word, on stream %i at c = %i, and comes back', (stream, c) => {
    const blocks = stream === 0 ? [3, 4] : [2, 3, 4];
    const seen = blocks.map(() => new Set<number>());
    for (let word = 0; word < 0x1_0000; word += 7) {
      const sent = stream === 0 ? [word, word] : [word & 15, word, word, word];
      const scrambled = [...sent];
      scramble(stream, c, scrambled);
      const expected = blocks.map((B) => referenceScramble(stream, c, B, word));
      expect(scrambled).toEqual(stream === 0 ? expected : [word & 15, ...expected]);
      for (const [i, value] of expected.entries()) seen[i].add(value);
      unscramble(stream, c, scrambled);
      expect(scrambled).toEqual(sent);
    }
    expect(seen.map(({ size }) => size)).toEqual(blocks.map(() => Math.ceil(0x1_0000 / 7)));
  });

  it('gives what a program in C written from the page gives', () => {
    const words = [5, 0x1234, 0x1234, 0x1234];
    scramble(3, 0xabcdef, words);
    expect(words).toEqual([5, 0x5a25, 0x16f8, 0x1078]);
  });

  it('leaves what was lost lost, and the rest comes back', () => {
    const words = [5, 0x1234, 0x5678, 0x9abc];
    scramble(2, 77, words);
    for (let lost = 1; lost < 4; lost++) {
      const received = words.with(lost, -1);
      unscramble(2, 77, received);
      expect(received).toEqual([5, 0x1234, 0x5678, 0x9abc].with(lost, -1));
    }
  });

  it('makes different errors of one pattern: a thousand times the same word, and a thousand times the same flip', () => {
    const words = new Set<number>();
    const errors = new Set<number>();
    for (let c = 0; c < 1000; c++) {
      const received = [0x5555, 0x5555];
      unscramble(0, c, received);
      words.add((received[0] << 16) ^ received[1]);
      const sent = [0x1234, 0x5678];
      scramble(0, c, sent);
      const flipped = [sent[0] ^ 0x8000, sent[1] ^ 1];
      unscramble(0, c, flipped);
      errors.add(((flipped[0] ^ 0x1234) << 16) ^ flipped[1] ^ 0x5678);
    }
    expect(words.size).toBe(1000);
    // A flip of the highest bit stays what it is through the last multiplication; a few thousand patterns remain.
    expect(errors.size).toBeGreaterThan(990);
  });
});

describe('the encoder', () => {
  it.each(WIDTHS)(
    'agrees with the slow reference in rows of %i nibbles, on all streams, in one block and several',
    (width) => {
      const sizes = [
        1,
        2,
        6,
        7,
        31,
        64,
        65,
        999,
        ...(width === 1 ? [2048, 2049, 7000] : [4096 * width, 27_001, 60_000]),
      ];
      for (const size of sizes) {
        const bytes = randomBytes(size, size);
        const spreader = new FountainSpreader(bytes, width);
        expect(spreader.identity).toEqual(sha256(bytes).slice(0, 8));
        const object = { bytes, identity: spreader.identity, width };
        for (const [stream, c] of [
          [0, 0],
          [0, 0xfffffe],
          [1, 0xffffff],
          [2, 129],
          [3, 777],
        ]) {
          expect(spreader.payload(stream, c), `${size} bytes, stream ${stream}, c ${c}`).toEqual(
            referencePayload(object, stream, c),
          );
        }
      }
    },
  );

  it('agrees with it for every place that a symbol of some columns can begin at', () => {
    const bytes = randomBytes(700, 4);
    for (const [width, stream] of [
      [13, 0],
      [8, 1],
    ] as const) {
      const spreader = new FountainSpreader(bytes, width);
      const object = { bytes, identity: spreader.identity, width };
      for (let c = 500; c < 500 + 2 * width; c++) {
        expect(spreader.payload(stream, c)).toEqual(referencePayload(object, stream, c));
      }
    }
  });

  it('takes the identity it is given for a directory', () => {
    const bytes = randomBytes(56, 1);
    const identity = Uint8Array.fromHex('4344495200050007');
    const spreader = new FountainSpreader(bytes, 1, identity);
    for (const stream of [0, 3]) {
      expect(spreader.payload(stream, 300)).toEqual(referencePayload({ bytes, identity, width: 1 }, stream, 300));
    }
  });

  it('is chosen by the scheme of the directory: 1 = 13 nibbles, 2 = 8 nibbles, others are refused', () => {
    const bytes = randomBytes(100, 2);
    for (const [scheme, width] of [
      [SCHEME_FOUNTAIN_C, 13],
      [SCHEME_FOUNTAIN_A, 8],
    ]) {
      const spreader = makeSpreader(bytes, scheme);
      expect(spreader.payload(1, 9)).toEqual(referencePayload({ bytes, identity: spreader.identity, width }, 1, 9));
      expect(makeCollector(spreader.identity, 100, scheme)).toMatchObject({ layout: { width } });
    }
    expect([SCHEME_FOUNTAIN_C, SCHEME_FOUNTAIN_A]).toEqual([1, 2]);
    for (const scheme of [0, 4, 15]) {
      expect(() => makeSpreader(bytes, scheme)).toThrow(expect.objectContaining({ code: 'SCHEME' }));
    }
  });
});
