/**
 * GF(256) as polynomials over GF(2) modulo x^8 + x^4 + x^3 + x^2 + 1, the field of QR codes (ISO/IEC 18004). Bit i of a byte
 * is the coefficient of x^i, addition is xor, and alpha = x = 02 generates all 255 elements that are not zero.
 */

const FIELD_POLYNOMIAL = 0x11d;

/** alpha^0 to alpha^254. */
export const POWERS = new Uint8Array(255);

/** a b at `a << 8 | b`: 64 KB, and neither a branch for zero nor a sum of logarithms in the inner loops. */
export const PRODUCTS = new Uint8Array(1 << 16);

/** 1 / a at a; zero has none and is left zero. */
export const INVERSES = new Uint8Array(256);

for (let i = 0, power = 1; i < 255; i++) {
  POWERS[i] = power;
  power <<= 1;
  if (power > 0xff) power ^= FIELD_POLYNOMIAL;
}
for (let i = 0; i < 255; i++) {
  const a = POWERS[i];
  INVERSES[a] = POWERS[(255 - i) % 255];
  for (let j = 0; j < 255; j++) PRODUCTS[(a << 8) | POWERS[j]] = POWERS[(i + j) % 255];
}

/** Elements as places of their rows in `PRODUCTS`: `rows[i] = a << 8`. */
export type Rows = Uint16Array;

/**
 * Writes to `values` the polynomial's values at the first `count` points of `points`. Its coefficients are the first `length`
 * of `coefficients`, that of the highest power first. Horner's rule at all points side by side: at one point after the
 * other each table look-up would wait for the one before.
 */
export function evaluate(
  coefficients: Uint8Array,
  length: number,
  points: Rows,
  count: number,
  values: Uint8Array,
): void {
  values.fill(0, 0, count);
  for (let k = 0; k < length; k++) {
    const coefficient = coefficients[k];
    for (let i = 0; i < count; i++) values[i] = PRODUCTS[points[i] | values[i]] ^ coefficient;
  }
}
