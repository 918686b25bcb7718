/** Whole numbers in a patch: LEB128, least significant seven bits first, at most five bytes. */

export function pushNumber(out: number[], value: number): void {
  let rest = value;
  while (rest > 127) {
    out.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
}

/** NaN where there is none. */
export function readNumber(from: { readonly bytes: Uint8Array; at: number }): number {
  let value = 0;
  for (let k = 0, unit = 1; k < 5; k++, unit *= 128) {
    const byte = from.bytes[from.at++] ?? Number.NaN;
    value += (byte & 127) * unit;
    if (!(byte > 127)) return Number.isNaN(byte) ? Number.NaN : value;
  }
  return Number.NaN;
}

/** A signed number as one without a sign: 0, -1, 1, -2, ... are 0, 1, 2, 3, ... */
export function folded(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

export function unfolded(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
