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
 * A changed set of objects becomes a new directory version only when every stream takes it up at its next anchor, so that no
 * stream skips the version in which a handle rests, and what else changes while a version is not yet four anchors old goes into the
 * same next one. What is to be on air but finds no handle free waits for the one after that.
 *
 * What is withdrawn has no more runs at once, listed or not. What has lost its handle to another object has them until that version.
 */

import { RUN_GROUPS } from '#codec/groups/anchor.ts';
import { type Directory, encodeDirectory, objectKey, reviseDirectory } from '#codec/groups/directory.ts';
import { DIRECTORY_HANDLE, OBJECT_HANDLE_MAX } from '#codec/groups/handle.ts';
import type { StreamCarrier } from '#codec/groups/carry.ts';
import { directorySpacingRuns } from '#codec/groups/spacing.ts';
import { payloadNibbles } from '#codec/symbols/layout.ts';
import { makeSpreader, SCHEME_REED_SOLOMON } from '#codec/symbols/schemes.ts';
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
  readonly key: string;
}

interface StreamState {
  readonly turns: Turns;
  /** Runs of the directory that the present version still needs before anything else. */
  firstRuns: number;
  /** Runs that it takes a receiver which misses none to have the directory. */
  passRuns: number;
  /** Runs that the directory was to have and did not. */
  directoryOwed: number;
  /** 0 .. 1: streams say the directory one after the other, because a receiver of several needs it from one of them. */
  readonly phase: number;
  seenVersion: number;
  /** Keys of what the directory in force lists. */
  listed: ReadonlySet<string>;
}

/** Symbols of a nibble beyond the directory's: a fountain needs 1.6 more on average, 6 more leave 1.6 % of failures. */
const SPARE_NIBBLES = 6;
/** An empty directory is said this often before the air goes to the programme alone. */
const LAST_WORD_RUNS = 4;

function keysIn(directory: Directory | undefined): ReadonlySet<string> {
  return new Set(directory?.entries.map(objectKey));
}

interface Planned {
  readonly shares: ReadonlyMap<string, number>;
  /** Of these, what must not have its runs at regular distances. */
  readonly irregular: ReadonlySet<string>;
  readonly quickestRuns: number;
}

interface Revision {
  readonly directory: Directory;
  /** What it lists. */
  readonly objects: readonly Served[];
  /** What finds no handle yet. */
  readonly waiting: ReadonlySet<string>;
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
  /** Wanted, and found no handle in the last version. */
  #waiting: ReadonlySet<string> = new Set();
  #directory: Directory | undefined;
  /** A new version is needed. */
  #changed = false;
  #settling = false;
  #offered = false;

