/**
 * Finds the matches that zlib (deflate.c) and GNU gzip (deflate.c) find, so that the same bytes come out: the window of two halves that
 * slides, chains of one hash, and in the slower levels a match that waits for a better one.
 */

// @ts-nocheck: AssemblyScript, not TypeScript.

import {
  D,
  WINDOW,
  MIN_MATCH,
  MAX_MATCH,
  MIN_LOOKAHEAD,
  MAX_DISTANCE,
  IN_BYTES,
  windowAt,
  previousAt,
  headAt,
  inputAreaAt,
  makeRoom,
} from './state';
import { flushBlock, keepSymbol, makeConstants, openBlock } from './trees';

/** A match of three bytes from farther away is no gain. */
const TOO_FAR: i32 = 4096;
/** good, lazy, nice, chain: of the levels 1 to 9. */
const LEVELS: usize = memory.data<u16>([
  4, 4, 8, 4, 4, 5, 16, 8, 4, 6, 32, 32, 4, 4, 16, 16, 8, 16, 32, 32, 8, 16, 128, 128, 8, 32, 128, 256, 32, 128, 258, 1024, 32,
  258, 258, 4096,
]);

/** memoryLevel: as deflateInit2 has it; gzip takes as many symbols as 9, and the hash of 8. */
export function openDeflate(level: i32, gnu: i32, memoryLevel: i32): void {
  makeRoom();
  makeConstants();
  D.gnu = gnu;
  D.level = level;
  const row = LEVELS + 8 * (level - 1);
  D.goodMatch = load<u16>(row);
  D.maxLazy = load<u16>(row, 2);
  D.niceMatch = load<u16>(row, 4);
  D.maxChain = load<u16>(row, 6);
  D.hashBits = gnu ? 15 : memoryLevel + 7;
  D.hashShift = (D.hashBits + MIN_MATCH - 1) / MIN_MATCH;
  D.hashMask = (1 << D.hashBits) - 1;
  D.symbolsMost = (gnu ? 32768 : 1 << (memoryLevel + 6)) - 1;
  memory.fill(windowAt, 0, 2 * WINDOW + 512);
  memory.fill(headAt, 0, 2 << D.hashBits);
  memory.fill(previousAt, 0, 2 * WINDOW);
  D.hash = 0;
  D.start = 0;
  D.lookahead = 0;
  D.blockStart = 0;
  D.matchStart = 0;
  D.matchLength = MIN_MATCH - 1;
  D.previousLength = MIN_MATCH - 1;
  D.matchAvailable = 0;
  D.begun = 0;
  D.ended = 0;
  D.inputLeft = 0;
  D.last = 0;
  D.bits = 0;
  D.bitCount = 0;
  D.outCount = 0;
  openBlock();
}

/** Where the next piece of the content goes, at most IN_BYTES of it. */
export function deflateInputAt(): usize {
  return inputAreaAt;
}

/** Takes what stands there. last: nothing follows, and the stream is ended. */
export function deflatePush(count: i32, last: i32): void {
  D.inputAt = 0;
  D.inputLeft = count;
  D.last = last;
  if (D.level < 4) deflateFast();
  else deflateSlow();
}

function slide(): void {
  memory.copy(windowAt, windowAt + WINDOW, WINDOW);
  D.matchStart -= WINDOW;
  D.start -= WINDOW;
  D.blockStart -= WINDOW;
  lower(headAt, 1 << D.hashBits);
  lower(previousAt, WINDOW);
}

function lower(at: usize, count: i32): void {
  const by = i16x8.splat(<i16>WINDOW);
  for (let k: usize = 0; k < <usize>count << 1; k += 16) v128.store(at + k, i16x8.sub_sat_u(v128.load(at + k), by));
}

/** False: more must be pushed first. */
function fill(): bool {
  if (!D.begun) {
    while (D.lookahead < 2 * WINDOW && takeInput());
    // Both read until the window is full, or the input at its end, before they begin.
    if (D.lookahead < MIN_LOOKAHEAD && !D.last) return false;
    D.begun = 1;
    if (D.gnu && D.lookahead == 0) D.ended = 1;
    if (D.lookahead >= 2 || D.gnu)
      D.hash = ((<u32>load<u8>(windowAt) << D.hashShift) ^ <u32>load<u8>(windowAt + 1)) & D.hashMask;
  }
  while (D.lookahead < MIN_LOOKAHEAD && !D.ended) {
    if (D.inputLeft == 0 && !D.last) return false;
    if (D.start >= WINDOW + MAX_DISTANCE) slide();
    if (takeInput()) continue;
    if (D.gnu) {
      D.ended = 1;
      // So that what is left in the window does not get into the dictionary.
      store<u16>(windowAt + D.start + D.lookahead, 0);
    }
    break;
  }
  return true;
}

function takeInput(): bool {
  const some = min(D.inputLeft, 2 * WINDOW - D.lookahead - D.start);
  if (some == 0) return false;
  memory.copy(windowAt + D.start + D.lookahead, inputAreaAt + D.inputAt, some);
  D.lookahead += some;
  D.inputAt += some;
  D.inputLeft -= some;
  return true;
}

