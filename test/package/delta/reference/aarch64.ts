/**
 * Instructions of AArch64 that hold an address (Arm ARM C4.1): branches, and ADRP with the ADD, LDR or STR that completes it. pc: the address
 * of the instruction.
 */

import type { File } from './files.ts';

/** How many instructions before and after are looked at for the other half of an address. */
const REACH = 16;

/** B and BL; B.cond; CBZ and CBNZ; TBZ and TBNZ. */
export const isBranch = (x: number): boolean => is(x, 0x7c00_0000, 0x1400_0000);
const isConditional = (x: number): boolean => is(x, 0xff00_0010, 0x5400_0000) || is(x, 0x7e00_0000, 0x3400_0000);
const isTest = (x: number): boolean => is(x, 0x7e00_0000, 0x3600_0000);
const isCall = (x: number): boolean => is(x, 0xfc00_0000, 0x9400_0000);
const isPage = (x: number): boolean => is(x, 0x9f00_0000, 0x9000_0000);
/** ADD with 12 bits; LDR and STR with 12 bits, scaled by what is loaded. */
const isAdd = (x: number): boolean => is(x, 0xffc0_0000, 0x9100_0000);
const isAccess = (x: number): boolean => is(x, 0x3b00_0000, 0x3900_0000);

function is(x: number, mask: number, value: number): boolean {
  return (x & mask) >>> 0 === value;
}

/** A field of so many bits, with a sign. */
function signed(x: number, shift: number, bits: number): bigint {
  return BigInt(((x >>> shift) << (32 - bits)) >> (32 - bits));
}

function scaleOf(x: number): number {
  return is(x, 0x0480_0000, 0x0480_0000) ? 4 : x >>> 30;
}

const baseOf = (x: number): number => (x >>> 5) & 31;

/** The lowest 12 bits of an address, where the instruction adds them to a register. */
function lowPartOf(x: number): number | undefined {
  const part = (x >>> 10) & 0xfff;
  if (isAdd(x)) return part;
  return isAccess(x) ? (part << scaleOf(x)) & 0xfff : undefined;
}

/** Of an ADRP. */
function pageOf(x: number, pc: bigint): bigint {
  const pages = signed(((x >>> 3) & 0x1f_fffc) | ((x >>> 29) & 3), 0, 21);
  return (pc & ~0xfffn) + pages * 4096n;
}

export function branchTarget(x: number, pc: bigint): bigint {
  return pc + 4n * signed(x, 0, 26);
}

/** at: where the instruction is in the file. before, after: how many instructions the module has there. */
export function targetOf(file: File, at: number, pc: bigint, before: number, after: number): bigint | undefined {
  const x = file.u32(at);
  if (isBranch(x)) return branchTarget(x, pc);
  if (isConditional(x)) return pc + 4n * signed(x, 5, 19);
  if (isTest(x)) return pc + 4n * signed(x, 5, 14);
  if (isPage(x)) {
    const register = x & 31;
    for (let k = 1; k <= Math.min(REACH, after); k++) {
      const y = file.u32(at + 4 * k);
      const low = lowPartOf(y);
      if (low !== undefined && baseOf(y) === register) return pageOf(x, pc) + BigInt(low);
      if (isPage(y) && (y & 31) === register) break;
    }
    return pageOf(x, pc);
  }
  const low = lowPartOf(x);
  const register = baseOf(x);
  // 31 is the stack.
  if (low === undefined || register === 31) return undefined;
  for (let k = 1; k <= Math.min(REACH, before); k++) {
    const y = file.u32(at - 4 * k);
    if (isPage(y) && (y & 31) === register) return pageOf(y, pc - BigInt(4 * k)) + BigInt(low);
    // A call may change the register.
    if (isCall(y)) break;
  }
  return undefined;
}

function bitsAt(value: bigint, bits: number, shift: number): number {
  return Number(BigInt.asUintN(bits, value)) << shift;
}

/** The instruction with another target. */
export function withTarget(x: number, pc: bigint, to: bigint): number {
  const words = (to - pc) >> 2n;
  if (isBranch(x)) return ((x & 0xfc00_0000) | bitsAt(words, 26, 0)) >>> 0;
  if (isPage(x)) {
    const pages = (to >> 12n) - (pc >> 12n);
    return ((x & 0x9f00_001f) | bitsAt(pages, 2, 29) | bitsAt(pages >> 2n, 19, 5)) >>> 0;
  }
  if (isConditional(x)) return ((x & 0xff00_001f) | bitsAt(words, 19, 5)) >>> 0;
  if (isTest(x)) return ((x & 0xfff8_001f) | bitsAt(words, 14, 5)) >>> 0;
  if (isAdd(x)) return ((x & 0xffc0_03ff) | bitsAt(to, 12, 10)) >>> 0;
  if (isAccess(x)) return ((x & 0xffc0_03ff) | ((bitsAt(to, 12, 0) >> scaleOf(x)) << 10)) >>> 0;
  return x;
}
