/** What the status says of every package that is held: how far it is, when it will be sent, and whether its promise holds. Pure. */

import { settledBy } from './admission.ts';
import type { Capacity } from './capacity.ts';
import { type Candidate, canSpread, isFinished, liveObject, type Moment } from './lineup.ts';
import { finishTimes } from './promises.ts';
import { planShares, remainingNibbles } from './schedule.ts';
import { afterOpenMs, isOpen } from './windows.ts';

export type AirState = 'on air' | 'outside its window' | 'paused' | 'waiting for a handle';
/** `late`: the deadline comes before a receiver can have it. */
export type PromiseState = 'none' | 'holds' | 'kept' | 'late';

export interface Outlook {
  readonly jobId: string;
  readonly state: AirState;
  /** Of the runs of objects, planned for this moment. */
  readonly share: number;
  readonly sentGroups: number;
  /** Until the receiver that promises are made about has it. */
  readonly neededGroups: number;
  /** At its present share, but no later than its promise; null when it is finished, or nobody knows. */
  readonly expectedFinishMs: number | null;
  readonly promise: PromiseState;
}

export interface OutlookQuestion {
  /** The next for a handle first. */
  readonly held: readonly Candidate[];
  /** Which job has the handle of a job's object: itself, or another with the same bytes; undefined when there is none. */
  readonly servedAs: (jobId: string) => string | undefined;
  readonly capacity: Capacity;
  readonly nowMs: number;
}

export function outlook({ held, servedAs, capacity, nowMs }: OutlookQuestion): Outlook[] {
  const { nibblesPerSecond, nibblesPerGroup, settleSeconds } = capacity;
  const shares = sharesOf(
    held.filter(({ jobId }) => servedAs(jobId) === jobId),
    nibblesPerSecond,
    { nowMs, settleSeconds, isSpread: canSpread(held, nowMs) },
  );
  const finishMs = promisedFinishOf(held, capacity, nowMs);
  return held.map((one): Outlook => {
    const { jobId, windows, sentGroups } = one;
    const remaining = remainingNibbles(one);
    const share = shares.get(servedAs(jobId) ?? '') ?? 0;
    const state = stateOf(one, servedAs(jobId) !== undefined, nowMs);
    // One that is only outside its window goes on with the share of the one that is on air alone.
    const rate = (state === 'outside its window' ? 1 : share) * nibblesPerSecond;
    const projectedMs =
      rate > 0 ? afterOpenMs(windows, nowMs, (remaining / rate + settleSeconds) * 1000) : Number.POSITIVE_INFINITY;
    const boundMs = (finishMs.get(jobId) ?? Number.POSITIVE_INFINITY) + settleSeconds * 1000;
    const expectedMs = one.paused ? Number.POSITIVE_INFINITY : Math.round(Math.min(projectedMs, boundMs));
    return {
      jobId,
      state,
      share,
      sentGroups,
      neededGroups: sentGroups + Math.ceil(remaining / nibblesPerGroup),
      expectedFinishMs: remaining > 0 && Number.isFinite(expectedMs) ? expectedMs : null,
      promise: promiseState(one, Number.isFinite(boundMs) ? boundMs : expectedMs),
    };
  });
}

function promiseState(one: Candidate, finishMs: number): PromiseState {
  if (one.deadlineMs === 0) return 'none';
  if (isFinished(one)) return 'kept';
  return finishMs <= one.deadlineMs ? 'holds' : 'late';
}

function stateOf({ paused, windows }: Candidate, hasHandle: boolean, nowMs: number): AirState {
  if (paused) return 'paused';
  if (!isOpen(windows, nowMs)) return 'outside its window';
  return hasHandle ? 'on air' : 'waiting for a handle';
}

function sharesOf(served: readonly Candidate[], nibblesPerSecond: number, moment: Moment): Map<string, number> {
  const live = served.flatMap((one) => {
    const object = liveObject(one, moment);
    return object === undefined ? [] : [{ jobId: one.jobId, object }];
  });
  const planned = planShares(
    live.map(({ object }) => object),
    nibblesPerSecond,
  );
  return new Map(live.map(({ jobId }, i) => [jobId, planned[i]]));
}

/** When promises will have been sent, one after the other; that of a paused job as if it were resumed now. */
function promisedFinishOf(
  held: readonly Candidate[],
  { nibblesPerSecond, settleSeconds }: Capacity,
  nowMs: number,
): Map<string, number> {
  const promised = held.filter((one) => one.promised);
  const running = promised.filter((one) => !one.paused);
  const finish = (ones: readonly Candidate[]): number[] =>
    finishTimes(
      ones.map((one) => settledBy({ ...one, remainingNibbles: remainingNibbles(one), fromMs: nowMs }, settleSeconds)),
      nibblesPerSecond,
      nowMs,
    );
  const times = finish(running);
  return new Map([
    ...running.map(({ jobId }, i) => [jobId, times[i]] as const),
    ...promised.filter((one) => one.paused).map((one) => [one.jobId, finish([one, ...running])[0]] as const),
  ]);
}

const PROMISES: Readonly<Record<PromiseState, string>> = {
  none: '',
  holds: ', its deadline can be kept',
  kept: ', sent what its deadline promised',
  late: ', LATE: its deadline can no longer be kept',
};

/** For people, one line. */
export function describeOutlook({
  state,
  share,
  sentGroups,
  neededGroups,
  expectedFinishMs,
  promise,
}: Outlook): string {
  const finish = expectedFinishMs === null ? '' : `, expected ${new Date(expectedFinishMs).toISOString()}`;
  const air = state === 'on air' ? `${(100 * share).toFixed(1)} % of the runs` : state;
  return `${air}, ${sentGroups} of ${neededGroups} groups${finish}${PROMISES[promise]}`;
}
