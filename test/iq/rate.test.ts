import { expect, it } from 'vitest';
import { formatHz, parseHz } from '#codec/iq/rate.ts';

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

it.each([
  [98_500_000, '98.5M'],
  [250_000, '250k'],
  [1_024_000, '1.024M'],
  [228_123, '228.123k'],
  [87_512_345, '87512.345k'],
  [57, '57'],
  [250_000.0004, '250k'],
])('%d is written %s, and read back', (hz, text) => {
  expect(formatHz(hz)).toBe(text);
  expect(parseHz(text)).toBe(Math.round(hz));
});
