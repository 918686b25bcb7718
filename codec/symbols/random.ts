/**
 * xoshiro128** 1.1 (Blackman and Vigna, public domain, prng.di.unimi.it/xoshiro128starstar.c) and the mixing of its seed
 * (air-interface.md section 5). Sender and receiver draw the same coefficients from it.
 */

/** Four state words of the generator. */
export type RandomState = Uint32Array;

/** A 32-bit permutation ("lowbias32" of C. Wellons' hash-prospector with 21F0AAAD / 735A2D97). */
export function mix(z: number): number {
  let x = z;
  x ^= x >>> 16;
  x = Math.imul(x, 0x21f0aaad);
  x ^= x >>> 15;
  x = Math.imul(x, 0x735a2d97);
  x ^= x >>> 15;
  return x >>> 0;
}

/**
 * The seed of one symbol group: identity as two words, `stream` 0..3, `counter` 24 bits, `block` of the object. All four words
 * depend on everything: the first output depends on s1 alone and the second one on s0 ^ s1 ^ s2 alone. With s0 and s2 the same
 * in all groups of an object, the two would be a constant apart before they are scrambled, and for one identity in thirty some of the
 * first 64 coefficients would depend on each other in nearly all symbols.
 */
export function seedRandom(
  state: RandomState,
  identityHigh: number,
  identityLow: number,
  stream: number,
  counter: number,
  block: number,
): void {
  const s0 = mix(mix(mix(identityHigh) ^ identityLow) ^ ((stream << 24) | counter));
  let s1 = mix(s0 ^ block);
  const s2 = mix(s1 ^ identityHigh);
  const s3 = mix(s2 ^ identityLow);
  if ((s0 | s1 | s2 | s3) === 0) s1 = 1;
  state[0] = s0;
  state[1] = s1;
  state[2] = s2;
  state[3] = s3;
}

/** Writes the next `count` output words to `out` from `offset` on. */
export function drawWords(state: RandomState, out: Uint32Array, offset: number, count: number): void {
  let s0 = state[0] | 0;
  let s1 = state[1] | 0;
  let s2 = state[2] | 0;
  let s3 = state[3] | 0;
  for (let i = offset; i < offset + count; i++) {
    const x = Math.imul(s1, 5);
    out[i] = Math.imul((x << 7) | (x >>> 25), 9);
    const t = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = (s3 << 11) | (s3 >>> 21);
  }
  state[0] = s0;
  state[1] = s1;
  state[2] = s2;
  state[3] = s3;
}
