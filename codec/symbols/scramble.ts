/** Scrambling of payload words, so that one wrong pattern sent twice makes two different errors (air-interface.md section 2.2). */

import { payloadWords } from './layout.ts';
import { mix } from './random.ts';

/**
 * On the air and back, in place: `words` are a payload (two blocks of type A; four bits and three blocks of type C), lost ones
 * negative.
 */
export function scramble(stream: number, counter: number, words: number[]): void {
  const key = mix(((stream << 24) | counter) >>> 0);
  const first = stream === 0 ? 0 : 1;
  for (let i = first; i < words.length; i++) {
    if (words[i] < 0) continue;
    const k = mix((key + blockNumber(stream, i)) >>> 0);
    const a = (k | 1) & 0xffff;
    let y = Math.imul(words[i] ^ (k >>> 16), a) & 0xffff;
    y ^= y >> 8;
    words[i] = Math.imul(y, a) & 0xffff;
  }
}

export function unscramble(stream: number, counter: number, words: number[]): void {
  const key = mix(((stream << 24) | counter) >>> 0);
  const first = stream === 0 ? 0 : 1;
  for (let i = first; i < words.length; i++) {
    if (words[i] < 0) continue;
    const k = mix((key + blockNumber(stream, i)) >>> 0);
    const inverse = inverseOf((k | 1) & 0xffff);
    let w = Math.imul(words[i], inverse) & 0xffff;
    w ^= w >> 8;
    words[i] = (Math.imul(w, inverse) & 0xffff) ^ (k >>> 16);
  }
}

/** A payload as it was received, words that are missing or negative being lost, into `words`. */
export function unscrambled(stream: number, counter: number, received: readonly number[], words: number[]): void {
  words.length = payloadWords(stream);
  for (let i = 0; i < words.length; i++) words[i] = received[i] ?? -1;
  unscramble(stream, counter, words);
}

/** Type A: words 0 and 1 are blocks 3 and 4; type C: words 1 to 3 are blocks 2 to 4. */
function blockNumber(stream: number, i: number): number {
  return stream === 0 ? i + 3 : i + 1;
}

/** Of an odd number, modulo 2^16; each of Newton's steps doubles the bits that are right. */
function inverseOf(a: number): number {
  let x = a;
  for (let step = 0; step < 4; step++) x = Math.imul(x, 2 - Math.imul(a, x));
  return x & 0xffff;
}
