/**
 * References in the old module: fields whose value is, or is made from, an address. `referenceAt` finds the one that starts at an offset,
 * `targetInNew` says where its target went, `valueOf` what the field then holds.
 */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { take, old32, old64, oldByte } from './memory';
import {
  O,
  N,
  addressOf,
  addressFound,
  offsetOf,
  parseElf,
  flatElf,
  parseSections,
  sectionOf,
  loadOf,
  MACHINE_X64,
  MACHINE_A64,
  SECTION_NONE,
  SECTION_CODE,
  SECTION_RELA,
  SECTION_SYMBOLS,
  SECTION_FRAME_INDEX,
  SECTION_FRAMES,
  SECTION_POINTERS,
  SECTION_DYNAMIC,
  SECTION_TYPES,
} from './elf';
import { mapPosition, mapConfidence, sortWords, wordAbove } from './map';
import { targetOf, withTarget, target } from './aarch64';
import { learnedTarget, nearestValue, nearestConfidence } from './learned';

/** x86-64: 32-bit displacement, relative to its end. */
export const REF_X64: i32 = 1;
export const REF_A64: i32 = 2;
export const REF_POINTER: i32 = 3;
export const REF_FRAME_INDEX: i32 = 4;
export const REF_FRAME: i32 = 5;
export const REF_SYMBOL: i32 = 6;
export const REF_NAME: i32 = 7;
export const REF_CIE: i32 = 8;
export const REF_RANGE: i32 = 9;
export const REF_TYPE_NAME: i32 = 10;
export const REF_TYPE: i32 = 11;
/** Hinted words: relative to themselves, or to the start of the image. */
export const REF_RELATIVE: i32 = 12;
export const REF_IMAGE: i32 = 13;

export const HINT_RELATIVE: i32 = 1;
export const HINT_BYTES: i64 = 1024;
/** A hint: module, first block, end block, kind. Four words. */
export const HINT_WORDS: i32 = 4;

const MOST_RECORDS: i64 = 1 << 20;
const MOST_BASES: i32 = 1 << 18;

export let refType: i32 = 0;
export let refTarget: i64 = 0;
export let refExtra: i64 = 0;

let frames: usize = 0;
let frameCount: i32 = 0;
let frameCursor: i32 = 0;
let types: usize = 0;
let typeCount: i32 = 0;
let typeCursor: i32 = 0;
let typesFrom: i64 = 0;
let typesTo: i64 = 0;
let bases: usize = 0;
let baseCount: i32 = 0;
let firstHint: i32 = 0;
let endHint: i32 = 0;

let sectionFrom: i64 = 1;
let sectionTo: i64 = 0;
let sectionAddress: i64 = 0;
let sectionKind: i32 = 0;

/** Kind of the section that holds this offset of the old module. */
export function kindAt(offset: i64): i32 {
  if (offset >= sectionFrom && offset < sectionTo) return sectionKind;
  let next = i64.MAX_VALUE;
  for (let k = 0; k < O.sectionCount; k++) {
    const section = sectionOf(O, k);
    if (offset >= section.offset && offset < section.offset + section.bytes) {
      sectionFrom = section.offset;
      sectionTo = section.offset + section.bytes;
      sectionAddress = section.address;
      sectionKind = section.kind;
      return sectionKind;
    }
    if (section.offset > offset) next = min(next, section.offset);
  }
  sectionFrom = offset;
  sectionTo = next;
  sectionKind = SECTION_NONE;
  if (O.sectionCount == 0 && addressOf(O, offset)) {
    // Without section headers: what is executable counts as code.
    for (let k = 0; k < O.loadCount; k++) {
      const load = loadOf(O, k);
      if (offset >= load.offset && offset < load.offset + load.fileBytes) {
        sectionFrom = load.offset;
        sectionTo = load.offset + load.fileBytes;
        sectionAddress = load.address;
        sectionKind = load.executable ? SECTION_CODE : SECTION_NONE;
      }
    }
  }
  return sectionKind;
}

