import { describe, expect, it } from 'vitest';
import type { OffsetName } from '#codec/groups/block.ts';
import {
  BLOCK_OF_REMAINDER,
  burstError,
  encodeBlock,
  OFFSET_WORDS,
  recogniseOffset,
  remainder,
  syndrome,
} from '#codec/groups/block.ts';
import { randomWords } from '../mpx/signals.ts';

const NAMES: readonly OffsetName[] = ['A', 'B', 'C', "C'", 'D'];

/** EN 50067:1998 annex B, figure B.1: check bits of the rows of the generator matrix, most significant information bit first. */
const GENERATOR_MATRIX = `
  0001110111 1011100111 1110101111 1100001011 1101011001 1101110000 0110111000 0011011100
  0001101110 0000110111 1011000111 1110111111 1100000011 1101011101 1101110010 0110111001
`
  .trim()
  .split(/\s+/);

/** EN 50067:1998 annex B, clause B.1.1: the parity-check matrix, one row for each of the 26 bits, first received first. */
const PARITY_CHECK_MATRIX = `
  1000000000 0100000000 0010000000 0001000000 0000100000 0000010000 0000001000 0000000100
  0000000010 0000000001 1011011100 0101101110 0010110111 1010000111 1110011111 1100010011
  1101010101 1101110110 0110111011 1000000001 1111011100 0111101110 0011110111 1010100111
  1110001111 1100011011
`
  .trim()
  .split(/\s+/);

/** EN 50067:1998 annex B, table B.1. */
const SYNDROMES: readonly [OffsetName, string][] = [
  ['A', '1111011000'],
  ['B', '1111010100'],
  ['C', '1001011100'],
  ["C'", '1111001100'],
  ['D', '1001011000'],
];

describe('the block code against the tables of EN 50067', () => {
  it('gives the check bits of every row of the generator matrix', () => {
    const rows = Array.from({ length: 16 }, (_, k) =>
      remainder(1 << (25 - k))
        .toString(2)
        .padStart(10, '0'),
    );
    expect(rows).toEqual(GENERATOR_MATRIX);
  });

  it('gives the syndrome of every row of the parity-check matrix', () => {
    const rows = Array.from({ length: 26 }, (_, k) =>
      syndrome(1 << (25 - k))
        .toString(2)
        .padStart(10, '0'),
    );
    expect(rows).toEqual(PARITY_CHECK_MATRIX);
  });

  it.each(SYNDROMES)('gives the syndrome of offset %s for any word', (name, bits) => {
    for (const word of [0, 1, 0x3ab7, 0xffff]) {
      expect(syndrome(encodeBlock(word, name)).toString(2).padStart(10, '0')).toBe(bits);
    }
  });
});

describe('blocks', () => {
  it.each(NAMES)('with offset %s keep their word and are recognised', (name) => {
    for (let word = 0; word < 65_536; word += 257) {
      const bits = encodeBlock(word, name);
      expect(bits >>> 10).toBe(word);
      expect(recogniseOffset(bits)).toBe(name);
      expect(burstError(bits, name)).toBe(0);
    }
  });

  it('have five remainders that mean something, C and C prime the same block', () => {
    const found = NAMES.map((name) => BLOCK_OF_REMAINDER[OFFSET_WORDS[name]]);
    expect(found).toEqual([0, 1, 2, 2, 3]);
    expect(BLOCK_OF_REMAINDER.filter((block) => block !== 255)).toHaveLength(5);
  });

  it('are repaired from every burst of one and two bits', () => {
    for (const name of NAMES) {
      const bits = encodeBlock(0xe0cd, name);
      for (const burst of [0b1, 0b11]) {
        for (let shift = 0; (burst << shift) >>> 26 === 0; shift++) {
          expect(burstError(bits ^ (burst << shift), name)).toBe(burst << shift);
        }
      }
    }
  });

  it('are not repaired from bursts of three to five bits, which would let a third of all noise through', () => {
    for (const burst of [0b111, 0b101, 0b1001, 0b1111, 0b10001, 0b11111]) {
      for (let shift = 0; (burst << shift) >>> 26 === 0; shift++) {
        expect(burstError(encodeBlock(0x54a8, 'B') ^ (burst << shift), 'B')).not.toBe(burst << shift);
      }
    }
  });

  it('show every one, two and burst of up to ten wrong bits', () => {
    const bits = encodeBlock(0x1234, 'D');
    for (let i = 0; i < 26; i++) {
      for (let j = i; j < 26; j++) {
        const error = (1 << i) | (1 << j);
        expect(recogniseOffset(bits ^ error), `bits ${i} and ${j}`).not.toBe('D');
      }
    }
    for (let burst = 1; burst < 1024; burst += 2) expect(remainder(bits ^ (burst << 7))).not.toBe(OFFSET_WORDS.D);
  });

  it('pass noise as one offset at the rates the code promises: 1/1024 as received, 52/1024 with correction', () => {
    const words = randomWords(1);
    let right = 0;
    let corrected = 0;
    const trials = 200_000;
    for (let k = 0; k < trials; k++) {
      const error = burstError(words() & 0x3ff_ffff, 'A');
      if (error === 0) right++;
      if (error >= 0) corrected++;
    }
    // Five standard deviations of the binomial distribution.
    expect(Math.abs(right - trials / 1024)).toBeLessThan(5 * Math.sqrt(trials / 1024));
    expect(Math.abs(corrected - (trials * 52) / 1024)).toBeLessThan(5 * Math.sqrt((trials * 52) / 1024));
  });
});
