/**
 * Where instructions and literals of 32-bit ARM are that hold an address. Whether a halfword begins an instruction, and what a literal is
 * counted from, only the code before says: so the code of the old module is gone through once, when it is entered.
 */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { take, old16, old32 } from './memory';
import { O, sectionOf, MACHINE_ARM, SECTION_CODE, SECTION_CODE_A32 } from './elf';
import { sortValues } from './sort';
import { isWide, isThumbBranch, isA32Branch, thumbMove, a32Move, movedHalf } from './arm';

/** Larger modules have no references in their code. */
const MOST_BYTES: i64 = 1 << 27;
const MOST_WORDS: i32 = 1 << 19;
/** How far behind a load what counts its literal from the program counter is looked for, and the other half of an address. */
const REACH_BYTES: i64 = 64;
/** A section is A32 where so many of its words, of 256, are executed in any case. */
const ALWAYS_LEAST: i64 = 154;
const LOOKED_BYTES: i64 = 1 << 16;

/** Two bits for each halfword: 1 a branch begins here, 2 a word of the list, 3 a literal without a target. */
let marks: usize = 0;
let marked: bool = false;
/** Sorted: offset, and above it what `wordAbout` says. */
let words: usize = 0;
let wordCount: i32 = 0;

export const MARK_BRANCH: u32 = 1;
export const MARK_WORD: u32 = 2;
const MARK_OTHER: u32 = 3;

/** In the lower half of a word of the list: half of an address in an instruction. Otherwise what a literal is counted from, see `base`. */
export const HALF: u32 = 0x80000000;
export const HALF_UPPER: u32 = 0x40000000;

@inline
export function markAt(offset: i64): u32 {
  if (!marked) return 0;
  return (load<u8>(marks + <usize>(offset >> 3)) >> (<u32>offset & 6)) & 3;
}

@inline
function mark(offset: i64, value: u32): void {
  const at = marks + <usize>(offset >> 3);
  store<u8>(at, load<u8>(at) | (value << (<u32>offset & 6)));
}

/** What the list has of a word that is marked so. */
export function wordAbout(offset: i64): u32 {
  let low = 0;
  let high = wordCount;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (load<u32>(words + (<usize>middle << 3), 4) < <u32>offset) low = middle + 1;
    else high = middle;
  }
  return load<u32>(words + (<usize>low << 3));
}

function note(offset: i64, about: u32): void {
  if (markAt(offset) != 0 || wordCount == MOST_WORDS) return;
  mark(offset, MARK_WORD);
  take(8);
  S.free = words + (<usize>(wordCount + 1) << 3);
  store<u64>(words + (<usize>wordCount << 3), (<u64>(<u32>offset) << 32) | <u64>about);
  wordCount++;
}

/** Address of the table of global offsets, which literals in shared code are counted from, and its size. */
let table: i64 = 0;
let tableBytes: i64 = 0;

export function openArm(): void {
  marked = false;
  wordCount = 0;
  if (O.machine != MACHINE_ARM || O.bytes > MOST_BYTES) return;
  marks = take(<usize>(O.bytes >> 3) + 8);
  memory.fill(marks, 0, <usize>(O.bytes >> 3) + 8);
  marked = true;
  words = S.free;
  table = O.tableAddress;
  tableBytes = O.tableBytes;
  for (let k = 0; k < O.sectionCount; k++) {
    const section = sectionOf(O, k);
    if (section.kind != SECTION_CODE || section.bytes < 4) continue;
    if (isA32(section.offset, section.bytes)) {
      section.kind = SECTION_CODE_A32;
      visitA32(section.offset, section.offset + section.bytes, section.address - section.offset);
    } else visitThumb(section.offset, section.offset + section.bytes, section.address - section.offset);
  }
  sortValues<u64>(words, wordCount);
  S.free = (S.free + 15) & ~15;
}

function isA32(offset: i64, bytes: i64): bool {
  const first = (offset + 3) & ~3;
  const end = offset + min(bytes, LOOKED_BYTES);
  let always: i64 = 0;
  let count: i64 = 0;
  for (let q = first; q + 4 <= end; q += 4) {
    if (old32(O.start + q) >>> 28 == 14) always++;
    count++;
  }
  return always * 256 >= count * ALWAYS_LEAST;
}

/** pc: that the literal at this offset is counted from, 0 where nothing does. */
function noteLiteral(literal: i64, to: i64, pc: i64): void {
  if (literal + 4 > to || literal & 3 || markAt(literal) != 0 || markAt(literal + 2) != 0) return;
  const value = old32(O.start + literal);
  let base: i64 = pc;
  if (pc == 0 && O.lowest == 0) base = value < <u32>tableBytes && (value & 3) == 0 ? table : -1;
  const target = base + <i64>(pc ? <i64>(<i32>value) : <i64>value);
  const far = base != 0 && (base < O.lowest || base - O.lowest + 1 >= <i64>HALF);
  if (base < 0 || far || target < O.lowest + (base ? 0 : 64) || target >= O.highest) {
    mark(literal, MARK_OTHER);
    return;
  }
  note(literal, base ? <u32>(base - O.lowest + 1) : 0);
}

