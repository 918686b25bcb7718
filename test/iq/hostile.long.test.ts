import { describe, expect, it } from 'vitest';
import { SAMPLE_FORMATS } from '#codec/iq/samples.ts';
import { endure, JUNK, truncations } from './hostile.ts';

/** Ten minutes of signal. */
const SECONDS = 600;

describe('a receiver endures', () => {
  it.each(JUNK)('ten minutes of $name', (junk) => {
    const { groups, grownBytes } = endure(junk, SECONDS, 1);
    expect(groups).toBe(0);
    expect(grownBytes).toBeLessThan(30e6);
  });

  it.each(SAMPLE_FORMATS)('every truncation, as %s', (format) => {
    // More than the 4,096 samples that are taken at a time, and than the fifth of a second that is looked at ahead.
    expect(truncations(format, 9_000, 1)).toBe(9_001);
    expect(truncations(format, 60_000 * 4, 997)).toBeGreaterThan(200);
  });
});
