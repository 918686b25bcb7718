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
 *     symbols   04 | object | block u16 | 000000HM | n u8 | n times: tag u32 | low u32 | [high u32] | [mask u16]
 *     rows      05 | object | block u16 | first row u16 | n u16 | n words u32
 *               what a collector holds (codec/symbols/collect.ts), when a log is made anew; H = values have a high word,
 *               M = with masks; object = identity 8 | size u24 | scheme u8
 */

import { crc32 } from './crc.ts';
import type { KeptSymbols } from '../symbols/collect.ts';
import type { StreamNumber } from './group.ts';
import { LOST_BLOCK } from './group.ts';
import type { DataGroup, Tuning } from './select.ts';

export interface KeptRecord {
  readonly kind: 'kept';
  readonly identity: Uint8Array;
  readonly sizeBytes: number;
  readonly scheme: number;
  readonly kept: KeptSymbols;
}

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
const TUNED = 1;
const DIRECTORY = 2;
const SYMBOLS = 4;
const ROWS = 5;
const OBJECT_BYTES = 12;
const SLOTS_MAX = 0x0fff_ffff;

function blockCountOf(stream: number): number {
  return stream === 0 ? 2 : 3;
}

function putU16(out: number[], value: number): void {
  out.push((value >> 8) & 0xff, value & 0xff);
}

function putU32(out: number[], value: number): void {
  putU16(out, value >>> 16);
  putU16(out, value);
}

function lostMask(words: readonly number[]): number {
  let mask = 0;
  for (const [i, word] of words.entries()) if (word === LOST_BLOCK) mask |= 4 >> i;
  return mask;
}

/** Makes batches. Keeps the slots of the last data record of each stream. */
export class LogWriter {
  readonly #slots = [-1, -1, -1, -1];
  readonly #started = [false, false, false, false];

  /** One batch or, when the records need more, several. */
  encode(records: readonly LogRecord[]): Uint8Array {
    const batches: number[] = [];
    let payload: number[] = [];
    const close = (): void => {
      if (payload.length === 0) return;
      const head = [payload.length >> 8, payload.length & 0xff];
      const check = crc32(Uint8Array.from([...head, ...payload]));
      batches.push(MARK, ...head);
      for (const byte of payload) batches.push(byte);
      putU16(batches, check >>> 16);
      putU16(batches, check & 0xffff);
      payload = [];
    };
    for (const record of records) {
      const bytes = this.#encodeRecord(record);
      if (payload.length + bytes.length > BATCH_PAYLOAD_MAX_BYTES) close();
      for (const byte of bytes) payload.push(byte);
    }
    close();
    return Uint8Array.from(batches);
  }

  #encodeRecord(record: LogRecord): number[] {
    const out: number[] = [];
    switch (record.kind) {
      case 'data':
        this.#encodeData(out, record.group);
        break;
      case 'tuned': {
        const { pi, groupTypeCode, channel } = record.tuning;
        out.push(TUNED, pi >> 8, pi & 0xff, groupTypeCode < 0 ? 0xff : groupTypeCode, channel);
        break;
      }
      case 'directory':
        out.push(DIRECTORY);
        putU16(out, record.bytes.length);
        out.push(...record.bytes);
        break;
      case 'kept':
        encodeKept(out, record);
        break;
    }
    return out;
  }

  #encodeData(out: number[], group: DataGroup): void {
    const { stream, slot } = group;
    const blocks = stream === 0 ? group.words : group.words.slice(1);
    const known = slot >= 0;
    const before = this.#slots[stream];
    let slots = known && before >= 0 ? slot - before : 0;
    const restarted =
      group.clockRestarted || !this.#started[stream] || known !== before >= 0 || slots < 0 || slots > SLOTS_MAX;
    this.#started[stream] = true;
    this.#slots[stream] = known ? slot : -1;
    out.push(0x80 | (stream << 5) | (restarted ? 16 : 0) | (known ? 8 : 0) | lostMask(blocks));
    out.push(
      stream === 0 ? (group.check << 4) | group.place : (group.check << 7) | (group.place << 4) | group.words[0],
    );
    if (known && !restarted) {
      while (slots >= 0x80) {
        out.push(0x80 | (slots & 0x7f));
        slots >>>= 7;
      }
      out.push(slots);
    }
    for (const word of blocks) putU16(out, word & 0xffff);
  }
}

