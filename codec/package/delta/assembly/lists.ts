/** The lists that come before the content: modules, segments of the alignment, hints. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { codeInteger, codeSigned, setContexts } from './integers';
import { bitsOf } from './hash';
import { costKind, KIND_LISTS } from './coder';
import { SEGMENT_BYTES } from './map';
import { HINT_WORDS } from './hinted';

/** newStart, newBytes, oldStart, oldBytes, kind and flag. */
export const MODULE_WORDS: i32 = 5;
/** Kinds and their flag, see module.ts. */
const MODULE_KINDS: u32 = 8;

const FIELD_MODULE_GAP: i32 = 0;
const FIELD_MODULE_KIND: i32 = 1;
const FIELD_MODULE_BYTES: i32 = 2;
const FIELD_MODULE_OLD: i32 = 3;
const FIELD_MODULE_LONGER: i32 = 4;
const FIELD_GAP: i32 = 5;
const FIELD_RECENT: i32 = 6;
const FIELD_STEP: i32 = 7;
const FIELD_LENGTH: i32 = 8;
const FIELD_HINT_MODULE: i32 = 9;
const FIELD_HINT_GAP: i32 = 10;
const FIELD_HINT_BLOCKS: i32 = 11;
const FIELD_HINT_KIND: i32 = 12;

const RECENT: i32 = 16;
const recent: usize = memory.data(8 * 16, 16);

@inline
function word(list: usize, k: i32, words: i32, index: i32): usize {
  return list + <usize>(4 * (k * words + index));
}

export function codeModules(): bool {
  const encoding = S.encoding;
  let newEnd: i64 = 0;
  let oldEnd: i64 = 0;
  let lastKind: u32 = 0;
  for (let k = 0; k < S.moduleCount; k++) {
    const at = word(S.modules, k, MODULE_WORDS, 0);
    setContexts(FIELD_MODULE_GAP, lastKind, 0, 0, 0);
    const gap = codeInteger(encoding, <i64>load<u32>(at) - newEnd, FIELD_MODULE_GAP);
    setContexts(FIELD_MODULE_KIND, lastKind, 0, 0, 0);
    const kind = codeInteger(encoding, load<u32>(at, 16), FIELD_MODULE_KIND);
    setContexts(FIELD_MODULE_BYTES, <u32>kind, <u32>bitsOf(gap), 0, 0);
    const bytes = codeInteger(encoding, load<u32>(at, 4), FIELD_MODULE_BYTES);
    setContexts(FIELD_MODULE_OLD, <u32>kind, <u32>bitsOf(bytes), 0, 0);
    const oldStep = codeSigned(encoding, <i64>load<u32>(at, 8) - oldEnd - gap, FIELD_MODULE_OLD);
    setContexts(FIELD_MODULE_LONGER, <u32>kind, <u32>bitsOf(bytes), 0, 0);
    const longer = codeSigned(encoding, <i64>load<u32>(at, 12) - bytes, FIELD_MODULE_LONGER);
    const newStart = newEnd + gap;
    const oldStart = oldEnd + gap + oldStep;
    const oldBytes = bytes + longer;
    if (kind >= <i64>MODULE_KINDS || bytes <= 0 || newStart + bytes > S.newSize) return false;
    if (oldStart < 0 || oldBytes < 0 || oldStart > S.oldSize || oldBytes > S.oldSize - oldStart) return false;
    store<u32>(at, <u32>newStart);
    store<u32>(at, <u32>bytes, 4);
    store<u32>(at, <u32>oldStart, 8);
    store<u32>(at, <u32>oldBytes, 12);
    store<u32>(at, <u32>kind, 16);
    newEnd = newStart + bytes;
    oldEnd = oldStart + oldBytes;
    lastKind = <u32>kind;
  }
  return true;
}

/** Which module, of those that start at or before this position, the position is in; its kind plus 1, or 0. */
let cursor: i32 = 0;
function kindAround(position: i64): u32 {
  while (cursor < S.moduleCount) {
    const at = word(S.modules, cursor, MODULE_WORDS, 0);
    if (position < <i64>load<u32>(at) + <i64>load<u32>(at, 4)) return position >= <i64>load<u32>(at) ? (load<u32>(at, 16) & 3) + 1 : 0;
    cursor++;
  }
  return 0;
}

