/** A payload unpacked in memory. */

import type { Zstd } from '#codec/package/compress.ts';
import { readerOf } from '#codec/package/delta/machine.ts';
import { MemoryScratch } from '#codec/package/delta/view/view.ts';
import type { Payload } from '#codec/package/manifest.ts';
import { type Unpacked, unpackPayload } from '#codec/package/unpack.ts';
import { nativeZstd } from '#hardware/native/zstd.ts';

type Content =
  | { readonly kind: 'content'; readonly content: Uint8Array }
  | Extract<Unpacked, { readonly kind: 'fault' }>;

export async function unpacked(
  payload: Uint8Array,
  described: Payload,
  base: Uint8Array = new Uint8Array(),
  zstd: Zstd = nativeZstd,
): Promise<Content> {
  const content = new Uint8Array(described.sizeInstalledBytes);
  const result = await unpackPayload(payload, described, {
    readBase: readerOf(base),
    readNew: readerOf(content),
    write: async (at, bytes) => content.set(bytes, at),
    scratch: () => new MemoryScratch(),
    zstd,
  });
  return result.kind === 'fault' ? result : { kind: 'content', content };
}
