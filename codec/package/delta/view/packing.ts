/** Which encoder made a deflate stream: the one that makes it again, byte for byte. For the encoder of patches only. */

import { bytesEqual } from '../../../bytes.ts';
import { type DeflateKind, DeflateMachine } from '../deflate/machine.ts';
import { WRAP_ZLIB, type Wrap } from './pieces.ts';
import { HEAD_BYTES, TAIL_BYTES, Wrapping } from './wrap.ts';

export interface Packed {
  /** Of the stream with what is around it. */
  readonly sizeBytes: number;
  readonly content: Uint8Array;
}

const PIECE_BYTES = 65_536;
const LEVELS = [9, 6, 8, 7, 5, 4, 3, 2, 1];
const MORE_BYTES = 64 * 1024;
/** Deflate never makes less than a thousandth of what it packs. */
const RATIO_MOST = 1040;

/** Streams one after another, in the same memory. */
export class Packings {
  readonly #machine = new DeflateMachine();
  /** What made the streams before is tried first. */
  #likely: DeflateKind[] = [true, false]
    .flatMap((gnu) => LEVELS.map((level) => ({ gnu, level, memoryLevel: gnu ? 9 : 8 })))
    .concat(LEVELS.map((level) => ({ gnu: false, level, memoryLevel: 9 })));

  /** What is packed in the bytes from the start on; undefined where that is damaged. */
  unpack(bytes: Uint8Array, wrap: Wrap): Packed | undefined {
    const stream = bytes.subarray(HEAD_BYTES[wrap]);
    let content = new Uint8Array(4 * stream.length + MORE_BYTES);
    let sizeBytes = 0;
    let next = 0;
    const used = this.#machine.inflate(
      (into) => {
        const some = stream.subarray(next, next + into.length);
        into.set(some);
        next += some.length;
        return some.length;
      },
      RATIO_MOST * stream.length,
      (some) => {
        if (sizeBytes + some.length > content.length) {
          const larger = new Uint8Array(2 * (sizeBytes + some.length));
          larger.set(content);
          content = larger;
        }
        content.set(some, sizeBytes);
        sizeBytes += some.length;
      },
    );
    const whole = used === undefined ? Infinity : HEAD_BYTES[wrap] + used + TAIL_BYTES[wrap];
    return whole > bytes.length ? undefined : { sizeBytes: whole, content: content.slice(0, sizeBytes) };
  }

  /** Undefined where none of the encoders makes these bytes. */
  kindOf(packed: Uint8Array, content: Uint8Array, wrap: Wrap): DeflateKind | undefined {
    if (wrap === WRAP_ZLIB && packed[0] !== 0x78) return undefined;
    const found = this.#likely.find((kind) => this.#makes(kind, packed, content, wrap));
    if (found !== undefined) this.#likely = [found, ...this.#likely.filter((kind) => kind !== found)];
    return found;
  }

  #makes(kind: DeflateKind, packed: Uint8Array, content: Uint8Array, wrap: Wrap): boolean {
    const wrapping = new Wrapping(wrap, kind);
    const made = { sizeBytes: 0, same: true };
    const compare = (bytes: Uint8Array): void => {
      made.same &&= bytesEqual(bytes, packed.subarray(made.sizeBytes, made.sizeBytes + bytes.length));
      made.sizeBytes += bytes.length;
    };
    compare(wrapping.head());
    wrapping.update(content);
    this.#machine.open(kind, compare);
    for (let done = 0; done < content.length && made.same; done += PIECE_BYTES)
      this.#machine.push(content.subarray(done, done + PIECE_BYTES), false);
    if (!made.same) return false;
    this.#machine.push(new Uint8Array(), true);
    compare(wrapping.tail());
    return made.same && made.sizeBytes === packed.length;
  }
}
