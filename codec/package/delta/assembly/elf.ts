/**
 * What the coder needs of an ELF file (System V gABI, little endian; 64 bits, or 32 for ARM): where its bytes are loaded, and which sections hold what.
 * Offsets are from the start of the module. The old module is known whole, of the new one only what was coded before.
 */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { old16, old32, old64, oldByte, new16, new32, new64, newByte } from './memory';

export const MACHINE_NONE: i32 = 0;
export const MACHINE_X64: i32 = 1;
export const MACHINE_A64: i32 = 2;
/** 32 bits: Thumb and A32. */
export const MACHINE_ARM: i32 = 3;

export const SECTION_NONE: i32 = 0;
export const SECTION_CODE: i32 = 1;
export const SECTION_RELA: i32 = 2;
export const SECTION_SYMBOLS: i32 = 3;
export const SECTION_FRAME_INDEX: i32 = 4;
export const SECTION_FRAMES: i32 = 5;
export const SECTION_POINTERS: i32 = 6;
export const SECTION_READ_ONLY: i32 = 7;
export const SECTION_DYNAMIC: i32 = 8;
export const SECTION_TYPES: i32 = 9;
/** Code of A32 in a module of 32-bit ARM, where SECTION_CODE is Thumb. */
export const SECTION_CODE_A32: i32 = 10;
/** Relocations without addends. */
export const SECTION_REL: i32 = 11;
/** .ARM.exidx and .ARM.extab. */
export const SECTION_UNWIND: i32 = 12;

const MOST_LOADS: i32 = 16;
const MOST_SECTIONS: i32 = 128;
const MOST_BYTES: i64 = 1 << 31;

@unmanaged
export class Load {
  offset: i64;
  address: i64;
  fileBytes: i64;
  executable: i32;
}

@unmanaged
export class Section {
  offset: i64;
  address: i64;
  bytes: i64;
  kind: i32;
}

@unmanaged
export class Elf {
  valid: i32;
  machine: i32;
  relocatable: i32;
  /** 32 bits. */
  narrow: i32;
  /** A flat image: every offset is loaded at base + offset. */
  flat: i32;
  start: i64;
  bytes: i64;
  lowest: i64;
  highest: i64;
  frameIndexAddress: i64;
  frameIndexBytes: i64;
  symbolsAddress: i64;
  stringsAddress: i64;
  /** Global offsets of 32-bit ARM, .got. */
  tableAddress: i64;
  tableBytes: i64;
  loadCount: i32;
  sectionCount: i32;
  loads: usize;
  sections: usize;
}

@inline
export function loadOf(elf: Elf, k: i32): Load {
  return changetype<Load>(elf.loads + <usize>k * offsetof<Load>());
}

@inline
export function sectionOf(elf: Elf, k: i32): Section {
  return changetype<Section>(elf.sections + <usize>k * offsetof<Section>());
}

const oldElf: usize = memory.data(offsetof<Elf>(), 16);
const newElf: usize = memory.data(offsetof<Elf>(), 16);
const oldLoads: usize = memory.data(16 * 32, 16);
const newLoads: usize = memory.data(16 * 32, 16);
const oldSections: usize = memory.data(128 * 32, 16);
const newSections: usize = memory.data(128 * 32, 16);

export const O = changetype<Elf>(oldElf);
export const N = changetype<Elf>(newElf);

export function clearElf(elf: Elf): void {
  memory.fill(changetype<usize>(elf), 0, offsetof<Elf>());
  elf.loads = changetype<usize>(elf) == oldElf ? oldLoads : newLoads;
  elf.sections = changetype<usize>(elf) == oldElf ? oldSections : newSections;
}

let inNew: bool = false;

@inline
function r8(p: i64): u32 {
  return inNew ? newByte(p) : oldByte(p);
}
@inline
function r16(p: i64): u32 {
  return inNew ? new16(p) : old16(p);
}
@inline
function r32(p: i64): u32 {
  return inNew ? new32(p) : old32(p);
}
@inline
function r64(p: i64): u64 {
  return inNew ? new64(p) : old64(p);
}

/** An address or a size of the headers, 4 or 8 bytes. */
@inline
function number(elf: Elf, narrow: i64, wide: i64): i64 {
  return elf.narrow ? <i64>r32(narrow) : <i64>r64(wide);
}

