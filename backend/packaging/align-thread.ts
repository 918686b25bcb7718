/** The thread behind `align-pool.ts`: one job after another. */

import { parentPort, workerData } from 'node:worker_threads';
import { Aligner } from '#codec/package/delta/align.ts';
import type { AlignJob } from '#codec/package/delta/plan.ts';
import { gather } from '#codec/package/delta/runs.ts';
import type { SharedContents } from './align-pool.ts';

const contents = workerData as SharedContents;
const aligner = new Aligner();

parentPort?.on('message', (job: AlignJob) => {
  const alignment = aligner.align(gather(contents.old, job.oldRuns), gather(contents.new, job.newRuns), job.kind);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(alignment);
});
