/**
 * Which object each run serves. The directory has the first ones after a change, until a receiver that misses none has it, and
 * from then on as many as `spacing.ts` says; the others go to the objects by the shares of `schedule.ts`.
 *
 * An object that rests (paused, or outside its window) gets no run and stays in the directory: leaving and coming back would
 * cost two versions and a handle's rest, and receivers short of memory drop first what is not listed. Its handle is given up
 * when another object waits for it and the rest is a long one (`lineup.ts`).
 *
 * Turns are taken on each stream for itself, so that a receiver that hears only stream 0 has the same shares.
 *
 * A changed set of objects becomes a new directory version only when every stream has taken up the one before, so that no
 * stream skips the version in which a handle rests. What is to be on air but finds no handle free waits for the next.
 */

import { type Directory, encodeDirectory, reviseDirectory } from '#codec/groups/directory.ts';
import { DIRECTORY_HANDLE, OBJECT_HANDLE_MAX } from '#codec/groups/handle.ts';
import type { StreamCarrier } from '#codec/groups/carry.ts';
import { directorySpacingRuns } from '#codec/groups/spacing.ts';
import { payloadNibbles } from '#codec/symbols/layout.ts';
import { makeSpreader } from '#codec/symbols/schemes.ts';
import type { Spreader } from '#codec/symbols/spread.ts';
import { type LiveObject, planShares } from './schedule.ts';
import { Turns } from './turns.ts';

export interface CarouselObject {
  readonly jobId: string;
  readonly bytes: Uint8Array;
  /** Of `codec/symbols/schemes.ts`. */
  readonly scheme: number;
  readonly deviceTypeTag: number;
  /** 0 = none. */
  readonly deadlineMinutes: number;
}

interface Served {
  readonly object: CarouselObject;
  readonly spreader: Spreader;
}

interface StreamState {
  readonly turns: Turns;
  /** Runs of the directory that the present version still needs before anything else. */
  firstRuns: number;
  /** Runs that it takes a receiver which misses none to have the directory. */
  passRuns: number;
  /** Runs that the directory was to have and did not. */
  directoryOwed: number;
  seenVersion: number;
}

const RUN_GROUPS = 16;
/** Symbols of a nibble beyond the directory's: a fountain needs 1.6 more on average, 6 more leave 1.6 % of failures. */
const SPARE_NIBBLES = 6;
/** An empty directory is said this often before the air goes to the programme alone. */
const LAST_WORD_RUNS = 4;

function keyOf(identity: Uint8Array): string {
  return identity.toHex();
}

export interface CarouselOptions {
  readonly pi: number;
  readonly carriers: readonly StreamCarrier[];
  /** The directory that was on air before a restart. */
  readonly previous: Directory | undefined;
  /** Must be durable when it resolves: a version never stands for two directories. */
  readonly save: (directory: Directory) => Promise<void>;
  /** How the object of a job stands at this moment; undefined while it rests. */
  readonly live: (jobId: string) => LiveObject | undefined;
  /** What the station can carry beside the directory. */
  readonly nibblesPerSecond: number;
}

export class Carousel {
  readonly #options: CarouselOptions;
  readonly #served = new Map<string, Served>();
  readonly #streams = new Map<StreamCarrier, StreamState>();
  #wanted: readonly Served[] = [];
  #directory: Directory | undefined;
  #changed = true;
  #settling = false;
  #offered = false;

