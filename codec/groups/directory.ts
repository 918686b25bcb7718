/** The directory: which objects are on air and under which handles (air-interface.md section 4). */

import { sha256 } from '@noble/hashes/sha2.js';
import { MisuseError } from '../misuse.ts';
import { IDENTITY_SIZE_BYTES } from '../symbols/fountain.ts';
import { OBJECT_SIZE_MAX_BYTES } from '../symbols/layout.ts';
import { crc32 } from './crc.ts';
import { OBJECT_HANDLE_MAX } from './handle.ts';

export interface DirectoryEntry {
  /** 1..13 */
  readonly handle: number;
  /** Of `codec/symbols/schemes.ts`. */
  readonly scheme: number;
  /** First four bytes of SHA-256(vendor | 00 | device type). */
  readonly deviceTypeTag: number;
  readonly sizeBytes: number;
  /** First eight bytes of the SHA-256 of the object. */
  readonly identity: Uint8Array;
  /** Minutes since 1970-01-01T00:00Z, 0 = none. */
  readonly deadlineMinutes: number;
}

export interface Directory {
  /** 0..31 */
  readonly version: number;
  readonly pi: number;
  readonly entries: readonly DirectoryEntry[];
}

type DirectoryFault =
  | 'truncated'
  | 'format'
  | 'checksum'
  | 'too-many-entries'
  | 'handle'
  | 'handle-twice'
  | 'object-size'
  | 'trailing-bytes';

export type ParsedDirectory =
  | { readonly kind: 'directory'; readonly directory: Directory }
  | { readonly kind: 'fault'; readonly reason: DirectoryFault; readonly offset: number };

export const DIRECTORY_VERSIONS = 32;
const DIRECTORY_ENTRIES_MAX = OBJECT_HANDLE_MAX;
const FORMAT = 2;
const HEADER_BYTES = 5;
const ENTRY_BYTES = 20;
const CHECK_BYTES = 4;
/** Sent as rows of one nibble: a few groups of either type are enough. */
export const DIRECTORY_WIDTH = 1;
/** Unit of the size in anchors. */
export const DIRECTORY_UNIT_BYTES = 8;

/*
 *     0       1        2..3  4   n times:                                                  4 bytes
 *     format  version  PI    n   hhhhssss  tag 4  size 3  identity 8  deadline minutes 4   CRC-32   zeros
 */

