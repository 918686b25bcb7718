/**
 * Follows the counter of one stream and gives every group its place (air-interface.md section 2.3).
 *
 * Groups are held back until an anchor confirms the count, and then handed on up to that anchor; with a clock, and as long as nothing had
 * to be guessed since, the runs after it are handed on when they end. What is handed on is never taken back. Where the count had to be
 * guessed (a break: a long fade, a new clock) and the next anchor says that the guess was wrong, the groups before the first break
 * belong to the old count, those after the last break to the new one, and what lies between is dropped.
 */

import {
  type Anchor,
  ANCHOR_SPACING,
  COUNTER_MODULUS,
  parseAnchorA,
  parseAnchorC,
  VERSION_ANCHORS_MIN,
} from './anchor.ts';
import type { StreamNumber } from './group.ts';
import { Pace } from './pace.ts';
import { type CountedGroup, modulo, type PlacedGroup, placedGroups } from './placed.ts';
import type { DataGroup } from './select.ts';

/** Groups whose count is confirmed, ascending, whole runs but for the lost groups. */
export interface Stretch {
  /**
   * -1, or when the stretch is the first one, or the first after so long a gap that directory versions may have wrapped: when
   * its first group was heard.
   */
  readonly reenteredAt: number;
  readonly groups: readonly PlacedGroup[];
  /** The anchor that confirmed them. */
  readonly anchor: Anchor | undefined;
}

export type FollowDrop =
  /** The place cannot be reached in the time that passed. */
  | 'impossible-place'
  /** Between two counts that contradict each other. */
  | 'place-unknown'
  /** Waited for an anchor for too long. */
  | 'no-anchor'
  /** More than four anchors away from the nearest version known. */
  | 'version-unknown';

/** `place` counts from the first group on, guesses included; it is congruent to c mod 16 (type A) or 8 (type C). */
interface Pending extends CountedGroup {
  /** The way here from the group before is a guess. */
  readonly broken: boolean;
  /** It is, because the place does not go with the rate. */
  readonly strange: boolean;
}

interface Candidate {
  readonly item: Pending;
  readonly anchor: Anchor;
  /** c - place, mod 2^24. */
  readonly offset: number;
  readonly clockEpoch: number;
}

/** Longest gap, in counted groups, over which directory versions cannot have wrapped unseen. */
const VERSION_MEMORY_GROUPS = 15_360;
/** A single type A anchor that follows a break is believed this far from the guess: a wrong one passes once in 2^18. */
const PLAUSIBLE_JUMP = 4096;
/** Two anchors of type A that far apart at most, in groups of the stream, confirm each other by the clock; and a share this small at least. */
const PAIR_SLOTS_MAX = 4096;
const PAIR_SHARE_MIN = 1 / 32;
const CANDIDATES_MAX = 64;

export class CounterFollower {
  readonly drops: Record<FollowDrop, number> = {
    'impossible-place': 0,
    'place-unknown': 0,
    'no-anchor': 0,
    'version-unknown': 0,
  };
  readonly #stream: StreamNumber;
  readonly #limit: number;
  readonly #pace: Pace;
  /** Whether a run that the version before the next anchor may not hold for can be used without it. */
  readonly #isSure: (groups: readonly PlacedGroup[]) => boolean;
  #pending: Pending[] = [];
  #last: Pending | undefined;
  #beforeLast: Pending | undefined;
  #refused = 0;
  #offset: number | undefined;
  /** The last anchor believed. */
  #held: Candidate | undefined;
  #candidates: Candidate[] = [];
  /** Groups before the first anchor, from before a gap that could not be counted over yet. */
  #early: { readonly items: readonly Pending[]; readonly next: Pending; readonly first: Candidate } | undefined;
  #clockEpoch = 0;
  #heldEpoch = -1;
  /** A guess is among the pending groups, other than at the anchor that is held. */
  #hasBreak = false;

