/**
 * Groups to the 104 bits on air, with check words and offset words.
 *
 * Streams 1..3 (RDS2) use the same offset words A B C D. The one published RDS2 encoder (MiniRDS) sends C' only for a
 * version B group tunnelled in type C (block 1 = 0), so that is done here; the synchroniser takes C and C' on any stream.
 */

import type { OffsetName } from '../groups/block.ts';
import { BLOCK_BITS, encodeBlock, GROUP_BITS } from '../groups/block.ts';
import type { Group, StreamNumber } from '../groups/group.ts';

/** B0, the version bit of block 2: 1 in version B groups (EN 50067:1998 clause 3.1.3). */
const VERSION_B = 0x0800;

/** The offset that block 3 is sent with, given the two blocks before it. */
export function offsetOfBlock3(stream: StreamNumber, block1: number, block2: number): OffsetName {
  const legacy = stream === 0 || block1 === 0;
  return legacy && (block2 & VERSION_B) !== 0 ? "C'" : 'C';
}

function putWord(bits: Uint8Array, at: number, word26: number): void {
  for (let k = 0; k < BLOCK_BITS; k++) bits[at + k] = (word26 >>> (BLOCK_BITS - 1 - k)) & 1;
}

/** Fills `bits` (104 bytes of 0 or 1, first sent first). */
export function serialiseGroup(group: Group, bits: Uint8Array): void {
  const [a, b, c, d] = group.blocks;
  putWord(bits, 0, encodeBlock(a, 'A'));
  putWord(bits, BLOCK_BITS, encodeBlock(b, 'B'));
  putWord(bits, 2 * BLOCK_BITS, encodeBlock(c, offsetOfBlock3(group.stream, a, b)));
  putWord(bits, 3 * BLOCK_BITS, encodeBlock(d, 'D'));
}

/**
 * 26 bits that never look like a block: none of the 26 windows of the repeated word is a block with any offset, nor one
 * with a burst of one or two errors (test/bits/serialise.test.ts goes through them). Keeps a carrier alive without data.
 */
export const FILL_WORD = 0x19c_e716;

/** Fills `bits` with 104 bits of which no receiver makes a block. */
export function serialiseFill(bits: Uint8Array): void {
  for (let at = 0; at < GROUP_BITS; at += BLOCK_BITS) putWord(bits, at, FILL_WORD);
}

/** Blocks 3 and 4 of a group that never began; their words mean nothing. */
const LEAD_IN_C = 0x5a3c;
const LEAD_IN_D = 0xc3a5;

export const LEAD_IN_BITS = 312;

/**
 * What comes before the first group: fill for carrier and symbol timing to settle, then one block with offset C and one with
 * D. A synchroniser that asks for three offset words in rhythm (redsea does) has them with block 1 of the first group
 * and puts it out whole; and as the group these two blocks close never began, nobody sees one that was not sent.
 */
export function serialiseLeadIn(): Uint8Array {
  const bits = new Uint8Array(LEAD_IN_BITS);
  for (let at = 0; at < LEAD_IN_BITS; at += BLOCK_BITS) putWord(bits, at, FILL_WORD);
  putWord(bits, LEAD_IN_BITS - 2 * BLOCK_BITS, encodeBlock(LEAD_IN_C, 'C'));
  putWord(bits, LEAD_IN_BITS - BLOCK_BITS, encodeBlock(LEAD_IN_D, 'D'));
  return bits;
}
