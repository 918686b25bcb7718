/**
 * The inner loops of reception: what is done for every sample. `plain.ts` says clearly what each one does and runs
 * everywhere; `simd.ts` does the same in WebAssembly, four samples at a time. Everything else is done by their callers.
 *
 * Complex samples are planar: real and imaginary parts in two arrays. Where a count is rounded up, that many values more
 * than asked for may be read and written, which the arrays must have room for.
 */

export interface SignalKernels {
  readonly name: 'plain' | 'simd';

  /** Zeros that the kernels can reach, for as long as the kernels live. */
  floats(count: number): Float32Array;
  bytes(count: number): Uint8Array;

  /**
   * Bytes I, Q, I, Q, ... to (byte - centre) / 128, written from `at` on. `flip` is xored to every byte: 0x80 makes unsigned ones
   * of signed ones. The count is rounded up to 8.
   */
  convert(
    bytes: Uint8Array,
    count: number,
    flip: number,
    centre: number,
    re: Float32Array,
    im: Float32Array,
    at: number,
  ): void;

  /**
   * In place: removes an offset and an imbalance, then turns. `affine` is rr, ri, ir, ii, r0, i0: with x = re - r0 and
   * y = im - i0, re' = rr x + ri y and im' = ir x + ii y. `turn` comes from `fillTurn`. The count is rounded up to 4.
   */
  correct(
    re: Float32Array,
    im: Float32Array,
    at: number,
    count: number,
    affine: Float32Array,
    turn: Float32Array,
  ): void;

  /** Symmetric filter of odd length: output n is over the inputs n .. n+length-1. The count is rounded up to 8. */
  filter(
    re: Float32Array,
    im: Float32Array,
    taps: Float32Array,
    length: number,
    outRe: Float32Array,
    outIm: Float32Array,
    outAt: number,
    count: number,
  ): void;

  /** Filter whose length is a multiple of 4; output n is over the inputs from n x step on. */
  decimate(
    re: Float32Array,
    im: Float32Array,
    step: number,
    taps: Float32Array,
    length: number,
    outRe: Float32Array,
    outIm: Float32Array,
    outAt: number,
    count: number,
  ): void;

  /**
   * Angle from each sample to the next, times `scale`: `out[n]` is from sample n to sample n+1. The count is rounded up to 4.
   * `sums`, over the multiple of 4 that `count` has: of the first four of every sixteen (of the last sample of each pair) the
   * power and its square; of all the output; then how many these were, and how many those.
   */
  discriminate(
    re: Float32Array,
    im: Float32Array,
    count: number,
    scale: number,
    out: Float32Array,
    sums: Float32Array,
  ): void;

  /**
   * Sums of products for every output n and band b: `out[2 (n bands + b)]` of `x` from n x step on with the band's real taps,
   * then with its imaginary ones. `taps` is band after band, `length` (a multiple of 8) real ones, then imaginary ones.
   */
  bands(
    x: Float32Array,
    step: number,
    taps: Float32Array,
    length: number,
    bands: number,
    outputs: number,
    out: Float32Array,
  ): void;
}

/** Length of the array for the sums of `discriminate`. */
export const SUMS_LENGTH = 5;

/** Length of the array for `fillTurn`. */
export const TURN_LENGTH = 16;

/** For `correct`: begins at `angle` and turns by `step` from sample to sample, both in radians. */
export function fillTurn(turn: Float32Array, angle: number, step: number): void {
  for (let k = 0; k < 4; k++) {
    turn[k] = Math.cos(angle + k * step);
    turn[4 + k] = Math.sin(angle + k * step);
    turn[8 + k] = Math.cos(4 * step);
    turn[12 + k] = Math.sin(4 * step);
  }
}

/** `count` rounded up to a multiple of 8, and room for what kernels touch beyond. */
export function withRoom(count: number): number {
  return ((count + 7) & ~7) + 8;
}
