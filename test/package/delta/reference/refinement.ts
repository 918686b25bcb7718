/**
 * Refinement (APM, SSE) of a mixed probability by a context: 25 probabilities of 28 bits at logits from -12 to 12, between which one is
 * interpolated. Both neighbours move towards the bit, the nearer one more.
 */

import { LOGIT_END, squash } from './logistic.ts';

const POINTS = 25;
const POINT_BITS = 10;
const POINT_UNIT = 1 << POINT_BITS;
/** Of a probability of 28 bits. */
const MOST = 0xfff_ffff;
/** At a point, a step of 1/32. */
const STEP = 2 ** (POINT_BITS + 5);

export class Refinement {
  readonly #points: Uint32Array;

  constructor(contexts: number) {
    this.#points = new Uint32Array(POINTS * contexts);
    for (let k = 0; k < this.#points.length; k++) this.#points[k] = squash(((k % POINTS) - 12) << POINT_BITS) << 4;
  }

  #at(context: number, logit: number): number {
    return context * POINTS + ((logit + LOGIT_END) >> POINT_BITS);
  }

  /** 24 bits. */
  p(context: number, logit: number): number {
    const at = this.#at(context, logit);
    const part = (logit + LOGIT_END) & (POINT_UNIT - 1);
    const sum = this.#points[at] * (POINT_UNIT - part) + this.#points[at + 1] * part;
    return Math.floor(sum / 2 ** (POINT_BITS + 4));
  }

  learn(context: number, logit: number, bit: number): void {
    const at = this.#at(context, logit);
    const part = (logit + LOGIT_END) & (POINT_UNIT - 1);
    const goal = bit === 1 ? MOST : 0;
    const [p0, p1] = [this.#points[at], this.#points[at + 1]];
    this.#points[at] = p0 + Math.floor(((goal - p0) * (POINT_UNIT - part)) / STEP);
    this.#points[at + 1] = p1 + Math.floor(((goal - p1) * part) / STEP);
  }
}
