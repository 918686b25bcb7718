/**
 * How a pair of files is read: as it is, or by views in which the files of the plan that lie in several places are in one piece, and what is
 * packed in them is unpacked. For the encoder only.
 */

import { bytesEqual } from '../../../bytes.ts';
import { MODULE_PLAIN, moduleKind } from '../align.ts';
import { readerOf } from '../machine.ts';
import { type Copy, movesBetween } from '../moves.ts';
import type { AlignJob, Plan } from '../plan.ts';
import type { Run } from '../runs.ts';
import { storedBytes, ViewBuilder } from './builder.ts';
import { InodeTables } from './inodes.ts';
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
  const inodes = inodeJobs(oldContent, newContent);
  const laid = apart([
    ...inodes,
    ...plan.jobs.flatMap((job): LaidJob[] => {
      const next = layFile(newContent, job.newRuns, packings, true);
      const inPieces = job.kind !== MODULE_PLAIN && (job.newRuns.length > 1 || job.oldRuns.length > 1);
      if (!next.unpacks && !inPieces) return [];
      return [{ job, old: layFile(oldContent, job.oldRuns, packings, false), next }];
    }),
  ]);
  if (laid.length === 0) return { plan, oldContent, newContent };

  plan.moves.release();
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
  const jobs = [...inodes.map(({ job }) => job), ...plan.jobs].map((job): AlignJob => {
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

/** Fewer inodes than this that changed are not worth saying where they are. */
const INODES_LEAST = 16;

/** What changed of the inode tables of two ext4 images, without its sums. */
function inodeJobs(oldContent: Uint8Array, newContent: Uint8Array): LaidJob[] {
  const [tables, newTables] = [oldContent, newContent].map((image) =>
    InodeTables.of({ sizeBytes: image.length, read: readerOf(image) }),
  );
  if (tables === undefined || tables.key !== newTables?.key) return [];
  return tables.ranges.flatMap((range): LaidJob[] => {
    const changed: number[] = [];
    for (
      let at = range.start;
      at + tables.inodeBytes <= Math.min(range.end, oldContent.length);
      at += tables.inodeBytes
    )
      if (!bytesEqual(oldContent.subarray(at, at + tables.inodeBytes), newContent.subarray(at, at + tables.inodeBytes)))
        changed.push(at);
    const [start, last] = [changed[0], changed.at(-1)];
    if (changed.length < INODES_LEAST || start === undefined || last === undefined) return [];
    const run = { start, sizeBytes: last + tables.inodeBytes - start };
    const [old, next] = [oldContent, newContent].map((image) => layInodes(image, run, tables));
    if (old === undefined || next === undefined) return [];
    return [{ job: { name: 'inodes', newRuns: [run], oldRuns: [run], kind: MODULE_PLAIN }, old, next }];
  });
}

function layInodes(image: Uint8Array, { start, sizeBytes }: Run, tables: InodeTables): LaidFile | undefined {
  const content = image.slice(start, start + sizeBytes);
  if (content.length < sizeBytes || !tables.toggle(start, content)) return undefined;
  return { pieces: [{ kind: 'inodes', start, sizeBytes }], content, unpacks: true };
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
