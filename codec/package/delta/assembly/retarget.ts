/** The old module as it would be with every reference pointing where its target went: what a second alignment is made with. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { take, windowOld, new32, BLOCK_BYTES } from './memory';
import { N, addressOf, addressFound } from './elf';
import { M } from './module';
import { mapPosition, mapConfidence } from './map';
import { sortValues } from './sort';
import { referenceAt } from './references';
import { typesFrom, typesTo } from './records';
import { targetInNew, targetFound, valueOf, valueBytes, valueFound } from './targets';
import {
  refType,
  refTarget,
  REF_POINTER,
  REF_FRAME_INDEX,
  REF_NAME,
  REF_RANGE,
  REF_IMAGE,
  REF_SYMBOL,
  REF_RELATIVE,
  REF_TYPE_NAME,
  REF_TYPE,
  REF_WORD,
  REF_HALF,
  REF_RELOCATION,
} from './found';
import { learnShift } from './learned';

/** Names and types of BTF: the value that most references to each have in the new file. */
function voteShifts(which: i32, at: usize, count: i32): void {
  sortValues<u64>(at, count);
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

/** How names and types of BTF were renumbered, from where the alignment is sure. */
function voteAll(): void {
  for (let which = 0; which < 2; which++) {
    const kept = S.free;
    let count = 0;
    for (let offset = typesFrom; offset + 4 <= typesTo; offset += 4) {
      if (offset == typesFrom || M.oldStart + offset + 4 > S.oldPosition + BLOCK_BYTES) windowOld(M.oldStart + offset, BLOCK_BYTES);
      const at = S.oldAt + <usize>(M.oldStart + offset - S.oldPosition);
      if (!referenceAt(at, offset) || refType != REF_TYPE_NAME + which) continue;
      const old = <u32>refTarget;
      const position = mapPosition(M.oldStart + offset);
      if (position < 0 || mapConfidence != 2 || position + 4 > S.newSize) continue;
      take(8);
      S.free = kept + (<usize>(count + 1) << 3);
      store<u64>(kept + (<usize>count << 3), (<u64>old << 32) | <u64>new32(position));
      count++;
    }
    voteShifts(which, kept, count);
    S.free = kept;
  }
}

/** to: the old module's bytes, changed in place. */
export function retarget(to: usize): void {
  const bytes = M.oldEnd - M.oldStart;
  voteAll();
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
      if (type != REF_SYMBOL && type != REF_WORD && type != REF_HALF && type != REF_RELOCATION && type != REF_TYPE && type != REF_TYPE_NAME) {
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
}
