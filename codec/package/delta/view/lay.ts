/** A file inside of an image as pieces: its runs one after another, with what is packed in it unpacked. For the encoder only. */

import type { DeflateKind } from '../deflate/machine.ts';
import { gather, HOLE, type Run } from '../runs.ts';
import { membersOf } from './members.ts';
import type { Packings } from './packing.ts';
import type { Piece, Wrap } from './pieces.ts';
import { HEAD_BYTES } from './wrap.ts';

/** A piece with its place in the image instead of the distance to the one before. */
export type PlacedPiece =
  | { readonly kind: 'raw'; readonly start: number; readonly sizeBytes: number }
  | { readonly kind: 'hole'; readonly sizeBytes: number }
  | {
      readonly kind: 'packed';
      readonly start: number;
      readonly packedBytes: number;
      readonly sizeBytes: number;
      readonly wrap: Wrap;
      readonly packing: DeflateKind | undefined;
    };

export interface LaidFile {
  readonly pieces: readonly PlacedPiece[];
  /** As the view has it. */
  readonly content: Uint8Array;
  readonly unpacks: boolean;
}

/** What a member may be unpacked: more takes the room of a device. */
const MEMBER_MOST_BYTES = 64_000_000;

/** isNew: only what can be packed again to the same bytes is unpacked. */
export function layFile(image: Uint8Array, runs: readonly Run[], packings: Packings, isNew: boolean): LaidFile {
  const content = gather(image, runs);
  const [only] = runs;
  if (runs.length !== 1 || only === undefined || only.start === HOLE) {
    const pieces = runs.map(({ start, sizeBytes }) =>
      start === HOLE ? ({ kind: 'hole', sizeBytes } as const) : ({ kind: 'raw', start, sizeBytes } as const),
    );
    return { pieces, content, unpacks: false };
  }
  const pieces: PlacedPiece[] = [];
  const parts: Uint8Array[] = [];
  let end = 0;
  const raw = (to: number): void => {
    if (to <= end) return;
    pieces.push({ kind: 'raw', start: only.start + end, sizeBytes: to - end });
    parts.push(content.subarray(end, to));
    end = to;
  };
  for (const member of membersOf(content)) {
    const start = member.start - HEAD_BYTES[member.wrap];
    if (start < end) continue;
    const unpacked = packings.unpack(content.subarray(start), member.wrap);
    if (unpacked === undefined || unpacked.content.length > MEMBER_MOST_BYTES || unpacked.content.length === 0)
      continue;
    const packed = content.subarray(start, start + unpacked.sizeBytes);
    const packing = isNew ? packings.kindOf(packed, unpacked.content, member.wrap) : undefined;
    if (isNew && packing === undefined) continue;
    raw(start);
    const sizeBytes = unpacked.content.length;
    const place = { start: only.start + start, packedBytes: packed.length, sizeBytes };
    pieces.push({ kind: 'packed', ...place, wrap: member.wrap, packing });
    parts.push(unpacked.content);
    end = start + packed.length;
  }
  const unpacks = pieces.length > 0;
  raw(content.length);
  return { pieces, content: unpacks ? joined(parts) : content, unpacks };
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** As a list has them. */
export function withSkips(placed: readonly PlacedPiece[]): Piece[] {
  let end = 0;
  return placed.map((piece): Piece => {
    if (piece.kind === 'hole') return piece;
    const skipBytes = piece.start - end;
    if (piece.kind === 'raw') {
      end = piece.start + piece.sizeBytes;
      return { kind: 'raw', skipBytes, sizeBytes: piece.sizeBytes };
    }
    end = piece.start + piece.packedBytes;
    const { sizeBytes, wrap, packing } = piece;
    return { kind: 'packed', skipBytes, sizeBytes: packing === undefined ? 0 : sizeBytes, wrap, packing };
  });
}
