import { describe, expect, it } from 'vitest';
import { CRC16, CRC7, crc32, crcOfFields } from '#codec/groups/crc.ts';
import { handleBit, readHandle } from '#codec/groups/handle.ts';

const CHECK_INPUT = Array.from('123456789', (c) => c.charCodeAt(0));

function fieldsOf(bytes: Iterable<number>): (readonly [value: number, sizeBits: number])[] {
  return Array.from(bytes, (byte) => [byte, 8] as const);
}

/** The check values of the catalogue of parametrised CRC algorithms (reveng.sourceforge.io/crc-catalogue). */
describe('check values of the catalogue', () => {
  it('CRC-7/MMC is 75', () => expect(crcOfFields(CRC7, ...fieldsOf(CHECK_INPUT))).toBe(0x75));
  it('CRC-16/IBM-3740 is 29B1', () => expect(crcOfFields(CRC16, ...fieldsOf(CHECK_INPUT))).toBe(0x29b1));
  it('CRC-32/ISO-HDLC is CBF43926', () => expect(crc32(Uint8Array.from(CHECK_INPUT))).toBe(0xcbf43926));
});

describe('commands of the SD card (Physical Layer Simplified Specification, clause 4.5)', () => {
  it.each([
    ['CMD0', '4000000000', 0x4a],
    ['CMD17', '5100000000', 0x2a],
    // The response to CMD17 with the card in the state "transfer".
    ['R1', '1100000900', 0x33],
  ])('%s has its CRC-7', (_, hex, crc) => {
    expect(crcOfFields(CRC7, ...fieldsOf(Uint8Array.fromHex(hex)))).toBe(crc);
  });
});

describe('fields', () => {
  it('run over the bits in the order they are written, wherever they end', () => {
    const whole = crcOfFields(CRC7, [0x51, 8], [0, 32]);
    expect(crcOfFields(CRC7, [0, 1], [1, 1], [0x11, 6], [0, 17], [0, 15])).toBe(whole);
    expect(crcOfFields(CRC7, [0x5100_00, 24], [0, 9], [0, 7])).toBe(whole);
  });
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
