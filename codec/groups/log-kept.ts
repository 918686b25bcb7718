/**
 * What a collector holds (codec/symbols/collect.ts), as records of the reception log (log.ts):
 *
 *     symbols   04 | object | block u16 | 000000HM | n u8 | n times: tag u32 | low u32 | [high u32] | [mask u16]
 *     rows      05 | object | block u16 | first row u16 | n u16 | n words u32
 *
 *     object    identity 8 | size u24 | scheme u8            H = values have a high word, M = with masks
 */

import type { KeptCounts, KeptSymbols } from '../symbols/collect.ts';

export interface KeptRecord {
  readonly kind: 'kept';
  readonly identity: Uint8Array;
  readonly sizeBytes: number;
  readonly scheme: number;
  readonly kept: KeptSymbols;
}

export const SYMBOLS = 4;
export const ROWS = 5;
const OBJECT_BYTES = 12;
/** Kind, object, and what stands before the repeated part. */
const SYMBOLS_HEAD_BYTES = 1 + OBJECT_BYTES + 4;
const ROWS_HEAD_BYTES = 1 + OBJECT_BYTES + 6;

function symbolBytes(hasHigh: boolean, isPartial: boolean): number {
  return 8 + (hasHigh ? 4 : 0) + (isPartial ? 2 : 0);
}

export function keptSizeBytes({ kept }: KeptRecord): number {
  if (kept.kind === 'rows') return ROWS_HEAD_BYTES + 4 * kept.values.length;
  return SYMBOLS_HEAD_BYTES + kept.tags.length * symbolBytes(kept.high.length > 0, kept.isPartial);
}

/** Of all that a collector holds, in records. */
export function keptCountsBytes({ pieces, words, masks }: KeptCounts): number {
  return pieces * ROWS_HEAD_BYTES + 4 * words + 2 * masks;
}

/** Writes `keptSizeBytes` bytes. */
export function encodeKept(view: DataView, at: number, { identity, sizeBytes, scheme, kept }: KeptRecord): void {
  view.setUint8(at, kept.kind === 'rows' ? ROWS : SYMBOLS);
  for (let i = 0; i < identity.length; i++) view.setUint8(at + 1 + i, identity[i]);
  view.setUint8(at + 9, sizeBytes >> 16);
  view.setUint16(at + 10, sizeBytes & 0xffff);
  view.setUint8(at + 12, scheme);
  view.setUint16(at + 13, kept.block);
  if (kept.kind === 'rows') {
    view.setUint16(at + 15, kept.firstRow);
    view.setUint16(at + 17, kept.values.length);
    for (const [i, word] of kept.values.entries()) view.setUint32(at + ROWS_HEAD_BYTES + 4 * i, word);
    return;
  }
  const { tags, low, high, masks, isPartial } = kept;
  const hasHigh = high.length > 0;
  view.setUint8(at + 15, (hasHigh ? 2 : 0) | (isPartial ? 1 : 0));
  view.setUint8(at + 16, tags.length);
  let to = at + SYMBOLS_HEAD_BYTES;
  for (let i = 0; i < tags.length; i++) {
    view.setUint32(to, tags[i]);
    view.setUint32(to + 4, low[i]);
    to += 8;
    if (hasHigh) {
      view.setUint32(to, high[i]);
      to += 4;
    }
    if (!isPartial) continue;
    view.setUint16(to, masks[i]);
    to += 2;
  }
}

/** The record at `at` and where it ends; undefined when it is none. */
export function parseKept(view: DataView, at: number, end: number): { record: KeptRecord; end: number } | undefined {
  if (at + SYMBOLS_HEAD_BYTES > end) return undefined;
  const parsed = view.getUint8(at) === ROWS ? parseRows(view, at, end) : parseSymbols(view, at, end);
  const sizeBytes = (view.getUint8(at + 9) << 16) | view.getUint16(at + 10);
  if (parsed === undefined || sizeBytes === 0) return undefined;
  const identity = Uint8Array.from({ length: 8 }, (_, i) => view.getUint8(at + 1 + i));
  const scheme = view.getUint8(at + 12);
  return { record: { kind: 'kept', identity, sizeBytes, scheme, kept: parsed.kept }, end: parsed.end };
}

interface Parsed {
  readonly kept: KeptSymbols;
  readonly end: number;
}

function parseSymbols(view: DataView, at: number, end: number): Parsed | undefined {
  const block = view.getUint16(at + 13);
  const flags = view.getUint8(at + 15);
  const n = view.getUint8(at + 16);
  const isPartial = (flags & 1) !== 0;
  const hasHigh = (flags & 2) !== 0;
  let from = at + SYMBOLS_HEAD_BYTES;
  if (from + n * symbolBytes(hasHigh, isPartial) > end) return undefined;
  const tags = new Uint32Array(n);
  const low = new Uint32Array(n);
  const high = new Uint32Array(hasHigh ? n : 0);
  const masks = new Uint16Array(isPartial ? n : 0);
  for (let i = 0; i < n; i++) {
    tags[i] = view.getUint32(from);
    low[i] = view.getUint32(from + 4);
    from += 8;
    if (hasHigh) {
      high[i] = view.getUint32(from);
      from += 4;
    }
    if (!isPartial) continue;
    masks[i] = view.getUint16(from);
    from += 2;
  }
  return { kept: { kind: 'symbols', block, isPartial, tags, low, high, masks }, end: from };
}

function parseRows(view: DataView, at: number, end: number): Parsed | undefined {
  const from = at + ROWS_HEAD_BYTES;
  if (from > end) return undefined;
  const block = view.getUint16(at + 13);
  const firstRow = view.getUint16(at + 15);
  const n = view.getUint16(at + 17);
  if (from + 4 * n > end) return undefined;
  const values = new Uint32Array(n);
  for (let i = 0; i < n; i++) values[i] = view.getUint32(from + 4 * i);
  return { kept: { kind: 'rows', block, firstRow, values }, end: from + 4 * n };
}
