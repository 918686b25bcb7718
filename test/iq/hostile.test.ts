import { describe, expect, it } from 'vitest';
import { SAMPLE_FORMATS } from '#codec/iq/samples.ts';
import { endure, JUNK, truncations } from './hostile.ts';

const SEED = 11;
const SECONDS = 6;

describe('a receiver endures', () => {
  it.each(JUNK)('$name', (junk) => {
    const { groups, grownBytes } = endure(junk, SECONDS, SEED);
    expect(groups).toBe(0);
    expect(grownBytes).toBeLessThan(60e6);
  });

  it.each(SAMPLE_FORMATS)('the end of the input at any byte, as %s', (format) => {
    // Over three chunks and more; a prime, so that all remainders come.
    expect(truncations(format, 4_000, 61)).toBe(66);
    expect(truncations(format, 40, 1)).toBe(41);
    expect(truncations(format, 120_000, 8_191)).toBe(15);
  });
});
