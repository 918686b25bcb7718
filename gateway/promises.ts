/**
 * Whether promises can be kept side by side: when each would be complete if they were kept one after the other, earliest deadline
 * first, in their windows, while all thirteen handles take their floors. The schedule never does worse, whatever comes on air
 * without a promise meanwhile.
 */

import { OBJECT_HANDLE_MAX } from '#codec/groups/handle.ts';
import type { DailyWindow } from '#codec/messages/link.ts';
import { FLOOR_SHARE } from './schedule.ts';
import { isOpen, nextEdgeMs, openMsBetween } from './windows.ts';

export interface Promised {
  readonly remainingNibbles: number;
  readonly deadlineMs: number;
  readonly windows: readonly DailyWindow[];
  /** Before this it may not be in the directory yet, and is not counted on to have runs. */
  readonly fromMs: number;
}

const FIRST_SHARE = 1 - FLOOR_SHARE * (OBJECT_HANDLE_MAX - 1);
/** Windows are followed for so long; a later deadline counts as this one. */
const HORIZON_MS = 4000 * 24 * 60 * 60_000;

interface Running extends Promised {
  readonly index: number;
  readonly endMs: number;
  left: number;
}

/** Milliseconds since 1970 at which each has been sent what it needs; infinite for one that its deadline overtakes. */
export function finishTimes(promises: readonly Promised[], nibblesPerSecond: number, startMs: number): number[] {
  // Whole milliseconds, or sums would miss the edges of windows.
  const nowMs = Math.ceil(startMs);
  const finish = promises.map(({ remainingNibbles }) => (remainingNibbles > 0 ? Number.POSITIVE_INFINITY : nowMs));
  const rate = nibblesPerSecond / 1000;
  let running = promises
    .map((promise, index): Running => {
      const endMs = Math.floor(Math.min(promise.deadlineMs, nowMs + HORIZON_MS));
      return { ...promise, fromMs: Math.ceil(promise.fromMs), index, endMs, left: promise.remainingNibbles };
    })
    // What is lost already takes nothing from the others.
    .filter(({ left, windows, fromMs, endMs }) => {
      return left > 0 && left <= openMsBetween(windows, Math.max(nowMs, fromMs), endMs) * rate;
    })
    .toSorted((a, b) => a.deadlineMs - b.deadlineMs);
  let atMs = nowMs;
  while (running.length > 0) {
    const open = running.filter(({ windows, fromMs }) => fromMs <= atMs && isOpen(windows, atMs));
    let untilMs = Number.POSITIVE_INFINITY;
    for (const { windows, fromMs, endMs } of running)
      untilMs = Math.min(untilMs, endMs, nextEdgeMs(windows, atMs), fromMs > atMs ? fromMs : endMs);
    for (const [place, { left }] of open.entries())
      untilMs = Math.min(untilMs, atMs + Math.ceil(left / (rate * shareAt(place))));
    for (const [place, one] of open.entries()) {
      one.left -= (untilMs - atMs) * rate * shareAt(place);
      // Less than a symbol is rounding.
      if (one.left < 1) finish[one.index] = untilMs;
    }
    atMs = untilMs;
    running = running.filter(({ left, endMs }) => left >= 1 && endMs > atMs);
  }
  return finish;
}

function shareAt(place: number): number {
  return place === 0 ? FIRST_SHARE : FLOOR_SHARE;
}
