/** A block decoded by comparing all 2^17 words of symbols, one by one: what the fast decoder is held against. */

import { encodeBlock, type OffsetName } from '#codec/groups/block.ts';
import type { KnownBits } from '#codec/bits/sub-code.ts';

export interface ReferenceBlock {
  readonly word: number;
  readonly probability: number;
  readonly evidence: number;
  readonly first: number;
  readonly last: number;
}

/** `llr`: 27 log-likelihood ratios, positive for symbol 0. */
export function decodeByComparison(
  llr: readonly number[],
  offset: OffsetName,
  known: KnownBits | null,
): ReferenceBlock {
  // Prior of every information word: known ones share `probability`, all share the rest.
  const unknownBits = known === null ? 16 : 16 - known.mask.toString(2).replaceAll('0', '').length;
  const probabilityOf = new Float64Array(1 << 16);
  let total = 0;
  let firstZero = 0;
  let lastZero = 0;
  for (let word = 0; word < 1 << 16; word++) {
    let prior = (1 - (known?.probability ?? 0)) / 2 ** 16;
    if (known !== null && (word & known.mask) === (known.value & known.mask)) {
      const share = known.typeShares ? known.typeShares[word >>> 11] * 32 : 1;
      prior += (known.probability * share) / 2 ** unknownBits;
    }
    const bits = encodeBlock(word, offset);
    for (const s0 of [0, 1]) {
      let symbol = s0;
      let log = -Math.log1p(Math.exp(symbol === 0 ? -llr[0] : llr[0]));
      for (let k = 1; k <= 26; k++) {
        symbol ^= (bits >>> (26 - k)) & 1;
        log -= Math.log1p(Math.exp(symbol === 0 ? -llr[k] : llr[k]));
      }
      const likelihood = (prior / 2) * Math.exp(log);
      probabilityOf[word] += likelihood;
      total += likelihood;
      if (s0 === 0) firstZero += likelihood;
      if (symbol === 0) lastZero += likelihood;
    }
  }
  let best = 0;
  for (let word = 1; word < 1 << 16; word++) if (probabilityOf[word] > probabilityOf[best]) best = word;
  const ratio = (zero: number): number => Math.log(zero / (total - zero));
  return {
    word: best,
    probability: probabilityOf[best] / total,
    // Random symbols: each of 2^27 words is equally likely.
    evidence: Math.log(total * 2 ** 27),
    first: ratio(firstZero),
    last: ratio(lastZero),
  };
}
