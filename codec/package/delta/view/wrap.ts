/** What is before and after a deflate stream, made from its content. */

import type { DeflateKind } from '../deflate/machine.ts';
import { adler32, crc32 } from './checks.ts';
import { WRAP_GZIP, WRAP_NONE, WRAP_ZLIB, type Wrap } from './pieces.ts';

export const HEAD_BYTES = { [WRAP_NONE]: 0, [WRAP_ZLIB]: 2, [WRAP_GZIP]: 0 } as const;
export const TAIL_BYTES = { [WRAP_NONE]: 0, [WRAP_ZLIB]: 4, [WRAP_GZIP]: 8 } as const;

/** Window of 32 KiB, no dictionary; the level in two bits, and what makes it divisible by 31 (RFC 1950 clause 2.2). */
function zlibHead(level: number): Uint8Array {
  const flags = (level < 2 ? 0 : level < 6 ? 1 : level === 6 ? 2 : 3) << 6;
  return Uint8Array.of(0x78, flags + 31 - ((0x7800 + flags) % 31));
}

/** Takes the content piece by piece. */
export class Wrapping {
  readonly #wrap: Wrap;
  readonly #level: number;
  #sum: number;
  #sizeBytes = 0;

  constructor(wrap: Wrap, { level }: DeflateKind) {
    this.#wrap = wrap;
    this.#level = level;
    this.#sum = wrap === WRAP_ZLIB ? 1 : 0;
  }

  head(): Uint8Array {
    return this.#wrap === WRAP_ZLIB ? zlibHead(this.#level) : new Uint8Array();
  }

  update(bytes: Uint8Array): void {
    this.#sizeBytes += bytes.length;
    if (this.#wrap === WRAP_ZLIB) this.#sum = adler32(bytes, this.#sum);
    else if (this.#wrap === WRAP_GZIP) this.#sum = crc32(bytes, this.#sum);
  }

  tail(): Uint8Array {
    const out = new Uint8Array(TAIL_BYTES[this.#wrap]);
    const view = new DataView(out.buffer);
    if (this.#wrap === WRAP_ZLIB) view.setUint32(0, this.#sum, false);
    else if (this.#wrap === WRAP_GZIP) {
      view.setUint32(0, this.#sum, true);
      view.setUint32(4, this.#sizeBytes % 2 ** 32, true);
    }
    return out;
  }
}
