/** The real sender of one object on one stream, at any moment of a long broadcast. */

import { DEFAULT_CHANNEL, DEFAULT_GROUP_TYPE_CODE, makeAnnouncement } from '#codec/groups/announce.ts';
import { type Carried, StreamCarrier } from '#codec/groups/carry.ts';
import { reviseDirectory } from '#codec/groups/directory.ts';
import type { ReceivedGroup } from '#codec/groups/group.ts';
import { directorySpacingRuns } from '#codec/groups/spacing.ts';
import { payloadWords } from '#codec/symbols/layout.ts';
import { chooseScheme, makeSpreader } from '#codec/symbols/schemes.ts';
import type { Spreader } from '#codec/symbols/spread.ts';
import { HEADER, received, Seeded } from '../../groups/station.ts';
import type { Bearer } from './channel.ts';

/** A spreader that gives zeros while nobody looks at the payload. */
class Muted implements Spreader {
  readonly identity: Uint8Array;
  readonly sizeBytes: number;
  readonly #spreader: Spreader | undefined;
  isMuted = true;

  constructor(identity: Uint8Array, sizeBytes: number, spreader?: Spreader) {
    this.identity = identity;
    this.sizeBytes = sizeBytes;
    this.#spreader = spreader;
  }

  payload(stream: number, counter: number): number[] {
    if (this.isMuted || this.#spreader === undefined) return Array.from({ length: payloadWords(stream) }, () => 0);
    return this.#spreader.payload(stream, counter);
  }
}

export interface BroadcastOptions {
  readonly bearer: Bearer;
  readonly sizeBytes: number;
  readonly seed: number;
  /** Default: as the gateway chooses. */
  readonly scheme?: number;
  /** Groups without their payload. */
  readonly isEmpty?: boolean;
  /** Groups after a counter of 4096; default: anywhere. */
  readonly joinAt?: number;
  /** 0 .. 1: where this stream stands in its spacing of directories; default: anywhere. */
  readonly phase?: number;
}

/** Joined anywhere between two directories of a broadcast that began long ago. */
export class Broadcast {
  readonly bytes: Uint8Array;
  readonly scheme: number;
  readonly carrier: StreamCarrier;
  readonly #spreader: Muted;
  readonly #spacingRuns: number;
  #owed = 0;

  constructor({ bearer, sizeBytes, seed, scheme, isEmpty = false, joinAt, phase }: BroadcastOptions) {
    const { stream } = bearer;
    const random = new Seeded(seed);
    this.scheme = scheme ?? chooseScheme({ sizeBytes, hasTypeC: stream !== 0 }).scheme;
    this.bytes = isEmpty ? new Uint8Array() : random.bytes(sizeBytes);
    const spreader = isEmpty ? undefined : makeSpreader(this.bytes, this.scheme);
    this.#spreader = new Muted(spreader?.identity ?? random.bytes(8), sizeBytes, spreader);
    this.carrier = new StreamCarrier({
      ...HEADER,
      stream,
      groupTypeCode: DEFAULT_GROUP_TYPE_CODE,
      channel: DEFAULT_CHANNEL,
      counter: joinAt === undefined ? random.word() & 0xff_ffff : 4096,
    });
    this.carrier.setDirectory(
      reviseDirectory(undefined, HEADER.pi, [
        { scheme: this.scheme, deviceTypeTag: 0, sizeBytes, identity: this.#spreader.identity, deadlineMinutes: 0 },
      ]),
    );
    const quickestRuns = (2 * sizeBytes) / bearer.nibbles / 16;
    this.#spacingRuns = directorySpacingRuns({ stream, quickestRuns });
    const skipped = joinAt ?? 256 + (random.word() % 4096);
    this.#owed = phase ?? 0;
    for (let i = 0; i < skipped; i++) this.skip();
  }

  next(): Carried {
    this.#spreader.isMuted = false;
    return this.#next();
  }

  /** The same, of which nobody looks at the payload. */
  skip(): Carried {
    this.#spreader.isMuted = true;
    return this.#next();
  }

  /** What a receiver hears before anything else: where the station's groups are. */
  announcement(): ReceivedGroup {
    const announcement = { groupTypeCode: DEFAULT_GROUP_TYPE_CODE, channel: DEFAULT_CHANNEL, streams: [1] as const };
    return received(makeAnnouncement(HEADER, announcement), 0);
  }

  #next(): Carried {
    return this.carrier.next(
      () => this.#handleOfRun(),
      () => this.#spreader,
    );
  }

  #handleOfRun(): number {
    this.#owed += 1 / this.#spacingRuns;
    if (this.#owed < 1) return 1;
    this.#owed -= 1;
    return 0;
  }
}
