/** Anchors: every 64th of our groups tells where the counter stands and which directory holds (air-interface.md section 3). */

import { CRC16, CRC4, CRC6, crcOfFields } from './crc.ts';

export interface Anchor {
  /** 24 bits, a multiple of 64. */
  readonly counter: number;
  /** Directory version, 0..31. */
  readonly version: number;
  /** Six bits: the directory's size in units of 8 bytes. */
  readonly sizeUnits: number;
  /** Which bits of `sizeUnits` are known: a type A anchor has half of them. */
  readonly sizeMask: number;
}

export const ANCHOR_SPACING = 64;
export const COUNTER_MODULUS = 0x100_0000;

const LOW_HALF = 0b000_111;
const HIGH_HALF = 0b111_000;

/*
 *     block 3            block 4
 *     HHHHHHHHHHHHHHHH | HHVVVVVSSSKKKKKK
 */

export function makeAnchorA(stream: number, counter: number, version: number, sizeUnits: number): number[] {
  const high = counter >>> 6;
  const size = (high & 1) === 0 ? sizeUnits & 7 : sizeUnits >> 3;
  const check = crcOfFields(CRC6, [stream, 2], [high, 18], [version, 5], [size, 3]);
  return [high >> 2, ((high & 3) << 14) | (version << 9) | (size << 6) | check];
}

export function parseAnchorA(stream: number, words: readonly number[]): Anchor | undefined {
  const [a, b] = words;
  if (a < 0 || b < 0) return undefined;
  const high = (a << 2) | (b >> 14);
  const version = (b >> 9) & 31;
  const size = (b >> 6) & 7;
  if ((b & 63) !== crcOfFields(CRC6, [stream, 2], [high, 18], [version, 5], [size, 3])) return undefined;
  const even = (high & 1) === 0;
  return {
    counter: high * ANCHOR_SPACING,
    version,
    sizeUnits: even ? size : size << 3,
    sizeMask: even ? LOW_HALF : HIGH_HALF,
  };
}

/*
 *     block 2            block 3            block 4
 *     HHHHHHHHHHHHHHHH | HHVVVVVSSSSSS000 | KKKKKKKKKKKKKKKK
 */

export function makeAnchorC(stream: number, counter: number, version: number, sizeUnits: number): number[] {
  const high = counter >>> 6;
  const check = crcOfFields(CRC16, [stream, 2], [high, 18], [version, 5], [sizeUnits, 6], [0, 3]);
  return [high >> 2, ((high & 3) << 14) | (version << 9) | (sizeUnits << 3), check];
}

/** `checkNibble` is the low nibble of block 1. */
export function parseAnchorC(stream: number, checkNibble: number, words: readonly number[]): Anchor | undefined {
  const [a, b, check] = words;
  if (a < 0 || b < 0 || check < 0) return undefined;
  const high = (a << 2) | (b >> 14);
  const version = (b >> 9) & 31;
  const sizeUnits = (b >> 3) & 63;
  if ((b & 7) !== 0) return undefined;
  if (check !== crcOfFields(CRC16, [stream, 2], [high, 18], [version, 5], [sizeUnits, 6], [0, 3])) return undefined;
  const counter = high * ANCHOR_SPACING;
  if (groupCheckC(stream, counter, words) !== (checkNibble ^ ANCHOR_NIBBLE)) return undefined;
  return { counter, version, sizeUnits, sizeMask: LOW_HALF | HIGH_HALF };
}

/** What the low nibble of an anchor's block 1 is combined with, in place of a handle. */
export const ANCHOR_NIBBLE = 15;

/** CRC-4 of a type C group over stream, counter and blocks 2..4; combined with the handle it is the low nibble of block 1. */
export function groupCheckC(stream: number, counter: number, words: readonly number[]): number {
  return crcOfFields(CRC4, [stream, 2], [counter, 24], [words[0], 16], [words[1], 16], [words[2], 16]);
}
