/** The last hour of reception, an entry a minute: at most 60, from the oldest on. */

import type { Quality } from '#codec/iq/receive.ts';
import { rounded, roundedOrNull } from './measure.ts';

export interface ReceptionMinute {
  /** Its beginning; a minute in which nothing was listened to has no entry. */
  readonly timeMs: number;
  /** Of signal that was listened to. */
  readonly seconds: number;
  /** Share of that with a known group clock on stream 0. */
  readonly lockedShare: number;
  /** Of the groups of all streams. */
  readonly blockErrorRate: number | null;
  readonly cnDb: number | null;
  readonly groups: number;
  readonly wholeGroups: number;
  /** How often a group clock started anew. */
  readonly restarts: number;
}

export const HISTORY_MINUTES = 60;
const MINUTE_MS = 60_000;
const BLOCKS = 4;

interface Counted {
  readonly groups: number;
  readonly wholeGroups: number;
  readonly restarts: number;
  readonly wrongBlocks: number;
}

const NOTHING: Counted = { groups: 0, wholeGroups: 0, restarts: 0, wrongBlocks: 0 };

export class ReceptionHistory {
  #minutes: ReceptionMinute[];
  #counted = NOTHING;

  /** `earlier` is what was kept from a run before; what is too old or not yet is dropped. */
  constructor(earlier: readonly ReceptionMinute[], nowMs: number) {
    this.#minutes = recentOf(earlier, nowMs);
  }

  /** A new receiver counts from nothing. */
  startReceiver(): void {
    this.#counted = NOTHING;
  }

  /** After each piece of signal of so many seconds. */
  add(nowMs: number, seconds: number, quality: Quality): void {
    const counted = countedBy(quality);
    const before = this.#counted;
    this.#counted = counted;
    const timeMs = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS;
    this.#minutes = recentOf(this.#minutes, nowMs);
    const last = this.#minutes.at(-1);
    const isNew = last?.timeMs !== timeMs;
    const entry = last === undefined || isNew ? emptyMinute(timeMs) : last;
    const groups = counted.groups - before.groups;
    const added: ReceptionMinute = {
      timeMs,
      seconds: entry.seconds + seconds,
      lockedShare: mean(entry.lockedShare, entry.seconds, quality.streams.at(0)?.locked === true ? 1 : 0, seconds) ?? 0,
      blockErrorRate: mean(
        entry.blockErrorRate,
        BLOCKS * entry.groups,
        groups === 0 ? null : (counted.wrongBlocks - before.wrongBlocks) / (BLOCKS * groups),
        BLOCKS * groups,
      ),
      cnDb: mean(entry.cnDb, entry.seconds, quality.cnDb, seconds),
      groups: entry.groups + groups,
      wholeGroups: entry.wholeGroups + counted.wholeGroups - before.wholeGroups,
      restarts: entry.restarts + counted.restarts - before.restarts,
    };
    if (isNew) this.#minutes.push(added);
    else this.#minutes[this.#minutes.length - 1] = added;
  }

  /** For a file. */
  minutes(nowMs: number): ReceptionMinute[] {
    this.#minutes = recentOf(this.#minutes, nowMs);
    return this.#minutes.map(({ seconds, lockedShare, blockErrorRate, cnDb, ...rest }) => ({
      ...rest,
      seconds: rounded(seconds, 2),
      lockedShare: rounded(lockedShare, 4),
      blockErrorRate: roundedOrNull(blockErrorRate, 4),
      cnDb: roundedOrNull(cnDb, 1),
    }));
  }
}

/** Also of a clock that was set while this ran. */
function recentOf(minutes: readonly ReceptionMinute[], nowMs: number): ReceptionMinute[] {
  const recent = minutes.filter(({ timeMs }) => timeMs <= nowMs && timeMs > nowMs - HISTORY_MINUTES * MINUTE_MS);
  return recent.toSorted((a, b) => a.timeMs - b.timeMs).slice(-HISTORY_MINUTES);
}

