/** Deflate as zlib and GNU gzip do it, in WebAssembly (assembly/deflate/, compiled into deflate-code.json). */

import compiledCode from '../deflate-code.json' with { type: 'json' };
import { instantiate } from '../wasm.ts';

interface DeflateExports {
  openDeflate(level: number, gnu: number, memoryLevel: number): void;
  deflateInputAt(): number;
  deflatePush(count: number, last: number): void;
  inflate(mostBytes: number): number;
}

/** Which encoder made a stream, so that the same one can make it again. */
export interface DeflateKind {
  /** GNU gzip; otherwise zlib. */
  readonly gnu: boolean;
  /** 1 to 9. */
  readonly level: number;
  /** As deflateInit2 has it, 8 or 9. */
  readonly memoryLevel: number;
}

const MEMORY_BYTES = 2 ** 21;
const INPUT_BYTES = 65_536;

/** One stream at a time. */
export class DeflateMachine {
  #readIn: (into: Uint8Array) => number = () => 0;
  #writeOut: (bytes: Uint8Array) => void = () => undefined;
  readonly #wasm = instantiate<DeflateExports>(compiledCode.base64, MEMORY_BYTES, (view) => ({
    readIn: (at: number, count: number) => this.#readIn(view(at, count)),
    writeOut: (at: number, count: number) => this.#writeOut(view(at, count)),
  }));

  /** Bytes given to `write` are valid during the call. */
  open({ gnu, level, memoryLevel }: DeflateKind, write: (bytes: Uint8Array) => void): void {
    this.#writeOut = write;
    this.#wasm.code.openDeflate(level, Number(gnu), memoryLevel);
  }

  push(bytes: Uint8Array, last: boolean): void {
    const { code } = this.#wasm;
    let at = 0;
    do {
      const some = bytes.subarray(at, at + INPUT_BYTES);
      this.#wasm.bytes().set(some, code.deflateInputAt() >>> 0);
      at += some.length;
      code.deflatePush(some.length, Number(last && at === bytes.length));
    } while (at < bytes.length);
  }

  /**
   * Writes what a stream holds, and says how many bytes the stream has; undefined where it is damaged or holds more than `mostBytes`, after
   * some of it may have been written. read: fills in what follows, and says how much it was.
   */
  inflate(
    read: (into: Uint8Array) => number,
    mostBytes: number,
    write: (bytes: Uint8Array) => void,
  ): number | undefined {
    this.#readIn = read;
    this.#writeOut = write;
    const used = this.#wasm.code.inflate(mostBytes);
    return used < 0 ? undefined : used;
  }
}
