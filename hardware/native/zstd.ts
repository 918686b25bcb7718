/** Zstandard from Node's own zlib, behind `codec`'s contract. */

import { constants, createZstdDecompress, zstdCompressSync } from 'node:zlib';
import { ZSTD_LEVEL, ZSTD_MAX_WINDOW_LOG, type Zstd } from '#codec/package/compress.ts';
import { messageOf } from '../fault.ts';

const MIN_WINDOW_LOG = 10;
const PIECE_BYTES = 1 << 18;

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

  async decompress(bytes, { dictionary, maxBytes }, write) {
    const stream = createZstdDecompress({
      params: { [constants.ZSTD_d_windowLogMax]: ZSTD_MAX_WINDOW_LOG },
      chunkSize: PIECE_BYTES,
      ...(dictionary !== undefined && { dictionary }),
    });
    stream.end(bytes);
    const pieces: AsyncIterator<Uint8Array, undefined> = stream[Symbol.asyncIterator]();
    let sizeBytes = 0;
    try {
      for (;;) {
        let piece: IteratorResult<Uint8Array, undefined>;
        try {
          piece = await pieces.next();
        } catch (error) {
          // A machine without memory says nothing about the bytes: a good update must not be refused for it.
          if (!isAboutTheBytes(error)) throw error;
          return { kind: 'fault', detail: messageOf(error) };
        }
        if (piece.done === true) return { kind: 'done', sizeBytes };
        sizeBytes += piece.value.length;
        if (sizeBytes > maxBytes) return { kind: 'fault', detail: `it unpacks to more than ${maxBytes} bytes` };
        await write(plain(piece.value));
      }
    } finally {
      stream.destroy();
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
