import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StreamNumber } from '#codec/groups/group.ts';
import { DIRECTORY_SHARE_MAX, directorySpacingRuns } from '#codec/groups/spacing.ts';

describe('the directory is said', () => {
  it.each<[what: string, stream: StreamNumber, quickestRuns: number, passRuns: number, spacingRuns: number]>([
    ['twice in the time of the quickest object', 0, 60, 1, 30],
    ['once in eight runs at most', 0, 3, 1, 8],
    ['once in eight runs at most, also when it is long', 0, 3, 5, 40],
    ['once in 64 runs of stream 0 at least', 0, 100_000, 1, 64],
    ['once in 128 runs of the others at least', 3, 100_000, 1, 128],
    ['as seldom as may be when there is nothing to be quick for', 1, Number.POSITIVE_INFINITY, 1, 128],
  ])('%s', (_what, stream, quickestRuns, passRuns, spacingRuns) => {
    expect(directorySpacingRuns({ stream, quickestRuns, passRuns })).toBe(spacingRuns);
  });

  it('property: in no more than an eighth of the runs', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<StreamNumber>(0, 1, 2, 3),
        fc.double({ min: 0, max: 1e6, noNaN: true }),
        fc.integer({ min: 1, max: 5 }),
        (stream, quickestRuns, passRuns) => {
          const share = passRuns / directorySpacingRuns({ stream, quickestRuns, passRuns });
          expect(share).toBeLessThanOrEqual(DIRECTORY_SHARE_MAX);
          expect(share).toBeGreaterThan(0);
        },
      ),
    );
  });
});
