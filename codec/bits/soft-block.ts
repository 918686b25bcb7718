/**
 * Decodes a block from soft channel symbols, with the probability that the result is right: exact for independent symbols.
 *
 * F(y) is the probability that the symbols sent have remainder y. It is a convolution over the 27 symbols, which the
 * Walsh-Hadamard transform makes a product (Hartmann and Rudolph, "An optimum symbol-by-symbol decoding rule for linear
 * codes", 1976; here the code's dual has just 1024 words). From F all that is asked for follows: F at the offset word is
 * how well the block fits at all, and F at the offset word and at its neighbours, one symbol away, give the probability of
 * every single symbol. A word that is more probable than all others together is what these say symbol by symbol.
 *
 * A block of which some information bits are known (PI, TP, PTY, the header of our own groups) has few possible words.
 * They are all compared, and both kinds are weighed against each other, so that a wrong memory costs almost nothing.
 *
 * Symbols are log-likelihood ratios: ln P(0) - ln P(1). They are limited to +-`LLR_LIMIT`, because disturbances are not always
 * Gaussian: sparks of 500 a second cost 7 % of groups instead of 9 % then, and white noise costs nothing more.
 */

import { CHECK_BITS, OFFSET_WORDS, type OffsetName } from '../groups/block.ts';
import {
  ALL_SYMBOLS,
  bitsOfSymbols,
  BLOCK_SYMBOLS,
  COLUMN,
  REMAINDERS,
  remainderOfSymbols,
  walshHadamard,
} from './block-code.ts';
import { baseSymbols, type KnownBits, subCodeOf, UNKNOWN_MAX } from './sub-code.ts';

export const LLR_LIMIT = 9;
/** Nearer to zero a symbol's own part in F could not be told apart. */
const LLR_LEAST = 1e-3;

/** 16 information bits and the polarity. */
const FREE_BITS = 17;
/** Keeps ratios of probabilities finite. */
const LEAST_PROBABILITY = 1e-12;
/** For "impossible", so that sums stay finite. */
const NO_EVIDENCE = -50;
/**
 * A block that is right as received is taken without further ado when all other words together have at most this probability.
 * The 17 lightest words of the code are looked at one by one. With at most five symbols below `DOUBTFUL_LLR`, whose sizes and
 * what is missing to five times `DOUBTFUL_LLR` add up to S, the heavier ones have less than 70 e^-S of it: there are 63 of weight
 * 5, 295 of weight 6, 882 of weight 7, and each symbol more is a factor of e^-4.
 */
const PLAIN_RISK = 1e-3;
const DOUBTFUL_LLR = 4;
const DOUBTFUL_MOST = 5;
const HEAVIER_WORDS = 70;
const LIGHT_WEIGHT = 4;
/** Symbols of each of the light words, row after row of `LIGHT_WEIGHT`; BLOCK_SYMBOLS where a word has fewer. */
const LIGHT_WORDS = lightWords();

function lightWords(): Uint8Array {
  const rows: number[] = [];
  for (let a = 0; a < BLOCK_SYMBOLS; a++) {
    for (let b = a + 1; b < BLOCK_SYMBOLS; b++) {
      for (let c = b + 1; c < BLOCK_SYMBOLS; c++) {
        const rest = COLUMN[a] ^ COLUMN[b] ^ COLUMN[c];
        if (rest === 0) rows.push(a, b, c, BLOCK_SYMBOLS);
        for (let d = c + 1; d < BLOCK_SYMBOLS; d++) if (rest === COLUMN[d]) rows.push(a, b, c, d);
      }
    }
  }
  return Uint8Array.from(rows);
}

export interface SoftBlock {
  /** 16 information bits. */
  word: number;
  /** The 27 symbols as an integer, s0 highest. */
  symbols27: number;
  /** Probability that `word` was sent, given that a block with this offset word was. */
  probability: number;
  /** The same if nothing had been known of the block. */
  alone: number;
  /** ln of how much better a block with this offset word explains the symbols than random bits do. */
  evidence: number;
  /** Log-likelihood ratios of the first and the last symbol, after all. */
  first: number;
  last: number;
}

