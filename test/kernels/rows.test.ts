import { describe, expect, it } from 'vitest';
import { plainRows, type Rows, simdRows } from '#codec/kernels/rows.ts';
import { randomWords } from '../mpx/signals.ts';

/** Random rows and a random table, then one strip; what the matrix holds afterwards. */
function combined(rows: Rows, found: number, bits: number, seed: number): number[] {
  const words = randomWords(seed);
  const { matrix, table, order, columns, stride } = rows;
  for (let i = 0; i < matrix.length; i++) matrix[i] = words();
  for (let i = 0; i < table.length; i++) table[i] = words();
  // Any order, and one row that is left out.
  for (let i = 0; i < order.length; i++) order[i] = ((i * 7) % order.length) * stride;
  for (let l = 0; l < found; l++) columns[l] = found === 8 ? 16 + l : (5 * l + 3) % 32;
  rows.combine(2, order.length - 1, bits, bits - (bits % 4), found);
  return [...matrix];
}

describe('rows are combined in WebAssembly as they are in plain TypeScript', () => {
  it.each([1, 2, 3, 5, 7, 8].flatMap((found) => [0, 3, 6, 19].map((bits) => [found, bits])))(
    '%i pivots in word %i',
    (found, bits) => {
      const simd = simdRows(43, 24);
      expect(simd?.name).toBe('simd');
      const seed = 100 * found + bits;
      const wanted = combined(plainRows(43, 24), found, bits, seed);
      expect(simd === undefined ? [] : combined(simd, found, bits, seed), `seed ${seed}`).toEqual(wanted);
      const untouched = [...plainRows(43, 24).matrix];
      expect(wanted).not.toEqual(untouched);
    },
  );
});
