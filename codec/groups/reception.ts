/** The receiving half of the air interface in one piece: groups in; directories, progress and whole objects out. */

import {
  type CollectFault,
  type CollectFaults,
  type Collector,
  type KeptSymbols,
  noFaults,
  type Progress,
} from '../symbols/collect.ts';
import { OBJECT_SIZE_MAX_BYTES } from '../symbols/layout.ts';
import { isKnownScheme } from '../symbols/schemes.ts';
import type { Directory, DirectoryEntry } from './directory.ts';
import { DEFAULT_GATHER_LIMITS, Gatherer, type GatherEvent, type GatherLimits } from './gather.ts';
import type { ReceivedGroup, StreamNumber } from './group.ts';
import type { LogRecord } from './log.ts';
import { keptCountsBytes, type KeptRecord } from './log-kept.ts';
import { type Collecting, CollectorPool, keyOf } from './pool.ts';
import { ProgrammeReader, type ProgrammeStatus } from './programme.ts';
import type { SymbolGroup } from './resolve.ts';
import type { DataGroup, Tuning } from './select.ts';

export interface ReceptionLimits extends GatherLimits {
  /** Larger objects are refused. */
  readonly objectBytes: number;
  /** Objects that are collected at the same time, together; a collector takes about four times its object. */
  readonly collectedBytes: number;
}

/** Identities of complete objects that are remembered, the ones heard of last; about 100 bytes each. */
const COMPLETE_MAX = 4096;

const DEFAULT_RECEPTION_LIMITS: ReceptionLimits = {
  ...DEFAULT_GATHER_LIMITS,
  objectBytes: OBJECT_SIZE_MAX_BYTES,
  collectedBytes: 2 * OBJECT_SIZE_MAX_BYTES,
};

export interface ReceptionOptions {
  /** Asked once for every entry that appears in a directory. Default: everything. */
  readonly wants?: (entry: DirectoryEntry) => boolean;
  readonly limits?: Partial<ReceptionLimits>;
  /** Identities that are complete already and not collected again. */
  readonly complete?: Iterable<Uint8Array>;
}

export type ReceptionEvent =
  | { readonly kind: 'tuned'; readonly tuning: Tuning }
  | { readonly kind: 'directory'; readonly directory: Directory; readonly entries: readonly WantedEntry[] }
  | { readonly kind: 'progress'; readonly identity: Uint8Array; readonly progress: Progress }
  | {
      readonly kind: 'object';
      readonly identity: Uint8Array;
      readonly bytes: Uint8Array;
      /** Undefined when the directory that named it has not been heard since a restart. */
      readonly entry: DirectoryEntry | undefined;
    }
  /** The object left the directory before it was whole; what was collected is kept while there is room. */
  | { readonly kind: 'withdrawn'; readonly identity: Uint8Array };

interface WantedEntry extends DirectoryEntry {
  readonly wanted: boolean;
}

export interface ObjectStatus {
  readonly entry: DirectoryEntry;
  readonly state: 'complete' | 'collecting' | 'not-wanted' | 'refused';
  readonly progress: Progress | undefined;
}

export interface ReceptionStatus {
  readonly tuning: Tuning | undefined;
  readonly programme: ProgrammeStatus;
  readonly directory: Directory | undefined;
  readonly objects: readonly ObjectStatus[];
  /** Counter of each stream, undefined while unknown. */
  readonly counters: readonly (number | undefined)[];
  /** Our groups of each stream taken in. */
  readonly dataGroups: readonly number[];
  readonly drops: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<CollectFault, number>>;
}

export interface SnapshotSize {
  /** By the names that `snapshot` takes. */
  readonly objects: readonly { readonly key: string; readonly sizeBytes: number }[];
  readonly otherBytes: number;
}

/** What batches add to records (log.ts), and some to spare. */
const LOG_OVERHEAD = 1.02;
/** A group in a log, and what every log begins with. */
const PENDING_BYTES = 10;
const REST_BYTES = 1000;

export type ReceptionDrop =
  /** Symbols of objects that nobody here wants. */
  | 'not-wanted'
  /** Symbols of objects that are complete. */
  | 'already-complete'
  /** Symbols of objects too large or of an unknown scheme, or there was no room. */
  | 'refused';

