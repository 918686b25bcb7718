/** The lists that come before the content: modules, segments of the alignment, hints. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { takeFilled } from './memory';
import { EVEN } from './logistic';
import { codeInteger, codeSigned, codeCounted } from './integers';
import { costKind, KIND_LISTS } from './coder';
import { SEGMENT_BYTES } from './map';
import { HINT_WORDS } from './references';

/** newStart, newBytes, oldStart, oldBytes, kind and flag, unused. */
export const MODULE_WORDS: i32 = 6;
/** Kinds and their flag, see blocks.ts. */
export const MODULE_KINDS: u32 = 8;
export const FAULT_LISTS: i32 = 1;

const RECENT: i32 = 16;
const recent: usize = memory.data(8 * 16, 16);

@inline
function word(list: usize, k: i32, words: i32, index: i32): usize {
  return list + <usize>(4 * (k * words + index));
}

function fail(): bool {
  S.fault = FAULT_LISTS;
  return false;
}

export function codeModules(): bool {
  const encoding = S.encoding;
  let newEnd: i64 = 0;
  let oldEnd: i64 = 0;
  for (let k = 0; k < S.moduleCount; k++) {
    const at = word(S.modules, k, MODULE_WORDS, 0);
    const gap = codeInteger(encoding, <i64>load<u32>(at) - newEnd, 1);
    const kind = codeInteger(encoding, load<u32>(at, 16), 2);
    const bytes = codeInteger(encoding, load<u32>(at, 4), 3);
    const oldStep = codeSigned(encoding, <i64>load<u32>(at, 8) - oldEnd - gap, 4);
    const longer = codeSigned(encoding, <i64>load<u32>(at, 12) - bytes, 5);
    const newStart = newEnd + gap;
    const oldStart = oldEnd + gap + oldStep;
    const oldBytes = bytes + longer;
    if (kind >= <i64>MODULE_KINDS || bytes <= 0 || newStart + bytes > S.newSize) return fail();
    if (oldStart < 0 || oldBytes < 0 || oldStart > S.oldSize || oldBytes > S.oldSize - oldStart) return fail();
    store<u32>(at, <u32>newStart);
    store<u32>(at, <u32>bytes, 4);
    store<u32>(at, <u32>oldStart, 8);
    store<u32>(at, <u32>oldBytes, 12);
    store<u32>(at, <u32>kind, 16);
    newEnd = newStart + bytes;
    oldEnd = oldStart + oldBytes;
  }
  return true;
}

export function codeSegments(): bool {
  const encoding = S.encoding;
  const counters = takeFilled(4 * 16 * 16, EVEN);
  for (let q = 0; q < RECENT; q++) store<i64>(recent + <usize>(8 * q), 0);
  let newEnd: i64 = 0;
  let last = 0;
  let history = 0;
  for (let k = 0; k < S.segmentCount; k++) {
    const at = S.segments + <usize>(k * SEGMENT_BYTES);
    const gap = codeInteger(encoding, <i64>load<u32>(at) - newEnd, 1 + (history & 3) + 4 * min(last, 2));
    const n = newEnd + gap;
    let diagonal = <i64>load<u32>(at, 4) - n;
    let hit = -1;
    if (encoding)
      for (let q = 0; q < RECENT; q++)
        if (load<i64>(recent + <usize>(8 * q)) == diagonal && !(q == 0 && gap == 0 && k > 0)) {
          hit = q;
          break;
        }
    const context = (last == 0 ? 1 : 0) | (gap ? 2 : 0) | (((history >> 1) & 1) << 2);
    let q = 0;
    let found = false;
    for (; q < RECENT; q++)
      if (codeCounted(counters + <usize>(4 * (q * 16 + context)), hit == q ? 1 : 0, 50331, 60)) {
        found = true;
        break;
      }
    if (found) diagonal = load<i64>(recent + <usize>(8 * q));
    else {
      const first = load<i64>(recent);
      diagonal = first + codeSigned(encoding, diagonal - first, 24 + (gap ? 1 : 0) + 2 * min(last, 1));
      q = RECENT - 1;
    }
    for (let z = q; z > 0; z--) store<i64>(recent + <usize>(8 * z), load<i64>(recent + <usize>(8 * (z - 1))));
    store<i64>(recent, diagonal);
    last = found ? (q == 0 ? 0 : 1) : 2;
    const bytes = codeInteger(encoding, load<u32>(at, 8), 40 + (gap ? 1 : 0) + 2 * last);
    const o = n + diagonal;
    if (bytes <= 0 || n > S.newSize || bytes > S.newSize - n || o < 0 || o > S.oldSize || bytes > S.oldSize - o) return fail();
    store<u32>(at, <u32>n);
    store<u32>(at, <u32>o, 4);
    store<u32>(at, <u32>bytes, 8);
    newEnd = n + bytes;
    history = (history << 1) | (gap ? 1 : 0);
  }
  return true;
}

export function codeHints(): bool {
  const encoding = S.encoding;
  let module: i64 = 0;
  let block: i64 = 0;
  for (let k = 0; k < S.hintCount; k++) {
    const at = S.hints + <usize>(4 * k * HINT_WORDS);
    const step = codeInteger(encoding, <i64>load<u32>(at) - module, 8);
    if (step) block = 0;
    module += step;
    const first = block + codeInteger(encoding, <i64>load<u32>(at, 4) - block, 9);
    const count = codeInteger(encoding, <i64>load<u32>(at, 8) - first, 10);
    const kind = codeInteger(encoding, load<u32>(at, 12), 11);
    block = first + count;
    if (module >= S.moduleCount || kind < 1 || kind > 2 || block > 1 << 22) return fail();
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
