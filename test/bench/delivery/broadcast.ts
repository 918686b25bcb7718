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

/** In place of a spreader where only the headers of groups are looked at. */
class NoPayload implements Spreader {
  readonly identity: Uint8Array;
  readonly sizeBytes: number;

  constructor(identity: Uint8Array, sizeBytes: number) {
    this.identity = identity;
    this.sizeBytes = sizeBytes;
  }

  payload(stream: number): number[] {
    return Array.from({ length: payloadWords(stream) }, () => 0);
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
}

/** Joined anywhere between two directories of a broadcast that began long ago. */
export class Broadcast {
  readonly bytes: Uint8Array;
  readonly scheme: number;
  readonly carrier: StreamCarrier;
  readonly #spreader: Spreader;
  readonly #spacingRuns: number;
  #owed = 0;

  constructor({ bearer, sizeBytes, seed, scheme, isEmpty = false }: BroadcastOptions) {
    const { stream } = bearer;
    const random = new Seeded(seed);
    this.scheme = scheme ?? chooseScheme({ sizeBytes, hasTypeC: stream !== 0 }).scheme;
    this.bytes = isEmpty ? new Uint8Array() : random.bytes(sizeBytes);
    this.#spreader = isEmpty ? new NoPayload(random.bytes(8), sizeBytes) : makeSpreader(this.bytes, this.scheme);
    this.carrier = new StreamCarrier({
      ...HEADER,
      stream,
      groupTypeCode: DEFAULT_GROUP_TYPE_CODE,
      channel: DEFAULT_CHANNEL,
      counter: random.word() & 0xff_ffff,
    });
    this.carrier.setDirectory(
      reviseDirectory(undefined, HEADER.pi, [
        { scheme: this.scheme, deviceTypeTag: 0, sizeBytes, identity: this.#spreader.identity, deadlineMinutes: 0 },
      ]),
    );
    const quickestRuns = (2 * sizeBytes) / bearer.nibbles / 16;
    this.#spacingRuns = directorySpacingRuns({ stream, quickestRuns });
    const skipped = 256 + (random.word() % 4096);
    const none = new NoPayload(this.#spreader.identity, sizeBytes);
    // Whose a run is is decided at its beginning.
    for (let i = skipped; i > 0; i--) this.#next(i > 16 ? none : this.#spreader);
  }

  next(): Carried {
    return this.#next(this.#spreader);
  }

  /** What a receiver hears before anything else: where the station's groups are. */
  announcement(): ReceivedGroup {
    const announcement = { groupTypeCode: DEFAULT_GROUP_TYPE_CODE, channel: DEFAULT_CHANNEL, streams: [1] as const };
    return received(makeAnnouncement(HEADER, announcement), 0);
  }

  #next(spreader: Spreader): Carried {
    return this.carrier.next(
      () => this.#handleOfRun(),
      () => spreader,
    );
  }

  #handleOfRun(): number {
    this.#owed += 1 / this.#spacingRuns;
    if (this.#owed < 1) return 1;
    this.#owed -= 1;
    return 0;
  }
}