export class Reception {
  readonly #wants: (entry: DirectoryEntry) => boolean;
  readonly #limits: ReceptionLimits;
  readonly #gatherer: Gatherer;
  readonly #programme = new ProgrammeReader();
  readonly #pool: CollectorPool;
  /** Identities, the one heard of last at the end. */
  readonly #complete = new Set<string>();
  /** Answers of `wants`, for the entries of the directory in force. */
  #wanted = new Map<string, boolean>();
  #directory: Directory | undefined;
  #directoryBytes: Uint8Array | undefined;
  #records: LogRecord[] = [];
  /** Groups were left out of the log since the clock of the stream restarted. */
  readonly #unrecordedRestart = [false, false, false, false];
  readonly #dataGroups = [0, 0, 0, 0];
  readonly #drops: Record<ReceptionDrop, number> = { 'not-wanted': 0, 'already-complete': 0, refused: 0 };
  /** Of objects that are complete; those of the others are counted in their collectors. */
  readonly #faults: CollectFaults = noFaults();

  constructor({ wants = () => true, limits = {}, complete = [] }: ReceptionOptions = {}) {
    this.#wants = wants;
    this.#limits = { ...DEFAULT_RECEPTION_LIMITS, ...limits };
    this.#gatherer = new Gatherer(this.#limits);
    this.#pool = new CollectorPool(this.#limits.collectedBytes);
    for (const identity of complete) this.#rememberComplete(identity.toHex());
  }

  push(group: ReceivedGroup): ReceptionEvent[] {
    this.#programme.push(group);
    return this.#take(this.#gatherer.push(group), true);
  }

  /** Takes back what was logged. The first group pushed on each stream afterwards must say `clockRestarted`. */
  replay(record: LogRecord): ReceptionEvent[] {
    switch (record.kind) {
      case 'data':
        this.#countGroup(record.group.stream);
        return this.#take(this.#gatherer.pushData(record.group), false);
      case 'tuned':
        this.#gatherer.restoreTuning(record.tuning);
        return [];
      case 'directory': {
        const directory = this.#gatherer.restoreDirectory(record.bytes);
        return directory === undefined ? [] : this.#adopt(directory, record.bytes);
      }
      case 'kept':
        return this.#takeKept(record);
    }
    return record satisfies never;
  }

  /** The end of the input. More may be pushed afterwards. */
  flush(): ReceptionEvent[] {
    return this.#take(this.#gatherer.flush(), true);
  }

  /** What has to be appended to the log since the last call. */
  takeRecords(): LogRecord[] {
    const records = this.#records;
    this.#records = [];
    return records;
  }

  /**
   * A new log in place of the old one: what is still needed of it, without what is complete and the objects in `without`. It may
   * be taken a record at a time while groups are pushed, if all that `takeRecords` gives since the first one follows it.
   */
  *snapshot(without: ReadonlySet<string> = new Set()): Generator<LogRecord> {
    const tuning = this.#gatherer.tuning;
    const directoryBytes = this.#directoryBytes;
    const pending = this.#gatherer.pending();
    if (tuning !== undefined) yield { kind: 'tuned', tuning };
    if (directoryBytes !== undefined) yield { kind: 'directory', bytes: directoryBytes };
    for (const { key, collector, scheme } of this.#pool.all()) {
      if (without.has(key)) continue;
      for (const kept of collector.kept()) yield keptRecord(collector, scheme, kept);
    }
    const seen = new Set<number>();
    for (const group of pending) {
      yield { kind: 'data', group: seen.has(group.stream) ? group : { ...group, clockRestarted: true } };
      seen.add(group.stream);
    }
  }

