/**
 * Reception that survives power cuts. In its folder:
 *
 *     reception.log            what was heard and is still needed (codec/groups/log.ts)
 *     packages/<sha256>.pkg    finished objects, whole or absent
 *     collect.lock             the process that writes here
 *
 * One writer at a time. An object is durable before the log forgets its symbols; a power cut costs at most the groups of the last
 * second.
 */

import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DirectoryEntry } from '#codec/groups/directory.ts';
import type { ReceivedGroup } from '#codec/groups/group.ts';
import { LogReader, type LogRecord, LogWriter } from '#codec/groups/log.ts';
import { Reception, type ReceptionEvent, type ReceptionLimits, type ReceptionStatus } from '#codec/groups/reception.ts';
import { replaceDurablySync, writeAllSync } from '#hardware/file/durable.ts';
import { tryLock } from '#hardware/file/lock.ts';
import { messageOf, systemCodeOf } from '#hardware/fault.ts';
import { ReceiverError } from './fault.ts';

/** What is lost at most when the process dies. */
const UNWRITTEN_RECORDS_MAX = 16;
/** What is lost at most when the power goes. */
const UNFLUSHED_MS_MAX = 1000;
/** A log that has grown this much since it was made anew is made anew. */
const LOG_GROWTH_BYTES = 64_000_000;
const SNAPSHOT_RECORDS_AT_ONCE = 64;

export interface CollectStoreOptions {
  readonly wants?: (entry: DirectoryEntry) => boolean;
  readonly limits?: Partial<ReceptionLimits>;
  /** Milliseconds of any clock that does not go back. */
  readonly nowMs?: () => number;
}

export interface StoredPackage {
  readonly identity: Uint8Array;
  readonly sha256Hex: string;
  readonly path: string;
  readonly sizeBytes: number;
}

export type CollectEvent =
  | Exclude<ReceptionEvent, { kind: 'object' }>
  | { readonly kind: 'package'; readonly stored: StoredPackage; readonly entry: DirectoryEntry | undefined };

export interface OpenedLog {
  readonly records: number;
  /** Bytes cut off at the end, which a power cut had left torn. */
  readonly tornBytes: number;
  /** Damaged bytes in the middle. */
  readonly skippedBytes: number;
}

interface CollectLock {
  release(): void;
}

/** Everything is synchronous: a group is a few bytes, and the order of writes is the point. */
export class CollectStore {
  readonly #folder: string;
  readonly #lock: CollectLock;
  readonly #nowMs: () => number;
  readonly #reception: Reception;
  readonly #packages = new Map<string, StoredPackage>();
  readonly #restarted = [true, true, true, true];
  #writer = new LogWriter();
  #log = -1;
  #logBytes = 0;
  #logBytesAnew = 0;
  #unwritten: LogRecord[] = [];
  #unflushed = false;
  #flushedMs = 0;
  #opened: OpenedLog = { records: 0, tornBytes: 0, skippedBytes: 0 };
  /** Set when something could not be written: nothing more is taken in. */
  #failed = false;

  private constructor(folder: string, lock: CollectLock, options: CollectStoreOptions) {
    this.#folder = folder;
    this.#lock = lock;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    for (const name of readdirSync(this.#packagesFolder)) this.#adoptPackage(name);
    this.#reception = new Reception({
      ...(options.wants === undefined ? {} : { wants: options.wants }),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      complete: [...this.#packages.values()].map(({ identity }) => identity),
    });
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
      if (store !== undefined) store.#closeLog();
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
    return [...this.#packages.values()];
  }

  push(group: ReceivedGroup): CollectEvent[] {
    this.#checkUsable();
    let pushed = group;
    if (this.#restarted[group.stream]) {
      this.#restarted[group.stream] = false;
      pushed = { ...group, clockRestarted: true };
    }
    const events = this.#reception.push(pushed);
    this.#queue(this.#reception.takeRecords());
    return this.#keep(events);
  }

  /** Flushes what has waited for long enough; to be called about once a second when no groups come. */
  tick(): void {
    if (this.#unflushed && this.#nowMs() - this.#flushedMs >= UNFLUSHED_MS_MAX) this.sync();
  }

  /** Everything taken in so far is on stable storage when it returns. */
  sync(): void {
    this.#checkUsable();
    this.#guard('The reception log cannot be written', () => {
      this.#writeRecords();
      if (this.#unflushed) fsyncSync(this.#log);
    });
    this.#unflushed = false;
    this.#flushedMs = this.#nowMs();
  }

  /** The end of the input: hands on what needs no further anchor. More may be pushed. */
  endOfInput(): CollectEvent[] {
    this.#checkUsable();
    const events = this.#keep(this.#reception.flush());
    this.#queue(this.#reception.takeRecords());
    this.sync();
    return events;
  }

  /** Entries of the last directory that are wanted and not complete; undefined while no directory is known. */
  missing(): DirectoryEntry[] | undefined {
    return this.#reception.missing();
  }

  status(): ReceptionStatus {
    return this.#reception.status();
  }

  /** The package is not collected again even when its file is gone (installed, or refused). */
  markComplete(identity: Uint8Array): void {
    this.#reception.markComplete(identity);
  }

  /** Its file is removed; it stays complete. */
  discard({ sha256Hex, path }: StoredPackage): void {
    rmSync(path, { force: true });
    this.#packages.delete(sha256Hex);
  }

