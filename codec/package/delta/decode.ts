/**
 * Makes the new file from the old one and a patch, front to back, a chunk at a time. Whatever the patch says, the decoder stays in its
 * memory, makes no more than the size in the patch's head, and ends in a fault instead of an exception.
 */

import { codedSizes, type DeltaHead, readHead } from './format.ts';
import { type Machine, type MachineHost, startMachine } from './machine.ts';
import { type CostsBytes, costsOf, setUp } from './setup.ts';

/** What a decoder may take for itself, in bytes. */
export const DECODER_MEMORY_BYTES = 72 * 2 ** 20;
/** The encoder leaves zeros at its end out; more than a few of them and the patch is cut off. */
const ZEROS_MOST = 64;

export interface DecodeSources {
  readonly patch: Uint8Array;
  /** Fills `into` from the old file, or its view, at `positionBytes`; zeros after its end. */
  readonly readOld: (positionBytes: number, into: Uint8Array) => void;
  /** The same of what was made so far. */
  readonly readNew: (positionBytes: number, into: Uint8Array) => void;
  readonly stepped?: MachineHost['stepped'];
}

export interface DecodeLimits {
  readonly newSizeBytes: number;
  readonly memoryBytes?: number;
}

export type Decoded =
  | { readonly kind: 'chunk'; readonly positionBytes: number; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'fault'; readonly detail: string };

/** A decoder in the middle of its work, but for its memory. */
export interface DecoderPlace {
  readonly doneBytes: number;
  readonly patchAtBytes: number;
}

export interface SavedDecoder extends DecoderPlace {
  /** Valid until the decoder goes on. About 45 MB. */
  readonly memory: Uint8Array;
}

/** What was saved, brought back: `read` fills `into` with the memory from its beginning; called twice. */
export interface KeptMemory {
  readonly sizeBytes: number;
  readonly read: (into: Uint8Array) => void;
}

export type OpenedDelta =
  | { readonly kind: 'delta'; readonly head: DeltaHead; readonly decoder: DeltaDecoder }
  | { readonly kind: 'fault'; readonly detail: string };

/** What is wrong with the sizes in a head, if anything. */
export function excessOf(head: DeltaHead, limits: DecodeLimits): string | undefined {
  if (head.newSizeBytes <= limits.newSizeBytes) return undefined;
  return `it makes ${head.newSizeBytes} bytes where ${limits.newSizeBytes} are allowed`;
}

export function openDelta(sources: DecodeSources, limits: DecodeLimits): OpenedDelta {
  const read = readHead(sources.patch);
  if (read.kind === 'fault') return read;
  const { head } = read;
  const excess = excessOf(head, limits);
  if (excess !== undefined) return { kind: 'fault', detail: excess };
  const decoder = new DeltaDecoder(sources, head, read.sizeBytes, limits.memoryBytes ?? DECODER_MEMORY_BYTES);
  return { kind: 'delta', head, decoder };
}

export class DeltaDecoder {
  readonly #machine: Machine;
  readonly #head: DeltaHead;
  readonly #newBytes: number;
  readonly #patch: Uint8Array;
  #patchAt: number;
  #done = 0;
  #began = false;
  #fault: string | undefined;
  #hostFailure: { readonly error: unknown } | undefined;

  constructor(sources: DecodeSources, head: DeltaHead, headBytes: number, memoryBytes: number) {
    this.#head = head;
    this.#newBytes = codedSizes(head).newBytes;
    this.#patch = sources.patch;
    this.#patchAt = headBytes;
    this.#machine = startMachine(
      {
        readFile: (isNew, position, into) => {
          try {
            (isNew ? sources.readNew : sources.readOld)(position, into);
          } catch (error) {
            this.#hostFailure = { error };
            throw error;
          }
        },
        readPatch: (into) => this.#nextBytes(into),
        writePatch: () => undefined,
        stepped: sources.stepped,
      },
      memoryBytes,
    );
  }

  #nextBytes(into: Uint8Array): number {
    const some = this.#patch.subarray(this.#patchAt, this.#patchAt + into.length);
    into.set(some);
    this.#patchAt += some.length;
    return some.length;
  }

  /** The bytes of a chunk are valid until the next call. Throws what the host throws while it reads. */
  next(): Decoded {
    if (this.#fault !== undefined) return { kind: 'fault', detail: this.#fault };
    try {
      return this.#next();
    } catch (error) {
      // A medium that fails says nothing about the patch.
      if (this.#hostFailure !== undefined) throw this.#hostFailure.error;
      return this.#fail(`the decoder has stopped: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #next(): Decoded {
    const { code } = this.#machine;
    if (!this.#began) {
      setUp(code, 0, this.#head);
      this.#began = true;
      if (code.begin(Number(this.#head.indexAll)) === 0) return this.#fail('its lists contradict each other');
    }
    if (this.#done === this.#newBytes) return { kind: 'end' };
    const at = code.chunkAt() >>> 0;
    const count = code.codeChunk();
    if (code.codedBytes() > this.#patch.length + ZEROS_MOST) return this.#fail('it is cut off');
    const positionBytes = this.#done;
    this.#done += count;
    return { kind: 'chunk', positionBytes, bytes: this.#machine.bytes().subarray(at, at + count) };
  }

  /** What another decoder needs to go on from here with the same patch and files. */
  save(): SavedDecoder | undefined {
    if (!this.#began || this.#fault !== undefined) return undefined;
    return { doneBytes: this.#done, patchAtBytes: this.#patchAt, memory: this.#machine.bytes() };
  }

  /**
   * Goes on where `save` was called, on a decoder that has not begun. The host answers for the bytes: what was saved must come back as it
   * was. False, and a decoder that is of no use, where it does not fit.
   */
  restore(place: DecoderPlace, memory: KeptMemory): boolean {
    if (this.#began || !(place.doneBytes <= this.#newBytes)) return false;
    try {
      const { code } = this.#machine;
      setUp(code, 0, this.#head);
      memory.read(this.#machine.roomFor(memory.sizeBytes));
      code.reopen();
      memory.read(this.#machine.roomFor(memory.sizeBytes));
    } catch {
      this.#fail('what was saved of it is of no use');
      return false;
    }
    this.#began = true;
    this.#done = place.doneBytes;
    this.#patchAt = place.patchAtBytes;
    return true;
  }

  #fail(detail: string): Decoded {
    this.#fault = detail;
    return { kind: 'fault', detail };
  }

  costsBytes(): CostsBytes {
    const { code } = this.#machine;
    return costsOf(new BigInt64Array(this.#machine.bytes().buffer as ArrayBuffer, code.costsAt() >>> 0, 5));
  }
}
