/** The old module as it would be with every reference pointing where its target went: what a second alignment is made with. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { take, windowOld, new32, BLOCK_BYTES } from './memory';
import { O, N, addressOf, addressFound } from './elf';
import { M } from './candidates';
import { mapPosition, mapConfidence } from './map';
import {
  referenceAt,
  refType,
  refTarget,
  targetInNew,
  targetFound,
  valueOf,
  valueBytes,
  valueFound,
  REF_POINTER,
  REF_FRAME_INDEX,
  REF_NAME,
  REF_RANGE,
  REF_IMAGE,
  REF_SYMBOL,
  REF_RELATIVE,
  REF_TYPE_NAME,
  REF_TYPE,
} from './references';
import { learnShift, forgetLearned } from './learned';

/** Sorts doublewords in place (heap sort). */
function sortDoubles(at: usize, count: i32): void {
  for (let k = count / 2 - 1; k >= 0; k--) sift(at, k, count);
  for (let end = count - 1; end > 0; end--) {
    const top = load<u64>(at);
    store<u64>(at, load<u64>(at + ((<usize>end) << 3)));
    store<u64>(at + ((<usize>end) << 3), top);
    sift(at, 0, end);
  }
}

function sift(at: usize, k: i32, count: i32): void {
  const value = load<u64>(at + ((<usize>k) << 3));
  for (;;) {
    let child = 2 * k + 1;
    if (child >= count) break;
    let larger = load<u64>(at + ((<usize>child) << 3));
    if (child + 1 < count && load<u64>(at + ((<usize>(child + 1)) << 3)) > larger)
      larger = load<u64>(at + ((<usize>++child) << 3));
    if (larger <= value) break;
    store<u64>(at + ((<usize>k) << 3), larger);
    k = child;
  }
  store<u64>(at + ((<usize>k) << 3), value);
}

/** Names and types of BTF: the value that most references to each have in the new file. */
function voteShifts(which: i32, at: usize, count: i32): void {
  sortDoubles(at, count);
  let k = 0;
  while (k < count) {
    const old = <u32>(load<u64>(at + ((<usize>k) << 3)) >> 32);
    let most = 0;
    let winner: u32 = 0;
    while (k < count && <u32>(load<u64>(at + ((<usize>k) << 3)) >> 32) == old) {
      const value = load<u64>(at + ((<usize>k) << 3));
      let votes = 0;
      while (k < count && load<u64>(at + ((<usize>k) << 3)) == value) {
        votes++;
        k++;
      }
      if (votes > most) {
        most = votes;
        winner = <u32>value;
      }
    }
    if (most >= 2) learnShift(which, old, <i32>(winner - old));
  }
}

/** to: the old module's bytes, changed in place. */
export function retarget(to: usize): void {
  const kept = S.free;
  const bytes = M.oldEnd - M.oldStart;
  const votes = S.free;
  let voteCount = 0;
  const types = S.free;
  for (let pass = 0; pass < 2; pass++) {
    // First the names, then the types, then all others: each list of votes uses the same memory.
    voteCount = 0;
    for (let from: i64 = 0; from < bytes; from += BLOCK_BYTES) {
      windowOld(M.oldStart + from, BLOCK_BYTES);
      const end = min<i64>(BLOCK_BYTES, bytes - from);
      for (let k: i64 = 0; k < end; k += 4) {
        const offset = from + k;
        if (!referenceAt(S.oldAt + <usize>k, offset)) continue;
        if (refType != REF_TYPE_NAME + pass) continue;
        const old = <u32>refTarget;
        const position = mapPosition(M.oldStart + offset);
        if (position < 0 || mapConfidence != 2 || position + 4 > S.newSize) continue;
        take(8);
        S.free = votes + ((<usize>(voteCount + 1)) << 3);
        store<u64>(votes + ((<usize>voteCount) << 3), ((<u64>old) << 32) | <u64>new32(position));
        voteCount++;
      }
      if (voteCount == 0 && from > 1 << 16 && O.flat == 0) break;
    }
    voteShifts(pass, votes, voteCount);
    S.free = kept;
  }
  S.codeNext = -1;
  for (let from: i64 = 0; from < bytes; from += BLOCK_BYTES) {
    windowOld(M.oldStart + from, BLOCK_BYTES);
    const end = min<i64>(BLOCK_BYTES, bytes - from);
    for (let k: i64 = 0; k < end; k++) {
      const offset = from + k;
      const at = S.oldAt + <usize>k;
      if (!referenceAt(at, offset)) continue;
      if (!targetInNew()) continue;
      const goal = targetFound;
      let address: i64 = 0;
      const type = refType;
      if (type != REF_SYMBOL && type != REF_TYPE && type != REF_TYPE_NAME) {
        const position = mapPosition(M.oldStart + offset);
        if (position >= 0 && addressOf(N, position - N.start)) address = addressFound();
        else if (
          type != REF_POINTER &&
          type != REF_FRAME_INDEX &&
          type != REF_NAME &&
          type != REF_RANGE &&
          type != REF_IMAGE
        )
          continue;
      }
      if (type == REF_RELATIVE) store<u32>(to + <usize>offset, <u32>goal);
      else if (valueOf(load<u32>(at), address, goal)) {
        if (valueBytes == 8) store<u64>(to + <usize>offset, valueFound);
        else store<u32>(to + <usize>offset, <u32>valueFound);
      }
    }
  }
  S.free = kept;
}
