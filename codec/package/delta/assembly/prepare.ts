/** The encoder's alignment of one pair: align, re-target the old module through the alignment, align again. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { layOutPages, take } from './memory';
import { openLearned } from './learned';
import { openBlocks } from './blocks';
import { enterModule, openNew, MODULE_PLAIN } from './module';
import { align, alignedAt } from './align';
import { O } from './elf';
import { SEGMENT_BYTES } from './map';
import { MODULE_WORDS } from './lists';
import { HINT_WORDS } from './hinted';
import { retarget } from './retarget';
import { findHints, hintsFoundAt } from './hints';

let oldAt: usize = 0;
let newAt: usize = 0;
let oldSize: i32 = 0;
let newSize: i32 = 0;
let resultSegments: usize = 0;
let resultCount: i32 = 0;
let resultHints: usize = 0;
let resultHintCount: i32 = 0;

/** Room for the two files, which the host then fills in. */
export function prepareRoom(oldBytes: i32, newBytes: i32): void {
  S.free = (__heap_base + 15) & ~15;
  oldSize = oldBytes;
  newSize = newBytes;
  oldAt = take(<usize>oldBytes + 64);
  newAt = take(<usize>newBytes + 64);
}
export function prepareOldAt(): usize {
  return oldAt;
}
export function prepareNewAt(): usize {
  return newAt;
}

/** kind: of the module. rounds: alignments after the first one. */
export function prepare(kind: u32, rounds: i32): void {
  const kept = S.free;
  resultCount = align(oldAt, oldSize, newAt, newSize);
  resultSegments = kept;
  memory.copy(kept, alignedAt(), <usize>(resultCount * SEGMENT_BYTES));
  S.free = (kept + <usize>(resultCount * SEGMENT_BYTES) + 15) & ~15;
  resultHintCount = 0;
  if (kind == MODULE_PLAIN) return;
  for (let round = 0; round < rounds; round++) {
    const mark = S.free;
    S.encoding = 2;
    S.oldSize = oldSize;
    S.newSize = newSize;
    S.n = newSize;
    layOutPages(64);
    S.windowStart = i64.MAX_VALUE;
    S.segments = resultSegments;
    S.segmentCount = resultCount;
    S.modules = take(4 * MODULE_WORDS);
    S.moduleCount = 1;
    store<u32>(S.modules, 0);
    store<u32>(S.modules, <u32>newSize, 4);
    store<u32>(S.modules, 0, 8);
    store<u32>(S.modules, <u32>oldSize, 12);
    store<u32>(S.modules, kind, 16);
    S.hintCount = 0;
    openLearned();
    openBlocks();
    enterModule(0, false);
    if (!O.valid || openNew(0, newSize) != 1) {
      S.free = mark;
      return;
    }
    const absolute = take(<usize>newSize + 64);
    memory.copy(absolute, newAt, <usize>newSize);
    const hintCount = findHints(0, absolute);
    // Both are moved down over what is not needed any more, once the new alignment is made.
    S.hints = hintsFoundAt();
    S.hintCount = hintCount;
    S.moduleArena = S.free;
    enterModule(0, false);
    openNew(0, newSize);
    const moved = take(<usize>oldSize + 64);
    memory.copy(moved, oldAt, <usize>oldSize);
    retarget(moved);
    const count = align(moved, oldSize, absolute, newSize);
    const hintsBytes = <usize>(4 * hintCount * HINT_WORDS);
    // Segments first, hints after them.
    const segmentsFrom = alignedAt();
    const hintsFrom = S.hints;
    const hintsCopy = take(hintsBytes + 16);
    memory.copy(hintsCopy, hintsFrom, hintsBytes);
    memory.copy(resultSegments, segmentsFrom, <usize>(count * SEGMENT_BYTES));
    resultHints = (resultSegments + <usize>(count * SEGMENT_BYTES) + 15) & ~15;
    memory.copy(resultHints, hintsCopy, hintsBytes);
    resultCount = count;
    resultHintCount = hintCount;
    S.free = (resultHints + hintsBytes + 15) & ~15;
  }
}

export function preparedSegmentsAt(): usize {
  return resultSegments;
}
export function preparedSegmentCount(): i32 {
  return resultCount;
}
export function preparedHintsAt(): usize {
  return resultHints;
}
export function preparedHintCount(): i32 {
  return resultHintCount;
}
