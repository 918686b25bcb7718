/** What the host calls. One coder a memory. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { layOutPages, take, CHUNK_BYTES, KEPT_BYTES } from './memory';
import { makeTables } from './logistic';
import { openCoder, closeCoder, costs } from './coder';
import { openIntegers } from './integers';
import { codeLists, MODULE_WORDS } from './lists';
import { HINT_WORDS } from './hinted';
import { SEGMENT_BYTES } from './map';
import { openMatches, indexOld } from './match';
import { openLearned } from './learned';
import { openBytes } from './byte';
import { openBlocks, codeUntil } from './blocks';
import { M, enterModule } from './module';

/** Lays the memory out; afterwards the encoder fills the lists. */
export function setUp(
  encoding: i32,
  oldSize: f64,
  newSize: f64,
  segmentCount: i32,
  moduleCount: i32,
  hintCount: i32,
  flagBits: i32,
  byteBits: i32,
  matchBits: i32,
  pageSlots: i32,
): void {
  S.free = (__heap_base + 15) & ~15;
  S.encoding = encoding;
  S.oldSize = <i64>oldSize;
  S.newSize = <i64>newSize;
  S.segmentCount = segmentCount;
  S.moduleCount = moduleCount;
  S.hintCount = hintCount;
  S.flagBits = flagBits;
  S.byteBits = byteBits;
  S.matchBits = matchBits;
  makeTables();
  layOutPages(pageSlots);
  S.segments = take(<usize>(segmentCount * SEGMENT_BYTES));
  S.modules = take(<usize>(4 * moduleCount * MODULE_WORDS));
  S.hints = take(<usize>(4 * hintCount * HINT_WORDS));
  openIntegers();
  openMatches();
  openLearned();
  openBytes();
}

export function segmentsAt(): usize {
  return S.segments;
}
export function modulesAt(): usize {
  return S.modules;
}
export function hintsAt(): usize {
  return S.hints;
}

/** Codes the lists. indexAll: all of the old file is made known to the match model. False: what was decoded makes no sense. */
export function begin(indexAll: i32): i32 {
  openCoder();
  const good = codeLists();
  if (good && indexAll) indexOld(0, S.oldSize);
  openBlocks();
  return <i32>good;
}

/** Where the next chunk stands in memory; the encoder puts its bytes there before `codeChunk`. */
export function chunkAt(): usize {
  const start = S.n;
  if (start > 0) {
    const kept = min<i64>(start, KEPT_BYTES);
    memory.copy(S.windowAt, S.windowAt + <usize>(start - kept - S.windowStart), <usize>kept);
    S.windowStart = start - kept;
  }
  return S.windowAt + <usize>(start - S.windowStart);
}

/** Codes up to the end of the chunk. Returns its length in bytes. */
export function codeChunk(): i32 {
  const start = S.n;
  const end = min((start / CHUNK_BYTES + 1) * CHUNK_BYTES, S.newSize);
  codeUntil(end);
  return <i32>(end - start);
}

/**
 * After a saved memory was copied over one that was set up alike: makes anew what is not in the memory, the variables of the module at hand.
 * The host copies the memory in once more, for this writes over it.
 */
export function reopen(): void {
  if (M.open) enterModule(M.index, false);
}

export function finish(): void {
  closeCoder();
}

export function costsAt(): usize {
  return costs;
}

export function codedBytes(): f64 {
  return <f64>S.codedBytes;
}

export {
  prepareRoom,
  prepareOldAt,
  prepareNewAt,
  prepare,
  preparedSegmentsAt,
  preparedSegmentCount,
  preparedHintsAt,
  preparedHintCount,
} from './prepare';
export { movesRoom, movesOldAt, movesPieceAt, movesFoundAt, movesIndex, movesFind } from './moves';