/** Reads what is needed of the old module; false where it is none. */
export function openReferences(start: i64, bytes: i64, flatMachine: i32, moduleIndex: i32): bool {
  sectionFrom = 1;
  sectionTo = 0;
  frameCount = typeCount = baseCount = 0;
  frameCursor = typeCursor = 0;
  typesFrom = typesTo = 0;
  S.codeNext = -1;
  if (flatMachine) {
    flatElf(O, start, bytes, flatMachine);
    flatElf(N, 0, bytes, flatMachine);
    findTypes(0, bytes);
  } else {
    if (!parseElf(O, false, start, bytes, bytes)) return false;
    if (O.start + O.bytes > S.oldSize) return false;
    parseSections(O, false);
    for (let k = 0; k < O.sectionCount; k++) {
      const section = sectionOf(O, k);
      if (section.kind == SECTION_FRAMES) findFrames(section.offset, section.bytes);
      if (section.kind == SECTION_TYPES) findTypes(section.offset, section.bytes);
    }
    findBases();
  }
  firstHint = 0;
  while (firstHint < S.hintCount && hintWord(firstHint, 0) < <u32>moduleIndex) firstHint++;
  endHint = firstHint;
  while (endHint < S.hintCount && hintWord(endHint, 0) == <u32>moduleIndex) endHint++;
  return true;
}

@inline
function hintWord(k: i32, word: i32): u32 {
  return load<u32>(S.hints + <usize>(4 * (k * HINT_WORDS + word)));
}

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

/** Starts of the records of .eh_frame (LSB Core 10.6.1). */
function findFrames(offset: i64, bytes: i64): void {
  frames = S.free;
  frameCount = 0;
  let at = offset;
  while (at + 12 <= offset + bytes && frameCount < MOST_RECORDS) {
    const length = old32(O.start + at);
    if (length == 0 || length >= 0xfffffff0) break;
    take(4);
    store<u32>(frames + (<usize>frameCount << 2), <u32>at);
    S.free = frames + (<usize>(frameCount + 1) << 2);
    frameCount++;
    at += 4 + <i64>length;
  }
  S.free = (S.free + 15) & ~15;
}

/** Whether this part of a flat image has type records. */
export function typesTouch(from: i64, to: i64): bool {
  return from < typesTo && to > typesFrom;
}

function typeBytes(info: u32): i64 {
  const kind = (info >>> 24) & 31;
  const count = <i64>(info & 0xffff);
  if (kind == 1 || kind == 14 || kind == 17) return 16;
  if (kind == 3) return 24;
  if (kind == 4 || kind == 5 || kind == 15 || kind == 19) return 12 + 12 * count;
  if (kind == 6 || kind == 13) return 12 + 8 * count;
  return 12;
}

/** Starts of the records of BPF type information (kernel documentation, "BPF Type Format"). */
function findTypes(offset: i64, bytes: i64): void {
  for (let q = offset; q + 24 <= offset + bytes; q += 4) {
    if (old32(O.start + q) != 0x0001eb9f || old32(O.start + q + 4) != 24) continue;
    let at = q + 24 + <i64>old32(O.start + q + 8);
    const end = at + <i64>old32(O.start + q + 12);
    if (end > offset + bytes) return;
    types = S.free;
    typesFrom = at;
    typesTo = end;
    while (at + 12 <= end && typeCount < MOST_RECORDS) {
      take(4);
      store<u32>(types + (<usize>typeCount << 2), <u32>at);
      S.free = types + (<usize>(typeCount + 1) << 2);
      typeCount++;
      at += typeBytes(old32(O.start + at + 4));
    }
    S.free = (S.free + 15) & ~15;
    return;
  }
}

