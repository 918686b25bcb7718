/**
 * From payload to content, in a bounded memory: the base is read at random, the content is written as it is made. Sizes are bounded by what
 * was signed. Whether the content is the one that was signed is for the caller to see: it does not come in order.
 */

import { sha256 } from '@noble/hashes/sha2.js';
import { bytesEqual } from '../bytes.ts';
import { type Zstd, ZSTD_DICTIONARY_MOST_BYTES } from './compress.ts';
import { type ApplyHost, type KeptApply, openPatch, type SavedApply } from './delta/apply.ts';
import type { Scratch } from './delta/view/view.ts';
import type { Payload } from './manifest.ts';

export interface UnpackHost {
  /** Fills `into` from the base that the payload names, whose digest was checked. */
  readonly readBase: (positionBytes: number, into: Uint8Array) => void;
  /** Fills `into` from what was written; called for nothing else. */
  readonly readNew: (positionBytes: number, into: Uint8Array) => void;
  /** Each byte of the content once, at most so many as were signed. The bytes are valid until it resolves. */
  readonly write: (positionBytes: number, bytes: Uint8Array) => Promise<void>;
  /** Made where a delta unpacks something. */
  readonly scratch: () => Scratch;
  readonly zstd: Zstd;
  /** For deltas. Called between their chunks; what `save` gives may be brought back as `kept`. */
  readonly checkpoint?: (save: () => SavedApply | undefined) => Promise<void>;
  /** Of the same payload, with the place it was written to as it was then. */
  readonly kept?: KeptApply | undefined;
}

export type Unpacked =
  | { readonly kind: 'unpacked' }
  | {
      readonly kind: 'fault';
      readonly fault: 'payload-damaged' | 'content-mismatch';
      readonly detail: string;
    };

const PIECE_BYTES = 1 << 18;

/** Rejects with what the host throws, and with nothing else. */
export async function unpackPayload(payload: Uint8Array, described: Payload, host: UnpackHost): Promise<Unpacked> {
  // Checked again here although `openPackage` did: an unauthenticated byte never reaches a decompressor.
  if (payload.length !== described.sizeOnAirBytes || !bytesEqual(sha256(payload), described.sha256OnAir))
    return { kind: 'fault', fault: 'payload-damaged', detail: `payload for ${described.target}` };
  const { compression } = described;
  if (compression === 'carillon') return unpackDelta(payload, described, host);
  if (compression === 'zstd') return unpackZstd(payload, described, host);
  for (let at = 0; at < payload.length; at += PIECE_BYTES) await host.write(at, payload.subarray(at, at + PIECE_BYTES));
  return sized(payload.length, described);
}

function mismatch(detail: string): Unpacked {
  return { kind: 'fault', fault: 'content-mismatch', detail };
}

function sized(sizeBytes: number, { sizeInstalledBytes }: Payload): Unpacked {
  if (sizeBytes === sizeInstalledBytes) return { kind: 'unpacked' };
  return mismatch(`it unpacks to ${sizeBytes} bytes instead of ${sizeInstalledBytes}`);
}

async function unpackZstd(payload: Uint8Array, described: Payload, host: UnpackHost): Promise<Unpacked> {
  const { base, sizeInstalledBytes: maxBytes } = described;
  if (base !== undefined && base.sizeBytes > ZSTD_DICTIONARY_MOST_BYTES)
    return mismatch(`its base of ${base.sizeBytes} bytes is too large for a dictionary`);
  const dictionary = base === undefined ? undefined : new Uint8Array(base.sizeBytes);
  if (dictionary !== undefined) host.readBase(0, dictionary);
  let at = 0;
  const unpacked = await host.zstd.decompress(
    payload,
    dictionary === undefined ? { maxBytes } : { dictionary, maxBytes },
    async (piece) => {
      await host.write(at, piece);
      at += piece.length;
    },
  );
  return unpacked.kind === 'fault' ? mismatch(unpacked.detail) : sized(unpacked.sizeBytes, described);
}

async function unpackDelta(payload: Uint8Array, described: Payload, host: UnpackHost): Promise<Unpacked> {
  const baseBytes = described.base?.sizeBytes ?? 0;
  const made = new Staging();
  const applyHost: ApplyHost = {
    patch: payload,
    readOld: (at, into) => {
      const inside = into.subarray(0, Math.max(0, baseBytes - at));
      if (inside.length > 0) host.readBase(at, inside);
      into.fill(0, inside.length);
    },
    readNew: host.readNew,
    // What is written while a chunk is made is read at the next one at the earliest.
    writeNew: (at, bytes) => made.add(at, bytes),
    scratch: host.scratch,
  };
  const opened = openPatch(applyHost, { newSizeBytes: described.sizeInstalledBytes }, host.kept);
  if (opened.kind === 'fault') return mismatch(opened.detail);
  const { oldSizeBytes, newSizeBytes } = opened.head;
  if (oldSizeBytes !== baseBytes) return mismatch(`it starts from ${oldSizeBytes} bytes, not ${baseBytes}`);
  for (;;) {
    const step = opened.applier.step();
    if (step.kind === 'fault') return mismatch(step.detail);
    await made.writeTo(host.write);
    if (step.kind === 'end') return sized(newSizeBytes, described);
    await host.checkpoint?.(() => opened.applier.save());
  }
}

/** What a step writes, kept until it is over: one room for all steps, in which pieces that follow each other become one. */
class Staging {
  #room = new Uint8Array(2 * PIECE_BYTES);
  #filled = 0;
  #pieces: { readonly at: number; readonly start: number; sizeBytes: number }[] = [];

  add(at: number, bytes: Uint8Array): void {
    if (this.#filled + bytes.length > this.#room.length) {
      const larger = new Uint8Array(2 * (this.#filled + bytes.length));
      larger.set(this.#room.subarray(0, this.#filled));
      this.#room = larger;
    }
    this.#room.set(bytes, this.#filled);
    const last = this.#pieces.at(-1);
    if (last !== undefined && last.at + last.sizeBytes === at) last.sizeBytes += bytes.length;
    else this.#pieces.push({ at, start: this.#filled, sizeBytes: bytes.length });
    this.#filled += bytes.length;
  }

  async writeTo(write: UnpackHost['write']): Promise<void> {
    for (const { at, start, sizeBytes } of this.#pieces) await write(at, this.#room.subarray(start, start + sizeBytes));
    this.#pieces = [];
    this.#filled = 0;
  }
}