export function encodeDirectory({ version, pi, entries }: Directory): Uint8Array {
  if (entries.length > DIRECTORY_ENTRIES_MAX) {
    throw new MisuseError('DIRECTORY_FULL', `a directory has at most ${DIRECTORY_ENTRIES_MAX} entries`);
  }
  if (!Number.isInteger(version) || version < 0 || version >= DIRECTORY_VERSIONS) {
    throw new MisuseError('DIRECTORY_VERSION', `a directory version is 0..31, not ${version}`);
  }
  const length = HEADER_BYTES + entries.length * ENTRY_BYTES + CHECK_BYTES;
  const bytes = new Uint8Array(Math.ceil(length / DIRECTORY_UNIT_BYTES) * DIRECTORY_UNIT_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = FORMAT;
  bytes[1] = version;
  view.setUint16(2, pi);
  bytes[4] = entries.length;
  const handles = new Set<number>();
  for (const [i, entry] of entries.entries()) {
    checkEntry(entry, handles);
    const at = HEADER_BYTES + i * ENTRY_BYTES;
    bytes[at] = (entry.handle << 4) | entry.scheme;
    view.setUint32(at + 1, entry.deviceTypeTag);
    bytes[at + 5] = entry.sizeBytes >>> 16;
    view.setUint16(at + 6, entry.sizeBytes & 0xffff);
    bytes.set(entry.identity, at + 8);
    view.setUint32(at + 16, entry.deadlineMinutes);
  }
  view.setUint32(length - CHECK_BYTES, crc32(bytes.subarray(0, length - CHECK_BYTES)));
  return bytes;
}

function checkEntry(entry: DirectoryEntry, handles: Set<number>): void {
  const { handle, sizeBytes, identity } = entry;
  if (handle < 1 || handle > OBJECT_HANDLE_MAX || handles.has(handle)) {
    throw new MisuseError('DIRECTORY_HANDLE', `handle ${handle} is not free: 1..${OBJECT_HANDLE_MAX}, each once`);
  }
  if (sizeBytes < 1 || sizeBytes > OBJECT_SIZE_MAX_BYTES || identity.length !== IDENTITY_SIZE_BYTES) {
    throw new MisuseError('DIRECTORY_ENTRY', `an object has 1..${OBJECT_SIZE_MAX_BYTES} bytes and an identity of 8`);
  }
  handles.add(handle);
}

function fault(reason: DirectoryFault, offset: number): ParsedDirectory {
  return { kind: 'fault', reason, offset };
}

/** Never throws. */
export function parseDirectory(bytes: Uint8Array): ParsedDirectory {
  if (bytes.length < HEADER_BYTES + CHECK_BYTES) return fault('truncated', bytes.length);
  if (bytes[0] !== FORMAT) return fault('format', 0);
  const n = bytes[4];
  if (n > DIRECTORY_ENTRIES_MAX) return fault('too-many-entries', 4);
  const end = HEADER_BYTES + n * ENTRY_BYTES;
  if (bytes.length < end + CHECK_BYTES) return fault('truncated', bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(end) !== crc32(bytes.subarray(0, end))) return fault('checksum', end);
  if (bytes[1] >= DIRECTORY_VERSIONS) return fault('format', 1);
  const entries: DirectoryEntry[] = [];
  const handles = new Set<number>();
  for (let at = HEADER_BYTES; at < end; at += ENTRY_BYTES) {
    const handle = bytes[at] >> 4;
    if (handle < 1 || handle > OBJECT_HANDLE_MAX) return fault('handle', at);
    if (handles.has(handle)) return fault('handle-twice', at);
    handles.add(handle);
    const sizeBytes = (bytes[at + 5] << 16) | view.getUint16(at + 6);
    if (sizeBytes === 0) return fault('object-size', at + 5);
    entries.push({
      handle,
      scheme: bytes[at] & 15,
      deviceTypeTag: view.getUint32(at + 1),
      sizeBytes,
      identity: bytes.slice(at + 8, at + 16),
      deadlineMinutes: view.getUint32(at + 16),
    });
  }
  for (let at = end + CHECK_BYTES; at < bytes.length; at++) if (bytes[at] !== 0) return fault('trailing-bytes', at);
  return { kind: 'directory', directory: { version: bytes[1], pi: view.getUint16(2), entries } };
}

/** What the symbols of a directory are seeded with: "CDIR" | 00 | version | 00 | size in units of 8 bytes. */
export function directoryIdentity(version: number, sizeUnits: number): Uint8Array {
  return Uint8Array.of(0x43, 0x44, 0x49, 0x52, 0, version, 0, sizeUnits);
}

export function deviceTypeTag(vendor: string, name: string): number {
  const hash = sha256(new TextEncoder().encode(`${vendor}\0${name}`));
  return new DataView(hash.buffer, hash.byteOffset).getUint32(0);
}

/** The tag of `VENDOR/NAME`; undefined when the text is not of that form. */
export function parseDeviceTypeTag(text: string): number | undefined {
  const [, vendor, name] = /^([^/]+)\/([^/]+)$/.exec(text) ?? [];
  return vendor === undefined || name === undefined ? undefined : deviceTypeTag(vendor, name);
}

export type ObjectOnAir = Omit<DirectoryEntry, 'handle'>;

/** What keeps a handle. The same bytes in another scheme are another object. */
export function objectKey({ identity, scheme }: Pick<ObjectOnAir, 'identity' | 'scheme'>): string {
  return `${scheme} ${identity.toHex()}`;
}

/**
 * The directory that follows `previous` when `objects` are on air: objects keep their handles, and a handle that has just lost
 * its object stays empty for one version, so that a receiver never mistakes one object for the other. The same bytes in another
 * scheme are another object.
 */
export function reviseDirectory(
  previous: Directory | undefined,
  pi: number,
  objects: readonly ObjectOnAir[],
): Directory {
  const before = new Map(previous?.entries.map((entry) => [objectKey(entry), entry.handle]));
  const taken = new Set(before.values());
  const entries: DirectoryEntry[] = objects.map((object) => {
    let handle = before.get(objectKey(object));
    if (handle === undefined) {
      handle = 1;
      while (taken.has(handle)) handle++;
      if (handle > OBJECT_HANDLE_MAX) {
        throw new MisuseError(
          'DIRECTORY_FULL',
          'no handle is free in this version; take fewer objects or revise twice',
        );
      }
      taken.add(handle);
    }
    return { ...object, handle };
  });
  const version = previous === undefined ? 0 : (previous.version + 1) % DIRECTORY_VERSIONS;
  return { version, pi, entries: entries.toSorted((a, b) => a.handle - b.handle) };
}
