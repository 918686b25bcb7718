/**
 * Pairs the files inside two containers before anything is aligned: files that did not change need no alignment, and those that did are
 * aligned with their predecessor only.
 */

import { bytesEqual } from '../../bytes.ts';
import { type Alignment, MODULE_INDEXED, MODULE_PLAIN, moduleKind } from './align.ts';
import type { Lists, Module } from './encode.ts';
import { type Copy, Moves } from './moves.ts';
import { type Part, tarParts } from './tar.ts';

/** A new file and the old one it is aligned with; positions in the containers, bytes. */
export interface AlignJob {
  readonly name: string;
  readonly newStart: number;
  readonly newBytes: number;
  readonly oldStart: number;
  readonly oldBytes: number;
  readonly kind: number;
}

export interface Plan {
  readonly moves: () => Moves;
  readonly copies: readonly Copy[];
  readonly jobs: readonly AlignJob[];
}

/** A new file without a predecessor is aligned with the file that has this much of it, if one has. */
const SIMILAR_SHARE = 0.1;
/** A gap this long may stand elsewhere in the old container. */
const MOVED_FROM_BYTES = 32;
/** A container up to this size is also aligned as a whole. */
const WHOLE_BYTES = 40_000_000;
/** So many bytes that no segment covers make the old file worth knowing to the match model. */
const INDEX_FROM_BYTES = 16;

/** One plan, or for small containers two: which is better, only coding tells. */
export function planDelta(oldContent: Uint8Array, newContent: Uint8Array): Plan[] {
  let made: Moves | undefined;
  const moves = (): Moves => {
    made ??= new Moves(oldContent, newContent);
    return made;
  };
  const whole = wholeFile(oldContent, newContent, moves);
  const newParts = tarParts(newContent);
  const oldParts = newParts === undefined ? undefined : tarParts(oldContent);
  if (newParts === undefined || oldParts === undefined) return [whole];
  const parted = pairParts(oldContent, newContent, oldParts, newParts, moves);
  return oldContent.length <= WHOLE_BYTES ? [parted, whole] : [parted];
}

function wholeFile(oldContent: Uint8Array, newContent: Uint8Array, moves: () => Moves): Plan {
  const kind = moduleKind(newContent) === moduleKind(oldContent) ? moduleKind(newContent) : MODULE_PLAIN;
  const job = { name: '', newStart: 0, newBytes: newContent.length, oldStart: 0, oldBytes: oldContent.length, kind };
  return { copies: [], jobs: [job], moves };
}

/** The name without its numbers: libx.so.1.2 became libx.so.1.3. */
function stem(name: string): string {
  return name.replaceAll(/\d+/g, '#');
}

/** The old file that has most of this new one. */
function similarPart(oldParts: readonly Part[], part: Part, moves: Moves): Part | undefined {
  const shares = new Map<Part, number>();
  for (const { oldStart, sizeBytes } of moves.find(part.start, part.start + part.sizeBytes)) {
    const holder = lastStartingBefore(oldParts, oldStart);
    if (holder !== undefined) shares.set(holder, (shares.get(holder) ?? 0) + sizeBytes);
  }
  let best: Part | undefined;
  for (const [holder, bytes] of shares)
    if (bytes >= SIMILAR_SHARE * part.sizeBytes && bytes > (best === undefined ? 0 : (shares.get(best) ?? 0)))
      best = holder;
  return best;
}

function lastStartingBefore(parts: readonly Part[], position: number): Part | undefined {
  let low = 0;
  let high = parts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((parts[middle]?.start ?? 0) <= position) low = middle + 1;
    else high = middle;
  }
  return parts[low - 1];
}

function contentOf(content: Uint8Array, part: Part): Uint8Array {
  return content.subarray(part.start, part.start + part.sizeBytes);
}

