/** Everything that lives from one block to the next, at fixed addresses in the linear memory: a copy of the memory is a copy of the coder. */

// @ts-nocheck: AssemblyScript, not TypeScript.

@unmanaged
export class State {
  /** 0: decodes, 1: encodes, 2: prepares an alignment, with the new file known whole. */
  encoding: i32;
  /** Sizes of the two files, and how far the new one is known. */
  oldSize: i64;
  newSize: i64;
  n: i64;
  /** Window of the new file: its first byte is new[windowStart]. */
  windowAt: usize;
  windowStart: i64;
  /** Window of the old file around the block being coded: oldAt is where old[oldPosition] stands. */
  oldAt: usize;
  oldPosition: i64;
  /** Pages. */
  pageTable: usize;
  slotPages: usize;
  slotUsed: usize;
  slots: usize;
  slotCount: i32;
  hand: i32;
  oldPages: i32;
  pageCount: i32;
  /** Range coder. */
  low: u32;
  high: u32;
  value: u32;
  bufferAt: usize;
  bufferEnd: i32;
  bufferNext: i32;
  codedBytes: i64;
  /** Free memory. */
  free: usize;
  moduleArena: usize;
  /** Alignment. */
  segments: usize;
  segmentCount: i32;
  segment: i32;
  modules: usize;
  moduleCount: i32;
  nextModule: i32;
  hints: usize;
  hintCount: i32;
  /** Tables. */
  flagBits: i32;
  byteBits: i32;
  matchBits: i32;
  matchTable: usize;
  /** Blocks. */
  lastBlocks: i32;
  lastRuns: i32;
  runRefused: i64;
  /** Of the last blocks in gaps: three bits whether they were zeros, three whether they were as the match said. */
  gapBlocks: i32;
  /** In instructions of x86-64. */
  lastTarget: u32;
  /** History of the byte model. */
  history: u64;
  runLength: i32;
  difference1: u32;
  difference2: u32;
  lastMiss: i64;
  word: u32;
  /** Where the line at hand starts, and the one before it. */
  lineStart: i64;
  lineBefore: i64;
  trained: i64;
  /** Match model. */
  matchAt: i64;
  matchLength: i32;
  recoverAt: i64;
  recoverLeft: i32;
  /** Hash of the last 32 bytes, and the table of where such bytes stood, in a file from nothing. */
  far: u32;
  farTable: usize;
  farBits: i32;
  farStep: i64;
  /** Reference in the old file that the candidates come from. */
  confidence: i32;
  referenceType: i32;
  codeLast: i64;
  codeNext: i64;
  /** Target waiting to be learned. */
  pendingAt: i64;
  pendingType: i32;
  pendingTarget: i64;
  pendingPc: i64;
  pendingOld: u32;
}

export const S = changetype<State>(memory.data(offsetof<State>()));