/** Targets of LEA: where tables of relative jumps start. */
function findBases(): void {
  bases = S.free;
  baseCount = 0;
  if (O.machine != MACHINE_X64 || O.relocatable) return;
  for (let k = 0; k < O.loadCount; k++) {
    const load = loadOf(O, k);
    if (!load.executable || O.start + load.offset + load.fileBytes > S.oldSize) continue;
    let b1: u32 = oldByte(O.start + load.offset + 2);
    let b2: u32 = oldByte(O.start + load.offset + 1);
    for (let q = load.offset + 3; q + 4 < load.offset + load.fileBytes; q++) {
      if ((b1 & 0xc7) == 5 && b2 == 0x8d) {
        const to = load.address + (q - load.offset) + 4 + <i64>(<i32>old32(O.start + q));
        if (to >= O.lowest && to < O.highest && baseCount < 4 * MOST_BASES) {
          take(4);
          store<u32>(bases + (<usize>baseCount << 2), <u32>(to - O.lowest));
          S.free = bases + (<usize>(baseCount + 1) << 2);
          baseCount++;
        }
      }
      b2 = b1;
      b1 = oldByte(O.start + q);
    }
  }
  sortWords(bases, baseCount);
  let kept = 0;
  for (let k = 0; k < baseCount; k++) {
    const word = load<u32>(bases + (<usize>k << 2));
    if (kept > 0 && load<u32>(bases + (<usize>(kept - 1) << 2)) == word) continue;
    store<u32>(bases + (<usize>kept << 2), word);
    kept++;
  }
  baseCount = kept;
  S.free = (bases + (<usize>kept << 2) + 15) & ~15;
}

/** The base of a table that starts at or before this address, or -1. */
export function baseBefore(address: i64): i64 {
  if (baseCount == 0 || address < O.lowest) return -1;
  const k = wordAbove(bases, baseCount, <u32>(address - O.lowest));
  return k == 0 ? -1 : O.lowest + <i64>load<u32>(bases + (<usize>(k - 1) << 2));
}

@inline
function found(type: i32, to: i64): bool {
  refType = type;
  refTarget = to;
  return true;
}

@inline
function inModule(address: i64): bool {
  return address >= O.lowest && address < O.highest;
}

function codeReference(at: usize, offset: i64, from: i64, to: i64, address: i64): bool {
  if (O.machine == MACHINE_A64) {
    if (offset & 3 || offset < ((from + 3) & ~3) || offset + 4 > to) return false;
    const before = <i32>min<i64>(offset >> 2, 16);
    const after = <i32>min<i64>((O.bytes - offset - 4) >> 2, 16);
    if (!targetOf(at, address + offset - from, before, after)) return false;
    if (target < O.lowest || target >= O.highest + 0x1000) return false;
    return found(REF_A64, target);
  }
  if (O.machine == MACHINE_X64) {
    if (offset != S.codeNext) S.codeLast = 0;
    S.codeNext = offset + 1;
    if (offset < from + 2 || offset + 4 > to || offset < S.codeLast) return false;
    const b1 = load<u8>(at - 1);
    if (b1 != 0xe8 && b1 != 0xe9 && (b1 & 0xc7) != 5 && !((b1 & 0xf0) == 0x80 && load<u8>(at - 2) == 0x0f)) return false;
    const goal = address + offset - from + 4 + <i64>load<i32>(at);
    if (!inModule(goal)) return false;
    S.codeLast = offset + 4;
    return found(REF_X64, goal);
  }
  return false;
}

function recordBefore(records: usize, count: i32, cursor: i32, offset: i64): i32 {
  if (cursor < count && <i64>load<u32>(records + (<usize>cursor << 2)) <= offset) {
    if (cursor + 1 >= count || <i64>load<u32>(records + (<usize>(cursor + 1) << 2)) > offset) return cursor;
    if (cursor + 2 >= count || <i64>load<u32>(records + (<usize>(cursor + 2) << 2)) > offset) return cursor + 1;
  }
  return wordAbove(records, count, <u32>offset) - 1;
}

function frameReference(at: usize, offset: i64): bool {
  const k = recordBefore(frames, frameCount, frameCursor, offset);
  if (k < 0) return false;
  frameCursor = k;
  const start = <i64>load<u32>(frames + (<usize>k << 2));
  const field = <i32>(offset - start);
  if (field != 4 && field != 8 && field != 12) return false;
  const record = at - field;
  if (load<u32>(record, 4) == 0) return false;
  const address = sectionAddress + start - sectionFrom;
  if (field == 4) return found(REF_CIE, address + 4 - <i64>load<u32>(record, 4));
  const pc = address + 8 + <i64>load<i32>(record, 8);
  if (field == 8) return found(REF_FRAME, pc);
  refExtra = <i64>load<u32>(record, 12);
  return found(REF_RANGE, pc);
}

