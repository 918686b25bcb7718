/**
 * From sizes and shares to seconds: how long receivers take to have an object. Used for forecasts and refusals, so every
 * assumption is an argument or stands here.
 *
 * - Groups are lost with probability `loss`, alone or in bursts of `burstGroups` on average (Gilbert's model).
 * - The object gets `objectShare` of the runs that are left beside the directory.
 * - A block of K rows is solved by K + d symbols with probability (1 - 2^-(d+1)) (1 - 2^-(d+2)) ..., K + 1.6 on average.
 * - All blocks have to be solved, and all columns where some symbols carry only some of them: the slowest counts. How many
 *   symbols each has got is binomial, taken as normal; in bursts, what all blocks lose together is kept apart.
 * - A receiver knows where the station's groups are, may join anywhere, and uses what it heard before the first anchor and the
 *   directory. A run is used when it has ended.
 */

import { ANCHOR_SPACING, ASSIGNMENT_SPACING, RUN_GROUPS } from './groups/anchor.ts';
import { directorySpacingRuns } from './groups/spacing.ts';
import type { StreamNumber } from './groups/group.ts';
import { layoutOf, payloadNibbles, type Width } from './symbols/layout.ts';

/** 1187.5 bit/s, 104 bits a group (EN 50067:1998 clause 1.7). */
export const GROUPS_PER_SECOND = 1187.5 / 104;
const DAY_SECONDS = 86_400;

export interface StreamShare {
  readonly stream: StreamNumber;
  /** Data share of the stream, 0..1, announcements included. */
  readonly share: number;
}

export interface AirtimeQuestion {
  readonly sizeBytes: number;
  readonly streams: readonly StreamShare[];
  /** Fraction of our groups that the receiver loses, 0 <= loss < 1. */
  readonly loss: number;
  /** Mean length of a burst of losses, in groups; default 1: each by itself. */
  readonly burstGroups?: number;
  /** Fraction of the object runs that serve this object; default 1. */
  readonly objectShare?: number;
  /** Fraction of runs for the directory; default: what a sender of this object alone gives it. */
  readonly directoryShare?: number;
  /** 3A groups a second, out of the share of stream 0; default 0.5. */
  readonly announcementsPerSecond?: number;
  /** Seconds that the receiver listens each day, in one piece; default: always. */
  readonly listeningSecondsPerDay?: number;
}

export interface Airtime {
  /** Object bits that reach the receiver in a second while it listens, before the fountain's overhead. */
  readonly bitsPerSecond: number;
  /** Counted groups (anchors and directory included) sent on all streams in the mean time of listening. */
  readonly groups: number;
  /** The times are from the beginning of the first listening on, pauses included. */
  readonly meanSeconds: number;
  /** Half, nine in ten, and 99 in 100 of all receivers are complete by then. */
  readonly seconds50: number;
  readonly seconds90: number;
  readonly seconds99: number;
}

const NEVER: Airtime = {
  bitsPerSecond: 0,
  groups: Infinity,
  meanSeconds: Infinity,
  seconds50: Infinity,
  seconds90: Infinity,
  seconds99: Infinity,
};

interface Rates {
  /** Counted groups a second, all streams. */
  readonly counted: number;
  /** Rows of the object a second: a symbol with some of the columns counts in part. */
  readonly rows: number;
  /** Of these rows, what comes in symbols with some of the columns. */
  readonly partialShare: number;
  /** Seconds from the middle of a run to its end. */
  readonly halfRunSeconds: number;
  readonly anchorSeconds: number;
}

/** Everything infinite when nothing gets through. */
export function airtimeOf(question: AirtimeQuestion): Airtime {
  const { sizeBytes, streams, loss, burstGroups = 1, listeningSecondsPerDay = DAY_SECONDS } = question;
  const width: Width = streams.some(({ stream, share }) => stream > 0 && share > 0) ? 13 : 8;
  const rates = ratesOf(question, width);
  if (!(rates.rows > 0) || !(loss < 1) || !(listeningSecondsPerDay > 0)) return NEVER;
  const { blocks, rows } = layoutOf(sizeBytes, width);
  const fixedSeconds = waitSeconds(rates, loss);
  const completeBy = (seconds: number): number => {
    const sent = (rates.rows * seconds) / blocks;
    return probabilityComplete({ sent, rows, blocks, loss, burstGroups, partialShare: rates.partialShare, width });
  };
  const quantile = (probability: number): number => {
    let low = 0;
    let high = (2 * rows * blocks) / (rates.rows * (1 - loss));
    while (completeBy(high) < probability) high *= 2;
    for (let i = 0; i < 50; i++) {
      const middle = (low + high) / 2;
      if (completeBy(middle) < probability) low = middle;
      else high = middle;
    }
    return high + fixedSeconds;
  };
  const calendar = (seconds: number): number => calendarSeconds(seconds, listeningSecondsPerDay);
  const parts = 10;
  let sum = 0;
  let sumCalendar = 0;
  for (let i = 0; i < parts; i++) {
    const seconds = quantile((i + 0.5) / parts);
    sum += seconds;
    sumCalendar += calendar(seconds);
  }
  return {
    bitsPerSecond: rates.rows * width * 4 * (1 - loss),
    groups: (rates.counted * sum) / parts,
    meanSeconds: sumCalendar / parts,
    seconds50: calendar(quantile(0.5)),
    seconds90: calendar(quantile(0.9)),
    seconds99: calendar(quantile(0.99)),
  };
}

