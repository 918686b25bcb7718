/** Which object a run serves (air-interface.md section 2.1): handles 0..15 as code words of RM(1,4), one bit a group. */

/** The directory's own handle. */
export const DIRECTORY_HANDLE = 0;
/** Handles 1..13 name objects; 14 and 15 are reserved. */
export const OBJECT_HANDLE_MAX = 13;

function parity(x: number): number {
  return (0x6996 >> (x & 15)) & 1;
}

/** The bit `r` of `handle` in the group at place `x` = c mod 16 of its run. */
export function handleBit(handle: number, x: number): number {
  return (handle & 1) ^ parity((handle >> 1) & x);
}

export type HandleGuess =
  | { readonly kind: 'one'; readonly handle: number; readonly wrongPlaces: readonly number[] }
  | { readonly kind: 'several' }
  | { readonly kind: 'none' };

/**
 * The handle among `candidates` that a run's bits name. `bits` are pairs of place and bit. One bit may be wrong when every
 * other candidate disagrees with three at least.
 */
export function readHandle(
  bits: readonly (readonly [place: number, bit: number])[],
  candidates: readonly number[],
): HandleGuess {
  let best = -1;
  let least = Infinity;
  let second = Infinity;
  for (const handle of candidates) {
    let wrong = 0;
    for (const [place, bit] of bits) wrong += handleBit(handle, place) ^ bit;
    if (wrong < least) {
      second = least;
      least = wrong;
      best = handle;
    } else if (wrong < second) second = wrong;
  }
  if (least === 0) {
    if (second === 0) return { kind: 'several' };
    return { kind: 'one', handle: best, wrongPlaces: [] };
  }
  if (least > 1 || second < 3 || bits.length < 4) return { kind: 'none' };
  return {
    kind: 'one',
    handle: best,
    wrongPlaces: bits.filter(([place, bit]) => handleBit(best, place) !== bit).map(([place]) => place),
  };
}
