/** Hints: blocks of the old module whose words are relative to themselves or to the start of the image. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';

export const HINT_RELATIVE: i32 = 1;
export const HINT_BYTES: i64 = 1024;
/** A hint: module, first block, end block, kind. Four words. */
export const HINT_WORDS: i32 = 4;

/** Those of the module at hand. */
let firstHint: i32 = 0;
let endHint: i32 = 0;

@inline
function hintWord(k: i32, word: i32): u32 {
  return load<u32>(S.hints + <usize>(4 * (k * HINT_WORDS + word)));
}

export function selectHints(module: u32): void {
  firstHint = 0;
  while (firstHint < S.hintCount && hintWord(firstHint, 0) < module) firstHint++;
  endHint = firstHint;
  while (endHint < S.hintCount && hintWord(endHint, 0) == module) endHint++;
}

/** How the words of the block are read that holds this offset; 0: as everywhere. */
export function hintAt(offset: i64): i32 {
  if (firstHint == endHint) return 0;
  const block = <u32>(offset / HINT_BYTES);
  let low = firstHint;
  let high = endHint;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (hintWord(middle, 2) > block) high = middle;
    else low = middle + 1;
  }
  return low < endHint && hintWord(low, 1) <= block ? hintWord(low, 3) : 0;
}
