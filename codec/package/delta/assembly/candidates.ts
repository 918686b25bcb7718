/** What the next byte may be: several guesses, each with a reason. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { new32, new64 } from './memory';
import {
  O,
  N,
  addressOf,
  addressFound,
  hitExecutable,
  SECTION_CODE,
  SECTION_RELA,
  SECTION_SYMBOLS,
  SECTION_FRAME_INDEX,
  SECTION_FRAMES,
  SECTION_DYNAMIC,
  SECTION_TYPES,
  SECTION_REL,
  SECTION_UNWIND,
  SECTION_CODE_A32,
} from './elf';
import { M, openNew } from './module';
import { kindAt } from './sections';
import { referenceAt } from './references';
import { baseBefore } from './records';
import { imageBase, mapAddress, targetFound, targetInNew, valueOf, valueBytes, valueFound } from './targets';
import {
  refType,
  refTarget,
  REF_X64,
  REF_A64,
  REF_POINTER,
  REF_FRAME,
  REF_FRAME_INDEX,
  REF_RELATIVE,
  REF_IMAGE,
  REF_TYPE_NAME,
  REF_TYPE,
  REF_THUMB,
  REF_A32,
  REF_WORD,
  REF_UNWIND,
  refExtra,
} from './found';
import { learnedTarget, learnTarget, learnShift } from './learned';
import { branchTarget, isBranch } from './aarch64';
import { a32Target, isThumbBranch, thumbTarget } from './arm';

export const COPY: i32 = 0;
export const REFERENCE: i32 = 1;
export const LEARNED: i32 = 2;
export const ADDRESS: i32 = 3;
export const TABLE: i32 = 4;
export const COLUMN4: i32 = 5;
export const COLUMN8: i32 = 6;
export const COLUMN24: i32 = 7;
export const MATCH: i32 = 8;
export const RECOVERED: i32 = 9;
export const KINDS: i32 = 10;

/** Fields: where it starts in the new file, its length (0: none), its bytes. */
const FIELD_BYTES: i32 = 24;
const fields: usize = memory.data(24 * 10, 16);

@inline
function field(kind: i32): usize {
  return fields + <usize>(kind * FIELD_BYTES);
}

@inline
function setField(kind: i32, n: i64, length: i32, value: u64): void {
  const at = field(kind);
  store<i64>(at, n);
  store<i32>(at, length, 8);
  store<u64>(at, value, 16);
}

@inline
export function dropField(kind: i32): void {
  store<i32>(field(kind), 0, 8);
}

export function dropFields(): void {
  for (let k = 0; k < KINDS; k++) dropField(k);
}

/** Whether the field of this kind covers new[n]. */
@inline
export function covers(kind: i32, n: i64): bool {
  const at = field(kind);
  const from = n - load<i64>(at);
  return from >= 0 && from < <i64>load<i32>(at, 8);
}

@inline
export function fieldByte(kind: i32, n: i64): u32 {
  return load<u8>(field(kind) + 16 + <usize>(n - load<i64>(field(kind))));
}

@inline
export function fieldOffset(kind: i32, n: i64): i32 {
  return <i32>(n - load<i64>(field(kind)));
}

