/** Looks at the schedule as another process would. */

import { parentPort, workerData } from 'node:worker_threads';
import { tick } from '../../backend/schedule.ts';
import { openStore } from '../../backend/store/open.ts';

const { path, nowMs } = workerData as { path: string; nowMs: number };
const store = await openStore(path);
const { due } = await tick(store, nowMs);
await store.destroy();
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
parentPort?.postMessage(due);
