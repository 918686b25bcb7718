/** The new file, front to back: runs and blocks that are plain copies cost a flag; the rest is coded byte by byte. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { BLOCK_BYTES, CHUNK_BYTES, windowOld, copyOld, sameAsOld, copyEither, sameAsEither, areZeros } from './memory';
import { EVEN, update } from './logistic';
import { codeBit, costBytes, costKind, KIND_BLOCKS } from './coder';
import { bitsOf } from './hash';
import { matchReaches, passMatch } from './match';
import { SEGMENT_BYTES } from './map';
import { MODULE_WORDS } from './lists';
import { M, enterModule } from './module';
import { startFields, dropFields } from './candidates';
import { referenceAt } from './references';
import { typesFrom, typesTo } from './records';
import { refTarget, refType, REF_TYPE_NAME, REF_TYPE } from './found';
import { O } from './elf';
import { learnShift } from './learned';
import { codeByte, codeGap } from './byte';

/** How far the new file is, and what it took of the patch. For reports: nothing that is decoded depends on it. */
@external('env', 'stepped')
declare function stepped(endBytes: f64, patchBytes: f64): void;

const RUN_LEAST: i64 = 8192;
const blockCounters: usize = memory.data(4 * 128, 16);

export function openBlocks(): void {
  for (let k = 0; k < 128; k++) store<u32>(blockCounters + <usize>(4 * k), EVEN);
  S.nextModule = 0;
  S.segment = 0;
  S.runRefused = -1;
  S.gapBlocks = 0;
  S.pendingAt = -1;
  M.open = 0;
  M.newEnd = 0;
  S.moduleArena = S.free;
}

@inline
function bounded(end: i64): i64 {
  const chunkEnd = (S.n / CHUNK_BYTES + 1) * CHUNK_BYTES;
  let to = min(end, chunkEnd);
  if (M.open && S.n < M.newEnd) to = min(to, M.newEnd);
  else if (S.nextModule < S.moduleCount) to = min(to, <i64>load<u32>(S.modules + <usize>(4 * S.nextModule * MODULE_WORDS)));
  return to;
}

function codeSame(context: i32, same: i32): i32 {
  costKind(KIND_BLOCKS);
  const at = blockCounters + <usize>(4 * context);
  const p = min<u32>(max<u32>(load<u32>(at) >>> 8, 336), (1 << 24) - 336);
  const coded = codeBit(same, p);
  update(at, coded, 250);
  return coded;
}

/** A copy: nothing is learned of it but that names and types in it kept their numbers. */
function copied(p: i64, count: i64): void {
  if (M.open && O.valid && p >= M.oldStart && p + count <= M.oldEnd) keepNumbers(p - M.oldStart, p - M.oldStart + count);
  S.runLength += <i32>count;
  S.history = 0;
  S.pendingAt = -1;
  dropFields();
  S.matchLength = 0;
}

/** from, to: offsets in the old module. */
function keepNumbers(from: i64, to: i64): void {
  const first = (max(from, typesFrom) + 3) & ~3;
  const end = min(to, typesTo);
  for (let q = first; q + 4 <= end; q += 4) {
    if (q == first || M.oldStart + q + 4 > S.oldPosition + BLOCK_BYTES) windowOld(M.oldStart + q, BLOCK_BYTES);
    const at = S.oldAt + <usize>(M.oldStart + q - S.oldPosition);
    if (referenceAt(at, q) && (refType == REF_TYPE_NAME || refType == REF_TYPE)) learnShift(refType - REF_TYPE_NAME, <u32>refTarget, 0);
  }
}

