/**
 * Offset and imbalance of a tuner: leakage of its oscillator stands at 0 Hz, and unequal I and Q put a mirror image of the
 * signal on top of it.
 *
 * An FM carrier may itself stand at 0 Hz, so means of samples say nothing. But its samples lie on a circle about 0: with an
 * offset c their size goes with the direction of z, with a mirror image b z* it goes with that of z^2. Both estimates are moved a
 * little against the error of the radius (stochastic gradient, as a constant-modulus equaliser); the leak lets go of
 * them while the carrier hardly moves.
 */

/** Of the samples given; at 7,800 a second an offset takes a quarter of a second, an image half a second. */
const OFFSET_GAIN = 1 / 2_000;
const OFFSET_LEAK = 1 / 8_000;
const IMAGE_GAIN = 1 / 4_000;
const IMAGE_LEAK = 1 / 64_000;
/** Largest offset that is removed, as part of the carrier's amplitude, squared; and largest image (-14 dB), squared. */
const OFFSET_LIMIT = 0.25;
const IMAGE_LIMIT = 0.04;
/** A sample this far from the radius, relative to it and squared, says nothing about the middle, but that the level has changed. */
const FAR_OUT = 2;
const FAR_IN = -0.75;
const RADIUS_JUMP_GAIN = 1 / 64;
/** Power of samples below which there is nothing to look at. */
const LEAST = 1e-12;

export class Balance {
  /** rr, ri, ir, ii, r0, i0 as SignalKernels.correct takes them. */
  readonly #affine: Float32Array;
  #offsetReal = 0;
  #offsetImaginary = 0;
  #imageReal = 0;
  #imageImaginary = 0;
  #radiusSquared = 0;

  /** `affine` is kept up to date. */
  constructor(affine: Float32Array) {
    this.#affine = affine;
    this.#fill();
  }

  /** Looks at every `every`-th of `count` samples that have not been corrected. */
  observe(re: Float32Array, im: Float32Array, from: number, count: number, every: number): void {
    let offsetReal = this.#offsetReal;
    let offsetImaginary = this.#offsetImaginary;
    let imageReal = this.#imageReal;
    let imageImaginary = this.#imageImaginary;
    let radiusSquared = this.#radiusSquared;
    if (!(radiusSquared > LEAST)) radiusSquared = meanPower(re, im, from, count, every);
    // It changes slowly: one division for all.
    const inverse = radiusSquared > LEAST ? 1 / radiusSquared : 0;
    for (let k = from; k < from + count; k += every) {
      const p = re[k] - offsetReal;
      const q = im[k] - offsetImaginary;
      const x = p - imageReal * p - imageImaginary * q;
      const y = q - imageImaginary * p + imageReal * q;
      const squared = x * x + y * y;
      const error = squared * inverse - 1;
      // Another level, not another place on the circle.
      if (error > FAR_OUT || error < FAR_IN) {
        radiusSquared += RADIUS_JUMP_GAIN * (squared - radiusSquared);
        continue;
      }
      radiusSquared += OFFSET_GAIN * (squared - radiusSquared);
      offsetReal += OFFSET_GAIN * error * x - OFFSET_LEAK * offsetReal;
      offsetImaginary += OFFSET_GAIN * error * y - OFFSET_LEAK * offsetImaginary;
      const move = IMAGE_GAIN * error * inverse;
      imageReal += move * (x * x - y * y) - IMAGE_LEAK * imageReal;
      imageImaginary += move * 2 * x * y - IMAGE_LEAK * imageImaginary;
      if (offsetReal * offsetReal + offsetImaginary * offsetImaginary > OFFSET_LIMIT * radiusSquared) {
        offsetReal *= 0.99;
        offsetImaginary *= 0.99;
      }
      if (imageReal * imageReal + imageImaginary * imageImaginary > IMAGE_LIMIT) {
        imageReal *= 0.99;
        imageImaginary *= 0.99;
      }
    }
    this.#offsetReal = offsetReal;
    this.#offsetImaginary = offsetImaginary;
    this.#imageReal = imageReal;
    this.#imageImaginary = imageImaginary;
    this.#radiusSquared = radiusSquared;
    this.#fill();
  }

  #fill(): void {
    this.#affine[0] = 1 - this.#imageReal;
    this.#affine[1] = -this.#imageImaginary;
    this.#affine[2] = -this.#imageImaginary;
    this.#affine[3] = 1 + this.#imageReal;
    this.#affine[4] = this.#offsetReal;
    this.#affine[5] = this.#offsetImaginary;
  }
}

function meanPower(re: Float32Array, im: Float32Array, from: number, count: number, every: number): number {
  let sum = 0;
  let samples = 0;
  for (let k = from; k < from + count; k += every) {
    sum += re[k] * re[k] + im[k] * im[k];
    samples++;
  }
  return samples > 0 ? sum / samples : 0;
}
