import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CborValue, decodeStrict, encodeDeterministic } from '#codec/package/cbor.ts';

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text.replaceAll(' ', ''));
const faultOf = (text: string): string => {
  const decoded = decodeStrict(hex(text));
  return decoded.kind === 'fault' ? decoded.fault : `value ${JSON.stringify(decoded.value)}`;
};

/** RFC 8949 appendix A, the rows of the types that we use, and those that we do not. */
const APPENDIX_A: [encoded: string, value: CborValue][] = [
  ['00', 0],
  ['01', 1],
  ['0a', 10],
  ['17', 23],
  ['1818', 24],
  ['1819', 25],
  ['1864', 100],
  ['1903e8', 1000],
  ['1a000f4240', 1_000_000],
  ['1b000000e8d4a51000', 1_000_000_000_000],
  ['20', -1],
  ['29', -10],
  ['3863', -100],
  ['3903e7', -1000],
  ['f4', false],
  ['f5', true],
  ['f6', null],
  ['40', new Uint8Array(0)],
  ['4401020304', Uint8Array.of(1, 2, 3, 4)],
  ['60', ''],
  ['6161', 'a'],
  ['6449455446', 'IETF'],
  ['62225c', '"\\'],
  ['62c3bc', 'ü'],
  ['63e6b0b4', '水'],
  ['64f0908591', '𐅑'],
  ['80', []],
  ['83010203', [1, 2, 3]],
  ['8301820203820405', [1, [2, 3], [4, 5]]],
  ['98190102030405060708090a0b0c0d0e0f101112131415161718181819', Array.from({ length: 25 }, (_, i) => i + 1)],
  ['a0', new Map()],
  [
    'a201020304',
    new Map([
      [1, 2],
      [3, 4],
    ]),
  ],
  [
    'a26161016162820203',
    new Map<string, CborValue>([
      ['a', 1],
      ['b', [2, 3]],
    ]),
  ],
  ['826161a161626163', ['a', new Map([['b', 'c']])]],
];

describe('CBOR', () => {
  it.each(APPENDIX_A)('reads and writes %s as RFC 8949 appendix A says', (encoded, value) => {
    expect(decodeStrict(hex(encoded))).toEqual({ kind: 'value', value });
    expect(encodeDeterministic(value).toHex()).toBe(encoded);
  });

  it.each([
    ['1bffffffffffffffff', 'malformed'],
    ['c249010000000000000000', 'type-not-used'],
    ['f90000', 'type-not-used'],
    ['fb3ff199999999999a', 'type-not-used'],
    ['f7', 'malformed'],
    ['f0', 'malformed'],
    ['c11a514b67b0', 'type-not-used'],
    ['5f42010243030405ff', 'malformed'],
    ['9fff', 'malformed'],
    ['bf61610161629f0203ffff', 'malformed'],
  ])('refuses %s of appendix A, which we do not use (%s)', (encoded, fault) => {
    expect(faultOf(encoded)).toBe(fault);
  });

  // github.com/cbor/test-vectors fail.json (not well-formed), one of each kind.
  it.each(['1c', '3d', '5e', '5f00', '7f41', '9c', '9f1c', 'bc', 'bf1c', 'dc', 'f800', 'f818', 'fc', 'ff', '7ffe'])(
    'refuses %s, which is not well-formed',
    (encoded) => {
      expect(faultOf(encoded)).toMatch(/malformed|type-not-used/);
    },
  );

  it.each([
    ['1800', 'malformed', 'a number with a longer head than needed'],
    ['190017', 'malformed', 'a number with a longer head than needed'],
    ['5801aa', 'malformed', 'a length with a longer head than needed'],
    ['a201010101', 'malformed', 'a duplicate key'],
    ['a203010101', 'not-deterministic', 'keys out of order'],
    ['a220000100', 'not-deterministic', 'a negative key before a positive one'],
    ['61ff', 'not-deterministic', 'text that is not UTF-8'],
    ['64efbbbf61', 'not-deterministic', 'a byte order mark that a lenient reader drops'],
    ['a1f401', 'type-not-used', 'a boolean as key'],
    ['a14101 01', 'type-not-used', 'a byte string as key'],
    ['0000', 'malformed', 'a second item'],
    ['', 'malformed', 'nothing'],
    ['8181818181818181818100', 'too-deep', 'ten arrays in one another'],
    ['9b7fffffffffffffff00', 'malformed', 'an array of 2^63 items'],
    ['9affffffff00', 'malformed', 'an array of 2^32 items with one present'],
    ['5affffffff00', 'malformed', 'a string of 4 GiB with one byte present'],
  ])('refuses %s as %s: %s', (encoded, fault) => {
    expect(faultOf(encoded)).toBe(fault);
  });

  it('counts items before it builds them', () => {
    const bytes = new Uint8Array(60_000).fill(0x80);
    bytes.set(hex('9959d8'));
    expect(decodeStrict(bytes)).toMatchObject({ kind: 'fault', fault: 'too-many-items' });
    expect(decodeStrict(new Uint8Array(60_000).fill(0x81))).toMatchObject({ kind: 'fault', fault: 'too-many-items' });
    expect(decodeStrict(new Uint8Array(70_000))).toMatchObject({ kind: 'fault', fault: 'too-long' });
  });

  it('sorts keys bytewise, not by length first', () => {
    const map = new Map<number | string, CborValue>([
      ['a', 1],
      [100, 2],
      [-1, 3],
      [10, 4],
    ]);
    expect(encodeDeterministic(map).toHex()).toBe('a40a0418640220036161 01'.replaceAll(' ', ''));
  });

  it.each([[1.5], [Number.NaN], [2 ** 53], ['\ud800'], [new Map([[1.5, 1]])]])(
    'throws for %s, which it could not read again',
    (value) => {
      expect(() => encodeDeterministic(value)).toThrow(expect.objectContaining({ code: 'CBOR_VALUE' }));
    },
  );

  const values = fc.letrec<{ value: CborValue }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.maxSafeInteger(),
      fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\ufeff')),
      fc.boolean(),
      fc.constant(null),
      fc.uint8Array(),
      fc.array(tie('value'), { maxLength: 4 }),
      fc
        .array(fc.tuple(fc.oneof(fc.maxSafeInteger(), fc.string({ unit: 'grapheme-ascii' })), tie('value')), {
          maxLength: 4,
        })
        .map((entries) => new Map(entries)),
    ),
  })).value;

  it('reads back whatever it wrote', () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encodeDeterministic(value);
        const decoded = decodeStrict(bytes, { maxBytes: 1e6, maxItems: 1e5, maxDepth: 100 });
        expect(encodeDeterministic(decoded.kind === 'value' ? decoded.value : null)).toEqual(bytes);
      }),
      { numRuns: 200 },
    );
  });

  it('never throws, and accepts only the one form of a value', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const decoded = decodeStrict(bytes);
        expect(decoded.kind === 'value' ? encodeDeterministic(decoded.value) : bytes).toEqual(bytes);
      }),
      { numRuns: 3000 },
    );
  });
});
