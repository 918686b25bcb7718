/** Section 6 of docs/air-interface.md: Reed-Solomon, by solving its equations one by one as they stand. */

import { LOST, type Payload } from './air-fountain.ts';

const CHECK_BYTES = 64;
const MAX_DATA_BYTES = 191;

// ---------------------------------------------------------------- the field of x^8+x^4+x^3+x^2+1

/** Powers of a = x, and the exponent of each. */
const POWERS = new Uint8Array(255);
const EXPONENTS = new Uint8Array(256);
for (let i = 0, power = 1; i < 255; i++) {
  POWERS[i] = power;
  EXPONENTS[power] = i;
  power <<= 1;
  if (power >= 256) power ^= 0b1_0001_1101;
}
const power = (exponent: number): number => POWERS[((exponent % 255) + 255) % 255];
const times = (x: number, y: number): number => (x === 0 || y === 0 ? 0 : power(EXPONENTS[x] + EXPONENTS[y]));
const inverse = (x: number): number => power(-EXPONENTS[x]);

/**
 * The only solution of linear equations, each a row of coefficients with the right side behind them; undefined when there is
 * none or more than one.
 */
function solve(equations: readonly Uint8Array[], unknowns: number): Uint8Array | undefined {
  const rows = equations.map((row) => row.slice());
  for (let u = 0; u < unknowns; u++) {
    const found = rows.findIndex((row, i) => i >= u && row[u] !== 0);
    if (found === -1) return undefined;
    [rows[u], rows[found]] = [rows[found], rows[u]];
    const scale = inverse(rows[u][u]);
    rows[u] = rows[u].map((x) => times(x, scale));
    for (const [i, row] of rows.entries()) {
      const factor = row[u];
      if (i === u || factor === 0) continue;
      for (let v = u; v <= unknowns; v++) row[v] ^= times(factor, rows[u][v]);
    }
  }
  if (rows.slice(unknowns).some((row) => row[unknowns] !== 0)) return undefined;
  return Uint8Array.from({ length: unknowns }, (_, u) => rows[u][unknowns]);
}

// ---------------------------------------------------------------- one code word

/** The check bytes behind the data bytes: 64 on air; another number is for the examples of others. */
export function checkBytes(data: Uint8Array, count = CHECK_BYTES): Uint8Array {
  // Highest coefficient first: (x - 1)(x - a)...(x - a^63).
  let generatorPolynomial = Uint8Array.of(1);
  for (let i = 0; i < count; i++) {
    const product = new Uint8Array(generatorPolynomial.length + 1);
    for (const [j, coefficient] of generatorPolynomial.entries()) {
      product[j] ^= coefficient;
      product[j + 1] ^= times(coefficient, power(i));
    }
    generatorPolynomial = product;
  }
  const rest = new Uint8Array(data.length + count);
  rest.set(data);
  for (let j = 0; j < data.length; j++) {
    const factor = rest[j];
    for (const [k, coefficient] of generatorPolynomial.entries()) rest[j + k] ^= times(factor, coefficient);
  }
  return rest.subarray(data.length);
}

/**
 * Where the errors are, besides the lost bytes: Forney's syndromes follow a linear recurrence as long as there are errors,
 * and the shortest that they follow is looked for by trying lengths from 0 on.
 */
function findErrors(
  syndromes: Uint8Array,
  locators: readonly number[],
  lost: ReadonlySet<number>,
): number[] | undefined {
  let forney = Array.from(syndromes);
  for (const place of lost) {
    const locator = locators[place];
    forney = forney.slice(1).map((syndrome, i) => syndrome ^ times(locator, forney[i]));
  }
  for (let errors = 0; 2 * errors <= forney.length; errors++) {
    const equations = forney.slice(errors).map((syndrome, i) => {
      const before = forney.slice(i, i + errors).toReversed();
      return Uint8Array.of(...before, syndrome);
    });
    const recurrence = solve(equations, errors);
    if (recurrence === undefined) continue;
    const isError = (locator: number): boolean => {
      let sum = 1;
      let term = 1;
      for (const coefficient of recurrence) sum ^= times(coefficient, (term = times(term, inverse(locator))));
      return sum === 0;
    };
    const places = locators.keys().filter((place) => !lost.has(place) && isError(locators[place]));
    const found = [...places];
    return found.length === errors ? found : undefined;
  }
  return undefined;
}

