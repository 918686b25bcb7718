/**
 * Whether a job with a deadline can be promised beside what was promised before. One that cannot is refused, with the share that
 * would do: better than a broadcast that ends before a receiver can have it.
 */

import { OBJECT_HANDLE_MAX } from '#codec/groups/handle.ts';
import type { DailyWindow } from '#codec/messages/link.ts';
import { capacityOf, type StationAir } from './capacity.ts';
import type { KnownJob } from './jobs.ts';
import { type Need, needOf } from './need.ts';
import { finishTimes, type Promised } from './promises.ts';
import { remainingNibbles } from './schedule.ts';

export interface Applicant {
  readonly sizeBytes: number;
  /** 0 = none: nothing is promised, so nothing is refused. */
  readonly deadlineMs: number;
  readonly windows: readonly DailyWindow[];
  /** Sent already, when its deadline or windows are being changed. */
  readonly sentNibbles: number;
  /** When its deadline or windows are being changed, and it is in the directory. */
  readonly hasBegun: boolean;
}

export interface AdmissionQuestion {
  readonly applicant: Applicant;
  /** Promises made before, with what they still need. */
  readonly promises: readonly Promised[];
  readonly air: StationAir;
  /** The largest data share that leaves the programme its groups. */
  readonly largestShare: number;
  readonly nowMs: number;
}

/** Undefined when it is admitted, else a sentence that says why not. */
export function refusalOf(question: AdmissionQuestion): string | undefined {
  const { applicant, promises, air, largestShare } = question;
  if (applicant.deadlineMs === 0) return undefined;
  // What does not depend on the share is told once: it may be asked for every hundredth.
  const others = unfinished(promises);
  const neededNibbles = needOf(air.assumedLoss, air.streams, air.matrixBytes)(applicant.sizeBytes);
  const remaining = remainingNibbles({ ...applicant, neededNibbles });
  const isKeptWith = (share: number): boolean => canBeKept(question, others, remaining, share);
  if (isKeptWith(air.dataShare)) return undefined;
  const assumption = `a receiver that listens throughout and loses at most ${percent(air.assumedLoss)} of its groups`;
  const beside = promises.length === 0 ? '' : ' beside what was promised before';
  const could = `Refused: the deadline ${new Date(applicant.deadlineMs).toISOString()} cannot be kept${beside} for ${assumption}`;
  if (others.length >= OBJECT_HANDLE_MAX)
    return `${could}: ${OBJECT_HANDLE_MAX} promises are all that can be on air at a time.`;
  const enough = smallestShare(air.dataShare, largestShare, isKeptWith);
  const now = `with a data share of ${air.dataShare}`;
  return enough === undefined
    ? `${could} ${now}, and no share up to ${hundredths(largestShare) / 100} would do; give it more time, or more of the day.`
    : `${could} ${now}; a share of ${enough} would do.`;
}

/**
 * In hundredths, above the share that the station has. Asked one by one, because more is not always enough when less was not: a
 * larger share can turn another promise that was lost into one that has to be kept.
 */
function smallestShare(present: number, largest: number, isKeptWith: (share: number) => boolean): number | undefined {
  for (let share = hundredths(present) + 1; share <= hundredths(largest); share++)
    if (isKeptWith(share / 100)) return share / 100;
  return undefined;
}

/** The applicant's deadline holds, and so does every other that would without it. */
function canBeKept(
  { applicant, air, nowMs }: AdmissionQuestion,
  others: readonly Promised[],
  remaining: number,
  dataShare: number,
): boolean {
  if (others.length >= OBJECT_HANDLE_MAX) return false;
  const { nibblesPerSecond, settleSeconds, listingSeconds } = capacityOf({ ...air, dataShare });
  const settled = (promise: Promised): Promised => settledBy(promise, settleSeconds);
  const mine = settled({
    ...applicant,
    remainingNibbles: remaining,
    fromMs: applicant.hasBegun ? nowMs : nowMs + listingSeconds * 1000,
  });
  const before = finishTimes(others.map(settled), nibblesPerSecond, nowMs);
  const after = finishTimes([...others.map(settled), mine], nibblesPerSecond, nowMs);
  return after.every((finishMs, index) => Number.isFinite(finishMs) || before[index] === Number.POSITIVE_INFINITY);
}

export interface PromisesQuestion {
  readonly jobs: readonly KnownJob[];
  readonly sentNibbles: (jobId: string) => number;
  /** When the job may have runs; what is past is as good as now. */
  readonly fromMs: (jobId: string) => number;
  readonly neededNibbles: Need;
}

/** What was promised to the jobs of a gateway and is not kept yet. A paused one counts: it may be resumed at any time. */
export function promisesOf({ jobs, sentNibbles, fromMs, neededNibbles }: PromisesQuestion): Promised[] {
  return jobs
    .filter(({ promised, state }) => promised && state !== 'finished' && state !== 'refused')
    .map(({ job: { jobId, sizeBytes, deadlineMs, windows } }) => ({
      remainingNibbles: remainingNibbles({ neededNibbles: neededNibbles(sizeBytes), sentNibbles: sentNibbles(jobId) }),
      deadlineMs,
      windows,
      fromMs: fromMs(jobId),
    }));
}

/** What is sent must still be put to use: the promise ends a little before the deadline. */
export function settledBy(promise: Promised, settleSeconds: number): Promised {
  return { ...promise, deadlineMs: promise.deadlineMs - settleSeconds * 1000 };
}

function unfinished(promises: readonly Promised[]): Promised[] {
  return promises.filter((promise) => promise.remainingNibbles > 0);
}

function hundredths(share: number): number {
  return Math.floor(share * 100 + 1e-9);
}

function percent(fraction: number): string {
  return `${Math.round(fraction * 1000) / 10} %`;
}
