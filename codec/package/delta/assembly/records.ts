/** Lists that are made of the old module when it is entered: records of .eh_frame and of BTF, and where tables of jumps start. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { take, old32, oldByte } from './memory';
import { O, sectionOf, loadOf, MACHINE_X64, SECTION_FRAMES, SECTION_TYPES } from './elf';
import { sectionFrom, sectionAddress } from './sections';
import { sortValues, wordAbove } from './sort';
import { found, foundWith, REF_CIE, REF_FRAME, REF_RANGE, REF_TYPE, REF_TYPE_NAME } from './found';

const MOST_RECORDS: i32 = 1 << 20;
const MOST_BASES: i32 = 1 << 20;

let frames: usize = 0;
let frameCount: i32 = 0;
let frameCursor: i32 = 0;
let types: usize = 0;
let typeCount: i32 = 0;
let typeCursor: i32 = 0;
/** Offsets of the type records; both 0 where there are none. */
export let typesFrom: i64 = 0;
export let typesTo: i64 = 0;
let bases: usize = 0;
let baseCount: i32 = 0;

/** Of the module that was parsed into O. */
export function openRecords(): void {
  frameCount = typeCount = baseCount = 0;
  frameCursor = typeCursor = 0;
  typesFrom = typesTo = 0;
  if (O.flat) {
    findTypes(0, O.bytes);
    return;
  }
  for (let k = 0; k < O.sectionCount; k++) {
    const section = sectionOf(O, k);
    if (section.kind == SECTION_FRAMES) findFrames(section.offset, section.bytes);
    if (section.kind == SECTION_TYPES) findTypes(section.offset, section.bytes);
  }
  findBases();
}

/** Adds a word to the list that ends at the end of the memory taken. */
@inline
function append(list: usize, count: i32, value: u32): void {
  take(4);
  store<u32>(list + (<usize>count << 2), value);
  S.free = list + (<usize>(count + 1) << 2);
}

@inline
function endList(): void {
  S.free = (S.free + 15) & ~15;
}

/** Starts of the records of .eh_frame (LSB Core 10.6.1). */
function findFrames(offset: i64, bytes: i64): void {
  frames = S.free;
  frameCount = 0;
  let at = offset;
  while (at + 12 <= offset + bytes && frameCount < MOST_RECORDS) {
    const length = old32(O.start + at);
    if (length == 0 || length >= 0xfffffff0) break;
    append(frames, frameCount++, <u32>at);
    at += 4 + <i64>length;
  }
  endList();
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
    typeCount = 0;
    typesFrom = at;
    typesTo = end;
    while (at + 12 <= end && typeCount < MOST_RECORDS) {
      append(types, typeCount++, <u32>at);
      at += typeBytes(old32(O.start + at + 4));
    }
    endList();
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
        if (to >= O.lowest && to < O.highest && baseCount < MOST_BASES) append(bases, baseCount++, <u32>(to - O.lowest));
      }
      b2 = b1;
      b1 = oldByte(O.start + q);
    }
  }
  sortValues<u32>(bases, baseCount);
  let kept = 0;
  for (let k = 0; k < baseCount; k++) {
    const word = load<u32>(bases + (<usize>k << 2));
    if (kept > 0 && load<u32>(bases + (<usize>(kept - 1) << 2)) == word) continue;
    store<u32>(bases + (<usize>kept << 2), word);
    kept++;
  }
  baseCount = kept;
  S.free = bases + (<usize>kept << 2);
  endList();
}

/** The base of a table that starts at or before this address, or -1. */
export function baseBefore(address: i64): i64 {
  if (baseCount == 0 || address < O.lowest) return -1;
  const k = wordAbove(bases, baseCount, <u32>(address - O.lowest));
  return k == 0 ? -1 : O.lowest + <i64>load<u32>(bases + (<usize>(k - 1) << 2));
}

function recordBefore(records: usize, count: i32, cursor: i32, offset: i64): i32 {
  if (cursor < count && <i64>load<u32>(records + (<usize>cursor << 2)) <= offset) {
    if (cursor + 1 >= count || <i64>load<u32>(records + (<usize>(cursor + 1) << 2)) > offset) return cursor;
    if (cursor + 2 >= count || <i64>load<u32>(records + (<usize>(cursor + 2) << 2)) > offset) return cursor + 1;
  }
  return wordAbove(records, count, <u32>offset) - 1;
}

export function frameReference(at: usize, offset: i64): bool {
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
  return foundWith(REF_RANGE, pc, <i64>load<u32>(record, 12));
}

export function typeReference(at: usize, offset: i64): bool {
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
