/** The view of an old file: what is packed in it is unpacked once, into the scratch. */

import { DeflateMachine } from '../deflate/machine.ts';
import { InodeTables } from './inodes.ts';
import type { Piece } from './pieces.ts';
import { type Scratch, View } from './view.ts';
import { HEAD_BYTES, TAIL_BYTES } from './wrap.ts';

export interface UnpackSource {
  readonly sizeBytes: number;
  readonly read: (positionBytes: number, into: Uint8Array) => void;
}

const PIECE_BYTES = 65_536;

/** Undefined where the list does not fit the file, or makes more than `viewBytes`. Never throws for what is in list or file. */
export function unpackView(
  source: UnpackSource,
  pieces: readonly Piece[],
  viewBytes: number,
  scratch: Scratch,
): View | undefined {
  const view = new View(source.read, scratch);
  let machine: DeflateMachine | undefined;
  let inodes: InodeTables | undefined;
  let at = 0;
  let scratchEnd = 0;
  for (const piece of pieces) {
    if (view.sizeBytes + piece.sizeBytes > viewBytes) return undefined;
    if (piece.kind === 'hole') {
      view.add('nothing', 0, piece.sizeBytes);
      continue;
    }
    at += piece.skipBytes;
    if (at < 0 || at > source.sizeBytes) return undefined;
    if (piece.kind === 'raw') {
      if (at + piece.sizeBytes > source.sizeBytes) return undefined;
      view.add('file', at, piece.sizeBytes);
      at += piece.sizeBytes;
      continue;
    }
    const start = scratchEnd;
    if (piece.kind === 'inodes') {
      inodes ??= InodeTables.of(source);
      if (inodes === undefined || at + piece.sizeBytes > source.sizeBytes) return undefined;
      const some = Math.floor(PIECE_BYTES / inodes.inodeBytes) * inodes.inodeBytes;
      for (let done = 0; done < piece.sizeBytes; done += some) {
        const bytes = new Uint8Array(Math.min(some, piece.sizeBytes - done));
        source.read(at + done, bytes);
        if (!inodes.toggle(at + done, bytes)) return undefined;
        scratch.write(scratchEnd, bytes);
        scratchEnd += bytes.length;
      }
      view.add('scratch', start, piece.sizeBytes);
      at += piece.sizeBytes;
      continue;
    }
    machine ??= new DeflateMachine();
    let next = at + HEAD_BYTES[piece.wrap];
    const streamStart = next;
    const used = machine.inflate(
      (into) => {
        const count = Math.max(0, Math.min(into.length, source.sizeBytes - next));
        source.read(next, into.subarray(0, count));
        next += count;
        return count;
      },
      viewBytes - view.sizeBytes,
      (bytes) => {
        scratch.write(scratchEnd, bytes);
        scratchEnd += bytes.length;
      },
    );
    // A piece that unpacks to nothing takes time that no size bounds.
    if (used === undefined || scratchEnd === start) return undefined;
    view.add('scratch', start, scratchEnd - start);
    at = streamStart + used + TAIL_BYTES[piece.wrap];
  }
  return view.sizeBytes === viewBytes ? view : undefined;
}
