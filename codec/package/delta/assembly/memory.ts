/** Memory is handed out from the bottom and never taken back, but for the arena of the module at hand. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';

const PAGE_BITS: i32 = 16;
const PAGE_BYTES: i32 = 1 << PAGE_BITS;
const NO_SLOT: u16 = 0xffff;

/** Room around a block of the old file for the instructions and bytes beside it. */
export const OLD_MARGIN: i32 = 128;
export const BLOCK_BYTES: i32 = 1024;
export const CHUNK_BYTES: i32 = 1 << 18;
/** What stays of the new file in the window, before the chunk at hand. */
export const KEPT_BYTES: i32 = 1 << 17;

@external('env', 'readPage')
declare function readPage(isNew: i32, page: u32, at: usize): void;

export function take(bytes: usize): usize {
  const at = S.free;
  S.free = (at + bytes + 15) & ~15;
  const pages = <i32>((S.free + 0xffff) >>> 16);
  const have = memory.size();
  if (pages > have && memory.grow(pages - have) < 0) unreachable();
  return at;
}

export function takeFilled(bytes: usize, value: u32): usize {
  const at = take(bytes);
  const filled = i32x4.splat(value);
  for (let k: usize = 0; k < bytes; k += 16) v128.store(at + k, filled);
  return at;
}

export function layOutPages(slotCount: i32): void {
  S.oldPages = <i32>((S.oldSize + PAGE_BYTES - 1) >> PAGE_BITS);
  S.pageCount = S.oldPages + <i32>((S.newSize + PAGE_BYTES - 1) >> PAGE_BITS);
  S.pageTable = take(<usize>(2 * (S.pageCount + 1)));
  memory.fill(S.pageTable, 0xff, <usize>(2 * (S.pageCount + 1)));
  S.slotCount = slotCount;
  S.slotPages = take(<usize>(4 * slotCount));
  memory.fill(S.slotPages, 0xff, <usize>(4 * slotCount));
  S.slotUsed = take(<usize>slotCount);
  memory.fill(S.slotUsed, 0, <usize>slotCount);
  S.slots = take(<usize>slotCount << PAGE_BITS);
  S.hand = 0;
  S.oldAt = take(BLOCK_BYTES + 2 * OLD_MARGIN + 64) + OLD_MARGIN;
  S.windowAt = take(CHUNK_BYTES + KEPT_BYTES + 192) + 128;
  S.windowStart = 0;
}

/** Address of a page, read in where it is not there yet. Pages of the new file follow those of the old one. */
function pageAt(page: i32): usize {
  let slot: i32 = load<u16>(S.pageTable + (<usize>page << 1));
  if (slot == NO_SLOT) {
    // The clock: the first slot that was not used since the hand came by.
    let hand = S.hand;
    while (load<u8>(S.slotUsed + hand)) {
      store<u8>(S.slotUsed + hand, 0);
      hand = hand + 1 == S.slotCount ? 0 : hand + 1;
    }
    slot = hand;
    S.hand = hand + 1 == S.slotCount ? 0 : hand + 1;
    const before: i32 = load<i32>(S.slotPages + (<usize>slot << 2));
    if (before >= 0) store<u16>(S.pageTable + (<usize>before << 1), NO_SLOT);
    store<i32>(S.slotPages + (<usize>slot << 2), page);
    store<u16>(S.pageTable + (<usize>page << 1), <u16>slot);
    const isNew = page >= S.oldPages;
    readPage(<i32>isNew, isNew ? page - S.oldPages : page, S.slots + (<usize>slot << PAGE_BITS));
  }
  store<u8>(S.slotUsed + slot, 1);
  return S.slots + (<usize>slot << PAGE_BITS);
}

export function oldByte(position: i64): u32 {
  if (<u64>position >= <u64>S.oldSize) return 0;
  return load<u8>(pageAt(<i32>(position >> PAGE_BITS)) + (<usize>position & (PAGE_BYTES - 1)));
}

export function old32(position: i64): u32 {
  const within = <i32>position & (PAGE_BYTES - 1);
  if (position >= 0 && within <= PAGE_BYTES - 4 && position + 4 <= S.oldSize)
    return load<u32>(pageAt(<i32>(position >> PAGE_BITS)) + within);
  return (
    oldByte(position) | (oldByte(position + 1) << 8) | (oldByte(position + 2) << 16) | (oldByte(position + 3) << 24)
  );
}

