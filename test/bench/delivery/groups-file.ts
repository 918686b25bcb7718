/** Groups in a file, 12 bytes each, so that a process can take them in whose memory holds nothing of the sender. */

import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { ReceivedGroup, StreamNumber } from '#codec/groups/group.ts';

const GROUP_BYTES = 12;
const GROUPS_AT_ONCE = 4096;

/** slot u24 | stream u8 | four blocks u16, 0 0 0 0 not among them */
export class GroupsWriter {
  readonly #file: number;
  readonly #buffer = Buffer.alloc(GROUP_BYTES * GROUPS_AT_ONCE);
  #at = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'w');
  }

  put({ slot, stream, blocks }: ReceivedGroup): void {
    this.#buffer.writeUIntBE(slot, this.#at, 3);
    this.#buffer[this.#at + 3] = stream;
    for (const [i, block] of blocks.entries()) this.#buffer.writeUInt16BE(block, this.#at + 4 + 2 * i);
    this.#at += GROUP_BYTES;
    if (this.#at === this.#buffer.length) this.#write();
  }

  close(): void {
    this.#write();
    closeSync(this.#file);
  }

  #write(): void {
    writeSync(this.#file, this.#buffer, 0, this.#at);
    this.#at = 0;
  }
}

export function* readGroups(path: string): Generator<ReceivedGroup> {
  const file = openSync(path, 'r');
  const buffer = Buffer.alloc(GROUP_BYTES * GROUPS_AT_ONCE);
  try {
    for (let bytes = readSync(file, buffer); bytes > 0; bytes = readSync(file, buffer)) {
      for (let at = 0; at + GROUP_BYTES <= bytes; at += GROUP_BYTES) {
        const block = (i: number): number => buffer.readUInt16BE(at + 4 + 2 * i);
        yield {
          slot: buffer.readUIntBE(at, 3),
          stream: buffer[at + 3] as StreamNumber,
          blocks: [block(0), block(1), block(2), block(3)],
          clockRestarted: false,
        };
      }
    }
  } finally {
    closeSync(file);
  }
}
