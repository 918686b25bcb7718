/** Windows of the day as people write them: `22:00-05:00`, in UTC, over midnight when they end before they begin. */

import { type DailyWindow, MINUTES_OF_DAY, WINDOWS_MAX } from '#codec/messages/link.ts';
import { Refusal } from './refusal.ts';

const FORM = /^([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)$/;

/** None, or `all`, stands for the whole day. */
export function parseWindows(texts: readonly string[]): DailyWindow[] {
  if (texts.length === 1 && texts[0] === 'all') return [];
  if (texts.length > WINDOWS_MAX)
    throw new Refusal('field-invalid', `windows has ${texts.length} entries; ${WINDOWS_MAX} are the most.`);
  return texts.map((text) => {
    const [, fromHour, fromMinutes, toHour, toMinutes] = FORM.exec(text) ?? [];
    if (fromHour === undefined)
      throw new Refusal(
        'field-invalid',
        `windows has to be times of the day in UTC like 22:00-05:00, or all, not ${JSON.stringify(text)}.`,
      );
    const fromMinute = 60 * Number(fromHour) + Number(fromMinutes);
    const toMinute = toHour === undefined ? MINUTES_OF_DAY : 60 * Number(toHour) + Number(toMinutes);
    // Midnight ends a window as 24:00 and begins one as 00:00.
    const endMinute = toMinute === 0 ? MINUTES_OF_DAY : toMinute;
    if (fromMinute === endMinute)
      throw new Refusal('field-invalid', `The window ${text} is empty. Leave windows away for the whole day.`);
    return { fromMinute, toMinute: endMinute };
  });
}

function clock(minute: number): string {
  return `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
}

export function formatWindows(windows: readonly DailyWindow[]): string[] {
  return windows.map(({ fromMinute, toMinute }) => `${clock(fromMinute)}-${clock(toMinute)}`);
}

/** As the database keeps them. */
export function windowsIn(json: string): DailyWindow[] {
  return JSON.parse(json) as DailyWindow[];
}
