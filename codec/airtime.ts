/**
 * From sizes and shares to seconds: how long a receiver that listens throughout takes to have an object. Used for forecasts
 * and refusals, so every assumption is an argument or stands here.
 *
 * - Groups are lost independently with probability `loss` (bursts give the same mean and a wider spread).
 * - The object gets `objectShare` of the runs that are left beside the directory (one run in 16).
 * - A block is solved by K + 1.6 symbols on average, and by 1.9 more because large blocks are tried in steps of two.
 * - All blocks have to be solved. With B blocks the slowest counts: the losses of each are binomial, taken as normal.
 * - A receiver hands groups on when the next anchor has come, and has to learn the directory before that.
 */

import { layoutOf } from './symbols/layout.ts';

/** 1187.5 bit/s, 104 bits a group. */
export const GROUPS_PER_SECOND = 1187.5 / 104;
/** Symbols of 16 bits in a group: 32 bits of type A, 48 of type C. */
const SYMBOLS_PER_GROUP_A = 1;
const SYMBOLS_PER_GROUP_C = 1;

const ANCHOR_SPACING = 64;
const DIRECTORY_SHARE = 1 / 16;
const EXTRA_SYMBOLS_SMALL_BLOCK = 1.6;
const EXTRA_SYMBOLS_LARGE_BLOCK = 3.5;
const LARGE_BLOCK_UNITS = 512;

export interface StreamShare {
  readonly stream: number;
  /** Data share of the stream, 0..1, announcements included. */
  readonly share: number;
}

export interface AirtimeQuestion {
  readonly sizeBytes: number;
  readonly streams: readonly StreamShare[];
  /** Fraction of our groups that the receiver loses, 0 <= loss < 1. */
  readonly loss: number;
  /** Fraction of the object runs that serve this object; default 1. */
  readonly objectShare?: number;
  /** Fraction of runs for the directory; default 1/16. */
  readonly directoryShare?: number;
  /** 3A groups a second, out of the share of stream 0; default 0.5. */
  readonly announcementsPerSecond?: number;
}

export interface Airtime {
  /** Object bits that reach the receiver in a second, before the fountain's overhead. */
  readonly bitsPerSecond: number;
  /** Counted groups (anchors and directory included) sent on all streams in the mean time. */
  readonly groups: number;
  readonly meanSeconds: number;
  /** Nine receivers in ten are complete by then. */
  readonly seconds90: number;
}

/** Infinite when nothing gets through. */
export function airtimeOf(question: AirtimeQuestion): Airtime {
  const { sizeBytes, streams, loss, objectShare = 1, directoryShare = DIRECTORY_SHARE } = question;
  const { blocks, rows: blockUnits } = layoutOf(sizeBytes, streams.some(({ stream }) => stream > 0) ? 13 : 8);
  let countedPerSecond = 0;
  let symbolsPerSecond = 0;
  let streamsUsed = 0;
  for (const { stream, share } of streams) {
    const counted =
      stream === 0
        ? Math.max(0, share * GROUPS_PER_SECOND - (question.announcementsPerSecond ?? 0.5))
        : (share * GROUPS_PER_SECOND * ANCHOR_SPACING) / (ANCHOR_SPACING + 1);
    countedPerSecond += counted;
    symbolsPerSecond += counted * (stream === 0 ? SYMBOLS_PER_GROUP_A : SYMBOLS_PER_GROUP_C);
    if (counted > 0) streamsUsed++;
  }
  const forObject = (1 - 1 / ANCHOR_SPACING) * (1 - directoryShare) * objectShare * (1 - loss);
  const usefulPerSecond = symbolsPerSecond * forObject;
  if (!(usefulPerSecond > 0)) {
    return { bitsPerSecond: 0, groups: Infinity, meanSeconds: Infinity, seconds90: Infinity };
  }
  const extra = blockUnits < LARGE_BLOCK_UNITS ? EXTRA_SYMBOLS_SMALL_BLOCK : EXTRA_SYMBOLS_LARGE_BLOCK;
  const symbols = blocks * (blockUnits + extra);
  const symbolsPerGroup = symbolsPerSecond / countedPerSecond;
  const groupsOfBlock = (blockUnits + extra) / symbolsPerGroup;
  // Groups sent until m have come through: mean m / (1 - p), variance m p / (1 - p)^2. Symbols come in groups, too.
  const spread = Math.sqrt((loss * groupsOfBlock + 0.1) / groupsOfBlock ** 2);
  // A blocks' last group is met with every B-th group only; half of a run of another object lies between on average.
  const settle = (blocks / 2 + 1) / (blocks * groupsOfBlock);
  // Groups wait for the next anchor that comes through; those before the first one are of use only in part.
  const spacingSeconds = (ANCHOR_SPACING * streamsUsed) / countedPerSecond;
  const waitMean = 1 / (1 - loss);
  // Fitted to the simulation in test/airtime.test.ts: a lost anchor delays groups, directory and its size alike.
  const wait90 = 1.4 + 7 * loss;
  const seconds = (quantile: number, wait: number): number =>
    (symbols / usefulPerSecond) * (1 + settle + spread * normalQuantile(quantile ** (1 / blocks))) +
    wait * spacingSeconds;
  const meanSeconds = seconds(blocks === 1 ? 0.5 : 0.57, waitMean);
  return {
    bitsPerSecond: usefulPerSecond * 16,
    groups: meanSeconds * countedPerSecond,
    meanSeconds,
    seconds90: seconds(0.9, wait90),
  };
}

/** Abramowitz and Stegun 26.2.23, error below 4.5e-4. */
function normalQuantile(probability: number): number {
  const tail = Math.min(probability, 1 - probability);
  const t = Math.sqrt(-2 * Math.log(tail));
  const x =
    t - (2.515517 + 0.802853 * t + 0.010328 * t * t) / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t * t * t);
  return probability < 0.5 ? -x : x;
}
