/** From a deflate stream (RFC 1951) to its content, and how long the stream was. Never reads or writes outside; damage is an answer. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { D, WINDOW, IN_BYTES, inputAreaAt, windowAt, tablesAt, makeRoom } from './state';
import { baseDistance, baseLength, extraDistances, extraLengths, makeConstants, orderOfLengths } from './trees';

const MOST_BITS: i32 = 15;
const DISTANCES_AT: usize = 4 << MOST_BITS;
const lengths: usize = memory.data(320, 16);
const counts: usize = memory.data(4 * 17, 16);
const places: usize = memory.data(4 * 17, 16);

@external('env', 'readIn')
declare function readIn(at: usize, count: i32): i32;
@external('env', 'writeOut')
declare function writeOut(at: usize, count: i32): void;

let bits: u64 = 0;
let bitCount: i32 = 0;
let inputNext: i32 = 0;
let inputEnd: i32 = 0;
let taken: i64 = 0;
let made: i64 = 0;
let most: i64 = 0;
let flushed: i32 = 0;
/** Place in the window: two halves, written out when it is full. */
let at: i32 = 0;
/** The end of the stream was seen: `real` bytes of it were there, the rest of `taken` is zeros. */
let dry: bool = false;
let real: i64 = 0;

@inline
function overrun(): bool {
  return dry && taken * 8 - bitCount > real * 8;
}

/** At least `count` of 32 bits; after the end they are zeros, and `dry` tells. */
@inline
function need(count: i32): void {
  while (bitCount < count) {
    if (inputNext == inputEnd) {
      inputEnd = dry ? 0 : readIn(inputAreaAt, IN_BYTES);
      inputNext = 0;
      if (inputEnd <= 0) {
        inputEnd = 0;
        dry = true;
        bitCount += 8;
        taken++;
        continue;
      }
    }
    bits |= <u64>load<u8>(inputAreaAt + inputNext++) << <u64>bitCount;
    bitCount += 8;
    taken++;
    real++;
  }
}

@inline
function get(count: i32): i32 {
  need(count);
  const value = <i32>(bits & ((1 << count) - 1));
  bits >>>= count;
  bitCount -= count;
  return value;
}

@inline
function put(byte: u32): void {
  store<u8>(windowAt + at++, <u8>byte);
  if (at == 2 * WINDOW) turn();
}

function turn(): void {
  writeOut(windowAt + flushed, at - flushed);
  memory.copy(windowAt, windowAt + at - WINDOW, WINDOW);
  at = WINDOW;
  flushed = WINDOW;
}

/** A table of all codes by their next 15 bits: symbol << 4 | length; 0 for no code. False: the lengths are no code. */
function makeTable(table: usize, from: usize, count: i32): bool {
  memory.fill(counts, 0, 68);
  for (let n = 0; n < count; n++) {
    const slot = counts + 4 * <usize>load<u8>(from + n);
    store<i32>(slot, load<i32>(slot) + 1);
  }
  let left = 1;
  let code = 0;
  const used = count - load<i32>(counts);
  for (let length = 1; length <= MOST_BITS; length++) {
    left = (left << 1) - load<i32>(counts + 4 * length);
    if (left < 0) return false;
    code = (code + (length == 1 ? 0 : load<i32>(counts + 4 * (length - 1)))) << 1;
    store<i32>(places + 4 * length, code);
  }
  // As zlib: a code may be incomplete only where it has one symbol, of one bit.
  if (left > 0 && used > 0 && !(used == 1 && load<i32>(counts + 4) == 1)) return false;
  if (left > 0) memory.fill(table, 0, 4 << MOST_BITS);
  for (let n = 0; n < count; n++) {
    const length: i32 = load<u8>(from + n);
    if (length == 0) continue;
    const own = load<i32>(places + 4 * length);
    store<i32>(places + 4 * length, own + 1);
    let reverse = 0;
    for (let k = 0; k < length; k++) reverse |= ((own >>> k) & 1) << (length - 1 - k);
    for (let entry = reverse; entry < 1 << MOST_BITS; entry += 1 << length)
      store<u32>(table + 4 * entry, (n << 4) | length);
  }
  return true;
}

