/**
 * A second modulator, written from EN 50067:1998 (clauses 1 to 3, annexes A and B) and, for the carriers and groups of
 * RDS2, IEC 62106-2; it shares no code with `codec/`. It tells whether our receiver reads what the standard says, and not
 * merely what we transmit. Everything is a function of time, evaluated directly at the instants of the samples.
 *
 * Time u is the transmitter's, 0 at the first sample; sample n is taken at u = n / (rate (1 + ppm 1e-6)).
 */

/** Clause 1.5: 57 kHz / 48. */
export const TD = 48 / 57_000;
/** Clause 1.1, and IEC 62106-2 for streams 1 to 3. */
const SUBCARRIERS_HZ = [57_000, 66_500, 71_250, 76_000] as const;
/** IEC 62106-2: phases against the 57 kHz subcarrier and symbol shifts that keep the peak low. */
const RDS2_PHASES_DEG = [90, 180, 270] as const;
const RDS2_SHIFTS = [1 / 2, 1 / 4, 3 / 4] as const;
const GROUP_BITS = 104;

export type Stream = 0 | 1 | 2 | 3;
export type Words = readonly [number, number, number, number];

export interface SentGroup {
  readonly stream: Stream;
  readonly words: Words;
  /** When its first bit began, in seconds of the receiver's clock after the first sample. */
  readonly startSeconds: number;
}

export interface StationOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly streams: 1 | 4;
  /** The next group of a stream; random words when not given. */
  readonly words?: (stream: Stream, random: Random) => Words;
  /**
   * D of every stream: a message of zeros gives the modulating signal D cos(2 pi 1187.5 t), which has the mean power
   * D^2 / 4 on its subcarrier, as every other message has.
   */
  readonly deviationHz?: number;
  /** 0: in phase with the third harmonic of the pilot; 90: in quadrature (clause 1.2). */
  readonly carrierPhaseDeg?: number;
  readonly rds2PhasesDeg?: readonly [number, number, number];
  /** Delay of the symbols of streams 1 to 3, in td. */
  readonly rds2Shifts?: readonly [number, number, number];
  /** Deviation by the pilot; 0 for none. */
  readonly pilotHz?: number;
  /** Standard deviation of left and right channel each, independent noise up to 15 kHz; 0 for silence. */
  readonly audioHz?: number;
  /** By how much the receiver's sample clock is fast. */
  readonly clockPpm?: number;
  /** How many bits of a group lie before u = 0, with any fraction, for each stream: at 0 the first impulse of bit 0 is there. */
  readonly startBits?: readonly number[];
}

/** Uniform and normal numbers from a seed: Doty-Humphrey's sfc32, and the method of Box and Muller. */
export class Random {
  #a = 0;
  #b = 0;
  #c: number;
  #d = 1;
  #spare = Number.NaN;

  constructor(seed: number) {
    this.#c = seed | 0;
    for (let i = 0; i < 12; i++) this.#next();
  }

  #next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** From 0 to 1, 1 excluded. */
  uniform(): number {
    return this.#next() / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.uniform() * limit);
  }

  normal(): number {
    const spare = this.#spare;
    this.#spare = Number.NaN;
    if (!Number.isNaN(spare)) return spare;
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }
}

/** Annex A: offset words d9 ... d0 of blocks 1 to 4, and C' of block 3 in version B. */
const OFFSET_WORDS = [0b0011111100, 0b0110011000, 0b0101101000, 0b0110110100] as const;
const OFFSET_C_PRIME = 0b1101010000;
/** Clause 3.1.3: the bit B0 of block 2. */
const VERSION_B = 0x0800;

/** Annex B.1.1: m(x) x^10 mod g(x), g(x) = x^10 + x^8 + x^7 + x^5 + x^4 + x^3 + 1, and the offset word. */
function blockBits(word: number, offset: number): number[] {
  const message = Array.from({ length: 16 }, (_, i) => (word >>> (15 - i)) & 1);
  const register = Array.from({ length: 10 }, () => 0);
  for (const bit of message) {
    const feedback = bit ^ register[9];
    for (let i = 9; i > 0; i--) register[i] = register[i - 1] ^ ([8, 7, 5, 4, 3].includes(i) ? feedback : 0);
    register[0] = feedback;
  }
  return [...message, ...Array.from({ length: 10 }, (_, i) => register[9 - i] ^ ((offset >>> (9 - i)) & 1))];
}

/** Clause 2.1. Type C groups have no version: their third block always has offset word C (IEC 62106-2). */
export function groupBits(stream: Stream, words: Words): number[] {
  const versionB = stream === 0 && (words[1] & VERSION_B) !== 0;
  return words.flatMap((word, i) => blockBits(word, i === 2 && versionB ? OFFSET_C_PRIME : OFFSET_WORDS[i]));
}

