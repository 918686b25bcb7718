import { expect, it } from 'vitest';
import { parseHz } from '#codec/iq/rate.ts';

it.each([
  ['171000', 171_000],
  ['171k', 171_000],
  ['250K', 250_000],
  ['2.4M', 2_400_000],
  ['98.1M', 98_100_000],
  ['1.023MHz', 1_023_000],
  [' 192 kHz ', 192_000],
])('%j is %i Hz', (text, hz) => {
  expect(parseHz(text)).toBe(hz);
});

it.each(['', 'k', '-5k', '0', '1e5', '0x10', '12kk', '1.2.3', 'NaN', '9'.repeat(40), '250k;'])(
  '%j is no rate',
  (text) => {
    expect(parseHz(text)).toBeNull();
  },
);
