/** Hashes of contexts: unsigned 32-bit words from unsigned 32-bit words, everything modulo 2^32. */

export function hash(a: number, b: number): number {
  let h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 0x7f4a7c15, 0x85ebca6b);
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b3c6d);
  return (h ^ (h >>> 13)) >>> 0;
}

export function hash3(a: number, b: number, c: number): number {
  return hash(hash(a, b), c);
}

/** A multiplication after which the highest bits say most: they are the place in a table. */
export function spread(key: number): number {
  return Math.imul(key, 0x9e3779b1) >>> 0;
}

/** How many bits a count has: 0 for 0, 1 for 1, 2 for 2 and 3, ... */
export function bitsOf(value: number): number {
  if (value <= 0) return 0;
  return value < 2 ** 32 ? 32 - Math.clz32(value) : 64 - Math.clz32(Math.floor(value / 2 ** 32));
}
