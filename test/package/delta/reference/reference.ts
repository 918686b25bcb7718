/** References: fields of the old module whose value is, or is made from, an address. */

/** Their numbers are part of contexts. */
export const RefType = {
  /** x86-64: a displacement of 32 bits, relative to its end. */
  x64: 1,
  a64: 2,
  /** 64 bits. All others have 32. */
  pointer: 3,
  /** In .eh_frame_hdr: relative to its start. */
  frameIndex: 4,
  /** In .eh_frame: where a function starts, relative to the field. */
  frame: 5,
  symbol: 6,
  /** In a table of symbols: offset in that of their names. */
  name: 7,
  /** In .eh_frame: back to the common record. */
  cie: 8,
  /** In .eh_frame: length of a function. */
  range: 9,
  /** In BTF: numbers of names and of types. */
  typeName: 10,
  type: 11,
  /** Hinted: relative to the field, and to the start of the image. */
  relative: 12,
  image: 13,
  /** 32-bit ARM: branches of Thumb and of A32; a word counted from an address (`extra`, 0: none); half of such a word in an instruction. */
  thumb: 14,
  a32: 15,
  word: 16,
  half: 17,
  /** 31 bits, relative to themselves. */
  unwind: 18,
  /** Number of a symbol above the type of a relocation. */
  relocation: 19,
} as const;
export type RefType = (typeof RefType)[keyof typeof RefType];

export interface Reference {
  readonly type: RefType;
  /** An address; of `symbol`, `relocation`, `typeName` and `type` a number. */
  readonly target: bigint;
  /** Of `range`: length of the function. Of `word` and `half`: what they are counted from. */
  readonly extra: bigint;
}

export function found(type: RefType, target: bigint, extra = 0n): Reference {
  return { type, target: BigInt.asIntN(64, target), extra };
}

/** A word that is a distance, and not a small number. */
export function isFar(value: number): boolean {
  return (value + 4096) >>> 0 > 8192;
}