/** Puts the word right; false when there are too many errors and erasures. Lost bytes are zero. */
export function correct(word: Uint8Array, lost: ReadonlySet<number>): boolean {
  if (lost.size > CHECK_BYTES) return false;
  const locators = Array.from(word, (_, j) => power(word.length - 1 - j));
  const syndromes = Uint8Array.from({ length: CHECK_BYTES }, (_, i) =>
    word.reduce((sum, byte, j) => sum ^ times(byte, power(i * (word.length - 1 - j))), 0),
  );
  const errors = findErrors(syndromes, locators, lost);
  if (errors === undefined) return false;
  const places = [...lost, ...errors];
  const equations = Array.from(syndromes, (syndrome, i) =>
    Uint8Array.of(...places.map((place) => power(i * EXPONENTS[locators[place]])), syndrome),
  );
  const changes = solve(equations, places.length);
  for (const [k, place] of places.entries()) word[place] ^= changes?.[k] ?? 0;
  return changes !== undefined;
}

// ---------------------------------------------------------------- the coded object and its pieces

function shapeOf(sizeBytes: number): { words: number; dataBytes: number; codedBytes: number } {
  const words = Math.ceil(sizeBytes / MAX_DATA_BYTES);
  const dataBytes = Math.ceil(sizeBytes / words);
  return { words, dataBytes, codedBytes: words * (dataBytes + CHECK_BYTES) };
}

export function codedObject(object: Uint8Array): Uint8Array {
  const { words, dataBytes, codedBytes } = shapeOf(object.length);
  const coded = new Uint8Array(codedBytes);
  coded.set(object);
  for (let v = 0; v < words; v++) {
    const check = checkBytes(Uint8Array.from({ length: dataBytes }, (_, j) => coded[j * words + v]));
    for (const [j, byte] of check.entries()) coded[(dataBytes + j) * words + v] = byte;
  }
  return coded;
}

function isPrime(number: number): boolean {
  for (let factor = 2; factor * factor <= number; factor++) if (number % factor === 0) return false;
  return number > 1;
}

function smallestPrimeFrom(number: number): number {
  let prime = number;
  while (!isPrime(prime)) prime++;
  return prime;
}

/** Where in the coded object the pieces begin, by c. */
export function pieceOffsets(codedBytes: number, pieceBytes: number): (stream: number, c: number) => number {
  const pieces = Math.ceil(codedBytes / pieceBytes);
  const prime = smallestPrimeFrom(pieces);
  return (stream, c) => (((c + stream * Math.ceil(prime / 4)) % prime) % pieces) * pieceBytes;
}

export class ReedSolomonObject {
  readonly #sizeBytes: number;
  /** The last value received of each byte. */
  readonly #coded: Int16Array;
  readonly #offsets: ReadonlyMap<number, (stream: number, c: number) => number>;

  constructor(sizeBytes: number) {
    const { codedBytes } = shapeOf(sizeBytes);
    this.#sizeBytes = sizeBytes;
    this.#coded = new Int16Array(codedBytes).fill(LOST);
    this.#offsets = new Map([4, 6].map((pieceBytes) => [pieceBytes, pieceOffsets(codedBytes, pieceBytes)]));
  }

  add({ stream, c, nibbles }: Payload): void {
    // Type C has `pppp` before the piece.
    const piece = nibbles.slice(nibbles.length % 2);
    const offset = this.#offsets.get(piece.length / 2)?.(stream, c) ?? 0;
    for (let i = 0; i < piece.length / 2; i++) {
      const [high, low] = [piece[2 * i], piece[2 * i + 1]];
      // Zeros behind the coded object are beyond the array, which takes no notice of them.
      if (high !== LOST && low !== LOST) this.#coded[offset + i] = (high << 4) | low;
    }
  }

  bytes(): Uint8Array | undefined {
    const { words, dataBytes } = shapeOf(this.#sizeBytes);
    const object = new Uint8Array(words * dataBytes);
    for (let v = 0; v < words; v++) {
      const received = Array.from({ length: dataBytes + CHECK_BYTES }, (_, j) => this.#coded[j * words + v]);
      const word = Uint8Array.from(received, (byte) => Math.max(byte, 0));
      const lost = new Set(received.keys().filter((j) => received[j] === LOST));
      if (!correct(word, lost)) return undefined;
      for (let j = 0; j < dataBytes; j++) object[j * words + v] = word[j];
    }
    return object.slice(0, this.#sizeBytes);
  }
}