function typeReference(at: usize, offset: i64): bool {
  if (offset & 3) return false;
  const k = recordBefore(types, typeCount, typeCursor, offset);
  if (k < 0) return false;
  typeCursor = k;
  const start = <i64>load<u32>(types + (<usize>k << 2));
  const field = <i32>(offset - start);
  const info = old32(O.start + start + 4);
  const kind = (info >>> 24) & 31;
  let type = 0;
  if (field == 0) type = REF_TYPE_NAME;
  else if (field == 8) {
    if (kind == 2 || (kind >= 8 && kind <= 14) || kind == 17 || kind == 18) type = REF_TYPE;
  } else if (field >= 12 && field < <i32>typeBytes(info)) {
    const part = field - 12;
    if (kind == 3) type = part < 8 ? REF_TYPE : 0;
    else if (kind == 4 || kind == 5) type = part % 12 == 0 ? REF_TYPE_NAME : part % 12 == 4 ? REF_TYPE : 0;
    else if (kind == 6) type = part % 8 == 0 ? REF_TYPE_NAME : 0;
    else if (kind == 13) type = part % 8 == 0 ? REF_TYPE_NAME : REF_TYPE;
    else if (kind == 15) type = part % 12 == 0 ? REF_TYPE : 0;
    else if (kind == 19) type = part % 12 == 0 ? REF_TYPE_NAME : 0;
  }
  const value = load<u32>(at);
  return type != 0 && value != 0 && found(type, value);
}

@inline
function pointerAt(at: usize, least: i64): bool {
  const value = load<i64>(at);
  return value >= O.lowest + least && value < O.highest && found(REF_POINTER, value);
}

/** at: where old[offset] of the module stands in the window. */
export function referenceAt(at: usize, offset: i64): bool {
  const kind = kindAt(offset);
  const hint = firstHint == endHint ? 0 : hintAt(offset);
  if (hint) {
    if (offset & 3) return false;
    const pointers = O.flat || kind == SECTION_POINTERS || kind == SECTION_DYNAMIC;
    const least = O.flat ? 0 : 64;
    if (pointers && (offset & 7) == 0 && pointerAt(at, least)) return true;
    if (pointers && (offset & 7) == 4 && pointerAt(at - 4, least)) return false;
    if (!addressOf(O, offset)) return false;
    if (hint == HINT_RELATIVE) {
      const goal = addressFound() + <i64>load<i32>(at);
      return load<u32>(at) + 4096 > 8192 && inModule(goal) && found(REF_RELATIVE, goal);
    }
    const goal = (O.flat ? loadOf(O, 0).address : 0) + <i64>load<u32>(at);
    return load<u32>(at) > 4096 && inModule(goal) && found(REF_IMAGE, goal);
  }
  if (O.flat) {
    if (offset >= typesFrom && offset < typesTo && typeReference(at, offset)) return true;
    if ((offset & 7) == 0 && pointerAt(at, 0)) return true;
    return codeReference(at, offset, 0, O.bytes, loadOf(O, 0).address);
  }
  switch (kind) {
    case SECTION_CODE:
      return codeReference(at, offset, sectionFrom, sectionTo, sectionAddress);
    case SECTION_RELA: {
      if (O.relocatable) return false;
      const field = <i32>((offset - sectionFrom) % 24);
      if (field == 0) return pointerAt(at, 0);
      if (field == 12) return load<u32>(at) != 0 && found(REF_SYMBOL, load<u32>(at));
      if (field == 16) return load<i64>(at) != 0 && pointerAt(at, 0);
      return false;
    }
    case SECTION_SYMBOLS: {
      const field = <i32>((offset - sectionFrom) % 24);
      if (field == 0) return load<u32>(at) != 0 && found(REF_NAME, O.stringsAddress + <i64>load<u32>(at));
      if (field == 8) return load<u16>(at - 2) != 0 && load<i64>(at) != 0 && pointerAt(at, 0);
      return false;
    }
    case SECTION_FRAME_INDEX:
      if ((offset - sectionFrom) & 3 || offset < sectionFrom + 12) return false;
      return found(REF_FRAME_INDEX, sectionAddress + <i64>load<i32>(at));
    case SECTION_FRAMES:
      return frameReference(at, offset);
    case SECTION_POINTERS:
    case SECTION_DYNAMIC:
      return (offset & 7) == 0 && pointerAt(at, 64);
    case SECTION_TYPES:
      return typeReference(at, offset);
  }
  return false;
}