function encodeKept(out: number[], { identity, sizeBytes, scheme, kept }: KeptRecord): void {
  out.push(kept.kind === 'symbols' ? SYMBOLS : ROWS, ...identity, sizeBytes >> 16);
  putU16(out, sizeBytes & 0xffff);
  out.push(scheme);
  putU16(out, kept.block);
  if (kept.kind === 'rows') {
    putU16(out, kept.firstRow);
    putU16(out, kept.values.length);
    for (const word of kept.values) putU32(out, word);
    return;
  }
  const { tags, low, high, masks } = kept;
  out.push((high.length > 0 ? 2 : 0) | (kept.isPartial ? 1 : 0), tags.length);
  for (const [i, tag] of tags.entries()) {
    putU32(out, tag);
    putU32(out, low[i]);
    if (high.length > 0) putU32(out, high[i]);
    if (kept.isPartial) putU16(out, masks[i]);
  }
}

/** Reads a log batch by batch. Never throws; memory: one batch. */
export class LogReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #slots = [0, 0, 0, 0];
  readonly #broken = [true, true, true, true];
  #at = 0;
  /** End of the last whole batch: a log that is appended to is cut here first. */
  validBytes = 0;
  /** Bytes before `validBytes` that belong to no whole batch. */
  skippedBytes = 0;
  /** Records in whole batches that made no sense (another version's). */
  unknownRecords = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The records of the next whole batch, undefined at the end. */
  next(): LogRecord[] | undefined {
    const bytes = this.#bytes;
    for (; this.#at + BATCH_HEADER_BYTES + CHECK_BYTES <= bytes.length; this.#at++) {
      if (bytes[this.#at] !== MARK) continue;
      const length = this.#view.getUint16(this.#at + 1);
      const end = this.#at + BATCH_HEADER_BYTES + length;
      if (length === 0 || length > BATCH_PAYLOAD_MAX_BYTES || end + CHECK_BYTES > bytes.length) continue;
      if (this.#view.getUint32(end) !== crc32(bytes.subarray(this.#at + 1, end))) continue;
      if (this.#at > this.validBytes) {
        this.skippedBytes += this.#at - this.validBytes;
        this.#broken.fill(true);
      }
      const records = this.#records(this.#at + BATCH_HEADER_BYTES, end);
      this.#at = end + CHECK_BYTES;
      this.validBytes = this.#at;
      return records;
    }
    return undefined;
  }

  #records(from: number, end: number): LogRecord[] {
    const records: LogRecord[] = [];
    const cursor = { at: from, end };
    while (cursor.at < end) {
      const record = this.#record(cursor);
      if (record === undefined) {
        this.unknownRecords++;
        this.#broken.fill(true);
        break;
      }
      records.push(record);
    }
    return records;
  }

  #record(cursor: { at: number; readonly end: number }): LogRecord | undefined {
    const view = this.#view;
    const { at, end } = cursor;
    const kind = view.getUint8(at);
    if (kind >= 0x80) return this.#data(cursor);
    if (kind === TUNED && at + 5 <= end) {
      cursor.at += 5;
      const code = view.getUint8(at + 3);
      const tuning = {
        pi: view.getUint16(at + 1),
        groupTypeCode: code > 31 ? -1 : code,
        channel: view.getUint8(at + 4) & 63,
      };
      return { kind: 'tuned', tuning };
    }
    if (kind === DIRECTORY && at + 3 <= end) {
      const length = view.getUint16(at + 1);
      if (at + 3 + length > end) return undefined;
      cursor.at += 3 + length;
      return { kind: 'directory', bytes: this.#bytes.slice(at + 3, at + 3 + length) };
    }
    if ((kind === SYMBOLS || kind === ROWS) && at + 1 + OBJECT_BYTES + 4 <= end) return this.#kept(cursor, kind);
    return undefined;
  }

  #data(cursor: { at: number; readonly end: number }): LogRecord | undefined {
    const view = this.#view;
    const head = view.getUint8(cursor.at);
    const stream = ((head >> 5) & 3) as StreamNumber;
    const restarted = (head & 16) !== 0;
    const known = (head & 8) !== 0;
    const count = blockCountOf(stream);
    let at = cursor.at + 2;
    let slots = 0;
    if (known && !restarted) {
      for (let shift = 0; ; shift += 7, at++) {
        if (at >= cursor.end || shift > 21) return undefined;
        const byte = view.getUint8(at);
        slots |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
      }
      at++;
    }
    if (at + 2 * count > cursor.end) return undefined;
    const second = view.getUint8(cursor.at + 1);
    const words = this.#words(at, count, head & 7);
    cursor.at = at + 2 * count;
    const slot = restarted ? 0 : this.#slots[stream] + slots;
    this.#slots[stream] = slot;
    const clockRestarted = restarted || this.#broken[stream];
    this.#broken[stream] = false;
    const place = stream === 0 ? second & 15 : (second >> 4) & 7;
    const check = stream === 0 ? (second >> 4) & 1 : second >> 7;
    if (stream !== 0) words.unshift(second & 15);
    return { kind: 'data', group: { stream, place, check, words, slot: known ? slot : -1, clockRestarted } };
  }

  #words(at: number, count: number, lost: number): number[] {
    return Array.from({ length: count }, (_, i) =>
      (lost & (4 >> i)) === 0 ? this.#view.getUint16(at + 2 * i) : LOST_BLOCK,
    );
  }

  #kept(cursor: { at: number; readonly end: number }, kind: number): LogRecord | undefined {
    const view = this.#view;
    const at = cursor.at + 1;
    const identity = this.#bytes.slice(at, at + 8);
    const sizeBytes = (view.getUint8(at + 8) << 16) | view.getUint16(at + 9);
    const scheme = view.getUint8(at + 11);
    const from = { at: at + OBJECT_BYTES, end: cursor.end };
    const kept = kind === SYMBOLS ? this.#symbols(from) : this.#rows(from);
    if (kept === undefined || sizeBytes === 0) return undefined;
    cursor.at = from.at;
    return { kind: 'kept', identity, sizeBytes, scheme, kept };
  }

  #symbols(cursor: { at: number; readonly end: number }): KeptSymbols | undefined {
    const view = this.#view;
    const block = view.getUint16(cursor.at);
    const flags = view.getUint8(cursor.at + 2);
    const n = view.getUint8(cursor.at + 3);
    const isPartial = (flags & 1) !== 0;
    const hasHigh = (flags & 2) !== 0;
    let at = cursor.at + 4;
    if (at + n * (8 + (hasHigh ? 4 : 0) + (isPartial ? 2 : 0)) > cursor.end) return undefined;
    const tags = new Uint32Array(n);
    const low = new Uint32Array(n);
    const high = new Uint32Array(hasHigh ? n : 0);
    const masks = new Uint16Array(isPartial ? n : 0);
    for (let i = 0; i < n; i++) {
      tags[i] = view.getUint32(at);
      low[i] = view.getUint32(at + 4);
      at += 8;
      if (hasHigh) {
        high[i] = view.getUint32(at);
        at += 4;
      }
      if (!isPartial) continue;
      masks[i] = view.getUint16(at);
      at += 2;
    }
    cursor.at = at;
    return { kind: 'symbols', block, isPartial, tags, low, high, masks };
  }

  #rows(cursor: { at: number; readonly end: number }): KeptSymbols | undefined {
    const view = this.#view;
    if (cursor.at + 6 > cursor.end) return undefined;
    const block = view.getUint16(cursor.at);
    const firstRow = view.getUint16(cursor.at + 2);
    const n = view.getUint16(cursor.at + 4);
    const from = cursor.at + 6;
    if (from + 4 * n > cursor.end) return undefined;
    cursor.at = from + 4 * n;
    const values = Uint32Array.from({ length: n }, (_, i) => view.getUint32(from + 4 * i));
    return { kind: 'rows', block, firstRow, values };
  }
}
