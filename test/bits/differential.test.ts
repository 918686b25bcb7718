import { describe, expect, it } from 'vitest';
import { decodeDifferential, decodeDifferentialSoft, encodeDifferential } from '#codec/bits/differential.ts';
import { randomWords } from '../mpx/signals.ts';

/** EN 50067:1998 clause 1.6, table 1: previous output, new input, new output. */
const TABLE = [
  [0, 0, 0],
  [0, 1, 1],
  [1, 0, 1],
  [1, 1, 0],
];

describe('differential coding', () => {
  it.each(TABLE)('after %i, %i gives %i (EN 50067 table 1)', (previous, input, output) => {
    const bits = Uint8Array.of(input);
    expect(encodeDifferential(bits, previous)).toBe(output);
    expect(bits[0]).toBe(output);
  });

  it('comes back whatever the polarity of the carrier', () => {
    const words = randomWords(2);
    const data = Uint8Array.from({ length: 200 }, () => words() & 1);
    const symbols = data.slice();
    encodeDifferential(symbols, 0);
    for (const polarity of [1, -1]) {
      const soft = Array.from(symbols, (s) => polarity * (s === 1 ? -0.7 : 0.7));
      const back = soft.slice(1).map((s, k) => decodeDifferential(s, soft[k]));
      expect(back).toEqual(Array.from(data.subarray(1)));
    }
  });

  it('trusts a bit as much as the weaker of its symbols', () => {
    expect(decodeDifferentialSoft(0.9, 0.2)).toBeCloseTo(0.2);
    expect(decodeDifferentialSoft(-0.9, 0.2)).toBeCloseTo(-0.2);
    expect(decodeDifferentialSoft(-0.1, -0.2)).toBeCloseTo(0.1);
  });
});