export let targetFound: i64 = 0;

/** Where an address of the old module is in the new one. */
export function mapAddress(address: i64, useLearned: bool): bool {
  if (useLearned) {
    const learned = learnedTarget(address - O.lowest);
    if (learned >= 0) {
      targetFound = learned + N.lowest;
      S.confidence = 3;
      return true;
    }
  }
  const offset = offsetOf(O, address);
  if (offset >= 0) {
    const position = mapPosition(O.start + offset);
    S.confidence = mapConfidence;
    if (position < 0) return false;
    if (addressOf(N, position - N.start)) {
      targetFound = addressFound();
      return true;
    }
    S.confidence = 0;
    targetFound = address;
    return true;
  }
  // Past the file: zeros that are only in memory.
  const a = loadOf(O, O.loadCount - 1);
  const b = loadOf(N, N.loadCount - 1);
  targetFound = address + (b.address + b.fileBytes) - (a.address + a.fileBytes);
  S.confidence = 0;
  return true;
}

/** Where the target of the reference found last is in the new module: `targetFound`. */
export function targetInNew(): bool {
  if (refType == REF_TYPE_NAME || refType == REF_TYPE) {
    if (!nearestValue(refType - REF_TYPE_NAME, <u32>refTarget)) return false;
    targetFound = nearestConfidence.value;
    S.confidence = nearestConfidence.confidence;
    return true;
  }
  if (refType == REF_SYMBOL) {
    if (O.symbolsAddress == 0 || !mapAddress(O.symbolsAddress + refTarget * 24, false)) return false;
    const at = targetFound;
    if (!mapAddress(O.symbolsAddress, false)) return false;
    targetFound = (at - targetFound) / 24;
    return true;
  }
  if (refType == REF_NAME && O.stringsAddress == 0) return false;
  return mapAddress(refTarget, false);
}

export let valueBytes: i32 = 0;
export let valueFound: u64 = 0;

/** What the field holds when it stands at `address` of the new module and its target is `to`. old: what it held. */
export function valueOf(old: u32, address: i64, to: i64): bool {
  valueBytes = 4;
  switch (refType) {
    case REF_X64:
      valueFound = <u32>(to - (address + 4));
      return true;
    case REF_A64:
      valueFound = withTarget(old, address, to);
      return true;
    case REF_POINTER:
      valueBytes = 8;
      valueFound = to;
      return true;
    case REF_FRAME_INDEX:
      valueFound = <u32>(to - N.frameIndexAddress);
      return true;
    case REF_FRAME:
    case REF_RELATIVE:
      valueFound = <u32>(to - address);
      return true;
    case REF_IMAGE:
      valueFound = <u32>(to - (O.flat ? loadOf(O, 0).address : 0));
      return true;
    case REF_CIE:
      valueFound = <u32>(address - to);
      return true;
    case REF_RANGE: {
      const confidence = S.confidence;
      if (!mapAddress(refTarget + refExtra - 1, false)) return false;
      S.confidence = confidence;
      valueFound = <u32>(targetFound + 1 - to);
      targetFound = to;
      return true;
    }
    case REF_NAME:
      valueFound = <u32>(to - (N.stringsAddress ? N.stringsAddress : O.stringsAddress));
      return true;
    case REF_SYMBOL:
    case REF_TYPE_NAME:
    case REF_TYPE:
      valueFound = to;
      return true;
  }
  return false;
}

/** The new module, once its headers are known; -1: not yet, 0: it is none. */
export function openNew(start: i64, bytes: i64): i32 {
  if (O.flat) {
    N.start = start;
    return 1;
  }
  const known = S.encoding == 2 ? bytes : S.n - start;
  if (known < min<i64>(4096, bytes)) return -1;
  if (!parseElf(N, true, start, bytes, min<i64>(4096, bytes))) return 0;
  N.stringsAddress = 0;
  if (O.stringsAddress && mapAddress(O.stringsAddress, false)) N.stringsAddress = targetFound;
  return 1;
}
