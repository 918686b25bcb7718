/** What was written, piece by piece: tells a medium that fails from a content that was never right. */

import { crc32 } from 'node:zlib';

export class WrittenPieces {
  readonly #pieces: { readonly at: number; readonly sizeBytes: number; readonly crc: number }[] = [];

  add(positionBytes: number, bytes: Uint8Array): void {
    this.#pieces.push({ at: positionBytes, sizeBytes: bytes.length, crc: crc32(bytes) });
  }

  /** Whether the medium gives all of it back. */
  areKept(read: (positionBytes: number, into: Uint8Array) => void): boolean {
    return this.#pieces.every(({ at, sizeBytes, crc }) => {
      const piece = new Uint8Array(sizeBytes);
      read(at, piece);
      return crc32(piece) === crc;
    });
  }
}
