/** The frequency error of a carrier from squared symbols: they have no data in them, what turns is twice the error. */

/** Largest error that is looked for, in Hz: 250 ppm of 76 kHz. */
export const FREQUENCY_REACH_HZ = 19;
const COARSE_HZ = 1;
const FINE_HZ = 0.125;
/** A frequency that is expected wins against one that is not, if it has this part of its size. */
const EXPECTED_ADVANTAGE = 1.3;
const EXPECTED_WITHIN_HZ = 1;

export interface CarrierEstimate {
  /** Radians per symbol. */
  readonly frequency: number;
  /** Phase of the carrier at the first symbol, up to half a turn. */
  readonly phase: number;
  /** Share of the power that is in phase with it, 0..1. */
  readonly coherence: number;
}

/** `real`, `imaginary`: `count` symbols, squared. `expectedHz`: what another carrier of the same clock says. */
export function estimateCarrier(
  real: Float64Array,
  imaginary: Float64Array,
  count: number,
  symbolRateHz: number,
  expectedHz: number | null,
): CarrierEstimate {
  const radians = (hz: number): number => (2 * Math.PI * hz) / symbolRateHz;
  const sum = { real: 0, imaginary: 0 };
  const size = (hz: number): number => {
    turnBack(real, imaginary, count, 2 * radians(hz), sum);
    return Math.hypot(sum.real, sum.imaginary);
  };
  let bestHz = 0;
  let best = -1;
  const consider = (hz: number, advantage: number): void => {
    const found = size(hz) * advantage;
    if (found <= best) return;
    best = found;
    bestHz = hz;
  };
  for (let hz = -FREQUENCY_REACH_HZ; hz <= FREQUENCY_REACH_HZ; hz += COARSE_HZ) consider(hz, 1);
  if (expectedHz !== null) {
    for (let hz = -EXPECTED_WITHIN_HZ; hz <= EXPECTED_WITHIN_HZ; hz += COARSE_HZ / 2)
      consider(expectedHz + hz, EXPECTED_ADVANTAGE);
  }
  best = -1;
  const coarseHz = bestHz;
  for (let hz = coarseHz - COARSE_HZ; hz <= coarseHz + COARSE_HZ; hz += FINE_HZ) consider(hz, 1);
  turnBack(real, imaginary, count, 2 * radians(bestHz), sum);
  let total = 0;
  for (let k = 0; k < count; k++) total += Math.hypot(real[k], imaginary[k]);
  return {
    frequency: radians(bestHz),
    phase: Math.atan2(sum.imaginary, sum.real) / 2,
    coherence: total > 0 ? Math.hypot(sum.real, sum.imaginary) / total : 0,
  };
}

/** Sum of the values, turned back by `step` radians more from each to the next. */
function turnBack(
  real: Float64Array,
  imaginary: Float64Array,
  count: number,
  step: number,
  sum: { real: number; imaginary: number },
): void {
  const stepCosine = Math.cos(step);
  const stepSine = Math.sin(step);
  let cosine = 1;
  let sine = 0;
  let re = 0;
  let im = 0;
  for (let k = 0; k < count; k++) {
    re += real[k] * cosine + imaginary[k] * sine;
    im += imaginary[k] * cosine - real[k] * sine;
    const next = cosine * stepCosine - sine * stepSine;
    sine = cosine * stepSine + sine * stepCosine;
    cosine = next;
  }
  sum.real = re;
  sum.imaginary = im;
}
