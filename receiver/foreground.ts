/** A command that somebody watches: whether it is a terminal, and Ctrl-C. */

import type { Writable } from 'node:stream';

export function isTerminal(stream: Writable): boolean {
  return 'isTTY' in stream && stream.isTTY === true;
}

/** Runs `work` with a signal that Ctrl-C and SIGTERM give. */
export async function untilStopped(work: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    return await work(stopping.signal);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}
