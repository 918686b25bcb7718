/** What a station can carry: the one number that promises are counted against. */

import { DIRECTORY_SHARE_MAX } from '#codec/groups/spacing.ts';
import type { StreamNumber } from '#codec/groups/group.ts';
import { DEFAULT_RATES, GROUPS_PER_SECOND } from './rota.ts';

export interface StationAir {
  /** Of stream 0; the other streams are ours altogether. */
  readonly dataShare: number;
  readonly streams: readonly StreamNumber[];
  /** Of groups, that a receiver for which promises are made loses. */
  readonly assumedLoss: number;
  /** Seconds of signal in a second of the wall clock, by which deadlines are meant: not 1 where the air is simulated. */
  readonly speed: number;
}

export interface Capacity {
  /** Of objects, when the directory takes the most that it ever takes. */
  readonly symbolsPerSecond: number;
  /** Symbols in the average group of ours that carries some. */
  readonly symbolsPerGroup: number;
  /** From the last symbol that a receiver needs to the anchor by which it can use it. */
  readonly settleSeconds: number;
}

const ANCHOR_SPACING = 64;
/** Every change costs the runs of a whole directory: eight changes an hour are allowed for, five runs of 16 groups each. */
const CHANGES_GROUPS_PER_SECOND = (8 * 5 * 16) / 3600;

export function capacityOf({ dataShare, streams, assumedLoss, speed }: StationAir): Capacity {
  let groups = 0;
  let symbols = 0;
  let slowest = Number.POSITIVE_INFINITY;
  for (const stream of streams) {
    // Every anchor of streams 1 to 3 has an assignment after it, which is not counted.
    const counted =
      stream === 0
        ? Math.max(0, dataShare * GROUPS_PER_SECOND - DEFAULT_RATES.announcementsPerSecond)
        : (GROUPS_PER_SECOND * ANCHOR_SPACING) / (ANCHOR_SPACING + 1);
    // A slow stream spends more on changes than on saying the directory again and again.
    const directory = Math.min(counted, Math.max(DIRECTORY_SHARE_MAX * counted, CHANGES_GROUPS_PER_SECOND));
    groups += counted - directory;
    symbols += (counted - directory) * (stream === 0 ? 2 : 3);
    slowest = Math.min(slowest, counted);
  }
  return {
    symbolsPerSecond: symbols * (1 - 1 / ANCHOR_SPACING) * speed,
    symbolsPerGroup: groups > 0 ? symbols / groups : 2,
    // The anchor may be lost, too.
    settleSeconds: (ANCHOR_SPACING / slowest) * (1 / (1 - assumedLoss) + 1) * (1 / speed),
  };
}
