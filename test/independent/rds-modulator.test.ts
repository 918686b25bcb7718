import { describe, expect, it } from 'vitest';
import { readGroups } from './rds-decoder.ts';
import {
  cu8Samples,
  FmSignal,
  groupBits,
  iqNoiseVariance,
  mpxNoiseVariance,
  mpxSamples,
  Random,
  shapingResponse,
  Station,
  symbolPulse,
  TD,
} from './rds-modulator.ts';

/** The modulator by which the receiver is judged is measured itself: levels, times and noise as they are defined. */

const RATE_HZ = 171_000;

/** Amplitude of a spectral line over the whole of a signal; Hann window, so that other lines do not reach it. */
function line(signal: Float64Array, rateHz: number, frequencyHz: number): number {
  let re = 0;
  let im = 0;
  for (let n = 0; n < signal.length; n++) {
    const value = signal[n] * (1 - Math.cos((2 * Math.PI * (n + 0.5)) / signal.length));
    re += value * Math.cos((2 * Math.PI * frequencyHz * n) / rateHz);
    im += value * Math.sin((2 * Math.PI * frequencyHz * n) / rateHz);
  }
  return (2 * Math.hypot(re, im)) / signal.length;
}

const meanSquare = (values: Float64Array): number => values.reduce((sum, value) => sum + value ** 2, 0) / values.length;

describe('the shaping filter', () => {
  it('has the impulse response of clause 1.7, by numerical integration', () => {
    for (const t of [-3.2, -0.5, -0.125, 0, 0.01, 0.125, 0.33, 1, 7.77]) {
      const steps = 20_000;
      let sum = 0;
      for (let i = 0; i < steps; i++) {
        const f = ((i + 0.5) / steps) * 2;
        sum += Math.cos((Math.PI * f) / 4) * Math.cos(2 * Math.PI * f * t) * (2 / steps);
      }
      expect(shapingResponse(t)).toBeCloseTo(2 * sum, 5);
    }
  });

  it('makes a cosine of 1187.5 Hz and of amplitude 1 out of equal symbols', () => {
    for (const t of [0, 0.1, 0.25, 0.4, 0.777]) {
      let sum = 0;
      for (let k = -200; k <= 200; k++) sum += symbolPulse(t - k);
      expect(sum).toBeCloseTo(Math.cos(2 * Math.PI * t), 4);
    }
  });
});

