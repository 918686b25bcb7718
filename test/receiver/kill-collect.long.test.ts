import { describe, expect, it } from 'vitest';
import { collectWithKills, LOST_MAX } from './kill-collect.ts';

describe('receiver collect, killed with -9 twenty times on the way to one package', () => {
  it.each([11, 12, 13])('loses a second at most each time (seed %i)', async (seed) => {
    const { lost, groups, groupsWithoutKills, isRight } = await collectWithKills(seed, 20);
    expect(lost.length).toBeGreaterThanOrEqual(20);
    expect(Math.max(...lost)).toBeLessThanOrEqual(LOST_MAX);
    expect(groups - groupsWithoutKills).toBeLessThanOrEqual(lost.length * LOST_MAX);
    expect(isRight).toBe(true);
  });
});
