/**
 * The biphase pulse (EN 50067:1998 clause 1.7): a channel symbol is an impulse and, half a bit later, its opposite, shaped by
 * HT(f) = cos(pi f td / 4) for |f| <= 2/td, 0 above; td = 1/1187.5 s. The receiver's filter is the same.
 */

/** Bits per second: 57 kHz / 48. */
export const BIT_RATE_HZ = 1187.5;

/** The pulse is cut at this many bits from its centre; it has fallen to 1e-3 there. */
export const PULSE_REACH_BITS = 2.5;

/** Where the cut begins to be faded in. */
const FADE_FROM_BITS = 2;

/** Inverse Fourier transform of HT, for t in bits, 1 at t = 0. */
export function shapedImpulse(t: number): number {
  const x = 8 * t;
  if (Math.abs(Math.abs(x) - 1) < 1e-6) return Math.PI / 4;
  return Math.cos((Math.PI * x) / 2) / (1 - x * x);
}

/**
 * Amplitude that makes the biphase signal of an all-zeroes message (a sine at the bit rate) have a peak of 1: clause 1.4
 * gives the level of the subcarrier by this sine. It is 2 x 2 HT(1/td) over the area of `shapedImpulse`, pi td / 8.
 */
const AMPLITUDE = 8 / Math.PI / (4 * Math.cos(Math.PI / 4));

/** The pulse of one channel symbol at t bits from its centre; odd, peaks at -1/4 and +1/4. */
export function biphasePulse(t: number): number {
  const far = Math.abs(t);
  if (far >= PULSE_REACH_BITS) return 0;
  const pulse = AMPLITUDE * (shapedImpulse(t + 0.25) - shapedImpulse(t - 0.25));
  if (far <= FADE_FROM_BITS) return pulse;
  const fade = (far - FADE_FROM_BITS) / (PULSE_REACH_BITS - FADE_FROM_BITS);
  return pulse * Math.cos((Math.PI / 2) * fade) ** 2;
}

/** Symbols that reach into one bit. */
const WINDOW_SYMBOLS = 5;
/** Steps per bit in the table; read with linear interpolation the error is below 1e-4. */
export const TABLE_STEPS = 512;
/** Floats from the row of one window to the next. */
export const TABLE_STRIDE = TABLE_STEPS + 1;

/**
 * The shaped signal during one bit for all 32 windows of five channel symbols: row `window` x TABLE_STRIDE, the middle symbol
 * is the one whose bit it is, the oldest symbol is the highest bit of the window.
 */
export function shapingTable(): Float32Array {
  const table = new Float32Array(TABLE_STRIDE << WINDOW_SYMBOLS);
  for (let window = 0; window < 1 << WINDOW_SYMBOLS; window++) {
    for (let step = 0; step <= TABLE_STEPS; step++) {
      let sum = 0;
      for (let k = 0; k < WINDOW_SYMBOLS; k++) {
        const sign = ((window >> (WINDOW_SYMBOLS - 1 - k)) & 1) === 1 ? 1 : -1;
        sum += sign * biphasePulse(step / TABLE_STEPS - 0.5 - (k - 2));
      }
      table[window * TABLE_STRIDE + step] = sum;
    }
  }
  return table;
}