describe('the signal on the multiplex', () => {
  it('is read by the other independent decoder: words, offset words, times and phases, on all four subcarriers', () => {
    const startBits = [17.3, 90.61, 0.05, 55.94];
    const station = new Station({ seed: 1, seconds: 1.5, streams: 4, startBits });
    const mpx = station.mpx(RATE_HZ, 0, 1.5 * RATE_HZ);
    const sent = station.sent;
    for (const [stream, frequencyHz] of [57_000, 66_500, 71_250, 76_000].entries()) {
      const { groups, bitPhase } = readGroups(mpx, RATE_HZ, frequencyHz);
      const expected = sent.filter((group) => group.stream === stream);
      // The first of the groups read may be one that the modulator does not count, and the last one is left to the edge.
      expect(expected.length).toBeGreaterThan(14);
      const first = groups.findIndex((group) => group.words.every((word, i) => word === expected[0].words[i]));
      expect([0, 1]).toContain(first);
      expect(groups.slice(first, first + expected.length - 1).map(({ words }) => words)).toEqual(
        expected.slice(0, -1).map(({ words }) => words),
      );
      for (const { words, thirdOffset } of groups) {
        expect(thirdOffset).toBe(stream === 0 && words[1] & 0x0800 ? "C'" : 'C');
      }
      // The decoder's grid is td / 16; its instants are rounded to a sample. The first impulse lies td / 4 after the start.
      const impulse = expected[0].startSeconds / TD + 1 / 4;
      const difference = Math.abs(bitPhase - (impulse - Math.floor(impulse)));
      expect(Math.min(difference, 1 - difference)).toBeLessThan(1 / 16);
    }
  });

  it.each([0, 90])('has its 57 kHz subcarrier at %d degrees against the third harmonic of the pilot', (degrees) => {
    const station = new Station({ seed: 2, seconds: 1, streams: 1, carrierPhaseDeg: degrees });
    const mpx = station.mpx(RATE_HZ, 0, RATE_HZ);
    let re = 0;
    let im = 0;
    for (let n = 0; n < mpx.length; n++) {
      re += mpx[n] * Math.cos((2 * Math.PI * n) / 9);
      im -= mpx[n] * Math.sin((2 * Math.PI * n) / 9);
    }
    const pilotDeg = (Math.atan2(im, re) * 180) / Math.PI + 90;
    const dataDeg = readGroups(mpx, RATE_HZ, 57_000).subcarrierPhaseDeg + 90;
    const between = (((dataDeg - 3 * pilotDeg - degrees) % 180) + 180) % 180;
    expect(Math.min(between, 180 - between)).toBeLessThan(1);
  });

  it('has the power D^2 / 4 on each subcarrier, whatever is sent, and the pilot its level', () => {
    // The symbols are orthogonal (the filter and its like make a Nyquist filter), so their power does not depend on data;
    // half a bit at either edge of 19,000 is open.
    const data = new Station({ seed: 3, seconds: 4, streams: 4, pilotHz: 0, deviationHz: 2000 });
    expect(meanSquare(data.mpx(RATE_HZ, 0, 4 * RATE_HZ)) / (4 * 2000 ** 2 * (1 / 4))).toBeCloseTo(1, 3);
    const pilot = new Station({ seed: 3, seconds: 1, streams: 1 }).mpx(RATE_HZ, 0, RATE_HZ);
    expect(line(pilot, RATE_HZ, 19_000)).toBeCloseTo(6750, 0);
  });

  it('keeps audio out of the data, and everything within 75 kHz', () => {
    const station = new Station({ seed: 4, seconds: 4, streams: 4, audioHz: 12_000 });
    const mpx = station.mpx(RATE_HZ, 0, 4 * RATE_HZ);
    expect(mpx.reduce((peak, value) => Math.max(peak, Math.abs(value)), 0)).toBeLessThan(75_000);
    const audio = new Station({ seed: 4, seconds: 4, streams: 1, audioHz: 12_000, deviationHz: 0, pilotHz: 0 }).mpx(
      RATE_HZ,
      0,
      4 * RATE_HZ,
    );
    // M and S have half the power of a channel each, and so has the product of S with its subcarrier, halved again.
    expect(meanSquare(audio) / (12_000 ** 2 * (1 / 2 + 1 / 4))).toBeCloseTo(1, 1);
    for (const frequencyHz of [19_000, 56_000, 57_000, 66_500, 76_000]) {
      expect(line(audio, RATE_HZ, frequencyHz)).toBeLessThan(1);
    }
  });

  it('is slower for a receiver whose clock is fast', () => {
    const station = new Station({ seed: 5, seconds: 8, streams: 1, clockPpm: 200 });
    const mpx = station.mpx(RATE_HZ, 0, 8 * RATE_HZ);
    expect(line(mpx, RATE_HZ, 19_000 * (1 - 200e-6))).toBeCloseTo(6750, 0);
    const [first, second] = station.sent;
    expect(second.startSeconds - first.startSeconds).toBeCloseTo(104 * TD * (1 + 200e-6), 9);
  });
});

