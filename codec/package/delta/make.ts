/** Old and new content in, a patch out. */

import { Aligner, type Alignment } from './align.ts';
import { type Encoded, encode, type EncodeOptions } from './encode.ts';
import { type AlignJob, joinAlignments, planDelta } from './plan.ts';

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

function alignHere(
  oldContent: Uint8Array,
  newContent: Uint8Array,
  jobs: readonly AlignJob[],
  done: (job: AlignJob) => void = () => undefined,
): Alignment[] {
  const aligner = new Aligner();
  return jobs.map((job) => {
    const old = oldContent.subarray(job.oldStart, job.oldStart + job.oldBytes);
    const alignment = aligner.align(old, newContent.subarray(job.newStart, job.newStart + job.newBytes), job.kind);
    done(job);
    return alignment;
  });
}