/** Both halves of an address, at these offsets. counter: where the program counter is added, 0 nowhere. */
function noteHalves(lower: i64, upper: i64, counter: i64, thumb: bool, pcBytes: i64, toAddress: i64): void {
  const value = movedHalf(old32(O.start + lower), thumb) | (movedHalf(old32(O.start + upper), thumb) << 16);
  const pc = counter ? counter + toAddress + pcBytes : 0;
  const target = pc ? pc + <i64>(<i32>value) : <i64>value;
  if (target < O.lowest + 64 || target >= O.highest || (pc == 0 && O.lowest == 0)) return;
  const added = counter ? <u32>((counter - lower) >> 1) : 0;
  const about = HALF | (<u32>((upper - lower) >> 1) << 8) | added;
  note(lower, about);
  note(upper, about | HALF_UPPER);
}

/** Offset of the ADD of the program counter to a register behind an offset, or 0. */
function addedThumb(from: i64, to: i64, register: u32): i64 {
  const wanted = 0x4478 | (register & 7) | ((register & 8) << 4);
  for (let q = from; q < min(to, from + REACH_BYTES); ) {
    const x = old16(O.start + q);
    if (x == wanted) return q;
    q += isWide(x) ? 4 : 2;
  }
  return 0;
}

function visitThumb(from: i64, to: i64, toAddress: i64): void {
  for (let q = (from + 1) & ~1; q + 2 <= to; ) {
    if (markAt(q) > 1) {
      q += 4;
      continue;
    }
    const first = old16(O.start + q);
    if (!isWide(first)) {
      // LDR (literal), T1.
      if ((first & 0xf800) == 0x4800) loadThumb(q, to, toAddress, (first >>> 8) & 7, <i64>((first & 255) << 2));
      q += 2;
      continue;
    }
    if (q + 4 > to) return;
    const x = first | (old16(O.start + q + 2) << 16);
    if (isThumbBranch(x)) {
      if (markAt(q + 2) == 0) mark(q, MARK_BRANCH);
    } else if ((first & 0xff7f) == 0xf85f) loadThumb(q, to, toAddress, x >>> 28, first & 0x80 ? <i64>((x >>> 16) & 0xfff) : -<i64>((x >>> 16) & 0xfff));
    else if (thumbMove(x) == 1) movedThumb(q, to, toAddress, (x >>> 24) & 15);
    q += 4;
  }
}

function loadThumb(at: i64, to: i64, toAddress: i64, register: u32, distance: i64): void {
  const literal = ((at + toAddress + 4) & ~3) - toAddress + distance;
  if (literal <= at || markAt(literal) != 0) return;
  const counter = addedThumb(at + 2, to, register);
  noteLiteral(literal, to, counter ? counter + toAddress + 4 : 0);
}

function movedThumb(at: i64, to: i64, toAddress: i64, register: u32): void {
  for (let q = at + 4; q + 4 <= min(to, at + REACH_BYTES); ) {
    const first = old16(O.start + q);
    if (!isWide(first)) {
      q += 2;
      continue;
    }
    const x = first | (old16(O.start + q + 2) << 16);
    if (((x >>> 24) & 15) == register) {
      const kind = thumbMove(x);
      if (kind == 2) {
        noteHalves(at, q, addedThumb(q + 4, to, register), true, 4, toAddress);
        return;
      }
      if (kind == 1) return;
    }
    q += 4;
  }
}

function visitA32(from: i64, to: i64, toAddress: i64): void {
  for (let q = (from + 3) & ~3; q + 4 <= to; q += 4) {
    if (markAt(q) != 0) continue;
    const x = old32(O.start + q);
    if (isA32Branch(x)) mark(q, MARK_BRANCH);
    else if ((x & 0x0f7f0000) == 0x051f0000) {
      const literal = q + 8 + (x & 0x00800000 ? <i64>(x & 0xfff) : -<i64>(x & 0xfff));
      if (literal <= q || markAt(literal) != 0) continue;
      const counter = addedA32(q + 4, to, (x >>> 12) & 15);
      noteLiteral(literal, to, counter ? counter + toAddress + 8 : 0);
    } else if (a32Move(x) == 1) movedA32(q, to, toAddress, (x >>> 12) & 15);
  }
}

/** ADD of the program counter to a register, or a load from there. */
function addedA32(from: i64, to: i64, register: u32): i64 {
  for (let q = from; q + 4 <= min(to, from + REACH_BYTES); q += 4) {
    const x = old32(O.start + q);
    const kind = x & 0x0fff0ff0;
    if ((kind == 0x008f0000 || kind == 0x079f0000) && (x & 15) == register) return q;
  }
  return 0;
}

function movedA32(at: i64, to: i64, toAddress: i64, register: u32): void {
  for (let q = at + 4; q + 4 <= min(to, at + REACH_BYTES); q += 4) {
    const x = old32(O.start + q);
    const kind = a32Move(x);
    if (kind == 0 || ((x >>> 12) & 15) != register) continue;
    if (kind == 2) noteHalves(at, q, addedA32(q + 4, to, register), false, 8, toAddress);
    return;
  }
}
