/** What encoder and decoder start alike. */

import { codedSizes, type DeltaHead } from './format.ts';
import type { Machine } from './machine.ts';

/** Bits of the smallest tables. */
const FLAG_BITS = 14;
const BYTE_BITS = 14;
const MATCH_BITS = 16;
/** Pages of 64 KiB of both files that are kept in memory. */
const PAGE_SLOTS = 64;
const PAGE_SLOTS_LEAST = 4;
const PAGE_BYTES = 65_536;
const COST_UNITS_PER_BYTE = 8 * 4096;

/** Where the bytes of a patch went. */
export interface CostsBytes {
  readonly lists: number;
  readonly blocks: number;
  readonly flags: number;
  readonly misses: number;
  readonly gaps: number;
}

export function costsOf(units: BigInt64Array): CostsBytes {
  const [lists = 0, blocks = 0, flags = 0, misses = 0, gaps = 0] = [...units].map(
    (value) => Number(value) / COST_UNITS_PER_BYTE,
  );
  return { lists, blocks, flags, misses, gaps };
}

export function setUp(code: Machine['code'], encoding: 0 | 1, head: DeltaHead): void {
  const { oldBytes, newBytes } = codedSizes(head);
  const pages = Math.ceil(oldBytes / PAGE_BYTES) + Math.ceil(newBytes / PAGE_BYTES);
  code.setUp(
    encoding,
    oldBytes,
    newBytes,
    head.segmentCount,
    head.moduleCount,
    head.hintCount,
    FLAG_BITS + head.tables,
    BYTE_BITS + head.tables,
    MATCH_BITS + head.tables,
    Math.max(PAGE_SLOTS_LEAST, Math.min(PAGE_SLOTS, pages)),
  );
}
