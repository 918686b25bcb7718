/** Section 4 of docs/air-interface.md: the directory, read and written. */

import { crc32 } from 'node:zlib';
import { FORMAT_VERSION, hexOf } from './air-bits.ts';

export interface DirectoryEntry {
  readonly handle: number;
  readonly scheme: number;
  readonly deviceTypeTag: string;
  readonly sizeBytes: number;
  readonly identity: string;
  readonly deadlineMinutes: number;
}

export interface Directory {
  readonly version: number;
  readonly pi: number;
  readonly entries: readonly DirectoryEntry[];
}

const ENTRIES_AT = 5;
const ENTRY_BYTES = 20;

/** Size in units of 8 bytes. */
export const directoryIdentity = (version: number, units: number): Uint8Array =>
  Uint8Array.of(0x43, 0x44, 0x49, 0x52, 0, version, 0, units);

const paddedBytes = (entries: number): number => Math.ceil((ENTRIES_AT + ENTRY_BYTES * entries + 4) / 8) * 8;

export function parseDirectory(bytes: Uint8Array): Directory | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const count = bytes[4] ?? 0;
  const end = ENTRIES_AT + ENTRY_BYTES * count;
  if (bytes[0] !== FORMAT_VERSION || count > 13 || bytes.length !== paddedBytes(count)) return undefined;
  if (crc32(bytes.subarray(0, end)) !== view.getUint32(end)) return undefined;
  const entries = Array.from({ length: count }, (_, i): DirectoryEntry => {
    const at = ENTRIES_AT + ENTRY_BYTES * i;
    const first = view.getUint8(at);
    return {
      handle: first >>> 4,
      scheme: first & 0xf,
      deviceTypeTag: hexOf(bytes.subarray(at + 1, at + 5)),
      sizeBytes: view.getUint32(at + 4) & 0xffffff,
      identity: hexOf(bytes.subarray(at + 8, at + 16)),
      deadlineMinutes: view.getUint32(at + 16),
    };
  });
  return { version: view.getUint8(1), pi: view.getUint16(2), entries };
}

export function writeDirectory({ version, pi, entries }: Directory): Uint8Array {
  const bytes = new Uint8Array(paddedBytes(entries.length));
  const view = new DataView(bytes.buffer);
  view.setUint8(0, FORMAT_VERSION);
  view.setUint8(1, version);
  view.setUint16(2, pi);
  view.setUint8(4, entries.length);
  for (const [i, entry] of entries.entries()) {
    const at = ENTRIES_AT + ENTRY_BYTES * i;
    view.setUint32(at + 4, entry.sizeBytes);
    view.setUint8(at, (entry.handle << 4) | entry.scheme);
    bytes.set(Buffer.from(entry.deviceTypeTag, 'hex'), at + 1);
    bytes.set(Buffer.from(entry.identity, 'hex'), at + 8);
    view.setUint32(at + 16, entry.deadlineMinutes);
  }
  const end = ENTRIES_AT + ENTRY_BYTES * entries.length;
  view.setUint32(end, crc32(bytes.subarray(0, end)));
  return bytes;
}
