/** The section headers of an old ELF file, as far as they say where references are. */

import { type Elf, headerNumber, type Section, type SectionKind, SIZE_MOST, u64 } from './elf.ts';
import type { File } from './files.ts';

const SECTIONS_MOST = 128;
const TYPE_NULL = 0;
const TYPE_SYMBOLS = 2;
const TYPE_RELOCATIONS = 4;
const TYPE_DYNAMIC = 6;
const TYPE_NO_BITS = 8;
const TYPE_SHORT_RELOCATIONS = 9;
const TYPE_DYNAMIC_SYMBOLS = 11;
const TYPE_ARM_UNWIND = 0x7000_0001;
const FLAG_WRITE = 1n;
const FLAG_LOADED = 2n;
const FLAG_EXECUTABLE = 4n;

/** Where the fields are that differ between 32 and 64 bits; those of a section from its header's start. */
const NARROW = {
  ...{ headersAt: 32, step: 46, headerBytes: 40 },
  ...{ flags: 8, address: 12, offset: 16, bytes: 20, link: 24 },
};
const WIDE = {
  ...{ headersAt: 40, step: 58, headerBytes: 64 },
  ...{ flags: 8, address: 16, offset: 24, bytes: 32, link: 40 },
};

/** Fills `sections`, `symbolsAddress` and `stringsAddress`. */
export function parseSections(file: File, elf: Elf): void {
  const { start, narrow } = elf;
  const fields = narrow ? NARROW : WIDE;
  const number = (at: number): bigint => headerNumber(file, at, narrow);
  const headersAt = u64(number(start + fields.headersAt));
  const [stepBytes, count, namesIndex] = [0, 2, 4].map((field) => file.u16(start + fields.step + field)) as [
    number,
    number,
    number,
  ];
  if (count === 0 || stepBytes < fields.headerBytes || headersAt > SIZE_MOST) return;
  if (Number(headersAt) + count * stepBytes > elf.bytes || namesIndex >= count) return;
  const headerAt = (k: number): number => start + Number(headersAt) + k * stepBytes;
  const namesAt = u64(number(headerAt(namesIndex) + fields.offset));
  const namesBytes = u64(number(headerAt(namesIndex) + fields.bytes));
  if (namesAt > SIZE_MOST || namesBytes > SIZE_MOST || namesAt + namesBytes > BigInt(elf.bytes)) return;
  const sections: Section[] = [];
  elf.sections = sections;
  for (let k = 0; k < count; k++) {
    const at = headerAt(k);
    const type = file.u32(at + 4);
    const flags = number(at + fields.flags);
    const address = number(at + fields.address);
    const offset = u64(number(at + fields.offset));
    const bytes = u64(number(at + fields.bytes));
    if (type === TYPE_NO_BITS || type === TYPE_NULL || offset > SIZE_MOST || bytes > SIZE_MOST) continue;
    if (offset + bytes > BigInt(elf.bytes)) continue;
    if (sections.length === SECTIONS_MOST) return;
    const name = nameAt(file, start + Number(namesAt) + file.u32(at));
    let kind = kindOf(type, name, flags, narrow);
    if (!elf.relocatable && address === 0n && kind !== 'symbols' && kind !== 'types') kind = 'none';
    sections.push({ offset: Number(offset), address, bytes: Number(bytes), kind });
    if (type === TYPE_DYNAMIC_SYMBOLS) {
      elf.symbolsAddress = address;
      const namesOfSymbols = file.u32(at + fields.link) | 0;
      if (namesOfSymbols < count) elf.stringsAddress = number(headerAt(namesOfSymbols) + fields.address);
    }
    if (narrow && name === '.got') {
      elf.tableAddress = address;
      elf.tableBytes = Number(bytes);
    }
  }
}

const NAME_MOST_BYTES = 14;

/** The name up to its zero, or so much that it is none of those that count. */
function nameAt(file: File, at: number): string {
  let name = '';
  for (let k = 0; k < NAME_MOST_BYTES && file.u8(at + k) !== 0; k++) name += String.fromCharCode(file.u8(at + k));
  return name;
}

function kindOf(type: number, name: string, flags: bigint, narrow: boolean): SectionKind {
  if (type === TYPE_RELOCATIONS) return 'relocations';
  if (type === TYPE_SHORT_RELOCATIONS && narrow) return 'short relocations';
  if (type === TYPE_SYMBOLS || type === TYPE_DYNAMIC_SYMBOLS) return 'symbols';
  if (name === '.eh_frame_hdr') return 'frame index';
  if (name === '.eh_frame') return 'frames';
  if (name === '.BTF') return 'types';
  if (narrow && (type === TYPE_ARM_UNWIND || name === '.ARM.extab')) return 'unwind';
  if ((flags & FLAG_EXECUTABLE) !== 0n) return 'code';
  if (type === TYPE_DYNAMIC) return 'dynamic';
  if ((flags & FLAG_WRITE) !== 0n && (flags & FLAG_LOADED) !== 0n) return 'pointers';
  if ((flags & FLAG_LOADED) !== 0n) return 'read only';
  return 'none';
}
