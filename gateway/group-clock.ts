/**
 * Which group leaves next on each stream. Stream 0: the rota says whose slot it is. Streams 1 to 3 are ours altogether.
 *
 * Without anything to broadcast stream 0 is all programme but for an announcement every nine seconds, and streams 1 to 3
 * repeat their assignment, so that receivers stay in step; neither is counted in `c`.
 */

import { GROUPS_PER_SECOND } from '#codec/airtime.ts';
import { makeAnnouncement, makeAssignment } from '#codec/groups/announce.ts';
import type { StreamCarrier } from '#codec/groups/carry.ts';
import type { Group, StreamNumber } from '#codec/groups/group.ts';
import type { Clock } from '#hardware/contracts.ts';
import type { Carousel } from './carousel.ts';
import type { StationConfig } from './config.ts';
import type { Programme } from './programme.ts';
import { Rota, type RotaRates, ratesOf } from './rota.ts';

/** A group that was handed to the modulator. */
export interface Pulled {
  readonly stream: StreamNumber;
  readonly isData: boolean;
  /** Hexadecimal, when its symbols are an object's. */
  readonly identity: string | undefined;
  /** Of the air interface, of a group of ours; 0 for those of the programme. */
  readonly counter: number;
}

/** Without work: one slot in a hundred, all of them announcements (a rota keeps some of the share free of them). */
const IDLE_SHARE = 0.01;
const IDLE_ANNOUNCEMENTS_PER_SECOND = 0.05;

/** How many groups may still be sent, by the counters that are on disk. */
export interface GroupBudget {
  left(stream: StreamNumber): number;
  use(stream: StreamNumber): void;
}

export interface GroupClockOptions {
  readonly station: Pick<StationConfig, 'pi' | 'radioText' | 'groupTypeCode' | 'channel' | 'streams'>;
  readonly programme: Programme;
  readonly dataShare: number;
  readonly carousel: Carousel;
  readonly carriers: readonly StreamCarrier[];
  readonly counters: GroupBudget;
  /** The station's time at its first group. */
  readonly startMs: number;
  /** What listeners set their clocks by where the signal is not simulated: counting would drift with the output's crystal. */
  readonly wallClock: Clock | undefined;
}

export class GroupClock {
  readonly #options: GroupClockOptions;
  readonly #announcement: Group;
  #pulled: Pulled[] = [];
  #rota: Rota;
  #idle = true;
  #slots = 0;

  constructor(options: GroupClockOptions) {
    const { station, programme } = options;
    this.#options = options;
    this.#announcement = makeAnnouncement(programme.header, {
      groupTypeCode: station.groupTypeCode,
      channel: station.channel,
      streams: station.streams.filter((stream) => stream !== 0),
    });
    // Also says at once whether the share is one that can be kept.
    this.#newRota(false);
    this.#rota = this.#newRota(true);
  }

  /** For the modulator. */
  readonly next = (stream: StreamNumber): Group => (stream === 0 ? this.#nextOnStream0() : this.#nextOfOurs(stream));

  /** What was pulled since the last call; the array is the caller's. */
  takePulled(): Pulled[] {
    const pulled = this.#pulled;
    this.#pulled = [];
    return pulled;
  }

  #newRota(idle: boolean, after?: Rota): Rota {
    const { station, dataShare } = this.#options;
    const rates: RotaRates = {
      ...ratesOf(station),
      ...(idle ? { announcementsPerSecond: IDLE_ANNOUNCEMENTS_PER_SECOND } : {}),
    };
    return new Rota({ share: idle ? IDLE_SHARE : dataShare, rates, ...(after !== undefined && { after }) });
  }

  #nextOnStream0(): Group {
    const { programme, startMs, wallClock } = this.#options;
    const idle = !this.#mayCarry(0);
    if (idle !== this.#idle) {
      this.#idle = idle;
      // A new one each time: an old one would make up for the slots it slept through.
      this.#rota = this.#newRota(idle, this.#rota);
    }
    this.#slots++;
    const timeMs =
      wallClock === undefined
        ? startMs + (this.#slots / GROUPS_PER_SECOND) * 1000
        : wallClock.nowMs() + 1000 / GROUPS_PER_SECOND;
    const slot = this.#rota.next(timeMs);
    switch (slot) {
      case '0A':
        return this.#note(0, programme.ps());
      case '2A':
        return this.#note(0, programme.radioText());
      case '4A':
        return this.#note(0, programme.clockTime(timeMs));
      case '3A':
        return this.#note(0, this.#announcement, true);
      case 'data':
        return idle ? this.#note(0, this.#announcement, true) : this.#nextOfOurs(0);
    }
    return slot satisfies never;
  }

  #nextOfOurs(stream: StreamNumber): Group {
    const { carriers, carousel, counters, station } = this.#options;
    if (!this.#mayCarry(stream)) return this.#note(stream, makeAssignment(stream, station.channel, station.pi), true);
    const carrier = carriers[stream];
    const carried = carrier.next(
      () => carousel.serve(carrier),
      (handle) => carousel.spreaderOf(carrier, handle),
    );
    if (carried.kind !== 'assignment') counters.use(stream);
    return this.#note(stream, carried.group, true, carried.identity, carried.counter);
  }

  /** There is something to carry, and counters for it are on disk. */
  #mayCarry(stream: StreamNumber): boolean {
    const { carriers, carousel, counters } = this.#options;
    return counters.left(stream) > 0 && carousel.hasWork(carriers[stream]);
  }

  #note(stream: StreamNumber, group: Group, isData = false, identity?: string, counter = 0): Group {
    this.#pulled.push({ stream, isData, identity, counter });
    return group;
  }
}
