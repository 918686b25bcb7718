/**
 * Reception that survives power cuts. In its folder:
 *
 *     reception.log            what was heard and is still needed (reception-log.ts)
 *     packages/<sha256>.pkg    finished objects, whole or absent (package-folder.ts)
 *     collect.lock             the process that writes here
 *
 * One writer at a time. An object is durable before the log forgets its symbols; a power cut costs at most the groups of the last
 * second. When there is no room, reception goes on in memory: see `Storage`.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DirectoryEntry } from '#codec/groups/directory.ts';
import type { ReceivedGroup } from '#codec/groups/group.ts';
import { Reception, type ReceptionEvent, type ReceptionLimits, type ReceptionStatus } from '#codec/groups/reception.ts';
import { OBJECT_SIZE_MAX_BYTES } from '#codec/symbols/layout.ts';
import { tryLock } from '#hardware/file/lock.ts';
import { messageOf } from '#hardware/fault.ts';
import { ReceiverError } from './fault.ts';
import { freeBytes, leftOutFor } from './log-room.ts';
import { type FinishedObject, PackageFolder, type StoredPackage } from './package-folder.ts';
import { type NoRoom, type OpenedLog, ReceptionLog } from './reception-log.ts';

const LOG_LIMIT_BYTES = 64_000_000;
/** A log that is about twice what a new one would be, and so much more, is made anew. */
const LOG_SPARE_BYTES = 1_000_000;
/** How often that is looked at. */
const LOG_LOOK_BYTES = 65_536;
/** Of its limit, so much may a new log take: the rest is for what comes next. */
const NEW_LOG_SHARE = 0.75;
/**
 * When there is no more than this beside the room for a new log, it is time to leave out what is unlikely: once the disk is full
 * nothing can be written beside the old log.
 */
const LAST_CHANCE_BYTES = 262_144;
/** A log is made anew in pieces that take about so long. */
const PIECE_MS = 10;
/** How often it is tried whether there is room again. */
const RETRY_MS = 10_000;
/** After a new log did not find the room that the file system had promised (a quota). */
const RENEWAL_RETRY_MS = 600_000;
/** How often it is said that there is none. */
const REMIND_MS = 60_000;
/** Finished packages in memory, together. */
const HELD_PACKAGES_BYTES = 2 * OBJECT_SIZE_MAX_BYTES;

export interface CollectStoreOptions {
  readonly wants?: (entry: DirectoryEntry) => boolean;
  readonly limits?: Partial<ReceptionLimits>;
  /** Of `reception.log`; while it is made anew there are two. Default 64 MB. */
  readonly logBytes?: number;
  /** Milliseconds of any clock that does not go back. */
  readonly nowMs?: () => number;
  /** Milliseconds since 1970. */
  readonly timeMs?: () => number;
}

/** What is in memory only, because there is no room. */
export interface Storage {
  readonly cause: NoRoom;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
  readonly heldGroups: number;
  /** Finished packages. */
  readonly heldPackages: number;
  /** Objects that were left out of the log so that it has room for more advanced ones. */
  readonly heldObjects: number;
}

export type CollectEvent =
  | Exclude<ReceptionEvent, { kind: 'object' }>
  | { readonly kind: 'package'; readonly stored: StoredPackage; readonly entry: DirectoryEntry | undefined }
  /** There is no room (told again once a minute), or there is again: then `storage` is undefined. */
  | { readonly kind: 'storage'; readonly storage: Storage | undefined };

interface CollectLock {
  release(): void;
}

/** Everything is synchronous: a group is a few bytes, and the order of writes is the point. */
export class CollectStore {
  readonly #folder: string;
  readonly #lock: CollectLock;
  readonly #nowMs: () => number;
  readonly #timeMs: () => number;
  readonly #reception: Reception;
  readonly #packages: PackageFolder;
  readonly #log: ReceptionLog;
  readonly #restarted = [true, true, true, true];
  #opened: OpenedLog = { records: 0, tornBytes: 0, skippedBytes: 0 };
  /** Size of the log at which to see whether a new one would be much shorter. */
  #lookAtBytes = 0;
  #isRenewalDue = false;
  /** Objects that the log, or the one that is being written, leaves out. */
  #leftOut: ReadonlySet<string> = new Set();
  #leavingOut: ReadonlySet<string> = new Set();
  /** Another try with less is left, should the new log find no room. */
  #isMakingRoom = false;
  #retryAtMs = 0;
  #renewalAtMs = 0;
  #troubleSinceMs: number | undefined;
  #remindAtMs = 0;
  /** Set when the file system failed: nothing more is taken in. */
  #failed = false;

