/**
 * The reception log: what a receiver has heard, in the order it heard it, so that after a power cut it goes on where it was.
 * A batch is what is written at once; a torn or damaged batch is recognised and skipped.
 *
 *     batch     CB | length u16 | records | CRC-32 of length and records        at most 4096 bytes of records
 *
 *     data      1 SS R K LLL | n and r | [slots] | blocks u16 each
 *               S stream   R clock restarted   K clock known   L blocks that were lost
 *               n and r: as they were received, 000rnnnn (type A) or rnnnpppp (type C)
 *               slots: groups of the stream since the record before (K and not R), 7 bits a byte, lowest first, high bit = more
 *     tuned     01 | PI u16 | group type code u8 (FF = unknown) | channel u8
 *     directory 02 | length u16 | bytes
 *     symbols   04 |  what a collector holds: log-kept.ts
 *     rows      05 |  of a solved block; only with others like it in a batch, so that they are found without reading the rest
 */

import { crc32 } from './crc.ts';
import type { StreamNumber } from './group.ts';
import { LOST_BLOCK } from './group.ts';
import { encodeKept, type KeptRecord, keptSizeBytes, parseKept, ROWS, SYMBOLS } from './log-kept.ts';
import type { DataGroup, Tuning } from './select.ts';

export type LogRecord =
  | { readonly kind: 'data'; readonly group: DataGroup }
  | { readonly kind: 'tuned'; readonly tuning: Tuning }
  | { readonly kind: 'directory'; readonly bytes: Uint8Array }
  | KeptRecord;

/** That of format 1 was CA; its records had other layouts. */
const MARK = 0xcb;
const BATCH_HEADER_BYTES = 3;
const CHECK_BYTES = 4;
const BATCH_PAYLOAD_MAX_BYTES = 4096;
const BATCH_MAX_BYTES = BATCH_HEADER_BYTES + BATCH_PAYLOAD_MAX_BYTES + CHECK_BYTES;
const TUNED = 1;
const DIRECTORY = 2;
const TUNED_BYTES = 5;
const DIRECTORY_HEAD_BYTES = 3;
/** Of type C with four bytes of slots. */
const DATA_MAX_BYTES = 12;
const SLOTS_MAX = 0x0fff_ffff;

function isRows(record: LogRecord): boolean {
  return record.kind === 'kept' && record.kept.kind === 'rows';
}

function sizeAtMost(record: LogRecord): number {
  switch (record.kind) {
    case 'data':
      return DATA_MAX_BYTES;
    case 'tuned':
      return TUNED_BYTES;
    case 'directory':
      return DIRECTORY_HEAD_BYTES + record.bytes.length;
    case 'kept':
      return keptSizeBytes(record);
  }
  return record satisfies never;
}

/** Makes batches. Keeps the slots of the last data record of each stream, and room for what is encoded at once. */
export class LogWriter {
  readonly #slots = [-1, -1, -1, -1];
  readonly #started = [false, false, false, false];
  #bytes = new Uint8Array(2 * BATCH_MAX_BYTES);
  #view = new DataView(this.#bytes.buffer);
  /** Where the open batch begins, and where the next record goes. */
  #batch = 0;
  #at = 0;