/** most: how many bytes of the module may be looked at. */
export function parseElf(elf: Elf, isNew: bool, start: i64, bytes: i64, most: i64): bool {
  clearElf(elf);
  elf.start = start;
  elf.bytes = bytes;
  inNew = isNew;
  if (most < 64 || r32(start) != 0x464c457f || r8(start + 5) != 1) return false;
  const machine = r16(start + 18);
  if (r8(start + 4) == 1 && machine == 40) elf.narrow = 1;
  else if (r8(start + 4) != 2) return false;
  elf.machine = elf.narrow ? MACHINE_ARM : machine == 62 ? MACHINE_X64 : machine == 183 ? MACHINE_A64 : MACHINE_NONE;
  const type = r16(start + 16);
  const headers = number(elf, start + 28, start + 32);
  const count = <i32>r16(start + (elf.narrow ? 44 : 56));
  const step = <i64>r16(start + (elf.narrow ? 42 : 54));
  elf.lowest = i64.MAX_VALUE;
  elf.highest = 0;
  if (type == 1) {
    elf.relocatable = 1;
    const load = loadOf(elf, 0);
    load.offset = 0;
    load.address = 0;
    load.fileBytes = bytes;
    load.executable = 1;
    elf.loadCount = 1;
    elf.lowest = 64;
    elf.highest = bytes;
    elf.valid = 1;
    return true;
  }
  if (count == 0 || step < (elf.narrow ? 32 : 56) || headers < 0 || headers > 100000) return false;
  for (let k = 0; k < count; k++) {
    if (headers + (k + 1) * step > most) return false;
    const at = start + headers + k * step;
    const kind = r32(at);
    const offset = number(elf, at + 4, at + 8);
    const address = number(elf, at + 8, at + 16);
    const fileBytes = number(elf, at + 16, at + 32);
    const memoryBytes = number(elf, at + 20, at + 40);
    if (<u64>offset > <u64>MOST_BYTES || <u64>fileBytes > <u64>MOST_BYTES) return false;
    if (<u64>address > 1 << 47 || <u64>memoryBytes > <u64>MOST_BYTES) return false;
    if (kind == 1 && elf.loadCount < MOST_LOADS) {
      const load = loadOf(elf, elf.loadCount++);
      load.offset = offset;
      load.address = address;
      load.fileBytes = fileBytes;
      load.executable = r32(at + (elf.narrow ? 24 : 4)) & 1;
      elf.lowest = min(elf.lowest, address);
      elf.highest = max(elf.highest, address + memoryBytes);
    }
    if (kind == 0x6474e550) {
      elf.frameIndexAddress = address;
      elf.frameIndexBytes = fileBytes;
    }
  }
  elf.valid = elf.loadCount > 0 && elf.highest - elf.lowest < MOST_BYTES ? 1 : 0;
  return elf.valid != 0;
}

export function flatElf(elf: Elf, start: i64, bytes: i64, machine: i32): void {
  clearElf(elf);
  elf.start = start;
  elf.bytes = bytes;
  elf.machine = machine;
  elf.flat = 1;
  // Where the kernel of AArch64 has its first byte is of no account: addresses in it are compared with each other only.
  const base: i64 = machine == MACHINE_A64 ? <i64>0xffff800008000000 : 0;
  const load = loadOf(elf, 0);
  load.offset = 0;
  load.address = base;
  load.fileBytes = bytes;
  load.executable = 1;
  elf.loadCount = 1;
  elf.lowest = base + 4096;
  elf.highest = base + bytes;
  elf.valid = 1;
}

function nameIs(at: i64, name: usize, length: i32): bool {
  for (let k = 0; k < length; k++) if (r8(at + k) != load<u8>(name + k)) return false;
  return r8(at + length) == 0;
}

const EH_FRAME_HDR: usize = memory.data<u8>([46, 101, 104, 95, 102, 114, 97, 109, 101, 95, 104, 100, 114]);
const EH_FRAME: usize = memory.data<u8>([46, 101, 104, 95, 102, 114, 97, 109, 101]);
const UNWIND: usize = memory.data<u8>([46, 65, 82, 77, 46, 101, 120, 116, 97, 98]);
const GOT: usize = memory.data<u8>([46, 103, 111, 116]);
const BTF: usize = memory.data<u8>([46, 66, 84, 70]);