  close(): void {
    try {
      if (!this.#failed) this.sync();
    } finally {
      this.#failed = true;
      this.#closeLog();
      this.#lock.release();
    }
  }

  get #packagesFolder(): string {
    return join(this.#folder, 'packages');
  }

  get #logPath(): string {
    return join(this.#folder, 'reception.log');
  }

  #closeLog(): void {
    if (this.#log >= 0) closeSync(this.#log);
    this.#log = -1;
  }

  /** Adopts a finished package by its name; removes what a power cut left half written. */
  #adoptPackage(name: string): StoredPackage | undefined {
    const path = join(this.#packagesFolder, name);
    if (name.endsWith('.new')) rmSync(path, { force: true });
    const sha256Hex = /^([0-9a-f]{64})\.pkg$/.exec(name)?.[1];
    if (sha256Hex === undefined) return undefined;
    const identity = Uint8Array.from(Buffer.from(sha256Hex.slice(0, 16), 'hex'));
    const stored = { identity, sha256Hex, path, sizeBytes: statSync(path).size };
    this.#packages.set(sha256Hex, stored);
    return stored;
  }

  #replay(): CollectEvent[] {
    this.#log = openSync(this.#logPath, 'a+', 0o600);
    const bytes = readFileSync(this.#logPath);
    const reader = new LogReader(bytes);
    const events: CollectEvent[] = [];
    let count = 0;
    for (let records = reader.next(); records !== undefined; records = reader.next()) {
      for (const record of records) {
        count++;
        // Progress of the past is told once, below.
        for (const event of this.#reception.replay(record)) {
          if (event.kind === 'object') events.push(this.#store(event));
          else if (event.kind !== 'progress') events.push(event);
        }
      }
    }
    const tornBytes = bytes.length - reader.validBytes;
    if (tornBytes > 0) ftruncateSync(this.#log, reader.validBytes);
    this.#logBytes = this.#logBytesAnew = reader.validBytes;
    this.#opened = { records: count, tornBytes, skippedBytes: reader.skippedBytes };
    if (events.some(({ kind }) => kind === 'package')) this.#rewriteLog();
    for (const { entry, progress } of this.#reception.status().objects) {
      if (progress !== undefined) events.push({ kind: 'progress', identity: entry.identity, progress });
    }
    return events;
  }

  #queue(records: readonly LogRecord[]): void {
    if (records.length === 0) return;
    for (const record of records) this.#unwritten.push(record);
    this.#unflushed = true;
    if (this.#unwritten.length >= UNWRITTEN_RECORDS_MAX) {
      this.#guard('The reception log cannot be written', () => this.#writeRecords());
    }
    this.tick();
  }

  #writeRecords(): void {
    if (this.#unwritten.length === 0) return;
    const bytes = this.#writer.encode(this.#unwritten);
    this.#unwritten = [];
    writeAllSync(this.#log, bytes);
    this.#logBytes += bytes.length;
    if (this.#logBytes - this.#logBytesAnew > LOG_GROWTH_BYTES) this.#rewriteLog();
  }

  #keep(events: readonly ReceptionEvent[]): CollectEvent[] {
    const out: CollectEvent[] = [];
    for (const event of events) {
      if (event.kind !== 'object') out.push(event);
      else out.push(this.#guard('A finished package cannot be stored', () => this.#store(event)));
    }
    if (out.some(({ kind }) => kind === 'package')) {
      this.#unwritten = [];
      this.#guard('The reception log cannot be made anew', () => this.#rewriteLog());
    }
    return out;
  }

  #store(event: { identity: Uint8Array; bytes: Uint8Array; entry: DirectoryEntry | undefined }): CollectEvent {
    const sha256Hex = createHash('sha256').update(event.bytes).digest('hex');
    const name = `${sha256Hex}.pkg`;
    replaceDurablySync(join(this.#packagesFolder, name), (file) => writeAllSync(file, event.bytes));
    const stored = this.#adoptPackage(name);
    if (stored === undefined) throw new ReceiverError('STATE', `${name} is no name for a package`);
    return { kind: 'package', stored, entry: event.entry };
  }

  /** Replaces the log by what is still needed of it. */
  #rewriteLog(): void {
    const writer = new LogWriter();
    let size = 0;
    replaceDurablySync(this.#logPath, (file) => {
      let records: LogRecord[] = [];
      const write = (): void => {
        const bytes = writer.encode(records);
        writeAllSync(file, bytes);
        size += bytes.length;
        records = [];
      };
      for (const record of this.#reception.snapshot()) {
        records.push(record);
        if (records.length === SNAPSHOT_RECORDS_AT_ONCE) write();
      }
      write();
    });
    this.#closeLog();
    this.#log = openSync(this.#logPath, 'a', 0o600);
    this.#writer = writer;
    this.#logBytes = this.#logBytesAnew = size;
    this.#unflushed = false;
  }

  #checkUsable(): void {
    if (this.#failed) throw new ReceiverError('STATE', `The state in ${this.#folder} is closed.`);
  }

  /** After a failed write nothing more is taken in, so that the log stays a true beginning of what was heard. */
  #guard<Result>(what: string, write: () => Result): Result {
    try {
      return write();
    } catch (error) {
      this.#failed = true;
      throw stateError(what, error);
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
  const code = systemCodeOf(error);
  const reason =
    code === 'ENOSPC' || code === 'EDQUOT'
      ? 'the disk is full. Free some space and start again'
      : `${messageOf(error)}. Put that right and start again`;
  return new ReceiverError(
    'STATE',
    `${what}: ${reason}; it goes on from the last second that was written, and finished packages are untouched.`,
    error,
  );
}
