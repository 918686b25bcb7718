/** A file inside of an image as pieces: its runs one after another, with what is packed in it unpacked. For the encoder only. */

import { gather, HOLE, type Run } from '../runs.ts';
import { ViewBuilder } from './builder.ts';
import { membersOf } from './members.ts';
import type { Packings } from './packing.ts';
import type { PlacedPiece } from './pieces.ts';
import { HEAD_BYTES } from './wrap.ts';

export interface LaidFile {
  readonly pieces: readonly PlacedPiece[];
  /** As the view has it. */
  readonly content: Uint8Array;
  readonly unpacks: boolean;
}

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
  const end = only.start + only.sizeBytes;
  const file = image.subarray(0, end);
  const builder = new ViewBuilder(file, only.start);
  for (const member of membersOf(content)) {
    const start = only.start + member.start - HEAD_BYTES[member.wrap];
    if (start < builder.end) continue;
    const found = packings.pieceAt(file, start, member.wrap, isNew);
    if (found === undefined) continue;
    builder.rawUntil(start);
    builder.add(found.piece, found.content);
    builder.pass(start + found.piece.packedBytes);
  }
  const unpacks = builder.pieces.length > 0;
  builder.rawUntil(end);
  return { pieces: builder.pieces, content: unpacks ? builder.content() : content, unpacks };
}
