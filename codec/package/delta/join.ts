/** The lists of a whole from the alignments of its files. */

import { type Alignment, MODULE_INDEXED, MODULE_PLAIN } from './align.ts';
import type { Lists, Module } from './encode.ts';
import type { Copy } from './moves.ts';
import type { AlignJob, Plan } from './plan.ts';
import { HOLE, placed, type Run, totalBytes } from './runs.ts';

/** A gap this long may stand elsewhere in the old container. */
const MOVED_FROM_BYTES = 32;
/** So many bytes that no segment covers make the old file worth knowing to the match model. */
const INDEX_FROM_BYTES = 16;

/** alignments: in the order of the jobs. */
export function joinAlignments(plan: Plan, alignments: readonly Alignment[], newSizeBytes: number): Lists {
  const pieces: Copy[] = [...plan.copies];
  const found: Found[] = [];
  for (const [k, job] of plan.jobs.entries()) {
    const { segments, hints } = alignments[k] ?? { segments: new Uint32Array(), hints: new Uint32Array() };
    let covered = 0;
    for (let s = 0; s < segments.length; s += 3) {
      const [newStart = 0, oldStart = 0, sizeBytes = 0] = segments.subarray(s, s + 3);
      for (const piece of placed({ newStart, oldStart, sizeBytes }, job.newRuns, job.oldRuns)) pieces.push(piece);
      covered += sizeBytes;
    }
    const indexed = totalBytes(job.newRuns) - covered >= INDEX_FROM_BYTES && job.oldRuns.length > 0;
    if (job.kind !== MODULE_PLAIN || indexed)
      for (const [at, module] of modulesOf(job, indexed).entries())
        found.push({ module, hints: at === 0 ? hints : new Uint32Array() });
  }
  const modules = apart(found);
  const hints = modules.flatMap((entry, k) => numbered(entry.hints, k));
  const own = pieces.filter(({ sizeBytes }) => sizeBytes > 0).sort((a, b) => a.newStart - b.newStart);
  // What is left may have moved from anywhere.
  let end = 0;
  const moved: Copy[] = [];
  for (const { newStart, sizeBytes } of [...own, { newStart: newSizeBytes, sizeBytes: 0 }]) {
    if (newStart - end >= MOVED_FROM_BYTES) for (const copy of plan.moves().find(end, newStart)) moved.push(copy);
    end = newStart + sizeBytes;
  }
  const all = [...own, ...moved].sort((a, b) => a.newStart - b.newStart);
  return { modules: modules.map(({ module }) => module), segments: mergePieces(all), hints: Uint32Array.from(hints) };
}

interface Found {
  readonly module: Module;
  readonly hints: Uint32Array;
}

/** In order, and none that begins inside of another: files that share blocks do. */
function apart(found: readonly Found[]): Found[] {
  let end = 0;
  return [...found]
    .sort((a, b) => a.module.newStart - b.module.newStart)
    .filter(({ module: { newStart, newBytes } }) => {
      if (newStart < end) return false;
      end = newStart + newBytes;
      return true;
    });
}

function numbered(hints: Uint32Array, module: number): number[] {
  return [...hints].map((word, k) => (k % 4 === 0 ? module : word));
}

/**
 * A file in one piece is one module. One in several pieces is as many, each beside the piece of the old file in the same order; only the
 * first, with the head of the file, is read as what it is.
 */
function modulesOf(job: AlignJob, indexed: boolean): Module[] {
  const newRuns = job.newRuns.filter(isStored);
  const oldRuns = job.oldRuns.filter(isStored);
  const whole = newRuns.length === 1 && oldRuns.length === 1;
  return newRuns.flatMap((run, k): Module[] => {
    const old = oldRuns[Math.min(k, oldRuns.length - 1)];
    if (old === undefined) return [];
    const first = k === 0 && job.newRuns[0] === run && job.oldRuns[0] === old;
    const kind = whole || first ? job.kind : MODULE_PLAIN;
    if (kind === MODULE_PLAIN && !indexed) return [];
    const place = { newStart: run.start, newBytes: run.sizeBytes, oldStart: old.start, oldBytes: old.sizeBytes };
    return [{ ...place, kind: kind + (indexed ? MODULE_INDEXED : 0) }];
  });
}

function isStored({ start }: Run): boolean {
  return start !== HOLE;
}

/** Pieces on one diagonal that touch become one; of those that lie over each other the first has what both claim. */
function mergePieces(pieces: readonly Copy[]): Uint32Array {
  const out = new Uint32Array(3 * pieces.length);
  let count = 0;
  let end = 0;
  for (const piece of pieces) {
    const cut = Math.max(0, end - piece.newStart);
    const [newStart, oldStart, sizeBytes] = [piece.newStart + cut, piece.oldStart + cut, piece.sizeBytes - cut];
    if (sizeBytes <= 0) continue;
    end = newStart + sizeBytes;
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
