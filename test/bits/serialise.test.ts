import { describe, expect, it } from 'vitest';
import { FILL_WORD, LEAD_IN_BITS, serialiseFill, serialiseGroup, serialiseLeadIn } from '#codec/bits/serialise.ts';
import type { OffsetName } from '#codec/groups/block.ts';
import { burstError, OFFSET_WORDS, recogniseOffset } from '#codec/groups/block.ts';
import type { Blocks, StreamNumber } from '#codec/groups/group.ts';

function offsetsOf(stream: StreamNumber, blocks: Blocks): string {
  const bits = new Uint8Array(104);
  serialiseGroup({ stream, blocks }, bits);
  const words = [0, 1, 2, 3].map((k) => Number.parseInt(bits.subarray(26 * k, 26 * k + 26).join(''), 2));
  expect(words.map((word) => word >>> 10)).toEqual([...blocks]);
  return words.map(recogniseOffset).join(' ');
}

/** Every window of 26 bits that is a block, with the number of its last bit. */
function blocksIn(bits: Uint8Array): string[] {
  const found: string[] = [];
  let register = 0;
  for (let k = 0; k < bits.length; k++) {
    register = ((register << 1) | bits[k]) & 0x3ff_ffff;
    const offset = k >= 25 ? recogniseOffset(register) : null;
    if (offset !== null) found.push(`${offset} ${k + 1}`);
  }
  return found;
}

describe('a group on air', () => {
  it('has C in version A and C prime in version B on stream 0', () => {
    expect(offsetsOf(0, [0x3ab7, 0x0408, 0xe0cd, 0x5354])).toBe('A B C D');
    expect(offsetsOf(0, [0x3ab7, 0x0c08, 0x3ab7, 0x5354])).toBe("A B C' D");
  });

  it('has C in type C groups, where that bit is payload, but C prime in a tunnelled version B group (as MiniRDS)', () => {
    expect(offsetsOf(1, [0x4023, 0x0c08, 0xe0cd, 0x5354])).toBe('A B C D');
    expect(offsetsOf(3, [0x0000, 0x0c08, 0xe0cd, 0x5354])).toBe("A B C' D");
    expect(offsetsOf(3, [0x0000, 0x0408, 0xe0cd, 0x5354])).toBe('A B C D');
  });
});

describe('what is sent between groups', () => {
  it('looks like a block nowhere, nor like one with a burst of errors', () => {
    for (let turn = 0; turn < 26; turn++) {
      const window = ((FILL_WORD << turn) | (FILL_WORD >>> (26 - turn))) & 0x3ff_ffff;
      for (const name of Object.keys(OFFSET_WORDS)) expect(burstError(window, name as OffsetName)).toBe(-1);
    }
    const fill = new Uint8Array(104);
    serialiseFill(fill);
    expect(blocksIn(fill)).toEqual([]);
  });

  it('begins with exactly the two blocks that let a synchroniser in before the first group', () => {
    const bits = serialiseLeadIn();
    expect(bits).toHaveLength(LEAD_IN_BITS);
    expect(blocksIn(bits)).toEqual([`C ${LEAD_IN_BITS - 26}`, `D ${LEAD_IN_BITS}`]);
  });
});