/** Makes the string at `at` known; returns the one before with this hash, 0 where there is none. */
@inline
function insert(at: i32): i32 {
  D.hash = ((D.hash << D.hashShift) ^ <u32>load<u8>(windowAt + at + MIN_MATCH - 1)) & D.hashMask;
  const slot = headAt + (<usize>D.hash << 1);
  const before: i32 = load<u16>(slot);
  store<u16>(previousAt + (<usize>(at & (WINDOW - 1)) << 1), <u16>before);
  store<u16>(slot, <u16>at);
  return before;
}

function longestMatch(from: i32): i32 {
  let cursor = from;
  let chain = D.previousLength >= D.goodMatch ? D.maxChain >> 2 : D.maxChain;
  let best = D.previousLength;
  const limit = D.start > MAX_DISTANCE ? D.start - MAX_DISTANCE : 0;
  const nice = D.gnu ? D.niceMatch : min(D.niceMatch, D.lookahead);
  const scan = windowAt + D.start;
  let endBytes = load<u16>(scan + best - 1);
  const startBytes = load<u16>(scan);
  do {
    const match = windowAt + cursor;
    if (load<u16>(match + best - 1) == endBytes && load<u16>(match) == startBytes) {
      let length = 2;
      while (length < MAX_MATCH) {
        const differing = load<u64>(scan + length) ^ load<u64>(match + length);
        if (differing != 0) {
          length += <i32>(ctz(differing) >> 3);
          break;
        }
        length += 8;
      }
      length = min(length, MAX_MATCH);
      if (length > best) {
        D.matchStart = cursor;
        best = length;
        if (length >= nice) break;
        endBytes = load<u16>(scan + best - 1);
      }
    }
    cursor = load<u16>(previousAt + (<usize>(cursor & (WINDOW - 1)) << 1));
  } while (cursor > limit && --chain != 0);
  return min(best, D.lookahead);
}

@inline
function endBlock(last: i32): void {
  flushBlock(D.blockStart, D.start - D.blockStart, last);
  D.blockStart = D.start;
}

/** gzip makes all strings known, also those past the end. */
@inline
function mayInsert(): bool {
  return D.gnu != 0 || D.lookahead >= MIN_MATCH;
}

@inline
function mayMatch(before: i32): bool {
  return before != 0 && D.start - before <= MAX_DISTANCE && (!D.gnu || D.start <= 2 * WINDOW - MIN_LOOKAHEAD);
}

function deflateFast(): void {
  for (;;) {
    if (!fill()) return;
    if (D.lookahead == 0) break;
    const before = mayInsert() ? insert(D.start) : 0;
    if (mayMatch(before)) D.matchLength = longestMatch(before);
    let ends = false;
    if (D.matchLength >= MIN_MATCH) {
      ends = keepSymbol(D.start - D.matchStart, D.matchLength - MIN_MATCH);
      D.lookahead -= D.matchLength;
      if (D.matchLength <= D.maxLazy && mayInsert()) {
        while (--D.matchLength != 0) insert(++D.start);
        D.start++;
      } else {
        D.start += D.matchLength;
        D.matchLength = 0;
        D.hash =
          ((<u32>load<u8>(windowAt + D.start) << D.hashShift) ^ <u32>load<u8>(windowAt + D.start + 1)) & D.hashMask;
      }
    } else {
      ends = keepSymbol(0, load<u8>(windowAt + D.start));
      D.lookahead--;
      D.start++;
    }
    if (ends) endBlock(0);
  }
  endBlock(1);
}

function deflateSlow(): void {
  for (;;) {
    if (!fill()) return;
    if (D.lookahead == 0) break;
    const before = mayInsert() ? insert(D.start) : 0;
    D.previousLength = D.matchLength;
    const previousMatch = D.matchStart;
    D.matchLength = MIN_MATCH - 1;
    if (D.previousLength < D.maxLazy && mayMatch(before)) {
      D.matchLength = longestMatch(before);
      if (D.matchLength == MIN_MATCH && D.start - D.matchStart > TOO_FAR) D.matchLength = MIN_MATCH - 1;
    }
    if (D.previousLength >= MIN_MATCH && D.matchLength <= D.previousLength) {
      const lastInserted = D.gnu ? i32.MAX_VALUE : D.start + D.lookahead - MIN_MATCH;
      const ends = keepSymbol(D.start - 1 - previousMatch, D.previousLength - MIN_MATCH);
      D.lookahead -= D.previousLength - 1;
      for (let left = D.previousLength - 2; left != 0; left--) if (++D.start <= lastInserted) insert(D.start);
      D.matchAvailable = 0;
      D.matchLength = MIN_MATCH - 1;
      D.start++;
      if (ends) endBlock(0);
    } else if (D.matchAvailable) {
      if (keepSymbol(0, load<u8>(windowAt + D.start - 1))) endBlock(0);
      D.start++;
      D.lookahead--;
    } else {
      D.matchAvailable = 1;
      D.start++;
      D.lookahead--;
    }
  }
  if (D.matchAvailable) {
    keepSymbol(0, load<u8>(windowAt + D.start - 1));
    D.matchAvailable = 0;
  }
  endBlock(1);
}