/** at: old[p] in the window. segmentStart: in the new file. */
export function startFields(n: i64, p: i64, at: usize, segmentStart: i64): void {
  const inside = M.open != 0 && p >= M.oldStart && p < M.oldEnd;
  const offset = inside ? p - M.oldStart : p;
  const aligned = (offset & 3) == 0;
  if (aligned && p + 4 <= S.oldSize) {
    const value = load<u32>(at);
    const now = S.windowAt + <usize>(n - S.windowStart);
    for (let kind = COLUMN4; kind <= COLUMN24; kind++) {
      const back: i64 = kind == COLUMN4 ? 4 : kind == COLUMN8 ? 8 : 24;
      dropField(kind);
      if (n - back < segmentStart) continue;
      const moved = load<u32>(now - <usize>back) - load<u32>(at - <usize>back);
      if (moved) setField(kind, n, 4, value + moved);
    }
  }
  if (!inside || O.valid == 0) return;
  if (!O.flat && !addressOf(O, offset)) return;
  const executable = O.flat ? 1 : hitExecutable;
  const address = O.flat ? imageBase() + offset : addressFound();
  if (p + 8 > S.oldSize) return;
  if (M.newState < 0) M.newState = openNew(M.newStart, M.newEnd - M.newStart);
  if (M.newState <= 0) return;
  if (!addressOf(N, n - N.start)) return;
  const newAddress = addressFound();
  const kind = O.flat ? 0 : kindAt(offset);
  if (referenceAt(at, offset)) {
    dropField(REFERENCE);
    dropField(LEARNED);
    S.referenceType = refType;
    const renumbers = refType == REF_TYPE_NAME || refType == REF_TYPE;
    if (renumbers) pend(n, newAddress, 0);
    if (targetInNew()) {
      const to = targetFound;
      if (valueOf(load<u32>(at), newAddress, to)) {
        setField(REFERENCE, n, valueBytes, valueFound);
        if (!renumbers) {
          const learned = learnedTarget(refTarget - O.lowest);
          if (learned >= 0 && valueOf(load<u32>(at), newAddress, learned + N.lowest)) setField(LEARNED, n, valueBytes, valueFound);
          if (refType == REF_WORD) pend(n, counted(), 0);
          else if (refType != REF_A64 || isBranch(load<u32>(at))) pend(n, newAddress, load<u32>(at));
        }
      }
    }
  }
  if (!aligned || (executable && !O.flat)) return;
  if (kind == SECTION_CODE || kind == SECTION_RELA || kind == SECTION_SYMBOLS || kind == SECTION_FRAME_INDEX) return;
  if (kind == SECTION_FRAMES || kind == SECTION_DYNAMIC || kind == SECTION_TYPES) return;
  if (kind == SECTION_REL || kind == SECTION_UNWIND || kind == SECTION_CODE_A32) return;
  const value = load<u32>(at);
  const done = covers(REFERENCE, n);
  if (!done) {
    const to = address + <i64>(<i32>value);
    const kept = S.confidence;
    if (value + 4096 > 8192 && to >= O.lowest && to < O.highest && mapAddress(to, true)) {
      setField(REFERENCE, n, 4, <u32>(targetFound - newAddress));
    } else {
      S.confidence = kept;
      dropField(REFERENCE);
    }
  }
  const base = imageBase();
  const to = base + <i64>value;
  const kept = S.confidence;
  if (to >= O.lowest + 256 && to < O.highest && mapAddress(to, true)) {
    setField(ADDRESS, n, 4, <u32>(targetFound - base));
    if (done) S.confidence = kept;
  } else {
    S.confidence = kept;
    dropField(ADDRESS);
  }
  dropField(TABLE);
  const table = baseBefore(address);
  if (table >= 0) {
    const kept = S.confidence;
    const goal = table + <i64>(<i32>value);
    if (goal >= O.lowest && goal < O.highest && mapAddress(goal, true)) {
      const there = targetFound;
      if (mapAddress(table, true)) setField(TABLE, n, 4, <u32>(there - targetFound));
    }
    S.confidence = kept;
  }
}

/** What a word is counted from, in the new module. */
function counted(): i64 {
  if (refExtra == 0) return 0;
  const confidence = S.confidence;
  const known = mapAddress(refExtra, false);
  S.confidence = confidence;
  return known ? targetFound : 0;
}

function pend(n: i64, pc: i64, old: u32): void {
  S.pendingAt = n;
  S.pendingType = refType;
  S.pendingTarget = refTarget;
  S.pendingPc = pc;
  S.pendingOld = old;
}

/** After new[n] is known: learns where a target went. */
export function finishFields(n: i64): void {
  if (S.pendingAt < 0 || n != S.pendingAt + (S.pendingType == REF_POINTER ? 7 : 3)) return;
  const at = S.pendingAt;
  S.pendingAt = -1;
  const value = new32(at);
  let to: i64 = 0;
  switch (S.pendingType) {
    case REF_X64:
      to = S.pendingPc + 4 + <i64>(<i32>value);
      break;
    case REF_POINTER:
      to = new64(at);
      break;
    case REF_FRAME:
    case REF_RELATIVE:
      to = S.pendingPc + <i64>(<i32>value);
      break;
    case REF_IMAGE:
      to = imageBase() + <i64>value;
      break;
    case REF_TYPE_NAME:
    case REF_TYPE:
      learnShift(S.pendingType - REF_TYPE_NAME, <u32>S.pendingTarget, <i32>(value - <u32>S.pendingTarget));
      return;
    case REF_FRAME_INDEX:
      to = N.frameIndexAddress + <i64>(<i32>value);
      break;
    case REF_THUMB:
      if (!isThumbBranch(value) || ((value ^ S.pendingOld) & 0xd000f800)) return;
      to = thumbTarget(value, S.pendingPc);
      break;
    case REF_A32:
      if ((value ^ S.pendingOld) & 0xff000000) return;
      to = a32Target(value, S.pendingPc);
      break;
    case REF_UNWIND:
      to = S.pendingPc + (<i64>(<i32>(value << 1)) >> 1);
      break;
    case REF_WORD:
      to = S.pendingPc ? S.pendingPc + <i64>(<i32>value) : <i64>value;
      break;
    case REF_A64:
      if ((value & 0xfc000000) != (S.pendingOld & 0xfc000000)) return;
      to = branchTarget(value, S.pendingPc);
      break;
    default:
      return;
  }
  learnTarget(S.pendingTarget - O.lowest, to - N.lowest);
}
