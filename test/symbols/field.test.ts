import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Echelon } from '#codec/symbols/field.ts';
import { randomWords } from './objects.ts';
import { ReferenceRows } from './reference.ts';

type Row = bigint;

/** Rows as big integers: `unknowns` coefficients, then values of 32 x `valueWords` bits. */
interface Case {
  readonly unknowns: number;
  readonly valueWords: 1 | 2;
  readonly rows: readonly Row[];
}

/** As `Echelon` lays rows out: coefficients, padding up to a multiple of four words, value. */
function strideOf({ unknowns, valueWords }: Case): number {
  return Math.ceil((Math.ceil(unknowns / 32) + valueWords) / 4) * 4;
}

function pack(one: Case, row: Row): Uint32Array {
  const { unknowns, valueWords } = one;
  const coefficientWords = Math.ceil(unknowns / 32);
  const words = new Uint32Array(strideOf(one));
  const coefficients = BigInt.asUintN(unknowns, row);
  for (let w = 0; w < coefficientWords; w++) words[w] = Number(BigInt.asUintN(32, coefficients >> BigInt(32 * w)));
  const value = row >> BigInt(unknowns);
  for (let w = 0; w < valueWords; w++)
    words[words.length - valueWords + w] = Number(BigInt.asUintN(32, value >> BigInt(32 * w)));
  return words;
}

function unpack({ unknowns, valueWords }: Case, words: Uint32Array): Row {
  const coefficientWords = Math.ceil(unknowns / 32);
  let row = 0n;
  for (let w = 0; w < coefficientWords; w++) row |= BigInt(words[w]) << BigInt(32 * w);
  for (let w = 0; w < valueWords; w++) row |= BigInt(words[words.length - valueWords + w]) << BigInt(unknowns + 32 * w);
  return row;
}

/** These rows eliminated, with room for `room` of them. */
function echelonOf(one: Case, rows: readonly Row[], room: number): Echelon {
  const echelon = new Echelon(Math.max(room, rows.length), one.unknowns, one.valueWords);
  for (const [i, row] of rows.entries()) echelon.words.set(pack(one, row), i * echelon.stride);
  echelon.eliminate(rows.length);
  return echelon;
}

function reference({ unknowns }: Case, rows: readonly Row[]): ReferenceRows {
  const slow = new ReferenceRows(unknowns);
  for (const row of rows) slow.add(row);
  return slow;
}

function pivotsOf(echelon: Echelon): number[] {
  return [...echelon.pivots.keys()].filter((j) => echelon.pivots[j] >= 0);
}

function allAgree(echelon: Echelon): boolean {
  return [...echelon.surplus()].every((row) =>
    echelon.words.subarray(row + echelon.valueAt, row + echelon.stride).every((word) => word === 0),
  );
}

function rowsOf(one: Case, echelon: Echelon): Row[] {
  return pivotsOf(echelon).map((j) =>
    unpack(one, echelon.words.slice(echelon.pivots[j], echelon.pivots[j] + echelon.stride)),
  );
}

/** Random rows of a rank of at most `rank`, each consistent with a hidden solution when `agree`. */
function randomCase(
  unknowns: number,
  count: number,
  {
    seed,
    rank = unknowns,
    valueWords = 1,
    agree = true,
    empty = [],
  }: {
    seed: number;
    rank?: number;
    valueWords?: 1 | 2;
    agree?: boolean;
    /** Columns that no row has. */
    empty?: readonly number[];
  },
): Case {
  const word = randomWords(seed);
  const bits = (length: number): bigint => {
    let value = 0n;
    for (let at = 0; at < length; at += 32) value |= BigInt(word()) << BigInt(at);
    return BigInt.asUintN(length, value);
  };
  const mask = empty.reduce((all, j) => all & ~(1n << BigInt(j)), BigInt.asUintN(unknowns, -1n));
  const solution = Array.from({ length: unknowns }, () => bits(32 * valueWords));
  const valued = (coefficients: bigint): Row => {
    let value = 0n;
    for (let j = 0; j < unknowns; j++) if (((coefficients >> BigInt(j)) & 1n) === 1n) value ^= solution[j];
    if (!agree) value = bits(32 * valueWords);
    return coefficients | (value << BigInt(unknowns));
  };
  const basis = Array.from({ length: rank }, () => bits(unknowns) & mask);
  const rows = Array.from({ length: count }, () => {
    if (rank >= unknowns) return valued(bits(unknowns) & mask);
    const chosen = bits(rank);
    return valued(basis.reduce((sum, row, i) => (((chosen >> BigInt(i)) & 1n) === 1n ? sum ^ row : sum), 0n));
  });
  return { unknowns, valueWords, rows };
}

