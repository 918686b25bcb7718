/**
 * Framing of the link between gateway and backend: a 32-bit big-endian length, then one CBOR item of that many bytes.
 *
 *     | length: 4 bytes | CBOR: length bytes | ...
 */

/** A piece of a package is 64 KiB at most; nothing else comes near. */
export const MAX_FRAME_BYTES = 128 * 1024;

export function encodeFrame(cbor: Uint8Array): Uint8Array {
  if (cbor.length === 0 || cbor.length > MAX_FRAME_BYTES)
    throw Object.assign(new Error(`A frame holds 1 to ${MAX_FRAME_BYTES} bytes, not ${cbor.length}.`), {
      code: 'FRAME_SIZE',
    });
  const frame = new Uint8Array(4 + cbor.length);
  new DataView(frame.buffer).setUint32(0, cbor.length);
  frame.set(cbor, 4);
  return frame;
}

export type FrameFault = 'frame-empty' | 'frame-too-long';

/** Cuts a byte stream into frames. Holds one frame at most (`MAX_FRAME_BYTES`); after a fault nothing more comes out. */
export class FrameReader {
  #header = new Uint8Array(4);
  #headerFilled = 0;
  #body: Uint8Array | undefined;
  #bodyFilled = 0;
  #fault: FrameFault | undefined;

  /** The frames that `chunk` completed, and the fault that ended the stream if there was one. */
  push(chunk: Uint8Array): { frames: Uint8Array[]; fault?: FrameFault } {
    const frames: Uint8Array[] = [];
    let at = 0;
    while (at < chunk.length && this.#fault === undefined) {
      if (this.#body === undefined) {
        const take = Math.min(4 - this.#headerFilled, chunk.length - at);
        this.#header.set(chunk.subarray(at, at + take), this.#headerFilled);
        this.#headerFilled += take;
        at += take;
        if (this.#headerFilled < 4) break;
        const lengthBytes = new DataView(this.#header.buffer).getUint32(0);
        if (lengthBytes === 0) this.#fault = 'frame-empty';
        else if (lengthBytes > MAX_FRAME_BYTES) this.#fault = 'frame-too-long';
        else this.#body = new Uint8Array(lengthBytes);
        this.#headerFilled = 0;
        this.#bodyFilled = 0;
      } else {
        const take = Math.min(this.#body.length - this.#bodyFilled, chunk.length - at);
        this.#body.set(chunk.subarray(at, at + take), this.#bodyFilled);
        this.#bodyFilled += take;
        at += take;
        if (this.#bodyFilled === this.#body.length) {
          frames.push(this.#body);
          this.#body = undefined;
        }
      }
    }
    return this.#fault === undefined ? { frames } : { frames, fault: this.#fault };
  }
}