function emptyMinute(timeMs: number): ReceptionMinute {
  return {
    timeMs,
    seconds: 0,
    lockedShare: 0,
    blockErrorRate: null,
    cnDb: null,
    groups: 0,
    wholeGroups: 0,
    restarts: 0,
  };
}

/** Of what is known, each with its weight. */
function mean(a: number | null, weightA: number, b: number | null, weightB: number): number | null {
  if (b === null || weightB === 0) return a;
  if (a === null || weightA === 0) return b;
  return (a * weightA + b * weightB) / (weightA + weightB);
}

function countedBy({ streams }: Quality): Counted {
  const total = { ...NOTHING };
  for (const { counts } of streams) {
    total.groups += counts.groups;
    total.wholeGroups += counts.wholeGroups;
    total.restarts += counts.restarts;
    total.wrongBlocks += counts.blocks - counts.right;
  }
  return total;
}

const BARS = '▁▂▃▄▅▆▇█';

/** For people, up to now: what was received in each minute, and the hour in numbers. Undefined of an empty history. */
export function describeHistory(minutes: readonly ReceptionMinute[], nowMs: number): string | undefined {
  const first = minutes.at(0);
  if (first === undefined) return undefined;
  const count = Math.min(HISTORY_MINUTES, Math.floor((nowMs - first.timeMs) / MINUTE_MS) + 1);
  const from = Math.floor(nowMs / MINUTE_MS) - count + 1;
  const bars = Array.from({ length: Math.max(1, count) }, () => '·');
  for (const minute of minutes) {
    const at = Math.floor(minute.timeMs / MINUTE_MS) - from;
    if (at < 0 || at >= bars.length) continue;
    const passedSeconds = Math.min(MINUTE_MS, nowMs - minute.timeMs) / 1000;
    bars[at] = BARS[Math.min(BARS.length - 1, Math.floor(BARS.length * receivedShare(minute, passedSeconds)))];
  }
  const total = (of: (minute: ReceptionMinute) => number): number => minutes.reduce((sum, one) => sum + of(one), 0);
  const average = (
    of: (minute: ReceptionMinute) => number | null,
    weight: (m: ReceptionMinute) => number,
  ): number | null =>
    minutes.reduce<[number | null, number]>(
      ([sum, weights], one) => [
        mean(sum, weights, of(one), weight(one)),
        weights + (of(one) === null ? 0 : weight(one)),
      ],
      [null, 0],
    )[0];
  const locked =
    average(
      ({ lockedShare }) => lockedShare,
      ({ seconds }) => seconds,
    ) ?? 0;
  const errors = average(
    ({ blockErrorRate }) => blockErrorRate,
    ({ groups }) => groups,
  );
  const cnDb = average(
    (minute) => minute.cnDb,
    ({ seconds }) => seconds,
  );
  const parts = [`locked ${(100 * locked).toFixed(0)} % of the time`];
  if (errors !== null) parts.push(`block error rate ${(100 * errors).toFixed(1)} %`);
  if (cnDb !== null) parts.push(`C/N ${cnDb.toFixed(1)} dB`);
  parts.push(`${total(({ wholeGroups }) => wholeGroups)} of ${total(({ groups }) => groups)} groups whole`);
  const restarts = total((minute) => minute.restarts);
  if (restarts > 0) parts.push(`${restarts} ${restarts === 1 ? 'start' : 'starts'} of a group clock`);
  return `${bars.join('')} last ${bars.length} min: ${parts.join(', ')}`;
}

/** Share of a minute's groups that came whole, as far as the group clock tells how many there were. */
function receivedShare({ seconds, lockedShare, groups, wholeGroups }: ReceptionMinute, passedSeconds: number): number {
  if (groups === 0) return 0;
  const listened = passedSeconds > 0 ? Math.min(1, seconds / passedSeconds) : 1;
  return listened * lockedShare * (wholeGroups / groups);
}
