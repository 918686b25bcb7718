/** Aligns pairs of files: segments and hints, in the pair's own coordinates. Pure, and slow: for a worker thread. */

import { type Machine, readerOf, startMachine } from './machine.ts';

/** Kinds of module, as assembly/blocks.ts numbers them. */
export const MODULE_PLAIN = 0;
const MODULE_ELF = 1;
export const MODULE_IMAGE_A64 = 2;
export const MODULE_IMAGE_X64 = 3;
/** Added to the kind: the old file is made known to the match model. */
export const MODULE_INDEXED = 4;

export interface Alignment {
  /** Triples: position in the new file, in the old file, length; all in bytes. */
  readonly segments: Uint32Array;
  /** Quadruples: 0, first block, end block, reading; see assembly/hints.ts. */
  readonly hints: Uint32Array;
}

/** All that 32 bits can address; a pair needs about 25 bytes for each byte of its old file. */
const MEMORY_MOST_BYTES = 2 ** 32 - 65_536;
/** The suffix array of a larger file does not fit in the memory of the aligner. */
export const ALIGNED_BYTES = 130_000_000;
const ROUNDS = 2;

export function moduleKind(content: Uint8Array): number {
  const starts = (at: number, bytes: number[]): boolean => bytes.every((byte, k) => content[at + k] === byte);
  // ELF, little endian, 64 bits, or 32 for ARM; and the head of a kernel image for AArch64 (Documentation/arch/arm64/booting.rst).
  if (starts(0, [0x7f, 0x45, 0x4c, 0x46, 2, 1])) return MODULE_ELF;
  if (starts(0, [0x7f, 0x45, 0x4c, 0x46, 1, 1]) && starts(18, [40, 0])) return MODULE_ELF;
  if (starts(56, [0x41, 0x52, 0x4d, 0x64])) return MODULE_IMAGE_A64;
  return MODULE_PLAIN;
}

/** Aligns one pair after another in the same memory, which grows to what the largest needs. */
export class Aligner {
  #old: Uint8Array = new Uint8Array();
  #new: Uint8Array = new Uint8Array();
  #machine = this.#start();

  /** Nothing for files above `ALIGNED_BYTES`: what moved is found without. kind: MODULE_PLAIN, MODULE_ELF or MODULE_IMAGE_A64. */
  align(oldContent: Uint8Array, newContent: Uint8Array, kind: number): Alignment {
    if (oldContent.length > ALIGNED_BYTES || newContent.length > ALIGNED_BYTES)
      return { segments: new Uint32Array(), hints: new Uint32Array() };
    try {
      return this.#align(oldContent, newContent, kind);
    } catch (error) {
      // Headers that contradict themselves lead out of the memory: then it is no program.
      if (kind === MODULE_PLAIN || !(error instanceof Error) || error.name !== 'RuntimeError') throw error;
      this.#machine = this.#start();
      return this.#align(oldContent, newContent, MODULE_PLAIN);
    }
  }

  #start(): Machine {
    return startMachine(
      {
        readFile: (isNew, position, into) => readerOf(isNew ? this.#new : this.#old)(position, into),
        readPatch: () => 0,
        writePatch: () => undefined,
      },
      MEMORY_MOST_BYTES,
    );
  }

  #align(oldContent: Uint8Array, newContent: Uint8Array, kind: number): Alignment {
    this.#old = oldContent;
    this.#new = newContent;
    const { code } = this.#machine;
    code.prepareRoom(oldContent.length, newContent.length);
    this.#machine.bytes().set(oldContent, code.prepareOldAt() >>> 0);
    this.#machine.bytes().set(newContent, code.prepareNewAt() >>> 0);
    code.prepare(kind, ROUNDS);
    return {
      segments: this.#machine.words(code.preparedSegmentsAt(), 3 * code.preparedSegmentCount()).slice(),
      hints: this.#machine.words(code.preparedHintsAt(), 4 * code.preparedHintCount()).slice(),
    };
  }
}