  constructor(options: CarouselOptions) {
    this.#options = options;
    this.#directory = options.previous;
    for (const [i, carrier] of options.carriers.entries())
      this.#streams.set(carrier, {
        turns: new Turns(),
        firstRuns: 0,
        passRuns: 1,
        directoryOwed: 0,
        phase: i / options.carriers.length,
        seenVersion: -1,
        listed: new Set(),
      });
  }

  get directory(): Directory | undefined {
    return this.#directory;
  }

  /** Jobs whose objects have a handle, or will in the next version. */
  listedJobs(): string[] {
    const listed = keysIn(this.#directory);
    return [...this.#served.values()].filter(({ key }) => listed.has(key)).map(({ object }) => object.jobId);
  }

  /** What shall be on air, the most important first; what is beyond the 13 handles waits. Takes effect with `settle`. */
  setObjects(objects: readonly CarouselObject[]): void {
    const wanted: Served[] = [];
    const before = [...this.#served.values(), ...this.#wanted];
    for (const object of objects) {
      if (wanted.length === OBJECT_HANDLE_MAX) break;
      // What two jobs share is spread once.
      const known = [...before, ...wanted].find(
        ({ object: { bytes, scheme } }) => bytes === object.bytes && scheme === object.scheme,
      );
      const spreader = known?.spreader ?? makeSpreader(object.bytes, object.scheme);
      const key = objectKey({ identity: spreader.identity, scheme: object.scheme });
      if (!wanted.some((other) => other.key === key)) wanted.push({ object, spreader, key });
    }
    for (const { key, object } of this.#served.values()) {
      const again = wanted.find((other) => other.key === key);
      if (again !== undefined) this.#served.set(key, again);
      else if (!objects.some(({ bytes }) => bytes === object.bytes)) this.#served.delete(key);
    }
    this.#wanted = wanted;
    this.#changed = this.#isChanged();
  }

  /** A change waits and the air is ready for it. */
  get canSettle(): boolean {
    return (
      this.#changed && !this.#settling && this.#adopted() && this.#options.carriers.every(({ mayChange }) => mayChange)
    );
  }

  /** Brings a change on air when the air is ready for one. Call between groups. */
  async settle(): Promise<void> {
    if (!this.canSettle) return;
    const { directory, objects, waiting } = this.#revise();
    this.#settling = true;
    try {
      // The same content needs no new version, after a restart for example.
      const same = this.#directory !== undefined && sameContent(this.#directory, directory);
      const next = same && this.#directory !== undefined ? this.#directory : directory;
      if (!same) await this.#options.save(next);
      // Until the streams take up the new version.
      const before = keysIn(this.#directory);
      for (const key of this.#served.keys()) if (!before.has(key)) this.#served.delete(key);
      for (const served of objects) this.#served.set(served.key, served);
      this.#directory = next;
      this.#offered = true;
      this.#waiting = waiting;
      this.#changed = this.#isChanged();
      for (const carrier of this.#options.carriers)
        if (carrier.directory?.version !== next.version) carrier.setDirectory(next);
    } finally {
      this.#settling = false;
    }
  }

  /** The next version: what stays, and what else finds a handle that is free. */
  #revise(): Revision {
    const present = keysIn(this.#directory);
    const fresh = this.#wanted.filter(({ key }) => !present.has(key));
    // A handle that was freed is for what waited for it, whatever has come since.
    const takable = [
      ...fresh.filter(({ key }) => this.#waiting.has(key)),
      ...fresh.filter(({ key }) => !this.#waiting.has(key)),
    ].slice(0, OBJECT_HANDLE_MAX - present.size);
    const objects = this.#wanted.filter((served) => present.has(served.key) || takable.includes(served));
    const directory = reviseDirectory(
      this.#directory,
      this.#options.pi,
      objects.map(({ object, spreader }) => ({
        scheme: object.scheme,
        deviceTypeTag: object.deviceTypeTag,
        sizeBytes: spreader.sizeBytes,
        identity: spreader.identity,
        deadlineMinutes: object.deadlineMinutes,
      })),
    );
    return {
      directory,
      objects,
      waiting: new Set(fresh.filter((one) => !takable.includes(one)).map(({ key }) => key)),
    };
  }

  #isChanged(): boolean {
    if (this.#directory === undefined) return this.#wanted.length > 0;
    return !this.#offered || !sameContent(this.#directory, this.#revise().directory);
  }

  /** Whether a stream has anything to say. A run that was begun is also ended. */
  hasWork(carrier: StreamCarrier): boolean {
    if (this.#directory === undefined) return false;
    const state = this.#streams.get(carrier);
    if (carrier.directory?.version !== this.#directory.version || (state?.firstRuns ?? 0) > 0) return true;
    if (carrier.counter % RUN_GROUPS !== 0) return true;
    // A version does not grow old without groups.
    if (this.#changed && !carrier.mayChange) return true;
    for (const { object, key } of this.#served.values())
      if (state?.listed.has(key) === true && this.#options.live(object.jobId) !== undefined) return true;
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
      state.listed = keysIn(directory);
      const nibbles = 2 * encodeDirectory(directory).length;
      // An anchor may be among them.
      state.passRuns = Math.ceil((nibbles + SPARE_NIBBLES) / (nibblesPerRun - nibblesPerGroup));
      state.firstRuns = directory.entries.length === 0 ? LAST_WORD_RUNS : state.passRuns;
      // The pass that begins now is the one of this spacing; the next run follows when that is over.
      state.directoryOwed = 1 - state.passRuns + state.phase * state.passRuns;
    }
    if (state.firstRuns > 0) {
      state.firstRuns--;
      return DIRECTORY_HANDLE;
    }
    const { shares, irregular, quickestRuns } = this.#plan(state.listed, nibblesPerRun);
    const { passRuns } = state;
    state.directoryOwed += passRuns / directorySpacingRuns({ stream: carrier.stream, quickestRuns, passRuns });
    if (state.directoryOwed >= 1) {
      state.directoryOwed -= 1;
      return DIRECTORY_HANDLE;
    }
    const key = state.turns.next(shares, irregular);
    const entry = directory.entries.find((candidate) => objectKey(candidate) === key);
    return entry?.handle ?? DIRECTORY_HANDLE;
  }

  spreaderOf(carrier: StreamCarrier, handle: number): Spreader | undefined {
    const entry = carrier.directory?.entries.find((candidate) => candidate.handle === handle);
    return entry === undefined ? undefined : this.#served.get(objectKey(entry))?.spreader;
  }

  /** Shares of what the directory lists and does not rest, by key; and the runs in which the quickest of it is complete. */
  #plan(listed: ReadonlySet<string>, nibblesPerRun: number): Planned {
    const keys: string[] = [];
    const irregular = new Set<string>();
    const objects: LiveObject[] = [];
    for (const [key, { object }] of this.#served) {
      const live = listed.has(key) ? this.#options.live(object.jobId) : undefined;
      if (live === undefined) continue;
      keys.push(key);
      objects.push(live);
      if (object.scheme === SCHEME_REED_SOLOMON) irregular.add(key);
    }
    const planned = planShares(objects, this.#options.nibblesPerSecond);
    let quickestRuns = Number.POSITIVE_INFINITY;
    for (const [i, { neededNibbles }] of objects.entries())
      quickestRuns = Math.min(quickestRuns, neededNibbles / nibblesPerRun / planned[i]);
    return { shares: new Map(keys.map((key, i) => [key, planned[i]])), irregular, quickestRuns };
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
