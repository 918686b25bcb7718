import { describe, expect, it } from 'vitest';
import { leftOutFor } from '../../receiver/log-room.ts';

/** The least likely first. */
const SIZE = {
  objects: [
    { key: 'small', sizeBytes: 100 },
    { key: 'large', sizeBytes: 900 },
    { key: 'advanced', sizeBytes: 500 },
  ],
  otherBytes: 50,
};

describe('a log that cannot hold everything', () => {
  it.each<[roomBytes: number, leftOut: string[] | undefined]>([
    [1550, []],
    [1549, ['small']],
    [1449, ['large']],
    [650, ['large']],
    [649, ['small', 'large']],
    [549, undefined],
  ])('of %d bytes leaves out %j', (roomBytes, leftOut) => {
    expect(leftOutFor(SIZE, roomBytes, false)).toEqual(leftOut === undefined ? undefined : new Set(leftOut));
  });

  it('may be for the most advanced one alone', () => {
    expect(leftOutFor(SIZE, 10_000, true)).toEqual(new Set(['small', 'large']));
    expect(leftOutFor(SIZE, 549, true)).toBeUndefined();
  });

  it('has no room even for the rest', () => {
    expect(leftOutFor({ objects: [], otherBytes: 50 }, 49, false)).toBeUndefined();
    expect(leftOutFor({ objects: [], otherBytes: 50 }, 50, false)).toEqual(new Set());
  });
});
