/** The inner loops in TypeScript: the reference that the others are held against, and what runs where there is no SIMD. */

import type { SignalKernels } from './kernels.ts';

/** atan(x) for |x| <= 1 to 1e-5 rad (Abramowitz and Stegun 4.4.49): 74 dB below the RDS subcarrier's phase steps. */
const ATAN_1 = 0.999866;
const ATAN_3 = -0.3302995;
const ATAN_5 = 0.180141;
const ATAN_7 = -0.085133;
const ATAN_9 = 0.0208351;

export function plainKernels(): SignalKernels {
  return {
    name: 'plain',
    floats: (count) => new Float32Array(count),
    bytes: (count) => new Uint8Array(count),
    convert,
    correct,
    filter,
    decimate,
    discriminate,
    bands,
  };
}

const convert: SignalKernels['convert'] = (bytes, count, flip, centre, re, im, at) => {
  for (let k = 0; k < count; k++) {
    re[at + k] = ((bytes[2 * k] ^ flip) - centre) / 128;
    im[at + k] = ((bytes[2 * k + 1] ^ flip) - centre) / 128;
  }
};

const correct: SignalKernels['correct'] = (re, im, at, count, affine, turn) => {
  const [rr, ri, ir, ii, r0, i0] = affine;
  for (let k = 0; k < count; k++) {
    const lane = k & 3;
    const x = re[at + k] - r0;
    const y = im[at + k] - i0;
    const p = rr * x + ri * y;
    const q = ir * x + ii * y;
    re[at + k] = p * turn[lane] - q * turn[4 + lane];
    im[at + k] = p * turn[4 + lane] + q * turn[lane];
    const next = turn[lane] * turn[8] - turn[4 + lane] * turn[12];
    turn[4 + lane] = turn[lane] * turn[12] + turn[4 + lane] * turn[8];
    turn[lane] = next;
  }
};

const filter: SignalKernels['filter'] = (re, im, taps, length, outRe, outIm, outAt, count) => {
  const half = (length - 1) >> 1;
  for (let n = 0; n < count; n++) {
    let r = taps[half] * re[n + half];
    let i = taps[half] * im[n + half];
    for (let k = 0, near = n, far = n + length - 1; k < half; k++, near++, far--) {
      r += taps[k] * (re[near] + re[far]);
      i += taps[k] * (im[near] + im[far]);
    }
    outRe[outAt + n] = r;
    outIm[outAt + n] = i;
  }
};

const decimate: SignalKernels['decimate'] = (re, im, step, taps, length, outRe, outIm, outAt, count) => {
  for (let n = 0, from = 0; n < count; n++, from += step) {
    let r = 0;
    let i = 0;
    for (let k = 0; k < length; k++) {
      r += taps[k] * re[from + k];
      i += taps[k] * im[from + k];
    }
    outRe[outAt + n] = r;
    outIm[outAt + n] = i;
  }
};

const discriminate: SignalKernels['discriminate'] = (re, im, count, scale, out, sums) => {
  const summed = count & ~3;
  let power = 0;
  let square = 0;
  let total = 0;
  let powers = 0;
  for (let n = 0; n < count; n++) {
    const r = re[n + 1];
    const i = im[n + 1];
    // This sample times the conjugate of the one before.
    const x = r * re[n] + i * im[n];
    const y = i * re[n] - r * im[n];
    const ax = x < 0 ? -x : x;
    const ay = y < 0 ? -y : y;
    const large = ax > ay ? ax : ay;
    const ratio = (ax > ay ? ay : ax) / (large + 1e-30);
    const s = ratio * ratio;
    let angle = ratio * (ATAN_1 + s * (ATAN_3 + s * (ATAN_5 + s * (ATAN_7 + s * ATAN_9))));
    if (ay > ax) angle = Math.PI / 2 - angle;
    if (x < 0) angle = Math.PI - angle;
    if (y < 0) angle = -angle;
    out[n] = angle * scale;
    if (n >= summed) continue;
    total += out[n];
    if ((n & 12) !== 0) continue;
    const p = r * r + i * i;
    power += p;
    square += p * p;
    powers++;
  }
  sums[0] = power;
  sums[1] = square;
  sums[2] = total;
  sums[3] = summed;
  sums[4] = powers;
};

const bands: SignalKernels['bands'] = (x, step, taps, length, count, outputs, out) => {
  for (let n = 0, from = 0; n < outputs; n++, from += step) {
    for (let band = 0; band < count; band++) {
      const at = 2 * band * length;
      let r = 0;
      let i = 0;
      for (let k = 0; k < length; k++) {
        r += x[from + k] * taps[at + k];
        i += x[from + k] * taps[at + length + k];
      }
      out[2 * (n * count + band)] = r;
      out[2 * (n * count + band) + 1] = i;
    }
  }
};
