import { Refusal } from './refusal.ts';

/** Clocks of developers differ from ours, and an upload takes time: this far back still means "now". */
const PAST_TOLERANCE_MS = 5 * 60_000;

const ISO_8601 = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)$/;

/** `now` or ISO 8601 with a zone: a time without one would mean another moment on every machine. */
export function parseTime(text: string, field: string, nowMs: number): number {
  if (text === 'now') return nowMs;
  const ms = ISO_8601.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms))
    throw new Refusal(
      'time-not-understood',
      `${field} has to be "now" or a time like 2027-03-01T02:00:00Z or 2027-03-01T03:00:00+01:00, not ${JSON.stringify(text)}.`,
    );
  return ms;
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

export function isoTimeOrNull(ms: number | null): string | null {
  return ms === null ? null : isoTime(ms);
}

/** Start and end make sense together and from now on. */
export function checkSpan(
  { scheduleMs, deadlineMs }: { scheduleMs: number | null; deadlineMs: number | null },
  nowMs: number,
): void {
  if (scheduleMs !== null && scheduleMs < nowMs - PAST_TOLERANCE_MS)
    throw new Refusal(
      'schedule-in-past',
      `scheduleTime ${isoTime(scheduleMs)} is past (it is ${isoTime(nowMs)}). Give a later time, or "now".`,
    );
  if (deadlineMs === null) return;
  if (deadlineMs <= nowMs)
    throw new Refusal('deadline-in-past', `deadline ${isoTime(deadlineMs)} is past (it is ${isoTime(nowMs)}).`);
  if (scheduleMs !== null && deadlineMs <= scheduleMs)
    throw new Refusal(
      'deadline-before-schedule',
      `deadline ${isoTime(deadlineMs)} is not after scheduleTime ${isoTime(scheduleMs)}: there would be no time to broadcast.`,
    );
}
