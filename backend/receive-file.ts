/** Streams an upload into a file while hashing it. On any failure the file is gone. */

import { createHash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { Refusal } from './refusal.ts';

export interface ReceivedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256Hex: string;
}

/** Writes all of `chunk`. Tests put a full disk here. */
export type WriteChunk = (file: FileHandle, chunk: Uint8Array) => Promise<void>;

export const writeChunk: WriteChunk = async (file, chunk) => {
  let at = 0;
  while (at < chunk.length) at += (await file.write(chunk, at)).bytesWritten;
};

export async function receiveFile(
  source: AsyncIterable<Uint8Array>,
  {
    path,
    limit,
    write = writeChunk,
  }: { path: string; limit: { sizeBytes: number; exceeded: () => Refusal }; write?: WriteChunk },
): Promise<ReceivedFile> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of source) {
      sizeBytes += chunk.length;
      if (sizeBytes > limit.sizeBytes) throw limit.exceeded();
      hash.update(chunk);
      await write(file, chunk);
    }
    await file.sync();
  } catch (error) {
    await file.close();
    await rm(path, { force: true });
    throw error;
  }
  await file.close();
  return { path, sizeBytes, sha256Hex: hash.digest('hex') };
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

export function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && FULL.has(error.code);
}
