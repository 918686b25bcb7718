/** Match model: where the last bytes stood before, in the old file of the module or in the new one, and what followed them there. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { take, eitherByte, newByte, oldByte } from './memory';
import { hash, hash3 } from './hash';
import { expectedAt } from './words';

export function openMatches(): void {
  S.matchTable = take(5 << S.matchBits);
  memory.fill(S.matchTable, 0, 5 << S.matchBits);
  S.matchLength = 0;
  S.recoverLeft = 0;
  S.far = 0;
  S.farStep = 0;
  if (S.oldSize > 0 || S.newSize <= <i64>1 << S.matchBits) return;
  S.farBits = S.matchBits + 1;
  S.farTable = take(6 << S.farBits);
  memory.fill(S.farTable, 0, 6 << S.farBits);
  S.farStep = max<i64>(16, (S.newSize >> S.farBits) + 1);
}

@inline
function rollFar(byte: u32): void {
  // The factor is even: after 32 steps a byte has left the 32 bits.
  S.far = (S.far + byte + 1) * 0x2f0b4c46;
}

/** Longer than the table of the last bytes reaches: places at a distance of farStep, with 16 bits of the hash. After new[n] is known. left: how many more are. */
@inline
function followFar(n: i64, at: usize, byte: u32, left: i64): void {
  rollFar(byte);
  const h = S.far ^ (S.far >>> 15);
  const place = S.farTable + (<usize>((h * 0x9e3779b1) >>> (32 - S.farBits))) * 6;
  if (S.matchLength < 16 && load<u16>(place, 4) == <u16>h) {
    const q = <i64>load<u32>(place);
    if (q) {
      let length = 0;
      while (length < FAR_BYTES && q > length && newByte(q - 1 - length) == load<u8>(at - length)) length++;
      if (length >= 20 && length > S.matchLength) {
        S.matchLength = length;
        S.matchAt = q + left;
      }
    }
  }
  if (n % S.farStep == 0) {
    store<u32>(place, <u32>(n + 1));
    store<u16>(place, <u16>h, 4);
  }
}

/** Bytes that a match from far is looked at for. */
const FAR_BYTES: i32 = 32;

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
  if (S.farStep) followFar(n, at, byte, 0);
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

/** The match, after four bytes at once. same: as it had them. */
@inline
function goOn4(n: i64, same: bool): void {
  S.recoverLeft = 0;
  if (S.matchLength == 0) return;
  const goesOn = same && S.matchAt + 4 <= S.oldSize + n;
  S.matchAt += goesOn ? 4 : 0;
  S.matchLength = goesOn ? S.matchLength + 4 : 0;
}

/** Words that must be the same for a match. */
const WORDS_LEAST: i32 = 3;

/** After the word at new[n] is known. word, expected: as words.ts sees them; w1 to w3: those before. */
export function followWord(n: i64, at: usize, word: u32, expected: u32, w1: u32, w2: u32, w3: u32): void {
  goOn4(n, word == expected);
  const h = hash3(word, hash(w1, w2), 0x57);
  if (S.matchLength < 4 * WORDS_LEAST && load<u8>(checkSlot(h)) == <u8>h) {
    const q = <i64>load<u32>(slot(h));
    if (q >= 16) {
      let same = 0;
      if (expectedAt(q - 4) == word && expectedAt(q - 8) == w1 && expectedAt(q - 12) == w2) {
        same = 3;
        if (expectedAt(q - 16) == w3) same = 4;
      }
      if (same >= WORDS_LEAST) {
        S.matchLength = 4 * same;
        S.matchAt = q;
      }
    }
  }
  note(h, S.oldSize + n + 4);
  if (S.farStep) followFar4(n, at);
}

/** After the four bytes at new[n], which were told as where they lead. same: as the match had them. */
export function followTarget(n: i64, at: usize, same: bool): void {
  goOn4(n, same);
  if (S.farStep) followFar4(n, at);
}

/** After four bytes at once. */
export function followFar4(n: i64, at: usize): void {
  for (let k = 0; k < 4; k++) followFar(n + k, at + <usize>k, load<u8>(at + <usize>k), 3 - k);
}

/** Whether the match reaches over so many bytes, and may be right for all of them. */
@inline
export function matchReaches(n: i64, bytes: i64): bool {
  return S.matchLength >= 32 && S.matchAt + bytes <= S.oldSize + n;
}

/** After new[n, n + bytes), at least 32, were said at once. matched: as the match has them. at: where they stand. */
export function passMatch(n: i64, at: usize, bytes: i32, matched: bool): void {
  if (matched) {
    S.matchAt += bytes;
    S.matchLength += bytes;
  } else S.matchLength = 0;
  S.recoverLeft = 0;
  if (S.farStep) for (let k = bytes - 32; k < bytes; k++) rollFar(load<u8>(at + <usize>k));
}

