/** The lists that come before the content: modules, segments of the alignment, hints. */

import { bitsOf } from './hash.ts';
import type { IntegerDecoder } from './integers.ts';

/** A file inside of the two that is looked at as a whole. */
export interface ModuleEntry {
  readonly newStart: number;
  readonly newEnd: number;
  readonly oldStart: number;
  /** Where it starts: there is no old file. */
  readonly oldEnd: number;
  /** 0 plain, 1 ELF, 2 flat image of AArch64, 3 flat image of x86-64. */
  readonly kind: number;
  /** The old file is made known to the match model. */
  readonly indexed: boolean;
}

/** new[newStart, newStart + bytes) lies on old[oldStart, oldStart + bytes). */
export interface Segment {
  readonly newStart: number;
  readonly oldStart: number;
  readonly bytes: number;
}

/** How the words of blocks of an old module are read, see references.ts. */
export interface Hint {
  readonly module: number;
  readonly firstBlock: number;
  readonly endBlock: number;
  readonly reading: number;
}

export interface Sizes {
  readonly oldBytes: number;
  readonly newBytes: number;
}

const FIELD_MODULE_GAP = 0;
const FIELD_MODULE_KIND = 1;
const FIELD_MODULE_BYTES = 2;
const FIELD_MODULE_OLD = 3;
const FIELD_MODULE_LONGER = 4;
const FIELD_GAP = 5;
const FIELD_RECENT = 6;
const FIELD_STEP = 7;
const FIELD_LENGTH = 8;
const FIELD_HINT_MODULE = 9;
const FIELD_HINT_GAP = 10;
const FIELD_HINT_BLOCKS = 11;
const FIELD_HINT_READING = 12;

const MODULE_KINDS = 8;
const MODULE_INDEXED = 4;
const RECENT_DIAGONALS = 16;
const BLOCKS_MOST = 1 << 22;

function contradiction(): never {
  throw new RangeError('the lists of the patch contradict each other');
}

export function readModules(integers: IntegerDecoder, count: number, { oldBytes, newBytes }: Sizes): ModuleEntry[] {
  const modules: ModuleEntry[] = [];
  let newEnd = 0;
  let oldEnd = 0;
  let lastKind = 0;
  for (let k = 0; k < count; k++) {
    const gap = integers.unsigned(FIELD_MODULE_GAP, lastKind);
    const kind = integers.unsigned(FIELD_MODULE_KIND, lastKind);
    const bytes = integers.unsigned(FIELD_MODULE_BYTES, kind, bitsOf(gap));
    const oldStep = integers.signed(FIELD_MODULE_OLD, kind, bitsOf(bytes));
    const longer = integers.signed(FIELD_MODULE_LONGER, kind, bitsOf(bytes));
    const newStart = newEnd + gap;
    const oldStart = oldEnd + gap + oldStep;
    const oldModuleBytes = bytes + longer;
    newEnd = newStart + bytes;
    oldEnd = oldStart + oldModuleBytes;
    if (kind >= MODULE_KINDS || bytes <= 0 || newEnd > newBytes) contradiction();
    if (oldStart < 0 || oldModuleBytes < 0 || oldEnd > oldBytes) contradiction();
    const indexed = (kind & MODULE_INDEXED) !== 0;
    modules.push({ newStart, newEnd, oldStart, oldEnd, kind: kind & 3, indexed });
    lastKind = kind;
  }
  return modules;
}

/** Kind of the module that holds a position, plus 1; or 0. Positions rise from call to call. */
function kindsAlong(modules: readonly ModuleEntry[]): (position: number) => number {
  let k = 0;
  return (position) => {
    while (k < modules.length && position >= modules[k].newEnd) k++;
    return k < modules.length && position >= modules[k].newStart ? modules[k].kind + 1 : 0;
  };
}

export function readSegments(
  integers: IntegerDecoder,
  count: number,
  modules: readonly ModuleEntry[],
  { oldBytes, newBytes }: Sizes,
): Segment[] {
  const segments: Segment[] = [];
  const kindAround = kindsAlong(modules);
  /** Old position less new position of the last segments, the last one first. */
  const recent = Array.from<number>({ length: RECENT_DIAGONALS }).fill(0);
  let newEnd = 0;
  // What came before, the last one in the lowest bits. Ways, two bits each: 0 the last diagonal again, 1 another recent one, 2 a new one. The
  // others, five bits each: how many bits the number has.
  let ways = 0;
  let gapBits = 0;
  let lengthBits = 0;
  let stepBits = 0;
  for (let k = 0; k < count; k++) {
    const kind = kindAround(newEnd);
    const gap = integers.unsigned(
      FIELD_GAP,
      (lengthBits & 31) | (kind << 8),
      (ways & 255) | (kind << 8),
      gapBits & 0x3ff,
      (ways & 15) | ((stepBits & 31) << 8),
    );
    // Of this one, 31 are not the most; what does not fit shows in the ones before.
    gapBits = (gapBits << 5) | bitsOf(gap);
    const newStart = newEnd + gap;
    const place =
      integers.unsigned(
        FIELD_RECENT,
        (ways & 63) | (Math.min(gap, 255) << 8),
        (ways & 4095) | (kind << 16),
        (lengthBits & 31) | ((gapBits & 31) << 8),
        Math.min(gap, 4095),
      ) | 0;
    if (place > RECENT_DIAGONALS) contradiction();
    let diagonal = recent[place - 1];
    if (place > 0) {
      stepBits <<= 5;
      recent.splice(place - 1, 1);
    } else {
      const step = integers.signed(
        FIELD_STEP,
        (gapBits & 31) | (kind << 8),
        Math.min(gap, 4095),
        (stepBits & 31) | ((ways & 15) << 8),
        lengthBits & 31,
      );
      stepBits = (stepBits << 5) | Math.min(bitsOf(Math.abs(step)), 31);
      diagonal = recent[0] + step;
      recent.pop();
    }
    recent.unshift(diagonal);
    ways = (ways << 2) | (place === 1 ? 0 : place > 1 ? 1 : 2);
    const bytes = integers.unsigned(
      FIELD_LENGTH,
      (ways & 3) | ((stepBits & 31) << 2) | ((gapBits & 31) << 8),
      lengthBits & 0x3ff,
      (ways & 15) | (kind << 8),
      (gapBits & 31) | ((lengthBits & 31) << 5),
    );
    lengthBits = (lengthBits << 5) | Math.min(bitsOf(bytes), 31);
    const oldStart = newStart + diagonal;
    newEnd = newStart + bytes;
    if (bytes <= 0 || newEnd > newBytes || oldStart < 0 || oldStart + bytes > oldBytes) contradiction();
    segments.push({ newStart, oldStart, bytes });
  }
  return segments;
}

export function readHints(integers: IntegerDecoder, count: number, moduleCount: number): Hint[] {
  const hints: Hint[] = [];
  let module = 0;
  let block = 0;
  for (let k = 0; k < count; k++) {
    const step = integers.unsigned(FIELD_HINT_MODULE);
    if (step > 0) block = 0;
    module += step;
    const firstBlock = block + integers.unsigned(FIELD_HINT_GAP);
    block = firstBlock + integers.unsigned(FIELD_HINT_BLOCKS);
    const reading = integers.unsigned(FIELD_HINT_READING);
    if (module >= moduleCount || reading < 1 || reading > 2 || block > BLOCKS_MOST) contradiction();
    hints.push({ module, firstBlock, endBlock: block, reading });
  }
  return hints;
}
