import { randomUUID } from 'node:crypto';

let lastMs = 0;
let counter = 0;

/**
 * Ids sort by the time they were made, so that a list can be paged by id alone. RFC 9562 version 7 with the fixed-length
 * counter of its section 6.2 method 1, because `randomUUIDv7` of Node 26 does not sort within a millisecond:
 *
 *     tttttttt-tttt-7ccc-rrrr-rrrrrrrrrrrr     t: milliseconds, c: counter, r: random
 */
export function newId(): string {
  const nowMs = Date.now();
  if (nowMs > lastMs) {
    lastMs = nowMs;
    counter = 0;
  } else if (counter === 0xfff) {
    lastMs++;
    counter = 0;
  } else counter++;
  const time = lastMs.toString(16).padStart(12, '0');
  const count = counter.toString(16).padStart(3, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${count}-${randomUUID().slice(19)}`;
}
