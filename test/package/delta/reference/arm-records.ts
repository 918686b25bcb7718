/**
 * Where instructions and literals of 32-bit ARM are that hold an address. Whether a halfword begins an instruction, and what a literal is
 * counted from, only the code before says: so the code of the old module is gone through once.
 */

import { a32Move, isA32Branch, isThumbBranch, isWide, movedHalf, thumbMove } from './arm.ts';
import { type Elf, holdsAddress, type Section } from './elf.ts';
import type { File } from './files.ts';

/** Larger modules have no references in their code. */
const MODULE_MOST_BYTES = 1 << 27;
const WORDS_MOST = 1 << 19;
/** How far behind a load what adds the program counter is looked for, and the other half of an address. */
const REACH_BYTES = 64;
/** A section is A32 where so many of its words, of 256, are executed in any case. */
const ALWAYS_LEAST = 154;
const LOOKED_BYTES = 1 << 16;
const POINTER_LEAST = 64n;

/** A word that is counted from an address (0: none), or two halves of such a word in instructions. */
export type ArmWord =
  | { readonly kind: 'literal'; readonly base: bigint }
  | { readonly kind: 'half'; readonly lower: number; readonly upper: number; readonly base: bigint };

/** Says of each section of code whether it is A32, too. */
export class ArmRecords {
  readonly #file: File;
  readonly #elf: Elf;
  /** By offset. `other`: a literal without a target. */
  readonly #marks = new Map<number, 'branch' | ArmWord | 'other'>();
  #count = 0;

  constructor(file: File, elf: Elf) {
    this.#file = file;
    this.#elf = elf;
    if (elf.machine !== 'arm' || elf.bytes > MODULE_MOST_BYTES) return;
    elf.sections = elf.sections.map((section) => {
      if (section.kind !== 'code' || section.bytes < 4) return section;
      const isA32 = this.#isA32(section);
      if (isA32) this.#visitA32(section);
      else this.#visitThumb(section);
      return isA32 ? { ...section, kind: 'a32 code' } : section;
    });
  }

  at(offset: number): 'branch' | ArmWord | undefined {
    const mark = this.#marks.get(offset);
    return mark === 'other' ? undefined : mark;
  }

