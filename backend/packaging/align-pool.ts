/** Aligns the files of a delta in worker threads, the largest first. */

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Alignment } from '#codec/package/delta/align.ts';
import type { Contents } from '#codec/package/delta/make.ts';
import type { AlignJob } from '#codec/package/delta/plan.ts';
import { totalBytes } from '#codec/package/delta/runs.ts';

/** What every thread sees without a copy of its own. */
export interface SharedContents {
  readonly old: Uint8Array<SharedArrayBuffer>;
  readonly new: Uint8Array<SharedArrayBuffer>;
}

/** Jobs below this size together are done faster in one thread than two are started. */
const ALONE_BYTES = 1 << 20;

/** Results in the order of the jobs. progress: share of the bytes that are aligned. */
export async function alignInThreads(
  contents: Contents,
  jobs: readonly AlignJob[],
  progress: (share: number) => void = () => undefined,
): Promise<Alignment[]> {
  if (jobs.length === 0) return [];
  const shared: SharedContents = { old: sharedOf(contents.old), new: sharedOf(contents.new) };
  const order = [...jobs.keys()].sort((a, b) => sizeOf(jobs[b]) - sizeOf(jobs[a]));
  const totalBytes = jobs.reduce((sum, job) => sum + sizeOf(job), 0);
  const results: Alignment[] = [];
  let doneBytes = 0;
  let next = 0;
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL('align-thread.ts', import.meta.url), { workerData: shared });
    try {
      while (next < order.length) {
        const k = order[next++] ?? 0;
        const job = jobs[k];
        if (job === undefined) continue;
        results[k] = await ask(worker, job);
        doneBytes += sizeOf(job);
        progress(totalBytes === 0 ? 1 : doneBytes / totalBytes);
      }
    } finally {
      await worker.terminate();
    }
  };
  const threads = totalBytes < ALONE_BYTES ? 1 : Math.min(availableParallelism(), jobs.length);
  await Promise.all(Array.from({ length: threads }, work));
  return results;
}

function sharedOf(content: Uint8Array): Uint8Array<SharedArrayBuffer> {
  const { buffer, byteOffset, length } = content;
  if (buffer instanceof SharedArrayBuffer) return new Uint8Array(buffer, byteOffset, length);
  const shared = new Uint8Array(new SharedArrayBuffer(content.length));
  shared.set(content);
  return shared;
}

function sizeOf(job: AlignJob | undefined): number {
  return job === undefined ? 0 : totalBytes(job.newRuns) + totalBytes(job.oldRuns);
}

function ask(worker: Worker, job: AlignJob): Promise<Alignment> {
  return new Promise((resolve, reject) => {
    const ended = (code: number): void => reject(new Error(`the thread that aligns has ended with ${code}`));
    worker.once('message', (alignment: Alignment) => {
      worker.off('error', reject).off('exit', ended);
      resolve(alignment);
    });
    worker.once('error', reject).once('exit', ended);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    worker.postMessage(job);
  });
}
