/**
 * The reception log: what a receiver has heard, in the order it heard it, so that after a power cut it goes on where it was.
 * A batch is what is written at once; a torn or damaged batch is recognised and skipped.
 *
 *     batch     CA | length u16 | records | CRC-32 of length and records        at most 4096 bytes of records
 *
 *     data      1 SS R K LLL | nnnn cccc | [slots] | words u16 each
 *               S stream   R clock restarted   K clock known   L words that were lost   n place in its run   c handle bit or nibble
 *               slots: groups of the stream since the record before (K and not R), 7 bits a byte, lowest first, high bit = more
 *     tuned     01 | PI u16 | group type code u8 (FF = unknown) | channel u8
 *     directory 02 | length u16 | bytes
 *     placed    03 | identity 8 | size u24 | n u8 | n times: SS LLL W 00 cccccccc cccccccc cccccccc | words u16 each
 *               symbols whose place is known, written when a log is made anew; W = three words, otherwise two
 */

import { crc32 } from './crc.ts';
import type { StreamNumber } from './group.ts';
import { LOST_BLOCK } from './group.ts';
import type { DataGroup, Tuning } from './select.ts';

export interface PlacedSymbols {
  readonly stream: StreamNumber;
  readonly counter: number;
  readonly words: readonly number[];
}

export type LogRecord =
  | { readonly kind: 'data'; readonly group: DataGroup }
  | { readonly kind: 'tuned'; readonly tuning: Tuning }
  | { readonly kind: 'directory'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'placed';
      readonly identity: Uint8Array;
      readonly sizeBytes: number;
      readonly groups: readonly PlacedSymbols[];
    };

const MARK = 0xca;
const BATCH_HEADER_BYTES = 3;
const CHECK_BYTES = 4;
const BATCH_PAYLOAD_MAX_BYTES = 4096;
const TUNED = 1;
const DIRECTORY = 2;
const PLACED = 3;
/** Groups in one 'placed' record at most. */
export const PLACED_GROUPS_MAX = 255;
const SLOTS_MAX = 0x0fff_ffff;

function wordCountOf(stream: number): number {
  return stream === 0 ? 2 : 3;
}

function putU16(out: number[], value: number): void {
  out.push((value >> 8) & 0xff, value & 0xff);
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
      case 'placed':
        out.push(PLACED, ...record.identity, record.sizeBytes >> 16);
        putU16(out, record.sizeBytes & 0xffff);
        out.push(record.groups.length);
        for (const { stream, counter, words } of record.groups) {
          out.push((stream << 6) | (lostMask(words) << 3) | (words.length === 3 ? 4 : 0), counter >> 16);
          putU16(out, counter & 0xffff);
          for (const word of words) putU16(out, word & 0xffff);
        }
        break;
    }
    return out;
  }

  #encodeData(out: number[], group: DataGroup): void {
    const { stream, words, slot } = group;
    const known = slot >= 0;
    const before = this.#slots[stream];
    let slots = known && before >= 0 ? slot - before : 0;
    const restarted =
      group.clockRestarted || !this.#started[stream] || known !== before >= 0 || slots < 0 || slots > SLOTS_MAX;
    this.#started[stream] = true;
    this.#slots[stream] = known ? slot : -1;
    out.push(0x80 | (stream << 5) | (restarted ? 16 : 0) | (known ? 8 : 0) | lostMask(words));
    out.push((group.place << 4) | group.check);
    if (known && !restarted) {
      while (slots >= 0x80) {
        out.push(0x80 | (slots & 0x7f));
        slots >>>= 7;
      }
      out.push(slots);
    }
    for (const word of words) putU16(out, word & 0xffff);
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
    if (kind === PLACED && at + 13 <= end) return this.#placed(cursor);
    return undefined;
  }

  #data(cursor: { at: number; readonly end: number }): LogRecord | undefined {
    const view = this.#view;
    const head = view.getUint8(cursor.at);
    const stream = ((head >> 5) & 3) as StreamNumber;
    const restarted = (head & 16) !== 0;
    const known = (head & 8) !== 0;
    const count = wordCountOf(stream);
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
    const place = second >> 4;
    const check = stream === 0 ? second & 1 : second & 15;
    return { kind: 'data', group: { stream, place, check, words, slot: known ? slot : -1, clockRestarted } };
  }

  #words(at: number, count: number, lost: number): number[] {
    return Array.from({ length: count }, (_, i) =>
      (lost & (4 >> i)) === 0 ? this.#view.getUint16(at + 2 * i) : LOST_BLOCK,
    );
  }

  #placed(cursor: { at: number; readonly end: number }): LogRecord | undefined {
    const view = this.#view;
    const identity = this.#bytes.slice(cursor.at + 1, cursor.at + 9);
    const sizeBytes = (view.getUint8(cursor.at + 9) << 16) | view.getUint16(cursor.at + 10);
    const n = view.getUint8(cursor.at + 12);
    const groups: PlacedSymbols[] = [];
    let at = cursor.at + 13;
    for (let i = 0; i < n; i++) {
      if (at + 4 > cursor.end) return undefined;
      const head = view.getUint8(at);
      const count = (head & 4) === 0 ? 2 : 3;
      if (at + 4 + 2 * count > cursor.end) return undefined;
      const counter = (view.getUint8(at + 1) << 16) | view.getUint16(at + 2);
      const words = this.#words(at + 4, count, (head >> 3) & 7);
      groups.push({ stream: ((head >> 6) & 3) as StreamNumber, counter, words });
      at += 4 + 2 * count;
    }
    if (sizeBytes === 0) return undefined;
    cursor.at = at;
    return { kind: 'placed', identity, sizeBytes, groups };
  }
}
