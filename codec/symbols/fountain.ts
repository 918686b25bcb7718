/** The fountain: how an object is cut into blocks of units, and which units a symbol adds up (air-interface.md section 5). */

import { MisuseError } from '../misuse.ts';
import type { RandomState } from './random.ts';
import { drawWords, seedRandom } from './random.ts';

/** A dense matrix of this many unknowns is 2 MB, the most a small receiver is asked to hold. */
const BLOCK_UNITS_MAX = 4096;

/** Three bytes in the directory. */
export const OBJECT_SIZE_MAX_BYTES = 0xff_ffff;

export const IDENTITY_SIZE_BYTES = 8;

export interface Layout {
  readonly sizeBytes: number;
  /** U: 16-bit units of the object. */
  readonly units: number;
  /** B. */
  readonly blocks: number;
  /** K: units of each block, zero units at the end of the last one. */
  readonly blockUnits: number;
}

export function layoutOf(sizeBytes: number): Layout {
  if (!Number.isInteger(sizeBytes) || sizeBytes < 1 || sizeBytes > OBJECT_SIZE_MAX_BYTES) {
    throw new MisuseError('OBJECT_SIZE', `an object has 1 to ${OBJECT_SIZE_MAX_BYTES} bytes, not ${sizeBytes}`);
  }
  const units = Math.ceil(sizeBytes / 2);
  const blocks = Math.ceil(units / BLOCK_UNITS_MAX);
  return { sizeBytes, units, blocks, blockUnits: Math.ceil(units / blocks) };
}

/** The block that group `counter` of `stream` serves: b = floor(x B / 2^32). */
export function blockOf(stream: number, counter: number, blocks: number): number {
  const x = (Math.imul(counter, 0x9e3779b1) + Math.imul(stream, 0x6a09e667)) >>> 0;
  return Math.floor((x * blocks) / 2 ** 32);
}

/** Draws the coefficient rows of an object's symbols. Owns its scratch memory: one row at a time. */
export class Coefficients {
  readonly #high: number;
  readonly #low: number;
  readonly #state: RandomState = new Uint32Array(4);
  /** Coefficient words of one symbol: ceil(K / 32). */
  readonly rowWords: number;
  readonly #lastMask: number;

  constructor(identity: Uint8Array, blockUnits: number) {
    if (identity.length !== IDENTITY_SIZE_BYTES) {
      throw new MisuseError('IDENTITY_SIZE', `an identity has ${IDENTITY_SIZE_BYTES} bytes, not ${identity.length}`);
    }
    const view = new DataView(identity.buffer, identity.byteOffset, identity.byteLength);
    this.#high = view.getUint32(0);
    this.#low = view.getUint32(4);
    this.rowWords = Math.ceil(blockUnits / 32);
    this.#lastMask = (blockUnits & 31) === 0 ? 0xffff_ffff : (1 << (blockUnits & 31)) - 1;
  }

  /** Starts the group; `next` then gives the row of its first symbol. */
  seed(stream: number, counter: number, block: number): void {
    seedRandom(this.#state, this.#high, this.#low, stream, counter, block);
  }

  /** The row of the group's next symbol, written to `out` from `offset` on; bits past K are zero. */
  next(out: Uint32Array, offset: number): void {
    drawWords(this.#state, out, offset, this.rowWords);
    out[offset + this.rowWords - 1] &= this.#lastMask;
  }
}

/** The bytes of an object as units; the last odd byte is padded with zero. `length` may exceed the object. */
export function unitsOf(bytes: Uint8Array, length: number): Uint16Array {
  const units = new Uint16Array(length);
  for (let i = 0; i < bytes.length; i++) units[i >> 1] |= (i & 1) === 0 ? bytes[i] << 8 : bytes[i];
  return units;
}

/** Inverse of `unitsOf`. */
export function bytesOf(units: Uint16Array, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  for (let i = 0; i < sizeBytes; i++) bytes[i] = (i & 1) === 0 ? units[i >> 1] >>> 8 : units[i >> 1] & 0xff;
  return bytes;
}