export function old64(position: i64): u64 {
  return <u64>old32(position) | (<u64>old32(position + 4) << 32);
}

export function old16(position: i64): u32 {
  return oldByte(position) | (oldByte(position + 1) << 8);
}

/** A byte of the new file that is known already (or, in the encoder, that the window holds). */
export function newByte(position: i64): u32 {
  if (position >= S.windowStart) return load<u8>(S.windowAt + <usize>(position - S.windowStart));
  if (position < 0) return 0;
  return load<u8>(pageAt(S.oldPages + <i32>(position >> PAGE_BITS)) + (<usize>position & (PAGE_BYTES - 1)));
}

export function new32(position: i64): u32 {
  if (position >= S.windowStart) return load<u32>(S.windowAt + <usize>(position - S.windowStart));
  return (
    newByte(position) | (newByte(position + 1) << 8) | (newByte(position + 2) << 16) | (newByte(position + 3) << 24)
  );
}

export function new64(position: i64): u64 {
  return <u64>new32(position) | (<u64>new32(position + 4) << 32);
}

export function new16(position: i64): u32 {
  return newByte(position) | (newByte(position + 1) << 8);
}

/** Bytes of old and new as one: the new file follows the old one. */
export function eitherByte(position: i64): u32 {
  return position < S.oldSize ? oldByte(position) : newByte(position - S.oldSize);
}

export function either32(position: i64): u32 {
  if (position >= S.oldSize) return new32(position - S.oldSize);
  if (position + 4 <= S.oldSize) return old32(position);
  return (
    oldByte(position) |
    (eitherByte(position + 1) << 8) |
    (eitherByte(position + 2) << 16) |
    (eitherByte(position + 3) << 24)
  );
}

/** old[position - margin, position + count + margin) into the window; zeros where there is no file. */
export function windowOld(position: i64, count: i32): void {
  let from = position - OLD_MARGIN;
  let to = S.oldAt - OLD_MARGIN;
  let left: i32 = count + 2 * OLD_MARGIN;
  S.oldPosition = position;
  while (left > 0) {
    if (from < 0 || from >= S.oldSize) {
      const zeros: i32 = from < 0 ? <i32>min<i64>(-from, left) : left;
      memory.fill(to, 0, zeros);
      from += zeros;
      to += zeros;
      left -= zeros;
      continue;
    }
    const within = <i32>from & (PAGE_BYTES - 1);
    const some = <i32>min<i64>(min<i64>(left, PAGE_BYTES - within), S.oldSize - from);
    memory.copy(to, pageAt(<i32>(from >> PAGE_BITS)) + within, some);
    from += some;
    to += some;
    left -= some;
  }
}

export function copyOld(position: i64, to: usize, count: i32): void {
  while (count > 0) {
    const within = <i32>position & (PAGE_BYTES - 1);
    const some = min<i32>(count, PAGE_BYTES - within);
    memory.copy(to, pageAt(<i32>(position >> PAGE_BITS)) + within, some);
    position += some;
    to += some;
    count -= some;
  }
}

export function sameAsOld(position: i64, at: usize, count: i32): bool {
  while (count > 0) {
    const within = <i32>position & (PAGE_BYTES - 1);
    const some = min<i32>(count, PAGE_BYTES - within);
    if (memory.compare(at, pageAt(<i32>(position >> PAGE_BITS)) + within, some) != 0) return false;
    position += some;
    at += some;
    count -= some;
  }
  return true;
}

/** Of old and new as one, where all of it is known. */
export function copyEither(position: i64, to: usize, count: i32): void {
  for (let k = 0; k < count; k += 4) store<u32>(to + <usize>k, either32(position + k));
}

export function sameAsEither(position: i64, at: usize, count: i32): bool {
  for (let k = 0; k < count; k += 4) if (load<u32>(at + <usize>k) != either32(position + k)) return false;
  return true;
}

export function areZeros(at: usize, count: i32): bool {
  for (let k: usize = 0; k < <usize>count; k += 8) if (load<u64>(at + k)) return false;
  return true;
}
