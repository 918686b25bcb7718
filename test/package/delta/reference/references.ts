/** Finds the references in the old module. */

import { targetOf } from './aarch64.ts';
import { a32Target, movedHalf, thumbTarget } from './arm.ts';
import { ArmRecords } from './arm-records.ts';
import {
  addressOf,
  type Elf,
  flatElf,
  holdsAddress,
  imageBase,
  type Machine,
  parseElf,
  type SectionKind,
} from './elf.ts';
import { parseSections } from './elf-sections.ts';
import type { File } from './files.ts';
import { type Hints, READING_RELATIVE } from './hints.ts';
import { findTypes, frameStarts, NO_TYPES, startOfRecord, typeField, type TypeRecords } from './records.ts';
import { found, isFar, type Reference, RefType } from './reference.ts';
import { SectionFinder } from './sections.ts';

const SYMBOL_BYTES = 24;
const NARROW_SYMBOL_BYTES = 16;
const SHORT_RELOCATION_BYTES = 8;
const RELOCATION_BYTES = 24;
/** A pointer in data does not point to the header of the file. */
const POINTER_LEAST = 64n;
/** ADRP may compute the end of the last page. */
const A64_BEYOND = 0x1000n;
const REACH = 16;

/** The old module, or undefined where it is none that could be read. flat: the machine of a flat image. */
export function openOld(file: File, start: number, bytes: number, flat: Machine): Elf | undefined {
  if (flat !== 'none') return flatElf(start, bytes, flat);
  const elf = parseElf(file, start, bytes, bytes);
  if (elf !== undefined) parseSections(file, elf);
  return elf;
}

export class References {
  readonly #file: File;
  readonly #elf: Elf;
  readonly #hints: Hints;
  readonly #sections: SectionFinder;
  #frames: readonly number[] = [];
  #types = NO_TYPES;
  readonly #arm: ArmRecords;
  /** x86-64: the offset after the one asked last, and the end of the reference found last: references do not overlap. */
  #nextAsked = -1;
  #lastEnd = 0;

  constructor(file: File, elf: Elf, hints: Hints) {
    this.#file = file;
    this.#elf = elf;
    this.#hints = hints;
    this.#sections = new SectionFinder(elf);
    this.#arm = new ArmRecords(file, elf);
    if (elf.flat) this.#types = findTypes(file, elf, 0, elf.bytes);
    for (const { kind, offset, bytes } of elf.sections) {
      if (kind === 'frames') this.#frames = frameStarts(file, elf, offset, bytes);
      if (kind === 'types') {
        const types = findTypes(file, elf, offset, bytes);
        if (types.to > 0) this.#types = types;
      }
    }
  }

  get types(): TypeRecords {
    return this.#types;
  }

  get sections(): SectionFinder {
    return this.#sections;
  }

