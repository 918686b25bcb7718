/** The frequency error of a carrier from squared symbols: they have no data in them, what turns is twice the error. */

/** Largest error that is looked for, in Hz: 250 ppm of 76 kHz. */
export const FREQUENCY_REACH_HZ = 19;
const COARSE_HZ = 1;
const FINE_HZ = 0.125;
/** Squared symbols that are added up for the coarse search: at 19 Hz they turn by 0.8 radians, which costs 0.3 dB. */
const COARSE_SYMBOLS = 4;
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

/**
 * `real`, `imaginary`: `count` symbols, squared. `expectedHz`: what another carrier of the same clock says; with it, and
 * unless `everywhere`, only its neighbourhood is searched.
 */
export function estimateCarrier(
  real: Float64Array,
  imaginary: Float64Array,
  count: number,
  symbolRateHz: number,
  expectedHz: number | null,
  everywhere: boolean,
): CarrierEstimate {
  const radians = (hz: number): number => (2 * Math.PI * hz) / symbolRateHz;
  // First by sums of a few symbols, which is enough to find where it is.
  const sums = Math.ceil(count / COARSE_SYMBOLS);
  const sumsReal = new Float64Array(sums);
  const sumsImaginary = new Float64Array(sums);
  for (let k = 0; k < count; k++) {
    const at = (k / COARSE_SYMBOLS) | 0;
    sumsReal[at] += real[k];
    sumsImaginary[at] += imaginary[k];
  }
  const sum = { real: 0, imaginary: 0 };
  let bestHz = 0;
  let best = -1;
  const consider = (hz: number, advantage: number): void => {
    turnBack(sumsReal, sumsImaginary, sums, 2 * COARSE_SYMBOLS * radians(hz), sum);
    const found = Math.hypot(sum.real, sum.imaginary) * advantage;
    if (found <= best) return;
    best = found;
    bestHz = hz;
  };
  if (expectedHz === null || everywhere) {
    for (let hz = -FREQUENCY_REACH_HZ; hz <= FREQUENCY_REACH_HZ; hz += COARSE_HZ) consider(hz, 1);
  }
  if (expectedHz !== null) {
    for (let hz = -EXPECTED_WITHIN_HZ; hz <= EXPECTED_WITHIN_HZ; hz += COARSE_HZ / 2)
      consider(expectedHz + hz, EXPECTED_ADVANTAGE);
  }
  best = -1;
  const coarseHz = bestHz;
  for (let hz = coarseHz - COARSE_HZ; hz <= coarseHz + COARSE_HZ; hz += FINE_HZ) {
    turnBack(real, imaginary, count, 2 * radians(hz), sum);
    const found = Math.hypot(sum.real, sum.imaginary);
    if (found <= best) continue;
    best = found;
    bestHz = hz;
  }
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
