/** The thread behind `align-pool.ts`: one job after another, each file read from disk when its turn comes. */

import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { Aligner } from '#codec/package/delta/align.ts';
import type { AlignJob } from '#codec/package/delta/plan.ts';
import { HOLE, type Run, totalBytes } from '#codec/package/delta/runs.ts';
import type { AlignPaths } from './align-pool.ts';

const paths = workerData as AlignPaths;
const aligner = new Aligner();

function readRuns(path: string, runs: readonly Run[]): Uint8Array {
  const descriptor = openSync(path, 'r');
  try {
    const bytes = new Uint8Array(totalBytes(runs));
    let end = 0;
    for (const { start, sizeBytes } of runs) {
      let at = start === HOLE ? sizeBytes : 0;
      while (at < sizeBytes) {
        const count = readSync(descriptor, bytes, end + at, sizeBytes - at, start + at);
        if (count === 0) throw new Error(`${path} has become shorter while it was read`);
        at += count;
      }
      end += sizeBytes;
    }
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

parentPort?.on('message', (job: AlignJob) => {
  const alignment = aligner.align(readRuns(paths.old, job.oldRuns), readRuns(paths.new, job.newRuns), job.kind);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(alignment);
});