function pairParts(
  oldContent: Uint8Array,
  newContent: Uint8Array,
  oldParts: Part[],
  newParts: Part[],
  moves: () => Moves,
): Plan {
  const byName = new Map(oldParts.map((part) => [part.name, part]));
  const newNames = new Set(newParts.map(({ name }) => name));
  const byStem = new Map<string, Part>();
  for (const part of oldParts) if (!newNames.has(part.name)) byStem.set(stem(part.name), part);
  const copies: Copy[] = [];
  const jobs: AlignJob[] = [];
  let before: Part | undefined;
  for (const part of newParts) {
    const found = byName.get(part.name) ?? byStem.get(stem(part.name));
    const headFrom = found ?? before;
    const headBytes = part.start - part.headStart;
    if (headFrom !== undefined) {
      // Aligned at its end: where a long name was put before it, only the head proper is alike.
      const alike = Math.min(headBytes, headFrom.start - headFrom.headStart);
      copies.push({ newStart: part.start - alike, oldStart: headFrom.start - alike, sizeBytes: alike });
    }
    before = found ?? before;
    if (part.sizeBytes === 0) continue;
    const content = contentOf(newContent, part);
    const named = found?.sizeBytes === 0 ? undefined : found;
    const base = named ?? similarPart(oldParts, part, moves());
    if (base !== undefined && base.sizeBytes === part.sizeBytes && bytesEqual(contentOf(oldContent, base), content)) {
      const padded = Math.ceil(part.sizeBytes / 512) * 512;
      const room = Math.min(newContent.length - part.start, oldContent.length - base.start);
      copies.push({ newStart: part.start, oldStart: base.start, sizeBytes: Math.min(padded, room) });
      continue;
    }
    const oldStart = base?.start ?? 0;
    const oldBytes = base?.sizeBytes ?? 0;
    const oldKind = base === undefined ? MODULE_PLAIN : moduleKind(contentOf(oldContent, base));
    const kind = oldKind === moduleKind(content) ? oldKind : MODULE_PLAIN;
    jobs.push({ name: part.name, newStart: part.start, newBytes: part.sizeBytes, oldStart, oldBytes, kind });
  }
  const last = newParts.at(-1);
  const oldLast = oldParts.at(-1);
  if (last !== undefined && oldLast !== undefined) {
    // Zeros to the end.
    const newEnd = last.start + Math.ceil(last.sizeBytes / 512) * 512;
    const oldEnd = oldLast.start + Math.ceil(oldLast.sizeBytes / 512) * 512;
    const sizeBytes = Math.min(newContent.length - newEnd, oldContent.length - oldEnd);
    if (sizeBytes > 0) copies.push({ newStart: newEnd, oldStart: oldEnd, sizeBytes });
  }
  return { copies, jobs, moves };
}

/** The lists of the whole from the alignments of its jobs, which are in the order of the jobs. */
export function joinAlignments(plan: Plan, alignments: readonly Alignment[], newSizeBytes: number): Lists {
  const pieces: Copy[] = [...plan.copies];
  const modules: Module[] = [];
  const hints: number[] = [];
  for (const [k, job] of plan.jobs.entries()) {
    const { segments, hints: own } = alignments[k] ?? { segments: new Uint32Array(), hints: new Uint32Array() };
    let covered = 0;
    for (let s = 0; s < segments.length; s += 3) {
      const [n = 0, o = 0, sizeBytes = 0] = segments.subarray(s, s + 3);
      pieces.push({ newStart: job.newStart + n, oldStart: job.oldStart + o, sizeBytes });
      covered += sizeBytes;
    }
    const indexed = job.newBytes - covered >= INDEX_FROM_BYTES && job.oldBytes > 0;
    if (job.kind === MODULE_PLAIN && !indexed) continue;
    for (let h = 0; h < own.length; h += 4) hints.push(modules.length, ...own.subarray(h + 1, h + 4));
    const { newStart, newBytes, oldStart, oldBytes } = job;
    modules.push({ newStart, newBytes, oldStart, oldBytes, kind: job.kind + (indexed ? MODULE_INDEXED : 0) });
  }
  pieces.sort((a, b) => a.newStart - b.newStart);
  // What is left may have moved from anywhere.
  let end = 0;
  const moved: Copy[] = [];
  for (const { newStart, sizeBytes } of [...pieces, { newStart: newSizeBytes, sizeBytes: 0 }]) {
    if (newStart - end >= MOVED_FROM_BYTES) moved.push(...plan.moves().find(end, newStart));
    end = newStart + sizeBytes;
  }
  const all = [...pieces, ...moved].sort((a, b) => a.newStart - b.newStart);
  return { modules, segments: mergePieces(all), hints: Uint32Array.from(hints) };
}

/** Pieces on one diagonal that touch become one. */
function mergePieces(pieces: readonly Copy[]): Uint32Array {
  const out = new Uint32Array(3 * pieces.length);
  let count = 0;
  for (const { newStart, oldStart, sizeBytes } of pieces) {
    const at = 3 * (count - 1);
    const touches =
      count > 0 &&
      (out[at] ?? 0) + (out[at + 2] ?? 0) === newStart &&
      (out[at + 1] ?? 0) + (out[at + 2] ?? 0) === oldStart;
    if (touches) out[at + 2] = (out[at + 2] ?? 0) + sizeBytes;
    else out.set([newStart, oldStart, sizeBytes], 3 * count++);
  }
  return out.slice(0, 3 * count);
}
