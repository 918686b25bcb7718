import { describe, expect, it } from 'vitest';
import { encodeDifferential } from '#codec/bits/differential.ts';
import { PhaseSearch } from '#codec/bits/search.ts';
import { serialiseGroup } from '#codec/bits/serialise.ts';
import { addNoise, RandomGroups, randomWords } from '../mpx/signals.ts';

/** Log-likelihood ratios of groups received at this Es/N0. */
function received(groups: number, esN0: number, seed: number): Float32Array {
  const source = new RandomGroups(seed);
  const bits = new Uint8Array(104 * groups);
  for (let k = 0; k < groups; k++) {
    const group = source.next(0);
    if (group !== null) serialiseGroup(group, bits.subarray(104 * k, 104 * (k + 1)));
  }
  encodeDifferential(bits, 0);
  const symbols = Float32Array.from(bits, (bit) => 1 - 2 * bit);
  addNoise(symbols, Math.sqrt(1 / (2 * esN0)), randomWords(seed + 1));
  return symbols.map((x) => 4 * esN0 * x);
}

describe('the search for the place of groups', () => {
  it('gains ln 1024 a block from a clean signal, at the right place only', () => {
    const search = new PhaseSearch();
    const symbols = received(1, 100, 1);
    search.push(50, 0);
    for (const [k, symbol] of symbols.entries()) search.push(symbol, k + 1);
    expect(search.best).toBe(1);
    expect(search.evidenceAt(1)).toBeCloseTo(
      // Block 3 may have either of two offset words.
      3 * Math.log(0.05 + 0.95 * 1024) + Math.log(0.05 + 0.95 * 512),
      1,
    );
    expect(search.sinceAt(1)).toBe(1);
    const others = Array.from({ length: 104 }, (_, place) => (place === 1 ? 0 : search.evidenceAt(place)));
    expect(Math.max(...others)).toBeLessThan(8);
  });

  it.each([
    [6, 1.5],
    [2, 6],
  ])('has odds of e^23 at Es/N0 = %i dB after %f groups in most cases', (esN0Db, groups) => {
    let found = 0;
    for (let seed = 0; seed < 20; seed++) {
      const search = new PhaseSearch();
      const symbols = received(8, 10 ** (esN0Db / 10), 10 + seed);
      let at = Number.POSITIVE_INFINITY;
      for (const [k, symbol] of symbols.entries()) {
        search.push(symbol, k);
        if (at === Number.POSITIVE_INFINITY && search.best === 0 && search.evidenceAt(0) >= 23) at = k;
      }
      if (at <= 104 * groups) found++;
    }
    expect(found).toBeGreaterThanOrEqual(16);
  });

  it('keeps to its bound on random bits: evidence x is reached in less than e^-x of the places', () => {
    const words = randomWords(3);
    const search = new PhaseSearch();
    const count = 300_000;
    let beyond8 = 0;
    let most = 0;
    for (let n = 0; n < count; n++) {
      // As strong as a signal would be, so that the signs alone decide.
      search.push(words() < 2 ** 31 ? 12 : -12, n);
      if (search.best < 0) continue;
      const evidence = search.evidenceAt(search.best);
      if (evidence > 8) beyond8++;
      if (evidence > most) most = evidence;
    }
    // Each symbol ends a block of four places.
    expect(beyond8 / (4 * count)).toBeLessThan(Math.exp(-8));
    expect(most).toBeLessThan(23);
  });
});