  private constructor(folder: string, lock: CollectLock, options: CollectStoreOptions) {
    this.#folder = folder;
    this.#lock = lock;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#timeMs = options.timeMs ?? (() => Date.now());
    this.#packages = new PackageFolder(join(folder, 'packages'));
    this.#reception = new Reception({
      ...(options.wants === undefined ? {} : { wants: options.wants }),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      complete: this.#packages.all().map(({ identity }) => identity),
    });
    this.#log = new ReceptionLog(join(folder, 'reception.log'), options.logBytes ?? LOG_LIMIT_BYTES);
  }

  /** Creates what is missing and takes up what was there. The events are what the log already amounts to. */
  static open(folder: string, options: CollectStoreOptions = {}): { store: CollectStore; events: CollectEvent[] } {
    let lock: CollectLock | undefined;
    let store: CollectStore | undefined;
    try {
      mkdirSync(join(folder, 'packages'), { recursive: true });
      lock = takeLock(join(folder, 'collect.lock'));
      store = new CollectStore(folder, lock, options);
      return { store, events: store.#replay() };
    } catch (error) {
      if (store !== undefined) store.#log.close();
      lock?.release();
      if (error instanceof ReceiverError) throw error;
      throw stateError(`The state in ${folder} cannot be opened`, error);
    }
  }

  get opened(): OpenedLog {
    return this.#opened;
  }

  /** Packages that lie in the folder, the ones of earlier runs included. */
  packages(): readonly StoredPackage[] {
    return this.#packages.all();
  }

  push(group: ReceivedGroup): CollectEvent[] {
    this.#checkUsable();
    let pushed = group;
    if (this.#restarted[group.stream]) {
      this.#restarted[group.stream] = false;
      pushed = { ...group, clockRestarted: true };
    }
    const events = this.#reception.push(pushed);
    return this.#guard(() => {
      this.#append();
      return [...this.#keep(events), ...this.#work(() => this.#step())];
    });
  }

  /** Flushes what has waited for long enough, and tries again what failed; to be called about once a second when no groups come. */
  tick(): CollectEvent[] {
    this.#checkUsable();
    return this.#guard(() => {
      this.#log.flushIfDue(this.#nowMs());
      return this.#work(() => this.#step());
    });
  }

  /** Everything taken in so far is on stable storage when it returns, or `storage` says what is not. */
  sync(): void {
    this.#checkUsable();
    this.#guard(() => this.#log.flush(this.#nowMs()));
  }

  /** The end of the input: hands on what needs no further anchor, and saves what can be saved. More may be pushed. */
  endOfInput(): CollectEvent[] {
    this.#checkUsable();
    return this.#guard(() => {
      const kept = this.#keep(this.#reception.flush());
      this.#append();
      this.#log.flush(this.#nowMs());
      const worked = this.#work(() => {
        this.#retryAtMs = this.#renewalAtMs = 0;
        const out: CollectEvent[] = [];
        do out.push(...this.#step(Infinity));
        while (this.#log.isRenewing || (this.#isRenewalDue && !this.#isInTrouble));
        return out;
      });
      return [...kept, ...worked];
    });
  }

  /** Entries of the last directory that are wanted and not complete; undefined while no directory is known. */
  missing(): DirectoryEntry[] | undefined {
    return this.#reception.missing();
  }

  status(): ReceptionStatus {
    return this.#reception.status();
  }

  /** What is in memory only; undefined when there is room for everything. */
  get storage(): Storage | undefined {
    if (!this.#isInTrouble) return undefined;
    return {
      cause: this.#log.noRoom ?? 'disk-full',
      sinceMs: this.#troubleSinceMs ?? this.#timeMs(),
      heldGroups: this.#log.heldGroups,
      heldPackages: this.#packages.held.length,
      heldObjects: this.#leftOut.size,
    };
  }

  get #isInTrouble(): boolean {
    const { noRoom, isRenewing } = this.#log;
    if (this.#packages.held.length > 0 || this.#leftOut.size > 0) return true;
    // A log that has reached its limit is made anew at once, most of the time.
    return noRoom === 'disk-full' || (noRoom === 'log-limit' && !isRenewing);
  }

  /** The package is not collected again even when its file is gone (installed, or refused). */
  markComplete(identity: Uint8Array): void {
    this.#reception.markComplete(identity);
  }

  /** Its file is removed; it stays complete. */
  discard(stored: StoredPackage): void {
    this.#packages.discard(stored);
  }

  close(): void {
    try {
      if (!this.#failed) {
        this.#log.flush(this.#nowMs());
        if (this.#log.noRoom !== undefined) this.#log.retry(this.#nowMs());
      }
    } finally {
      this.#failed = true;
      this.#log.close();
      this.#lock.release();
    }
  }

  #replay(): CollectEvent[] {
    const events: ReceptionEvent[] = [];
    this.#opened = this.#log.replay((record) => {
      // Progress of the past is told once, below.
      for (const event of this.#reception.replay(record)) if (event.kind !== 'progress') events.push(event);
    });
    for (const { entry, progress } of this.#reception.status().objects) {
      if (progress !== undefined) events.push({ kind: 'progress', identity: entry.identity, progress });
    }
    return [...this.#keep(events), ...this.#work(() => this.#step())];
  }

  #append(): void {
    this.#log.append(this.#reception.takeRecords(), this.#nowMs());
  }

  #keep(events: readonly ReceptionEvent[]): CollectEvent[] {
    const out: CollectEvent[] = [];
    for (const event of events) {
      if (event.kind !== 'object') out.push(event);
      else out.push(...this.#finished(event));
    }
    return out;
  }

  #finished(object: FinishedObject): CollectEvent[] {
    // A new log that is being written may lack symbols of it.
    this.#log.abandonRenewal();
    this.#isRenewalDue = true;
    const stored = this.#packages.store(object);
    if (stored !== undefined) return [{ kind: 'package', stored, entry: object.entry }];
    this.#retryAtMs = this.#nowMs() + RETRY_MS;
    if (this.#packages.heldBytes + object.bytes.length <= HELD_PACKAGES_BYTES) this.#packages.hold(object);
    else this.#reception.forgetComplete(object.identity);
    return [];
  }

  /** Does `step`, and tells what has changed about the room there is. */
  #work(step: () => CollectEvent[]): CollectEvent[] {
    const out = step();
    const nowMs = this.#nowMs();
    if (!this.#isInTrouble) {
      if (this.#troubleSinceMs !== undefined) out.push({ kind: 'storage', storage: undefined });
      this.#troubleSinceMs = undefined;
    } else if (this.#troubleSinceMs === undefined || nowMs >= this.#remindAtMs) {
      this.#troubleSinceMs ??= this.#timeMs();
      this.#remindAtMs = nowMs + REMIND_MS;
      out.push({ kind: 'storage', storage: this.storage });
    }
    return out;
  }

  #step(pieceMs = PIECE_MS): CollectEvent[] {
    const nowMs = this.#nowMs();
    if (this.#log.isRenewing) this.#continueRenewal(pieceMs);
    else if (this.#isInTrouble || this.#log.noRoom !== undefined) return this.#retry(nowMs);
    else if (this.#isRenewalDue || this.#log.sizeBytes >= this.#lookAtBytes) this.#lookAtLog();
    return [];
  }

  /** There was no room: packages first, because the log must not forget their symbols before. */
  #retry(nowMs: number): CollectEvent[] {
    const isDue = nowMs >= this.#retryAtMs;
    const mayRenew = nowMs >= this.#renewalAtMs;
    if (!isDue && !(mayRenew && this.#log.noRoom === 'log-limit')) return [];
    const stored = isDue ? this.#packages.storeHeld() : [];
    if (isDue) {
      this.#retryAtMs = nowMs + RETRY_MS;
      this.#log.retry(nowMs);
    }
    if (this.#packages.held.length === 0 && mayRenew) this.#makeRoom('no-room', false);
    return stored.map((one) => ({ kind: 'package', ...one }));
  }

  /** A new log of what is most likely to become something, as far as there is room; nothing when that would not help. */
  #makeRoom(why: 'no-room' | 'last-chance', isLastTry: boolean): void {
    const { noRoom, mustRenew, sizeBytes, limitBytes } = this.#log;
    const size = this.#reception.snapshotSize();
    this.#leftOut = this.#leftOut.intersection(new Set(size.objects.map(({ key }) => key)));
    const isToTakeBack = why === 'no-room' && noRoom === undefined;
    if (isToTakeBack && this.#leftOut.size === 0) return;
    const free = freeBytes(this.#folder) - (isToTakeBack ? 2 * LAST_CHANCE_BYTES : 0);
    const most = Math.min(free, NEW_LOG_SHARE * limitBytes);
    // One that takes the place of a log that cannot be appended to has to be shorter than that, or nothing is won.
    const mustBeShorter = why === 'last-chance' || (noRoom === 'disk-full' && !mustRenew);
    const room = mustBeShorter ? Math.min(most, NEW_LOG_SHARE * sizeBytes) : most;
    const leavingOut = leftOutFor(size, room, isLastTry);
    if (leavingOut === undefined || (isToTakeBack && leavingOut.size >= this.#leftOut.size)) {
      if (noRoom === 'log-limit') this.#renewalAtMs = this.#nowMs() + RETRY_MS;
      return;
    }
    this.#isMakingRoom = !isLastTry && leavingOut.size < size.objects.length - 1;
    // What the limit of the log leaves out is no loss that anybody has to know of.
    this.#leavingOut = room === NEW_LOG_SHARE * limitBytes ? new Set() : leavingOut;
    this.#startRenewal(leavingOut);
  }

  #lookAtLog(): void {
    const { sizeBytes, renewedBytes } = this.#log;
    this.#lookAtBytes = sizeBytes + LOG_LOOK_BYTES;
    const { objects, otherBytes } = this.#reception.snapshotSize();
    const newBytes = objects.reduce((sum, object) => sum + object.sizeBytes, otherBytes);
    // What was written of a finished package is given up when it was half of the log, or little is left.
    const isAfterPackage = this.#isRenewalDue;
    this.#isRenewalDue = false;
    const isLong = isAfterPackage
      ? newBytes < LOG_SPARE_BYTES || sizeBytes > 2 * newBytes
      : sizeBytes > 2 * newBytes + LOG_SPARE_BYTES && sizeBytes > 1.25 * renewedBytes + LOG_SPARE_BYTES;
    const free = freeBytes(this.#folder);
    const ofMostAdvanced = otherBytes + (objects.at(-1)?.sizeBytes ?? 0);
    if (!isLong || newBytes > free) {
      if (!isAfterPackage && free < ofMostAdvanced + LAST_CHANCE_BYTES) this.#makeRoom('last-chance', false);
      return;
    }
    this.#isMakingRoom = false;
    this.#leavingOut = new Set();
    this.#startRenewal(new Set());
  }

  #startRenewal(leavingOut: ReadonlySet<string>): void {
    if (!this.#log.startRenewal(this.#reception.snapshot(leavingOut))) this.#renewalFailed();
  }

  #continueRenewal(pieceMs: number): void {
    const untilMs = this.#nowMs() + pieceMs;
    switch (this.#log.continueRenewal(() => this.#nowMs() < untilMs)) {
      case 'going-on':
        return;
      case 'no-room':
        this.#renewalFailed();
        return;
      case 'done':
        this.#leftOut = this.#leavingOut;
        this.#lookAtBytes = this.#log.sizeBytes + LOG_LOOK_BYTES;
    }
  }

  /** The file system promised room and did not have it. */
  #renewalFailed(): void {
    this.#lookAtBytes = this.#log.sizeBytes + LOG_SPARE_BYTES;
    if (this.#isMakingRoom) {
      this.#makeRoom('no-room', true);
      return;
    }
    this.#renewalAtMs = this.#nowMs() + RENEWAL_RETRY_MS;
  }

  #checkUsable(): void {
    if (this.#failed) throw new ReceiverError('STATE', `The state in ${this.#folder} is closed.`);
  }

  /** After a failure other than a want of room nothing more is taken in: what is on the disk shows when it is read again. */
  #guard<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      this.#failed = true;
      throw stateError(`The state in ${this.#folder} cannot be written`, error);
    }
  }
}

function takeLock(path: string): CollectLock {
  const attempt = tryLock(path);
  if (attempt.kind === 'taken') return attempt;
  throw new ReceiverError(
    'STATE_LOCKED',
    `Process ${attempt.processId} collects into this state already (${path}). Nothing was changed; stop it or use another --state.`,
  );
}

function stateError(what: string, error: unknown): ReceiverError {
  return new ReceiverError(
    'STATE',
    `${what}: ${messageOf(error)}. Put that right and start again; it goes on from the last second that was written, and finished packages are untouched.`,
    error,
  );
}