  /** One batch or, when the records need more, several. The array is the caller's. */
  encode(records: readonly LogRecord[]): Uint8Array {
    this.#batch = 0;
    this.#at = BATCH_HEADER_BYTES;
    let hasRows = false;
    for (const record of records) {
      const size = sizeAtMost(record);
      const used = this.#at - this.#batch - BATCH_HEADER_BYTES;
      if (used > 0 && (used + size > BATCH_PAYLOAD_MAX_BYTES || isRows(record) !== hasRows)) this.#close();
      hasRows = isRows(record);
      this.#reserve(size);
      this.#put(record);
    }
    if (this.#at > this.#batch + BATCH_HEADER_BYTES) this.#close();
    return this.#bytes.slice(0, this.#batch);
  }

  #close(): void {
    const view = this.#view;
    view.setUint8(this.#batch, MARK);
    view.setUint16(this.#batch + 1, this.#at - this.#batch - BATCH_HEADER_BYTES);
    view.setUint32(this.#at, crc32(this.#bytes, this.#batch + 1, this.#at));
    this.#batch = this.#at + CHECK_BYTES;
    this.#at = this.#batch + BATCH_HEADER_BYTES;
  }

  /** For one more record and what closes its batch. */
  #reserve(sizeBytes: number): void {
    const needed = this.#at + sizeBytes + CHECK_BYTES + BATCH_HEADER_BYTES;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * needed);
    larger.set(this.#bytes);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }

  #put(record: LogRecord): void {
    const view = this.#view;
    const at = this.#at;
    switch (record.kind) {
      case 'data':
        this.#putData(record.group);
        return;
      case 'tuned': {
        const { pi, groupTypeCode, channel } = record.tuning;
        view.setUint8(at, TUNED);
        view.setUint16(at + 1, pi);
        view.setUint8(at + 3, groupTypeCode < 0 ? 0xff : groupTypeCode);
        view.setUint8(at + 4, channel);
        this.#at += TUNED_BYTES;
        return;
      }
      case 'directory':
        view.setUint8(at, DIRECTORY);
        view.setUint16(at + 1, record.bytes.length);
        this.#bytes.set(record.bytes, at + DIRECTORY_HEAD_BYTES);
        this.#at += DIRECTORY_HEAD_BYTES + record.bytes.length;
        return;
      case 'kept':
        encodeKept(view, at, record);
        this.#at += keptSizeBytes(record);
        return;
    }
    record satisfies never;
  }

  #putData(group: DataGroup): void {
    const { stream, slot, words, place, check } = group;
    const known = slot >= 0;
    const before = this.#slots[stream];
    let slots = known && before >= 0 ? slot - before : 0;
    const restarted =
      group.clockRestarted || !this.#started[stream] || known !== before >= 0 || slots < 0 || slots > SLOTS_MAX;
    this.#started[stream] = true;
    this.#slots[stream] = known ? slot : -1;
    const bytes = this.#bytes;
    const head = this.#at;
    const first = stream === 0 ? 0 : 1;
    bytes[head + 1] = stream === 0 ? (check << 4) | place : (check << 7) | (place << 4) | words[0];
    let at = head + 2;
    if (known && !restarted) {
      for (; slots >= 0x80; slots >>>= 7) bytes[at++] = 0x80 | (slots & 0x7f);
      bytes[at++] = slots;
    }
    let lost = 0;
    for (let i = first; i < words.length; i++) {
      const word = words[i];
      if (word === LOST_BLOCK) lost |= 4 >> (i - first);
      bytes[at++] = (word >> 8) & 0xff;
      bytes[at++] = word & 0xff;
    }
    bytes[head] = 0x80 | (stream << 5) | (restarted ? 16 : 0) | (known ? 8 : 0) | lost;
    this.#at = at;
  }
}

/** Puts the next bytes of a log into `into` and tells how many; 0 at the end. */
export type LogSource = (into: Uint8Array) => number;

function sourceOf(bytes: Uint8Array): LogSource {
  let at = 0;
  return (into) => {
    const part = bytes.subarray(at, at + into.length);
    into.set(part);
    at += part.length;
    return part.length;
  };
}

const READ_AT_ONCE_BYTES = 65_536;

/** Reads a log batch by batch. Never throws on what it reads; memory: 64 kB. */
export class LogReader {
  readonly #source: LogSource;
  readonly #rowsOnly: boolean;
  readonly #bytes = new Uint8Array(READ_AT_ONCE_BYTES + BATCH_MAX_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #slots = [0, 0, 0, 0];
  readonly #broken = [true, true, true, true];
  /** Of the whole log: where `#bytes` begins. */
  #base = 0;
  #at = 0;
  #end = 0;
  #hasEnded = false;
  /** Where the next record is. */
  #cursor = 0;
  /** End of the last whole batch: a log that is appended to is cut here first. */
  validBytes = 0;
  /** Bytes before `validBytes` that belong to no whole batch. */
  skippedBytes = 0;
  /** Bytes that the source gave. */
  sourceBytes = 0;
  /** Records in whole batches that made no sense (another version's). */
  unknownRecords = 0;

  /** `rows`: gives the rows of solved blocks only, and is much faster. */
  constructor(log: Uint8Array | LogSource, only: 'all' | 'rows' = 'all') {
    this.#source = typeof log === 'function' ? log : sourceOf(log);
    this.#rowsOnly = only === 'rows';
  }

  /** The records of the next whole batch, undefined at the end. */
  next(): LogRecord[] | undefined {
    const bytes = this.#bytes;
    for (; this.#hasNext(); this.#at++) {
      const at = this.#at;
      if (bytes[at] !== MARK) continue;
      const length = this.#view.getUint16(at + 1);
      const end = at + BATCH_HEADER_BYTES + length;
      if (length === 0 || length > BATCH_PAYLOAD_MAX_BYTES || end + CHECK_BYTES > this.#end) continue;
      if (this.#view.getUint32(end) !== crc32(bytes, at + 1, end)) continue;
      const skipped = this.#base + at - this.validBytes;
      if (skipped > 0) {
        this.skippedBytes += skipped;
        this.#broken.fill(true);
      }
      const records = this.#records(at + BATCH_HEADER_BYTES, end);
      this.#at = end + CHECK_BYTES;
      this.validBytes = this.#base + this.#at;
      return records;
    }
    return undefined;
  }

  /** Sees to it that a whole batch lies in memory, if the log has as much. */
  #hasNext(): boolean {
    if (!this.#hasEnded && this.#end - this.#at < BATCH_MAX_BYTES) {
      this.#bytes.copyWithin(0, this.#at, this.#end);
      this.#base += this.#at;
      this.#end -= this.#at;
      this.#at = 0;
      while (!this.#hasEnded && this.#end < BATCH_MAX_BYTES) {
        const count = this.#source(this.#bytes.subarray(this.#end));
        this.#end += count;
        this.sourceBytes += count;
        this.#hasEnded = count === 0;
      }
    }
    return this.#at + BATCH_HEADER_BYTES + CHECK_BYTES <= this.#end;
  }

  #records(from: number, end: number): LogRecord[] {
    const records: LogRecord[] = [];
    if (this.#rowsOnly && this.#bytes[from] !== ROWS) return records;
    this.#cursor = from;
    while (this.#cursor < end) {
      const record = this.#record(end);
      if (record === undefined) {
        this.unknownRecords++;
        this.#broken.fill(true);
        break;
      }
      records.push(record);
    }
    return records;
  }

  /** Undefined when it is none; else `#cursor` is behind it. */
  #record(end: number): LogRecord | undefined {
    const view = this.#view;
    const at = this.#cursor;
    const kind = view.getUint8(at);
    if (kind >= 0x80) return this.#data(end);
    if (kind === TUNED && at + TUNED_BYTES <= end) {
      this.#cursor += TUNED_BYTES;
      const code = view.getUint8(at + 3);
      const tuning = {
        pi: view.getUint16(at + 1),
        groupTypeCode: code > 31 ? -1 : code,
        channel: view.getUint8(at + 4) & 63,
      };
      return { kind: 'tuned', tuning };
    }
    if (kind === DIRECTORY && at + DIRECTORY_HEAD_BYTES <= end) {
      const from = at + DIRECTORY_HEAD_BYTES;
      const to = from + view.getUint16(at + 1);
      if (to > end) return undefined;
      this.#cursor = to;
      return { kind: 'directory', bytes: this.#bytes.slice(from, to) };
    }
    if (kind !== SYMBOLS && kind !== ROWS) return undefined;
    const parsed = parseKept(view, at, end);
    if (parsed === undefined) return undefined;
    this.#cursor = parsed.end;
    return parsed.record;
  }

  #data(end: number): LogRecord | undefined {
    const bytes = this.#bytes;
    const from = this.#cursor;
    const head = bytes[from];
    const stream = ((head >> 5) & 3) as StreamNumber;
    const restarted = (head & 16) !== 0;
    const known = (head & 8) !== 0;
    const blocks = stream === 0 ? 2 : 3;
    let at = from + 2;
    let slots = 0;
    if (known && !restarted) {
      for (let shift = 0; ; shift += 7, at++) {
        if (at >= end || shift > 21) return undefined;
        const byte = bytes[at];
        slots |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
      }
      at++;
    }
    if (at + 2 * blocks > end) return undefined;
    const second = bytes[from + 1];
    const words: number[] = stream === 0 ? [] : [second & 15];
    for (let i = 0; i < blocks; i++, at += 2) {
      words.push((head & (4 >> i)) === 0 ? (bytes[at] << 8) | bytes[at + 1] : LOST_BLOCK);
    }
    this.#cursor = at;
    const slot = restarted ? 0 : this.#slots[stream] + slots;
    this.#slots[stream] = slot;
    const clockRestarted = restarted || this.#broken[stream];
    this.#broken[stream] = false;
    const place = stream === 0 ? second & 15 : (second >> 4) & 7;
    const check = stream === 0 ? (second >> 4) & 1 : second >> 7;
    return { kind: 'data', group: { stream, place, check, words, slot: known ? slot : -1, clockRestarted } };
  }
}
