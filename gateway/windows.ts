/** Windows of the day: when a job may be on air. Minutes of the UTC day; none means the whole day. Every moment is an argument. */

import type { DailyWindow } from '#codec/messages/link.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

type Span = readonly [fromMs: number, toMs: number];

/** A forecast over months asks for the same windows thousands of times. */
const KNOWN = new WeakMap<readonly DailyWindow[], { readonly spans: Span[] | undefined }>();

function spansOf(windows: readonly DailyWindow[]): Span[] | undefined {
  let known = KNOWN.get(windows);
  if (known === undefined) {
    known = { spans: spansFrom(windows) };
    KNOWN.set(windows, known);
  }
  return known.spans;
}

/** Disjoint and rising, from midnight on; undefined when they leave nothing out. */
function spansFrom(windows: readonly DailyWindow[]): Span[] | undefined {
  if (windows.length === 0) return undefined;
  const parts = windows
    .flatMap(({ fromMinute, toMinute }): Span[] => {
      const [from, to] = [fromMinute * MINUTE_MS, toMinute * MINUTE_MS];
      // Over midnight.
      return from < to
        ? [[from, to]]
        : [
            [0, to],
            [from, DAY_MS],
          ];
    })
    .toSorted((a, b) => a[0] - b[0]);
  const spans: [number, number][] = [];
  for (const [from, to] of parts) {
    const last = spans.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else spans.push([from, to]);
  }
  return spans.length === 1 && spans[0][0] === 0 && spans[0][1] === DAY_MS ? undefined : spans;
}

export function isOpen(windows: readonly DailyWindow[], atMs: number): boolean {
  const day = atMs % DAY_MS;
  const spans = spansOf(windows);
  if (spans === undefined) return true;
  for (const [from, to] of spans) if (day >= from && day < to) return true;
  return false;
}

/** When it is open again, `atMs` itself when it is. */
export function opensMs(windows: readonly DailyWindow[], atMs: number): number {
  const spans = spansOf(windows);
  if (spans === undefined || isOpen(windows, atMs)) return atMs;
  const day = atMs % DAY_MS;
  const next = spans.find(([from]) => from > day)?.[0] ?? spans[0][0] + DAY_MS;
  return atMs - day + next;
}

/** The next moment after `atMs` at which a window opens or closes, or midnight within one; infinite for the whole day. */
export function nextEdgeMs(windows: readonly DailyWindow[], atMs: number): number {
  const spans = spansOf(windows);
  if (spans === undefined) return Number.POSITIVE_INFINITY;
  const day = atMs % DAY_MS;
  for (const [from, to] of spans) {
    if (from > day) return atMs - day + from;
    if (to > day) return atMs - day + to;
  }
  return atMs - day + spans[0][0] + DAY_MS;
}

/** How much of the time between two moments lies inside. */
export function openMsBetween(windows: readonly DailyWindow[], fromMs: number, toMs: number): number {
  if (toMs <= fromMs) return 0;
  const spans = spansOf(windows);
  if (spans === undefined) return toMs - fromMs;
  const aDay = openBefore(spans, DAY_MS);
  const since1970 = (ms: number): number => Math.floor(ms / DAY_MS) * aDay + openBefore(spans, ms % DAY_MS);
  return since1970(toMs) - since1970(fromMs);
}

function openBefore(spans: readonly Span[], dayMs: number): number {
  let open = 0;
  for (const [from, to] of spans) open += Math.max(0, Math.min(to, dayMs) - from);
  return open;
}

/** When `openMs` of open time will have passed. */
export function afterOpenMs(windows: readonly DailyWindow[], fromMs: number, openMs: number): number {
  const spans = spansOf(windows);
  if (spans === undefined || !Number.isFinite(openMs)) return fromMs + openMs;
  const aDay = openBefore(spans, DAY_MS);
  let atMs = fromMs + Math.max(0, Math.ceil(openMs / aDay) - 1) * DAY_MS;
  let left = openMs - openMsBetween(windows, fromMs, atMs);
  while (left > 0) {
    const opens = opensMs(windows, atMs);
    const step = Math.min(left, nextEdgeMs(windows, opens) - opens);
    left -= step;
    atMs = opens + step;
  }
  return atMs;
}
