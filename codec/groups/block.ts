/**
 * The (26,16) block code (EN 50067:1998 annex B; IEC 62106-2): 16 information bits, 10 check bits to which an offset word
 * is added that says which block of the group this is.
 *
 *     |mmmmmmmmmmmmmmmm|cccccccccc|   m(x) x^10 mod g(x), plus the offset word
 */

/** g(x) = x^10 + x^8 + x^7 + x^5 + x^4 + x^3 + 1 (EN 50067:1998 clause B.1.1). */
const GENERATOR = 0b101_1011_1001;

export const BLOCK_BITS = 26;
export const CHECK_BITS = 10;
export const GROUP_BITS = 104;

export type OffsetName = 'A' | 'B' | 'C' | "C'" | 'D';

/** Offset words d9..d0 (EN 50067:1998 annex A, table A.1). */
export const OFFSET_WORDS: Readonly<Record<OffsetName, number>> = {
  A: 0b00_1111_1100,
  B: 0b01_1001_1000,
  C: 0b01_0110_1000,
  "C'": 0b11_0101_0000,
  D: 0b01_1011_0100,
};

const OFFSET_NAMES: readonly OffsetName[] = ['A', 'B', 'C', "C'", 'D'];

/** The offsets that block 0..3 of a group may carry, the usual one first. */
export const OFFSETS_OF_BLOCK: readonly (readonly OffsetName[])[] = [['A'], ['B'], ['C', "C'"], ['D']];

/**
 * Remainder of a polynomial of up to 26 bits modulo g(x). A received block whose remainder is an offset word is a block
 * without detected errors; this is the simple form of the syndrome below and what the code here works with.
 */
export function remainder(bits26: number): number {
  let rest = bits26;
  for (let bit = BLOCK_BITS - 1; bit >= CHECK_BITS; bit--) {
    if (((rest >>> bit) & 1) === 1) rest ^= GENERATOR << (bit - CHECK_BITS);
  }
  return rest;
}

/**
 * The syndrome as the standard's table B.1 prints it: the remainder multiplied by x^325 mod g(x), which is what the
 * decoder of figure B.2 leaves in its register.
 */
export function syndrome(bits26: number): number {
  let product = 0;
  let factor = SYNDROME_FACTOR;
  const rest = remainder(bits26);
  for (let bit = 0; bit < CHECK_BITS; bit++) {
    if (((rest >>> bit) & 1) === 1) product ^= factor;
    factor <<= 1;
    if ((factor & 0x400) !== 0) factor ^= GENERATOR;
  }
  return product;
}

/** x^325 mod g(x), the premultiplication of clause B.2.1. */
const SYNDROME_FACTOR = 0b11_0001_1011;

/** The 26 bits on air for a 16-bit word, first bit sent is the most significant. */
export function encodeBlock(word: number, offset: OffsetName): number {
  const shifted = (word & 0xffff) << CHECK_BITS;
  return shifted | (remainder(shifted) ^ OFFSET_WORDS[offset]);
}

/** Which offset a block without detected errors carries, or null. */
export function recogniseOffset(bits26: number): OffsetName | null {
  const rest = remainder(bits26);
  for (const name of OFFSET_NAMES) if (OFFSET_WORDS[name] === rest) return name;
  return null;
}

/** Block number 0..3 for every remainder, 255 where it is no offset word. */
export const BLOCK_OF_REMAINDER: Readonly<Uint8Array> = tabulateBlocks();

function tabulateBlocks(): Uint8Array {
  const table = new Uint8Array(1024).fill(255);
  for (const [block, names] of OFFSETS_OF_BLOCK.entries()) {
    for (const name of names) table[OFFSET_WORDS[name]] = block;
  }
  return table;
}

/**
 * Error pattern of a burst of at most two bits for every remainder-minus-offset, 0 where there is none.
 *
 * One wrong channel symbol is two adjacent wrong bits after differential decoding, so two is the length that pays. The
 * code could correct five, but then 35.9 % of random words would pass (5.08 % with two): never done here.
 */
const BURST_OF_REMAINDER: Readonly<Int32Array> = tabulateBursts();

function tabulateBursts(): Int32Array {
  const table = new Int32Array(1024);
  for (const pattern of [0b1, 0b11]) {
    for (let shift = 0; shift < BLOCK_BITS; shift++) {
      const burst = (pattern << shift) & 0x3ff_ffff;
      table[remainder(burst)] = burst;
    }
  }
  return table;
}

/** The burst of at most two bits that turns the block into one with this offset; 0 if it is right already, -1 if none. */
export function burstError(bits26: number, offset: OffsetName): number {
  const rest = remainder(bits26) ^ OFFSET_WORDS[offset];
  if (rest === 0) return 0;
  return BURST_OF_REMAINDER[rest] === 0 ? -1 : BURST_OF_REMAINDER[rest];
}
