/**
 * The head of a patch (docs/delta.md): what the decoder must know before its first bit.
 *
 *     "CD" | version and flags | old size | new size less old size | segments | modules | hints | tables
 *          | [size of the old view | of the new view | of the list | list] | [old SHA-256 | new SHA-256]
 *
 * Version: the lower four bits. Signed numbers are folded.
 */

import { folded, pushNumber, readNumber, unfolded } from './numbers.ts';

const MAGIC = [0x43, 0x44];
const DELTA_VERSION = 1;
const FLAG_DIGESTS = 0x10;
const FLAG_INDEX_ALL = 0x20;
const FLAG_VIEWS = 0x40;
const DIGEST_BYTES = 32;
/** Old and new file together. */
export const MOST_BYTES = 0xffff_ffff;

export interface DeltaHead {
  readonly oldSizeBytes: number;
  readonly newSizeBytes: number;
  readonly segmentCount: number;
  readonly moduleCount: number;
  readonly hintCount: number;
  /** Size of the tables: each step up doubles them. */
  readonly tables: number;
  /** All of the old file is made known to the match model before the first byte; for small files. */
  readonly indexAll: boolean;
  /** Of what the patch is coded between, where that is not the files themselves. */
  readonly views?: Views;
  /** SHA-256 of both files; left out where a manifest says them. */
  readonly digests?: { readonly old: Uint8Array; readonly new: Uint8Array };
}

export interface Views {
  readonly oldBytes: number;
  readonly newBytes: number;
  /** A patch from nothing to the list of pieces, see view/pieces.ts. */
  readonly list: Uint8Array;
}

const TABLES_MOST = 4;
/** What a view may have for each byte of its file: bounds what unpacking takes. */
const VIEW_TIMES_MOST = 64;

export function writeHead(head: DeltaHead): Uint8Array {
  const flags =
    (head.digests === undefined ? 0 : FLAG_DIGESTS) |
    (head.indexAll ? FLAG_INDEX_ALL : 0) |
    (head.views === undefined ? 0 : FLAG_VIEWS);
  const out = [...MAGIC, DELTA_VERSION | flags];
  const growth = folded(head.newSizeBytes - head.oldSizeBytes);
  for (const number of [head.oldSizeBytes, growth, head.segmentCount, head.moduleCount, head.hintCount])
    pushNumber(out, number);
  out.push(head.tables);
  if (head.views !== undefined) {
    const { oldBytes, newBytes, list } = head.views;
    for (const number of [oldBytes, newBytes, list.length]) pushNumber(out, number);
    for (const byte of list) out.push(byte);
  }
  if (head.digests !== undefined) out.push(...head.digests.old, ...head.digests.new);
  return Uint8Array.from(out);
}

export type ReadHead =
  | { readonly kind: 'head'; readonly head: DeltaHead; readonly sizeBytes: number }
  | { readonly kind: 'fault'; readonly detail: string };

/** Never throws. */
export function readHead(patch: Uint8Array): ReadHead {
  const from = { bytes: patch, at: 0 };
  const next = (): number => patch[from.at++] ?? Number.NaN;
  const number = (): number => readNumber(from);
  if (MAGIC.some((byte) => next() !== byte)) return { kind: 'fault', detail: 'it is no Carillon delta' };
  const third = next();
  const version = third & 15;
  const flags = third & 0xf0;
  if (version !== DELTA_VERSION)
    return { kind: 'fault', detail: `its format has version ${version}; this program reads ${DELTA_VERSION}` };
  if ((flags & ~(FLAG_DIGESTS | FLAG_INDEX_ALL | FLAG_VIEWS)) !== 0)
    return { kind: 'fault', detail: 'its head has flags that this program does not know' };
  const oldSizeBytes = number();
  const newSizeBytes = oldSizeBytes + unfolded(number());
  const [segmentCount, moduleCount, hintCount, tables] = [number(), number(), number(), next()];
  if (![oldSizeBytes, newSizeBytes, segmentCount, moduleCount, hintCount, tables].every((value) => value >= 0))
    return { kind: 'fault', detail: 'its head is cut off, or contradicts itself' };
  const views = (flags & FLAG_VIEWS) === 0 ? undefined : readViews(from);
  if (views === 'none') return { kind: 'fault', detail: 'its head is cut off' };
  const [oldCoded, newCoded] = [views?.oldBytes ?? oldSizeBytes, views?.newBytes ?? newSizeBytes];
  if (oldSizeBytes + newSizeBytes > MOST_BYTES || oldCoded + newCoded > MOST_BYTES)
    return { kind: 'fault', detail: 'its files are larger than 4 GiB together' };
  if (!viewFits(oldCoded, oldSizeBytes) || !viewFits(newCoded, newSizeBytes))
    return { kind: 'fault', detail: 'it unpacks to more than its files allow' };
  if (tables > TABLES_MOST) return { kind: 'fault', detail: 'its head says tables that no encoder makes' };
  if (segmentCount > newCoded || moduleCount > newCoded || hintCount > newCoded)
    return { kind: 'fault', detail: 'its head says more parts than there are bytes' };
  const indexAll = (flags & FLAG_INDEX_ALL) !== 0;
  const plain = {
    ...{ oldSizeBytes, newSizeBytes, segmentCount, moduleCount, hintCount, tables, indexAll },
    ...(views === undefined ? {} : { views }),
  };
  const { at } = from;
  if ((flags & FLAG_DIGESTS) === 0) return { kind: 'head', head: plain, sizeBytes: at };
  if (patch.length < at + 2 * DIGEST_BYTES) return { kind: 'fault', detail: 'its head is cut off' };
  const digests = {
    old: patch.slice(at, at + DIGEST_BYTES),
    new: patch.slice(at + DIGEST_BYTES, at + 2 * DIGEST_BYTES),
  };
  return { kind: 'head', head: { ...plain, digests }, sizeBytes: at + 2 * DIGEST_BYTES };
}

function readViews(from: { readonly bytes: Uint8Array; at: number }): Views | 'none' {
  const [oldBytes, newBytes, listBytes] = [readNumber(from), readNumber(from), readNumber(from)];
  if (![oldBytes, newBytes].every((value) => value >= 0) || !(from.at + listBytes <= from.bytes.length)) return 'none';
  const list = from.bytes.slice(from.at, from.at + listBytes);
  from.at += listBytes;
  return { oldBytes, newBytes, list };
}

export function viewFits(viewBytes: number, fileBytes: number): boolean {
  return viewBytes <= VIEW_TIMES_MOST * fileBytes;
}

/** Between what the patch is coded. */
export function codedSizes(head: DeltaHead): { readonly oldBytes: number; readonly newBytes: number } {
  return head.views ?? { oldBytes: head.oldSizeBytes, newBytes: head.newSizeBytes };
}
