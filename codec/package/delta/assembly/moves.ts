/** Finds content anywhere in a large old file by hashes of 16 bytes at every eighth position. Encoder only. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { take } from './memory';
import { SEGMENT_BYTES } from './map';

const SEED_BYTES: i32 = 16;
const LEAST_BYTES: i32 = 24;

let old: usize = 0;
let oldSize: u32 = 0;
let table: usize = 0;
let tableBits: u32 = 0;
let text: usize = 0;
let found: usize = 0;

/** Room for the old file, and for pieces of the new one of at most `pieceBytes`. */
export function movesRoom(oldBytes: u32, pieceBytes: u32): void {
  S.free = (__heap_base + 15) & ~15;
  oldSize = oldBytes;
  old = take(<usize>oldBytes + 64);
  text = take(<usize>pieceBytes + 64);
  tableBits = 12;
  while (tableBits < 27 && (<u64>1 << tableBits) < <u64>oldBytes / 4) tableBits++;
  table = take(<usize>4 << tableBits);
  found = S.free;
}
export function movesOldAt(): usize {
  return old;
}
export function movesPieceAt(): usize {
  return text;
}
export function movesFoundAt(): usize {
  return found;
}

@inline
function slot(at: usize): usize {
  const a = load<u64>(at) * 0x9e3779b97f4a7c15;
  const b = load<u64>(at, 8) * 0xc2b2ae3d27d4eb4f;
  return table + (<usize>(((a ^ (b >> 31) ^ b) * 0xff51afd7ed558ccd) >> (64 - tableBits)) << 2);
}

/** Runs of one byte are everywhere and tell nothing. */
@inline
function plain(at: usize): bool {
  return load<u64>(at) == load<u64>(at, 8) && load<u32>(at) == load<u32>(at, 4);
}

export function movesIndex(): void {
  memory.fill(table, 0xff, <usize>4 << tableBits);
  if (oldSize < <u32>SEED_BYTES) return;
  for (let p: u32 = 0; p <= oldSize - SEED_BYTES; p += 8) {
    const at = old + <usize>p;
    if (plain(at)) continue;
    const place = slot(at);
    if (load<u32>(place) == 0xffffffff) store<u32>(place, p);
  }
}

/** Segments of a piece of `size` bytes, positions in the piece; returns how many. */
export function movesFind(size: i32): i32 {
  let count = 0;
  let covered = 0;
  S.free = found;
  for (let q = 0; q + SEED_BYTES <= size; ) {
    const at = text + <usize>q;
    const p = plain(at) ? 0xffffffff : load<u32>(slot(at));
    if (p == 0xffffffff || load<u64>(old + <usize>p) != load<u64>(at) || load<u64>(old + <usize>p, 8) != load<u64>(at, 8)) {
      q++;
      continue;
    }
    let before = 0;
    while (q - before > covered && <u32>before < p && load<u8>(at - 1 - before) == load<u8>(old + <usize>p - 1 - before)) before++;
    let after = SEED_BYTES;
    while (q + after < size && p + <u32>after < oldSize && load<u8>(at + after) == load<u8>(old + <usize>p + after)) after++;
    if (before + after < LEAST_BYTES) {
      q++;
      continue;
    }
    take(SEGMENT_BYTES);
    S.free = found + <usize>(SEGMENT_BYTES * (count + 1));
    const to = found + <usize>(SEGMENT_BYTES * count);
    store<u32>(to, <u32>(q - before));
    store<u32>(to, p - <u32>before, 4);
    store<u32>(to, <u32>(before + after), 8);
    count++;
    q += after;
    covered = q;
  }
  return count;
}
