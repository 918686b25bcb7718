/** Design of linear-phase low-pass filters (Kaiser's window method). Done once at start, so plainly. */

/** Modified Bessel function of the first kind, order 0. */
function besselI0(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

export interface LowPass {
  readonly rateHz: number;
  readonly passHz: number;
  readonly stopHz: number;
  readonly stopDb: number;
}

/** Number of taps for this filter, always odd. */
export function lowPassLength({ rateHz, passHz, stopHz, stopDb }: LowPass): number {
  const transition = (2 * Math.PI * (stopHz - passHz)) / rateHz;
  return 2 * Math.ceil((stopDb - 8) / (2.285 * transition) / 2) + 1;
}

/** Taps with gain 1 at 0 Hz. */
export function lowPassTaps(filter: LowPass, length: number = lowPassLength(filter)): Float64Array {
  const { rateHz, passHz, stopHz, stopDb } = filter;
  const beta = stopDb > 50 ? 0.1102 * (stopDb - 8.7) : 0.5842 * (stopDb - 21) ** 0.4 + 0.07886 * (stopDb - 21);
  const cut = (passHz + stopHz) / rateHz; // twice the cut-off, in cycles a sample
  const middle = (length - 1) / 2;
  const taps = new Float64Array(length);
  let sum = 0;
  for (let k = 0; k < length; k++) {
    const x = k - middle;
    const sinc = x === 0 ? cut : Math.sin(Math.PI * cut * x) / (Math.PI * x);
    const edge = middle === 0 ? 0 : x / middle;
    taps[k] = sinc * besselI0(beta * Math.sqrt(1 - edge * edge));
    sum += taps[k];
  }
  for (let k = 0; k < length; k++) taps[k] /= sum;
  return taps;
}