/** Any words; block 3 of a group of version B repeats block 1 (clause 3.1.3). */
function randomWords(stream: Stream, random: Random): Words {
  const [a, b, c, d] = [random.below(65_536), random.below(65_536), random.below(65_536), random.below(65_536)];
  return [a, b, stream === 0 && b & VERSION_B ? a : c, d];
}

/**
 * Clause 1.7: h(t), the integral of cos(pi f td / 4) exp(j 2 pi f t) over |f| <= 2 / td, with t in td and times td:
 * 8 cos(4 pi t) / (pi (1 - 64 t^2)).
 */
export function shapingResponse(t: number): number {
  const denominator = 1 - 64 * t * t;
  return Math.abs(denominator) < 1e-9 ? 2 : (8 * Math.cos(4 * Math.PI * t)) / (Math.PI * denominator);
}

/** Clause 1.7: a one is an impulse and its opposite td / 2 later. Amplitude 1 for a message of zeros. */
export function symbolPulse(t: number): number {
  return (shapingResponse(t) - shapingResponse(t - 1 / 2)) / (4 * Math.cos(Math.PI / 4));
}

/** Low-pass response for values on a grid of 32 kHz: 12 kHz, Hann window, nothing to speak of above 15 kHz. */
const AUDIO_GRID_HZ = 32_000;
const AUDIO_BAND = 24_000 / AUDIO_GRID_HZ;
const AUDIO_REACH = 10;
function audioPulse(t: number): number {
  const x = Math.PI * t * AUDIO_BAND;
  const sinc = x === 0 ? 1 : Math.sin(x) / x;
  // The square root keeps the variance of the values.
  return Math.sqrt(AUDIO_BAND) * sinc * Math.cos((Math.PI * t) / (2 * AUDIO_REACH)) ** 2;
}

/** The sum of values[k] pulse(position - k), from a table of the pulse: straight lines between 1024 points per unit. */
class PulseTrain {
  readonly #reach: number;
  readonly #table: Float64Array;

  /** The pulse is taken up to `reach` on both sides. */
  constructor(pulse: (t: number) => number, reach: number) {
    this.#reach = reach;
    this.#table = new Float64Array((1024 + 1) * 2 * reach);
    for (let row = 0; row <= 1024; row++) {
      for (let tap = 0; tap < 2 * reach; tap++) {
        this.#table[row * 2 * reach + tap] = pulse(row / 1024 + reach - 1 - tap);
      }
    }
  }

  /** For `out.length` positions from `first` on, `step` apart. */
  sample(out: Float64Array, values: Float64Array, first: number, step: number): void {
    const table = this.#table;
    const reach = this.#reach;
    const taps = 2 * reach;
    if (Math.floor(first) < reach - 1 || first + step * out.length + reach >= values.length) {
      throw new RangeError('a time outside the signal');
    }
    for (let n = 0; n < out.length; n++) {
      const position = first + step * n;
      const whole = Math.floor(position);
      const from = whole - reach + 1;
      const row = (position - whole) * 1024;
      const low = Math.floor(row);
      let a = 0;
      let b = 0;
      for (let tap = 0, at = low * taps; tap < taps; tap++, at++) {
        const value = values[from + tap];
        a += value * table[at];
        b += value * table[at + taps];
      }
      out[n] = a + (b - a) * (row - low);
    }
  }
}

/** Eight bits away the pulse is 90 dB below its peak, and falls with the third power. */
const SYMBOLS = new PulseTrain(symbolPulse, 8);
const AUDIO = new PulseTrain(audioPulse, AUDIO_REACH);
/** What is on air before u = 0 and after the end, for the filters: groups, and values of audio. */
const SPARE_GROUPS = 2;
const SPARE_AUDIO = 1024;

interface StreamSignal {
  readonly frequencyHz: number;
  /** Of the sine at u = 0, in cycles. */
  readonly phaseCycles: number;
  readonly groups: readonly Words[];
  /** Channel symbols, 1 and -1. */
  readonly symbols: Float64Array;
  /** Position in `symbols` at u = 0. */
  readonly origin: number;
}

export class Station {
  readonly #streams: readonly StreamSignal[];
  readonly #deviationHz: number;
  readonly #pilotHz: number;
  readonly #pilotCycles: number;
  readonly #sum: Float64Array;
  readonly #difference: Float64Array;
  readonly #clock: number;
  readonly #seconds: number;

