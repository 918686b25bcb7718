import { describe, expect, it } from 'vitest';
import { BlockDecoder, emptySoftBlock, type SoftBlock } from '#codec/bits/soft-block.ts';
import type { KnownBits } from '#codec/bits/sub-code.ts';
import { encodeBlock, OFFSET_WORDS, type OffsetName, remainder } from '#codec/groups/block.ts';
import { bitsOfSymbols, COLUMN, remainderOfSymbols, symbolsOfBits } from '#codec/bits/block-code.ts';
import { addNoise, randomWords } from '../mpx/signals.ts';
import { decodeByComparison } from './reference.ts';

/** Log-likelihood ratios of a block received at this Es/N0, limited as the decoder limits them. */
function receivedBlock(word: number, offset: OffsetName, esN0: number, words: () => number): number[] {
  const symbols = symbolsOfBits(encodeBlock(word, offset));
  const noise = new Float32Array(28);
  addNoise(noise, Math.sqrt(1 / (2 * esN0)), words);
  return Array.from({ length: 27 }, (_, k) => {
    const sent = 1 - 2 * ((symbols >>> (26 - k)) & 1);
    return Math.fround(Math.max(-9, Math.min(9, 4 * esN0 * (sent + noise[k]))));
  });
}

function decode(llr: readonly number[], offset: OffsetName, known: KnownBits | null = null): SoftBlock {
  const decoder = new BlockDecoder();
  const out = emptySoftBlock();
  decoder.load(Float32Array.from(llr), 0, -1, llr[0], llr[26]);
  decoder.decode(offset, known, out);
  return out;
}

/** Beyond, no more is made of it: one in three million. */
const limited = (ratio: number): number => Math.max(-15, Math.min(15, ratio));

describe('the code in symbols', () => {
  it('has the remainders that its bits have', () => {
    const words = randomWords(1);
    for (let k = 0; k < 1_000; k++) {
      const symbols = words() >>> 5;
      let bits = 0;
      for (let bit = 1; bit <= 26; bit++)
        bits = (bits << 1) | (((symbols >>> (27 - bit)) ^ (symbols >>> (26 - bit))) & 1);
      expect(bitsOfSymbols(symbols)).toBe(bits);
      expect(remainderOfSymbols(symbols)).toBe(remainder(bits));
      expect(bitsOfSymbols(symbolsOfBits(bits))).toBe(bits);
    }
  });

  it('has a column for each symbol, all different, as the decoder needs', () => {
    expect(new Set(COLUMN).size).toBe(27);
    expect([...COLUMN]).not.toContain(0);
  });
});

