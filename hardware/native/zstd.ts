/** Zstandard from Node's own zlib, behind `codec`'s contract. */

import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { ZSTD_LEVEL, ZSTD_MAX_WINDOW_LOG, type Zstd } from '#codec/package/compress.ts';
import { messageOf } from '../fault.ts';

const MIN_WINDOW_LOG = 10;

export const nativeZstd: Zstd = {
  compress(bytes, { dictionary, level = ZSTD_LEVEL } = {}) {
    // A window that spans old and new content lets every match be found, and no more of it costs the receiver memory.
    const reachBytes = bytes.length + (dictionary?.length ?? 0);
    const windowLog = Math.min(ZSTD_MAX_WINDOW_LOG, Math.max(MIN_WINDOW_LOG, Math.ceil(Math.log2(reachBytes + 1))));
    const compressed = zstdCompressSync(bytes, {
      params: {
        [constants.ZSTD_c_compressionLevel]: level,
        [constants.ZSTD_c_windowLog]: windowLog,
        // Size and digest are signed: the frame need not carry them again.
        [constants.ZSTD_c_contentSizeFlag]: 0,
        [constants.ZSTD_c_checksumFlag]: 0,
        [constants.ZSTD_c_dictIDFlag]: 0,
      },
      ...(dictionary !== undefined && { dictionary }),
    });
    return plain(compressed);
  },

  decompress(bytes, { dictionary, maxBytes }) {
    try {
      const content = zstdDecompressSync(bytes, {
        params: { [constants.ZSTD_d_windowLogMax]: ZSTD_MAX_WINDOW_LOG },
        maxOutputLength: Math.max(1, maxBytes),
        ...(dictionary !== undefined && { dictionary }),
      });
      return { kind: 'bytes', bytes: plain(content) };
    } catch (error) {
      // A machine without memory says nothing about the bytes: a good update must not be refused for it.
      if (!isAboutTheBytes(error)) throw error;
      return { kind: 'fault', detail: messageOf(error) };
    }
  },
};

function isAboutTheBytes(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ZSTD_error_memory_allocation') return false;
  return /^(ZSTD_error_|Z_(BUF|DATA)_ERROR$|ERR_BUFFER_TOO_LARGE$)/.test(code);
}

/** A Buffer is a Uint8Array with other habits (`slice`); what leaves here is the plain thing over the same memory. */
function plain(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