/** isNew: of the new module, where it is known whole (in the encoder). */
export function parseSections(elf: Elf, isNew: bool): void {
  inNew = isNew;
  const e = elf.start;
  const headers = number(elf, e + 32, e + 40);
  const counts = e + (elf.narrow ? 48 : 60);
  const count = <i32>r16(counts);
  const step = <i64>r16(counts - 2);
  const names = <i32>r16(counts + 2);
  if (count == 0 || step < (elf.narrow ? 40 : 64) || <u64>headers > <u64>MOST_BYTES || headers + count * step > elf.bytes || names >= count) return;
  const namesAt = e + headers + names * step;
  const nameTable = number(elf, namesAt + 16, namesAt + 24);
  const nameBytes = number(elf, namesAt + 20, namesAt + 32);
  if (<u64>nameTable > <u64>MOST_BYTES || <u64>nameBytes > <u64>MOST_BYTES || nameTable + nameBytes > elf.bytes) return;
  for (let k = 0; k < count; k++) {
    const at = e + headers + k * step;
    const type = r32(at + 4);
    const flags = number(elf, at + 8, at + 8);
    const address = number(elf, at + 12, at + 16);
    const offset = number(elf, at + 16, at + 24);
    const bytes = number(elf, at + 20, at + 32);
    if (type == 8 || type == 0 || <u64>offset > <u64>MOST_BYTES || <u64>bytes > <u64>MOST_BYTES || offset + bytes > elf.bytes) continue;
    if (elf.sectionCount == MOST_SECTIONS) return;
    const name = e + nameTable + r32(at);
    let kind = SECTION_NONE;
    if (type == 4) kind = SECTION_RELA;
    else if (type == 9 && elf.narrow) kind = SECTION_REL;
    else if (type == 2 || type == 11) kind = SECTION_SYMBOLS;
    else if (nameIs(name, EH_FRAME_HDR, 13)) kind = SECTION_FRAME_INDEX;
    else if (nameIs(name, EH_FRAME, 9)) kind = SECTION_FRAMES;
    else if (nameIs(name, BTF, 4)) kind = SECTION_TYPES;
    else if (elf.narrow && (type == 0x70000001 || nameIs(name, UNWIND, 10))) kind = SECTION_UNWIND;
    else if (flags & 4) kind = SECTION_CODE;
    else if (type == 6) kind = SECTION_DYNAMIC;
    else if (flags & 1 && flags & 2) kind = SECTION_POINTERS;
    else if (flags & 2) kind = SECTION_READ_ONLY;
    if (!elf.relocatable && address == 0 && kind != SECTION_SYMBOLS && kind != SECTION_TYPES) kind = SECTION_NONE;
    const section = sectionOf(elf, elf.sectionCount++);
    section.offset = offset;
    section.address = address;
    section.bytes = bytes;
    section.kind = kind;
    if (type == 11) {
      elf.symbolsAddress = address;
      const link = <i32>r32(at + (elf.narrow ? 24 : 40));
      const linked = e + headers + link * step;
      if (link < count) elf.stringsAddress = number(elf, linked + 12, linked + 16);
    }
    if (elf.narrow && nameIs(name, GOT, 4)) {
      elf.tableAddress = address;
      elf.tableBytes = bytes;
    }
  }
}

let hitAddress: i64 = 0;
export let hitExecutable: i32 = 0;

/** Address of a byte of the file, or false; the result is `addressFound()`. */
export function addressOf(elf: Elf, offset: i64): bool {
  for (let k = 0; k < elf.loadCount; k++) {
    const load = loadOf(elf, k);
    if (offset >= load.offset && offset < load.offset + load.fileBytes) {
      hitAddress = load.address + offset - load.offset;
      hitExecutable = load.executable;
      return true;
    }
  }
  return false;
}

@inline
export function addressFound(): i64 {
  return hitAddress;
}

/** Offset in the file of an address, or -1. */
export function offsetOf(elf: Elf, address: i64): i64 {
  for (let k = 0; k < elf.loadCount; k++) {
    const load = loadOf(elf, k);
    if (address >= load.address && address < load.address + load.fileBytes) return address - load.address + load.offset;
  }
  return -1;
}
