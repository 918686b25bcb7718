/**
 * How a pair of files is read: as it is, or by views in which the files of the plan that lie in several places are in one piece, and what is
 * packed in them is unpacked. For the encoder only.
 */

import { MODULE_PLAIN, moduleKind } from '../align.ts';
import { type Copy, movesBetween } from '../moves.ts';
import type { AlignJob, Plan } from '../plan.ts';
import type { Run } from '../runs.ts';
import { storedBytes, ViewBuilder } from './builder.ts';
import { type LaidFile, layFile } from './lay.ts';
import { Packings } from './packing.ts';
import { type Piece, withSkips } from './pieces.ts';

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
      const inPieces = job.kind !== MODULE_PLAIN && (job.newRuns.length > 1 || job.oldRuns.length > 1);
      if (!next.unpacks && !inPieces) return [];
      return [{ job, old: layFile(oldContent, job.oldRuns, packings, false), next }];
    }),
  );
  if (laid.length === 0) return { plan, oldContent, newContent };

  const oldBuilder = new ViewBuilder(oldContent);
  oldBuilder.rawUntil(oldContent.length);
  const oldRuns = new Map<AlignJob, readonly Run[]>();
  for (const { job, old } of laid) {
    // What is in one piece as it is has its place already.
    const inPlace = !old.unpacks && job.oldRuns.length < 2;
    oldRuns.set(job, inPlace ? job.oldRuns : [{ start: oldBuilder.sizeBytes, sizeBytes: old.content.length }]);
    if (!inPlace) addFile(oldBuilder, old);
  }
  const next = newView(newContent, laid);
  const views = { oldContent: oldBuilder.content(), newContent: next.builder.content() };
  const jobs = plan.jobs.map((job): AlignJob => {
    const own = next.runs.get(job);
    if (own === undefined) return { ...job, newRuns: job.newRuns.flatMap((run) => next.builder.mapped(run)) };
    const old = oldRuns.get(job) ?? [];
    const newKind = kindAt(views.newContent, own);
    const kind = old[0] !== undefined && newKind === kindAt(views.oldContent, old[0]) ? newKind : MODULE_PLAIN;
    return { name: job.name, newRuns: [own], oldRuns: old, kind };
  });
  const copies = plan.copies.flatMap(({ newStart, oldStart, sizeBytes }) =>
    next.builder
      .mapped({ start: newStart, sizeBytes })
      .map(
        (to): Copy => ({ newStart: to.start, oldStart: oldStart + to.fileStart - newStart, sizeBytes: to.sizeBytes }),
      ),
  );
  return {
    plan: { jobs, copies, moves: movesBetween(views.oldContent, views.newContent) },
    ...views,
    pieces: [withSkips(oldBuilder.pieces), withSkips(next.builder.pieces)],
  };
}

function addFile(builder: ViewBuilder, { pieces, content }: LaidFile): void {
  let at = 0;
  for (const piece of pieces) {
    builder.add(piece, content.subarray(at, at + piece.sizeBytes));
    at += piece.sizeBytes;
  }
}

function kindAt(content: Uint8Array, { start, sizeBytes }: Run): number {
  return moduleKind(content.subarray(start, start + sizeBytes));
}

interface Range {
  readonly start: number;
  readonly end: number;
  readonly of: LaidJob;
}

/** What the new files have of the image, in its order. */
function rangesOf(laid: readonly LaidJob[]): Range[] {
  const ranges = laid.flatMap((of) =>
    of.next.pieces.flatMap((piece): Range[] =>
      piece.kind === 'hole' ? [] : [{ start: piece.start, end: piece.start + storedBytes(piece), of }],
    ),
  );
  return ranges.sort((a, b) => a.start - b.start);
}

/** None that shares bytes of the new image with another. */
function apart(laid: readonly LaidJob[]): LaidJob[] {
  const dropped = new Set<LaidJob>();
  let end = 0;
  for (const range of rangesOf(laid)) {
    if (dropped.has(range.of)) continue;
    if (range.start < end) dropped.add(range.of);
    else ({ end } = range);
  }
  return laid.filter((job) => !dropped.has(job));
}

/** Each file in one piece where its first byte was; the rest in order. */
function newView(
  content: Uint8Array,
  laid: readonly LaidJob[],
): { readonly builder: ViewBuilder; readonly runs: ReadonlyMap<AlignJob, Run> } {
  const builder = new ViewBuilder(content);
  const runs = new Map<AlignJob, Run>();
  for (const { start, end, of } of rangesOf(laid)) {
    builder.rawUntil(start);
    builder.pass(end);
    if (runs.has(of.job)) continue;
    runs.set(of.job, { start: builder.sizeBytes, sizeBytes: of.next.content.length });
    addFile(builder, of.next);
  }
  builder.rawUntil(content.length);
  return { builder, runs };
}
