import { describe, expect, it } from 'vitest';
import { formatWindows, parseWindows } from '../../backend/windows.ts';

describe('windows of the day', () => {
  it.each([
    [['22:00-05:00'], [{ fromMinute: 1320, toMinute: 300 }], ['22:00-05:00']],
    [['00:00-24:00'], [{ fromMinute: 0, toMinute: 1440 }], ['00:00-24:00']],
    [['18:30-00:00'], [{ fromMinute: 1110, toMinute: 1440 }], ['18:30-24:00']],
    [['all'], [], []],
    [[], [], []],
  ])('%j are read and written', (texts, windows, written) => {
    expect(parseWindows(texts)).toEqual(windows);
    expect(formatWindows(windows)).toEqual(written);
  });

  it.each([
    [['5:00-06:00'], 'times of the day in UTC like 22:00-05:00'],
    [['24:00-06:00'], 'times of the day'],
    [['05:00'], 'times of the day'],
    [['05:00-06:60'], 'times of the day'],
    [['all', '05:00-06:00'], 'times of the day'],
    [['05:00-05:00'], 'is empty'],
    [Array.from({ length: 25 }, () => '05:00-06:00'), '24 are the most'],
  ])('%j are refused', (texts, sentence) => {
    expect(() => parseWindows(texts)).toThrow(sentence);
  });
});
