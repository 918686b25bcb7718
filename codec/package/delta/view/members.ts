/** Where deflate streams are in a file: gzip (RFC 1952) and zip (APPNOTE.TXT 6.3, by its central directory). */

import { WRAP_GZIP, WRAP_NONE, type Wrap } from './pieces.ts';

export interface Member {
  /** Of the stream, after any header. */
  readonly start: number;
  readonly wrap: Wrap;
}

const FLAG_HEADER_CRC = 2;
const FLAG_EXTRA = 4;
const FLAG_NAME = 8;
const FLAG_COMMENT = 16;
const GZIP_HEAD_BYTES = 10;
const ZIP_END_BYTES = 22;
const ZIP_COMMENT_MOST = 65_535;

/** Start of the stream of a gzip member at the file's start. */
function gzipMember(file: Uint8Array): Member | undefined {
  if (file[0] !== 0x1f || file[1] !== 0x8b || file[2] !== 8) return undefined;
  const flags = file[3] ?? 0;
  let at = GZIP_HEAD_BYTES;
  if ((flags & FLAG_EXTRA) !== 0) at += 2 + (file[at] ?? 0) + ((file[at + 1] ?? 0) << 8);
  for (const flag of [FLAG_NAME, FLAG_COMMENT]) {
    if ((flags & flag) === 0) continue;
    const end = file.indexOf(0, at);
    if (end < 0) return undefined;
    at = end + 1;
  }
  if ((flags & FLAG_HEADER_CRC) !== 0) at += 2;
  return at < file.length ? { start: at, wrap: WRAP_GZIP } : undefined;
}

function zipMembers(file: Uint8Array): Member[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const u16 = (at: number): number => (at >= 0 && at + 2 <= file.length ? view.getUint16(at, true) : 0);
  const u32 = (at: number): number => (at >= 0 && at + 4 <= file.length ? view.getUint32(at, true) : 0);
  let end = file.length - ZIP_END_BYTES;
  const least = Math.max(0, end - ZIP_COMMENT_MOST);
  while (end >= least && u32(end) !== 0x0605_4b50) end--;
  if (end < least) return [];
  const members: Member[] = [];
  let at = u32(end + 16);
  for (let k = u16(end + 10); k > 0 && u32(at) === 0x0201_4b50; k--) {
    const local = u32(at + 42);
    if (u16(at + 10) === 8 && u32(local) === 0x0403_4b50)
      members.push({ start: local + 30 + u16(local + 26) + u16(local + 28), wrap: WRAP_NONE });
    at += 46 + u16(at + 28) + u16(at + 30) + u16(at + 32);
  }
  return members.sort((a, b) => a.start - b.start);
}

/** In order. What they hold is not looked at. */
export function membersOf(file: Uint8Array): Member[] {
  const gzip = gzipMember(file);
  if (gzip !== undefined) return [gzip];
  return file[0] === 0x50 && file[1] === 0x4b ? zipMembers(file) : [];
}
