/** Old and new content in, a patch out that a device can apply. */

import { bytesEqual } from '../../bytes.ts';
import { Aligner, type Alignment } from './align.ts';
import { applyPatch } from './apply.ts';
import { DECODER_MEMORY_BYTES } from './decode.ts';
import { type Encoded, encode, type EncodeOptions, type Lists, tablesFor } from './encode.ts';
import { MOST_BYTES } from './format.ts';
import { joinAlignments } from './join.ts';
import { type AlignJob, planDelta } from './plan.ts';
import { gather } from './runs.ts';

export interface MakeOptions extends EncodeOptions {
  /** Aligns the jobs, in any order or at once; the result is in theirs. Without it they are aligned here, one after another. */
  readonly alignAll?: (jobs: readonly AlignJob[]) => Promise<readonly Alignment[]>;
}

/**
 * The smallest patch of the plans there are, decoded and compared. Undefined where there is none: the files are too large, or a device would
 * not have the memory. Throws what `progress` throws.
 */
export async function makeDelta(
  oldContent: Uint8Array,
  newContent: Uint8Array,
  options: MakeOptions = {},
): Promise<Encoded | undefined> {
  if (oldContent.length + newContent.length > MOST_BYTES) return undefined;
  let best: Encoded | undefined;
  for (const plan of planDelta(oldContent, newContent)) {
    const alignments = await (options.alignAll?.(plan.jobs) ?? alignHere(oldContent, newContent, plan.jobs));
    const made = encodeForDevice(oldContent, newContent, joinAlignments(plan, alignments, newContent.length), options);
    if (made !== undefined && (best === undefined || made.patch.length < best.patch.length)) best = made;
  }
  if (best === undefined) return undefined;
  const back = await applyPatch(oldContent, best.patch, { newSizeBytes: newContent.length });
  return back.kind === 'content' && bytesEqual(back.content, newContent) ? best : undefined;
}

/** With the largest tables that leave the decoder within its memory. */
function encodeForDevice(
  oldContent: Uint8Array,
  newContent: Uint8Array,
  lists: Lists,
  options: EncodeOptions,
): Encoded | undefined {
  for (let tables = options.tables ?? tablesFor(oldContent.length, newContent.length); tables >= 0; tables--) {
    const made = encode(oldContent, newContent, lists, { ...options, tables });
    if (made.memoryBytes <= DECODER_MEMORY_BYTES) return made;
  }
  return undefined;
}

function alignHere(oldContent: Uint8Array, newContent: Uint8Array, jobs: readonly AlignJob[]): Alignment[] {
  const aligner = new Aligner();
  return jobs.map((job) => aligner.align(gather(oldContent, job.oldRuns), gather(newContent, job.newRuns), job.kind));
}
