import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 as reference } from 'node:zlib';
import { crc32 } from '#codec/groups/crc.ts';
import { LOST_BLOCK, type StreamNumber } from '#codec/groups/group.ts';
import { LogReader, type LogRecord, LogWriter } from '#codec/groups/log.ts';
import { Seeded } from './station.ts';

const random = new Seeded(12);
const word = (): number => random.word() >>> 16;
const below = (n: number): number => random.word() % n;
const words32 = (n: number): Uint32Array => Uint32Array.from({ length: n }, () => random.word());

function dataRecord(stream: StreamNumber, slot: number): LogRecord {
  const blocks = Array.from({ length: stream === 0 ? 2 : 3 }, () => (random.next() < 0.1 ? LOST_BLOCK : word()));
  const words = stream === 0 ? blocks : [below(16), ...blocks];
  const place = below(stream === 0 ? 16 : 8);
  return { kind: 'data', group: { stream, place, check: below(2), words, slot, clockRestarted: false } };
}

function keptRecord(): LogRecord {
  const [isPartial, hasHigh, n] = [random.next() < 0.5, random.next() < 0.5, 1 + below(128)];
  const object = { identity: random.bytes(8), sizeBytes: 1 + below(0xff_ffff), scheme: below(256) };
  const block = word();
  if (random.next() < 0.4) {
    const values = words32(4 * n);
    return { kind: 'kept', ...object, kept: { kind: 'rows', block, firstRow: below(4096), values } };
  }
  const masks = Uint16Array.from({ length: isPartial ? n : 0 }, word);
  const [tags, low, high] = [words32(n), words32(n), words32(hasHigh ? n : 0)];
  return { kind: 'kept', ...object, kept: { kind: 'symbols', block, isPartial, tags, low, high, masks } };
}

/** All kinds, in any order; on each stream a clock, or none. */
function someRecords(count: number): LogRecord[] {
  const slots = [0, 0, 0, -1];
  return Array.from({ length: count }, (): LogRecord => {
    const kind = random.next();
    if (kind < 0.05) return { kind: 'tuned', tuning: { pi: word(), groupTypeCode: below(33) - 1, channel: below(64) } };
    if (kind < 0.1) return { kind: 'directory', bytes: random.bytes(8 * below(40)) };
    if (kind < 0.2) return keptRecord();
    const stream = below(4) as StreamNumber;
    if (slots[stream] >= 0) slots[stream] += 1 + (random.next() < 0.1 ? below(1_000_000) : 0);
    return dataRecord(stream, slots[stream]);
  });
}

function readAll(
  log: Uint8Array,
  chunkBytes: number,
  only: 'all' | 'rows' = 'all',
): { records: LogRecord[]; reader: LogReader } {
  let at = 0;
  const reader = new LogReader((into) => {
    const part = log.subarray(at, at + Math.min(chunkBytes, into.length));
    into.set(part);
    at += part.length;
    return part.length;
  }, only);
  const records: LogRecord[] = [];
  for (let next = reader.next(); next !== undefined; next = reader.next()) records.push(...next);
  return { records, reader };
}

/** Slots count from the first record of each stream, which says that the clock began. */
function asRead(records: readonly LogRecord[]): LogRecord[] {
  const first = new Map<number, number>();
  return records.map((record) => {
    if (record.kind !== 'data') return record;
    const { group } = record;
    const clockRestarted = !first.has(group.stream);
    const from = first.get(group.stream) ?? group.slot;
    first.set(group.stream, from);
    return { kind: 'data', group: { ...group, slot: group.slot < 0 ? -1 : group.slot - from, clockRestarted } };
  });
}

describe('the reception log', () => {
  it('gives back all kinds of records, in pieces of any size, and the rows alone when asked', () => {
    const records = someRecords(4000);
    const writer = new LogWriter();
    const parts: Uint8Array[] = [];
    for (let at = 0; at < records.length; ) {
      const count = 1 + below(40);
      parts.push(writer.encode(records.slice(at, at + count)));
      at += count;
    }
    const log = new Uint8Array(Buffer.concat(parts));
    const expected = asRead(records);
    const rows = expected.filter((record) => record.kind === 'kept' && record.kept.kind === 'rows');
    for (const chunkBytes of [1, 7, 4096, 65_536, Infinity]) {
      const { records: read, reader } = readAll(log, chunkBytes);
      expect(read).toEqual(expected);
      expect(reader).toMatchObject({
        validBytes: log.length,
        sourceBytes: log.length,
        skippedBytes: 0,
        unknownRecords: 0,
      });
      expect(readAll(log, chunkBytes, 'rows').records).toEqual(rows);
    }
  });

  it('flipped bytes and cuts cost the batches they are in, and no other', () => {
    const writer = new LogWriter();
    const batches = Array.from({ length: 400 }, (_, i) => writer.encode([dataRecord(1, i), dataRecord(1, i)]));
    const log = new Uint8Array(Buffer.concat(batches));
    const size = batches[1].length;
    for (let trial = 0; trial < 300; trial++) {
      const damaged = log.slice();
      const at = batches[0].length + below(log.length - batches[0].length - 1);
      damaged[at] ^= 1 + below(255);
      const { records, reader } = readAll(damaged, 5000);
      expect(records.length).toBeGreaterThanOrEqual(2 * 399);
      expect(reader.skippedBytes).toBeLessThanOrEqual(size);
    }
  });

  it('property: the CRC-32 is that of zip, of any part', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, from) => {
        expect(crc32(bytes, from)).toBe(reference(bytes.subarray(from)));
      }),
    );
  });
});
