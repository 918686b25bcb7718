/** One receiver that joins a broadcast: the real one, and one that only counts. */

import { Reception } from '#codec/groups/reception.ts';
import { firstBlockOf, layoutOf } from '#codec/symbols/layout.ts';
import { received, Seeded } from '../../groups/station.ts';
import { Broadcast, type BroadcastOptions } from './broadcast.ts';
import { Air, type Bearer, type Loss } from './channel.ts';

export interface Delivery {
  /** Groups of ours on air until the object was whole. */
  readonly groups: number;
  /** Of these, those until as many bits of the object's groups had come through as the object has. */
  readonly limit: number;
  readonly slots: number;
  readonly decodeMs: number;
  readonly longestMs: number;
  readonly lastMs: number;
}

/** `seed` decides the losses, where the receiver joins, and the object. */
export function deliver(bearer: Bearer, sizeBytes: number, loss: Loss, seed: number, scheme?: number): Delivery {
  const air = new Air(bearer, loss, seed);
  const options: BroadcastOptions = { bearer, sizeBytes, seed: seed + 1, ...(scheme === undefined ? {} : { scheme }) };
  const broadcast = new Broadcast(options);
  const reception = new Reception();
  reception.push(broadcast.announcement());
  let decodeMs = 0;
  let longestMs = 0;
  let nibbles = 0;
  let limit = 0;
  for (let i = 1; ; i++) {
    const { group, identity } = broadcast.next();
    const { slot, isLost } = air.next();
    if (isLost) continue;
    if (identity !== undefined && nibbles < 2 * sizeBytes) {
      nibbles += bearer.nibbles;
      limit = i;
    }
    const begin = performance.now();
    const events = reception.push(received(group, slot + 1));
    const lastMs = performance.now() - begin;
    // What a receiver writes down.
    reception.takeRecords();
    decodeMs += lastMs;
    longestMs = Math.max(longestMs, lastMs);
    for (const event of events) {
      if (event.kind !== 'object') continue;
      if (Buffer.compare(event.bytes, broadcast.bytes) !== 0) throw new Error('the object came out wrong');
      return { groups: i, limit, slots: slot + 1, decodeMs, longestMs, lastMs };
    }
  }
}

/**
 * The same moment found by counting: each block needs its rows and a random few more, as many as random equations need. The
 * directory and the first anchor are taken to be there in time. Whole symbols only.
 */
export function count(
  bearer: Bearer,
  sizeBytes: number,
  loss: Loss,
  seed: number,
): { readonly groups: number; readonly slots: number } {
  const air = new Air(bearer, loss, seed);
  const broadcast = new Broadcast({ bearer, sizeBytes, seed: seed + 1, isEmpty: true });
  const random = new Seeded(seed + 2);
  const { blocks, rows } = layoutOf(sizeBytes, bearer.stream === 0 ? 8 : 13);
  const missing = Array.from({ length: blocks }, () => rows + excess(random));
  let open = blocks;
  let run = -1;
  for (let i = 1; ; i++) {
    const { identity, counter } = broadcast.next();
    const { slot, isLost } = air.next();
    // A run is used when the next one begins, or with its last group.
    if (open === 0 && (counter >> 4 !== run || (counter & 15) === 15) && !isLost) return { groups: i, slots: slot + 1 };
    if (isLost || identity === undefined) continue;
    if (--missing[firstBlockOf(bearer.stream, counter, blocks)] === 0) {
      open--;
      run = counter >> 4;
    }
  }
}

/** Rows beyond K until K random equations over GF(2) are independent: the next one is not with probability 2^-missing. */
function excess(random: Seeded): number {
  let rank = 0;
  let tries = 0;
  // Of many unknowns only the last thirty matter.
  while (rank < 30) {
    tries++;
    if (random.next() >= 2 ** (rank - 30)) rank++;
  }
  return tries - 30;
}
