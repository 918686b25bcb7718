/** Lists that are made of the old module when it is entered: records of .eh_frame and of BTF, and where tables of jumps start. */

import { type Elf, holdsAddress } from './elf.ts';
import type { File } from './files.ts';
import { countAtMost } from './search.ts';

const RECORDS_MOST = 1 << 20;
const BASES_MOST = 1 << 20;
const BTF_MAGIC = 0x0001_eb9f;
const BTF_HEADER_BYTES = 24;

/** Records of BTF, the offsets of their starts, rising; from, to: where all of them are, both 0 without. */
export interface TypeRecords {
  readonly starts: readonly number[];
  readonly from: number;
  readonly to: number;
}

export const NO_TYPES: TypeRecords = { starts: [], from: 0, to: 0 };

/** The record that holds an offset, if one starts at or before it. */
export function startOfRecord(starts: readonly number[], offset: number): number | undefined {
  return starts[countAtMost(starts, offset) - 1];
}

/** Offsets of the starts of the records of .eh_frame (LSB Core 10.6.1). */
export function frameStarts(file: File, elf: Elf, offset: number, bytes: number): number[] {
  const starts: number[] = [];
  let at = offset;
  while (at + 12 <= offset + bytes && starts.length < RECORDS_MOST) {
    const length = file.u32(elf.start + at);
    if (length === 0 || length >= 0xffff_fff0) break;
    starts.push(at);
    at += 4 + length;
  }
  return starts;
}

/** The first BPF type information in a part of the module (kernel documentation, "BPF Type Format"). */
export function findTypes(file: File, elf: Elf, offset: number, bytes: number): TypeRecords {
  const end = offset + bytes;
  for (let q = offset; q + BTF_HEADER_BYTES <= end; q += 4) {
    const header = elf.start + q;
    if (file.u32(header) !== BTF_MAGIC || file.u32(header + 4) !== BTF_HEADER_BYTES) continue;
    const from = q + BTF_HEADER_BYTES + file.u32(header + 8);
    const to = from + file.u32(header + 12);
    if (to > end) return NO_TYPES;
    const starts: number[] = [];
    for (let at = from; at + 12 <= to && starts.length < RECORDS_MOST; ) {
      starts.push(at);
      at += typeBytes(file.u32(elf.start + at + 4));
    }
    return { starts, from, to };
  }
  return NO_TYPES;
}

const INT = 1;
const ARRAY = 3;
const STRUCT = 4;
const UNION = 5;
const ENUM = 6;
const FUNCTION_TYPE = 13;
const VARIABLE = 14;
const DATA_SECTION = 15;
const DECLARATION_TAG = 17;
const TYPE_TAG = 18;
const ENUM64 = 19;
const POINTER = 2;
/** From here to VARIABLE all refer to a type: TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FUNC_PROTO, VAR. */
const TYPEDEF = 8;

function kindOf(info: number): number {
  return (info >>> 24) & 31;
}

/** Size of a record, by its second word. */
function typeBytes(info: number): number {
  const count = info & 0xffff;
  switch (kindOf(info)) {
    case INT:
    case VARIABLE:
    case DECLARATION_TAG:
      return 16;
    case ARRAY:
      return 24;
    case STRUCT:
    case UNION:
    case DATA_SECTION:
    case ENUM64:
      return 12 + 12 * count;
    case ENUM:
    case FUNCTION_TYPE:
      return 12 + 8 * count;
    default:
      return 12;
  }
}

/** What stands at an offset in a record of BTF. info: the second word of the record. */
export function typeField(info: number, field: number): 'name' | 'type' | undefined {
  const kind = kindOf(info);
  if (field === 0) return 'name';
  if (field === 8) {
    const refers = kind === POINTER || (kind >= TYPEDEF && kind <= VARIABLE);
    return refers || kind === DECLARATION_TAG || kind === TYPE_TAG ? 'type' : undefined;
  }
  if (field < 12 || field >= typeBytes(info)) return undefined;
  const part = field - 12;
  switch (kind) {
    case ARRAY:
      return part < 8 ? 'type' : undefined;
    case STRUCT:
    case UNION:
      return part % 12 === 0 ? 'name' : part % 12 === 4 ? 'type' : undefined;
    case ENUM:
      return part % 8 === 0 ? 'name' : undefined;
    case FUNCTION_TYPE:
      return part % 8 === 0 ? 'name' : 'type';
    case DATA_SECTION:
      return part % 12 === 0 ? 'type' : undefined;
    case ENUM64:
      return part % 12 === 0 ? 'name' : undefined;
    default:
      return undefined;
  }
}

/** Targets of LEA of x86-64, where tables of relative jumps start: relative to the lowest address, rising, each once. */
export function tableBases(file: File, elf: Elf): Uint32Array {
  const found: number[] = [];
  if (elf.machine !== 'x64' || elf.relocatable || elf.flat) return new Uint32Array();
  for (const load of elf.loads) {
    const at = elf.start + load.offset;
    if (!load.executable || at + load.fileBytes > file.sizeBytes) continue;
    for (let k = 3; k + 4 < load.fileBytes; k++) {
      if (file.u8(at + k - 2) !== 0x8d || (file.u8(at + k - 1) & 0xc7) !== 5) continue;
      const to = load.address + BigInt(k + 4 + file.i32(at + k));
      if (holdsAddress(elf, to) && found.length < BASES_MOST) found.push(Number(to - elf.lowest));
    }
  }
  return Uint32Array.from(new Set(found)).sort();
}

/** The base of a table that starts last at or before this address. */
export function baseBefore(elf: Elf, bases: Uint32Array, address: bigint): bigint | undefined {
  if (address < elf.lowest) return undefined;
  const count = countAtMost(bases, Number(address - elf.lowest));
  return count === 0 ? undefined : elf.lowest + BigInt(bases[count - 1]);
}
