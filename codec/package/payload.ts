/**
 * From content to payload: as it is, compressed, or as a delta. What compresses is a delta from nothing, or zstd. A delta is one of ours (docs/delta.md), or where that is smaller
 * a zstd frame with the old content as a raw-content dictionary (RFC 8878 clause 5: no header, no entropy tables).
 */

import { sha256 } from '@noble/hashes/sha2.js';
import { MisuseError } from '../misuse.ts';
import { type Zstd, ZSTD_DICTIONARY_MOST_BYTES } from './compress.ts';
import { type MakeOptions, makeDelta } from './delta/make.ts';
import type { Payload } from './manifest.ts';

export interface MadePayload {
  readonly described: Payload;
  readonly bytes: Uint8Array;
}

/** Full content, compressed with zstd where that helps. */
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

/** No object on air has more than half of this (docs/air-interface.md), and half of what zstd makes our models do not reach. */
const WORTH_MOST_BYTES = 2 * 0xff_ffff;

/** The smallest of all ways to send full content: our own models (docs/delta.md, from nothing), zstd, or as it is. Slow: 0.25 MB/s. plain: what `fullPayload` makes of it, where that is known. */
export async function smallestFullPayload(
  content: Uint8Array,
  zstd: Zstd,
  target = 'rootfs',
  options: MakeOptions = {},
  plain = fullPayload(content, zstd, target),
): Promise<MadePayload> {
  // What does not go on air in any case is not worth the time.
  if (plain.bytes.length > WORTH_MOST_BYTES) return plain;
  // What zstd finds nothing in is encrypted, or packed: then only what can be unpacked is worth the time.
  const onlyUnpacked = plain.described.compression === 'none';
  const own = await makeDelta(new Uint8Array(), content, { ...options, onlyUnpacked });
  if (own === undefined || own.patch.length >= plain.bytes.length) return plain;
  return {
    described: {
      ...plain.described,
      compression: 'carillon',
      sizeOnAirBytes: own.patch.length,
      sha256OnAir: sha256(own.patch),
    },
    bytes: own.patch,
  };
}

/** The smaller of the two kinds of delta. Throws where there is none that a device could apply: for contents of 4 GiB together. */
export async function deltaPayload(
  oldContent: Uint8Array,
  newContent: Uint8Array,
  zstd: Zstd,
  target = 'rootfs',
  options: MakeOptions = {},
): Promise<MadePayload> {
  const made = await makeDelta(oldContent, newContent, options);
  const frame =
    oldContent.length <= ZSTD_DICTIONARY_MOST_BYTES ? zstd.compress(newContent, { dictionary: oldContent }) : undefined;
  const own = made !== undefined && (frame === undefined || made.patch.length <= frame.length);
  const bytes = own ? made.patch : frame;
  if (bytes === undefined)
    throw new MisuseError(
      'DELTA',
      `No delta from ${oldContent.length} bytes to ${newContent.length} would fit into the memory of a device.`,
    );
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
