/** Everything that lives from one call to the next, at fixed addresses. Sizes as RFC 1951 and its two encoders have them. */

// @ts-nocheck: AssemblyScript, not TypeScript.

export const WINDOW: i32 = 32768;
export const MIN_MATCH: i32 = 3;
export const MAX_MATCH: i32 = 258;
export const MIN_LOOKAHEAD: i32 = MAX_MATCH + MIN_MATCH + 1;
export const MAX_DISTANCE: i32 = WINDOW - MIN_LOOKAHEAD;

export const LITERALS: i32 = 256;
export const L_CODES: i32 = LITERALS + 1 + 29;
export const D_CODES: i32 = 30;
export const B_CODES: i32 = 19;
export const HEAP_SIZE: i32 = 2 * L_CODES + 1;
export const OUT_BYTES: i32 = 65536;
export const IN_BYTES: i32 = 65536;

@unmanaged
export class State {
  /** Which encoder: GNU gzip, or else zlib. */
  gnu: i32;
  level: i32;
  goodMatch: i32;
  maxLazy: i32;
  niceMatch: i32;
  maxChain: i32;
  hashBits: i32;
  hashShift: i32;
  hashMask: u32;
  hash: u32;
  /** Place in the window, and how much is known after it. */
  start: i32;
  lookahead: i32;
  blockStart: i32;
  matchStart: i32;
  matchLength: i32;
  previousLength: i32;
  matchAvailable: i32;
  begun: i32;
  ended: i32;
  /** What was pushed and not yet taken into the window. */
  inputAt: i32;
  inputLeft: i32;
  last: i32;
  /** Symbols of the block at hand. */
  symbols: i32;
  symbolsMost: i32;
  distances: i32;
  /** Lengths of the block, in bits, with its own and with the fixed trees. */
  optimal: i32;
  fixed: i32;
  heapLength: i32;
  heapMax: i32;
  bits: u64;
  bitCount: i32;
  outCount: i32;
}

export const D = changetype<State>(memory.data(offsetof<State>(), 16));

/** The areas, one after another from the end of the static data. */
const BASE: usize = (__heap_base + 63) & ~63;
export const windowAt: usize = BASE;
export const previousAt: usize = windowAt + 2 * <usize>WINDOW + 512;
export const headAt: usize = previousAt + 2 * <usize>WINDOW;
/** Distance and length or literal of each symbol: two words of 16 bits. */
export const symbolsAt: usize = headAt + 2 * 65536;
export const inputAreaAt: usize = symbolsAt + 4 * 32768;
export const outAt: usize = inputAreaAt + <usize>IN_BYTES;
export const tablesAt: usize = outAt + <usize>OUT_BYTES;
const END: usize = tablesAt + 2 * 4 * 32768 + 4096;

@external('env', 'writeOut')
declare function writeOut(at: usize, count: i32): void;

export function makeRoom(): void {
  const pages = <i32>((END + 0xffff) >>> 16);
  const have = memory.size();
  if (pages > have && memory.grow(pages - have) < 0) unreachable();
}

export function flushOut(): void {
  if (D.outCount > 0) writeOut(outAt, D.outCount);
  D.outCount = 0;
}

@inline
export function putByte(byte: u32): void {
  if (D.outCount == OUT_BYTES) flushOut();
  store<u8>(outAt + <usize>D.outCount, <u8>byte);
  D.outCount++;
}