  /** The reference that starts at an offset of the old module. Depends on the offsets that were asked before, see above. */
  at(offset: number): Reference | undefined {
    const kind = this.#sections.kindAt(offset);
    const reading = this.#hints.readingAt(offset);
    if (reading !== 0) return this.#hinted(offset, reading, kind);
    const { from, to, address } = this.#sections;
    if (this.#elf.flat) {
      const { types } = this;
      const type = offset >= types.from && offset < types.to ? this.#typeAt(offset) : undefined;
      const pointer = type ?? (offset % 8 === 0 ? this.#pointerAt(offset, 0n) : undefined);
      return pointer ?? this.#codeAt(offset, 0, this.#elf.bytes, imageBase(this.#elf));
    }
    switch (kind) {
      case 'a32 code':
        return this.#armAt(offset, to, address - BigInt(from), false);
      case 'code':
        if (this.#elf.machine === 'arm') return this.#armAt(offset, to, address - BigInt(from), true);
        return this.#codeAt(offset, from, to, address);
      case 'relocations':
        return this.#elf.relocatable ? undefined : this.#relocationAt(offset, (offset - from) % RELOCATION_BYTES);
      case 'short relocations':
        return this.#shortRelocationAt(offset, (offset - from) % SHORT_RELOCATION_BYTES);
      case 'unwind':
        return (offset - from) % 4 === 0 ? this.#unwindAt(offset, address + BigInt(offset - from)) : undefined;
      case 'symbols':
        if (this.#elf.narrow) return this.#narrowSymbolAt(offset, (offset - from) % NARROW_SYMBOL_BYTES);
        return this.#symbolAt(offset, (offset - from) % SYMBOL_BYTES);
      case 'frame index':
        if ((offset - from) % 4 !== 0 || offset < from + 12) return undefined;
        return found(RefType.frameIndex, address + BigInt(this.#i32(offset)));
      case 'frames':
        return this.#frameAt(offset, address - BigInt(from));
      case 'pointers':
      case 'dynamic':
        return offset % this.#pointerBytes === 0 ? this.#pointerAt(offset, POINTER_LEAST) : undefined;
      case 'types':
        return this.#typeAt(offset);
      case 'none':
      case 'read only':
        break;
    }
    return undefined;
  }

  #u32(offset: number): number {
    return this.#file.u32(this.#elf.start + offset);
  }

  #i32(offset: number): number {
    return this.#file.i32(this.#elf.start + offset);
  }

  #u8(offset: number): number {
    return this.#file.u8(this.#elf.start + offset);
  }

  get #pointerBytes(): number {
    return this.#elf.narrow ? 4 : 8;
  }

  #pointerAt(offset: number, least: bigint): Reference | undefined {
    if (this.#elf.narrow) {
      const word = BigInt(this.#u32(offset));
      const points = word >= this.#elf.lowest + least && word < this.#elf.highest;
      return points ? found(RefType.word, word) : undefined;
    }
    const value = this.#file.i64(this.#elf.start + offset);
    if (value < this.#elf.lowest + least || value >= this.#elf.highest) return undefined;
    return found(RefType.pointer, value);
  }

  #hinted(offset: number, reading: number, kind: SectionKind): Reference | undefined {
    if (offset % 4 !== 0) return undefined;
    const least = this.#elf.flat ? 0n : POINTER_LEAST;
    if (this.#elf.flat || kind === 'pointers' || kind === 'dynamic') {
      const within = offset % this.#pointerBytes;
      const pointer = this.#pointerAt(offset - within, least);
      if (pointer !== undefined) return within === 0 ? pointer : undefined;
    }
    const address = addressOf(this.#elf, offset);
    if (address === undefined) return undefined;
    const value = this.#u32(offset);
    if (reading === READING_RELATIVE) {
      const target = address + BigInt(value | 0);
      return isFar(value) && holdsAddress(this.#elf, target) ? found(RefType.relative, target) : undefined;
    }
    const target = imageBase(this.#elf) + BigInt(value);
    return value > 4096 && holdsAddress(this.#elf, target) ? found(RefType.image, target) : undefined;
  }

  /** from, to: the code, in offsets; address: of its first byte. */
  #codeAt(offset: number, from: number, to: number, address: bigint): Reference | undefined {
    const pc = address + BigInt(offset - from);
    if (this.#elf.machine === 'a64') return this.#a64At(offset, from, to, pc);
    if (this.#elf.machine !== 'x64') return undefined;
    if (offset !== this.#nextAsked) this.#lastEnd = 0;
    this.#nextAsked = offset + 1;
    if (offset < from + 2 || offset + 4 > to || offset < this.#lastEnd) return undefined;
    if (!this.#followsOperation(offset)) return undefined;
    const target = pc + 4n + BigInt(this.#i32(offset));
    if (!holdsAddress(this.#elf, target)) return undefined;
    this.#lastEnd = offset + 4;
    return found(RefType.x64, target);
  }

  /** CALL, JMP; ModRM with RIP and a displacement, whatever the operation; Jcc. */
  #followsOperation(offset: number): boolean {
    const before = this.#u8(offset - 1);
    if (before === 0xe8 || before === 0xe9 || (before & 0xc7) === 5) return true;
    return (before & 0xf0) === 0x80 && this.#u8(offset - 2) === 0x0f;
  }

  #a64At(offset: number, from: number, to: number, pc: bigint): Reference | undefined {
    if (offset % 4 !== 0 || offset < from || offset + 4 > to) return undefined;
    const before = Math.min(offset / 4, REACH);
    const after = Math.min(Math.floor((this.#elf.bytes - offset - 4) / 4), REACH);
    const target = targetOf(this.#file, this.#elf.start + offset, pc, before, after);
    if (target === undefined || target < this.#elf.lowest || target >= this.#elf.highest + A64_BEYOND) return undefined;
    return found(RefType.a64, target);
  }

  /** toAddress: from an offset. */
  #armAt(offset: number, to: number, toAddress: bigint, thumb: boolean): Reference | undefined {
    if (offset % 2 !== 0 || offset + 4 > to) return undefined;
    const record = this.#arm.at(offset);
    if (record === undefined) return undefined;
    if (record === 'branch') {
      const address = toAddress + BigInt(offset);
      const target = (thumb ? thumbTarget : a32Target)(this.#u32(offset), address);
      return holdsAddress(this.#elf, target) ? found(thumb ? RefType.thumb : RefType.a32, target) : undefined;
    }
    const { base } = record;
    const halves = (offsets: readonly [number, number]): number =>
      (movedHalf(this.#u32(offsets[0]), thumb) | (movedHalf(this.#u32(offsets[1]), thumb) << 16)) >>> 0;
    const value = record.kind === 'half' ? halves([record.lower, record.upper]) : this.#u32(offset);
    const target = base + BigInt(base === 0n ? value : value | 0);
    return found(record.kind === 'half' ? RefType.half : RefType.word, target, base);
  }

  /** Elf32_Rel: address, type and symbol. */
  #shortRelocationAt(offset: number, field: number): Reference | undefined {
    if (field === 0) return this.#elf.relocatable ? undefined : this.#pointerAt(offset, 0n);
    const symbol = this.#u32(offset) >>> 8;
    return field === 4 && symbol !== 0 ? found(RefType.relocation, BigInt(symbol)) : undefined;
  }

  /** ARM IHI 0038: 31 bits with a sign; what has the highest bit is no address, and 1 means that there is none. */
  #unwindAt(offset: number, address: bigint): Reference | undefined {
    const value = this.#u32(offset);
    if (value >>> 31 === 1 || value === 1) return undefined;
    const target = address + BigInt((value << 1) >> 1);
    return holdsAddress(this.#elf, target) ? found(RefType.unwind, target) : undefined;
  }

  /** Elf32_Sym: name; and the value, where there is a section. */
  #narrowSymbolAt(offset: number, field: number): Reference | undefined {
    const value = this.#u32(offset);
    if (value === 0) return undefined;
    if (field === 0) return found(RefType.name, this.#elf.stringsAddress + BigInt(value));
    const hasSection = field === 4 && this.#file.u16(this.#elf.start + offset + 10) !== 0;
    return hasSection ? this.#pointerAt(offset, 0n) : undefined;
  }

  /** Elf64_Rela: address, type, symbol, addend. */
  #relocationAt(offset: number, field: number): Reference | undefined {
    if (field === 0) return this.#pointerAt(offset, 0n);
    if (field === 12 && this.#u32(offset) !== 0) return found(RefType.symbol, BigInt(this.#u32(offset)));
    const isSet = field === 16 && this.#file.i64(this.#elf.start + offset) !== 0n;
    return isSet ? this.#pointerAt(offset, 0n) : undefined;
  }

  /** Elf64_Sym: name; and the value, where there is a section. */
  #symbolAt(offset: number, field: number): Reference | undefined {
    if (field === 0) {
      const name = this.#u32(offset);
      return name === 0 ? undefined : found(RefType.name, this.#elf.stringsAddress + BigInt(name));
    }
    const at = this.#elf.start + offset;
    const isSet = field === 8 && this.#file.u16(at - 2) !== 0 && this.#file.i64(at) !== 0n;
    return isSet ? this.#pointerAt(offset, 0n) : undefined;
  }

  /** base: the address of offset 0, as the section is loaded. */
  #frameAt(offset: number, base: bigint): Reference | undefined {
    const start = startOfRecord(this.#frames, offset);
    if (start === undefined) return undefined;
    const field = offset - start;
    if (field !== 4 && field !== 8 && field !== 12) return undefined;
    const back = this.#u32(start + 4);
    // A common record, without a function.
    if (back === 0) return undefined;
    const address = base + BigInt(start);
    if (field === 4) return found(RefType.cie, address + 4n - BigInt(back));
    const pc = address + 8n + BigInt(this.#i32(start + 8));
    if (field === 8) return found(RefType.frame, pc);
    return found(RefType.range, pc, BigInt(this.#u32(start + 12)));
  }

  #typeAt(offset: number): Reference | undefined {
    if (offset % 4 !== 0) return undefined;
    const start = startOfRecord(this.#types.starts, offset);
    if (start === undefined) return undefined;
    const field = typeField(this.#u32(start + 4), offset - start);
    const value = this.#u32(offset);
    if (field === undefined || value === 0) return undefined;
    return found(field === 'name' ? RefType.typeName : RefType.type, BigInt(value));
  }
}
