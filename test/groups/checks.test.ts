import { describe, expect, it } from 'vitest';
import { CRC16, CRC4, CRC6, crc32, crcOfFields } from '#codec/groups/crc.ts';
import { handleBit, readHandle } from '#codec/groups/handle.ts';

const CHECK_INPUT = Array.from('123456789', (c) => c.charCodeAt(0));

function reverse(value: number, bits: number): number {
  let out = 0;
  for (let i = 0; i < bits; i++) out |= ((value >> i) & 1) << (bits - 1 - i);
  return out;
}

/** The check values of the catalogue of parametrised CRC algorithms (reveng.sourceforge.io/crc-catalogue). */
describe('check values of the catalogue', () => {
  const fields = CHECK_INPUT.map((byte) => [byte, 8] as const);
  // The G-704 ones are our polynomials and initial values with the bits of every byte and of the result the other way round.
  const reflected = CHECK_INPUT.map((byte) => [reverse(byte, 8), 8] as const);

  it('CRC-4/G-704 is 7, CRC-4/INTERLAKEN is B', () => {
    expect(reverse(crcOfFields(CRC4, ...reflected), 4)).toBe(0x7);
    expect(crcOfFields({ ...CRC4, initial: 0xf }, ...fields) ^ 0xf).toBe(0xb);
  });
  it('CRC-6/G-704 is 06', () => expect(reverse(crcOfFields(CRC6, ...reflected), 6)).toBe(0x06));
  it('CRC-16/IBM-3740 is 29B1', () => expect(crcOfFields(CRC16, ...fields)).toBe(0x29b1));
  it('CRC-32/ISO-HDLC is CBF43926', () => expect(crc32(Uint8Array.from(CHECK_INPUT))).toBe(0xcbf43926));
});

function bits(handle: number): number[] {
  return Array.from({ length: 16 }, (_, x) => handleBit(handle, x));
}

describe('handles', () => {
  it('differ from each other in 8 or 16 groups of a run, 0 and 1 in all', () => {
    for (let a = 0; a < 16; a++) {
      for (let b = 0; b < a; b++) {
        const distance = bits(a).filter((bit, x) => bit !== bits(b)[x]).length;
        // Complementary when they differ in the lowest bit alone.
        expect(distance).toBe(a >> 1 === b >> 1 ? 16 : 8);
      }
    }
  });

  it('are read from any nine groups out of all, from one when one object is on air', () => {
    const all = Array.from({ length: 14 }, (_, h) => h);
    for (let handle = 0; handle < 14; handle++) {
      const pairs = bits(handle).map((bit, x) => [x, bit] as const);
      for (let from = 0; from < 8; from++) {
        expect(readHandle(pairs.slice(from, from + 9), all)).toEqual({ kind: 'one', handle, wrongPlaces: [] });
      }
    }
    expect(readHandle([[3, handleBit(1, 3)]], [0, 1])).toMatchObject({ handle: 1 });
    expect(readHandle([[8, 0]], [0, 2])).toEqual({ kind: 'several' });
  });

  it('one wrong bit is found, two are not believed', () => {
    const pairs = bits(5).map((bit, x) => [x, x === 4 ? bit ^ 1 : bit] as const);
    expect(readHandle(pairs, [0, 2, 5, 6])).toEqual({ kind: 'one', handle: 5, wrongPlaces: [4] });
    expect(
      readHandle(
        pairs.map(([x, bit]) => [x, x === 9 ? bit ^ 1 : bit] as const),
        [0, 5],
      ),
    ).toEqual({ kind: 'none' });
  });
});
