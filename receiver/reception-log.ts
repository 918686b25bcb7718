/**
 * The file behind codec/groups/log.ts: appended to, and made anew beside itself.
 *
 * Invariants:
 * - The file is at any moment a true beginning of what was appended, or a new log that amounts to at least as much.
 * - What was appended and is not known to be on stable storage is held in memory as well. When there is no room for it, it stays
 *   there and nothing is thrown; when that is too much, it is given up and only a new log can hold it (`mustRenew`).
 * - Other failures of the file system are thrown: what is on such a disk shows when it is read again.
 */

import { closeSync, fsyncSync, ftruncateSync, openSync, readSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { LogReader, type LogRecord, LogWriter } from '#codec/groups/log.ts';
import { flushFolderSync, writeAllSync } from '#hardware/file/durable.ts';
import { isNoRoom } from '#hardware/fault.ts';

/** What is lost at most when the process dies. */
const QUEUE_RECORDS_MAX = 16;
/** What is lost at most when the power goes. */
const UNFLUSHED_MS_MAX = 1000;
/** Some 400,000 groups: two hours and a half of four streams. */
const HELD_MAX_BYTES = 4_000_000;
/** A new log is written in pieces of about so much, and flushed after each, so that none takes long. */
const RENEWAL_RECORDS = 16;
const RENEWAL_FLUSH_BYTES = 250_000;

export type NoRoom =
  | 'disk-full'
  /** The log has the size that it may have. */
  | 'log-limit';

export interface OpenedLog {
  readonly records: number;
  /** Bytes cut off at the end, which a power cut had left torn. */
  readonly tornBytes: number;
  /** Damaged bytes in the middle. */
  readonly skippedBytes: number;
}

interface Batch {
  readonly bytes: Uint8Array;
  readonly groups: number;
}

interface Renewal {
  readonly file: number;
  readonly records: Iterator<LogRecord>;
  readonly writer: LogWriter;
  /** Appended since it was begun. */
  readonly tail: LogRecord[];
  sizeBytes: number;
  unflushedBytes: number;
}

export class ReceptionLog {
  readonly #path: string;
  readonly #limitBytes: number;
  #file: number;
  #writer = new LogWriter();
  #sizeBytes = 0;
  #flushedBytes = 0;
  #renewedBytes = 0;
  #flushedMs = 0;
  #queue: LogRecord[] = [];
  /** Not known to be on stable storage; the first `#written` of them are in the file. */
  #batches: Batch[] = [];
  #written = 0;
  #heldBytes = 0;
  #noRoom: NoRoom | undefined;
  #mustRenew = false;
  #groupsGivenUp = 0;
  #renewal: Renewal | undefined;

  constructor(path: string, limitBytes: number) {
    this.#path = path;
    this.#limitBytes = limitBytes;
    rmSync(this.#besidePath, { force: true });
    this.#file = openSync(path, 'a+', 0o600);
  }

  get #besidePath(): string {
    return `${this.#path}.new`;
  }

  /**
   * Gives back what is there, to be called once. Rows of solved blocks come first, so that what comes after needs not solve
   * them.
   */
  replay(take: (record: LogRecord) => void): OpenedLog {
    const rows = new LogReader(this.#source(), 'rows');
    for (let records = rows.next(); records !== undefined; records = rows.next())
      for (const record of records) take(record);
    const reader = new LogReader(this.#source());
    let count = 0;
    for (let records = reader.next(); records !== undefined; records = reader.next()) {
      count += records.length;
      for (const record of records) if (record.kind !== 'kept' || record.kept.kind !== 'rows') take(record);
    }
    const { validBytes, skippedBytes, sourceBytes } = reader;
    if (sourceBytes > validBytes) ftruncateSync(this.#file, validBytes);
    this.#sizeBytes = this.#flushedBytes = validBytes;
    return { records: count, tornBytes: sourceBytes - validBytes, skippedBytes };
  }

  #source(): (into: Uint8Array) => number {
    let at = 0;
    return (into) => {
      const count = readSync(this.#file, into, 0, into.length, at);
      at += count;
      return count;
    };
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** What it was when it was made anew; 0 = not since it was opened. */
  get renewedBytes(): number {
    return this.#renewedBytes;
  }

  get limitBytes(): number {
    return this.#limitBytes;
  }

  /** Set while something that was appended is in memory only. */
  get noRoom(): NoRoom | undefined {
    return this.#noRoom;
  }

  /** What is in memory only cannot be appended any more. */
  get mustRenew(): boolean {
    return this.#mustRenew;
  }

  get isRenewing(): boolean {
    return this.#renewal !== undefined;
  }

  /** Groups in memory only. */
  get heldGroups(): number {
    if (this.#noRoom === undefined) return 0;
    let groups = this.#groupsGivenUp + groupsIn(this.#queue);
    for (let i = this.#written; i < this.#batches.length; i++) groups += this.#batches[i].groups;
    return groups;
  }

  append(records: readonly LogRecord[], nowMs: number): void {
    for (const record of records) {
      this.#queue.push(record);
      this.#renewal?.tail.push(record);
    }
    if (this.#queue.length >= QUEUE_RECORDS_MAX) this.#encodeQueue();
    if (this.#noRoom === undefined) this.#write();
    this.flushIfDue(nowMs);
  }

  /** Everything appended is on stable storage within a second or so, if this is called often enough. */
  flushIfDue(nowMs: number): void {
    if (nowMs - this.#flushedMs < UNFLUSHED_MS_MAX && this.#heldBytes < HELD_MAX_BYTES) return;
    if (this.#noRoom === undefined && (this.#batches.length > 0 || this.#queue.length > 0)) this.flush(nowMs);
  }

  /** Everything appended is on stable storage when it returns, or `noRoom` is set. */
  flush(nowMs: number): void {
    this.#encodeQueue();
    if (this.#noRoom === undefined) this.#write();
    if (this.#written > 0) this.#flushFile();
    this.#flushedMs = nowMs;
  }

  /** There may be room now. */
  retry(nowMs: number): void {
    if (this.#mustRenew) return;
    this.#noRoom = undefined;
    this.flush(nowMs);
  }

  /** Begins a new log; false when there is no room for one. What is appended from now on will be in both. */
  startRenewal(records: Iterator<LogRecord>): boolean {
    try {
      rmSync(this.#besidePath, { force: true });
      const file = openSync(this.#besidePath, 'a', 0o600);
      this.#renewal = { file, records, writer: new LogWriter(), tail: [], sizeBytes: 0, unflushedBytes: 0 };
      return true;
    } catch (error) {
      if (!isNoRoom(error)) throw error;
      return false;
    }
  }

  /** Goes on with it for about as long as `isTime` says. A failure for want of room leaves everything as it was. */
  continueRenewal(isTime: () => boolean): 'going-on' | 'done' | 'no-room' {
    const renewal = this.#renewal;
    if (renewal === undefined) return 'done';
    // The records tell the state as it is when the first of them is asked for: what was appended until then is in it.
    if (renewal.sizeBytes === 0) renewal.tail.length = 0;
    try {
      do {
        const records: LogRecord[] = [];
        while (records.length < RENEWAL_RECORDS) {
          const next = renewal.records.next();
          if (next.done === true) break;
          records.push(next.value);
        }
        if (records.length === 0) {
          this.#finishRenewal(renewal);
          return 'done';
        }
        this.#writeRenewal(renewal, records);
      } while (isTime());
      return 'going-on';
    } catch (error) {
      this.abandonRenewal();
      if (!isNoRoom(error)) throw error;
      return 'no-room';
    }
  }

  abandonRenewal(): void {
    if (this.#renewal === undefined) return;
    closeSync(this.#renewal.file);
    this.#renewal = undefined;
    rmSync(this.#besidePath, { force: true });
  }

  close(): void {
    this.abandonRenewal();
    if (this.#file >= 0) closeSync(this.#file);
    this.#file = -1;
  }

  #encodeQueue(): void {
    if (this.#queue.length === 0) return;
    const groups = groupsIn(this.#queue);
    if (this.#mustRenew) this.#groupsGivenUp += groups;
    else {
      const bytes = this.#writer.encode(this.#queue);
      this.#batches.push({ bytes, groups });
      this.#heldBytes += bytes.length;
    }
    this.#queue = [];
    if (this.#noRoom !== undefined && this.#heldBytes >= HELD_MAX_BYTES) this.#giveUp();
  }

  #giveUp(): void {
    for (const { groups } of this.#batches.splice(this.#written)) this.#groupsGivenUp += groups;
    this.#mustRenew = true;
    this.#heldBytes = this.#batches.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  #write(): void {
    for (let batch = this.#batches[this.#written]; batch !== undefined; batch = this.#batches[this.#written]) {
      if (this.#sizeBytes + batch.bytes.length > this.#limitBytes) {
        this.#noRoom = 'log-limit';
        return;
      }
      try {
        writeAllSync(this.#file, batch.bytes);
      } catch (error) {
        if (!isNoRoom(error)) throw error;
        // A part of it may have found room.
        ftruncateSync(this.#file, this.#sizeBytes);
        this.#noRoom = 'disk-full';
        return;
      }
      this.#sizeBytes += batch.bytes.length;
      this.#written++;
    }
  }

  #flushFile(): void {
    try {
      fsyncSync(this.#file);
    } catch (error) {
      if (!isNoRoom(error)) throw error;
      // A file system that finds room only now: nothing is certain of what was written since the last time.
      ftruncateSync(this.#file, this.#flushedBytes);
      this.#sizeBytes = this.#flushedBytes;
      this.#written = 0;
      this.#noRoom = 'disk-full';
      return;
    }
    for (const { bytes } of this.#batches.splice(0, this.#written)) this.#heldBytes -= bytes.length;
    this.#written = 0;
    this.#flushedBytes = this.#sizeBytes;
  }

  #writeRenewal(renewal: Renewal, records: readonly LogRecord[]): void {
    const bytes = renewal.writer.encode(records);
    writeAllSync(renewal.file, bytes);
    renewal.sizeBytes += bytes.length;
    renewal.unflushedBytes += bytes.length;
    if (renewal.unflushedBytes < RENEWAL_FLUSH_BYTES) return;
    fsyncSync(renewal.file);
    renewal.unflushedBytes = 0;
  }

  #finishRenewal(renewal: Renewal): void {
    this.#writeRenewal(renewal, renewal.tail);
    fsyncSync(renewal.file);
    renameSync(this.#besidePath, this.#path);
    this.#renewal = undefined;
    closeSync(this.#file);
    this.#file = renewal.file;
    this.#writer = renewal.writer;
    this.#sizeBytes = this.#flushedBytes = this.#renewedBytes = renewal.sizeBytes;
    this.#queue = [];
    this.#batches = [];
    this.#written = this.#heldBytes = this.#groupsGivenUp = 0;
    this.#mustRenew = false;
    this.#noRoom = undefined;
    try {
      flushFolderSync(dirname(this.#path));
    } catch (error) {
      // The new log is in place; should a power cut undo the renaming, the old one is there, and lacks what came since.
      if (!isNoRoom(error)) throw error;
    }
  }
}

function groupsIn(records: readonly LogRecord[]): number {
  let groups = 0;
  for (const { kind } of records) if (kind === 'data') groups++;
  return groups;
}
