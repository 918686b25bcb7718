/** The kinds of reference, and the one that was found last. */

// @ts-nocheck: AssemblyScript, not TypeScript.

/** x86-64: 32-bit displacement, relative to its end. */
export const REF_X64: i32 = 1;
export const REF_A64: i32 = 2;
export const REF_POINTER: i32 = 3;
export const REF_FRAME_INDEX: i32 = 4;
export const REF_FRAME: i32 = 5;
export const REF_SYMBOL: i32 = 6;
export const REF_NAME: i32 = 7;
export const REF_CIE: i32 = 8;
export const REF_RANGE: i32 = 9;
export const REF_TYPE_NAME: i32 = 10;
export const REF_TYPE: i32 = 11;
/** Hinted words: relative to themselves, or to the start of the image. */
export const REF_RELATIVE: i32 = 12;
export const REF_IMAGE: i32 = 13;
/** 32-bit ARM: branches of Thumb and of A32; a word counted from an address (`refExtra`, 0: none); half of such a word in an instruction. */
export const REF_THUMB: i32 = 14;
export const REF_A32: i32 = 15;
export const REF_WORD: i32 = 16;
export const REF_HALF: i32 = 17;
/** 31 bits, relative to themselves. */
export const REF_UNWIND: i32 = 18;
/** Number of a symbol above the type of a relocation. */
export const REF_RELOCATION: i32 = 19;

export let refType: i32 = 0;
export let refTarget: i64 = 0;
/** Length of the function that REF_RANGE is about; what REF_WORD and REF_HALF are counted from. */
export let refExtra: i64 = 0;

@inline
export function found(type: i32, to: i64): bool {
  refType = type;
  refTarget = to;
  return true;
}

@inline
export function foundWith(type: i32, to: i64, extra: i64): bool {
  refExtra = extra;
  return found(type, to);
}
