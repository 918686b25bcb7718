/**
 * The inner loops in AssemblyScript, for WebAssembly with 128-bit SIMD. What they do, and the clear version of each, stands in
 * ../plain.ts and ../rows.ts; this file says the same four at a time. Addresses are in bytes. `npm run build:kernels` compiles it.
 */

// @ts-nocheck: AssemblyScript, not TypeScript.

/** count: a multiple of 8. */
export function convert(bytes: usize, count: i32, flip: i32, centre: f32, re: usize, im: usize): void {
  const low = i16x8.splat(0xff);
  const bias = f32x4.splat(centre);
  const scale = f32x4.splat(1.0 / 128.0);
  const sign = i8x16.splat(<i8>flip);
  for (let k = 0; k < count; k += 8) {
    const pairs = v128.xor(v128.load(bytes), sign);
    const even = v128.and(pairs, low);
    const odd = i16x8.shr_u(pairs, 8);
    v128.store(re, f32x4.mul(f32x4.sub(f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(even)), bias), scale));
    v128.store(re, f32x4.mul(f32x4.sub(f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(even)), bias), scale), 16);
    v128.store(im, f32x4.mul(f32x4.sub(f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(odd)), bias), scale));
    v128.store(im, f32x4.mul(f32x4.sub(f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(odd)), bias), scale), 16);
    bytes += 16;
    re += 32;
    im += 32;
  }
}

/** count: a multiple of 4. turn: cosines of four steps, sines of four steps, cosine and sine of a step of four, each four times. */
export function correct(re: usize, im: usize, count: i32, affine: usize, turn: usize): void {
  const rr = f32x4.splat(load<f32>(affine));
  const ri = f32x4.splat(load<f32>(affine, 4));
  const ir = f32x4.splat(load<f32>(affine, 8));
  const ii = f32x4.splat(load<f32>(affine, 12));
  const r0 = f32x4.splat(load<f32>(affine, 16));
  const i0 = f32x4.splat(load<f32>(affine, 20));
  let cosine = v128.load(turn);
  let sine = v128.load(turn, 16);
  const stepCosine = v128.load(turn, 32);
  const stepSine = v128.load(turn, 48);
  for (let k = 0; k < count; k += 4) {
    const x = f32x4.sub(v128.load(re), r0);
    const y = f32x4.sub(v128.load(im), i0);
    const p = f32x4.add(f32x4.mul(rr, x), f32x4.mul(ri, y));
    const q = f32x4.add(f32x4.mul(ir, x), f32x4.mul(ii, y));
    v128.store(re, f32x4.sub(f32x4.mul(p, cosine), f32x4.mul(q, sine)));
    v128.store(im, f32x4.add(f32x4.mul(p, sine), f32x4.mul(q, cosine)));
    const next = f32x4.sub(f32x4.mul(cosine, stepCosine), f32x4.mul(sine, stepSine));
    sine = f32x4.add(f32x4.mul(cosine, stepSine), f32x4.mul(sine, stepCosine));
    cosine = next;
    re += 16;
    im += 16;
  }
}

/** Symmetric filter of odd length, every sample. Eight outputs at a time: up to seven more than count are written. */
export function filter(re: usize, im: usize, taps: usize, length: i32, outRe: usize, outIm: usize, count: i32): void {
  const half = (length - 1) >> 1;
  for (let n = 0; n < count; n += 8) {
    const middle = v128.load32_splat(taps + (half << 2));
    let at = re + (half << 2);
    let r0 = f32x4.mul(middle, v128.load(at));
    let r1 = f32x4.mul(middle, v128.load(at, 16));
    at = im + (half << 2);
    let i0 = f32x4.mul(middle, v128.load(at));
    let i1 = f32x4.mul(middle, v128.load(at, 16));
    let near = 0;
    let far = (length - 1) << 2;
    for (let k = 0; k < half; k++) {
      const tap = v128.load32_splat(taps + near);
      r0 = f32x4.add(r0, f32x4.mul(tap, f32x4.add(v128.load(re + near), v128.load(re + far))));
      r1 = f32x4.add(r1, f32x4.mul(tap, f32x4.add(v128.load(re + near, 16), v128.load(re + far, 16))));
      i0 = f32x4.add(i0, f32x4.mul(tap, f32x4.add(v128.load(im + near), v128.load(im + far))));
      i1 = f32x4.add(i1, f32x4.mul(tap, f32x4.add(v128.load(im + near, 16), v128.load(im + far, 16))));
      near += 4;
      far -= 4;
    }
    v128.store(outRe, r0);
    v128.store(outRe, r1, 16);
    v128.store(outIm, i0);
    v128.store(outIm, i1, 16);
    re += 32;
    im += 32;
    outRe += 32;
    outIm += 32;
  }
}

function sumOf(x: v128): f32 {
  return f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3));
}

/** Every `step`-th output of a filter whose length is a multiple of 4. */
export function decimate(
  re: usize,
  im: usize,
  step: i32,
  taps: usize,
  length: i32,
  outRe: usize,
  outIm: usize,
  count: i32,
): void {
  const end = length << 2;
  for (let n = 0; n < count; n++) {
    let r = f32x4.splat(0);
    let i = f32x4.splat(0);
    for (let k = 0; k < end; k += 16) {
      const h = v128.load(taps + k);
      r = f32x4.add(r, f32x4.mul(h, v128.load(re + k)));
      i = f32x4.add(i, f32x4.mul(h, v128.load(im + k)));
    }
    store<f32>(outRe, sumOf(r));
    store<f32>(outIm, sumOf(i));
    re += step << 2;
    im += step << 2;
    outRe += 4;
    outIm += 4;
  }
}

