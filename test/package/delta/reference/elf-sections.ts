/** The section headers of an old ELF file, as far as they say where references are. */

import { type Elf, type Section, type SectionKind, SIZE_MOST, u64 } from './elf.ts';
import type { File } from './files.ts';

const SECTIONS_MOST = 128;
const TYPE_NULL = 0;
const TYPE_SYMBOLS = 2;
const TYPE_RELOCATIONS = 4;
const TYPE_DYNAMIC = 6;
const TYPE_NO_BITS = 8;
const TYPE_DYNAMIC_SYMBOLS = 11;
const FLAG_WRITE = 1n;
const FLAG_LOADED = 2n;
const FLAG_EXECUTABLE = 4n;

/** Fills `sections`, `symbolsAddress` and `stringsAddress`. */
export function parseSections(file: File, elf: Elf): void {
  const { start } = elf;
  const headersAt = u64(file.i64(start + 40));
  const stepBytes = file.u16(start + 58);
  const count = file.u16(start + 60);
  const namesIndex = file.u16(start + 62);
  if (count === 0 || stepBytes < 64 || headersAt > SIZE_MOST) return;
  if (Number(headersAt) + count * stepBytes > elf.bytes || namesIndex >= count) return;
  const headerAt = (k: number): number => start + Number(headersAt) + k * stepBytes;
  const namesAt = u64(file.i64(headerAt(namesIndex) + 24));
  const namesBytes = u64(file.i64(headerAt(namesIndex) + 32));
  if (namesAt > SIZE_MOST || namesBytes > SIZE_MOST || namesAt + namesBytes > BigInt(elf.bytes)) return;
  const sections: Section[] = [];
  elf.sections = sections;
  for (let k = 0; k < count; k++) {
    const at = headerAt(k);
    const type = file.u32(at + 4);
    const flags = file.i64(at + 8);
    const address = file.i64(at + 16);
    const offset = u64(file.i64(at + 24));
    const bytes = u64(file.i64(at + 32));
    if (type === TYPE_NO_BITS || type === TYPE_NULL || offset > SIZE_MOST || bytes > SIZE_MOST) continue;
    if (offset + bytes > BigInt(elf.bytes)) continue;
    if (sections.length === SECTIONS_MOST) return;
    const name = nameAt(file, start + Number(namesAt) + file.u32(at));
    let kind = kindOf(type, name, flags);
    if (!elf.relocatable && address === 0n && kind !== 'symbols' && kind !== 'types') kind = 'none';
    sections.push({ offset: Number(offset), address, bytes: Number(bytes), kind });
    if (type === TYPE_DYNAMIC_SYMBOLS) {
      elf.symbolsAddress = address;
      const namesOfSymbols = file.u32(at + 40) | 0;
      if (namesOfSymbols < count) elf.stringsAddress = file.i64(headerAt(namesOfSymbols) + 16);
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

function kindOf(type: number, name: string, flags: bigint): SectionKind {
  if (type === TYPE_RELOCATIONS) return 'relocations';
  if (type === TYPE_SYMBOLS || type === TYPE_DYNAMIC_SYMBOLS) return 'symbols';
  if (name === '.eh_frame_hdr') return 'frame index';
  if (name === '.eh_frame') return 'frames';
  if (name === '.BTF') return 'types';
  if ((flags & FLAG_EXECUTABLE) !== 0n) return 'code';
  if (type === TYPE_DYNAMIC) return 'dynamic';
  if ((flags & FLAG_WRITE) !== 0n && (flags & FLAG_LOADED) !== 0n) return 'pointers';
  if ((flags & FLAG_LOADED) !== 0n) return 'read only';
  return 'none';
}
