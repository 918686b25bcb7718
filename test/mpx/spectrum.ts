/** Power density of a signal, by averaged and windowed transforms (Welch). */

/** In-place radix-2 transform. */
function transform(re: Float64Array, im: Float64Array): void {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; (j & bit) !== 0; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  for (let size = 2; size <= n; size *= 2) {
    for (let k = 0; k < size / 2; k++) {
      const c = Math.cos((-2 * Math.PI * k) / size);
      const s = Math.sin((-2 * Math.PI * k) / size);
      for (let i = k; i < n; i += size) {
        const j = i + size / 2;
        const x = re[j] * c - im[j] * s;
        const y = re[j] * s + im[j] * c;
        re[j] = re[i] - x;
        im[j] = im[i] - y;
        re[i] += x;
        im[i] += y;
      }
    }
  }
}

export interface Spectrum {
  readonly binHz: number;
  /** Mean square of the signal between two frequencies. */
  power(fromHz: number, toHz: number): number;
}

export function spectrumOf(samples: Float32Array, rateHz: number, size: number = 16_384): Spectrum {
  const bins = new Float64Array(size / 2);
  let blocks = 0;
  let windowPower = 0;
  // Blackman-Harris: sidelobes 92 dB down.
  const window = Float64Array.from({ length: size }, (_, k) => {
    const a = (2 * Math.PI * k) / size;
    return 0.35875 - 0.48829 * Math.cos(a) + 0.14128 * Math.cos(2 * a) - 0.01168 * Math.cos(3 * a);
  });
  for (const w of window) windowPower += w * w;
  for (let at = 0; at + size <= samples.length; at += size / 2) {
    const re = Float64Array.from(window, (w, k) => w * samples[at + k]);
    const im = new Float64Array(size);
    transform(re, im);
    for (let k = 0; k < size / 2; k++) bins[k] += re[k] ** 2 + im[k] ** 2;
    blocks++;
  }
  const scale = 2 / (blocks * windowPower * size);
  const binHz = rateHz / size;
  return {
    binHz,
    power(fromHz, toHz) {
      let sum = 0;
      for (let k = Math.ceil(fromHz / binHz); k <= toHz / binHz && k < bins.length; k++) sum += bins[k];
      return sum * scale;
    },
  };
}
