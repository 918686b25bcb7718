/** Picks our groups out of everything a station sends, as its announcements say (air-interface.md section 1.1). */

import { parseAnnouncement, parseAssignment } from './announce.ts';
import type { ReceivedGroup, StreamNumber } from './group.ts';
import { LOST_BLOCK } from './group.ts';

/** One of our groups without its wrapping: all that is needed to place it and use it later. */
export interface DataGroup {
  readonly stream: StreamNumber;
  /** c mod 16 (type A) or c mod 8 (type C). */
  readonly place: number;
  /** The handle bit r. */
  readonly check: number;
  /** The payload: two blocks (type A) or four bits and three blocks (type C); a lost one is `LOST_BLOCK`. */
  readonly words: readonly number[];
  /** As in `ReceivedGroup`. */
  readonly slot: number;
  readonly clockRestarted: boolean;
}

/** What the announcements have told. */
export interface Tuning {
  readonly pi: number;
  /** -1 until a 3A group was heard. */
  readonly groupTypeCode: number;
  /** Function number on streams 1..3. */
  readonly channel: number;
}

export type Selected =
  | { readonly kind: 'data'; readonly group: DataGroup }
  /** Another station, or ours announced differently: `pi` tells which. */
  | { readonly kind: 'tuned'; readonly tuning: Tuning; readonly stationChanged: boolean }
  | { readonly kind: 'nothing' };

export type SelectDrop =
  /** A 3A group of ours in a format version we do not know. */
  | 'announcement-version'
  /** The station's PI is not the one we follow. */
  | 'other-station'
  /** One of our groups whose symbols were lost. */
  | 'no-symbols';

const NOTHING: Selected = { kind: 'nothing' };

export class GroupSelector {
  readonly drops: Record<SelectDrop, number> = { 'announcement-version': 0, 'other-station': 0, 'no-symbols': 0 };
  #tuning: Tuning | undefined;
  /** A different announcement, heard once; a second one in a row is believed. */
  #rival: Tuning | undefined;
  /** A programme group may have been the first after the clock restarted. */
  readonly #restarted = [false, false, false, false];

  get tuning(): Tuning | undefined {
    return this.#tuning;
  }

  /** Goes on as if these announcements had been heard (from a log). */
  restore(tuning: Tuning): void {
    this.#tuning = tuning;
    this.#rival = undefined;
  }

  push(group: ReceivedGroup): Selected {
    if (group.clockRestarted) this.#restarted[group.stream] = true;
    return group.stream === 0 ? this.#pushA(group) : this.#pushC(group);
  }

  #pushA(group: ReceivedGroup): Selected {
    const [a, b, c, d] = group.blocks;
    if (b === LOST_BLOCK) return NOTHING;
    const parsed = parseAnnouncement(group);
    if (parsed?.kind === 'other-version') {
      this.drops['announcement-version']++;
      return NOTHING;
    }
    const tuning = this.#tuning;
    if (parsed !== undefined) {
      const pi = a === LOST_BLOCK ? tuning?.pi : a;
      if (pi === undefined) return NOTHING;
      const { groupTypeCode, channel } = parsed.announcement;
      return this.#heard({ pi, groupTypeCode, channel });
    }
    if (tuning === undefined || b >> 11 !== tuning.groupTypeCode) return NOTHING;
    if (a !== LOST_BLOCK && a !== tuning.pi) {
      this.drops['other-station']++;
      return NOTHING;
    }
    return this.#data(group, b & 15, (b >> 4) & 1, [c, d]);
  }

  #pushC(group: ReceivedGroup): Selected {
    const [a, b, c, d] = group.blocks;
    if (a === LOST_BLOCK) return NOTHING;
    const assignment = parseAssignment(group);
    const tuning = this.#tuning;
    if (assignment !== undefined) {
      if (tuning === undefined) return this.#heard({ ...assignment, groupTypeCode: -1 });
      return this.#heard({ ...assignment, groupTypeCode: assignment.pi === tuning.pi ? tuning.groupTypeCode : -1 });
    }
    if (tuning === undefined || a >> 8 !== (0x40 | tuning.channel)) return NOTHING;
    if (b === LOST_BLOCK && c === LOST_BLOCK && d === LOST_BLOCK) {
      this.drops['no-symbols']++;
      return NOTHING;
    }
    return this.#data(group, (a >> 4) & 7, (a >> 7) & 1, [a & 15, b, c, d]);
  }

  #data(group: ReceivedGroup, place: number, check: number, words: readonly number[]): Selected {
    if (words.every((word) => word === LOST_BLOCK)) {
      this.drops['no-symbols']++;
      return NOTHING;
    }
    const { stream, slot } = group;
    const clockRestarted = this.#restarted[stream];
    this.#restarted[stream] = false;
    return { kind: 'data', group: { stream, place, check, words, slot, clockRestarted } };
  }

  /** The first announcement is believed at once; a change must be heard twice in a row, because groups can be wrong. */
  #heard(heard: Tuning): Selected {
    const now = this.#tuning;
    if (now !== undefined && sameTuning(now, heard)) {
      this.#rival = undefined;
      return NOTHING;
    }
    const firstGroupType = now !== undefined && now.groupTypeCode < 0 && now.pi === heard.pi;
    if (now !== undefined && !firstGroupType && (this.#rival === undefined || !sameTuning(this.#rival, heard))) {
      this.#rival = heard;
      return NOTHING;
    }
    this.#rival = undefined;
    this.#tuning = heard;
    return { kind: 'tuned', tuning: heard, stationChanged: now !== undefined && now.pi !== heard.pi };
  }
}

function sameTuning(a: Tuning, b: Tuning): boolean {
  return a.pi === b.pi && a.groupTypeCode === b.groupTypeCode && a.channel === b.channel;
}
