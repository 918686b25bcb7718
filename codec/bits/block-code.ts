/**
 * The (26,16) code as the air sees it: through the differential code.
 *
 * A block is 27 channel symbols s0..s26, of which the first is the last symbol of the block before; its 26 bits are
 * d(k) = s(k-1) xor s(k). The remainder modulo g(x) is linear in the bits, so it is linear in the symbols too: seen there,
 * a block is a word of a linear (27,17) code, and every symbol is received by itself. Everything soft is done in symbols.
 *
 *     bits      d1 d2 ... d26         most significant first; remainder = sum of d(k) x^(26-k) mod g(x)
 *     symbols   s0 s1 s2 ... s26      remainder = sum of s(k) COLUMN[k]
 *
 * A word of symbols as an integer has s0 as its bit 26 and s26 as its bit 0.
 */

import { BLOCK_BITS, CHECK_BITS, remainder } from '../groups/block.ts';

/** Channel symbols that a block depends on. */
export const BLOCK_SYMBOLS = BLOCK_BITS + 1;

/** Remainders there are. */
export const REMAINDERS = 1 << CHECK_BITS;

const BLOCK_MASK = (1 << BLOCK_BITS) - 1;
const HALF_BITS = BLOCK_BITS / 2;
const HALF_MASK = (1 << HALF_BITS) - 1;

const REMAINDER_OF_HIGH_HALF = Uint16Array.from({ length: 1 << HALF_BITS }, (_, k) => remainder(k << HALF_BITS));
const REMAINDER_OF_LOW_HALF = Uint16Array.from({ length: 1 << HALF_BITS }, (_, k) => remainder(k));

/** The 26 bits of a block from its 27 symbols. */
export function bitsOfSymbols(symbols27: number): number {
  return (symbols27 ^ (symbols27 >>> 1)) & BLOCK_MASK;
}

/** The remainder of the block that 27 symbols stand for. */
export function remainderOfSymbols(symbols27: number): number {
  const bits = bitsOfSymbols(symbols27);
  return REMAINDER_OF_HIGH_HALF[bits >>> HALF_BITS] ^ REMAINDER_OF_LOW_HALF[bits & HALF_MASK];
}

/** What turning over symbol k does to the remainder. */
export const COLUMN: Readonly<Uint16Array> = Uint16Array.from({ length: BLOCK_SYMBOLS }, (_, k) =>
  remainderOfSymbols(1 << (BLOCK_BITS - k)),
);

/** The 27 symbols of 26 bits, with s0 = 0. */
export function symbolsOfBits(bits26: number): number {
  let symbols = bits26;
  for (let shift = 1; shift < BLOCK_SYMBOLS; shift <<= 1) symbols ^= symbols >>> shift;
  return symbols;
}

/** Turns over every symbol: the same bits in the other polarity. */
export const ALL_SYMBOLS = (1 << BLOCK_SYMBOLS) - 1;

/** Unnormalised Walsh-Hadamard transform of the first `size` values (a power of two), in place. */
export function walshHadamard(values: Float64Array, size: number): void {
  for (let half = 1; half < size; half <<= 1) {
    for (let from = 0; from < size; from += 2 * half) {
      for (let k = from; k < from + half; k++) {
        const a = values[k];
        const b = values[k + half];
        values[k] = a + b;
        values[k + half] = a - b;
      }
    }
  }
}
