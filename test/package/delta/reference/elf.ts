/**
 * What is needed of an ELF file (System V gABI, 64 bits, little endian): where its bytes are loaded, and which sections hold what. Offsets
 * are from the start of the module; addresses have 64 bits with a sign, and wrap. A flat image is an ELF file with one load and no sections.
 */

import type { File } from './files.ts';

export type Machine = 'none' | 'x64' | 'a64';

/** Bytes of the file that are loaded at an address. */
export interface Load {
  readonly offset: number;
  readonly address: bigint;
  readonly fileBytes: number;
  readonly executable: boolean;
}

export type SectionKind =
  | 'none'
  | 'code'
  | 'relocations'
  | 'symbols'
  | 'frame index'
  | 'frames'
  | 'pointers'
  | 'read only'
  | 'dynamic'
  | 'types';

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

/** The program headers; undefined where there are none that make sense. knownBytes: of the module may be looked at. */
export function parseElf(file: File, start: number, bytes: number, knownBytes: number): Elf | undefined {
  if (knownBytes < 64 || file.u32(start) !== 0x464c_457f) return undefined;
  if (file.u8(start + 4) !== 2 || file.u8(start + 5) !== 1) return undefined;
  const machine = machineOf(file.u16(start + 18));
  const common = { machine, flat: false, start, bytes, sections: [], symbolsAddress: 0n, stringsAddress: 0n };
  if (file.u16(start + 16) === TYPE_RELOCATABLE)
    return {
      ...common,
      relocatable: true,
      lowest: 64n,
      highest: BigInt(bytes),
      loads: [{ offset: 0, address: 0n, fileBytes: bytes, executable: true }],
      frameIndexAddress: 0n,
    };
  const headersAt = file.i64(start + 32);
  const stepBytes = file.u16(start + 54);
  const count = file.u16(start + 56);
  if (count === 0 || stepBytes < 56 || headersAt < 0n || headersAt > HEADERS_AT_MOST) return undefined;
  const loads: Load[] = [];
  let frameIndexAddress = 0n;
  let lowest: bigint | undefined;
  let highest = 0n;
  for (let k = 0; k < count; k++) {
    const from = Number(headersAt) + k * stepBytes;
    if (from + stepBytes > knownBytes) return undefined;
    const at = start + from;
    const type = file.u32(at);
    const offset = u64(file.i64(at + 8));
    const address = u64(file.i64(at + 16));
    const fileBytes = u64(file.i64(at + 32));
    const memoryBytes = u64(file.i64(at + 40));
    if (offset > SIZE_MOST || fileBytes > SIZE_MOST || memoryBytes > SIZE_MOST) return undefined;
    if (address > ADDRESS_MOST) return undefined;
    if (type === SEGMENT_LOAD && loads.length < LOADS_MOST) {
      const executable = (file.u32(at + 4) & 1) === 1;
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
    ...{ machine, relocatable: false, flat: true, start, bytes },
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
