/** Old and new content in, a patch out that a device can apply. */

import { bytesEqual } from '../../bytes.ts';
import { Aligner, type Alignment } from './align.ts';
import { applyPatch } from './apply.ts';
import { codeModules } from './code-ranges.ts';
import { DECODER_MEMORY_BYTES } from './decode.ts';
import { type Encoded, type EncodedViews, encode, type EncodeOptions, type Lists, tablesFor } from './encode.ts';
import { MOST_BYTES, viewFits } from './format.ts';
import { joinAlignments } from './join.ts';
import { type AlignJob, planDelta } from './plan.ts';
import { gather } from './runs.ts';
import { trimmed } from './trim.ts';
import { readingAlone } from './view/alone.ts';
import { writePieces } from './view/pieces.ts';
import { type Reading, readingOf } from './view/reading.ts';
import { squashedReading } from './view/squashed.ts';

/** The two files, or their views. */
export interface Contents {
  readonly old: Uint8Array;
  readonly new: Uint8Array;
}

export interface MakeOptions extends EncodeOptions {
  /** From nothing: only where something that is packed was unpacked. */
  readonly onlyUnpacked?: boolean;
  /** What may be used of the memory; 8 GB without. Where the contents are too large for it to hold views of them, too, there are none. */
  readonly memoryBytes?: number;
  /** Aligns the jobs, in any order or at once; the result is in theirs. Without it they are aligned here, one after another. */
  readonly alignAll?: (contents: Contents, jobs: readonly AlignJob[]) => Promise<readonly Alignment[]>;
}

/**
 * The smallest patch of the plans there are, decoded and compared; from nothing it is the content compressed. Undefined where there is none: the files are too large, or a device would
 * not have the memory. Throws what `progress` throws.
 */
export async function makeDelta(
  oldContent: Uint8Array,
  newContent: Uint8Array,
  options: MakeOptions = {},
): Promise<Encoded | undefined> {
  if (oldContent.length + newContent.length > MOST_BYTES) return undefined;
  const best =
    oldContent.length === 0 ? encodeAlone(newContent, options) : await smallestOf(oldContent, newContent, options);
  if (best === undefined) return undefined;
  const back = await applyPatch(oldContent, best.patch, { newSizeBytes: newContent.length });
  return back.kind === 'content' && bytesEqual(back.content, newContent) ? best : undefined;
}

const MEMORY_BYTES = 8e9;
/** Memory of the index of what moved, for each byte of the old content. */
const MOVES_SHARE = 1.3;

const NOTHING_ALIKE: Lists = { modules: [], segments: new Uint32Array(), hints: new Uint32Array() };

/** What our models take of the processor, sender and receiver alike, is bounded: a quarter of an hour on a desktop, an hour on a small board. */
const ALONE_MOST_BYTES = 1 << 28;

function encodeAlone(content: Uint8Array, options: MakeOptions): Encoded | undefined {
  if (content.length > ALONE_MOST_BYTES) return undefined;
  const alone = readingAlone(content);
  const fits = viewFits(alone.newContent.length, content.length) && alone.newContent.length <= ALONE_MOST_BYTES;
  const reading = fits ? alone : { ...alone, newContent: content, pieces: undefined };
  if (options.onlyUnpacked === true && reading.pieces === undefined) return undefined;
  const lists = { ...NOTHING_ALIKE, modules: codeModules(reading.newContent) };
  return encodeForDevice(new Uint8Array(), reading.newContent, lists, {
    ...options,
    views: viewsOf(reading.pieces, 0, content.length),
  });
}

function viewsOf(pieces: Reading['pieces'], oldSizeBytes: number, newSizeBytes: number): EncodedViews | undefined {
  return pieces === undefined ? undefined : { oldSizeBytes, newSizeBytes, list: packList(writePieces(pieces)) };
}

async function smallestOf(
  oldContent: Uint8Array,
  newContent: Uint8Array,
  options: MakeOptions,
): Promise<Encoded | undefined> {
  let best: Encoded | undefined;
  for (const reading of readingsOf(oldContent, newContent, options.memoryBytes ?? MEMORY_BYTES)) {
    const contents = { old: reading.oldContent, new: reading.newContent };
    const alignments = await (options.alignAll?.(contents, reading.plan.jobs) ??
      alignHere(contents, reading.plan.jobs));
    const lists = joinAlignments(reading.plan, alignments, contents.new.length);
    reading.plan.moves.release();
    const views = viewsOf(reading.pieces, oldContent.length, newContent.length);
    const made = encodeForDevice(contents.old, contents.new, lists, { ...options, views });
    if (made !== undefined && (best === undefined || made.patch.length < best.patch.length)) best = made;
  }
  return best;
}

/** Each made when its turn comes: they are large. Views that a decoder would refuse are none. */
function* readingsOf(oldContent: Uint8Array, newContent: Uint8Array, memoryBytes: number): Generator<Reading> {
  const fits = (reading: Reading): boolean =>
    viewFits(reading.oldContent.length, oldContent.length) &&
    viewFits(reading.newContent.length, newContent.length) &&
    reading.oldContent.length + reading.newContent.length <= MOST_BYTES;
  const squashed = squashedReading(oldContent, newContent);
  if (squashed !== undefined && fits(squashed)) {
    yield squashed;
    return;
  }
  const bothBytes = oldContent.length + newContent.length;
  const hasRoom = 2 * bothBytes + MOVES_SHARE * oldContent.length <= memoryBytes;
  for (const plan of planDelta(oldContent, newContent)) {
    if (!hasRoom) {
      yield { plan, oldContent, newContent };
      continue;
    }
    const reading = readingOf(oldContent, newContent, plan);
    yield fits(reading) ? reading : { plan, oldContent, newContent };
  }
}

/** With the largest tables that leave the decoder within its memory. */
function encodeForDevice(
  oldContent: Uint8Array,
  newContent: Uint8Array,
  lists: Lists,
  options: EncodeOptions,
): Encoded | undefined {
  for (let tables = options.tables ?? tablesFor(oldContent.length, newContent.length); tables >= 0; tables--) {
    const sizes = { oldBytes: oldContent.length, newBytes: newContent.length };
    const encodeLists = (some: Lists): Encoded => encode(oldContent, newContent, some, { ...options, tables });
    const made = encodeLists(lists);
    if (made.memoryBytes <= DECODER_MEMORY_BYTES) return trimmed(made, lists, sizes, encodeLists);
  }
  return undefined;
}

function packList(list: Uint8Array): Uint8Array {
  return encode(new Uint8Array(), list, NOTHING_ALIKE).patch;
}

function alignHere(contents: Contents, jobs: readonly AlignJob[]): Alignment[] {
  const aligner = new Aligner();
  return jobs.map((job) =>
    aligner.align(gather(contents.old, job.oldRuns), gather(contents.new, job.newRuns), job.kind),
  );
}
