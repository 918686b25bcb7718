/**
 * How a pair of files is read: as it is, or by views in which the files of the plan that lie in several places are in one piece, and what is
 * packed in them is unpacked. For the encoder only.
 */

import { MODULE_PLAIN, moduleKind } from '../align.ts';
import { type Copy, Moves } from '../moves.ts';
import type { AlignJob, Plan } from '../plan.ts';
import { HOLE, type Run } from '../runs.ts';
import { joined, type LaidFile, layFile, type PlacedPiece, withSkips } from './lay.ts';
import { Packings } from './packing.ts';
import type { Piece } from './pieces.ts';

export interface Reading {
  readonly plan: Plan;
  /** The files, or their views. */
  readonly oldContent: Uint8Array;
  readonly newContent: Uint8Array;
  readonly pieces?: readonly [old: readonly Piece[], next: readonly Piece[]];
}

interface LaidJob {
  readonly job: AlignJob;
  readonly old: LaidFile;
  readonly next: LaidFile;
}

/** The plan with views where they help; the plan as it is where they do not. */
export function readingOf(oldContent: Uint8Array, newContent: Uint8Array, plan: Plan): Reading {
  const packings = new Packings();
  const laid = apart(
    plan.jobs.flatMap((job): LaidJob[] => {
      const next = layFile(newContent, job.newRuns, packings, true);
      const old = layFile(oldContent, job.oldRuns, packings, false);
      const inPieces = job.kind !== MODULE_PLAIN && (job.newRuns.length > 1 || job.oldRuns.length > 1);
      return next.unpacks || inPieces ? [{ job, old, next }] : [];
    }),
  );
  if (laid.length === 0) return { plan, oldContent, newContent };

  const oldPieces: PlacedPiece[] = [{ kind: 'raw', start: 0, sizeBytes: oldContent.length }];
  const oldParts = [oldContent];
  const oldRuns = new Map<AlignJob, Run>();
  let oldEnd = oldContent.length;
  for (const { job, old } of laid) {
    if (job.oldRuns.length === 0) continue;
    oldRuns.set(job, { start: oldEnd, sizeBytes: old.content.length });
    oldPieces.push(...old.pieces);
    oldParts.push(old.content);
    oldEnd += old.content.length;
  }
  const next = newView(newContent, laid);
  const views = { oldContent: joined(oldParts), newContent: joined(next.parts) };
  const jobs = plan.jobs.map((job): AlignJob => {
    const own = next.runs.get(job);
    if (own === undefined) return { ...job, newRuns: job.newRuns.flatMap(next.mapped) };
    const old = oldRuns.get(job);
    const newKind = kindAt(views.newContent, own);
    const kind = old !== undefined && newKind === kindAt(views.oldContent, old) ? newKind : MODULE_PLAIN;
    return { name: job.name, newRuns: [own], oldRuns: old === undefined ? [] : [old], kind };
  });
  const copies = plan.copies.flatMap(({ newStart, oldStart, sizeBytes }) =>
    next
      .mapped({ start: newStart, sizeBytes })
      .map(
        (to): Copy => ({ newStart: to.start, oldStart: oldStart + to.fileStart - newStart, sizeBytes: to.sizeBytes }),
      ),
  );
  let moves: Moves | undefined;
  const found = (): Moves => {
    moves ??= new Moves(views.oldContent, views.newContent);
    return moves;
  };
  return { plan: { jobs, copies, moves: found }, ...views, pieces: [withSkips(oldPieces), withSkips(next.pieces)] };
}

function kindAt(content: Uint8Array, { start, sizeBytes }: Run): number {
  return moduleKind(content.subarray(start, start + sizeBytes));
}

/** None that shares bytes of the new image with another. */
function apart(laid: readonly LaidJob[]): LaidJob[] {
  const ends: { start: number; end: number; of: LaidJob }[] = laid.flatMap((of) =>
    of.next.pieces.flatMap((piece) =>
      piece.kind === 'hole' ? [] : [{ start: piece.start, end: piece.start + storedBytes(piece), of }],
    ),
  );
  ends.sort((a, b) => a.start - b.start);
  const dropped = new Set<LaidJob>();
  let end = 0;
  for (const range of ends) {
    if (dropped.has(range.of)) continue;
    if (range.start < end) dropped.add(range.of);
    else ({ end } = range);
  }
  return laid.filter((job) => !dropped.has(job));
}

function storedBytes(piece: PlacedPiece & { readonly start: number }): number {
  return piece.kind === 'packed' ? piece.packedBytes : piece.sizeBytes;
}

interface NewView {
  readonly pieces: readonly PlacedPiece[];
  readonly parts: readonly Uint8Array[];
  readonly runs: ReadonlyMap<AlignJob, Run>;
  /** What is as it was, where it is in the view. */
  readonly mapped: (run: Run) => MappedRun[];
}

interface MappedRun extends Run {
  readonly fileStart: number;
}

/** Each file in one piece where its first byte was; the rest in order. */
function newView(content: Uint8Array, laid: readonly LaidJob[]): NewView {
  const cuts = laid.flatMap((of) =>
    of.next.pieces
      .filter((piece) => piece.kind !== 'hole')
      .map((piece) => ({ start: piece.start, sizeBytes: storedBytes(piece), of })),
  );
  cuts.sort((a, b) => a.start - b.start);
  const pieces: PlacedPiece[] = [];
  const parts: Uint8Array[] = [];
  const runs = new Map<AlignJob, Run>();
  const places: { start: number; sizeBytes: number; viewStart: number }[] = [];
  let viewEnd = 0;
  let end = 0;
  const add = (piece: PlacedPiece): void => {
    if (piece.kind === 'raw') places.push({ start: piece.start, sizeBytes: piece.sizeBytes, viewStart: viewEnd });
    pieces.push(piece);
    viewEnd += piece.sizeBytes;
  };
  const raw = (to: number): void => {
    if (to <= end) return;
    add({ kind: 'raw', start: end, sizeBytes: to - end });
    parts.push(content.subarray(end, to));
  };
  for (const { start, sizeBytes, of } of cuts) {
    raw(start);
    end = start + sizeBytes;
    if (runs.has(of.job)) continue;
    runs.set(of.job, { start: viewEnd, sizeBytes: of.next.content.length });
    for (const piece of of.next.pieces) add(piece);
    parts.push(of.next.content);
  }
  raw(content.length);
  places.sort((a, b) => a.start - b.start);
  const mapped = (run: Run): MappedRun[] => {
    if (run.start === HOLE) return [{ ...run, fileStart: HOLE }];
    const found: MappedRun[] = [];
    for (let k = firstAfter(places, run.start); k < places.length; k++) {
      const place = places[k];
      if (place === undefined || place.start >= run.start + run.sizeBytes) break;
      const from = Math.max(run.start, place.start);
      const to = Math.min(run.start + run.sizeBytes, place.start + place.sizeBytes);
      if (to > from) found.push({ start: place.viewStart + from - place.start, sizeBytes: to - from, fileStart: from });
    }
    return found;
  };
  return { pieces, parts, runs, mapped };
}

/** The first place that ends after the position. */
function firstAfter(places: readonly { start: number; sizeBytes: number }[], position: number): number {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const place = places[middle];
    if (place !== undefined && place.start + place.sizeBytes <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}
