/**
 * What is needed of an ELF file (System V gABI, little endian; 64 bits, or 32 for ARM): where its bytes are loaded, and which sections hold what. Offsets
 * are from the start of the module; addresses have 64 bits with a sign, and wrap. A flat image is an ELF file with one load and no sections.
 */

import type { File } from './files.ts';

export type Machine = 'none' | 'x64' | 'a64' | 'arm';

/** Bytes of the file that are loaded at an address. */
export interface Load {
  readonly offset: number;
  readonly address: bigint;
  readonly fileBytes: number;
  readonly executable: boolean;
}

export type SectionKind =
  | 'none'
  /** Of a module of 32-bit ARM: Thumb. */
  | 'code'
  | 'a32 code'
  | 'relocations'
  | 'symbols'
  | 'frame index'
  | 'frames'
  | 'pointers'
  | 'read only'
  | 'dynamic'
  | 'types'
  /** Of 32-bit ARM: relocations without addends; .ARM.exidx and .ARM.extab. */
  | 'short relocations'
  | 'unwind';

export interface Section {
  readonly offset: number;
  readonly address: bigint;
  readonly bytes: number;
  readonly kind: SectionKind;
}

export interface Elf {
  readonly machine: Machine;
  readonly relocatable: boolean;
  readonly flat: boolean;
  /** 32 bits. */
  readonly narrow: boolean;
  /** Where the module is in its file. */
  readonly start: number;
  readonly bytes: number;
  /** References lead to addresses from here to below there. */
  readonly lowest: bigint;
  readonly highest: bigint;
  readonly loads: readonly Load[];
  /** Address of .eh_frame_hdr, 0 without. */
  readonly frameIndexAddress: bigint;
  /** Of an old module: its sections, and the addresses of its dynamic symbols and their names, 0 without. */
  sections: readonly Section[];
  symbolsAddress: bigint;
  stringsAddress: bigint;
  /** Of 32-bit ARM: .got. */
  tableAddress: bigint;
  tableBytes: number;
}

const LOADS_MOST = 16;
export const SIZE_MOST = 2n ** 31n;
const ADDRESS_MOST = 2n ** 47n;
const HEADERS_AT_MOST = 100_000n;
const TYPE_RELOCATABLE = 1;
const SEGMENT_LOAD = 1;
const SEGMENT_FRAME_INDEX = 0x6474_e550;
const FIRST_PAGE_BYTES = 4096;
/** Any address would do: those of a kernel are only compared with each other. */
const A64_IMAGE_BASE = BigInt.asIntN(64, 0xffff_8000_0800_0000n);

export function u64(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}

/** Where the fields of the headers are that differ between 32 and 64 bits; those of a segment from its start. */
const NARROW = {
  ...{ headersAt: 28, step: 42, count: 44, segmentBytes: 32 },
  ...{ offset: 4, address: 8, fileBytes: 16, memoryBytes: 20, flags: 24 },
};
const WIDE = {
  ...{ headersAt: 32, step: 54, count: 56, segmentBytes: 56 },
  ...{ offset: 8, address: 16, fileBytes: 32, memoryBytes: 40, flags: 4 },
};

/** An address or a size of the headers. */
export function headerNumber(file: File, at: number, narrow: boolean): bigint {
  return narrow ? BigInt(file.u32(at)) : file.i64(at);
}

const MACHINE_ARM = 40;
const CLASS_32 = 1;
const CLASS_64 = 2;