  /** Holds back at most `limit` groups. */
  constructor(stream: StreamNumber, limit: number, isSure: (groups: readonly PlacedGroup[]) => boolean) {
    this.#stream = stream;
    this.#limit = limit;
    this.#pace = new Pace(stream);
    this.#isSure = isSure;
  }

  /** The count of the last group, if it is known. */
  get counter(): number | undefined {
    if (this.#offset === undefined || this.#last === undefined) return undefined;
    return modulo(this.#last.place + this.#offset, COUNTER_MODULUS);
  }

  /** Groups that no anchor has confirmed yet. */
  pending(): DataGroup[] {
    return this.#pending.map((item) => item.group);
  }

  /** `heardAt` is any count that goes up from group to group, on all streams together. */
  push(group: DataGroup, heardAt: number): Stretch[] {
    const item = this.#place(group, heardAt);
    if (item === undefined) return [];
    this.#beforeLast = this.#last;
    this.#last = item;
    this.#pending.push(item);
    if (this.#pending.length > this.#limit) this.#forgetOldest();
    if (item.broken) this.#hasBreak = true;
    if (group.place !== 0) return this.#endedRuns(item);
    const anchor = this.#stream === 0 ? parseAnchorA(0, group.words) : parseAnchorC(this.#stream, group.words);
    if (anchor === undefined) return this.#endedRuns(item);
    const offset = modulo(anchor.counter - item.place, COUNTER_MODULUS);
    const candidate = { item, anchor, offset, clockEpoch: this.#clockEpoch };
    if (candidate.offset === this.#offset) return this.#agree(candidate);
    const recounted = this.#recounted(candidate);
    if (recounted !== undefined) return this.#agree(recounted);
    const paired = this.#pairedByClock(candidate);
    if (paired !== undefined) return paired;
    const chain = this.#candidates.filter((other) => other.offset === candidate.offset);
    if (this.#stream !== 0 || chain.length > 0 || this.#followsBreak(candidate))
      return this.#relock([...chain, candidate]);
    if (this.#candidates.length === CANDIDATES_MAX) this.#candidates.shift();
    this.#candidates.push(candidate);
    return this.#endedRuns(item);
  }

  /**
   * Runs that ended with `item` or before it, when their count is certain without another anchor: those of the span of the last
   * anchor, and of the next span as far as its version cannot matter.
   */
  #endedRuns(item: Pending): Stretch[] {
    const held = this.#held;
    const offset = this.#offset;
    // Without a clock nobody knows how many groups are missing; and an anchor that says something else may be right.
    if (
      this.#hasBreak ||
      this.#candidates.length > 0 ||
      held === undefined ||
      offset === undefined ||
      item.group.slot < 0
    )
      return [];
    const counter = (place: number): number => modulo(place + offset, COUNTER_MODULUS);
    const previous = this.#pending.at(-2);
    const endsHere = (counter(item.place) & 15) === 15;
    if (!endsHere && (previous === undefined || counter(previous.place) >> 4 === counter(item.place) >> 4)) return [];
    const pending = this.#pending;
    const ended = endsHere ? pending.length : pending.length - 1;
    const groups: PlacedGroup[] = [];
    const kept: Pending[] = [];
    for (let at = 0; at < ended; ) {
      const first = counter(pending[at].place);
      let end = at + 1;
      while (end < ended && counter(pending[end].place) >> 4 === first >> 4) end++;
      const items = pending.slice(at, end);
      const span = modulo(first - held.anchor.counter, COUNTER_MODULUS) / ANCHOR_SPACING;
      const run = span < VERSION_ANCHORS_MIN + 1 ? this.#placed(items, offset, held.anchor, undefined) : [];
      if (span < 1 || (run.length > 0 && this.#isSure(run))) groups.push(...run);
      else kept.push(...items);
      at = end;
    }
    if (groups.length === 0) return [];
    this.#pending = [...kept, ...pending.slice(ended)];
    return [{ reenteredAt: -1, groups, anchor: undefined }];
  }

  /** The end of the input: what follows the last anchor, as far as nothing was guessed. */
  flush(): Stretch[] {
    const offset = this.#offset;
    if (offset === undefined || this.#held === undefined) return [];
    const breakAt = this.#pending.findIndex((item) => this.#isBreak(item));
    const certain = breakAt < 0 ? this.#pending : this.#pending.slice(0, breakAt);
    const groups = this.#placed(certain, offset, this.#held.anchor, undefined);
    this.#pending = breakAt < 0 ? [] : this.#pending.slice(breakAt);
    return [{ reenteredAt: -1, groups, anchor: undefined }];
  }

  #place(group: DataGroup, heardAt: number): Pending | undefined {
    const last = this.#last;
    if (group.clockRestarted) this.#clockEpoch++;
    if (last === undefined) return { place: group.place, group, heardAt, broken: true, strange: false };
    const step = this.#pace.step(last.group, group);
    const before = this.#beforeLast;
    const lastIsFree = this.#pending.at(-1) === last && last !== this.#held?.item;
    if (before !== undefined && lastIsFree && (!last.broken || last.strange)) {
      const around = this.#pace.step(before.group, group);
      const outlier =
        step === undefined || step.strange
          ? around !== undefined && !around.broken
          : // Without a clock: n, something else, n + 2.
            group.slot < 0 &&
            !step.broken &&
            around?.advance === 2 &&
            step.advance + last.place - before.place === this.#pace.modulus + 2;
      if (outlier && around !== undefined) {
        this.drops['impossible-place']++;
        this.#pending.pop();
        this.#hasBreak = this.#pending.some((item) => this.#isBreak(item));
        this.#candidates = this.#candidates.filter(({ item }) => item !== last);
        this.#last = before;
        return { ...around, place: before.place + around.advance, group, heardAt };
      }
    }
    if (step === undefined) {
      this.drops['impossible-place']++;
      if (++this.#refused < 3) return undefined;
      // The one before was the wrong one.
      this.#refused = 0;
      return { place: last.place + this.#pace.least(last.group, group), group, heardAt, broken: true, strange: false };
    }
    this.#refused = 0;
    this.#pace.note(last.group, group, step);
    return { ...step, place: last.place + step.advance, group, heardAt };
  }

  /**
   * The guesses since the anchor that is held, made anew with the rate that an anchor after them shows. Undefined when they still
   * do not lead to it.
   */
  #recounted(candidate: Candidate): Candidate | undefined {
    const held = this.#held;
    const offset = this.#offset;
    const { item, anchor } = candidate;
    if (held === undefined || offset === undefined || this.#heldEpoch !== this.#clockEpoch || !this.#hasBreak)
      return undefined;
    const slots = item.group.slot - held.item.group.slot;
    const groups = modulo(anchor.counter - held.anchor.counter, COUNTER_MODULUS);
    if (item.group.slot < 0 || held.item.group.slot < 0 || groups === 0 || groups > slots) return undefined;
    const { rate } = this.#pace;
    this.#pace.rate = groups / slots;
    const pending: Pending[] = [];
    let last = held.item;
    for (const one of this.#pending) {
      if (one.place <= held.item.place) {
        pending.push(one);
        continue;
      }
      const step = this.#pace.step(last.group, one.group);
      if (step === undefined) break;
      last = { ...one, place: last.place + step.advance };
      pending.push(last);
    }
    if (pending.length < this.#pending.length || last.place !== held.item.place + groups) {
      this.#pace.rate = rate;
      return undefined;
    }
    this.#pace.measure(groups, slots);
    this.#pending = pending;
    this.#last = last;
    this.#beforeLast = undefined;
    this.#candidates = [];
    return { ...candidate, item: last, offset };
  }

  /**
   * The count of two anchors of type A that contradict the count and go together by the clock, whatever was guessed between them: a
   * wrong one does that once in 2^19 for each that waits.
   */
  #pairedByClock(candidate: Candidate): Stretch[] | undefined {
    if (this.#stream !== 0) return undefined;
    const first = this.#candidates.findLast((other) => {
      const slots = candidate.item.group.slot - other.item.group.slot;
      const groups = modulo(candidate.anchor.counter - other.anchor.counter, COUNTER_MODULUS);
      const hasClock = other.item.group.slot >= 0 && other.clockEpoch === candidate.clockEpoch;
      return hasClock && slots <= PAIR_SLOTS_MAX && groups > 0 && groups <= slots && groups >= PAIR_SHARE_MIN * slots;
    });
    if (first === undefined || !this.#pending.includes(first.item)) return undefined;
    this.#pace.measure(
      modulo(candidate.anchor.counter - first.anchor.counter, COUNTER_MODULUS),
      candidate.item.group.slot - first.item.group.slot,
    );
    const stretches = this.#relock([first]);
    if (candidate.offset === this.#offset) return [...stretches, ...this.#agree(candidate)];
    const recounted = this.#recounted(candidate);
    return [...stretches, ...(recounted === undefined ? this.#relock([candidate]) : this.#agree(recounted))];
  }

  /** Counts back from the group `at` of `items`, as far as the rate makes it sure. Gives how far that is; -1 = to the anchor that is held. */
  #countBack(items: Pending[], at: number): number {
    for (let i = at; i > 0; i--) {
      const item = items[i - 1];
      if (item === this.#held?.item) return -1;
      const step = this.#pace.step(item.group, items[i].group);
      if (step === undefined || step.broken) return i;
      items[i - 1] = { ...item, place: items[i].place - step.advance };
    }
    return 0;
  }

  /** The groups before the first anchor that could not be counted back from it then, when the rate is known. */
  #placeEarly(): Stretch[] {
    const early = this.#early;
    if (early === undefined || !this.#pace.isMeasured) return [];
    this.#early = undefined;
    const { items, next, first } = early;
    const all = [...items, next];
    const from = this.#countBack(all, items.length);
    this.drops['place-unknown'] += from;
    const groups = this.#placed(all.slice(from, items.length), first.offset, undefined, first.anchor);
    return [{ reenteredAt: -1, groups, anchor: undefined }];
  }

  #followsBreak(candidate: Candidate): boolean {
    if (this.#offset === undefined || this.#held === undefined) return false;
    const jump = modulo(candidate.offset - this.#offset, COUNTER_MODULUS);
    const withoutClock = candidate.item.group.slot < 0;
    if (jump < PLAUSIBLE_JUMP && withoutClock) return true;
    const near = jump < PLAUSIBLE_JUMP || COUNTER_MODULUS - jump < PLAUSIBLE_JUMP;
    return near && this.#pending.some((item) => this.#isBreak(item));
  }

  /** Whether the count was guessed since the anchor that is held. The anchor itself is certain, however it was reached. */
  #isBreak(item: Pending): boolean {
    return item.broken && item !== this.#held?.item;
  }

  #agree(candidate: Candidate): Stretch[] {
    const { item, anchor, offset } = candidate;
    const at = this.#pending.indexOf(item);
    // It was handed on with its run already.
    if (at < 0) return [];
    const before = this.#pending.slice(0, at);
    const held = this.#held;
    const gap = held === undefined ? 0 : modulo(anchor.counter - held.anchor.counter, COUNTER_MODULUS);
    const reentered = gap > VERSION_MEMORY_GROUPS;
    const stretches: Stretch[] = [];
    if (reentered && held !== undefined) {
      const isOld = (p: Pending): boolean => p.place < held.item.place + ANCHOR_SPACING;
      stretches.push({
        reenteredAt: -1,
        groups: this.#placed(before.filter(isOld), offset, held.anchor, undefined),
        anchor: undefined,
      });
      const groups = this.#placed(
        before.filter((p) => !isOld(p)),
        offset,
        undefined,
        anchor,
      );
      stretches.push({ reenteredAt: groups[0]?.heardAt ?? item.heardAt, groups, anchor });
    } else stretches.push({ reenteredAt: -1, groups: this.#placed(before, offset, held?.anchor, anchor), anchor });
    this.#measureRate(candidate);
    this.#hold(candidate, at);
    return [...this.#placeEarly(), ...stretches];
  }

  /** Takes the count that the anchors of `chain` agree on; the last of them is the newest group. */
  #relock(chain: readonly Candidate[]): Stretch[] {
    const [first, ...rest] = chain;
    const at = this.#pending.indexOf(first.item);
    if (at < 0) return rest.length > 0 ? this.#relock(rest) : [];
    const sureFrom = first.item.group.slot < 0 ? at : this.#countBack(this.#pending, at);
    const stretches: Stretch[] = [];
    let firstBreak = -1;
    let lastBreak = sureFrom > 0 && sureFrom < at ? sureFrom : -1;
    for (let i = 0; i <= sureFrom; i++) {
      if (!this.#isBreak(this.#pending[i])) continue;
      if (firstBreak < 0) firstBreak = i;
      lastBreak = Math.max(lastBreak, i);
    }
    if (lastBreak >= 0 && firstBreak < 0) firstBreak = lastBreak;
    if (this.#offset === undefined && firstBreak < 0) firstBreak = lastBreak = 0;
    const held = this.#held;
    if (this.#offset !== undefined && held !== undefined && firstBreak > 0) {
      const groups = this.#placed(this.#pending.slice(0, firstBreak), this.#offset, held.anchor, undefined);
      stretches.push({ reenteredAt: -1, groups, anchor: undefined });
    }
    const kept = lastBreak < 0 ? at : lastBreak;
    if (this.#offset === undefined && kept > 0 && first.item.group.slot >= 0) {
      this.#early = { items: this.#pending.slice(0, kept), next: this.#pending[kept], first };
    } else this.drops['place-unknown'] += kept - Math.max(0, firstBreak);
    const gap = held === undefined ? Infinity : modulo(first.anchor.counter - held.anchor.counter, COUNTER_MODULUS);
    const groups = this.#placed(this.#pending.slice(kept, at), first.offset, undefined, first.anchor);
    stretches.push({
      reenteredAt: gap > VERSION_MEMORY_GROUPS ? (groups[0]?.heardAt ?? first.item.heardAt) : -1,
      groups,
      anchor: first.anchor,
    });
    this.#measureRate(first);
    this.#offset = first.offset;
    this.#heldEpoch = -1;
    this.#hold(first, at);
    for (const next of rest) stretches.push(...this.#agree(next));
    return stretches;
  }

  #hold(candidate: Candidate, at: number): void {
    this.#pending = this.#pending.slice(at);
    this.#held = candidate;
    this.#hasBreak = this.#pending.some((item) => this.#isBreak(item));
    this.#heldEpoch = this.#clockEpoch;
    this.#candidates = this.#candidates.filter(({ item }) => item.place > candidate.item.place);
  }

  #measureRate({ item, anchor }: Candidate): void {
    const held = this.#held;
    if (held === undefined || this.#heldEpoch !== this.#clockEpoch || item.group.slot < 0 || held.item.group.slot < 0)
      return;
    const slots = item.group.slot - held.item.group.slot;
    const groups = modulo(anchor.counter - held.anchor.counter, COUNTER_MODULUS);
    if (slots < groups || groups === 0) return;
    this.#pace.measure(groups, slots);
  }

  #placed(
    items: readonly Pending[],
    offset: number,
    before: Anchor | undefined,
    after: Anchor | undefined,
  ): PlacedGroup[] {
    const groups = placedGroups(items, offset, before, after);
    this.drops['version-unknown'] += items.length - groups.length;
    return groups;
  }

  #forgetOldest(): void {
    const count = Math.ceil(this.#limit / 4);
    this.drops['no-anchor'] += count;
    this.#pending = this.#pending.slice(count);
    const from = this.#pending[0]?.place ?? 0;
    this.#candidates = this.#candidates.filter(({ item }) => item.place >= from);
  }
}