  #u16(offset: number): number {
    return this.#file.u16(this.#elf.start + offset);
  }

  #u32(offset: number): number {
    return this.#file.u32(this.#elf.start + offset);
  }

  #isA32({ offset, bytes }: Section): boolean {
    const end = offset + Math.min(bytes, LOOKED_BYTES);
    let always = 0;
    let count = 0;
    for (let q = Math.ceil(offset / 4) * 4; q + 4 <= end; q += 4) {
      if (this.#u32(q) >>> 28 === 14) always++;
      count++;
    }
    return always * 256 >= count * ALWAYS_LEAST;
  }

  #isLiteral(offset: number): boolean {
    const mark = this.#marks.get(offset);
    return mark !== undefined && mark !== 'branch';
  }

  #note(offset: number, word: ArmWord): void {
    if (this.#marks.has(offset) || this.#count === WORDS_MOST) return;
    this.#count++;
    this.#marks.set(offset, word);
  }

  /** pc: the program counter that it is added to, 0 for none. to: end of the section. */
  #noteLiteral(literal: number, to: number, pc: bigint): void {
    if (literal + 4 > to || literal % 4 !== 0 || this.#marks.has(literal) || this.#marks.has(literal + 2)) return;
    const value = this.#u32(literal);
    const { lowest, tableAddress, tableBytes } = this.#elf;
    let base: bigint | undefined = pc;
    // In shared code what is not counted from the program counter is an offset in the table, or a number.
    if (pc === 0n && lowest === 0n)
      base = value < (tableBytes & 0xffff_ffff) >>> 0 && value % 4 === 0 ? tableAddress : undefined;
    const target = (base ?? 0n) + BigInt(pc === 0n ? value : value | 0);
    const least = base === 0n ? POINTER_LEAST : 0n;
    const isCounted = base !== undefined && (base === 0n || (base >= lowest && base - lowest + 1n < 2n ** 31n));
    if (!isCounted || target < lowest + least || target >= this.#elf.highest) this.#marks.set(literal, 'other');
    else this.#note(literal, { kind: 'literal', base: base ?? 0n });
  }

  /** counter: where the program counter is added, if it is. toAddress: from an offset. */
  #noteHalves(lower: number, upper: number, counter: number | undefined, thumb: boolean, toAddress: bigint): void {
    const value = (movedHalf(this.#u32(lower), thumb) | (movedHalf(this.#u32(upper), thumb) << 16)) >>> 0;
    const base = counter === undefined ? 0n : BigInt(counter) + toAddress + (thumb ? 4n : 8n);
    const target = base + BigInt(base === 0n ? value : value | 0);
    const { lowest } = this.#elf;
    if (target < lowest + POINTER_LEAST || !holdsAddress(this.#elf, target)) return;
    if (base === 0n && lowest === 0n) return;
    const word: ArmWord = { kind: 'half', lower, upper, base };
    this.#note(lower, word);
    this.#note(upper, word);
  }

  #visitThumb({ offset, bytes, address }: Section): void {
    const to = offset + bytes;
    const toAddress = address - BigInt(offset);
    for (let q = Math.ceil(offset / 2) * 2; q + 2 <= to; ) {
      if (this.#isLiteral(q)) {
        q += 4;
        continue;
      }
      const first = this.#u16(q);
      if (!isWide(first)) {
        // LDR (literal), T1.
        if (first >>> 11 === 0b01001) this.#thumbLoad(q, to, toAddress, (first >>> 8) & 7, (first & 255) * 4);
        q += 2;
        continue;
      }
      if (q + 4 > to) return;
      const x = this.#u32(q);
      const distance = (x >>> 16) & 0xfff;
      if (isThumbBranch(x)) {
        if (!this.#marks.has(q + 2) && !this.#marks.has(q)) this.#marks.set(q, 'branch');
      } else if ((first & 0xff7f) === 0xf85f)
        // LDR (literal), T2.
        this.#thumbLoad(q, to, toAddress, x >>> 28, (first & 0x80) === 0 ? -distance : distance);
      else if (thumbMove(x) === 'lower') this.#thumbHalves(q, to, toAddress, (x >>> 24) & 15);
      q += 4;
    }
  }

  #thumbLoad(at: number, to: number, toAddress: bigint, register: number, distance: number): void {
    const literal = Number(((BigInt(at) + toAddress + 4n) & ~3n) - toAddress) + distance;
    if (literal <= at || this.#marks.has(literal)) return;
    const counter = this.#addedInThumb(at + 2, to, register);
    this.#noteLiteral(literal, to, counter === undefined ? 0n : BigInt(counter) + toAddress + 4n);
  }

  /** Where the program counter is added to a register: ADD (register), T2. */
  #addedInThumb(from: number, to: number, register: number): number | undefined {
    const wanted = 0x4478 | (register & 7) | ((register & 8) << 4);
    for (let q = from; q < Math.min(to, from + REACH_BYTES); ) {
      const x = this.#u16(q);
      if (x === wanted) return q;
      q += isWide(x) ? 4 : 2;
    }
    return undefined;
  }

  #thumbHalves(at: number, to: number, toAddress: bigint, register: number): void {
    for (let q = at + 4; q + 4 <= Math.min(to, at + REACH_BYTES); ) {
      const x = this.#u32(q);
      if (!isWide(x & 0xffff)) {
        q += 2;
        continue;
      }
      const half = ((x >>> 24) & 15) === register ? thumbMove(x) : undefined;
      if (half === 'lower') return;
      if (half === 'upper') {
        this.#noteHalves(at, q, this.#addedInThumb(q + 4, to, register), true, toAddress);
        return;
      }
      q += 4;
    }
  }

  #visitA32({ offset, bytes, address }: Section): void {
    const to = offset + bytes;
    const toAddress = address - BigInt(offset);
    for (let q = Math.ceil(offset / 4) * 4; q + 4 <= to; q += 4) {
      if (this.#marks.has(q)) continue;
      const x = this.#u32(q);
      const register = (x >>> 12) & 15;
      if (isA32Branch(x)) this.#marks.set(q, 'branch');
      else if ((x & 0x0f7f_0000) === 0x051f_0000) {
        const literal = q + 8 + ((x & 0x0080_0000) === 0 ? -(x & 0xfff) : x & 0xfff);
        if (literal <= q || this.#marks.has(literal)) continue;
        const counter = this.#addedInA32(q + 4, to, register);
        this.#noteLiteral(literal, to, counter === undefined ? 0n : BigInt(counter) + toAddress + 8n);
      } else if (a32Move(x) === 'lower') this.#a32Halves(q, to, toAddress, register);
    }
  }

  /** Where the program counter is added to a register, or a load is from their sum. */
  #addedInA32(from: number, to: number, register: number): number | undefined {
    for (let q = from; q + 4 <= Math.min(to, from + REACH_BYTES); q += 4) {
      const x = this.#u32(q);
      const kind = x & 0x0fff_0ff0;
      if ((kind === 0x008f_0000 || kind === 0x079f_0000) && (x & 15) === register) return q;
    }
    return undefined;
  }

  #a32Halves(at: number, to: number, toAddress: bigint, register: number): void {
    for (let q = at + 4; q + 4 <= Math.min(to, at + REACH_BYTES); q += 4) {
      const x = this.#u32(q);
      const half = ((x >>> 12) & 15) === register ? a32Move(x) : undefined;
      if (half === undefined) continue;
      if (half === 'upper') this.#noteHalves(at, q, this.#addedInA32(q + 4, to, register), false, toAddress);
      return;
    }
  }
}