const TINY = [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65];

const CASES: readonly [name: string, make: (unknowns: number, seed: number) => Case][] = [
  ['as many random rows as unknowns', (u, seed) => randomCase(u, u, { seed })],
  ['some more', (u, seed) => randomCase(u, u + 5, { seed, valueWords: 2 })],
  ['half of them', (u, seed) => randomCase(u, u >> 1, { seed })],
  ['rows of half the rank', (u, seed) => randomCase(u, 2 * u + 3, { seed, rank: Math.ceil(u / 2), valueWords: 2 })],
  ['rows that contradict each other', (u, seed) => randomCase(u, u + 20, { seed, agree: false })],
  ['columns that no row has', (u, seed) => randomCase(u, u + 9, { seed, empty: [0, u >> 1, u - 1] })],
  [
    'a whole strip of eight columns that no row has',
    (u, seed) => randomCase(u, u + 9, { seed, empty: Array.from({ length: 8 }, (_, i) => Math.min(u - 1, 8 + i)) }),
  ],
  [
    'one row again and again',
    (u, seed) => {
      const one = randomCase(u, 1, { seed });
      return { ...one, rows: Array.from({ length: u + 3 }, () => one.rows[0]) };
    },
  ],
  [
    'every row three times',
    (u, seed) => {
      const one = randomCase(u, u, { seed });
      return { ...one, rows: one.rows.flatMap((row) => [row, row, row]) };
    },
  ],
  [
    'rows without coefficients',
    (u, seed) => {
      const one = randomCase(u, u + 4, { seed, agree: false });
      return { ...one, rows: one.rows.map((row, i) => (i % 3 === 0 ? (row >> BigInt(u)) << BigInt(u) : row)) };
    },
  ],
  ['nothing', (u) => ({ unknowns: u, valueWords: 1, rows: [] })],
];

describe.each(CASES)('elimination of %s', (_, make) => {
  it('finds the rank, the pivots, the row space and the contradictions that the slow one finds', () => {
    for (const unknowns of [...TINY, 100]) {
      for (let seed = 1; seed < 5; seed++) {
        const one = make(unknowns, seed);
        const slow = reference(one, one.rows);
        const echelon = echelonOf(one, one.rows, 0);
        expect(echelon.rank, `${unknowns} unknowns, seed ${seed}`).toBe(slow.rank);
        expect(pivotsOf(echelon)).toEqual(slow.pivots);
        expect(echelon.surplus()).toHaveLength(one.rows.length - slow.rank);
        // Rows that came to nothing have no coefficients left.
        const left = [...echelon.surplus()].map((row) => unpack(one, echelon.words.slice(row, row + echelon.stride)));
        expect(left.map((row) => BigInt.asUintN(unknowns, row)).every((row) => row === 0n)).toBe(true);
        // Everything that was there is still spanned, and nothing else.
        const all = [...rowsOf(one, echelon), ...left];
        const span = new ReferenceRows(unknowns + 32 * one.valueWords);
        for (const row of all) span.add(row);
        const before = new ReferenceRows(unknowns + 32 * one.valueWords);
        for (const row of one.rows) before.add(row);
        expect(span.rank).toBe(before.rank);
        expect(one.rows.map((row) => span.reduce(row)).every((row) => row === 0n)).toBe(true);
        expect(allAgree(echelon)).toBe(slow.surplus.every((value) => value === 0n));
      }
    }
  });

  it('one by one, or some at once and the rest one by one, is the same', () => {
    for (const unknowns of [...TINY, 100]) {
      const one = make(unknowns, unknowns);
      for (const share of [0, 0.3, 0.8]) {
        const first = Math.floor(share * one.rows.length);
        const echelon = echelonOf(one, one.rows.slice(0, first), unknowns);
        const slow = reference(one, one.rows.slice(0, first));
        let disagreed = !allAgree(echelon);
        for (const row of one.rows.slice(first)) {
          const words = pack(one, row);
          const independent = echelon.add(words);
          expect(independent).toBe(slow.add(row));
          disagreed ||= !independent && words.subarray(echelon.coefficientWords).some((word) => word !== 0);
        }
        expect(pivotsOf(echelon)).toEqual(slow.pivots);
        expect(disagreed).toBe(slow.surplus.some((value) => value !== 0n));
      }
    }
  });

  it('substitution gives what the slow one gives, with what it is given for columns without a pivot', () => {
    for (const unknowns of [...TINY, 100]) {
      const one = make(unknowns, 3 * unknowns);
      const slow = reference(one, one.rows);
      const echelon = echelonOf(one, one.rows, 0);
      const values = new Uint32Array(unknowns * one.valueWords);
      const word = randomWords(unknowns);
      for (let i = 0; i < values.length; i++) values[i] = word();
      const valueOf = (j: number): bigint =>
        BigInt(values[j * one.valueWords]) | (one.valueWords === 2 ? BigInt(values[2 * j + 1]) << 32n : 0n);
      const expected = slow.solve(Array.from({ length: unknowns }, (_u, j) => valueOf(j)));
      echelon.substitute(values);
      // Where rows contradict each other it depends on which of them is believed, so only that of no contradiction is told.
      const contradicts = slow.surplus.some((value) => value !== 0n);
      const found = Array.from({ length: unknowns }, (_u, j) => valueOf(j));
      expect(contradicts || found.join() === expected.join()).toBe(true);
    }
  });

  it('rows that are no candidates lose every column that has a pivot and nothing else of what they say', () => {
    for (const unknowns of TINY) {
      const one = make(unknowns, 5 * unknowns);
      const others = randomCase(unknowns, 4, { seed: unknowns, valueWords: one.valueWords, agree: false }).rows;
      const candidates = one.rows.length;
      const echelon = new Echelon(candidates + others.length, unknowns, one.valueWords);
      for (const [i, row] of [...one.rows, ...others].entries()) echelon.words.set(pack(one, row), i * echelon.stride);
      echelon.eliminate(candidates + others.length, candidates);
      const alone = echelonOf(one, one.rows, 0);
      expect(pivotsOf(echelon)).toEqual(pivotsOf(alone));
      expect(echelon.surplus()).toHaveLength(candidates - alone.rank);
      const pivots = new Set(pivotsOf(alone));
      const span = new ReferenceRows(unknowns);
      for (const row of rowsOf(one, alone)) span.add(row);
      for (const [i, row] of others.entries()) {
        const at = (candidates + i) * echelon.stride;
        const cleared = unpack(one, echelon.words.slice(at, at + echelon.stride));
        const left = Array.from({ length: unknowns }, (_u, j) => j).filter((j) => ((cleared >> BigInt(j)) & 1n) === 1n);
        expect(left.filter((j) => pivots.has(j))).toEqual([]);
        expect(span.reduce(row ^ cleared)).toBe(0n);
      }
    }
  });
});

