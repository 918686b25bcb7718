/**
 * From content to payload and back: as it is, compressed, or as a delta. A delta is one of ours (docs/delta.md), or where that is smaller
 * a zstd frame with the old content as a raw-content dictionary (RFC 8878 clause 5: no header, no entropy tables). Sizes are bounded by
 * what was signed.
 */

import { sha256 } from '@noble/hashes/sha2.js';
import { bytesEqual } from '../bytes.ts';
import type { Zstd } from './compress.ts';
import { applyPatch } from './delta/apply.ts';
import { type MakeOptions, makeDelta } from './delta/make.ts';
import type { Payload } from './manifest.ts';

export interface MadePayload {
  readonly described: Payload;
  readonly bytes: Uint8Array;
}

type UnpackFault = 'base-mismatch' | 'payload-damaged' | 'content-mismatch';
export type Unpacked =
  | { readonly kind: 'content'; readonly content: Uint8Array }
  | { readonly kind: 'fault'; readonly fault: UnpackFault; readonly detail: string };

/**
 * The content that `described` promises, made from the old content and the payload as sent. `pause` is awaited between pieces of the work,
 * so that a program can do other things meanwhile.
 */
export async function applyDelta(
  oldContent: Uint8Array,
  payload: Uint8Array,
  described: Payload,
  zstd: Zstd,
  pause: () => Promise<void> = async () => undefined,
): Promise<Unpacked> {
  const { base } = described;
  if (base === undefined || base.sizeBytes !== oldContent.length || !bytesEqual(sha256(oldContent), base.sha256))
    return { kind: 'fault', fault: 'base-mismatch', detail: `the ${oldContent.length} bytes at hand are not its base` };
  if (described.compression !== 'carillon') return unpack(payload, described, zstd, oldContent);
  const damage = damageOf(payload, described);
  if (damage !== undefined) return damage;
  const applied = await applyPatch(oldContent, payload, { newSizeBytes: described.sizeInstalledBytes }, pause);
  if (applied.kind === 'fault') return { kind: 'fault', fault: 'content-mismatch', detail: applied.detail };
  return checked(applied.content, described);
}

/** The content of a payload that needs nothing old. */
export function unpackFull(payload: Uint8Array, described: Payload, zstd: Zstd): Unpacked {
  if (described.encoding !== 'full')
    return { kind: 'fault', fault: 'base-mismatch', detail: 'a delta was given where full content was expected' };
  return unpack(payload, described, zstd, undefined);
}

/** Checked again here although `openPackage` did: an unauthenticated byte never reaches a decompressor. */
function damageOf(payload: Uint8Array, described: Payload): Unpacked | undefined {
  if (payload.length === described.sizeOnAirBytes && bytesEqual(sha256(payload), described.sha256OnAir))
    return undefined;
  return { kind: 'fault', fault: 'payload-damaged', detail: `payload for ${described.target}` };
}

function unpack(payload: Uint8Array, described: Payload, zstd: Zstd, dictionary: Uint8Array | undefined): Unpacked {
  const damage = damageOf(payload, described);
  if (damage !== undefined) return damage;
  if (described.compression !== 'zstd') return checked(payload, described);
  const maxBytes = described.sizeInstalledBytes;
  const result = zstd.decompress(payload, dictionary === undefined ? { maxBytes } : { dictionary, maxBytes });
  if (result.kind === 'fault') return { kind: 'fault', fault: 'content-mismatch', detail: result.detail };
  return checked(result.bytes, described);
}

function checked(content: Uint8Array, described: Payload): Unpacked {
  if (content.length !== described.sizeInstalledBytes)
    return {
      kind: 'fault',
      fault: 'content-mismatch',
      detail: `it unpacks to ${content.length} bytes instead of ${described.sizeInstalledBytes}`,
    };
  if (!bytesEqual(sha256(content), described.sha256Installed))
    return { kind: 'fault', fault: 'content-mismatch', detail: 'its digest is another one' };
  return { kind: 'content', content };
}

/** Full content, compressed where that helps. */
export function fullPayload(content: Uint8Array, zstd: Zstd, target = 'rootfs'): MadePayload {
  const compressed = zstd.compress(content);
  const worthIt = compressed.length < content.length;
  const bytes = worthIt ? compressed : content;
  const sha256Installed = sha256(content);
  return {
    described: {
      target,
      encoding: 'full',
      compression: worthIt ? 'zstd' : 'none',
      sizeOnAirBytes: bytes.length,
      sizeInstalledBytes: content.length,
      sha256Installed,
      sha256OnAir: worthIt ? sha256(bytes) : sha256Installed,
    },
    bytes,
  };
}

/** The smaller of the two kinds of delta. */
export async function deltaPayload(
  oldContent: Uint8Array,
  newContent: Uint8Array,
  zstd: Zstd,
  target = 'rootfs',
  options: MakeOptions = {},
): Promise<MadePayload> {
  const made = await makeDelta(oldContent, newContent, options);
  const frame = zstd.compress(newContent, { dictionary: oldContent });
  const own = made !== undefined && made.patch.length <= frame.length;
  const bytes = own ? made.patch : frame;
  return {
    described: {
      target,
      encoding: 'delta',
      compression: own ? 'carillon' : 'zstd',
      sizeOnAirBytes: bytes.length,
      sizeInstalledBytes: newContent.length,
      sha256Installed: sha256(newContent),
      sha256OnAir: sha256(bytes),
      base: { sha256: sha256(oldContent), sizeBytes: oldContent.length },
    },
    bytes,
  };
}
