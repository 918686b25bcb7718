/** The thread behind `align-pool.ts`: one job after another, each file read from disk when its turn comes. */

import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { Aligner } from '#codec/package/delta/align.ts';
import type { AlignJob } from '#codec/package/delta/plan.ts';
import type { AlignPaths } from './align-pool.ts';

const paths = workerData as AlignPaths;
const aligner = new Aligner();

function readPart(path: string, start: number, sizeBytes: number): Uint8Array {
  const descriptor = openSync(path, 'r');
  try {
    const bytes = new Uint8Array(sizeBytes);
    let at = 0;
    while (at < sizeBytes) {
      const count = readSync(descriptor, bytes, at, sizeBytes - at, start + at);
      if (count === 0) throw new Error(`${path} has become shorter while it was read`);
      at += count;
    }
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

parentPort?.on('message', (job: AlignJob) => {
  const old = readPart(paths.old, job.oldStart, job.oldBytes);
  const alignment = aligner.align(old, readPart(paths.new, job.newStart, job.newBytes), job.kind);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(alignment);
});