describe('elimination', () => {
  it('property: of anything at all agrees with the slow one', () => {
    fc.assert(
      fc.property(
        fc
          .integer({ min: 1, max: 70 })
          .chain((unknowns) =>
            fc.tuple(
              fc.constant(unknowns),
              fc.array(fc.bigInt({ min: 0n, max: (1n << BigInt(unknowns + 32)) - 1n }), { maxLength: 90 }),
            ),
          ),
        ([unknowns, rows]) => {
          const one: Case = { unknowns, valueWords: 1, rows };
          const slow = reference(one, rows);
          const echelon = echelonOf(one, rows, 0);
          expect(pivotsOf(echelon)).toEqual(slow.pivots);
          expect(allAgree(echelon)).toBe(slow.surplus.every((value) => value === 0n));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('of a wide matrix solves it, and takes the surplus for what it is', () => {
    const one = randomCase(700, 720, { seed: 8, valueWords: 2 });
    const slow = reference(one, one.rows);
    expect(slow.rank).toBe(700);
    const echelon = echelonOf(one, one.rows, 0);
    expect(echelon.rank).toBe(700);
    expect(allAgree(echelon)).toBe(true);
    const values = new Uint32Array(1400);
    echelon.substitute(values);
    const expected = slow.solve(Array.from({ length: 700 }, () => 0n));
    expect(expected.map((value) => [Number(value & 0xffff_ffffn), Number(value >> 32n)]).flat()).toEqual([...values]);
    // One wrong value shows in the surplus.
    const wrong = { ...one, rows: one.rows.with(300, one.rows[300] ^ (1n << 740n)) };
    expect(allAgree(echelonOf(wrong, wrong.rows, 0))).toBe(false);
  });

  it('refuses more rows than it was given room for', () => {
    const small = new Echelon(1, 30, 1);
    expect(() => small.eliminate(4)).toThrow(expect.objectContaining({ code: 'ECHELON_ROOM' }));
    small.words[0] = 1;
    small.eliminate(1);
    expect(small.add(Uint32Array.of(1, 0, 0, 0))).toBe(false);
    expect(() => small.add(Uint32Array.of(2, 0, 0, 0))).toThrow(expect.objectContaining({ code: 'ECHELON_ROOM' }));
  });
});
