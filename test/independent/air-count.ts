/** Sections 2.1 to 2.3 of docs/air-interface.md: the counter without a clock, the handle of a run, the payload of a group. */

import { ANCHOR_SPACING, codeBit, COUNTER_MODULUS, unscramble } from './air-bits.ts';
import { LOST, type Payload } from './air-fountain.ts';
import { type Anchor, type OurGroup, placeGroups, readAnchor } from './air-groups.ts';

export interface CountedGroup extends OurGroup {
  readonly c: number;
  /** c, but going on where c wraps. */
  readonly position: number;
}

export interface Counted {
  readonly groups: CountedGroup[];
  /** Those that were believed, by position / 128. */
  readonly anchors: Map<number, Anchor>;
}

/** Groups far from the count by fewer than this many are believed to be there: anchors (section 3). */
const BELIEVED_JUMP = 4096;

const modulo = (value: number, modulus: number): number => ((value % modulus) + modulus) % modulus;

/**
 * What has to be added to a group's place to get its position is the `shift`. Groups are held until an anchor agrees with the
 * count. Nothing tells here that 16 groups (8 in type C) or more are missing at once, but the next anchor: so it is waited
 * for, and only at the end of the recording are groups used that have none behind them.
 */
export function countGroups(groups: readonly OurGroup[]): Counted {
  const counted: Counted = { groups: [], anchors: new Map() };
  let held: { group: OurGroup; place: number }[] = [];
  let shift: number | undefined;
  let lastAnchorPosition = 0;
  /** Anchors of type A that wait for a second one. */
  let waiting: { anchor: Anchor; shift: number; place: number }[] = [];
  const believe = (anchor: Anchor, position: number): void => {
    counted.anchors.set(position / ANCHOR_SPACING, anchor);
    lastAnchorPosition = position;
  };
  const release = (byShift: number, end = Infinity): void => {
    for (const { group, place } of held) {
      const position = place + byShift;
      if (position < end) counted.groups.push({ ...group, position, c: position % COUNTER_MODULUS });
    }
    held = [];
  };
  for (const { group, place } of placeGroups(groups, groups[0]?.stream === 0 ? 16 : 8)) {
    held.push({ group, place });
    const anchor = readAnchor(group);
    if (anchor === undefined) continue;
    const ahead = modulo(anchor.c - place - (shift ?? 0), COUNTER_MODULUS);
    if (shift === undefined || ahead !== 0) {
      const shiftHere = (shift ?? 0) + ahead;
      const first = waiting.find((candidate) => candidate.shift === shiftHere);
      if (group.stream === 0 && first === undefined && (shift === undefined || ahead >= BELIEVED_JUMP)) {
        waiting.push({ anchor, shift: shiftHere, place });
        continue;
      }
      // The first anchor counts backwards to the first group ever; one that contradicts drops what was held before it.
      const since = first?.place ?? place;
      if (shift !== undefined) held = held.filter((entry) => entry.place >= since);
      shift = shiftHere;
      if (first !== undefined) believe(first.anchor, first.place + shift);
    }
    waiting = [];
    believe(anchor, place + shift);
    release(shift);
  }
  if (shift !== undefined) release(shift, lastAnchorPosition + 2 * ANCHOR_SPACING);
  return counted;
}

/** Groups of each run; a run is of one stream. */
export function runsOf(groups: readonly CountedGroup[]): CountedGroup[][] {
  return [...Map.groupBy(groups, (group) => Math.floor(group.position / 16)).values()];
}

export const ANY_HANDLE = Array.from({ length: 14 }, (_, handle) => handle);

/** The handle of a run and the groups that agree with it. */
export function resolveRun(
  run: readonly CountedGroup[],
  candidates: readonly number[],
): { handle: number; agreeing: CountedGroup[] } | undefined {
  const byErrors = candidates.map((handle) => {
    const agreeing = run.filter((group) => group.r === codeBit(handle, group.c % 16));
    return { handle, agreeing, wrong: run.length - agreeing.length };
  });
  byErrors.sort((a, b) => a.wrong - b.wrong);
  const [best, second] = byErrors;
  const others = second === undefined ? Infinity : second.wrong;
  const isResolved = best.wrong === 0 ? others > 0 : best.wrong === 1 && others >= 3 && run.length >= 4;
  return isResolved ? best : undefined;
}

const nibblesOf = (word: number): number[] => [12, 8, 4, 0].map((shift) => (word >>> shift) & 0xf);
const LOST_WORD = [LOST, LOST, LOST, LOST];

/** Undefined for an anchor, which carries nothing of an object. */
export function payloadOf({ stream, c, p, blocks }: CountedGroup): Payload | undefined {
  if (c % ANCHOR_SPACING === 0) return undefined;
  const firstBlock = stream === 0 ? 3 : 2;
  const words = blocks.flatMap((block, i) =>
    block === null ? LOST_WORD : nibblesOf(unscramble(block, stream, c, firstBlock + i)),
  );
  return { stream, c, nibbles: p === undefined ? words : [p, ...words] };
}
