/** Hashes of contexts. */

// @ts-nocheck: AssemblyScript, not TypeScript.

@inline
export function hash(a: u32, b: u32): u32 {
  let h = (a * 0x9e3779b1) ^ ((b + 0x7f4a7c15) * 0x85ebca6b);
  h ^= h >>> 15;
  h *= 0x2c1b3c6d;
  return h ^ (h >>> 13);
}

@inline
export function hash3(a: u32, b: u32, c: u32): u32 {
  return hash(hash(a, b), c);
}

/** Number of bits of a count: 0 for 0. */
@inline
export function bitsOf(value: i64): i32 {
  return value <= 0 ? 0 : <i32>(64 - clz(value));
}