  constructor(options: StationOptions) {
    const { seed, seconds, streams, words = randomWords, rds2PhasesDeg = RDS2_PHASES_DEG } = options;
    const { rds2Shifts = RDS2_SHIFTS, carrierPhaseDeg = 0, audioHz = 0 } = options;
    const random = new Random(seed);
    this.#seconds = seconds;
    this.#clock = 1 + (options.clockPpm ?? 0) * 1e-6;
    this.#deviationHz = options.deviationHz ?? 2000;
    this.#pilotHz = options.pilotHz ?? 6750;
    this.#pilotCycles = random.uniform();
    const startBits = options.startBits ?? [0, 1, 2, 3].map(() => random.uniform() * GROUP_BITS);

    this.#streams = ([0, 1, 2, 3] as const).slice(0, streams).map((stream): StreamSignal => {
      const frequencyHz = SUBCARRIERS_HZ[stream];
      const count = Math.ceil(seconds / TD / GROUP_BITS) + 1 + 2 * SPARE_GROUPS;
      const groups = Array.from({ length: count }, () => words(stream, random));
      const symbols = new Float64Array(count * GROUP_BITS);
      // Clause 1.6: the output changes with a one.
      let level = random.below(2);
      groups.forEach((group, g) => {
        groupBits(stream, group).forEach((bit, i) => {
          level ^= bit;
          symbols[g * GROUP_BITS + i] = 2 * level - 1;
        });
      });
      const phaseDeg = carrierPhaseDeg + (stream === 0 ? 0 : rds2PhasesDeg[stream - 1]);
      const shift = stream === 0 ? 0 : rds2Shifts[stream - 1];
      return {
        frequencyHz,
        phaseCycles: (this.#pilotCycles * frequencyHz) / 19_000 + phaseDeg / 360,
        groups,
        symbols,
        origin: SPARE_GROUPS * GROUP_BITS + startBits[stream] - shift,
      };
    });

