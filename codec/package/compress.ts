/**
 * Zstandard (RFC 8878) as the package uses it. `codec` is pure, so the implementation comes in from outside
 * (`hardware/native/zstd.ts`).
 */

export interface Zstd {
  compress(bytes: Uint8Array, options?: { readonly dictionary?: Uint8Array; readonly level?: number }): Uint8Array;
  /**
   * Hands the content to `write` piece by piece, in order; what `write` throws comes through. Never rejects for what is in `bytes`, and
   * never makes more than `maxBytes`.
   */
  decompress(
    bytes: Uint8Array,
    options: { readonly dictionary?: Uint8Array; readonly maxBytes: number },
    write: (piece: Uint8Array) => Promise<void>,
  ): Promise<ZstdDecompressed>;
}

type ZstdDecompressed =
  | { readonly kind: 'done'; readonly sizeBytes: number }
  | { readonly kind: 'fault'; readonly detail: string };

/** Largest window of a frame, 2^27 = 128 MiB: it bounds the decoder's memory, and how far apart a delta finds its matches. */
export const ZSTD_MAX_WINDOW_LOG = 27;
/** What a zstd delta may have for a base: it is a dictionary, and lies in memory. */
export const ZSTD_DICTIONARY_MOST_BYTES = 2 ** 27;
/** A package is made once and sent for hours: the slowest level is the cheapest. */
export const ZSTD_LEVEL = 19;
