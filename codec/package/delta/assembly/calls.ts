/**
 * Instructions of x86-64 that no segment covers: what follows a call, a jump, or an access relative to the program counter is seen as where it
 * leads, its highest byte first (Intel SDM 2, "CALL", "JMP", 2.2.1.6).
 */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { either32 } from './memory';
import { costKind, KIND_GAPS } from './coder';
import { hash, hash3 } from './hash';
import { M } from './module';
import { context } from './misses';
import { codeWordByte, lengthState, CALL_SETS } from './words';
import { followFar4, followTarget } from './match';

/** After CALL or JMP; LEA, MOV, or an indirect CALL or JMP, with the program counter as base. */
export function isTargetPlace(at: usize): bool {
  const c1 = <u32>load<u8>(at - 1);
  if (c1 == 0xe8 || c1 == 0xe9) return true;
  const c2 = <u32>load<u8>(at - 2);
  if ((c1 & 0xc7) == 5) return c2 == 0x8d || c2 == 0x8b || (c2 == 0xff && (c1 == 0x15 || c1 == 0x25));
  return false;
}

/** The 32 bits at new[n]. */
export function codeTarget(n: i64, at: usize): void {
  // Relative to the end of the field, which for these instructions is the program counter.
  const place = <u32>(n - M.newStart) + 4;
  const actual = S.encoding ? load<u32>(at) + place : 0;
  const lengthBits = lengthState(n);
  const expected = lengthBits ? targetAt(S.matchAt) : 0;
  const c1 = <u32>load<u8>(at - 1);
  const c2 = <u32>load<u8>(at - 2);
  const c4 = load<u32>(at - 4);
  const before = load<u32>(at - 8);
  const call: u32 = c1 == 0xe8 ? 0 : c1 == 0xe9 ? 1 : c2 == 0xff ? 2 : 3;
  const last = load<u32>(lastTargets + (<usize>call << 2));
  costKind(KIND_GAPS);
  let word: u32 = 0;
  let follows = lengthBits > 0;
  for (let j: u32 = 0; j < 4; j++) {
    const shift = 24 - 8 * j;
    const guess = (expected >>> shift) & 255;
    const known = hash(word, j | (call << 2));
    context(0, follows ? hash3(0x61, guess, (lengthBits << 2) | j) : hash(0x62, j | (call << 2)));
    context(1, hash3(0x63, known, 0));
    context(2, hash3(0x64, known, c4 >>> 16));
    context(3, hash3(0x65, known, last));
    context(4, hash3(0x66, known, place >>> 12));
    context(5, hash3(0x67, known, place >>> 16));
    context(6, hash3(0x68, known, c4));
    context(7, hash3(0x69, known, hash(c4, before)));
    context(8, hash3(0x6a, known, last >>> 12));
    context(9, hash3(0x6b, word, j));
    context(10, hash3(0x6c, known, c4 >>> 8));
    context(11, hash3(0x6d, (last >>> shift) & 255, j | (call << 2)));
    context(12, hash3(0x6e, known, S.lastTarget));
    context(13, hash3(0x6f, (place >>> shift) & 255, j | (call << 2)));
    context(14, hash3(0x70, S.lastTarget, last));
    context(15, hash3(0x71, known, (<u32>S.history) & 255));
    const byte = codeWordByte((actual >>> shift) & 255, j, guess, follows, lengthBits, word, CALL_SETS + <i32>(j * 4 + call));
    if (byte != guess) follows = false;
    word = (word << 8) | byte;
  }
  if (!S.encoding) store<u32>(at, word - place);
  store<u32>(lastTargets + (<usize>call << 2), word);
  S.lastTarget = word;
  followTarget(n, at, word == expected);
}

/** By the kind of instruction. In the memory, as all that lasts. */
const lastTargets: usize = memory.data(16, 16);

function targetAt(position: i64): u32 {
  const inOld = position < S.oldSize;
  return either32(position) + <u32>(inOld ? position - M.oldStart : position - S.oldSize - M.newStart) + 4;
}
