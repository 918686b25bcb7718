/** Which encoder made a deflate stream: the one that makes it again, byte for byte. For the encoder of patches only. */

import { bytesEqual } from '../../../bytes.ts';
import { type DeflateKind, DeflateMachine } from '../deflate/machine.ts';
import { type PlacedPiece, WRAP_ZLIB, type Wrap } from './pieces.ts';
import { HEAD_BYTES, TAIL_BYTES, Wrapping } from './wrap.ts';

interface UnpackedPiece {
  readonly piece: PlacedPiece & { readonly kind: 'packed' };
  readonly content: Uint8Array;
}

const PIECE_BYTES = 65_536;
const LEVELS = [9, 6, 8, 7, 5, 4, 3, 2, 1];
const FIRST_BYTES = 1 << 18;
/** What a stream may unpack to: more takes the room of a device. */
const UNPACKED_MOST_BYTES = 64_000_000;

/** Streams one after another, in the same memory. */
export class Packings {
  readonly #machine = new DeflateMachine();
  #unpacked = new Uint8Array(FIRST_BYTES);
  /** What made the streams before is tried first. */
  #likely: DeflateKind[] = [true, false]
    .flatMap((gnu) => LEVELS.map((level) => ({ gnu, level, memoryLevel: gnu ? 9 : 8 })))
    .concat(LEVELS.map((level) => ({ gnu: false, level, memoryLevel: 9 })));

  /**
   * What is packed in the image at `start`, with what is around the stream. Undefined where that is damaged, nothing, or too much; with
   * `isNew` also where nothing packs it to the same bytes.
   */
  pieceAt(image: Uint8Array, start: number, wrap: Wrap, isNew: boolean): UnpackedPiece | undefined {
    const unpacked = this.unpack(image.subarray(start), wrap);
    if (unpacked === undefined || unpacked.content.length === 0) return undefined;
    const { packedBytes, content } = unpacked;
    const packing = isNew ? this.kindOf(image.subarray(start, start + packedBytes), content, wrap) : undefined;
    if (isNew && packing === undefined) return undefined;
    const piece = { kind: 'packed', start, packedBytes, sizeBytes: content.length, wrap, packing } as const;
    return { piece, content };
  }

  /** What is packed in the bytes from the start on. */
  unpack(bytes: Uint8Array, wrap: Wrap): { readonly packedBytes: number; readonly content: Uint8Array } | undefined {
    let next: number = HEAD_BYTES[wrap];
    let sizeBytes = 0;
    const used = this.#machine.inflate(
      (into) => {
        const some = bytes.subarray(next, next + into.length);
        into.set(some);
        next += some.length;
        return some.length;
      },
      UNPACKED_MOST_BYTES,
      (some) => {
        if (sizeBytes + some.length > this.#unpacked.length) {
          const larger = new Uint8Array(2 * (sizeBytes + some.length));
          larger.set(this.#unpacked);
          this.#unpacked = larger;
        }
        this.#unpacked.set(some, sizeBytes);
        sizeBytes += some.length;
      },
    );
    const packedBytes = used === undefined ? Infinity : HEAD_BYTES[wrap] + used + TAIL_BYTES[wrap];
    return packedBytes > bytes.length ? undefined : { packedBytes, content: this.#unpacked.slice(0, sizeBytes) };
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