/** How the diagonal was found: 0 as before, 1 among the recent ones, 2 anew. */
export function codeSegments(): bool {
  const encoding = S.encoding;
  for (let q = 0; q < RECENT; q++) store<i64>(recent + <usize>(8 * q), 0);
  cursor = 0;
  let newEnd: i64 = 0;
  let ways: u32 = 0;
  let gapBits: u32 = 0;
  let lengthBits: u32 = 0;
  let stepBits: u32 = 0;
  for (let k = 0; k < S.segmentCount; k++) {
    const at = S.segments + <usize>(k * SEGMENT_BYTES);
    const kind = kindAround(newEnd);
    setContexts(FIELD_GAP, (lengthBits & 31) | (kind << 8), (ways & 255) | (kind << 8), gapBits & 0x3ff, (ways & 15) | (stepBits & 31) << 8);
    const gap = codeInteger(encoding, <i64>load<u32>(at) - newEnd, FIELD_GAP);
    gapBits = (gapBits << 5) | <u32>bitsOf(gap);
    const n = newEnd + gap;
    let diagonal = <i64>load<u32>(at, 4) - n;
    // 0: none of the recent ones. The last one again is only possible after a gap.
    let place = 0;
    if (encoding)
      for (let q = 0; q < RECENT; q++)
        if (load<i64>(recent + <usize>(8 * q)) == diagonal) {
          place = q + 1;
          break;
        }
    setContexts(FIELD_RECENT, (ways & 63) | (<u32>min<i64>(gap, 255) << 8), (ways & 4095) | (kind << 16), lengthBits & 31 | ((gapBits & 31) << 8), <u32>min<i64>(gap, 4095));
    place = <i32>codeInteger(encoding, place, FIELD_RECENT);
    if (place > RECENT) return false;
    let q = place - 1;
    if (place > 0) {
      diagonal = load<i64>(recent + <usize>(8 * q));
      stepBits = stepBits << 5;
    } else {
      const before = load<i64>(recent);
      setContexts(FIELD_STEP, (gapBits & 31) | (kind << 8), <u32>min<i64>(gap, 4095), (stepBits & 31) | (ways & 15) << 8, lengthBits & 31);
      const step = codeSigned(encoding, diagonal - before, FIELD_STEP);
      stepBits = (stepBits << 5) | min<u32>(<u32>bitsOf(step < 0 ? -step : step), 31);
      diagonal = before + step;
      q = RECENT - 1;
    }
    for (let z = q; z > 0; z--) store<i64>(recent + <usize>(8 * z), load<i64>(recent + <usize>(8 * (z - 1))));
    store<i64>(recent, diagonal);
    ways = (ways << 2) | (place == 1 ? 0 : place > 1 ? 1 : 2);
    setContexts(FIELD_LENGTH, (ways & 3) | ((stepBits & 31) << 2) | ((gapBits & 31) << 8), lengthBits & 0x3ff, (ways & 15) | (kind << 8), (gapBits & 31) | ((lengthBits & 31) << 5));
    const bytes = codeInteger(encoding, load<u32>(at, 8), FIELD_LENGTH);
    lengthBits = (lengthBits << 5) | min<u32>(<u32>bitsOf(bytes), 31);
    const o = n + diagonal;
    if (bytes <= 0 || n > S.newSize || bytes > S.newSize - n || o < 0 || o > S.oldSize || bytes > S.oldSize - o) return false;
    store<u32>(at, <u32>n);
    store<u32>(at, <u32>o, 4);
    store<u32>(at, <u32>bytes, 8);
    newEnd = n + bytes;
  }
  return true;
}

export function codeHints(): bool {
  const encoding = S.encoding;
  let module: i64 = 0;
  let block: i64 = 0;
  for (let k = 0; k < S.hintCount; k++) {
    const at = S.hints + <usize>(4 * k * HINT_WORDS);
    setContexts(FIELD_HINT_MODULE, 0, 0, 0, 0);
    const step = codeInteger(encoding, <i64>load<u32>(at) - module, FIELD_HINT_MODULE);
    if (step) block = 0;
    module += step;
    setContexts(FIELD_HINT_GAP, 0, 0, 0, 0);
    const first = block + codeInteger(encoding, <i64>load<u32>(at, 4) - block, FIELD_HINT_GAP);
    setContexts(FIELD_HINT_BLOCKS, 0, 0, 0, 0);
    const count = codeInteger(encoding, <i64>load<u32>(at, 8) - first, FIELD_HINT_BLOCKS);
    setContexts(FIELD_HINT_KIND, 0, 0, 0, 0);
    const kind = codeInteger(encoding, load<u32>(at, 12), FIELD_HINT_KIND);
    block = first + count;
    if (module >= S.moduleCount || kind < 1 || kind > 2 || block > 1 << 22) return false;
    store<u32>(at, <u32>module);
    store<u32>(at, <u32>first, 4);
    store<u32>(at, <u32>block, 8);
    store<u32>(at, <u32>kind, 12);
  }
  return true;
}

export function codeLists(): bool {
  costKind(KIND_LISTS);
  return codeModules() && codeSegments() && codeHints();
}