  constructor(options: CarouselOptions) {
    this.#options = options;
    this.#directory = options.previous;
    for (const carrier of options.carriers)
      this.#streams.set(carrier, {
        turns: new Turns(),
        firstRuns: 0,
        passRuns: 1,
        directoryOwed: 0,
        seenVersion: -1,
      });
  }

  get directory(): Directory | undefined {
    return this.#directory;
  }

  /** Jobs whose objects have a handle. */
  listedJobs(): string[] {
    return [...this.#served.values()].map(({ object }) => object.jobId);
  }

  /** What shall be on air, the most important first; what is beyond the 13 handles waits. Takes effect with `settle`. */
  setObjects(objects: readonly CarouselObject[]): void {
    const wanted: Served[] = [];
    const before = [...this.#served.values(), ...this.#wanted];
    for (const object of objects) {
      if (wanted.length === OBJECT_HANDLE_MAX) break;
      const known = before.find((served) => served.object.bytes === object.bytes);
      const spreader = known?.spreader ?? makeSpreader(object.bytes, object.scheme);
      if (wanted.some((other) => keyOf(other.spreader.identity) === keyOf(spreader.identity))) continue;
      wanted.push({ object, spreader });
    }
    this.#wanted = wanted;
    this.#changed = true;
  }

  /** A change waits and the air is ready for it. */
  get canSettle(): boolean {
    return this.#changed && !this.#settling && this.#adopted();
  }

  /** Brings a change on air when the air is ready for one. Call between groups. */
  async settle(): Promise<void> {
    if (!this.canSettle) return;
    const present = new Set(this.#directory?.entries.map((entry) => keyOf(entry.identity)));
    const kept = this.#wanted.filter(({ spreader }) => present.has(keyOf(spreader.identity)));
    const fresh = this.#wanted.filter((served) => !kept.includes(served));
    const takable = fresh.slice(0, OBJECT_HANDLE_MAX - present.size);
    const next = this.#wanted.filter((served) => kept.includes(served) || takable.includes(served));
    if (this.#directory === undefined && next.length === 0) {
      this.#changed = false;
      return;
    }
    const revised = reviseDirectory(
      this.#directory,
      this.#options.pi,
      next.map(({ object, spreader }) => ({
        scheme: object.scheme,
        deviceTypeTag: object.deviceTypeTag,
        sizeBytes: spreader.sizeBytes,
        identity: spreader.identity,
        deadlineMinutes: object.deadlineMinutes,
      })),
    );
    this.#settling = true;
    try {
      // The same content needs no new version, after a restart for example.
      const same = this.#directory !== undefined && sameContent(this.#directory, revised);
      const directory = same && this.#directory !== undefined ? this.#directory : revised;
      if (!same) await this.#options.save(directory);
      this.#directory = directory;
      this.#offered = true;
      this.#changed = takable.length < fresh.length && !same;
      this.#serve(next);
      for (const carrier of this.#options.carriers)
        if (carrier.directory?.version !== directory.version) carrier.setDirectory(directory);
    } finally {
      this.#settling = false;
    }
  }

  /** Whether a stream has anything to say. A run that was begun is also ended. */
  hasWork(carrier: StreamCarrier): boolean {
    if (this.#directory === undefined) return false;
    const state = this.#streams.get(carrier);
    if (carrier.directory?.version !== this.#directory.version || (state?.firstRuns ?? 0) > 0) return true;
    if (carrier.counter % RUN_GROUPS !== 0) return true;
    for (const { object } of this.#served.values()) if (this.#options.live(object.jobId) !== undefined) return true;
    return false;
  }

  /** For `StreamCarrier.next`. */
  serve(carrier: StreamCarrier): number {
    const state = this.#streams.get(carrier);
    const { directory } = carrier;
    if (state === undefined || directory === undefined) return DIRECTORY_HANDLE;
    const nibblesPerGroup = payloadNibbles(carrier.stream);
    const nibblesPerRun = RUN_GROUPS * nibblesPerGroup;
    if (directory.version !== state.seenVersion) {
      state.seenVersion = directory.version;
      const nibbles = 2 * encodeDirectory(directory).length;
      // An anchor may be among them.
      state.passRuns = Math.ceil((nibbles + SPARE_NIBBLES) / (nibblesPerRun - nibblesPerGroup));
      state.firstRuns = directory.entries.length === 0 ? LAST_WORD_RUNS : state.passRuns;
      // The pass that begins now is the one of this spacing; the next run follows when that is over.
      state.directoryOwed = 1 - state.passRuns;
    }
    if (state.firstRuns > 0) {
      state.firstRuns--;
      return DIRECTORY_HANDLE;
    }
    const { shares, quickestRuns } = this.#plan(directory, nibblesPerRun);
    const { passRuns } = state;
    state.directoryOwed += passRuns / directorySpacingRuns({ stream: carrier.stream, quickestRuns, passRuns });
    if (state.directoryOwed >= 1) {
      state.directoryOwed -= 1;
      return DIRECTORY_HANDLE;
    }
    const identity = state.turns.next(shares);
    const entry = directory.entries.find((candidate) => keyOf(candidate.identity) === identity);
    return entry?.handle ?? DIRECTORY_HANDLE;
  }

  spreaderOf(carrier: StreamCarrier, handle: number): Spreader | undefined {
    const entry = carrier.directory?.entries.find((candidate) => candidate.handle === handle);
    return entry === undefined ? undefined : this.#served.get(keyOf(entry.identity))?.spreader;
  }

  /** Shares of what the directory lists and does not rest, by identity; and the runs in which the quickest of it is complete. */
  #plan(directory: Directory, nibblesPerRun: number): { shares: Map<string, number>; quickestRuns: number } {
    const listed = new Set(directory.entries.map((entry) => keyOf(entry.identity)));
    const keys: string[] = [];
    const objects: LiveObject[] = [];
    for (const [key, { object }] of this.#served) {
      const live = listed.has(key) ? this.#options.live(object.jobId) : undefined;
      if (live === undefined) continue;
      keys.push(key);
      objects.push(live);
    }
    const planned = planShares(objects, this.#options.nibblesPerSecond);
    let quickestRuns = Number.POSITIVE_INFINITY;
    for (const [i, { neededNibbles }] of objects.entries())
      quickestRuns = Math.min(quickestRuns, neededNibbles / nibblesPerRun / planned[i]);
    return { shares: new Map(keys.map((key, i) => [key, planned[i]])), quickestRuns };
  }

  #serve(objects: readonly Served[]): void {
    this.#served.clear();
    for (const served of objects) this.#served.set(keyOf(served.spreader.identity), served);
  }

  /** After a start nothing was offered yet, and the version before the restart was heard long enough. */
  #adopted(): boolean {
    return (
      !this.#offered || this.#options.carriers.every(({ directory }) => directory?.version === this.#directory?.version)
    );
  }
}

function contentOf(directory: Directory): Buffer {
  return Buffer.from(encodeDirectory({ ...directory, version: 0 }));
}

function sameContent(a: Directory, b: Directory): boolean {
  return contentOf(a).equals(contentOf(b));
}
