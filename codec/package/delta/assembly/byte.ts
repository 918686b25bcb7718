/**
 * Codes one byte of the new file: first whether the best guess is right, and where it is not (or there is none), the byte itself. Both by
 * mixing counters that are chosen by contexts.
 */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { hash } from './hash';
import { finishFields } from './candidates';
import { M } from './module';
import { MACHINE_A64, MACHINE_X64 } from './elf';
import { codeTarget, isTargetPlace } from './calls';
import { codeWord, isWordPlace, openWords } from './words';
import { openGuesses, gatherGuesses, learnGuesses, guess } from './guesses';
import { openFlags, codeFlag } from './flags';
import { openMisses, codeMissed, isWord } from './misses';
import { followMatch } from './match';

/** How long after a miss a match is looked for where the old file is followed. */
const MATCH_LOOKS: i64 = 16;
const LINE_FEED: u32 = 10;

export function openBytes(): void {
  openFlags();
  openMisses();
  openGuesses();
  openWords();
  S.lastMiss = -1;
  S.lastTarget = 0;
}

/**
 * at: where new[n] stands in the window; oldAt: where old[p] does; p: -1 in a gap. segmentFrom, segmentLeft: bytes since its start and
 * to its end.
 */
export function codeByte(n: i64, p: i64, at: usize, oldAt: usize, segmentFrom: i64, segmentLeft: i64): void {
  const gap = p < 0;
  const place = gap ? 0 : <i32>(p & 3);
  const favourite = gatherGuesses(n, gap, oldAt, place);
  // Where the old file is followed there is always a guess; in a gap they are too often wrong to be asked for one by one.
  const best = gap ? -1 : favourite;
  let predicted: u32 = 0;
  let hit = 0;
  if (!gap) {
    predicted = load<u8>(guess + best);
    const actual = S.encoding && load<u8>(at) == predicted ? 1 : 0;
    hit = codeFlag(actual, best, predicted, n, p, at, oldAt, place, segmentFrom, segmentLeft);
  }
  const byte = hit ? predicted : codeMissed(n, gap, at, oldAt, best, favourite, predicted, place);
  if (!S.encoding) store<u8>(at, <u8>byte);
  learnGuesses(byte);
  S.history = (S.history << 1) | (hit ? 0 : 1);
  if (!gap) {
    if (hit) S.runLength += 1;
    else {
      S.runLength = 0;
      S.lastMiss = n;
    }
    const oldHere = <u32>load<u8>(oldAt);
    if (byte != oldHere) {
      S.difference2 = S.difference1;
      S.difference1 = (byte - oldHere) & 255;
    }
  }
  S.word = isWord(byte) ? hash(S.word, byte) : 0;
  if (byte == LINE_FEED) {
    S.lineBefore = S.lineStart;
    S.lineStart = n + 1;
  }
  finishFields(n);
  followMatch(n, at, gap || n - S.lastMiss <= MATCH_LOOKS);
}

/** Codes what is in a gap at new[n], and says how many bytes that were. left: to its end. */
export function codeGap(n: i64, at: usize, left: i64): i32 {
  if (M.open && M.machine == MACHINE_A64 && isWordPlace(n, left, at)) codeWord(n, at);
  else if (M.open && M.machine == MACHINE_X64 && left >= 4 && n >= M.newStart + 8 && isTargetPlace(at)) codeTarget(n, at);
  else {
    codeByte(n, -1, at, 0, 0, 0);
    return 1;
  }
  S.trained = n + 4;
  S.history = (S.history << 4) | 15;
  S.word = 0;
  return 4;
}