    const values = audioHz === 0 ? 0 : Math.ceil(seconds * AUDIO_GRID_HZ) + 2 * SPARE_AUDIO;
    this.#sum = new Float64Array(values);
    this.#difference = new Float64Array(values);
    for (let i = 0; i < values; i++) {
      const left = audioHz * random.normal();
      const right = audioHz * random.normal();
      this.#sum[i] = (left + right) / 2;
      this.#difference[i] = (left - right) / 2;
    }
  }

  /** All groups that can be read from the signal alone, by time: the first bit is a change against the bit before it. */
  get sent(): SentGroup[] {
    return this.#streams
      .flatMap(({ groups, origin }, stream) =>
        groups.map((words, g) => ({
          stream: stream as Stream,
          words,
          // The two halves of a bit are centred on its impulses, td / 2 apart: it begins td / 4 before the first.
          startSeconds: (g * GROUP_BITS - 1 / 4 - origin) * TD * this.#clock,
        })),
      )
      .filter(({ startSeconds }) => startSeconds >= TD * this.#clock)
      .filter(({ startSeconds }) => startSeconds + GROUP_BITS * TD * this.#clock <= this.#seconds)
      .toSorted((a, b) => a.startSeconds - b.startSeconds);
  }

  /** Instantaneous deviation in Hz at the samples `first`, `first + 1`, ...; `first` may be a fraction, or negative. */
  mpx(rateHz: number, first: number, count: number): Float64Array {
    const step = 1 / (rateHz * this.#clock);
    const u = first * step;
    const out = new Float64Array(count);
    const part = new Float64Array(count);
    for (const { frequencyHz, phaseCycles, symbols, origin } of this.#streams) {
      SYMBOLS.sample(part, symbols, origin + u / TD, step / TD);
      addProduct(out, part, this.#deviationHz, frequencyHz * u + phaseCycles, frequencyHz * step);
    }
    if (this.#pilotHz !== 0) {
      part.fill(1);
      addProduct(out, part, this.#pilotHz, 19_000 * u + this.#pilotCycles, 19_000 * step);
    }
    if (this.#sum.length > 0) {
      const position = u * AUDIO_GRID_HZ + SPARE_AUDIO;
      AUDIO.sample(part, this.#sum, position, step * AUDIO_GRID_HZ);
      for (let n = 0; n < count; n++) out[n] += part[n];
      // ITU-R BS.450: the 38 kHz subcarrier crosses zero upwards wherever the pilot crosses zero.
      AUDIO.sample(part, this.#difference, position, step * AUDIO_GRID_HZ);
      addProduct(out, part, 1, 38_000 * u + 2 * this.#pilotCycles, 38_000 * step);
    }
    return out;
  }
}

/** Adds the product with a sine that starts at `cycles` and gains `step` cycles a sample. */
function addProduct(out: Float64Array, part: Float64Array, amplitude: number, cycles: number, step: number): void {
  for (let n = 0; n < out.length; n++) {
    const at = cycles + step * n;
    out[n] += amplitude * part[n] * Math.sin(2 * Math.PI * (at - Math.floor(at)));
  }
}

/** Variance of real noise at a rate: Eb = (D^2 / 4) / 1187.5 over the one-sided density N0, and N0 rate / 2. */
export function mpxNoiseVariance(ebN0Db: number, deviationHz: number, rateHz: number): number {
  const n0 = ((deviationHz ** 2 / 4) * TD) / 10 ** (ebN0Db / 10);
  return (n0 * rateHz) / 2;
}

/** Signed 16 bit, little endian, mono; full scale is a deviation of 75 kHz. */
export function mpxSamples(mpx: Float64Array, noiseVariance: number, random: Random): Uint8Array {
  const sigma = Math.sqrt(noiseVariance);
  const out = new DataView(new ArrayBuffer(2 * mpx.length));
  for (let n = 0; n < mpx.length; n++) {
    const value = Math.round(((mpx[n] + (sigma === 0 ? 0 : sigma * random.normal())) / 75_000) * 32_768);
    out.setInt16(2 * n, Math.max(-32_768, Math.min(32_767, value)), true);
  }
  return new Uint8Array(out.buffer);
}

/**
 * Weights by which five samples give the integral over the interval of one sample around the middle one, exactly for
 * polynomials up to the fifth degree; at 76 kHz and 500 kHz it is exact to 0.02 %.
 */
const INTEGRAL = [-17 / 5760, 308 / 5760, 5178 / 5760, 308 / 5760, -17 / 5760] as const;

/** The filter before the receiver's sampling, at twice its rate: flat up to 0.44 of the rate, nothing from 0.56 (Hann). */
const CHANNEL_REACH = 32;
const CHANNEL = Float64Array.from({ length: 2 * CHANNEL_REACH + 1 }, (_, i) => {
  const t = i - CHANNEL_REACH;
  const sinc = t === 0 ? 1 : Math.sin((Math.PI * t) / 2) / ((Math.PI * t) / 2);
  return (sinc / 2) * Math.cos((Math.PI * t) / (2 * (CHANNEL_REACH + 1))) ** 2;
});

/** The station's FM signal as a dongle samples it, piece by piece; the carrier is 1, and there is no noise. */
export class FmSignal {
  readonly #station: Station;
  readonly #rateHz: number;
  #next = 0;
  #cycles = 0;

  constructor(station: Station, rateHz: number) {
    this.#station = station;
    this.#rateHz = rateHz;
  }

  /** The next samples: I and Q alternating. Made at twice the rate, of which every second sample is left. */
  read(count: number): Float64Array {
    const rateHz = 2 * this.#rateHz;
    const length = 2 * count + 2 * CHANNEL_REACH;
    // The phase is the integral up to the end of each interval; its middle lies half a sample before.
    const mpx = this.#station.mpx(rateHz, 2 * this.#next - CHANNEL_REACH - 1 / 2 - 2, length + 4);
    const re = new Float64Array(length);
    const im = new Float64Array(length);
    let cycles = this.#cycles;
    for (let n = 0; n < length; n++) {
      let integral = 0;
      for (let k = 0; k < 5; k++) integral += INTEGRAL[k] * mpx[n + k];
      cycles += integral / rateHz;
      cycles -= Math.floor(cycles);
      if (n === 2 * count - 1) this.#cycles = cycles;
      re[n] = Math.cos(2 * Math.PI * cycles);
      im[n] = Math.sin(2 * Math.PI * cycles);
    }
    const out = new Float64Array(2 * count);
    for (let n = 0; n < count; n++) {
      let sumRe = 0;
      let sumIm = 0;
      for (let k = 0; k < CHANNEL.length; k++) {
        sumRe += CHANNEL[k] * re[2 * n + k];
        sumIm += CHANNEL[k] * im[2 * n + k];
      }
      out[2 * n] = sumRe;
      out[2 * n + 1] = sumIm;
    }
    this.#next += count;
    return out;
  }
}

/** Variance of each of I and Q for a carrier of 1, at a rate: the power of the noise in 250 kHz is 1 over C/N. */
export function iqNoiseVariance(cnDb: number, rateHz: number): number {
  return (10 ** (-cnDb / 10) * (rateHz / 250_000)) / 2;
}

/** Unsigned 8 bit; the carrier's amplitude as a share of full scale. */
export function cu8Samples(iq: Float64Array, amplitude: number, noiseVariance: number, random: Random): Uint8Array {
  const sigma = Math.sqrt(noiseVariance);
  const out = new Uint8Array(iq.length);
  for (let n = 0; n < iq.length; n++) {
    const value = iq[n] + (sigma === 0 ? 0 : sigma * random.normal());
    out[n] = Math.max(0, Math.min(255, Math.round(127.5 * amplitude * value + 127.5)));
  }
  return out;
}
