import { describe, expect, it } from 'vitest';
import { Echelon } from '#codec/symbols/field.ts';
import { drawWords, mix, seedRandom } from '#codec/symbols/random.ts';
import { randomWords } from './objects.ts';

/** Made by xoshiro128starstar.c 1.1 of Blackman and Vigna (prng.di.unimi.it), compiled with gcc: the first ten outputs and the 100,001st. */
const VECTORS: [state: number[], first: string, later: number][] = [
  [
    [1, 2, 3, 4],
    '00002d00 00000000 005a7080 04389d80 79199d9b 61963b24 4cb9b57a de9d7431 de458f35 fdce1a54',
    0x041b74b0,
  ],
  [
    [0xdeadbeef, 0, 0xffffffff, 0x80000000],
    '00000000 bab7eaeb 4548054c 2f1e0579 ff7f8b08 fc9d16de 4ebb5378 bdaa1e7a 61fa92c4 e1689280',
    0x9ba88ec4,
  ],
  [
    [0, 0, 0, 1],
    '00000000 00000000 00001680 00b41680 a0e11680 082d2d00 639545c0 03ef0099 d3ef5b4d 900ba07d',
    0xc4bd9784,
  ],
];

function hex(words: Uint32Array): string {
  return Array.from(words, (word) => word.toString(16).padStart(8, '0')).join(' ');
}

describe('xoshiro128**', () => {
  it.each(VECTORS)('gives the outputs of the reference from %j', (seed, first, later) => {
    const state = Uint32Array.from(seed);
    const out = new Uint32Array(100_001);
    drawWords(state, out, 0, 10);
    for (let i = 10; i < out.length; i += 7) drawWords(state, out, i, Math.min(7, out.length - i));
    expect(hex(out.subarray(0, 10))).toBe(first);
    expect(out[100_000]).toBe(later);
  });

  it('mixes as lowbias32 compiled from C does', () => {
    const mixed = Uint32Array.from([0, 1, 2, 0xca11, 0xffffffff, 0x12345678], mix);
    expect(hex(mixed)).toBe('00000000 86d2fa73 0da7f4e7 d12e2d21 99b5e683 16e776bd');
  });

  it('is seeded as section 5 says (compiled from C)', () => {
    const state = new Uint32Array(4);
    seedRandom(state, 0x01234567, 0x89abcdef, 2, 0xabcdef, 5);
    expect(hex(state)).toBe('9b984166 886953ce b8c77372 63b41784');
    const out = new Uint32Array(6);
    drawWords(state, out, 0, 6);
    expect(hex(out)).toBe('41dd9dfd 4799aa8c 4954e0ba 7e4108a8 6ac692e2 29e9e0a0');
  });

  it('never starts from the all-zero state', () => {
    const state = new Uint32Array(4);
    seedRandom(state, 0, 0, 0, 0, 0);
    expect(hex(state)).toBe('00000000 00000001 00000000 00000000');
  });

  it('gives no object coefficients that depend on each other in many of its groups', () => {
    const draw = randomWords(1);
    for (let object = 0; object < 400; object++) {
      const [high, low, from] = [draw(), draw(), draw() & 0xfffff];
      const state = new Uint32Array(4);
      const echelon = new Echelon(64, 64, 1);
      const row = new Uint32Array(echelon.stride);
      let groups = 0;
      while (echelon.rank < 64 && groups < 1000) {
        seedRandom(state, high, low, 0, from + groups++, 0);
        drawWords(state, row, 0, 2);
        row[echelon.valueAt] = 0;
        echelon.add(row);
      }
      // Of random ones 20 more are needed once in a million.
      expect(groups, `object ${high} ${low}`).toBeLessThan(64 + 20);
    }
  });

  it('gives every group of an object other coefficients from the first word on', () => {
    const state = new Uint32Array(4);
    const out = new Uint32Array(1);
    const seen = new Set<number>();
    for (let c = 0; c < 1000; c++) {
      seedRandom(state, 0x43444952, 0x00050004, 1, c, 0);
      drawWords(state, out, 0, 1);
      seen.add(out[0]);
    }
    expect(seen.size).toBeGreaterThan(995);
  });
});
