/** Tables of counters, one for each context of a mix. */

// @ts-nocheck: AssemblyScript, not TypeScript.

import { S } from './state';
import { takeFilled } from './memory';
import { EVEN } from './logistic';

/** A table starts where a line of the processor's cache may. */
const LINE_BYTES: usize = 64;

/**
 * Takes `count` tables. room: bits added to `bits` for each, since contexts that are seldom the same need more. Their addresses are stored as
 * words at `tables`, how far a hash is shifted to be an index as bytes at `shifts`.
 */
export function takeTables(count: i32, bits: i32, room: usize, tables: usize, shifts: usize): void {
  S.free = (S.free + LINE_BYTES - 1) & ~(LINE_BYTES - 1);
  for (let k = 0; k < count; k++) {
    const own = max(bits + <i32>load<i8>(room + <usize>k), 8);
    store<u32>(tables + <usize>(4 * k), <u32>takeFilled(<usize>4 << own, EVEN));
    store<u8>(shifts + <usize>k, <u8>(32 - own));
  }
}

@inline
export function tableSlot(k: i32, context: u32, tables: usize, shifts: usize): usize {
  return <usize>load<u32>(tables + <usize>(4 * k)) + (<usize>(context >>> <u32>load<u8>(shifts + <usize>k)) << 2);
}
