/** Other ways to send an object, counted on the same losses: a carousel as RDS2's RFT, and with RS(255,191). */

import type { Bearer } from './channel.ts';

/** Whether the i-th group of ours is lost. */
export type IsLost = (i: number) => boolean;

/**
 * Segments with their number, round and round (as RDS2's RFT does without its own repair): whole when each came through once.
 * Type C as RFT: 16 of 56 bits for the number. Type A: the fewest bits that number the segments. Nothing else is counted.
 */
function segmentBits({ stream }: Bearer, sizeBits: number): number {
  if (stream !== 0) return 40;
  for (let addressBits = 1; ; addressBits++) {
    if (Math.ceil(sizeBits / (37 - addressBits)) <= 2 ** addressBits) return 37 - addressBits;
  }
}

/** Groups until the object is whole. */
export function segmentCarousel(isLost: IsLost, bearer: Bearer, sizeBytes: number): number {
  const segments = Math.ceil((8 * sizeBytes) / segmentBits(bearer, 8 * sizeBytes));
  const have = new Uint8Array(segments);
  let missing = segments;
  for (let i = 0; ; i++) {
    if (have[i % segments] === 1 || isLost(i)) continue;
    have[i % segments] = 1;
    if (--missing === 0) return i + 1;
  }
}

/**
 * The same carousel with the object coded first: RS(255,191), shortened evenly, all code words interleaved byte by byte over
 * the whole object, erasures corrected. A code word is whole when as many of its bytes as it has data came through.
 */
export function reedSolomonCarousel(isLost: IsLost, bearer: Bearer, sizeBytes: number): number {
  const words = Math.ceil(sizeBytes / 191);
  const dataBytes = Math.ceil(sizeBytes / words);
  const codedBytes = words * (dataBytes + 64);
  const bits = segmentBits(bearer, 8 * codedBytes);
  const segments = Math.ceil((8 * codedBytes) / bits);
  const have = new Uint8Array(segments);
  const come = new Uint8Array(codedBytes);
  const missing = new Int32Array(words).fill(dataBytes);
  let openWords = words;
  for (let i = 0; ; i++) {
    const segment = i % segments;
    if (have[segment] === 1 || isLost(i)) continue;
    have[segment] = 1;
    const last = Math.min(codedBytes - 1, Math.floor((bits * (segment + 1) - 1) / 8));
    for (let k = Math.floor((bits * segment) / 8); k <= last; k++) {
      const isWhole = have[Math.floor((8 * k) / bits)] === 1 && have[Math.floor((8 * k + 7) / bits)] === 1;
      if (!isWhole || come[k] === 1) continue;
      come[k] = 1;
      if (--missing[k % words] === 0) openWords--;
    }
    if (openWords === 0) return i + 1;
  }
}
