/**
 * Probabilities and their logits. A probability has 24 bits: p of 2^24. A logit, ln(p / (1 - p)), has 10 fractional bits and ends at 12.
 * The tables are made with +, x and / of doubles in this order, which give the same bits everywhere; no `exp`, no `log`.
 */

const P_ONE = 1 << 24;
export const LOGIT_END = 12 << 10;

const SQUASH_STEP_BITS = 3;
const SQUASH_COUNT = (2 * LOGIT_END) >> SQUASH_STEP_BITS;
const STRETCH_COUNT = 4096;
/** Where the finer table takes over: the lowest and the highest 64th. */
const FINE_BELOW = 1 << 18;

/** Probability in the middle of each eighth of 1/128 of logit. */
const squashTable = makeSquashTable();
/** Logit in the middle of each of 4096 steps of the whole range; and of its lowest 64th. */
const stretchTable = makeStretchTable(12);
const fineStretchTable = makeStretchTable(6);

function makeSquashTable(): Uint32Array {
  // e^(1/256), half a step.
  let halfStep = 1;
  let term = 1;
  for (let k = 1; k < 12; k++) {
    term = term / (256 * k);
    halfStep += term;
  }
  const table = new Uint32Array(SQUASH_COUNT);
  const half = SQUASH_COUNT / 2;
  let power = halfStep;
  for (let k = 0; k < half; k++) {
    const p = Math.floor((P_ONE * power) / (1 + power) + 0.5);
    table[half + k] = p;
    table[half - 1 - k] = P_ONE - p;
    power = power * halfStep * halfStep;
  }
  return table;
}

/** stepBits: of the probability. */
function makeStretchTable(stepBits: number): Int16Array {
  const table = new Int16Array(STRETCH_COUNT);
  let at = 0;
  for (let k = 0; k < STRETCH_COUNT; k++) {
    const p = (k << stepBits) + (1 << (stepBits - 1));
    while (at < SQUASH_COUNT - 1 && squashTable[at] < p) at++;
    table[k] = (at << SQUASH_STEP_BITS) - LOGIT_END;
  }
  return table;
}

/** The probability of a logit. */
export function squash(logit: number): number {
  const within = Math.min(Math.max(logit, -LOGIT_END), LOGIT_END - 1);
  return squashTable[(within + LOGIT_END) >> SQUASH_STEP_BITS];
}

/** The logit of a probability. */
export function stretch(p: number): number {
  if (p < FINE_BELOW) return fineStretchTable[p >> 6];
  if (p >= P_ONE - FINE_BELOW) return -fineStretchTable[(P_ONE - 1 - p) >> 6];
  return stretchTable[p >> 12];
}

/** A probability that is not surer than `least`. */
export function clamped(p: number, least: number): number {
  return Math.min(Math.max(p, least), P_ONE - least);
}
