/** A station for tests: carries objects on some streams, and a channel that loses and spoils groups. Seeded throughout. */

import { DEFAULT_CHANNEL, DEFAULT_GROUP_TYPE_CODE, makeAnnouncement } from '#codec/groups/announce.ts';
import { type Carried, StreamCarrier } from '#codec/groups/carry.ts';
import { type Directory, reviseDirectory } from '#codec/groups/directory.ts';
import type { Group, ReceivedGroup, StreamNumber } from '#codec/groups/group.ts';
import { drawWords } from '#codec/symbols/random.ts';
import { makeSpreader, SCHEME_FOUNTAIN_A, SCHEME_FOUNTAIN_C } from '#codec/symbols/schemes.ts';
import type { Spreader } from '#codec/symbols/spread.ts';

export const HEADER = { pi: 0xd318, tp: false, pty: 10 };

export class Seeded {
  readonly #state: Uint32Array;
  readonly #word = new Uint32Array(1);

  constructor(seed: number) {
    this.#state = Uint32Array.of(seed, 11, 12, 13);
  }

  word(): number {
    drawWords(this.#state, this.#word, 0, 1);
    return this.#word[0];
  }

  /** 0 <= x < 1 */
  next(): number {
    return this.word() / 2 ** 32;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.word() >>> 24);
  }
}

export class Station {
  readonly carriers: StreamCarrier[];
  readonly pi: number;
  directory: Directory | undefined;
  #spreaders: Spreader[] = [];
  readonly #scheme: number;
  #slot = 0;

  /** Without `scheme`: that which is meant for these streams. */
  constructor(streams: readonly StreamNumber[], counter = 4096, pi = HEADER.pi, scheme?: number) {
    this.pi = pi;
    this.#scheme = scheme ?? (streams.some((stream) => stream > 0) ? SCHEME_FOUNTAIN_C : SCHEME_FOUNTAIN_A);
    this.carriers = streams.map(
      (stream) =>
        new StreamCarrier({
          ...HEADER,
          pi,
          stream,
          groupTypeCode: DEFAULT_GROUP_TYPE_CODE,
          channel: DEFAULT_CHANNEL,
          counter,
        }),
    );
  }

  /** From the next anchors on. */
  offer(objects: readonly Uint8Array[], deviceTypeTag = 0): Directory {
    this.#spreaders = objects.map((bytes) => makeSpreader(bytes, this.#scheme));
    this.directory = reviseDirectory(
      this.directory,
      this.pi,
      this.#spreaders.map(({ identity, sizeBytes }) => ({
        scheme: this.#scheme,
        deviceTypeTag,
        sizeBytes,
        identity,
        deadlineMinutes: 0,
      })),
    );
    for (const carrier of this.carriers) carrier.setDirectory(this.directory);
    return this.directory;
  }

  announcement(): ReceivedGroup {
    const { blocks } = makeAnnouncement(
      { ...HEADER, pi: this.pi },
      {
        groupTypeCode: DEFAULT_GROUP_TYPE_CODE,
        channel: DEFAULT_CHANNEL,
        streams: this.carriers.map(({ stream }) => stream).filter((stream) => stream > 0),
      },
    );
    return { stream: 0, blocks, slot: -1, clockRestarted: false };
  }

  /** One group slot on every stream: every 8th run the directory's, the others in turn. */
  next(): { slot: number; carried: Carried[] } {
    const slot = this.#slot++;
    const carried = this.carriers.map((carrier) =>
      carrier.next(
        (run) => {
          const entries = carrier.directory?.entries ?? [];
          return run % 8 === 0 || entries.length === 0 ? 0 : entries[run % entries.length].handle;
        },
        (handle) => {
          const identity = carrier.directory?.entries.find((entry) => entry.handle === handle)?.identity.join();
          return this.#spreaders.find((spreader) => spreader.identity.join() === identity);
        },
      ),
    );
    return { slot, carried };
  }
}

/** A group as a receiver with a group clock gives it. */
export function received(group: Group, slot: number, clockRestarted = false): ReceivedGroup {
  return { stream: group.stream, blocks: group.blocks, slot, clockRestarted };
}
