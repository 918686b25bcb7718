/** The module at hand: a file inside of the two that is looked at as a whole. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { O, N, parseElf, MACHINE_A64, MACHINE_NONE, MACHINE_X64 } from './elf';
import { mapModule } from './map';
import { openReferences } from './references';
import { typesFrom, typesTo } from './records';
import { mapAddress, targetFound } from './targets';
import { forgetLearned } from './learned';
import { indexOld } from './match';
import { MODULE_WORDS } from './lists';

export const MODULE_PLAIN: u32 = 0;
export const MODULE_ELF: u32 = 1;
export const MODULE_IMAGE_A64: u32 = 2;
export const MODULE_IMAGE_X64: u32 = 3;
/** The old file of the module is made known to the match model. */
export const MODULE_INDEXED: u32 = 4;

@unmanaged
export class Module {
  /** 1: the position of the new file is inside of it. */
  open: i32;
  /** Of the new one's headers: see openNew. */
  newState: i32;
  index: i32;
  /** Whose instructions are in it, also where it has no old file. */
  machine: i32;
  newStart: i64;
  newEnd: i64;
  oldStart: i64;
  oldEnd: i64;
}

export const M = changetype<Module>(memory.data(offsetof<Module>(), 16));

/** Everything about module k that is made from the old file and the lists. */
export function enterModule(k: i32, index: bool): void {
  S.free = S.moduleArena;
  const at = S.modules + <usize>(4 * k * MODULE_WORDS);
  M.newStart = load<u32>(at);
  M.newEnd = M.newStart + <i64>load<u32>(at, 4);
  M.oldStart = load<u32>(at, 8);
  M.oldEnd = M.oldStart + <i64>load<u32>(at, 12);
  M.newState = -1;
  M.open = 1;
  M.index = k;
  O.valid = 0;
  const flags = load<u32>(at, 16);
  const kind = flags & 3;
  O.sectionCount = 0;
  const flat = kind == MODULE_IMAGE_A64 ? MACHINE_A64 : kind == MODULE_IMAGE_X64 ? MACHINE_X64 : MACHINE_NONE;
  M.machine = flat;
  if (kind != MODULE_PLAIN && M.oldEnd > M.oldStart) {
    mapModule(M.newStart, M.newEnd, M.oldStart, M.oldEnd);
    openReferences(M.oldStart, M.oldEnd - M.oldStart, flat, k);
    if (O.valid) M.machine = O.machine;
  }
  forgetLearned(O.valid != 0 && typesFrom < typesTo);
  if (index && flags & MODULE_INDEXED) indexOld(M.oldStart, M.oldEnd);
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
