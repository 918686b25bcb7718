/**
 * From groups to symbols that are known to belong to an object: selects ours, follows the counters, resolves runs, learns
 * directories. The inverse of `carry.ts`.
 */

import { bytesEqual } from '../bytes.ts';
import type { Directory, DirectoryEntry } from './directory.ts';
import { CounterFollower, type FollowDrop, type Stretch } from './follow.ts';
import type { ReceivedGroup, StreamNumber } from './group.ts';
import { STREAM_NUMBERS } from './group.ts';
import type { PlacedGroup } from './placed.ts';
import { resolveRun, type Run, type RunDrop, runsOf, type SymbolGroup } from './resolve.ts';
import { type DataGroup, GroupSelector, type SelectDrop, type Tuning } from './select.ts';
import { DirectoryShelf } from './shelf.ts';

export type GatherEvent =
  /** One of our groups was taken in; whoever keeps a log writes it down. */
  | { readonly kind: 'data'; readonly group: DataGroup }
  | { readonly kind: 'tuned'; readonly tuning: Tuning }
  /** The directory in force, learned or confirmed to be another than before. */
  | { readonly kind: 'directory'; readonly directory: Directory; readonly bytes: Uint8Array }
  | {
      readonly kind: 'symbols';
      readonly entry: DirectoryEntry;
      readonly stream: StreamNumber;
      readonly symbols: readonly SymbolGroup[];
    };

export type GatherDrop =
  | SelectDrop
  | FollowDrop
  | RunDrop
  /** Single groups whose handle bit disagrees with their run. */
  | 'group-in-wrong-run'
  /** Waited for a directory for too long, or through a gap in reception. */
  | 'no-directory'
  /** A directory that was whole and yet unusable. */
  | 'directory-unusable'
  /** A directory that was forgotten, because what came under its version was of another one. */
  | 'directory-contradicted';

export interface GatherLimits {
  /** Groups of one stream that wait for an anchor; about 150 bytes each. */
  readonly pendingGroups: number;
  /** Groups that wait for a directory; about 200 bytes each. */
  readonly waitingGroups: number;
}

export const DEFAULT_GATHER_LIMITS: GatherLimits = { pendingGroups: 4096, waitingGroups: 16_384 };

/** Groups that cannot be used yet. */
interface Waiting {
  readonly run: Run;
  readonly lacks: 'directory' | 'directory-size';
}

export class Gatherer {
  readonly #limits: GatherLimits;
  readonly #selector = new GroupSelector();
  readonly #shelf = new DirectoryShelf();
  #followers: CounterFollower[];
  /** When the stream was last entered, see `Run.epoch`. */
  #epochs = [0, 0, 0, 0];
  #now = 0;
  #waiting: Waiting[] = [];
  #waitingGroups = 0;
  #versionNow = -1;
  #versionEpoch = 0;
  #announced: Uint8Array | undefined;
  readonly #drops = new Map<GatherDrop, number>();

  constructor(limits: GatherLimits = DEFAULT_GATHER_LIMITS) {
    this.#limits = limits;
    this.#followers = this.#newFollowers();
  }

  get tuning(): Tuning | undefined {
    return this.#selector.tuning;
  }

  /** Whether the directory that the last anchor spoke of is known, and was heard since reception began or was interrupted for long. */
  get knowsDirectory(): boolean {
    return this.#shelf.directoryOf(this.#versionNow, this.#versionEpoch) !== undefined;
  }

  push(group: ReceivedGroup): GatherEvent[] {
    const selected = this.#selector.push(group);
    switch (selected.kind) {
      case 'nothing':
        return [];
      case 'tuned':
        return this.#tuned(selected.tuning, selected.stationChanged);
      case 'data':
        return [{ kind: 'data', group: selected.group }, ...this.pushData(selected.group)];
    }
    return selected satisfies never;
  }