/** Angles from each sample to the next, times scale. re, im: the second sample. Up to three more than count are written. */
export function discriminate(re: usize, im: usize, count: i32, scale: f32, out: usize, sums: usize): void {
  const factor = f32x4.splat(scale);
  const a1 = f32x4.splat(0.999866);
  const a3 = f32x4.splat(-0.3302995);
  const a5 = f32x4.splat(0.180141);
  const a7 = f32x4.splat(-0.085133);
  const a9 = f32x4.splat(0.0208351);
  const pi = f32x4.splat(3.14159274);
  const halfPi = f32x4.splat(1.57079637);
  const tiny = f32x4.splat(1e-30);
  const zero = f32x4.splat(0);
  const signs = i32x4.splat(0x80000000);
  let power = zero;
  let square = zero;
  let total = zero;
  let powers = 0;
  for (let k = 0; k < count; k += 4) {
    const r = v128.load(re);
    const i = v128.load(im);
    const lastR = v128.load(re - 4);
    const lastI = v128.load(im - 4);
    const x = f32x4.add(f32x4.mul(r, lastR), f32x4.mul(i, lastI));
    const y = f32x4.sub(f32x4.mul(i, lastR), f32x4.mul(r, lastI));
    const ax = f32x4.abs(x);
    const ay = f32x4.abs(y);
    const steep = f32x4.gt(ay, ax);
    const large = f32x4.add(f32x4.pmax(ax, ay), tiny);
    const ratio = f32x4.div(f32x4.pmin(ax, ay), large);
    const s = f32x4.mul(ratio, ratio);
    let angle = f32x4.add(a7, f32x4.mul(s, a9));
    angle = f32x4.add(a5, f32x4.mul(s, angle));
    angle = f32x4.add(a3, f32x4.mul(s, angle));
    angle = f32x4.add(a1, f32x4.mul(s, angle));
    angle = f32x4.mul(ratio, angle);
    angle = v128.bitselect(f32x4.sub(halfPi, angle), angle, steep);
    // pi - angle where x is negative, then the sign of y.
    angle = f32x4.add(v128.xor(angle, v128.and(x, signs)), v128.and(i32x4.shr_s(x, 31), pi));
    angle = v128.xor(angle, v128.and(y, signs));
    const value = f32x4.mul(angle, factor);
    v128.store(out, value);
    if (k + 4 <= count) {
      total = f32x4.add(total, value);
      if ((k & 12) === 0) {
        const p = f32x4.add(f32x4.mul(r, r), f32x4.mul(i, i));
        power = f32x4.add(power, p);
        square = f32x4.add(square, f32x4.mul(p, p));
        powers += 4;
      }
    }
    re += 16;
    im += 16;
    out += 16;
  }
  store<f32>(sums, sumOf(power));
  store<f32>(sums, sumOf(square), 4);
  store<f32>(sums, sumOf(total), 8);
  store<f32>(sums, <f32>(count & ~3), 12);
  store<f32>(sums, <f32>powers, 16);
}

/** For each output and band two sums of products. taps: band after band, length (a multiple of 8) real then imaginary. */
export function bands(x: usize, step: i32, taps: usize, length: i32, count: i32, outputs: i32, out: usize): void {
  const end = length << 2;
  for (let n = 0; n < outputs; n++) {
    let at = taps;
    for (let band = 0; band < count; band++) {
      const stop = x + end;
      let near = x;
      // Two sums each, so that one addition need not wait for the other.
      let r0 = f32x4.splat(0);
      let i0 = f32x4.splat(0);
      let r1 = f32x4.splat(0);
      let i1 = f32x4.splat(0);
      while (near < stop) {
        const v0 = v128.load(near);
        const v1 = v128.load(near, 16);
        r0 = f32x4.add(r0, f32x4.mul(v0, v128.load(at)));
        i0 = f32x4.add(i0, f32x4.mul(v0, v128.load(at + end)));
        r1 = f32x4.add(r1, f32x4.mul(v1, v128.load(at, 16)));
        i1 = f32x4.add(i1, f32x4.mul(v1, v128.load(at + end, 16)));
        near += 32;
        at += 32;
      }
      store<f32>(out, sumOf(f32x4.add(r0, r1)));
      store<f32>(out, sumOf(f32x4.add(i0, i1)), 4);
      out += 8;
      at += end;
    }
    x += step << 2;
  }
}

/**
 * Rows order[first] .. order[count - 1] (offsets in words) of a matrix: adds to each, from word on, the row of the table that its bits at
 * `columns` (of word `bits`) name. word and length: multiples of 4, in words.
 */
export function combine(
  matrix: usize,
  order: usize,
  first: i32,
  count: i32,
  bits: i32,
  word: i32,
  length: i32,
  table: usize,
  stride: i32,
  columns: usize,
  found: i32,
): void {
  const shift = load<i32>(columns);
  for (let i = first; i < count; i++) {
    const row = matrix + ((<usize>load<i32>(order + ((<usize>i) << 2))) << 2);
    const value = load<u32>(row + ((<usize>bits) << 2));
    let v: u32;
    if (found == 8) v = (value >> shift) & 0xff;
    else {
      v = 0;
      for (let l = 0; l < found; l++) v |= ((value >> load<i32>(columns + ((<usize>l) << 2))) & 1) << l;
    }
    if (v == 0) continue;
    let from = table + <usize>(v * stride) * 4;
    let to = row + ((<usize>word) << 2);
    const end = to + ((<usize>length) << 2);
    for (; to < end; to += 16, from += 16) v128.store(to, v128.xor(v128.load(to), v128.load(from)));
  }
}
