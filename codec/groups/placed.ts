/** Groups of a stream with their places: counter, and the directory versions around them (air-interface.md section 2.3). */

import { type Anchor, ANCHOR_SPACING, COUNTER_MODULUS, VERSION_ANCHORS_MIN } from './anchor.ts';
import type { DataGroup } from './select.ts';

export interface PlacedGroup {
  /** c, 24 bits. */
  readonly counter: number;
  readonly group: DataGroup;
  /** Directory version at the anchors on both sides, -1 = not known; both are equal where the version is certain. */
  readonly versionBefore: number;
  readonly versionAfter: number;
  readonly heardAt: number;
}

/** A group whose place is counted from any beginning. */
export interface CountedGroup {
  readonly place: number;
  readonly group: DataGroup;
  readonly heardAt: number;
}

/** 0 <= result < m. */
export function modulo(x: number, m: number): number {
  return ((x % m) + m) % m;
}

const SPANS = COUNTER_MODULUS / ANCHOR_SPACING;

/**
 * Gives groups their counter, `place` + `offset`, and the versions of the anchors `before` and `after` them. Leaves out those
 * more than four anchors away from the only version known.
 */
export function placedGroups(
  items: readonly CountedGroup[],
  offset: number,
  before: Anchor | undefined,
  after: Anchor | undefined,
): PlacedGroup[] {
  const beforeSpan = before === undefined ? -1 : before.counter / ANCHOR_SPACING;
  const afterSpan = after === undefined ? -1 : after.counter / ANCHOR_SPACING;
  const placed: PlacedGroup[] = [];
  for (const { place, group, heardAt } of items) {
    const counter = modulo(place + offset, COUNTER_MODULUS);
    const span = Math.floor(counter / ANCHOR_SPACING);
    const versionBefore = before?.version ?? -1;
    const versionAfter = span === beforeSpan ? versionBefore : (after?.version ?? -1);
    // A version holds for four anchors, and a handle stays empty for one version before it changes hands: so far from an
    // anchor it means the same as there, or nothing.
    const isFar =
      (versionBefore < 0 && modulo(afterSpan - span, SPANS) > VERSION_ANCHORS_MIN) ||
      (versionAfter < 0 && modulo(span - beforeSpan, SPANS) > VERSION_ANCHORS_MIN);
    if (!isFar) placed.push({ counter, group, versionBefore, versionAfter, heardAt });
  }
  return placed;
}
