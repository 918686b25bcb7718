/** Who is next for a handle, and how each object stands at a moment. Pure: what is held and what was counted go in. */

import { OBJECT_HANDLE_MAX } from '#codec/groups/handle.ts';
import type { Job } from '#codec/messages/link.ts';
import { needOf } from './need.ts';
import type { LiveObject } from './schedule.ts';
import { isOpen, opensMs, openMsBetween } from './windows.ts';

export interface Candidate extends Pick<Job, 'jobId' | 'priority' | 'deadlineMs' | 'windows' | 'paused'> {
  readonly sizeBytes: number;
  /** Its deadline was admitted (`admission.ts`). */
  readonly promised: boolean;
  readonly neededNibbles: number;
  readonly sentNibbles: number;
  readonly sentGroups: number;
  /** Its promise counts from then on: it was admitted for a time at which it is in the directory for sure (`admission.ts`). */
  readonly fromMs: number;
  /** Undefined until its first group has left. */
  readonly firstGroupMs: number | undefined;
}

/** Shorter rests are not worth two versions of the directory. */
const LONG_REST_MS = 10 * 60_000;
/** Four times an hour, two versions of the directory each: what `capacity.ts` allows for. */
const CHANGE_INTERVAL_MS = 15 * 60_000;

/** What rests must be back in the directory when its window opens, so a rest that is shorter than that takes is no long one. */
export function longRestMs(listingSeconds: number): number {
  return Math.max(LONG_REST_MS, listingSeconds * 1000);
}

export function isFinished({ neededNibbles, sentNibbles }: Candidate): boolean {
  return sentNibbles >= neededNibbles;
}

/** How long it still has to stay off the air. */
export function restMs({ paused, windows }: Pick<Candidate, 'paused' | 'windows'>, nowMs: number): number {
  return paused ? Number.POSITIVE_INFINITY : opensMs(windows, nowMs) - nowMs;
}

/**
 * The first 13 have handles: what may be sent before what rests for longer than `mostRestMs`; promises that are not kept yet, the earliest deadline
 * first; then by priority, what is not finished before what is, by deadline, and as they came.
 */
export function lineUp<Held extends Candidate>(held: readonly Held[], nowMs: number, mostRestMs: number): Held[] {
  const rank = (one: Held): readonly number[] => {
    const deadlineMs = one.deadlineMs === 0 ? Number.MAX_SAFE_INTEGER : one.deadlineMs;
    const promise = one.promised && !isFinished(one);
    return [
      restMs(one, nowMs) > mostRestMs ? 1 : 0,
      promise ? 0 : 1,
      promise ? deadlineMs : 0,
      -one.priority,
      isFinished(one) ? 1 : 0,
      deadlineMs,
    ];
  };
  return held
    .map((one) => ({ one, rank: rank(one) }))
    .toSorted((a, b) => a.rank.map((value, i) => value - b.rank[i]).find((difference) => difference !== 0) ?? 0)
    .map(({ one }) => one);
}

export interface LineChange {
  /** Jobs that have handles, or wait for one that is being freed. */
  readonly before: Pick<ReadonlySet<string>, 'has' | 'size'>;
  /** The next for a handle first. */
  readonly held: readonly Candidate[];
  /** Since other jobs got handles. */
  readonly sinceMs: number;
}

/**
 * Whether handles change hands for what time alone did: a window that opens or closes, a package that was sent what it needs. Each
 * time costs two directories, so only so often; a promise does not wait for that.
 */
export function isChangeDue({ before, held, sinceMs }: LineChange): boolean {
  const next = held.slice(0, OBJECT_HANDLE_MAX);
  const fresh = next.filter(({ jobId }) => !before.has(jobId));
  return (
    (fresh.length === 0 && next.length === before.size) ||
    sinceMs >= CHANGE_INTERVAL_MS ||
    fresh.some((one) => one.promised && !isFinished(one))
  );
}

/**
 * Whether promises may be spread over their time (`schedule.ts`): not while one that is open has windows, on air or not, nor while one
 * does not count yet. What others leave undone meanwhile would fall into its time.
 */
export function canSpread(held: readonly Candidate[], nowMs: number): boolean {
  return !held.some((one) => one.promised && !isFinished(one) && (one.windows.length > 0 || one.fromMs > nowMs));
}

export interface Moment {
  readonly nowMs: number;
  readonly settleSeconds: number;
  readonly isSpread: boolean;
}

/**
 * For the schedule; undefined while it rests. A promise ends a little before its deadline: what is sent must be put to use. It does not
 * begin earlier than it was admitted for, or one with a later deadline whose window closes would lose what it was to have before that.
 */
export function liveObject(candidate: Candidate, { nowMs, settleSeconds, isSpread }: Moment): LiveObject | undefined {
  const { priority, sizeBytes, neededNibbles, sentNibbles, promised, windows, firstGroupMs = nowMs } = candidate;
  if (candidate.paused || !isOpen(windows, nowMs)) return undefined;
  const deadlineMs = candidate.deadlineMs - settleSeconds * 1000;
  const leftSeconds = openMsBetween(windows, nowMs, deadlineMs) / 1000;
  return {
    priority,
    sizeBytes,
    neededNibbles,
    sentNibbles,
    promise:
      promised && candidate.fromMs <= nowMs
        ? {
            deadlineMs,
            leftSeconds,
            wholeSeconds: leftSeconds + openMsBetween(windows, firstGroupMs, nowMs) / 1000,
            isSpread,
          }
        : undefined,
  };
}

/** An object without terms, for a station that sends nothing else. */
export function soleObject(sizeBytes: number, assumedLoss: number, streams: readonly number[]): LiveObject {
  const needed = needOf(assumedLoss, streams)(sizeBytes);
  return { priority: 1, sizeBytes, neededNibbles: needed, sentNibbles: 0, promise: undefined };
}