  /** One of our groups, already selected (from a log). */
  pushData(group: DataGroup): GatherEvent[] {
    this.#now++;
    return this.#take(group.stream, this.#followers[group.stream].push(group, this.#now));
  }

  /** Announcements from a log. */
  restoreTuning(tuning: Tuning): void {
    const before = this.#selector.tuning;
    this.#selector.restore(tuning);
    this.#tuned(tuning, before !== undefined && before.pi !== tuning.pi);
  }

  /** A directory from a log; it has to be heard again before it speaks for new groups. */
  restoreDirectory(bytes: Uint8Array): Directory | undefined {
    return this.#shelf.restore(bytes);
  }

  /** The end of the input: hands on what needs no further anchor. */
  flush(): GatherEvent[] {
    return STREAM_NUMBERS.flatMap((stream) => this.#take(stream, this.#followers[stream].flush()));
  }

  /** Groups that have not been used yet, stream by stream, each in the order they came: they wait for a directory or an anchor. */
  pending(): DataGroup[] {
    return this.#followers.flatMap((follower, stream) => {
      const waiting = this.#waiting.flatMap(({ run }) => (run.stream === stream ? run.groups : []));
      return [...waiting.toSorted((a, b) => a.heardAt - b.heardAt).map(({ group }) => group), ...follower.pending()];
    });
  }

  /** Counters of the streams, where known. */
  counters(): (number | undefined)[] {
    return this.#followers.map((follower) => follower.counter);
  }

  drops(): Record<string, number> {
    const all: Record<string, number> = { ...this.#selector.drops, ...Object.fromEntries(this.#drops) };
    for (const follower of this.#followers) {
      for (const [reason, count] of Object.entries(follower.drops)) all[reason] = (all[reason] ?? 0) + count;
    }
    all['directory-unusable'] = this.#shelf.faults;
    all['directory-contradicted'] = this.#shelf.contradicted;
    return all;
  }

  #newFollowers(): CounterFollower[] {
    return STREAM_NUMBERS.map(
      (stream) => new CounterFollower(stream, this.#limits.pendingGroups, (groups) => this.#isSure(stream, groups)),
    );
  }

  /** The directory before the next anchor gives the run an object: the next one gives it the same, or none. */
  #isSure(stream: StreamNumber, groups: readonly PlacedGroup[]): boolean {
    const [run] = runsOf(stream, groups, this.#epochs[stream]);
    return (
      run !== undefined && resolveRun(run, (version) => this.#shelf.directoryOf(version, run.epoch)).kind === 'object'
    );
  }

  #drop(reason: GatherDrop, count: number): void {
    if (count > 0) this.#drops.set(reason, (this.#drops.get(reason) ?? 0) + count);
  }

  #tuned(tuning: Tuning, stationChanged: boolean): GatherEvent[] {
    if (stationChanged) {
      for (const follower of this.#followers) {
        for (const [reason, count] of Object.entries(follower.drops)) this.#drop(reason as FollowDrop, count);
      }
      this.#followers = this.#newFollowers();
      this.#shelf.forgetAll();
      this.#dropWaiting(() => true);
      this.#versionNow = -1;
      this.#announced = undefined;
    }
    this.#shelf.pi = tuning.pi;
    return [{ kind: 'tuned', tuning }];
  }

  #take(stream: StreamNumber, stretches: readonly Stretch[]): GatherEvent[] {
    const events: GatherEvent[] = [];
    for (const { reenteredAt, groups, anchor } of stretches) {
      if (reenteredAt >= 0) {
        this.#epochs[stream] = reenteredAt;
        this.#dropWaiting((run) => run.stream === stream);
      }
      let news = anchor !== undefined && this.#shelf.noteAnchor(stream, anchor, this.#now);
      for (const run of runsOf(stream, groups, this.#epochs[stream])) news = this.#resolve(run, events) || news;
      if (anchor !== undefined) {
        this.#versionNow = anchor.version;
        this.#versionEpoch = this.#epochs[stream];
      }
      if (news) this.#resolveWaiting(events);
    }
    if (stretches.length > 0) this.#announceDirectory(events);
    return events;
  }

  /** True when a directory was learned or confirmed. */
  #resolve(run: Run, events: GatherEvent[]): boolean {
    if (this.#isOfAnotherRound(run)) {
      this.#drop('no-directory', run.groups.length);
      return false;
    }
    const result = resolveRun(run, (version) => this.#shelf.directoryOf(version, run.epoch));
    switch (result.kind) {
      case 'drop':
        this.#drop(result.reason, run.groups.length);
        return false;
      case 'wait':
        this.#wait({ run, lacks: 'directory' });
        return false;
      case 'object':
        this.#drop('group-in-wrong-run', result.wrong);
        events.push({ kind: 'symbols', entry: result.entry, stream: run.stream, symbols: result.symbols });
        return false;
      case 'directory': {
        const { version, symbols, isLikely } = result;
        const news = this.#shelf.addSymbols(version, run.stream, symbols, run.heardAt, isLikely);
        if (news === 'size-unknown') this.#wait({ run, lacks: 'directory-size' });
        else this.#drop('group-in-wrong-run', result.wrong);
        return news === 'learned' || news === 'confirmed';
      }
    }
    return result satisfies never;
  }

  #resolveWaiting(events: GatherEvent[]): void {
    let news = true;
    while (news) {
      news = false;
      const all = this.#waiting;
      this.#waiting = [];
      this.#waitingGroups = 0;
      for (const waiting of all) {
        if (this.#isReady(waiting)) news = this.#resolve(waiting.run, events) || news;
        else this.#wait(waiting);
      }
      // Each turn uses up the directory runs that caused it, so this ends.
    }
  }

  /** Cheap, because it is asked of everything that waits whenever a directory was heard. */
  #isReady({ run, lacks }: Waiting): boolean {
    const { versionBefore, versionAfter, epoch } = run;
    if (lacks === 'directory-size') return this.#shelf.takesSymbols(versionBefore < 0 ? versionAfter : versionBefore);
    const isKnown = (version: number): boolean => version < 0 || this.#shelf.directoryOf(version, epoch) !== undefined;
    return isKnown(versionBefore) && isKnown(versionAfter);
  }

  #isOfAnotherRound({ versionBefore, versionAfter, heardAt }: Run): boolean {
    return heardAt < this.#shelf.roundOf(versionBefore) || heardAt < this.#shelf.roundOf(versionAfter);
  }

  #wait(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#waitingGroups += waiting.run.groups.length;
    while (this.#waitingGroups > this.#limits.waitingGroups) {
      const oldest = this.#waiting.shift();
      if (oldest === undefined) break;
      this.#waitingGroups -= oldest.run.groups.length;
      this.#drop('no-directory', oldest.run.groups.length);
    }
  }

  #dropWaiting(isMeant: (run: Run) => boolean): void {
    const kept: Waiting[] = [];
    this.#waitingGroups = 0;
    for (const waiting of this.#waiting) {
      const { run } = waiting;
      if (isMeant(run)) this.#drop('no-directory', run.groups.length);
      else {
        kept.push(waiting);
        this.#waitingGroups += run.groups.length;
      }
    }
    this.#waiting = kept;
  }

  #announceDirectory(events: GatherEvent[]): void {
    if (this.#versionNow < 0) return;
    const directory = this.#shelf.directoryOf(this.#versionNow, this.#versionEpoch);
    const bytes = this.#shelf.bytesOf(this.#versionNow);
    if (directory === undefined || bytes === undefined) return;
    if (this.#announced !== undefined && bytesEqual(bytes, this.#announced)) return;
    this.#announced = bytes;
    // First, so that whoever hears of symbols knows whose they are.
    events.unshift({ kind: 'directory', directory, bytes });
  }
}
