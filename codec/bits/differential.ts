/**
 * Differential coding (EN 50067:1998 clause 1.6): a data bit of 1 changes the channel symbol, 0 keeps it, so that a receiver
 * need not know the polarity of the carrier.
 *
 * The receiver does not undo it by itself: soft-block.ts decodes blocks in symbols, through it. The inverse stands here for
 * tests, and for whoever works with hard bits.
 */

/** In place: data bits 0/1 to channel symbols 0/1. Returns the last symbol, which is `previous` for the next call. */
export function encodeDifferential(bits: Uint8Array, previous: number): number {
  let symbol = previous;
  for (let k = 0; k < bits.length; k++) {
    symbol ^= bits[k];
    bits[k] = symbol;
  }
  return symbol;
}

/** The hard data bit between two soft channel symbols. */
export function decodeDifferential(symbol: number, previous: number): number {
  return symbol < 0 === previous < 0 ? 0 : 1;
}

/** A data bit is as doubtful as the weaker of its two symbols. Positive for 0, negative for 1. */
export function decodeDifferentialSoft(symbol: number, previous: number): number {
  const size = Math.min(Math.abs(symbol), Math.abs(previous));
  return symbol < 0 === previous < 0 ? size : -size;
}
