/** Anchors: every 128th of our groups tells where the counter stands and which directory holds (air-interface.md section 3). */

import { CRC16, CRC7, crcOfFields } from './crc.ts';

export interface Anchor {
  /** 24 bits, a multiple of 128. */
  readonly counter: number;
  /** Directory version, 0..31. */
  readonly version: number;
  /** Six bits: the directory's size in units of 8 bytes. */
  readonly sizeUnits: number;
  /** Which bits of `sizeUnits` are known: a type A anchor has half of them. */
  readonly sizeMask: number;
}

export const ANCHOR_SPACING = 128;
/** Consecutive groups of one handle (air-interface.md section 2). */
export const RUN_GROUPS = 16;
/** An assignment, which is not counted, follows every second anchor of streams 1 to 3. */
export const ASSIGNMENT_SPACING = 2 * ANCHOR_SPACING;
/** A directory version holds for so many anchors at least. */
export const VERSION_ANCHORS_MIN = 4;
/** Bits of `c` that an anchor does not tell. */
const SPACING_BITS = 7;
export const COUNTER_MODULUS = 0x100_0000;

const LOW_HALF = 0b000_111;
const HIGH_HALF = 0b111_000;

/*
 *     block 3            block 4
 *     HHHHHHHHHHHHHHHH | HVVVVVSSSKKKKKKK
 */

export function makeAnchorA(stream: number, counter: number, version: number, sizeUnits: number): number[] {
  const high = counter >>> SPACING_BITS;
  const size = (high & 1) === 0 ? sizeUnits & 7 : sizeUnits >> 3;
  const check = crcOfFields(CRC7, [stream, 2], [high, 17], [version, 5], [size, 3]);
  return [high >> 1, ((high & 1) << 15) | (version << 10) | (size << 7) | check];
}

/** `words` are blocks 3 and 4. */
export function parseAnchorA(stream: number, words: readonly number[]): Anchor | undefined {
  const [a, b] = words;
  if (a < 0 || b < 0) return undefined;
  const high = (a << 1) | (b >> 15);
  const version = (b >> 10) & 31;
  const size = (b >> 7) & 7;
  if ((b & 127) !== crcOfFields(CRC7, [stream, 2], [high, 17], [version, 5], [size, 3])) return undefined;
  const even = (high & 1) === 0;
  return {
    counter: high * ANCHOR_SPACING,
    version,
    sizeUnits: even ? size : size << 3,
    sizeMask: even ? LOW_HALF : HIGH_HALF,
  };
}

/*
 *     pppp   block 2            block 3            block 4
 *     1111 | HHHHHHHHHHHHHHHH | HVVVVVSSSSSS0000 | KKKKKKKKKKKKKKKK
 */

const ANCHOR_NIBBLE = 15;

export function makeAnchorC(stream: number, counter: number, version: number, sizeUnits: number): number[] {
  const high = counter >>> SPACING_BITS;
  const check = crcOfFields(CRC16, [stream, 2], [high, 17], [version, 5], [sizeUnits, 6], [0, 4]);
  return [ANCHOR_NIBBLE, high >> 1, ((high & 1) << 15) | (version << 10) | (sizeUnits << 4), check];
}

/** `words` are the four bits and blocks 2 to 4. */
export function parseAnchorC(stream: number, words: readonly number[]): Anchor | undefined {
  const [nibble, a, b, check] = words;
  if (nibble !== ANCHOR_NIBBLE || a < 0 || b < 0 || (b & 15) !== 0) return undefined;
  const high = (a << 1) | (b >> 15);
  const version = (b >> 10) & 31;
  const sizeUnits = (b >> 4) & 63;
  if (check !== crcOfFields(CRC16, [stream, 2], [high, 17], [version, 5], [sizeUnits, 6], [0, 4])) return undefined;
  return { counter: high * ANCHOR_SPACING, version, sizeUnits, sizeMask: LOW_HALF | HIGH_HALF };
}
