/** Small arithmetic of docs/air-interface.md for the independent receiver and sender. Section numbers are those of the page. */

/** Section 1. */
export const AID = 0xca11;
export const FORMAT_VERSION = 2;
export const GROUP_3A = 0b00110;
export const COUNTER_MODULUS = 2 ** 24;
/** Section 2: one anchor in so many groups of ours. */
export const ANCHOR_SPACING = 128;

export const bitsOf = (value: number, width: number): string => value.toString(2).padStart(width, '0');
export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const parity = (value: number): number => value.toString(2).replaceAll('0', '').length % 2;

/** Most significant bit first, nothing reflected, nothing inverted. */
function crc(text: string, width: number, polynomial: number, initial: number): number {
  let register = initial;
  for (const bit of text) {
    const out = (register >>> (width - 1)) & 1;
    register = (register << 1) & ((1 << width) - 1);
    if (out !== Number(bit)) register ^= polynomial;
  }
  return register;
}
export const crc7 = (text: string): number => crc(text, 7, 0b0001001, 0);
export const crc16 = (text: string): number => crc(text, 16, 0x1021, 0xffff);

/** Section 2.1: r at place x of a run. */
export const codeBit = (handle: number, x: number): number => (handle & 1) ^ parity((handle >>> 1) & x);

/** Section 5.2. */
function mix(value: number): number {
  let z = value >>> 0;
  z ^= z >>> 16;
  z = Math.imul(z, 0x21f0aaad);
  z ^= z >>> 15;
  z = Math.imul(z, 0x735a2d97);
  z ^= z >>> 15;
  return z >>> 0;
}

/** Section 2.2: the two numbers by which a word of block B is scrambled. */
function scrambling(stream: number, c: number, block: number): [a: number, b: number] {
  const k = mix(mix((stream << 24) | c) + block);
  return [(k | 1) & 0xffff, k >>> 16];
}

export function scramble(word: number, stream: number, c: number, block: number): number {
  const [a, b] = scrambling(stream, c, block);
  let y = Math.imul(word ^ b, a) & 0xffff;
  y ^= y >>> 8;
  return Math.imul(y, a) & 0xffff;
}

export function unscramble(sent: number, stream: number, c: number, block: number): number {
  const [a, b] = scrambling(stream, c, block);
  // Newton's iteration for 1 / a mod 2^16: a itself is right in three bits, each step doubles them.
  let inverse = a;
  for (let i = 0; i < 3; i++) inverse = Math.imul(inverse, 2 - Math.imul(a, inverse)) & 0xffff;
  let y = Math.imul(sent, inverse) & 0xffff;
  y ^= y >>> 8;
  return (Math.imul(y, inverse) & 0xffff) ^ b;
}

const rotateLeft = (value: number, by: number): number => ((value << by) | (value >>> (32 - by))) >>> 0;

/** Section 5.2: xoshiro128** 1.1. */
export function generator(identity: Uint8Array, stream: number, c: number, b: number): () => number {
  const view = new DataView(identity.buffer, identity.byteOffset, 8);
  let s0 = mix(mix(mix(view.getUint32(0)) ^ view.getUint32(4)) ^ ((stream << 24) | c));
  let s1 = mix(s0 ^ b);
  let s2 = mix(s1 ^ view.getUint32(0));
  let s3 = mix(s2 ^ view.getUint32(4));
  if ((s0 | s1 | s2 | s3) === 0) s1 = 1;
  return () => {
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    const t = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = rotateLeft(s3, 11);
    return result;
  };
}
