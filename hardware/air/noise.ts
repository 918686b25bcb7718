/**
 * White Gaussian noise for millions of samples a second: a table of normal quantiles, drawn from with a 32-bit generator
 * whose two halves serve I and Q. The noise of a chunk depends on the seed and the chunk's number alone, so a stretch of
 * air sounds the same whether or not anybody listened to what came before it.
 */

/** Values of the table: 65,536 equally likely ones, the largest 4.3 sigma away. */
const TABLE_SIZE = 65_536;

let sharedTable: Float32Array | undefined;

/** Normal quantiles at the middle of each of the equally likely steps, scaled to variance 1. */
export function gaussianTable(): Float32Array {
  if (sharedTable !== undefined) return sharedTable;
  const table = new Float32Array(TABLE_SIZE);
  let power = 0;
  for (let i = 0; i < TABLE_SIZE; i++) {
    const value = normalQuantile((i + 0.5) / TABLE_SIZE);
    table[i] = value;
    power += value * value;
  }
  const scale = 1 / Math.sqrt(power / TABLE_SIZE);
  for (let i = 0; i < TABLE_SIZE; i++) table[i] *= scale;
  sharedTable = table;
  return table;
}

/** Inverse of the normal distribution function (P. Acklam's rational approximation, relative error below 1.2e-9). */
function normalQuantile(p: number): number {
  if (p > 0.5) return -normalQuantile(1 - p);
  if (p < 0.024_25) {
    const q = Math.sqrt(-2 * Math.log(p));
    const above =
      ((((-7.784_894_002_430_293e-3 * q - 0.322_396_458_041_136_5) * q - 2.400_758_277_161_838) * q -
        2.549_732_539_343_734) *
        q +
        4.374_664_141_464_968) *
        q +
      2.938_163_982_698_783;
    const below =
      (((7.784_695_709_041_462e-3 * q + 0.322_467_129_070_039_8) * q + 2.445_134_137_142_996) * q +
        3.754_408_661_907_416) *
        q +
      1;
    return above / below;
  }
  const q = p - 0.5;
  const r = q * q;
  const above =
    (((((-39.696_830_286_653_76 * r + 220.946_098_424_520_5) * r - 275.928_510_446_968_7) * r + 138.357_751_867_269) *
      r -
      30.664_798_066_147_16) *
      r +
      2.506_628_277_459_239) *
    q;
  const below =
    ((((-54.476_098_798_224_06 * r + 161.585_836_858_040_9) * r - 155.698_979_859_886_6) * r + 66.801_311_887_719_72) *
      r -
      13.280_681_552_885_72) *
      r +
    1;
  return above / below;
}

/** A well mixed, never zero 32-bit state from a seed and a position (constants of C. Wellons' lowbias32). */
export function mixSeed(seed: number, position: number): number {
  let z = (Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul(position | 0, 0x85ebca6b)) | 0;
  z ^= z >>> 16;
  z = Math.imul(z, 0x21f0aaad);
  z ^= z >>> 15;
  z = Math.imul(z, 0x735a2d97);
  z ^= z >>> 15;
  return z === 0 ? 1 : z;
}

/** Uniform numbers in (0, 1], for things that happen seldom. */
export function uniformSource(seed: number): () => number {
  let position = 0;
  return () => ((mixSeed(seed, ++position) >>> 0) + 1) / 4_294_967_296;
}
