/** What no file covers, or what is too large to be aligned as one: blocks that differ are aligned with what stood in the same place. */

import { bytesEqual } from '../../bytes.ts';
import { MODULE_PLAIN } from './align.ts';
import type { Copy } from './moves.ts';
import type { AlignJob } from './plan.ts';

const BLOCK_BYTES = 4096;
/** Equal blocks that are fewer than this between two that differ belong to them. */
const JOINED_BLOCKS = 4;
const PIECE_BYTES = 1 << 25;
/** How far a place may have moved. */
const AROUND_BYTES = 1 << 16;

/** new[start, end) into copies and jobs. */
export function alignInPlace(
  oldContent: Uint8Array,
  newContent: Uint8Array,
  start: number,
  end: number,
  into: { readonly copies: Copy[]; readonly jobs: AlignJob[] },
): void {
  const limit = Math.min(end, oldContent.length);
  let from = start;
  while (from < limit) {
    const same = sameFrom(oldContent, newContent, from, limit);
    if (same > from) into.copies.push({ newStart: from, oldStart: from, sizeBytes: same - from });
    const differing = differsFrom(oldContent, newContent, same, Math.min(limit, same + PIECE_BYTES));
    if (differing > same) {
      const oldStart = Math.max(0, same - AROUND_BYTES);
      const oldBytes = Math.min(oldContent.length, differing + AROUND_BYTES) - oldStart;
      into.jobs.push({
        name: '',
        newRuns: [{ start: same, sizeBytes: differing - same }],
        oldRuns: [{ start: oldStart, sizeBytes: oldBytes }],
        kind: MODULE_PLAIN,
      });
    }
    from = differing;
  }
}

function sameBlock(oldContent: Uint8Array, newContent: Uint8Array, at: number, limit: number): boolean {
  const end = Math.min(at + BLOCK_BYTES, limit);
  return bytesEqual(oldContent.subarray(at, end), newContent.subarray(at, end));
}

function sameFrom(oldContent: Uint8Array, newContent: Uint8Array, start: number, limit: number): number {
  let at = start;
  while (at < limit && sameBlock(oldContent, newContent, at, limit)) at += BLOCK_BYTES;
  return Math.min(at, limit);
}

function differsFrom(oldContent: Uint8Array, newContent: Uint8Array, start: number, limit: number): number {
  let end = start;
  for (let at = start, same = 0; at < limit && same < JOINED_BLOCKS; at += BLOCK_BYTES) {
    if (sameBlock(oldContent, newContent, at, limit)) same++;
    else {
      same = 0;
      end = Math.min(at + BLOCK_BYTES, limit);
    }
  }
  return end;
}