/** The program headers; undefined where there are none that make sense. knownBytes: of the module may be looked at. */
export function parseElf(file: File, start: number, bytes: number, knownBytes: number): Elf | undefined {
  if (knownBytes < 64 || file.u32(start) !== 0x464c_457f) return undefined;
  const [width, number] = [file.u8(start + 4), file.u16(start + 18)];
  const narrow = width === CLASS_32 && number === MACHINE_ARM;
  if ((!narrow && width !== CLASS_64) || file.u8(start + 5) !== 1) return undefined;
  const fields = narrow ? NARROW : WIDE;
  const common = {
    ...{ machine: narrow ? ('arm' as const) : machineOf(number), flat: false, narrow, start, bytes },
    ...{ sections: [], symbolsAddress: 0n, stringsAddress: 0n, tableAddress: 0n, tableBytes: 0 },
  };
  if (file.u16(start + 16) === TYPE_RELOCATABLE)
    return {
      ...common,
      relocatable: true,
      lowest: 64n,
      highest: BigInt(bytes),
      loads: [{ offset: 0, address: 0n, fileBytes: bytes, executable: true }],
      frameIndexAddress: 0n,
    };
  const headersAt = headerNumber(file, start + fields.headersAt, narrow);
  const stepBytes = file.u16(start + fields.step);
  const count = file.u16(start + fields.count);
  if (count === 0 || stepBytes < fields.segmentBytes || headersAt < 0n || headersAt > HEADERS_AT_MOST) return undefined;
  const loads: Load[] = [];
  let frameIndexAddress = 0n;
  let lowest: bigint | undefined;
  let highest = 0n;
  for (let k = 0; k < count; k++) {
    const from = Number(headersAt) + k * stepBytes;
    if (from + stepBytes > knownBytes) return undefined;
    const at = start + from;
    const type = file.u32(at);
    const [offset, address, fileBytes, memoryBytes] = (['offset', 'address', 'fileBytes', 'memoryBytes'] as const).map(
      (field) => u64(headerNumber(file, at + fields[field], narrow)),
    ) as [bigint, bigint, bigint, bigint];
    if (offset > SIZE_MOST || fileBytes > SIZE_MOST || memoryBytes > SIZE_MOST) return undefined;
    if (address > ADDRESS_MOST) return undefined;
    if (type === SEGMENT_LOAD && loads.length < LOADS_MOST) {
      const executable = (file.u32(at + fields.flags) & 1) === 1;
      loads.push({ offset: Number(offset), address, fileBytes: Number(fileBytes), executable });
      if (lowest === undefined || address < lowest) lowest = address;
      if (address + memoryBytes > highest) highest = address + memoryBytes;
    }
    if (type === SEGMENT_FRAME_INDEX) frameIndexAddress = address;
  }
  if (lowest === undefined || highest - lowest >= SIZE_MOST) return undefined;
  return { ...common, relocatable: false, lowest, highest, loads, frameIndexAddress };
}

function machineOf(number: number): Machine {
  return number === 62 ? 'x64' : number === 183 ? 'a64' : 'none';
}

export function flatElf(start: number, bytes: number, machine: Machine): Elf {
  const base = machine === 'a64' ? A64_IMAGE_BASE : 0n;
  return {
    ...{ machine, relocatable: false, flat: true, narrow: false, start, bytes, tableAddress: 0n, tableBytes: 0 },
    // What points to the first page is more often a small number.
    lowest: base + BigInt(FIRST_PAGE_BYTES),
    highest: base + BigInt(bytes),
    loads: [{ offset: 0, address: base, fileBytes: bytes, executable: true }],
    ...{ frameIndexAddress: 0n, sections: [], symbolsAddress: 0n, stringsAddress: 0n },
  };
}

/** Address of the first byte of a flat image. */
export function imageBase(elf: Elf): bigint {
  return elf.flat ? elf.loads[0].address : 0n;
}

/** The first load that holds an offset. */
export function loadAt(elf: Elf, offset: number): Load | undefined {
  return elf.loads.find((load) => offset >= load.offset && offset < load.offset + load.fileBytes);
}

export function addressIn(load: Load, offset: number): bigint {
  return load.address + BigInt(offset - load.offset);
}

export function addressOf(elf: Elf, offset: number): bigint | undefined {
  const load = loadAt(elf, offset);
  return load === undefined ? undefined : addressIn(load, offset);
}

/** Offset of the byte that is loaded at an address. */
export function offsetOf(elf: Elf, address: bigint): number | undefined {
  for (const load of elf.loads) {
    const from = address - load.address;
    if (from >= 0n && from < BigInt(load.fileBytes)) return load.offset + Number(from);
  }
  return undefined;
}

export function holdsAddress(elf: Elf, address: bigint): boolean {
  return address >= elf.lowest && address < elf.highest;
}
