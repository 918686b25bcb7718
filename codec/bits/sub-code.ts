/** The words of a block of which some information bits are known: few enough to be compared one by one. */

import { BLOCK_BITS, CHECK_BITS, encodeBlock, OFFSET_WORDS, type OffsetName } from '../groups/block.ts';
import { symbolsOfBits } from './block-code.ts';

/** Information bits of a block that are likely to have this value. */
export interface KnownBits {
  /** 1 where the bit is known. At most `UNKNOWN_MAX` may be unknown. */
  readonly mask: number;
  readonly value: number;
  /** Probability that the block is of this kind, 0..1. */
  readonly probability: number;
  /** For a block 2 whose five highest bits (group type, version) are unknown: how often each of the 32 comes; sums to 1. */
  readonly typeShares?: Float64Array | null;
}

export const UNKNOWN_MAX = 10;

export interface SubCode {
  /** Words there are: 2 to the number of unknown bits. */
  readonly size: number;
  /** The symbols (s0 = 0) that each unknown bit turns over, the lowest bit first. */
  readonly turnedBy: readonly number[];
  /** For every word: whether the unknown bits turn over the last symbol. */
  readonly lastTurned: Uint8Array;
  /** For every word: its five highest information bits, those that are known as 0. */
  readonly typeOf: Uint8Array;
}

const SUB_CODES = new Map<number, SubCode>();

/** Made once for every mask. */
export function subCodeOf(mask: number): SubCode {
  let code = SUB_CODES.get(mask);
  if (code === undefined) {
    code = makeSubCode(mask);
    SUB_CODES.set(mask, code);
  }
  return code;
}

function makeSubCode(mask: number): SubCode {
  const bits: number[] = [];
  for (let bit = 0; bit < BLOCK_BITS - CHECK_BITS; bit++) if (((mask >>> bit) & 1) === 0) bits.push(bit);
  if (bits.length > UNKNOWN_MAX) throw new RangeError(`too few known bits: ${mask.toString(2)}`);
  const size = 1 << bits.length;
  const turnedBy = bits.map((bit) => symbolsOfBits(encodeBlock(1 << bit, 'A') ^ OFFSET_WORDS.A));
  const lastTurned = new Uint8Array(size);
  const typeOf = new Uint8Array(size);
  for (let word = 0; word < size; word++) {
    for (const [j, bit] of bits.entries()) {
      if (((word >>> j) & 1) === 0) continue;
      lastTurned[word] ^= turnedBy[j] & 1;
      if (bit >= 11) typeOf[word] |= 1 << (bit - 11);
    }
  }
  return { size, turnedBy, lastTurned, typeOf };
}

/** The 27 symbols (s0 = 0) of the word whose unknown bits are 0. */
export function baseSymbols({ mask, value }: KnownBits, offset: OffsetName): number {
  return symbolsOfBits(encodeBlock(value & mask, offset));
}
