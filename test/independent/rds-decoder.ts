/**
 * A second decoder, written from EN 50067:1998 alone and sharing no code with `codec/`: slow, direct, for clean signals. It
 * tells whether what we transmit is what the standard says, and not merely what our own receiver expects.
 */

/** Clause 1.7: 1187.5 bit/s. */
const BIT_RATE_HZ = 1187.5;
const TD = 1 / BIT_RATE_HZ;

/** Clause 1.7, figure 2: HT(f) = cos(pi f td / 4) up to 2/td; its impulse response by plain numerical integration. */
function impulseResponse(tSeconds: number): number {
  const limitHz = 2 / TD;
  const steps = 400;
  let sum = 0;
  for (let i = 0; i < steps; i++) {
    const f = ((i + 0.5) / steps) * limitHz;
    sum += Math.cos((Math.PI * f * TD) / 4) * Math.cos(2 * Math.PI * f * tSeconds);
  }
  return (2 * sum * limitHz) / steps;
}

/** Clause B.1.1: remainder of the 26 received bits by g(x), with the offset words of table B.1. */
function remainder(word: number): number {
  let r = word;
  for (let bit = 25; bit >= 10; bit--) if ((r >>> bit) & 1) r ^= 0x5b9 << (bit - 10);
  return r & 0x3ff;
}
const OFFSETS: readonly [name: string, block: number, word: number][] = [
  ['A', 0, 0b0011111100],
  ['B', 1, 0b0110011000],
  ['C', 2, 0b0101101000],
  ["C'", 2, 0b1101010000],
  ['D', 3, 0b0110110100],
];

export interface IndependentGroup {
  readonly words: readonly number[];
  /** Name of the offset word of the third block. */
  readonly thirdOffset: string;
}

export interface IndependentReading {
  readonly groups: IndependentGroup[];
  /** Phase of the data subcarrier against exp(j 2 pi f t), degrees, modulo 180. */
  readonly subcarrierPhaseDeg: number;
  /** Start of a bit after t = 0, as a fraction of td. */
  readonly bitPhase: number;
  /** Peak deviation of the shaped subcarrier in the unit of the samples. */
  readonly peak: number;
}

/** Reads all groups of one subcarrier in a clean multiplex signal. */
export function readGroups(mpx: Float32Array | Float64Array, rateHz: number, subcarrierHz: number): IndependentReading {
  const PHASES = 16;
  const reach = Math.round(2.5 * TD * rateHz);
  const taps = new Float64Array(2 * reach + 1).map((_, i) => impulseResponse((i - reach) / rateHz));
  const energy = taps.reduce((sum, tap) => sum + tap * tap, 0);
  const re = new Float64Array(mpx.length);
  const im = new Float64Array(mpx.length);
  for (let n = 0; n < mpx.length; n++) {
    const phase = 2 * Math.PI * ((subcarrierHz * n) / rateHz);
    re[n] = (mpx[n] ?? 0) * Math.cos(phase);
    im[n] = -(mpx[n] ?? 0) * Math.sin(phase);
  }
  // Matched filter, evaluated only on a grid of sixteen instants per bit.
  const points = Math.floor(((mpx.length - 1) / rateHz / TD) * PHASES);
  const outRe = new Float64Array(points);
  const outIm = new Float64Array(points);
  for (let p = 0; p < points; p++) {
    const centre = Math.round((p / PHASES) * TD * rateHz);
    let sumRe = 0;
    let sumIm = 0;
    for (let k = Math.max(-reach, -centre); k <= Math.min(reach, mpx.length - 1 - centre); k++) {
      sumRe += (re[centre + k] ?? 0) * (taps[k + reach] ?? 0);
      sumIm += (im[centre + k] ?? 0) * (taps[k + reach] ?? 0);
    }
    outRe[p] = sumRe / energy;
    outIm[p] = sumIm / energy;
  }
  let squareRe = 0;
  let squareIm = 0;
  for (let p = 0; p < points; p++) {
    squareRe += (outRe[p] ?? 0) ** 2 - (outIm[p] ?? 0) ** 2;
    squareIm += 2 * (outRe[p] ?? 0) * (outIm[p] ?? 0);
  }
  const angle = Math.atan2(squareIm, squareRe) / 2;
  const baseband = outRe.map((value, p) => value * Math.cos(angle) + (outIm[p] ?? 0) * Math.sin(angle));
  // Clause 1.7: a bit is a pair of opposite impulses td/2 apart.
  const half = PHASES / 2;
  const pair = (p: number): number => (baseband[p] ?? 0) - (baseband[p + half] ?? 0);
  let best = { phase: 0, strength: -1 };
  for (let phase = 0; phase < PHASES; phase++) {
    let strength = 0;
    for (let p = phase; p + half < points; p += PHASES) strength += Math.abs(pair(p));
    if (strength > best.strength) best = { phase, strength };
  }
  const symbols: number[] = [];
  for (let p = best.phase; p + half < points; p += PHASES) symbols.push(pair(p) > 0 ? 1 : 0);
  // Clause 1.6: the data bit is the difference of two successive symbols.
  const bits = symbols.slice(1).map((symbol, i) => symbol ^ (symbols[i] ?? 0));

  const wordAt = (at: number): number => bits.slice(at, at + 26).reduce((word, bit) => word * 2 + bit, 0);
  const offsetAt = (at: number): (typeof OFFSETS)[number] | undefined =>
    OFFSETS.find(([, , word]) => at + 26 <= bits.length && remainder(wordAt(at)) === word);
  const groups: IndependentGroup[] = [];
  for (let at = 0; at + 104 <= bits.length; ) {
    const offsets = [0, 1, 2, 3].map((block) => offsetAt(at + 26 * block));
    if (offsets.every((offset, block) => offset?.[1] === block)) {
      groups.push({
        words: [0, 1, 2, 3].map((block) => wordAt(at + 26 * block) >>> 10),
        thirdOffset: offsets[2]?.[0] ?? '',
      });
      at += 104;
    } else at++;
  }
  return {
    groups,
    subcarrierPhaseDeg: (((angle * 180) / Math.PI) % 180) + (angle < 0 ? 180 : 0),
    bitPhase: best.phase / PHASES,
    peak: baseband.reduce((peak, value) => Math.max(peak, Math.abs(value)), 0) * 2,
  };
}
