/** References in the old module: fields whose value is, or is made from, an address. `referenceAt` finds the one that starts at an offset. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import {
  O,
  N,
  addressOf,
  addressFound,
  parseElf,
  flatElf,
  parseSections,
  loadOf,
  MACHINE_X64,
  MACHINE_A64,
  MACHINE_ARM,
  SECTION_CODE,
  SECTION_RELA,
  SECTION_SYMBOLS,
  SECTION_FRAME_INDEX,
  SECTION_FRAMES,
  SECTION_POINTERS,
  SECTION_DYNAMIC,
  SECTION_TYPES,
  SECTION_CODE_A32,
  SECTION_REL,
  SECTION_UNWIND,
} from './elf';
import { targetOf, target } from './aarch64';
import { armReference } from './arm-references';
import { openArm } from './arm-records';
import { kindAt, forgetSection, sectionFrom, sectionTo, sectionAddress } from './sections';
import { openRecords, frameReference, typeReference, typesFrom, typesTo } from './records';
import { hintAt, selectHints, HINT_RELATIVE } from './hinted';
import { imageBase } from './targets';
import {
  found,
  foundWith,
  REF_X64,
  REF_A64,
  REF_POINTER,
  REF_FRAME_INDEX,
  REF_SYMBOL,
  REF_NAME,
  REF_RELATIVE,
  REF_IMAGE,
  REF_WORD,
  REF_UNWIND,
  REF_RELOCATION,
} from './found';

/** Reads what is needed of the old module; false where it is none. */
export function openReferences(start: i64, bytes: i64, flatMachine: i32, moduleIndex: i32): bool {
  forgetSection();
  S.codeNext = -1;
  if (flatMachine) {
    flatElf(O, start, bytes, flatMachine);
    flatElf(N, 0, bytes, flatMachine);
  } else {
    if (!parseElf(O, false, start, bytes, bytes) || O.start + O.bytes > S.oldSize) return false;
    parseSections(O, false);
  }
  openRecords();
  openArm();
  selectHints(<u32>moduleIndex);
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

@inline
function pointerAt(at: usize, least: i64): bool {
  if (O.narrow) {
    const word = <i64>load<u32>(at);
    return word >= O.lowest + least && word < O.highest && foundWith(REF_WORD, word, 0);
  }
  const value = load<i64>(at);
  return value >= O.lowest + least && value < O.highest && found(REF_POINTER, value);
}

/** at: where old[offset] of the module stands in the window. */
export function referenceAt(at: usize, offset: i64): bool {
  const kind = kindAt(offset);
  const hint = hintAt(offset);
  if (hint) {
    if (offset & 3) return false;
    const pointers = O.flat || kind == SECTION_POINTERS || kind == SECTION_DYNAMIC;
    const least = O.flat ? 0 : 64;
    if (pointers && (O.narrow || (offset & 7) == 0) && pointerAt(at, least)) return true;
    if (pointers && !O.narrow && (offset & 7) == 4 && pointerAt(at - 4, least)) return false;
    if (!addressOf(O, offset)) return false;
    if (hint == HINT_RELATIVE) {
      const goal = addressFound() + <i64>load<i32>(at);
      return load<u32>(at) + 4096 > 8192 && inModule(goal) && found(REF_RELATIVE, goal);
    }
    const goal = imageBase() + <i64>load<u32>(at);
    return load<u32>(at) > 4096 && inModule(goal) && found(REF_IMAGE, goal);
  }
  if (O.flat) {
    if (offset >= typesFrom && offset < typesTo && typeReference(at, offset)) return true;
    if ((offset & 7) == 0 && pointerAt(at, 0)) return true;
    return codeReference(at, offset, 0, O.bytes, loadOf(O, 0).address);
  }
  switch (kind) {
    case SECTION_CODE_A32:
      return armReference(at, offset, sectionTo, sectionAddress + offset - sectionFrom, false);
    case SECTION_CODE:
      if (O.machine == MACHINE_ARM) return armReference(at, offset, sectionTo, sectionAddress + offset - sectionFrom, true);
      return codeReference(at, offset, sectionFrom, sectionTo, sectionAddress);
    case SECTION_RELA: {
      if (O.relocatable) return false;
      const field = <i32>((offset - sectionFrom) % 24);
      if (field == 0) return pointerAt(at, 0);
      if (field == 12) return load<u32>(at) != 0 && found(REF_SYMBOL, load<u32>(at));
      if (field == 16) return load<i64>(at) != 0 && pointerAt(at, 0);
      return false;
    }
    case SECTION_REL: {
      const field = <i32>((offset - sectionFrom) & 7);
      if (field == 0) return !O.relocatable && pointerAt(at, 0);
      return field == 4 && load<u32>(at) >>> 8 != 0 && found(REF_RELOCATION, load<u32>(at) >>> 8);
    }
    case SECTION_UNWIND: {
      const value = load<u32>(at);
      if ((offset - sectionFrom) & 3 || value & 0x80000000 || value == 1) return false;
      const goal = sectionAddress + offset - sectionFrom + (<i64>(<i32>(value << 1)) >> 1);
      return inModule(goal) && found(REF_UNWIND, goal);
    }
    case SECTION_SYMBOLS: {
      if (O.narrow) {
        const part = <i32>((offset - sectionFrom) & 15);
        if (part == 0) return load<u32>(at) != 0 && found(REF_NAME, O.stringsAddress + <i64>load<u32>(at));
        return part == 4 && load<u16>(at + 10) != 0 && load<u32>(at) != 0 && pointerAt(at, 0);
      }
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
      return (offset & (O.narrow ? 3 : 7)) == 0 && pointerAt(at, 64);
    case SECTION_TYPES:
      return typeReference(at, offset);
  }
  return false;
}
