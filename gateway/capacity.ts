/** What a station can carry: the one number that promises are counted against. */

import { countedPerSecond } from '#codec/airtime.ts';
import { ANCHOR_SPACING, RUN_GROUPS, VERSION_ANCHORS_MIN } from '#codec/groups/anchor.ts';
import { DIRECTORY_SHARE_MAX } from '#codec/groups/spacing.ts';
import type { StreamNumber } from '#codec/groups/group.ts';
import { payloadNibbles } from '#codec/symbols/layout.ts';
import { DEFAULT_RATES } from './rota.ts';

export interface StationAir {
  /** Of stream 0; the other streams are ours altogether. */
  readonly dataShare: number;
  readonly streams: readonly StreamNumber[];
  /** Of groups, that a receiver for which promises are made loses. */
  readonly assumedLoss: number;
  /** What the smallest receiver can spare for a matrix; default: enough for a fountain. */
  readonly matrixBytes?: number | undefined;
  /** Seconds of signal in a second of the wall clock, by which deadlines are meant: not 1 where the air is simulated. */
  readonly speed: number;
}

export interface Capacity {
  /** Of objects, when the directory takes the most that it ever takes. */
  readonly nibblesPerSecond: number;
  /** Of payload, in the average group of ours that carries some. */
  readonly nibblesPerGroup: number;
  /** From the last group that a receiver needs to the moment at which it uses it: at the end of a run, or after a lost anchor or two. */
  readonly settleSeconds: number;
  /** From the moment at which a package is here to that at which it may have runs on every stream. */
  readonly listingSeconds: number;
}

/** Of a whole directory: every change costs so many, before anything else. */
const CHANGE_GROUPS = 5 * RUN_GROUPS;
/**
 * A version that frees a handle is in force before the one that gives it away, and the one that cannot be changed any more when a
 * package comes takes effect an anchor later.
 */
const LISTING_GROUPS = (2 * VERSION_ANCHORS_MIN + 1) * ANCHOR_SPACING + CHANGE_GROUPS;
/** Eight changes an hour are allowed for. */
const CHANGES_GROUPS_PER_SECOND = (8 * CHANGE_GROUPS) / 3600;

export function capacityOf({ dataShare, streams, assumedLoss, speed }: StationAir): Capacity {
  let groups = 0;
  let nibbles = 0;
  let slowest = Number.POSITIVE_INFINITY;
  for (const stream of streams) {
    const counted = countedPerSecond(stream, stream === 0 ? dataShare : 1, DEFAULT_RATES.announcementsPerSecond);
    // A slow stream spends more on changes than on saying the directory again and again.
    const directory = Math.min(counted, Math.max(DIRECTORY_SHARE_MAX * counted, CHANGES_GROUPS_PER_SECOND));
    groups += counted - directory;
    nibbles += (counted - directory) * payloadNibbles(stream);
    slowest = Math.min(slowest, counted);
  }
  return {
    nibblesPerSecond: nibbles * (1 - 1 / ANCHOR_SPACING) * speed,
    nibblesPerGroup: groups > 0 ? nibbles / groups : payloadNibbles(0),
    listingSeconds: LISTING_GROUPS / slowest / speed,
    settleSeconds: (2 * RUN_GROUPS + ANCHOR_SPACING * assumedLoss) / slowest / speed,
  };
}
