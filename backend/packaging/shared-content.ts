/** Contents in memory that threads share, and how much memory there is for what is done with them. */

import { type FileHandle, open } from 'node:fs/promises';
import { totalmem } from 'node:os';

const PIECE_BYTES = 1 << 26;
/** The rest is for the system and for whoever else is there. */
const USABLE_SHARE = 0.8;

/** All of a file. Rejects with what the file system says, or where it grew shorter. */
export async function sharedContentOf(path: string): Promise<Uint8Array<SharedArrayBuffer>> {
  const file = await open(path, 'r');
  try {
    const stat = await file.stat();
    return stat.isFile() ? await readSized(file, path, stat.size) : await readToEnd(file);
  } finally {
    await file.close();
  }
}

async function readSized(file: FileHandle, path: string, sizeBytes: number): Promise<Uint8Array<SharedArrayBuffer>> {
  const content = new Uint8Array(new SharedArrayBuffer(sizeBytes));
  for (let at = 0; at < sizeBytes; ) {
    const { bytesRead } = await file.read(content, at, Math.min(PIECE_BYTES, sizeBytes - at), at);
    if (bytesRead === 0) throw new RangeError(`${path} has become shorter while it was read`);
    at += bytesRead;
  }
  return content;
}

/** Of pipes and devices no size is known. */
async function readToEnd(file: FileHandle): Promise<Uint8Array<SharedArrayBuffer>> {
  const read = await file.readFile();
  const content = new Uint8Array(new SharedArrayBuffer(read.length));
  content.set(read);
  return content;
}

export function usableMemoryBytes(): number {
  const limit = process.constrainedMemory();
  return USABLE_SHARE * (limit > 0 ? Math.min(limit, totalmem()) : totalmem());
}
