import { sha256 } from '@noble/hashes/sha2.js';
import { blockOf, Coefficients, IDENTITY_SIZE_BYTES, type Layout, layoutOf, unitsOf } from './fountain.ts';

/** First eight bytes of the SHA-256 of an object. */
export function identityOf(bytes: Uint8Array): Uint8Array {
  return sha256(bytes).slice(0, IDENTITY_SIZE_BYTES);
}

/** An object on the sending side: gives the symbols of any group. Memory: twice the object. */
export class ObjectSpreader {
  readonly identity: Uint8Array;
  readonly sizeBytes: number;
  readonly layout: Layout;
  readonly #units: Uint16Array;
  readonly #coefficients: Coefficients;
  readonly #row: Uint32Array;

  /** `identity` is given only for a directory, whose identity is not its hash. */
  constructor(bytes: Uint8Array, identity: Uint8Array = identityOf(bytes)) {
    this.layout = layoutOf(bytes.length);
    this.sizeBytes = bytes.length;
    this.identity = identity.slice();
    this.#units = unitsOf(bytes, this.layout.blocks * this.layout.blockUnits);
    this.#coefficients = new Coefficients(identity, this.layout.blockUnits);
    this.#row = new Uint32Array(this.#coefficients.rowWords);
  }

  /** `count` symbols (2 in a type A group, 3 in a type C group) of group `counter` of `stream`. The array is the caller's. */
  symbols(stream: number, counter: number, count: number): number[] {
    const { blocks, blockUnits } = this.layout;
    const block = blockOf(stream, counter, blocks);
    const units = this.#units;
    const first = block * blockUnits;
    const row = this.#row;
    const symbols: number[] = [];
    this.#coefficients.seed(stream, counter, block);
    for (let s = 0; s < count; s++) {
      this.#coefficients.next(row, 0);
      let sum = 0;
      for (let j = 0; j < blockUnits; j++) sum ^= units[first + j] & -((row[j >> 5] >>> (j & 31)) & 1);
      symbols.push(sum);
    }
    return symbols;
  }
}