describe('a block decoded softly is what comparing all words gives', () => {
  it.each([6, 3, 1, -2])('at Es/N0 = %i dB, nothing known', (esN0Db) => {
    const words = randomWords(20 + esN0Db);
    for (let trial = 0; trial < 4; trial++) {
      const word = words() & 0xffff;
      const offset = (['A', 'B', 'C', "C'"] as const)[trial];
      const llr = receivedBlock(word, offset, 10 ** (esN0Db / 10), words);
      // So that the decoder may not take it as it is.
      for (const k of [2, 9, 10, 11, 20, 25]) llr[k] *= 0.05;
      const wanted = decodeByComparison(llr, offset, null);
      const found = decode(llr, offset);
      expect(found.evidence).toBeCloseTo(wanted.evidence, 6);
      expect(limited(found.first)).toBeCloseTo(limited(wanted.first), 3);
      expect(limited(found.last)).toBeCloseTo(limited(wanted.last), 3);
      // A word that has less than half of all is not looked for.
      if (wanted.probability < 0.5) continue;
      expect(found.word).toBe(wanted.word);
      expect(found.probability).toBeCloseTo(wanted.probability, 4);
    }
  });

  const types = new Float64Array(32).fill(0.2 / 32);
  types[4] += 0.8;
  it.each<[string, (word: number) => KnownBits]>([
    ['the whole word', (word) => ({ mask: 0xffff, value: word, probability: 0.97 })],
    ['another word', (word) => ({ mask: 0xffff, value: word ^ 0x1234, probability: 0.97 })],
    ['TP, PTY and the mix of types', (word) => ({ mask: 0x07e0, value: word, probability: 0.9, typeShares: types })],
    ['the high byte', (word) => ({ mask: 0xff00, value: word, probability: 0.5 })],
    ['another high byte', (word) => ({ mask: 0xff00, value: word ^ 0x4100, probability: 0.8 })],
  ])('with %s known', (_, knownOf) => {
    const words = randomWords(5);
    for (const esN0Db of [3, 0]) {
      const word = (words() & 0x07ff) | 0x2000;
      const llr = receivedBlock(word, 'B', 10 ** (esN0Db / 10), words);
      // So that the decoder may not take it as it is.
      for (const k of [2, 9, 10, 11, 20, 25]) llr[k] *= 0.1;
      const wanted = decodeByComparison(llr, 'B', knownOf(word));
      const found = decode(llr, 'B', knownOf(word));
      expect(found.evidence).toBeCloseTo(wanted.evidence, 5);
      expect(limited(found.first)).toBeCloseTo(limited(wanted.first), 3);
      expect(limited(found.last)).toBeCloseTo(limited(wanted.last), 3);
      if (wanted.probability < 0.6) continue;
      expect(found.word).toBe(wanted.word);
      // Both polarities of a word are one to the reference.
      expect(found.probability).toBeCloseTo(wanted.probability, 3);
    }
  });

  it('and one without doubt is taken as it is, at a probability that is not too high', () => {
    const words = randomWords(6);
    for (let trial = 0; trial < 4; trial++) {
      const llr = receivedBlock(words() & 0xffff, 'D', 10, words).map((x) => (Math.abs(x) < 4 ? 4 * Math.sign(x) : x));
      // In doubt about none, or one, or two symbols.
      for (let k = 0; k < Math.min(trial, 2); k++) llr[5 + 9 * k] *= 0.2;
      const wanted = decodeByComparison(llr, 'D', null);
      const found = decode(llr, 'D');
      expect(found.word).toBe(wanted.word);
      expect(found.probability).toBeLessThanOrEqual(wanted.probability);
    }
  });

  it('is right as often as it says', () => {
    // 1,500 blocks at Es/N0 = 1 dB, by what they claim: each class within four standard deviations.
    const words = randomWords(7);
    const classes = [0.5, 0.7, 0.9, 0.98, 1].map((to) => ({ to, blocks: 0, right: 0, claimed: 0, variance: 0 }));
    for (let trial = 0; trial < 1_500; trial++) {
      const word = words() & 0xffff;
      const found = decode(receivedBlock(word, 'C', 10 ** 0.1, words), 'C');
      const of = classes.find(({ to }) => found.probability <= to);
      if (of === undefined || found.probability === 0) continue;
      of.blocks++;
      of.claimed += found.probability;
      of.variance += found.probability * (1 - found.probability);
      if (found.word === word) of.right++;
    }
    expect(classes.reduce((sum, { blocks }) => sum + blocks, 0)).toBeGreaterThan(1_300);
    for (const { right, claimed, variance } of classes)
      expect(Math.abs(right - claimed)).toBeLessThan(4 * Math.sqrt(variance) + 1);
  });

  it('makes nothing of nothing, NaN and infinities', () => {
    for (const value of [0, Number.NaN]) {
      const found = decode(
        Array.from({ length: 27 }, () => value),
        'A',
      );
      expect(found.probability).toBeLessThan(0.01);
      expect(found.evidence).toBeCloseTo(0, 2);
    }
    const certain = Array.from({ length: 27 }, () => Infinity);
    // All symbols alike are 26 zeros, whose remainder is no offset word.
    expect(OFFSET_WORDS.A).not.toBe(0);
    expect(decode(certain, 'A').probability).toBeLessThan(0.9);
  });
});