export function emptySoftBlock(): SoftBlock {
  return { word: 0, symbols27: 0, probability: 0, alone: 0, evidence: 0, first: 0, last: 0 };
}

/** ln(exp(a) + exp(b)). */
function logSum(a: number, b: number): number {
  const high = a > b ? a : b;
  return high === Number.NEGATIVE_INFINITY ? high : high + Math.log1p(Math.exp((a > b ? b : a) - high));
}

/** Scratch space of two transforms; not for use from two places at once. */
export class BlockDecoder {
  readonly #values = new Float64Array(REMAINDERS);
  readonly #words = new Float64Array(1 << UNKNOWN_MAX);
  readonly #llr = new Float64Array(BLOCK_SYMBOLS);
  /** Of the symbols' sizes: sum of ln P(sign is right), and what one wrong sign costs relative to that. */
  #allRight = 0;
  #hard = 0;
  /** Upper bounds of what the heavier and the light words have of the probability; the latter -1 until it is asked for. */
  #risk = 1;
  #lightRisk = -1;
  #transformed = false;

  /** Takes the 27 symbols from `symbols[(from + k) & mask]`; the first and the last may be given another value. */
  load(symbols: Float32Array, from: number, mask: number, first: number, last: number): void {
    const llr = this.#llr;
    let hard = 0;
    let allRight = 0;
    let doubtful = 0;
    let doubtfulSum = 0;
    for (let k = 0; k < BLOCK_SYMBOLS; k++) {
      let value = k === 0 ? first : k === BLOCK_SYMBOLS - 1 ? last : symbols[(from + k) & mask];
      if (!(value < LLR_LIMIT)) value = value >= LLR_LIMIT ? LLR_LIMIT : 0;
      else if (value < -LLR_LIMIT) value = -LLR_LIMIT;
      if (value >= 0 && value < LLR_LEAST) value = LLR_LEAST;
      else if (value < 0 && value > -LLR_LEAST) value = -LLR_LEAST;
      llr[k] = value;
      hard = (hard << 1) | (value < 0 ? 1 : 0);
      const size = value < 0 ? -value : value;
      if (size < DOUBTFUL_LLR) {
        doubtful++;
        doubtfulSum += size;
      }
      allRight -= Math.log1p(Math.exp(-size));
    }
    this.#hard = hard;
    this.#allRight = allRight;
    const five = doubtfulSum + (DOUBTFUL_MOST - doubtful) * DOUBTFUL_LLR;
    this.#risk = doubtful > DOUBTFUL_MOST ? 1 : HEAVIER_WORDS * Math.exp(-five);
    this.#lightRisk = -1;
    this.#transformed = false;
  }

  /** Transforms what was loaded: afterwards `#values[z]` is the probability of an error pattern with remainder z. */
  #transform(): void {
    if (this.#transformed) return;
    this.#transformed = true;
    const values = this.#values;
    values.fill(0);
    let total = 0;
    for (let k = 0; k < BLOCK_SYMBOLS; k++) {
      const size = this.#llr[k] < 0 ? -this.#llr[k] : this.#llr[k];
      const weight = -Math.log(Math.tanh(size / 2));
      total += weight;
      values[COLUMN[k]] += weight;
    }
    walshHadamard(values, REMAINDERS);
    for (let a = 0; a < REMAINDERS; a++) values[a] = Math.exp((values[a] - total) / 2);
    walshHadamard(values, REMAINDERS);
    for (let z = 0; z < REMAINDERS; z++) {
      const value = values[z] / REMAINDERS;
      values[z] = value > 0 ? value : 0;
    }
  }

