import { sha256 } from '@noble/hashes/sha2.js';
import { Coefficients, IDENTITY_SIZE_BYTES, sumRows } from './fountain.ts';
import {
  firstBlockOf,
  firstColumnOf,
  type Layout,
  layoutOf,
  payloadNibbles,
  payloadWords,
  rowsOf,
  type Width,
} from './layout.ts';
import { scramble } from './scramble.ts';

/** First eight bytes of the SHA-256 of an object. */
export function identityOf(bytes: Uint8Array): Uint8Array {
  return sha256(bytes).slice(0, IDENTITY_SIZE_BYTES);
}

/** An object on the sending side, whatever its scheme: gives the payload of any group. */
export interface Spreader {
  readonly identity: Uint8Array;
  readonly sizeBytes: number;
  /** Words of the payload as they are sent: two blocks of type A; four bits and three blocks of type C. The array is the caller's. */
  payload(stream: number, counter: number): number[];
}

/** The fountain of an object. Memory: the object and a quarter (its rows). */
export class FountainSpreader implements Spreader {
  readonly identity: Uint8Array;
  readonly sizeBytes: number;
  readonly layout: Layout;
  readonly #values: Uint32Array;
  readonly #coefficients: Coefficients;
  readonly #row: Uint32Array;
  readonly #sum = new Uint32Array(2);

  /** `identity` is given only for a directory, whose identity is not its hash. */
  constructor(bytes: Uint8Array, width: Width, identity: Uint8Array = identityOf(bytes)) {
    this.layout = layoutOf(bytes.length, width);
    this.sizeBytes = bytes.length;
    this.identity = identity.slice();
    this.#values = rowsOf(bytes, this.layout);
    this.#coefficients = new Coefficients(identity, this.layout.rows);
    this.#row = new Uint32Array(this.#coefficients.rowWords);
  }

  payload(stream: number, counter: number): number[] {
    const { width, blocks, rows, valueWords } = this.layout;
    const first = firstBlockOf(stream, counter, blocks);
    this.#coefficients.seed(stream, counter, first);
    const nibbles: number[] = [];
    const total = payloadNibbles(stream);
    for (let at = 0, j = 0; at < total; at += width, j++) {
      this.#coefficients.next(this.#row, 0);
      const from = ((first + j) % blocks) * rows * valueWords;
      sumRows(this.#row, this.#row.length, this.#values, from, valueWords, this.#sum);
      const [low, high] = this.#sum;
      const count = Math.min(width, total - at);
      const column = count === width ? 0 : firstColumnOf(counter, count, width);
      for (let i = 0; i < count; i++) {
        const place = width - 1 - ((column + i) % width);
        nibbles.push(((place < 8 ? low : high) >>> (4 * (place & 7))) & 15);
      }
    }
    const words = wordsOfNibbles(stream, nibbles);
    scramble(stream, counter, words);
    return words;
  }
}

function wordsOfNibbles(stream: number, nibbles: readonly number[]): number[] {
  const count = payloadWords(stream);
  const words: number[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const length = stream !== 0 && i === 0 ? 1 : 4;
    let word = 0;
    for (let k = 0; k < length; k++) word = (word << 4) | nibbles[at++];
    words.push(word);
  }
  return words;
}