/** From listening to the calendar: with pauses, for a receiver that listens so long each day. */
export function calendarSeconds(seconds: number, listeningSecondsPerDay: number): number {
  if (listeningSecondsPerDay >= DAY_SECONDS) return seconds;
  const days = Math.floor(seconds / listeningSecondsPerDay);
  return days * DAY_SECONDS + (seconds - days * listeningSecondsPerDay);
}

/** Groups that the counter counts (anchors and directory included), with a share of the stream of 0..1. */
export function countedPerSecond(stream: StreamNumber, share: number, announcementsPerSecond: number): number {
  const own = share * GROUPS_PER_SECOND;
  if (stream === 0) return Math.max(0, own - announcementsPerSecond);
  return (own * ASSIGNMENT_SPACING) / (ASSIGNMENT_SPACING + 1);
}

function ratesOf(question: AirtimeQuestion, width: Width): Rates {
  const { sizeBytes, streams, objectShare = 1, announcementsPerSecond = 0.5 } = question;
  const used = streams
    .map(({ stream, share }) => {
      const counted = countedPerSecond(stream, share, announcementsPerSecond);
      return { stream, counted, nibbles: payloadNibbles(stream) };
    })
    .filter(({ counted }) => counted > 0);
  const nibblesPerSecond = used.reduce((sum, { counted, nibbles }) => sum + counted * nibbles, 0) * objectShare;
  let counted = 0;
  let rows = 0;
  let partial = 0;
  for (const one of used) {
    const quickestRuns = (one.counted * 2 * sizeBytes) / nibblesPerSecond / RUN_GROUPS;
    const directoryShare = question.directoryShare ?? 1 / directorySpacingRuns({ stream: one.stream, quickestRuns });
    const ofObject = one.counted * (1 - 1 / ANCHOR_SPACING) * (1 - directoryShare) * objectShare;
    const ofRow = one.nibbles / width;
    counted += one.counted;
    rows += ofObject * ofRow;
    partial += ofObject * (ofRow - Math.floor(ofRow));
  }
  const streamsUsed = Math.max(1, used.length);
  return {
    counted,
    rows,
    partialShare: rows > 0 ? partial / rows : 0,
    halfRunSeconds: (RUN_GROUPS * streamsUsed) / 2 / counted,
    anchorSeconds: (ANCHOR_SPACING * streamsUsed) / counted,
  };
}

/** What comes to the time in which the symbols are sent. */
function waitSeconds({ halfRunSeconds, anchorSeconds }: Rates, loss: number): number {
  // A run is used at its end; where the last two anchors were lost, at the next anchor.
  return halfRunSeconds + loss * loss * anchorSeconds;
}

interface Chances {
  /** Symbols of each block that were sent. */
  readonly sent: number;
  readonly rows: number;
  readonly blocks: number;
  readonly loss: number;
  readonly burstGroups: number;
  readonly partialShare: number;
  readonly width: Width;
}

/** Of the symbols in excess of the rows: more than these are needed once in 4000 blocks. */
const EXCESS_MAX = 12;
/** Probability that exactly d symbols in excess are needed. */
const EXCESS = excessProbabilities();

function excessProbabilities(): number[] {
  const within: number[] = [];
  for (let d = 0; d <= EXCESS_MAX; d++) {
    let product = 1;
    for (let i = d + 1; i < 60; i++) product *= 1 - 2 ** -i;
    within.push(product);
  }
  within[EXCESS_MAX] = 1;
  return within.map((probability, d) => probability - (d === 0 ? 0 : within[d - 1]));
}

function probabilityComplete({ sent, rows, blocks, loss, burstGroups, partialShare, width }: Chances): number {
  const { own, shared } = varianceOf(sent, blocks, loss, burstGroups);
  // Symbols come in whole numbers, and a block's share of the groups is even to about one.
  const deviation = Math.sqrt(own + 1 / 6);
  const systems = blocks * (1 + (width - 1) * partialShare);
  const got = sent * (1 - loss) - 0.5;
  const blockComplete = (mean: number): number => {
    let probability = 0;
    for (const [d, chance] of EXCESS.entries()) probability += chance * normal((mean - rows - d) / deviation);
    return probability;
  };
  if (shared === 0) return blockComplete(got) ** systems;
  const spread = Math.sqrt(shared);
  let sum = 0;
  let weights = 0;
  for (let z = -4; z <= 4; z += 0.25) {
    const weight = Math.exp((-z * z) / 2);
    sum += weight * blockComplete(got + z * spread) ** systems;
    weights += weight;
  }
  return sum / weights;
}

/** Of the symbols that a block gets: its own part, and what varies for all blocks alike. */
function varianceOf(sent: number, blocks: number, loss: number, burstGroups: number): { own: number; shared: number } {
  const independent = sent * loss * (1 - loss);
  if (burstGroups <= 1 || loss === 0) return { own: independent, shared: 0 };
  // Correlation of neighbours in Gilbert's model; blocks take turns, so those of one block are `blocks` groups apart.
  const correlation = Math.max(0, 1 - 1 / burstGroups - loss / (1 - loss) / burstGroups);
  const inflation = (step: number): number => (1 + correlation ** step) / (1 - correlation ** step);
  const ofBlock = independent * inflation(blocks);
  const ofAll = independent * inflation(1) * blocks;
  const shared = blocks === 1 ? 0 : Math.max(0, (ofAll / blocks - ofBlock) / (blocks - 1));
  return { own: Math.max(0, ofBlock - shared), shared };
}

/** Abramowitz and Stegun 26.2.17, error below 7.5e-8. */
function normal(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const polynomial = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = 0.3989422804 * Math.exp((-x * x) / 2) * polynomial;
  return x >= 0 ? 1 - tail : tail;
}
