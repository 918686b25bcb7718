/**
 * Which share of the runs each live object has at this moment. A pure decision: what is on air, how far it is, how much time is
 * left. `turns.ts` turns shares into runs.
 *
 *     every object                         a floor of 2 %
 *     a promise (deadline that was taken)  what it still needs, spread over the time left; earliest deadline first
 *     of the rest, one half                the first unfinished object, by importance
 *     of the rest, the other half          every object, by the square root of priority x size
 *
 * Unfinished means: not yet sent what a receiver needs that listens throughout and loses what the station assumes. What is finished
 * stays on air for those who join later, and yields to what is not.
 *
 * Floors come first and rates are asked for in the order of deadlines, so promises that fit (`promises.ts`) are kept.
 */

export const FLOOR_SHARE = 0.02;
/** A promise is to be kept in so much of its time; the rest is for what nobody foresaw. */
const SPREAD = 0.8;
/** Once it is behind that, it is spread over so much of the time left: the end is never put off to the last moment. */
const SPREAD_AT_END = 0.5;

export interface LivePromise {
  /** Orders promises. */
  readonly deadlineMs: number;
  /** Of its windows, until its deadline. */
  readonly leftSeconds: number;
  /** Of its windows, from its first group to its deadline. */
  readonly wholeSeconds: number;
  /** Of all promises that are open, on air or not, none has windows of the day. */
  readonly isSpread: boolean;
}

export interface LiveObject {
  /** 1 to 9. */
  readonly priority: number;
  readonly sizeBytes: number;
  readonly neededNibbles: number;
  readonly sentNibbles: number;
  readonly promise: LivePromise | undefined;
}

export function remainingNibbles({
  neededNibbles,
  sentNibbles,
}: Pick<LiveObject, 'neededNibbles' | 'sentNibbles'>): number {
  return Math.max(0, neededNibbles - sentNibbles);
}

/** `objects` the most important first. The shares add up to 1. */
export function planShares(objects: readonly LiveObject[], nibblesPerSecond: number): number[] {
  const shares = objects.map(() => FLOOR_SHARE);
  let rest = 1 - FLOOR_SHARE * objects.length;
  for (const { index, share } of promised(objects, nibblesPerSecond)) {
    const more = Math.min(rest, Math.max(0, share - FLOOR_SHARE));
    shares[index] += more;
    rest -= more;
  }
  const first = objects.findIndex((object) => remainingNibbles(object) > 0);
  if (first >= 0) shares[first] += rest / 2;
  const shared = first >= 0 ? rest / 2 : rest;
  const weights = objects.map(({ priority, sizeBytes }) => Math.sqrt(priority * sizeBytes));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return shares.map((share, index) => share + (shared * weights[index]) / sum);
}

/** What the promises ask for, in the order in which they are heard. */
function promised(
  objects: readonly LiveObject[],
  nibblesPerSecond: number,
): { readonly index: number; readonly share: number }[] {
  const open = objects
    .flatMap((object, index) => (object.promise === undefined ? [] : [{ index, object, promise: object.promise }]))
    // One that is lost already must not take others with it; it goes on like an object without a deadline.
    .filter(({ object, promise }) => {
      const remaining = remainingNibbles(object);
      return remaining > 0 && remaining <= promise.leftSeconds * nibblesPerSecond;
    })
    .toSorted((a, b) => a.promise.deadlineMs - b.promise.deadlineMs);
  // Spreading leaves to a later hour what may belong to another by then. Without windows that evens out; with them the promises
  // are kept one after the other, which is what they were admitted by.
  return open.map(({ index, object, promise }) => ({
    index,
    share: promise.isSpread ? remainingNibbles(object) / (spreadSeconds(promise) * nibblesPerSecond) : 1,
  }));
}

function spreadSeconds({ leftSeconds, wholeSeconds }: LivePromise): number {
  const goneSeconds = wholeSeconds - leftSeconds;
  return Math.max(SPREAD * wholeSeconds - goneSeconds, SPREAD_AT_END * leftSeconds);
}
