/** A command that somebody watches: whether it is a terminal, and Ctrl-C. */

import type { Writable } from 'node:stream';
import { outliveReaders } from '#hardware/file/bytes.ts';

export function isTerminal(stream: Writable): boolean {
  return 'isTTY' in stream && stream.isTTY === true;
}

/** Runs `work` with a signal that Ctrl-C and SIGTERM give, and for `unread: 'stop'` also a reader of stdout who leaves. */
export async function untilStopped(
  work: (signal: AbortSignal) => Promise<number>,
  { unread }: { readonly unread: 'stop' | 'go-on' },
): Promise<number> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  outliveReaders(process);
  if (unread === 'stop') process.stdout.once('error', stop);
  try {
    return await work(stopping.signal);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}