/** Negative: no code. */
@inline
function symbol(table: usize): i32 {
  need(MOST_BITS);
  const entry = load<u32>(table + 4 * <usize>(bits & ((1 << MOST_BITS) - 1)));
  if (entry == 0) return -1;
  const length = <i32>(entry & 15);
  bits >>>= length;
  bitCount -= length;
  return <i32>(entry >>> 4);
}

function fixedTables(): void {
  for (let n = 0; n < 288; n++) store<u8>(lengths + n, n < 144 ? 8 : n < 256 ? 9 : n < 280 ? 7 : 8);
  makeTable(tablesAt, lengths, 288);
  for (let n = 0; n < 30; n++) store<u8>(lengths + n, 5);
  memory.fill(lengths + 30, 5, 2);
  makeTable(tablesAt + DISTANCES_AT, lengths, 32);
}

function ownTables(): bool {
  const literals = get(5) + 257;
  const distances = get(5) + 1;
  const count = get(4) + 4;
  if (literals > 286 || distances > 30) return false;
  memory.fill(lengths, 0, 19);
  for (let k = 0; k < count; k++) store<u8>(lengths + load<u8>(orderOfLengths + k), <u8>get(3));
  if (!makeTable(tablesAt, lengths, 19)) return false;
  for (let n = 0; n < literals + distances; ) {
    const next = symbol(tablesAt);
    if (next < 0 || overrun()) return false;
    if (next < 16) {
      store<u8>(lengths + n++, <u8>next);
      continue;
    }
    if (next == 16 && n == 0) return false;
    const value = next == 16 ? load<u8>(lengths + n - 1) : 0;
    const times = next == 16 ? 3 + get(2) : next == 17 ? 3 + get(3) : 11 + get(7);
    if (n + times > literals + distances) return false;
    memory.fill(lengths + n, value, times);
    n += times;
  }
  if (load<u8>(lengths + 256) == 0) return false;
  return makeTable(tablesAt, lengths, literals) && makeTable(tablesAt + DISTANCES_AT, lengths + literals, distances);
}

function storedBlock(): bool {
  const drop = bitCount & 7;
  bits >>>= drop;
  bitCount -= drop;
  const count = get(16);
  if (get(16) != (~count & 0xffff) || overrun()) return false;
  if (made + count > most) return false;
  for (let k = 0; k < count; k++) {
    put(get(8));
    if (overrun()) return false;
  }
  made += count;
  return true;
}

function codedBlock(): bool {
  let next = symbol(tablesAt);
  // Bits after the end are zeros, which could go on for ever.
  for (; next >= 0 && !overrun(); next = symbol(tablesAt)) {
    if (next < 256) {
      if (made == most) return false;
      put(next);
      made++;
      continue;
    }
    if (next == 256) return true;
    if (next > 285) return false;
    const length = load<i32>(baseLength + 4 * (next - 257)) + get(load<u8>(extraLengths + next - 257)) + 3;
    const place = symbol(tablesAt + DISTANCES_AT);
    if (place < 0 || place > 29) return false;
    const distance = load<i32>(baseDistance + 4 * place) + get(load<u8>(extraDistances + place)) + 1;
    if (<i64>distance > made || made + length > most) return false;
    for (let k = 0; k < length; k++) put(load<u8>(windowAt + at - distance));
    made += length;
  }
  return false;
}

/** Returns the length of the stream in bytes, or -1 where it is damaged or makes more than `mostBytes`. */
export function inflate(mostBytes: f64): f64 {
  makeRoom();
  makeConstants();
  bits = 0;
  bitCount = 0;
  inputNext = 0;
  inputEnd = 0;
  taken = 0;
  real = 0;
  made = 0;
  most = <i64>mostBytes;
  at = 0;
  flushed = 0;
  dry = false;
  for (let last = 0; last == 0; ) {
    last = get(1);
    const form = get(2);
    let good = false;
    if (form == 0) good = storedBlock();
    else if (form == 1) {
      fixedTables();
      good = codedBlock();
    } else if (form == 2) good = ownTables() && codedBlock();
    if (!good || overrun()) return -1;
  }
  if (at > flushed) writeOut(windowAt + flushed, at - flushed);
  const used = taken - (bitCount >> 3);
  return <f64>used;
}
