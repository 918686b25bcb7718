/** Match model: where the last bytes stood before, in the old file of the module or in the new one, and what followed them there. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { take, eitherByte, oldByte } from './memory';
import { hash } from './hash';

export function openMatches(): void {
  S.matchTable = take(5 << S.matchBits);
  memory.fill(S.matchTable, 0, 5 << S.matchBits);
  S.matchLength = 0;
  S.recoverLeft = 0;
}

@inline
function slot(h: u32): usize {
  return S.matchTable + (<usize>(h >>> (32 - S.matchBits)) << 2);
}

/** A byte of the hash beside each place, so that a false one costs no look into the file. */
@inline
function checkSlot(h: u32): usize {
  return S.matchTable + (4 << S.matchBits) + <usize>(h >>> (32 - S.matchBits));
}

@inline
function note(h: u32, position: i64): void {
  store<u32>(slot(h), <u32>position);
  store<u8>(checkSlot(h), <u8>h);
}

/** Makes old[from, to) known. */
export function indexOld(from: i64, to: i64): void {
  let c4: u32 = 0;
  let c2: u32 = 0;
  for (let p = from; p < to; p++) {
    if (p >= from + 6) note(hash(c4, c2), p);
    c2 = ((c2 << 8) & 0xff00) | (c4 >>> 24);
    c4 = (c4 << 8) | oldByte(p);
  }
}

/** After new[n] is known; at: where it stands. look: whether a match is worth looking for. */
export function followMatch(n: i64, at: usize, look: bool): void {
  const byte = load<u8>(at);
  if (S.recoverLeft > 0) {
    if (eitherByte(S.recoverAt) == byte) {
      if (S.recoverLeft < 32) S.recoverLeft += 1;
    } else S.recoverLeft -= 5;
    S.recoverAt += 1;
    if (S.recoverAt >= S.oldSize + n + 1) S.recoverLeft = 0;
  }
  if (S.matchLength > 0) {
    const same = eitherByte(S.matchAt) == byte;
    if (!same && S.matchLength >= 12 && S.matchAt + 1 < S.oldSize + n) {
      S.recoverAt = S.matchAt + 1;
      S.recoverLeft = 16;
    }
    if (same) {
      S.matchAt += 1;
      S.matchLength += 1;
      if (S.matchAt >= S.oldSize + n + 1) S.matchLength = 0;
    } else S.matchLength = 0;
  }
  if (n < 6) return;
  const c4 = bswap<u32>(load<u32>(at - 3));
  const c2 = <u32>load<u8>(at - 4) | (<u32>load<u8>(at - 5) << 8);
  const h = hash(c4, c2);
  if (S.matchLength == 0 && look && load<u8>(checkSlot(h)) == <u8>h) {
    const q = <i64>load<u32>(slot(h));
    if (q) {
      let length = 0;
      while (length < 32 && q > length && n >= length && eitherByte(q - 1 - length) == load<u8>(at - length)) length++;
      if (length >= 5) {
        S.matchLength = length;
        S.matchAt = q;
      }
    }
  }
  note(h, S.oldSize + n + 1);
}
