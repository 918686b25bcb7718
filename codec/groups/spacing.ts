/**
 * How often a sender says its directory. A receiver that tunes in needs it before it can use what it logs, so the quickest
 * object sets the pace: two passes in the time that object takes. Senders and forecasts use the same numbers.
 */

import type { StreamNumber } from './group.ts';

/** One run in eight at most: more of them would slow the objects down by as much as they save. */
export const DIRECTORY_SHARE_MAX = 1 / 8;
/** 90 s of a stream that is all ours, six minutes at a share of a quarter: what a receiver waits at most to see what is on air. */
const RUNS_MAX_STREAM_0 = 64;
/** The streams of RDS2 say the same directories, so that each can say it less often. */
const RUNS_MAX_RDS2 = 128;

export interface SpacingQuestion {
  readonly stream: StreamNumber;
  /** Runs of this stream in which the quickest object is complete, were it received alone: its groups / 16 / its share of the runs. */
  readonly quickestRuns: number;
  /** Runs that the directory takes; default 1. */
  readonly passRuns?: number;
}

/** Runs from the beginning of one pass of the directory to that of the next; the runs of a pass are spread evenly over them. */
export function directorySpacingRuns({ stream, quickestRuns, passRuns = 1 }: SpacingQuestion): number {
  const most = stream === 0 ? RUNS_MAX_STREAM_0 : RUNS_MAX_RDS2;
  return Math.max(passRuns / DIRECTORY_SHARE_MAX, Math.min(most, Math.floor(quickestRuns / 2)));
}