/** Codes some bytes: a run, a block, or a stretch of a gap; never past the end of a chunk. */
function step(): void {
  const n = S.n;
  if (M.open && n >= M.newEnd) {
    M.open = 0;
    O.valid = 0;
    dropFields();
    S.pendingAt = -1;
  }
  if (S.nextModule < S.moduleCount && n == <i64>load<u32>(S.modules + <usize>(4 * S.nextModule * MODULE_WORDS))) enterModule(S.nextModule++, true);
  let segment = S.segments + <usize>(S.segment * SEGMENT_BYTES);
  while (S.segment < S.segmentCount && <i64>load<u32>(segment) + <i64>load<u32>(segment, 8) <= n) {
    S.segment++;
    segment += SEGMENT_BYTES;
  }
  const at = S.windowAt + <usize>(n - S.windowStart);
  if (S.segment < S.segmentCount && n >= <i64>load<u32>(segment)) {
    const start = <i64>load<u32>(segment);
    const end = start + <i64>load<u32>(segment, 8);
    const p = <i64>load<u32>(segment, 4) + n - start;
    const runEnd = bounded(end);
    if (runEnd - n >= RUN_LEAST && n >= S.runRefused) {
      const same = codeSame(64 + ((S.lastRuns & 3) | (min(bitsOf(runEnd - n) - 13, 7) << 2)), S.encoding ? <i32>sameAsOld(p, at, <i32>(runEnd - n)) : 0);
      S.lastRuns = (S.lastRuns << 1) | same;
      if (same) {
        if (!S.encoding) copyOld(p, at, <i32>(runEnd - n));
        copied(p, runEnd - n);
        S.n = runEnd;
        return;
      }
      S.runRefused = runEnd;
    }
    const blockEnd = bounded(min(end, n + BLOCK_BYTES));
    const count = <i32>(blockEnd - n);
    const context = (S.lastBlocks & 3) | ((min(bitsOf(count), 11) >> 2) << 2) | (((S.lastBlocks >> 2) & 3) << 4);
    const same = codeSame(context, S.encoding ? <i32>sameAsOld(p, at, count) : 0);
    S.lastBlocks = (S.lastBlocks << 1) | same;
    if (same) {
      if (!S.encoding) copyOld(p, at, count);
      copied(p, count);
      S.n = blockEnd;
      return;
    }
    windowOld(p, count);
    for (let k = 0; k < count; k++) {
      S.n = n + k;
      startFields(n + k, p + k, S.oldAt + k, start);
      codeByte(n + k, p + k, at + k, S.oldAt + k, n + k - start, end - n - k);
    }
    S.n = blockEnd;
    return;
  }
  const end = bounded(S.segment < S.segmentCount ? <i64>load<u32>(segment) : S.newSize);
  dropFields();
  for (let k: i64 = 0; k < end - n; ) {
    S.n = n + k;
    if (((n + k) & (BLOCK_BYTES - 1)) == 0 && end - n - k >= BLOCK_BYTES && codeGapBlock(n + k, at + <usize>k)) k += BLOCK_BYTES;
    else k += codeGap(n + k, at + <usize>k, end - n - k);
  }
  S.n = end;
}

/** A block of a gap that is zeros, or goes on as the match does: a flag each. False where it is neither. */
function codeGapBlock(n: i64, at: usize): bool {
  const zeros = codeSame(96 + (S.gapBlocks & 7), S.encoding ? <i32>areZeros(at, BLOCK_BYTES) : 0);
  let matched = 0;
  if (zeros) {
    if (!S.encoding) memory.fill(at, 0, BLOCK_BYTES);
  } else if (matchReaches(n, BLOCK_BYTES)) {
    matched = codeSame(104 + ((S.gapBlocks >> 3) & 7), S.encoding ? <i32>sameAsEither(S.matchAt, at, BLOCK_BYTES) : 0);
    if (matched && !S.encoding) copyEither(S.matchAt, at, BLOCK_BYTES);
    S.gapBlocks = (S.gapBlocks & 7) | (((((S.gapBlocks >> 3) << 1) | matched) & 7) << 3);
  }
  S.gapBlocks = (S.gapBlocks & ~7) | (((S.gapBlocks << 1) | zeros) & 7);
  if (!zeros && !matched) return false;
  passMatch(n, at, BLOCK_BYTES, matched != 0);
  S.history = ~(<u64>0);
  S.trained = n + BLOCK_BYTES;
  S.word = 0;
  return true;
}

/** Codes until new[to]; `to` is the end of a chunk or of the file, and the window holds the chunk (or has room for it). */
export function codeUntil(to: i64): void {
  while (S.n < to) {
    step();
    stepped(<f64>S.n, costBytes());
  }
}
