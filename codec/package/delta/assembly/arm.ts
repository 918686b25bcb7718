/** Instructions of 32-bit ARM that hold an address (DDI 0406): branches of Thumb and A32, and pairs of MOVW and MOVT. */

// @ts-nocheck: AssemblyScript, not TypeScript.

@inline
function signed(value: u32, bits: u32): i64 {
  return <i64>(<i32>(value << (32 - bits)) >> (32 - bits));
}

/** Whether an instruction of Thumb that starts with this halfword has a second one. */
@inline
export function isWide(first: u32): bool {
  return (first & 0xf800) >= 0xe800;
}

const THUMB_BL: u32 = 0xd000f000;
const THUMB_BLX: u32 = 0xc000f000;
const THUMB_B: u32 = 0x9000f000;
const THUMB_B_IF: u32 = 0x8000f000;

/** BL, BLX, B.W or B<c>.W, as both halfwords in the order of memory. */
export function isThumbBranch(x: u32): bool {
  const kind = x & 0xd000f800;
  return kind == THUMB_BL || kind == THUMB_B || (x & 0xd001f800) == THUMB_BLX || (kind == THUMB_B_IF && (x & 0x380) != 0x380);
}

/** B, BL or BLX with an offset, of A32. */
export function isA32Branch(x: u32): bool {
  return (x & 0x0e000000) == 0x0a000000;
}

/** BLX changes to A32, whose instructions stand at multiples of 4. */
@inline
function thumbPc(x: u32, address: i64): i64 {
  return (x & 0xd001f800) == THUMB_BLX ? (address + 4) & ~3 : address + 4;
}

export function thumbTarget(x: u32, address: i64): i64 {
  const sign = (x >>> 10) & 1;
  const j1 = (x >>> 29) & 1;
  const j2 = (x >>> 27) & 1;
  const low = (x >>> 16) & 0x7ff;
  if ((x & 0xd000f800) == THUMB_B_IF)
    return address + 4 + signed((sign << 20) | (j2 << 19) | (j1 << 18) | ((x & 0x3f) << 12) | (low << 1), 21);
  const high = (sign << 24) | ((j1 ^ sign ^ 1) << 23) | ((j2 ^ sign ^ 1) << 22) | ((x & 0x3ff) << 12);
  return thumbPc(x, address) + signed(high | (low << 1), 25);
}

export function withThumbTarget(x: u32, address: i64, to: i64): u32 {
  const off = <u32>(to - thumbPc(x, address));
  const low = ((off >>> 1) & ((x & 0xd001f800) == THUMB_BLX ? 0x7fe : 0x7ff)) << 16;
  if ((x & 0xd000f800) == THUMB_B_IF)
    return (x & 0xd000fbc0) | (((off >>> 20) & 1) << 10) | (((off >>> 19) & 1) << 27) | (((off >>> 18) & 1) << 29) | ((off >>> 12) & 0x3f) | low;
  const sign = (off >>> 24) & 1;
  const j1 = ((off >>> 23) & 1) ^ sign ^ 1;
  const j2 = ((off >>> 22) & 1) ^ sign ^ 1;
  return (x & 0xd000f800) | (sign << 10) | (j1 << 29) | (j2 << 27) | ((off >>> 12) & 0x3ff) | low;
}

export function a32Target(x: u32, address: i64): i64 {
  const half = x >>> 28 == 15 ? <i64>((x >>> 24) & 1) << 1 : 0;
  return address + 8 + 4 * signed(x & 0xffffff, 24) + half;
}

export function withA32Target(x: u32, address: i64, to: i64): u32 {
  const off = <u32>(to - address - 8);
  const kept = x >>> 28 == 15 ? (x & 0xfe000000) | (((off >>> 1) & 1) << 24) : x & 0xff000000;
  return kept | ((off >>> 2) & 0xffffff);
}

/** MOVW and MOVT: 0 none, 1 MOVW, 2 MOVT. */
@inline
export function thumbMove(x: u32): i32 {
  const kind = x & 0x8000fbf0;
  return kind == 0xf240 ? 1 : kind == 0xf2c0 ? 2 : 0;
}

@inline
export function a32Move(x: u32): i32 {
  const kind = x & 0x0ff00000;
  return kind == 0x03000000 ? 1 : kind == 0x03400000 ? 2 : 0;
}

/** The 16 bits of a MOVW or MOVT. */
export function movedHalf(x: u32, thumb: bool): u32 {
  if (thumb) return ((x & 15) << 12) | (((x >>> 10) & 1) << 11) | (((x >>> 28) & 7) << 8) | ((x >>> 16) & 255);
  return ((x >>> 4) & 0xf000) | (x & 0xfff);
}

export function withHalf(x: u32, thumb: bool, half: u32): u32 {
  if (thumb) return (x & 0x8f00fbf0) | (half >>> 12) | (((half >>> 11) & 1) << 10) | (((half >>> 8) & 7) << 28) | ((half & 255) << 16);
  return (x & 0xfff0f000) | ((half & 0xf000) << 4) | (half & 0xfff);
}