  /** What a snapshot would hold, about: objects, those that go first when room is needed standing first, and all the rest. */
  snapshotSize(): SnapshotSize {
    const objects = this.#pool.byLikelihood(this.#directory?.entries).map(({ key, collector }) => ({
      key,
      sizeBytes: Math.ceil(LOG_OVERHEAD * keptCountsBytes(collector.keptCounts())),
    }));
    return { objects, otherBytes: REST_BYTES + PENDING_BYTES * this.#gatherer.pending().length };
  }

  /** The object need not be collected (any more). */
  markComplete(identity: Uint8Array): void {
    const name = identity.toHex();
    this.#rememberComplete(name);
    this.#pool.dropIf(({ collector }) => collector.identity.toHex() === name);
  }

  /** It was complete and is lost: it is collected again. */
  forgetComplete(identity: Uint8Array): void {
    this.#complete.delete(identity.toHex());
  }

  #rememberComplete(name: string): void {
    this.#complete.delete(name);
    this.#complete.add(name);
    if (this.#complete.size <= COMPLETE_MAX) return;
    for (const oldest of this.#complete) {
      this.#complete.delete(oldest);
      return;
    }
  }

  /** Entries of the last directory that are wanted and not complete; undefined while no directory is known. */
  missing(): DirectoryEntry[] | undefined {
    return this.#directory?.entries.filter(
      (entry) => !this.#complete.has(entry.identity.toHex()) && this.#isWanted(entry),
    );
  }

  status(): ReceptionStatus {
    const drops: Record<string, number> = { ...this.#gatherer.drops(), ...this.#drops };
    const faults = { ...this.#faults };
    for (const { collector } of this.#pool.all()) addFaults(faults, collector);
    return {
      tuning: this.#gatherer.tuning,
      programme: this.#programme.status(),
      directory: this.#directory,
      objects: this.#directory?.entries.map((entry) => this.#objectStatus(entry)) ?? [],
      counters: this.#gatherer.counters(),
      dataGroups: [...this.#dataGroups],
      drops,
      faults,
    };
  }

  #objectStatus(entry: DirectoryEntry): ObjectStatus {
    const progress = this.#pool.get(entry)?.collector.progress();
    if (this.#complete.has(entry.identity.toHex())) return { entry, state: 'complete', progress };
    if (!this.#isWanted(entry)) return { entry, state: 'not-wanted', progress };
    return { entry, state: this.#isAcceptable(entry) ? 'collecting' : 'refused', progress };
  }

  #isAcceptable({ scheme, sizeBytes }: Pick<DirectoryEntry, 'scheme' | 'sizeBytes'>): boolean {
    return isKnownScheme(scheme) && sizeBytes <= this.#limits.objectBytes;
  }

  #isWanted(entry: DirectoryEntry): boolean {
    const name = entry.identity.toHex();
    let wanted = this.#wanted.get(name);
    if (wanted === undefined) {
      wanted = this.#wants(entry);
      this.#wanted.set(name, wanted);
    }
    return wanted;
  }

  #take(events: readonly GatherEvent[], log: boolean): ReceptionEvent[] {
    const out: ReceptionEvent[] = [];
    const advanced = new Map<string, Collecting>();
    for (const event of events) {
      switch (event.kind) {
        case 'data':
          this.#countGroup(event.group.stream);
          if (log) this.#recordGroup(event.group, events);
          break;
        case 'tuned':
          if (log) this.#records.push(event);
          out.push(event);
          break;
        case 'directory':
          if (log) this.#records.push({ kind: 'directory', bytes: event.bytes });
          out.push(...this.#adopt(event.directory, event.bytes));
          break;
        case 'symbols': {
          const key = keyOf(event.entry);
          const collecting = this.#collectorFor(event.entry, event.symbols.length);
          if (collecting === undefined) break;
          advanced.set(key, collecting);
          if (this.#collect(collecting, event.stream, event.symbols, out)) advanced.delete(key);
          else if (log) this.#recordCertain(collecting);
          break;
        }
      }
    }
    for (const { collector } of advanced.values()) {
      out.push({ kind: 'progress', identity: collector.identity, progress: collector.progress() });
    }
    return out;
  }

  /**
   * For the log, while it may serve something that is missing: most of a device's life nothing on air is for it, and writing
   * down what nobody needs wears its storage. `events` are those that the group brought.
   */
  #recordGroup(group: DataGroup, events: readonly GatherEvent[]): void {
    const { stream } = group;
    const clockRestarted = group.clockRestarted || this.#unrecordedRestart[stream];
    const mayBeNeeded =
      !this.#gatherer.knowsDirectory ||
      events.some(({ kind }) => kind === 'directory') ||
      this.missing()?.some((entry) => this.#isAcceptable(entry)) !== false;
    this.#unrecordedRestart[stream] = !mayBeNeeded && clockRestarted;
    if (mayBeNeeded) this.#records.push({ kind: 'data', group: clockRestarted ? { ...group, clockRestarted } : group });
  }

  /** What took long to compute is written down, so that it is never computed again. */
  #recordCertain({ collector, scheme }: Collecting): void {
    for (const kept of collector.newlyCertain?.() ?? []) this.#records.push(keptRecord(collector, scheme, kept));
  }

  #countGroup(stream: StreamNumber): void {
    this.#dataGroups[stream]++;
    this.#pool.clock++;
  }

  /** True when the object is whole. */
  #collect(
    collecting: Collecting,
    stream: StreamNumber,
    symbols: readonly SymbolGroup[],
    out: ReceptionEvent[],
  ): boolean {
    const { collector, entry } = collecting;
    collecting.heardAt = this.#pool.clock;
    for (const { counter, words } of symbols) collector.addGroup(stream, counter, words);
    return this.#finish(collector, entry, out);
  }

  #finish(collector: Collector, entry: DirectoryEntry | undefined, out: ReceptionEvent[]): boolean {
    const bytes = collector.bytes();
    if (bytes === undefined) return false;
    addFaults(this.#faults, collector);
    this.markComplete(collector.identity);
    out.push({ kind: 'progress', identity: collector.identity, progress: collector.progress() });
    out.push({ kind: 'object', identity: collector.identity, bytes, entry });
    return true;
  }

  #collectorFor(entry: DirectoryEntry, groups: number): Collecting | undefined {
    const name = entry.identity.toHex();
    if (this.#complete.has(name)) {
      this.#rememberComplete(name);
      this.#drops['already-complete'] += groups;
      return undefined;
    }
    if (!this.#isWanted(entry)) {
      this.#drops['not-wanted'] += groups;
      return undefined;
    }
    const known = this.#pool.get(entry);
    if (known !== undefined) {
      known.entry = entry;
      return known;
    }
    const collecting = this.#isAcceptable(entry) ? this.#pool.start(entry, entry, this.#directory?.entries) : undefined;
    if (collecting === undefined) this.#drops.refused += groups;
    return collecting;
  }

  #takeKept(record: KeptRecord): ReceptionEvent[] {
    const { identity, sizeBytes, scheme, kept } = record;
    if (this.#complete.has(identity.toHex()) || !this.#isAcceptable(record)) return [];
    const object = { identity, sizeBytes, scheme };
    const known = this.#pool.get(object) ?? this.#pool.start(object, undefined, this.#directory?.entries);
    if (known === undefined) return [];
    const out: ReceptionEvent[] = [];
    if (known.collector.restore(kept)) this.#finish(known.collector, known.entry, out);
    return out;
  }

  #adopt(directory: Directory, bytes: Uint8Array): ReceptionEvent[] {
    const before = this.#directory;
    this.#directory = directory;
    this.#directoryBytes = bytes;
    this.#wanted = new Map();
    const listed = new Set<string>();
    const entries = directory.entries.map((entry) => {
      listed.add(keyOf(entry));
      return { ...entry, wanted: this.#isWanted(entry) };
    });
    const out: ReceptionEvent[] = [{ kind: 'directory', directory, entries }];
    for (const entry of before?.entries ?? []) {
      const key = keyOf(entry);
      if (!listed.has(key) && this.#pool.get(entry) !== undefined)
        out.push({ kind: 'withdrawn', identity: entry.identity });
    }
    return out;
  }
}

function keptRecord({ identity, sizeBytes }: Collector, scheme: number, kept: KeptSymbols): KeptRecord {
  return { kind: 'kept', identity, sizeBytes, scheme, kept };
}

function addFaults(sum: CollectFaults, { faults }: Collector): void {
  for (const reason of Object.keys(faults) as CollectFault[]) sum[reason] += faults[reason];
}
