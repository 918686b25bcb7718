/**
 * What is aligned with what, before anything is aligned: files that did not change need no alignment, and those that did are aligned with
 * their predecessor only.
 */

import { ALIGNED_BYTES, MODULE_PLAIN, moduleKind } from './align.ts';
import { containerOf } from './container.ts';
import { alignInPlace } from './in-place.ts';
import { type Copy, type LazyMoves, movesBetween } from './moves.ts';
import { pairParts } from './pair.ts';
import type { Run } from './runs.ts';

/** A new file and the old one it is aligned with: where their bytes are in the two containers. */
export interface AlignJob {
  readonly name: string;
  readonly newRuns: readonly Run[];
  readonly oldRuns: readonly Run[];
  readonly kind: number;
}

export interface Plan {
  readonly moves: LazyMoves;
  readonly copies: readonly Copy[];
  readonly jobs: readonly AlignJob[];
}

/** A container up to this size is also aligned as a whole. */
const WHOLE_BYTES = 40_000_000;

/** One plan, or for small containers two: which is better, only coding tells. */
export function planDelta(oldContent: Uint8Array, newContent: Uint8Array): Plan[] {
  const moves = movesBetween(oldContent, newContent);
  const alone = oldContent.length <= ALIGNED_BYTES && newContent.length <= ALIGNED_BYTES;
  const whole = alone ? wholeFile(oldContent, newContent, moves) : inPlace(oldContent, newContent, moves);
  const old = containerOf(oldContent);
  const next = old === undefined ? undefined : containerOf(newContent);
  if (old === undefined || next === undefined) return [whole];
  const parted = pairParts(oldContent, newContent, old, next, moves);
  return oldContent.length <= WHOLE_BYTES ? [parted, whole] : [parted];
}

function wholeFile(oldContent: Uint8Array, newContent: Uint8Array, moves: LazyMoves): Plan {
  const kind = moduleKind(newContent) === moduleKind(oldContent) ? moduleKind(newContent) : MODULE_PLAIN;
  const newRuns = [{ start: 0, sizeBytes: newContent.length }];
  return {
    copies: [],
    jobs: [{ name: '', newRuns, oldRuns: [{ start: 0, sizeBytes: oldContent.length }], kind }],
    moves,
  };
}

function inPlace(oldContent: Uint8Array, newContent: Uint8Array, moves: LazyMoves): Plan {
  const plan = { copies: [] as Copy[], jobs: [] as AlignJob[] };
  alignInPlace(oldContent, newContent, 0, newContent.length, plan);
  return { ...plan, moves };
}
