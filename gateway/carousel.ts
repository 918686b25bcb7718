/**
 * Which object each run serves. One run in 16 is the directory's (all of the first ones after a change, until a receiver
 * that misses none has it); the others go to the objects by weighted share, of which 2 % are every object's own.
 *
 * A changed set of objects becomes a new directory version only when every stream has taken up the one before, so that no
 * stream skips the version in which a handle rests. What is to be on air but finds no handle free waits for the next.
 */

import { type Directory, encodeDirectory, reviseDirectory } from '#codec/groups/directory.ts';
import { DIRECTORY_HANDLE, OBJECT_HANDLE_MAX } from '#codec/groups/handle.ts';
import type { StreamCarrier } from '#codec/groups/carry.ts';
import { makeSpreader, SCHEME_FOUNTAIN_A, SCHEME_FOUNTAIN_C } from '#codec/symbols/schemes.ts';
import type { Spreader } from '#codec/symbols/spread.ts';

export interface CarouselObject {
  readonly bytes: Uint8Array;
  /** 1 and up; the share of the air beyond the floor is proportional to it. */
  readonly weight: number;
  readonly deviceTypeTag: number;
  /** 0 = none. */
  readonly deadlineMinutes: number;
}

interface Served {
  readonly object: CarouselObject;
  readonly spreader: Spreader;
  share: number;
  /** Symbols sent / share: the one that is furthest behind comes next. */
  pace: number;
}

interface StreamState {
  /** Runs of the directory that the present version still needs before anything else. */
  firstRuns: number;
  runsSinceDirectory: number;
  seenVersion: number;
}

const DIRECTORY_EVERY_RUNS = 16;
const FLOOR_SHARE = 0.02;
const RUN_GROUPS = 16;
/** Symbols beyond the directory's units: a fountain needs 1.6 more on average, 6 more leave 1.6 % of failures. */
const SPARE_SYMBOLS = 6;
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
}

export class Carousel {
  readonly #options: CarouselOptions;
  readonly #served = new Map<string, Served>();
  readonly #streams = new Map<StreamCarrier, StreamState>();
  readonly #scheme: number;
  #wanted: readonly Served[] = [];
  #directory: Directory | undefined;
  #changed = true;
  #settling = false;
  #offered = false;

  constructor(options: CarouselOptions) {
    this.#options = options;
    this.#directory = options.previous;
    this.#scheme = options.carriers.some(({ stream }) => stream > 0) ? SCHEME_FOUNTAIN_C : SCHEME_FOUNTAIN_A;
    for (const carrier of options.carriers)
      this.#streams.set(carrier, { firstRuns: 0, runsSinceDirectory: 0, seenVersion: -1 });
  }

  get directory(): Directory | undefined {
    return this.#directory;
  }

  /** What shall be on air, the most important first; what is beyond the 13 handles waits. Takes effect with `settle`. */
  setObjects(objects: readonly CarouselObject[]): void {
    const wanted: Served[] = [];
    for (const object of objects) {
      const known = [...this.#served.values()].find((served) => served.object.bytes === object.bytes);
      const spreader = known?.spreader ?? makeSpreader(object.bytes, this.#scheme);
      if (wanted.some((other) => keyOf(other.spreader.identity) === keyOf(spreader.identity))) continue;
      wanted.push({ object, spreader, share: 0, pace: known?.pace ?? this.#slowestPace() });
    }
    this.#wanted = wanted.slice(0, OBJECT_HANDLE_MAX);
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
    const next = [...kept, ...takable];
    if (this.#directory === undefined && next.length === 0) {
      this.#changed = false;
      return;
    }
    const revised = reviseDirectory(
      this.#directory,
      this.#options.pi,
      next.map(({ object, spreader }) => ({
        scheme: this.#scheme,
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

  /** Whether a stream has anything to say. */
  hasWork(carrier: StreamCarrier): boolean {
    if (this.#directory === undefined) return false;
    if (this.#served.size > 0) return true;
    const state = this.#streams.get(carrier);
    return carrier.directory?.version !== this.#directory.version || (state?.firstRuns ?? 0) > 0;
  }

  /** For `StreamCarrier.next`. */
  serve(carrier: StreamCarrier): number {
    const state = this.#streams.get(carrier);
    const { directory } = carrier;
    if (state === undefined || directory === undefined) return DIRECTORY_HANDLE;
    const symbolsPerRun = RUN_GROUPS * (carrier.stream === 0 ? 2 : 3);
    if (directory.version !== state.seenVersion) {
      state.seenVersion = directory.version;
      const units = encodeDirectory(directory).length / 2;
      state.firstRuns =
        directory.entries.length === 0 ? LAST_WORD_RUNS : Math.ceil((units + SPARE_SYMBOLS) / (symbolsPerRun - 3));
    }
    state.runsSinceDirectory++;
    const handle = this.#mostBehind(directory, symbolsPerRun, state);
    if (handle === DIRECTORY_HANDLE) {
      state.runsSinceDirectory = 0;
      state.firstRuns = Math.max(0, state.firstRuns - 1);
    }
    return handle;
  }

  spreaderOf(carrier: StreamCarrier, handle: number): Spreader | undefined {
    const entry = carrier.directory?.entries.find((candidate) => candidate.handle === handle);
    return entry === undefined ? undefined : this.#served.get(keyOf(entry.identity))?.spreader;
  }

  #mostBehind(directory: Directory, symbols: number, state: StreamState): number {
    if (state.firstRuns > 0 || state.runsSinceDirectory >= DIRECTORY_EVERY_RUNS) return DIRECTORY_HANDLE;
    let handle = DIRECTORY_HANDLE;
    let behind: Served | undefined;
    for (const entry of directory.entries) {
      const served = this.#served.get(keyOf(entry.identity));
      if (served === undefined || (behind !== undefined && served.pace >= behind.pace)) continue;
      behind = served;
      handle = entry.handle;
    }
    if (behind !== undefined) behind.pace += symbols / behind.share;
    return handle;
  }

  #serve(objects: readonly Served[]): void {
    const weights = objects.reduce((sum, { object }) => sum + object.weight, 0);
    const before = new Map(this.#served);
    this.#served.clear();
    for (const served of objects) {
      served.pace = before.get(keyOf(served.spreader.identity))?.pace ?? served.pace;
      served.share = FLOOR_SHARE + ((1 - FLOOR_SHARE * objects.length) * served.object.weight) / weights;
      this.#served.set(keyOf(served.spreader.identity), served);
    }
  }

  /** A newcomer starts level with the one that is furthest behind. */
  #slowestPace(): number {
    let pace = Number.POSITIVE_INFINITY;
    for (const served of this.#served.values()) pace = Math.min(pace, served.pace);
    return Number.isFinite(pace) ? pace : 0;
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
