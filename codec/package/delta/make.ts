/** Old and new content in, a patch out. */

import { Aligner, type Alignment } from './align.ts';
import { type Encoded, encode, type EncodeOptions } from './encode.ts';
import { joinAlignments } from './join.ts';
import { type AlignJob, planDelta } from './plan.ts';
import { gather } from './runs.ts';

export interface MakeOptions extends EncodeOptions {
  /** Aligns the jobs, in any order or at once; the result is in theirs. Without it they are aligned here, one after another. */
  readonly alignAll?: (jobs: readonly AlignJob[]) => Promise<readonly Alignment[]>;
}

/** The smallest patch of the plans there are. Throws what `progress` throws, and RangeError for files of more than 4 GiB together. */
export async function makeDelta(
  oldContent: Uint8Array,
  newContent: Uint8Array,
  options: MakeOptions = {},
): Promise<Encoded> {
  let best: Encoded | undefined;
  for (const plan of planDelta(oldContent, newContent)) {
    const alignments = await (options.alignAll?.(plan.jobs) ?? alignHere(oldContent, newContent, plan.jobs));
    const made = encode(oldContent, newContent, joinAlignments(plan, alignments, newContent.length), options);
    if (best === undefined || made.patch.length < best.patch.length) best = made;
  }
  if (best === undefined) throw new RangeError('there is no plan for this delta');
  return best;
}

function alignHere(oldContent: Uint8Array, newContent: Uint8Array, jobs: readonly AlignJob[]): Alignment[] {
  const aligner = new Aligner();
  return jobs.map((job) => aligner.align(gather(oldContent, job.oldRuns), gather(newContent, job.newRuns), job.kind));
}
