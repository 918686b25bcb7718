/** Instructions of 32-bit ARM that hold an address (DDI 0406C): branches of Thumb (A6.3.4) and A32 (A5.5), MOVW and MOVT (A8.8.102, A8.8.106). */

/** Thumb: both halfwords of an instruction, the first one lowest. */
const KIND_MASK = 0xd000_f800;
const BL = 0xd000_f000;
const B = 0x9000_f000;
const B_IF = 0x8000_f000;

function maskedBy(x: number, mask: number): number {
  return (x & mask) >>> 0;
}

function signed(value: number, bits: number): number {
  return (value << (32 - bits)) >> (32 - bits);
}

function bit(x: number, place: number): number {
  return (x >>> place) & 1;
}

/** Whether an instruction of Thumb that starts with this halfword has a second one. */
export function isWide(first: number): boolean {
  return first >>> 11 >= 0b11101;
}

function isBlx(x: number): boolean {
  return maskedBy(x, 0xd001_f800) === 0xc000_f000;
}

/** BL, BLX, B.W or B<c>.W. */
export function isThumbBranch(x: number): boolean {
  const kind = maskedBy(x, KIND_MASK);
  return kind === BL || kind === B || isBlx(x) || (kind === B_IF && (x & 0x380) !== 0x380);
}

/** Whether two branches of Thumb are of the same kind. */
export function sameKind(x: number, y: number): boolean {
  return maskedBy(x ^ y, KIND_MASK) === 0;
}

export function isA32Branch(x: number): boolean {
  return maskedBy(x, 0x0e00_0000) === 0x0a00_0000;
}

/** BLX leads to A32, whose instructions stand at multiples of 4. */
function thumbPc(x: number, address: bigint): bigint {
  return isBlx(x) ? (address + 4n) & ~3n : address + 4n;
}

export function thumbTarget(x: number, address: bigint): bigint {
  const [sign, j1, j2] = [bit(x, 10), bit(x, 29), bit(x, 27)];
  const low = ((x >>> 16) & 0x7ff) << 1;
  if (maskedBy(x, KIND_MASK) === B_IF)
    return address + 4n + BigInt(signed((sign << 20) | (j2 << 19) | (j1 << 18) | ((x & 0x3f) << 12) | low, 21));
  const high = (sign << 24) | ((j1 ^ sign ^ 1) << 23) | ((j2 ^ sign ^ 1) << 22) | ((x & 0x3ff) << 12);
  return thumbPc(x, address) + BigInt(signed(high | low, 25));
}

export function withThumbTarget(x: number, address: bigint, to: bigint): number {
  const distance = Number(BigInt.asUintN(32, to - thumbPc(x, address)));
  const low = ((distance >>> 1) & (isBlx(x) ? 0x7fe : 0x7ff)) << 16;
  if (maskedBy(x, KIND_MASK) === B_IF)
    return (
      ((x & 0xd000_fbc0) |
        (bit(distance, 20) << 10) |
        (bit(distance, 19) << 27) |
        (bit(distance, 18) << 29) |
        ((distance >>> 12) & 0x3f) |
        low) >>>
      0
    );
  const sign = bit(distance, 24);
  const [j1, j2] = [bit(distance, 23) ^ sign ^ 1, bit(distance, 22) ^ sign ^ 1];
  return ((x & KIND_MASK) | (sign << 10) | (j1 << 29) | (j2 << 27) | ((distance >>> 12) & 0x3ff) | low) >>> 0;
}

/** BLX, which is never conditional, has the half of an instruction in bit 24. */
export function a32Target(x: number, address: bigint): bigint {
  const half = x >>> 28 === 15 ? 2 * bit(x, 24) : 0;
  return address + 8n + BigInt(4 * signed(x & 0xff_ffff, 24) + half);
}

export function withA32Target(x: number, address: bigint, to: bigint): number {
  const distance = Number(BigInt.asUintN(32, to - address - 8n));
  const kept = x >>> 28 === 15 ? (x & 0xfe00_0000) | (bit(distance, 1) << 24) : x & 0xff00_0000;
  return (kept | ((distance >>> 2) & 0xff_ffff)) >>> 0;
}

export type Half = 'lower' | 'upper';

/** MOVW, MOVT. */
export function thumbMove(x: number): Half | undefined {
  const kind = maskedBy(x, 0x8000_fbf0);
  return kind === 0xf240 ? 'lower' : kind === 0xf2c0 ? 'upper' : undefined;
}

export function a32Move(x: number): Half | undefined {
  const kind = maskedBy(x, 0x0ff0_0000);
  return kind === 0x0300_0000 ? 'lower' : kind === 0x0340_0000 ? 'upper' : undefined;
}

export function movedHalf(x: number, thumb: boolean): number {
  if (thumb) return ((x & 15) << 12) | (bit(x, 10) << 11) | (((x >>> 28) & 7) << 8) | ((x >>> 16) & 255);
  return ((x >>> 4) & 0xf000) | (x & 0xfff);
}

/** A MOVW or MOVT with its half of a value. Which of both instruction sets it is of, it tells itself. */
export function withHalf(x: number, value: number): number {
  const inThumb = thumbMove(x);
  const which = inThumb ?? (a32Move(x) === 'lower' ? 'lower' : 'upper');
  const half = which === 'lower' ? value & 0xffff : value >>> 16;
  if (inThumb === undefined) return ((x & 0xfff0_f000) | ((half & 0xf000) << 4) | (half & 0xfff)) >>> 0;
  const immediate = (half >>> 12) | (bit(half, 11) << 10) | (((half >>> 8) & 7) << 28) | ((half & 255) << 16);
  return ((x & 0x8f00_fbf0) | immediate) >>> 0;
}
