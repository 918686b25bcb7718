/** Instructions of AArch64 that hold an address (Arm ARM C4.1): branches, and ADRP with the ADD, LDR or STR that completes it. */

// @ts-nocheck: AssemblyScript, not TypeScript.

const REACH: i32 = 16;

@inline
function signed(value: i64, bits: i32): i64 {
  return (value << (64 - bits)) >> (64 - bits);
}

let lowRegister: u32 = 0;
let lowPart: i64 = 0;

/** ADD immediate or LDR/STR with a 12-bit offset: its base register and the low 12 bits of the address. */
function hasLowPart(x: u32): bool {
  if ((x & 0xffc00000) == 0x91000000) {
    lowRegister = (x >>> 5) & 31;
    lowPart = (x >>> 10) & 0xfff;
    return true;
  }
  if ((x & 0x3b000000) == 0x39000000) {
    lowRegister = (x >>> 5) & 31;
    lowPart = (<i64>((x >>> 10) & 0xfff) << scaleOf(x)) & 0xfff;
    return true;
  }
  return false;
}

/** B or BL. */
@inline
export function isBranch(x: u32): bool {
  return (x & 0x7c000000) == 0x14000000;
}

/** LDR or STR with a 12-bit offset: by how much it is shifted. */
@inline
function scaleOf(x: u32): u32 {
  return (x & 0x04800000) == 0x04800000 ? 4 : x >>> 30;
}

@inline
function pageOf(x: u32, pc: i64): i64 {
  return (pc & ~0xfff) + (signed((((x >>> 5) & 0x7ffff) << 2) | ((x >>> 29) & 3), 21) << 12);
}

export let target: i64 = 0;

/** at: where the instruction stands, with 16 more on both sides; before and after: how many of them belong to the module. */
export function targetOf(at: usize, pc: i64, before: i32, after: i32): bool {
  const x = load<u32>(at);
  if (isBranch(x)) {
    target = pc + 4 * signed(x & 0x3ffffff, 26);
    return true;
  }
  if ((x & 0xff000010) == 0x54000000 || (x & 0x7e000000) == 0x34000000) {
    target = pc + 4 * signed((x >>> 5) & 0x7ffff, 19);
    return true;
  }
  if ((x & 0x7e000000) == 0x36000000) {
    target = pc + 4 * signed((x >>> 5) & 0x3fff, 14);
    return true;
  }
  if ((x & 0x9f000000) == 0x90000000) {
    const page = pageOf(x, pc);
    const register = x & 31;
    for (let k = 1; k <= REACH && k <= after; k++) {
      const y = load<u32>(at + (<usize>k << 2));
      if (hasLowPart(y) && lowRegister == register) {
        target = page + lowPart;
        return true;
      }
      if ((y & 0x9f000000) == 0x90000000 && (y & 31) == register) break;
    }
    target = page;
    return true;
  }
  if (hasLowPart(x) && lowRegister != 31) {
    const register = lowRegister;
    const low = lowPart;
    for (let k = 1; k <= REACH && k <= before; k++) {
      const y = load<u32>(at - (<usize>k << 2));
      if ((y & 0x9f000000) == 0x90000000 && (y & 31) == register) {
        target = pageOf(y, pc - 4 * k) + low;
        return true;
      }
      if ((y & 0xfc000000) == 0x94000000) break;
    }
  }
  return false;
}

/** The instruction with another target, standing at pc. */
export function withTarget(x: u32, pc: i64, to: i64): u32 {
  if (isBranch(x)) return (x & 0xfc000000) | (<u32>((to - pc) >> 2) & 0x3ffffff);
  if ((x & 0x9f000000) == 0x90000000) {
    const pages = (to >> 12) - (pc >> 12);
    return (x & 0x9f00001f) | (<u32>(pages & 3) << 29) | (<u32>((pages >> 2) & 0x7ffff) << 5);
  }
  if ((x & 0xff000010) == 0x54000000 || (x & 0x7e000000) == 0x34000000)
    return (x & 0xff00001f) | ((<u32>((to - pc) >> 2) & 0x7ffff) << 5);
  if ((x & 0x7e000000) == 0x36000000) return (x & 0xfff8001f) | ((<u32>((to - pc) >> 2) & 0x3fff) << 5);
  if ((x & 0xffc00000) == 0x91000000) return (x & 0xffc003ff) | (<u32>(to & 0xfff) << 10);
  if ((x & 0x3b000000) == 0x39000000) {
    return (x & 0xffc003ff) | (<u32>((to & 0xfff) >> scaleOf(x)) << 10);
  }
  return x;
}

/** Where a branch with 26 bits goes. */
export function branchTarget(x: u32, pc: i64): i64 {
  return pc + 4 * signed(x & 0x3ffffff, 26);
}