describe('the noise', () => {
  it('has the variance of its Eb/N0, and is white', () => {
    const variance = mpxNoiseVariance(4, 2000, RATE_HZ);
    // Eb = (2 kHz)^2 / 4 / 1187.5 Hz = 842.1 Hz, N0 = 335.2 Hz, over 85.5 kHz.
    expect(variance).toBeCloseTo(335.25 * 85_500, -5);
    const bytes = mpxSamples(new Float64Array(10 * RATE_HZ), variance, new Random(6));
    const noise = Float64Array.from(new Int16Array(bytes.buffer), (sample) => (sample / 32_768) * 75_000);
    // Deviation of the variance from n values: sqrt(2 / n) = 0.0011; of a correlation: sqrt(1 / n) = 0.0008. Four of them.
    expect(Math.abs(meanSquare(noise) / variance - 1)).toBeLessThan(0.0045);
    for (const lag of [1, 2, 3, 9]) {
      const product = noise.subarray(lag).map((value, n) => value * noise[n]);
      const correlation = product.reduce((sum, value) => sum + value, 0) / product.length / variance;
      expect(Math.abs(correlation)).toBeLessThan(0.0031);
    }
  });

  it('lets a matched filter that knows everything make the errors of theory, Q(sqrt(2 Eb/N0))', () => {
    const seconds = 20;
    const station = new Station({ seed: 7, seconds, streams: 1, pilotHz: 0, startBits: [0] });
    const mpx = station.mpx(RATE_HZ, 0, seconds * RATE_HZ);
    const bytes = mpxSamples(mpx, mpxNoiseVariance(4, 2000, RATE_HZ), new Random(8));
    const received = new Int16Array(bytes.buffer);
    // The subcarrier's phase from the signal itself, without noise.
    const angle = (readGroups(mpx.subarray(0, RATE_HZ / 2), RATE_HZ, 57_000).subcarrierPhaseDeg * Math.PI) / 180;
    const bitSamples = TD * RATE_HZ;
    expect(bitSamples).toBeCloseTo(144, 9);
    const pulse = Float64Array.from({ length: 8 * 144 + 1 }, (_, i) => symbolPulse((i - 4 * 144) / 144));
    const symbolAt = (bit: number): number => {
      let sum = 0;
      for (let i = 0; i < pulse.length; i++) {
        const n = (bit - 4) * 144 + i;
        sum += received[n] * pulse[i] * Math.cos((2 * Math.PI * (n % 3)) / 3 + angle);
      }
      return sum > 0 ? 1 : 0;
    };
    // The group at bit 0 began before the first sample; the last one is left to the edge.
    const bits = station.sent.slice(0, -1).flatMap(({ stream, words }) => groupBits(stream, words));
    const symbols = Array.from({ length: bits.length + 1 }, (_, i) => symbolAt(104 + i - 1));
    const wrong = bits.filter((bit, i) => bit !== (symbols[i] ^ symbols[i + 1]));
    // Q(sqrt(2 * 2.512)) = 0.01250; either of two symbols: 2 p (1 - p). Neighbours are dependent, hence twice the variance.
    const expected = 2 * 0.0125 * (1 - 0.0125);
    const deviation = Math.sqrt((2 * expected) / bits.length);
    expect(Math.abs(wrong.length / bits.length - expected)).toBeLessThan(3 * deviation);
  });
});

describe('the FM signal', () => {
  const IQ_RATE_HZ = 250_000;

  it('gives back the multiplex, its levels included, to a discriminator', () => {
    const station = new Station({ seed: 9, seconds: 1, streams: 4, pilotHz: 0 });
    const fm = new FmSignal(station, IQ_RATE_HZ);
    // In pieces, so that their joints are heard too.
    const iq = Float64Array.from([1000, 1, 124_000, 124_999].flatMap((count) => [...fm.read(count)]));
    expect(meanSquare(iq)).toBeCloseTo(1 / 2, 2);
    // A discriminator gives the mean of the frequency between two samples.
    const mpx = station.mpx(8 * IQ_RATE_HZ, 1 / 2, 8 * IQ_RATE_HZ);
    let power = 0;
    let errorPower = 0;
    for (let n = 0; n < IQ_RATE_HZ - 1; n++) {
      const [a, b, c, d] = iq.subarray(2 * n, 2 * n + 4);
      const heard = (Math.atan2(a * d - b * c, a * c + b * d) * IQ_RATE_HZ) / (2 * Math.PI);
      const meant = mpx.subarray(8 * n, 8 * n + 8).reduce((sum, value) => sum + value, 0) / 8;
      power += meant ** 2;
      errorPower += (heard - meant) ** 2;
    }
    // One per cent in amplitude, of four equal streams: none of them can be wrong by more than two.
    expect(Math.sqrt(errorPower / power)).toBeLessThan(0.01);
  });

  it('has the noise of its C/N in 250 kHz, at any rate', () => {
    for (const rateHz of [250_000, 300_000]) {
      const samples = cu8Samples(new Float64Array(2 * rateHz), 0.5, iqNoiseVariance(16, rateHz), new Random(10));
      const noise = Float64Array.from(samples, (sample) => (sample - 127.5) / (127.5 * 0.5));
      // Quantised: a twelfth of a step squared comes on top. Four deviations of sqrt(2 / n).
      const density = (2 * meanSquare(noise)) / rateHz;
      const expected = 10 ** -1.6 / 250_000 + 2 / 12 / (127.5 * 0.5) ** 2 / rateHz;
      expect(Math.abs(density / expected - 1)).toBeLessThan(4 * Math.sqrt(2 / (2 * rateHz)));
    }
  });
});