  /** Whether what was loaded is a block with this offset word as it was received, beyond doubt. */
  isPlain(offset: OffsetName): boolean {
    if (this.#risk > PLAIN_RISK || remainderOfSymbols(this.#hard) !== OFFSET_WORDS[offset]) return false;
    if (this.#lightRisk < 0) this.#lightRisk = this.#sumLightWords();
    return this.#risk + this.#lightRisk <= PLAIN_RISK;
  }

  #sumLightWords(): number {
    let sum = 0;
    for (let word = 0; word < LIGHT_WORDS.length; word += LIGHT_WEIGHT) {
      let size = 0;
      for (let k = word; k < word + LIGHT_WEIGHT; k++) {
        const symbol = LIGHT_WORDS[k];
        if (symbol < BLOCK_SYMBOLS) size += Math.abs(this.#llr[symbol]);
      }
      sum += Math.exp(-size);
    }
    return sum;
  }

  /** ln of how much better a block with this offset word explains what was loaded than random bits do. */
  evidenceOf(offset: OffsetName): number {
    this.#transform();
    const fits = this.#values[remainderOfSymbols(this.#hard) ^ OFFSET_WORDS[offset]];
    return fits > 0 ? Math.log(REMAINDERS * fits) : NO_EVIDENCE;
  }

  /** What was loaded, as a block with this offset word. */
  decode(offset: OffsetName, known: KnownBits | null, out: SoftBlock): void {
    if (this.isPlain(offset)) {
      this.#takeAsReceived(out);
      return;
    }
    this.#transform();
    this.#decodeFree(OFFSET_WORDS[offset], out);
    out.alone = out.probability;
    if (known !== null && known.probability > 0) this.#weighKnown(offset, known, out);
  }

  /** Right as received, and nothing else is worth a look. */
  #takeAsReceived(out: SoftBlock): void {
    out.symbols27 = this.#hard;
    out.word = bitsOfSymbols(this.#hard) >>> CHECK_BITS;
    out.probability = 1 - this.#risk - this.#lightRisk;
    out.alone = out.probability;
    out.evidence = Math.log(REMAINDERS) + this.#allRight;
    out.first = this.#llr[0];
    out.last = this.#llr[BLOCK_SYMBOLS - 1];
  }

  #logProbability(symbols27: number): number {
    let log = this.#allRight;
    for (let wrong = symbols27 ^ this.#hard; wrong !== 0; wrong &= wrong - 1) {
      const value = this.#llr[Math.clz32(wrong & -wrong) - (32 - BLOCK_SYMBOLS)];
      log -= value < 0 ? -value : value;
    }
    return log;
  }

  #decodeFree(offsetWord: number, out: SoftBlock): void {
    const values = this.#values;
    const z = remainderOfSymbols(this.#hard) ^ offsetWord;
    const fits = values[z];
    out.evidence = Math.log(REMAINDERS * fits);
    let wrong = 0;
    for (let k = 0; k < BLOCK_SYMBOLS; k++) {
      const size = this.#llr[k] < 0 ? -this.#llr[k] : this.#llr[k];
      const right = 1 / (1 + Math.exp(-size));
      // With p = P(right): F(z) = p G(z) + (1-p) G(z'), F(z') = p G(z') + (1-p) G(z), G being F without this symbol.
      let share = (right * (right * fits - (1 - right) * values[z ^ COLUMN[k]])) / ((2 * right - 1) * fits);
      share = share > 0 ? (share < 1 ? share : 1) : 0;
      wrong = (wrong << 1) | (share < 0.5 ? 1 : 0);
      if (k !== 0 && k !== BLOCK_SYMBOLS - 1) continue;
      const ratio = Math.log((share + LEAST_PROBABILITY) / (1 - share + LEAST_PROBABILITY));
      const value = this.#llr[k] < 0 ? -ratio : ratio;
      if (k === 0) out.first = value;
      else out.last = value;
    }
    const symbols27 = this.#hard ^ wrong;
    out.symbols27 = symbols27;
    out.word = bitsOfSymbols(symbols27) >>> CHECK_BITS;
    out.probability =
      remainderOfSymbols(symbols27) === offsetWord ? Math.min(1, Math.exp(this.#logProbability(symbols27)) / fits) : 0;
    if (!(fits > 0)) {
      out.evidence = NO_EVIDENCE;
      out.probability = 0;
      out.first = 0;
      out.last = 0;
    }
  }

  /** Compares all words that have the known bits, and mixes the result with what `#decodeFree` found. */
  #weighKnown(offset: OffsetName, known: KnownBits, out: SoftBlock): void {
    const { size, turnedBy, lastTurned, typeOf } = subCodeOf(known.mask);
    const { typeShares = null } = known;
    const words = this.#words;
    const llr = this.#llr;
    const base = baseSymbols(known, offset);
    words.fill(0, 0, size);
    let most = 0;
    for (let k = 0; k < BLOCK_SYMBOLS; k++) {
      const bit = BLOCK_SYMBOLS - 1 - k;
      let index = 0;
      for (let j = 0; j < turnedBy.length; j++) index |= ((turnedBy[j] >>> bit) & 1) << j;
      words[index] += ((base >>> bit) & 1) === 1 ? -llr[k] : llr[k];
      most += llr[k] < 0 ? -llr[k] : llr[k];
    }
    // Now the correlation of every word with the symbols; that of the other polarity is its negative.
    walshHadamard(words, size);
    let sum = 0;
    let firstZero = 0;
    let lastZero = 0;
    let best = 0;
    let bestWord = 0;
    let bestPolarity = 0;
    for (let word = 0; word < size; word++) {
      const share = typeShares === null ? 1 / size : (typeShares[typeOf[word]] * 32) / size;
      const plain = share * Math.exp((words[word] - most) / 2);
      const inverted = share * Math.exp((-words[word] - most) / 2);
      sum += plain + inverted;
      firstZero += plain;
      lastZero += ((base & 1) ^ lastTurned[word]) === 0 ? plain : inverted;
      const larger = plain > inverted ? plain : inverted;
      if (larger <= best) continue;
      best = larger;
      bestWord = word;
      bestPolarity = plain > inverted ? 0 : ALL_SYMBOLS;
    }
    if (!(sum > 0)) return;
    const fits = Math.exp(out.evidence) / REMAINDERS;
    const ofKnown = Math.log(known.probability * 0.5 * sum) + this.#allRight;
    const ofFree = Math.log((1 - known.probability) * 2 ** -FREE_BITS * fits);
    const together = logSum(ofKnown, ofFree);
    const isKnown = Math.exp(ofKnown - together);
    let symbols27 = base ^ bestPolarity;
    for (let j = 0; j < turnedBy.length; j++) if (((bestWord >>> j) & 1) === 1) symbols27 ^= turnedBy[j];
    // A word that has the known bits is among the free ones too.
    const asFree = fits > 0 ? Math.min(1, Math.exp(this.#logProbability(symbols27)) / fits) : 0;
    const ofWord = (isKnown * best) / sum + (1 - isKnown) * asFree;
    const ofOther = (1 - isKnown) * out.probability;
    if (ofWord >= ofOther) {
      out.symbols27 = symbols27;
      out.word = bitsOfSymbols(symbols27) >>> CHECK_BITS;
      out.alone = asFree;
    }
    out.probability = Math.min(1, Math.max(ofWord, ofOther));
    out.first = mixRatio(out.first, firstZero / sum, isKnown);
    out.last = mixRatio(out.last, lastZero / sum, isKnown);
    out.evidence = together + BLOCK_SYMBOLS * Math.LN2;
  }
}

function mixRatio(freeRatio: number, knownZero: number, isKnown: number): number {
  const zero = isKnown * knownZero + (1 - isKnown) / (1 + Math.exp(-freeRatio));
  return Math.log((zero + LEAST_PROBABILITY) / (1 - zero + LEAST_PROBABILITY));
}
