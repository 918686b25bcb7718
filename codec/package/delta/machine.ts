/** The coder in WebAssembly (assembly/*.ts, compiled into code.json): one instance with a memory of its own. */

import compiledCode from './code.json' with { type: 'json' };
import { instantiate } from './wasm.ts';

/** What assembly/index.ts exports; addresses and sizes in bytes. */
interface MachineExports {
  setUp(
    encoding: number,
    oldSizeBytes: number,
    newSizeBytes: number,
    segmentCount: number,
    moduleCount: number,
    hintCount: number,
    flagBits: number,
    byteBits: number,
    matchBits: number,
    pageSlots: number,
  ): number;
  segmentsAt(): number;
  modulesAt(): number;
  hintsAt(): number;
  begin(indexAll: number): number;
  chunkAt(): number;
  codeChunk(): number;
  finish(): void;
  reopen(): void;
  costsAt(): number;
  codedBytes(): number;
  memoryUsed(): number;
  prepareRoom(oldBytes: number, newBytes: number): void;
  prepareOldAt(): number;
  prepareNewAt(): number;
  prepare(kind: number, rounds: number): void;
  preparedSegmentsAt(): number;
  preparedSegmentCount(): number;
  preparedHintsAt(): number;
  preparedHintCount(): number;
  movesRoom(oldBytes: number, pieceBytes: number): void;
  movesOldAt(): number;
  movesPieceAt(): number;
  movesIndex(): void;
  movesFind(sizeBytes: number): number;
  movesFoundAt(): number;
}

/** What the coder asks its host for. */
export interface MachineHost {
  /** Bytes of the old file (or of the new one, as far as it is known) from `position`, as many as fit; zeros after its end. */
  readonly readFile: (isNew: boolean, position: number, into: Uint8Array) => void;
  /** The next bytes of the patch; returns how many. */
  readonly readPatch: (into: Uint8Array) => number;
  /** The bytes are valid during the call. */
  readonly writePatch: (bytes: Uint8Array) => void;
  /** Called after some bytes of the new file: how far it is, and how many bytes of the patch that took. */
  readonly stepped?: ((endBytes: number, patchBytes: number) => void) | undefined;
}

export interface Machine {
  readonly code: MachineExports;
  /** The memory as it is now: an earlier view ends when the memory grows. */
  bytes(): Uint8Array;
  words(at: number, count: number): Uint32Array;
  /** The first bytes of the memory, which grows to have them. Throws where that is more than it may. */
  roomFor(sizeBytes: number): Uint8Array;
}

/** Reads from a content in memory; zeros after its end. */
export function readerOf(content: Uint8Array): (positionBytes: number, into: Uint8Array) => void {
  return (positionBytes, into) => {
    const some = content.subarray(positionBytes, positionBytes + into.length);
    into.set(some);
    into.fill(0, some.length);
  };
}

const WASM_PAGE_BYTES = 65_536;
/** Pages of the two files as the coder asks for them. */
const FILE_PAGE_BYTES = 65_536;

/** Throws a WebAssembly trap where more memory is needed than `memoryBytes`. */
export function startMachine(host: MachineHost, memoryBytes: number): Machine {
  const { code, memory, bytes } = instantiate<MachineExports>(compiledCode.base64, memoryBytes, (view) => ({
    readPage: (isNew: number, page: number, at: number) =>
      host.readFile(isNew !== 0, (page >>> 0) * FILE_PAGE_BYTES, view(at, FILE_PAGE_BYTES)),
    readPatch: (at: number, count: number) => host.readPatch(view(at, count)),
    writePatch: (at: number, count: number) => host.writePatch(view(at, count)),
    stepped: (endBytes: number, patchBytes: number) => host.stepped?.(endBytes, patchBytes),
  }));
  return {
    code,
    bytes,
    words: (at, count) => new Uint32Array(memory.buffer, at >>> 0, count),
    roomFor(sizeBytes) {
      const missing = sizeBytes - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / WASM_PAGE_BYTES));
      return bytes().subarray(0, sizeBytes);
    },
  };
}
