/**
 * A view of a file: its bytes in another order, put together where a file lies in several places of an image, or unpacked where they are
 * packed. A view is a list of pieces; old and new file of a patch may have one each, and then the patch is one between the views.
 *
 * The list as whole numbers (docs/delta.md), LEB128: pieces of the old view, then of the new one, each as a count and entries of
 *
 *     kind | times | skip | what the kind needs
 *
 * `times` pieces alike follow each other. Skip: bytes of the file between the end of the piece before and this one, signed, folded.
 */

import type { DeflateKind } from '../deflate/machine.ts';
import { folded, pushNumber, readNumber, unfolded } from '../numbers.ts';

/** What is around a deflate stream and follows from its content. */
export const WRAP_NONE = 0;
/** RFC 1950: two bytes before, Adler-32 after. */
export const WRAP_ZLIB = 1;
/** RFC 1952: CRC-32 and length after; what is before is a piece of its own. */
export const WRAP_GZIP = 2;
export type Wrap = typeof WRAP_NONE | typeof WRAP_ZLIB | typeof WRAP_GZIP;

export type Piece =
  /** As it is. */
  | { readonly kind: 'raw'; readonly skipBytes: number; readonly sizeBytes: number }
  /** Zeros that are in the view only. */
  | { readonly kind: 'hole'; readonly sizeBytes: number }
  /** Inodes of an ext4 image without their sums, see inodes.ts. */
  | { readonly kind: 'inodes'; readonly skipBytes: number; readonly sizeBytes: number }
  /** Packed in the file. sizeBytes: in the view; of the old file left out, as unpacking tells; `packing` of the new one only. */
  | {
      readonly kind: 'packed';
      readonly skipBytes: number;
      readonly sizeBytes: number;
      readonly wrap: Wrap;
      readonly packing: DeflateKind | undefined;
    };

/** A piece with its place in the image instead of the distance to the one before. */
export type PlacedPiece =
  | { readonly kind: 'raw'; readonly start: number; readonly sizeBytes: number }
  | { readonly kind: 'inodes'; readonly start: number; readonly sizeBytes: number }
  | { readonly kind: 'hole'; readonly sizeBytes: number }
  | {
      readonly kind: 'packed';
      readonly start: number;
      readonly packedBytes: number;
      readonly sizeBytes: number;
      readonly wrap: Wrap;
      readonly packing: DeflateKind | undefined;
    };

const KIND_RAW = 0;
const KIND_HOLE = 1;
/** With the wrap added. */
const KIND_PACKED = 2;
const KIND_INODES = KIND_PACKED + 3;
const KINDS = KIND_INODES + 1;
const FLAG_GNU = 0x10;
const FLAG_MEMORY_9 = 0x20;
/** More pieces than this no encoder makes. */
const PIECES_MOST = 1 << 20;

/** The numbers of an entry, but for how often it comes. */
function numbersOf(piece: Piece): number[] {
  if (piece.kind === 'hole') return [KIND_HOLE, 0, piece.sizeBytes];
  if (piece.kind === 'raw') return [KIND_RAW, folded(piece.skipBytes), piece.sizeBytes];
  if (piece.kind === 'inodes') return [KIND_INODES, folded(piece.skipBytes), piece.sizeBytes];
  const start = [KIND_PACKED + piece.wrap, folded(piece.skipBytes)];
  if (piece.packing === undefined) return start;
  const { gnu, level, memoryLevel } = piece.packing;
  return [...start, piece.sizeBytes, level + (gnu ? FLAG_GNU : 0) + (memoryLevel === 9 ? FLAG_MEMORY_9 : 0)];
}

export function writePieces(views: readonly [old: readonly Piece[], next: readonly Piece[]]): Uint8Array {
  const out: number[] = [];
  for (const pieces of views) {
    const entries: { numbers: number[]; times: number }[] = [];
    for (const piece of pieces) {
      const numbers = numbersOf(piece);
      const last = entries.at(-1);
      if (last !== undefined && last.numbers.every((value, k) => value === numbers[k])) last.times++;
      else entries.push({ numbers, times: 1 });
    }
    pushNumber(out, entries.length);
    for (const { numbers, times } of entries) {
      const [kind = 0, ...rest] = numbers;
      for (const number of [kind, times, ...rest]) pushNumber(out, number);
    }
  }
  return Uint8Array.from(out);
}

/** Undefined where it is no list. Never throws. */
export function readPieces(list: Uint8Array): readonly [old: Piece[], next: Piece[]] | undefined {
  const from = { bytes: list, at: 0 };
  const oldPieces = readView(from, false);
  const newPieces = oldPieces === undefined ? undefined : readView(from, true);
  return oldPieces === undefined || newPieces === undefined || from.at !== list.length
    ? undefined
    : [oldPieces, newPieces];
}

function readView(from: { readonly bytes: Uint8Array; at: number }, isNew: boolean): Piece[] | undefined {
  const pieces: Piece[] = [];
  const count = readNumber(from);
  for (let k = 0; k < count; k++) {
    const [kind, times] = [readNumber(from), readNumber(from)];
    const piece = readPiece(from, kind, unfolded(readNumber(from)), isNew);
    if (piece === undefined || !(times > 0) || pieces.length + times > PIECES_MOST) return undefined;
    for (let n = 0; n < times; n++) pieces.push(piece);
  }
  return Number.isNaN(count) ? undefined : pieces;
}

function readPiece(
  from: { readonly bytes: Uint8Array; at: number },
  kind: number,
  skipBytes: number,
  isNew: boolean,
): Piece | undefined {
  if (!(kind < KINDS) || Number.isNaN(skipBytes)) return undefined;
  const wrap = (kind - KIND_PACKED) as Wrap;
  if (kind >= KIND_PACKED && kind !== KIND_INODES && !isNew)
    return { kind: 'packed', skipBytes, sizeBytes: 0, wrap, packing: undefined };
  const sizeBytes = readNumber(from);
  if (Number.isNaN(sizeBytes)) return undefined;
  if (kind === KIND_HOLE) return { kind: 'hole', sizeBytes };
  if (kind === KIND_RAW) return { kind: 'raw', skipBytes, sizeBytes };
  // A piece that unpacks to nothing takes time that no size bounds.
  if (sizeBytes === 0) return undefined;
  if (kind === KIND_INODES) return { kind: 'inodes', skipBytes, sizeBytes };
  const byte = readNumber(from);
  const level = byte & 15;
  if (!(byte < 2 * FLAG_MEMORY_9) || level < 1 || level > 9) return undefined;
  const packing = { gnu: (byte & FLAG_GNU) !== 0, level, memoryLevel: (byte & FLAG_MEMORY_9) === 0 ? 8 : 9 };
  return { kind: 'packed', skipBytes, sizeBytes, wrap, packing };
}

/** As a list has them. */
export function withSkips(placed: readonly PlacedPiece[]): Piece[] {
  let end = 0;
  return placed.map((piece): Piece => {
    if (piece.kind === 'hole') return piece;
    const skipBytes = piece.start - end;
    if (piece.kind !== 'packed') {
      end = piece.start + piece.sizeBytes;
      return { kind: piece.kind, skipBytes, sizeBytes: piece.sizeBytes };
    }
    end = piece.start + piece.packedBytes;
    const { sizeBytes, wrap, packing } = piece;
    return { kind: 'packed', skipBytes, sizeBytes: packing === undefined ? 0 : sizeBytes, wrap, packing };
  });
}
