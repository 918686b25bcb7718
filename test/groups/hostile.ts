/**
 * A receiver between a real station and somebody with a transmitter: attacks stand in for what the station sends, for a while.
 * What has to hold: nothing is thrown, memory stays bounded, an object is what its identity says, and the station's package
 * arrives once the attack is over.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DEFAULT_CHANNEL, DEFAULT_GROUP_TYPE_CODE, makeAnnouncement, makeAssignment } from '#codec/groups/announce.ts';
import { ANCHOR_SPACING, makeAnchorA, makeAnchorC } from '#codec/groups/anchor.ts';
import { StreamCarrier } from '#codec/groups/carry.ts';
import type { Directory } from '#codec/groups/directory.ts';
import {
  type Blocks,
  type Group,
  LOST_BLOCK,
  type ReceivedGroup,
  STREAM_NUMBERS,
  type StreamNumber,
} from '#codec/groups/group.ts';
import { Reception, type ReceptionEvent } from '#codec/groups/reception.ts';
import { FountainSpreader, identityOf } from '#codec/symbols/spread.ts';
import { HEADER, received, Seeded, Station } from './station.ts';

/** What is heard in one slot in place of `real`. */
export type Attack = (real: readonly ReceivedGroup[], slot: number) => readonly ReceivedGroup[];

/** What the attacker knows of the station: everything that it sends. */
export interface Target {
  readonly random: Seeded;
  readonly streams: readonly StreamNumber[];
  readonly station: Station;
  readonly identity: Uint8Array;
  readonly sizeBytes: number;
}

function word(random: Seeded): number {
  return random.word() >>> 16;
}

function randomBlocks(random: Seeded): Blocks {
  const block = (): number => (random.next() < 0.1 ? LOST_BLOCK : word(random));
  return [block(), block(), block(), block()];
}

/** Groups that are taken for ours: the station's PI or channel, everything else at random. */
function randomOfOurs(random: Seeded, stream: StreamNumber, slot: number): ReceivedGroup {
  const [a, b, c, d] = randomBlocks(random);
  const blocks: Blocks =
    stream === 0
      ? [HEADER.pi, (DEFAULT_GROUP_TYPE_CODE << 11) | (word(random) & 0x7ff), c, d]
      : [0x4000 | (DEFAULT_CHANNEL << 8) | (a & 0xff), b, c, d];
  return { stream, blocks, slot, clockRestarted: random.next() < 0.01 };
}

function flipped({ blocks, ...group }: ReceivedGroup, random: Seeded): ReceivedGroup {
  const spoilt = [...blocks];
  spoilt[word(random) & 3] ^= 1 << (word(random) & 15);
  return { ...group, blocks: spoilt as unknown as Blocks };
}

/** A second station with the same PI whose directory is anything that has a valid CRC. */
class Liar {
  readonly #target: Target;
  readonly #carriers: StreamCarrier[];
  readonly #spreaders = new Map<number, FountainSpreader>();
  #version = 0;

  constructor(target: Target, counter: number) {
    this.#target = target;
    this.#carriers = target.streams.map(
      (stream) =>
        new StreamCarrier({
          ...HEADER,
          stream,
          groupTypeCode: DEFAULT_GROUP_TYPE_CODE,
          channel: DEFAULT_CHANNEL,
          counter,
        }),
    );
  }

  #directory(): Directory {
    const { random, identity, sizeBytes } = this.#target;
    this.#version = (this.#version + 1 + (random.next() < 0.1 ? word(random) % 30 : 0)) % 32;
    const entries = Array.from({ length: word(random) % 14 }, (_, i) => {
      const kind = random.next();
      // The station's object in its size, in another, or one that nobody ever sees whole.
      const known = kind < 0.3;
      const size = kind < 0.1 ? sizeBytes : kind < 0.5 ? 0xff_ffff : 1 + (random.word() % 0xff_ffff);
      const entry = {
        handle: i + 1,
        scheme: random.next() < 0.9 ? 1 + (word(random) & 1) : word(random) & 15,
        deviceTypeTag: 0,
        sizeBytes: size,
        identity: known ? identity : random.bytes(8),
        deadlineMinutes: random.word(),
      };
      this.#spreaders.set(entry.handle, new FountainSpreader(random.bytes(24), kind < 0.5 ? 8 : 13, entry.identity));
      return entry;
    });
    return { version: this.#version, pi: HEADER.pi, entries };
  }

  next(slot: number, everyAnchor: boolean): ReceivedGroup[] {
    return this.#carriers.map((carrier) => {
      if (carrier.directory === undefined || (everyAnchor && carrier.counter % ANCHOR_SPACING === 0)) {
        const directory = this.#directory();
        if (directory.version !== carrier.directory?.version) carrier.setDirectory(directory);
      }
      const { random } = this.#target;
      const handles = carrier.directory?.entries.length ?? 0;
      const { group } = carrier.next(
        () => (random.next() < 0.4 || handles === 0 ? 0 : 1 + (word(random) % handles)),
        (handle) => this.#spreaders.get(handle),
      );
      return received(group, slot);
    });
  }
}

/** The words of a payload in the wrapping of a real group. */
function rewrapped({ blocks, ...group }: ReceivedGroup, words: readonly number[]): ReceivedGroup {
  const [a, b] = blocks;
  if (group.stream === 0) return { ...group, blocks: [a, b, words[0], words[1]] };
  return { ...group, blocks: [(a & 0xfff0) | words[0], words[1], words[2], words[3]] };
}

/** The counter of a group that the station has just sent; undefined for one that is not counted. */
function counterOf({ station }: Target, { stream, blocks }: ReceivedGroup): number | undefined {
  const carrier = station.carriers.find((one) => one.stream === stream);
  const isCounted = stream === 0 ? blocks[1] >> 11 === DEFAULT_GROUP_TYPE_CODE : blocks[0] >> 14 === 1;
  return carrier === undefined || !isCounted ? undefined : (carrier.counter - 1) & 0xff_ffff;
}

/** By name; each begins anew with a target. */
export const ATTACKS: Readonly<Record<string, (target: Target) => Attack>> = {
  'random groups': ({ random, streams }) => {
    return (_, slot) =>
      streams.map((stream) => ({ stream, blocks: randomBlocks(random), slot, clockRestarted: random.next() < 0.01 }));
  },
  'random groups of ours': ({ random, streams }) => {
    return (_, slot) => streams.map((stream) => randomOfOurs(random, stream, slot));
  },
  'random groups of ours from a file, without a clock': ({ random, streams }) => {
    return () => streams.map((stream) => randomOfOurs(random, stream, -1));
  },
  'slots that jump': ({ random }) => {
    return (real, slot) =>
      real.map((group) => ({ ...group, slot: random.next() < 0.5 ? slot : random.word() - 2 ** 31 }));
  },
  'flipped bits': ({ random }) => {
    return (real) => real.map((group) => (random.next() < 0.5 ? flipped(group, random) : group));
  },
  'groups of the past': ({ random }) => {
    const past: ReceivedGroup[] = [];
    return (real, slot) => {
      past.push(...real);
      if (past.length > 4000) past.splice(0, 1000);
      return real.map(() => {
        const { stream, blocks } = past[random.word() % past.length];
        return received({ stream, blocks }, slot);
      });
    };
  },
  'groups in another order': ({ random }) => {
    const held: ReceivedGroup[] = [];
    return (real, slot) => {
      held.push(...real);
      if (held.length < 60) return [];
      return real.map((group) => {
        const [one] = held.splice(random.word() % held.length, 1);
        return { ...(one ?? group), slot };
      });
    };
  },
  'counters that jump': (target) => {
    let liar = new Liar(target, 0);
    return (_, slot) => {
      if (target.random.next() < 0.01) liar = new Liar(target, target.random.word() & 0xff_ffff);
      return liar.next(slot, false);
    };
  },
  'absurd directories, another at every anchor': (target) => {
    const liar = new Liar(target, 0xff_f000);
    return (_, slot) => liar.next(slot, true);
  },
  'false directories beside the real one': (target) => {
    const liar = new Liar(target, 0x12_3400);
    return (real, slot) => (slot % 300 < 150 ? liar.next(slot, true) : real);
  },
  'wrong bits beside the payload: r, the place, pppp': ({ random }) => {
    return (real) =>
      real.map(({ blocks, ...group }) => {
        const at = group.stream === 0 ? 1 : 0;
        const mask = group.stream === 0 ? 31 : 255;
        return {
          ...group,
          blocks: blocks.with(at, blocks[at] ^ (word(random) & word(random) & mask)) as unknown as Blocks,
        };
      });
  },
  'one payload in all groups': () => {
    return (real) =>
      real.map((group) => rewrapped(group, group.stream === 0 ? [0x5555, 0x5555] : [5, 0x5555, 0x5555, 0x5555]));
  },
  'another object under the name of the real one': (target) => {
    const { random, sizeBytes, identity, streams } = target;
    const width = streams.some((stream) => stream > 0) ? 13 : 8;
    const spreader = new FountainSpreader(random.bytes(sizeBytes), width, identity);
    return (real) =>
      real.map((group) => {
        const c = counterOf(target, group);
        // The directory and the anchors stay what they are.
        if (c === undefined || c % ANCHOR_SPACING < 16) return group;
        return rewrapped(group, spreader.payload(group.stream, c));
      });
  },
  'anchors that lie, with a right check': (target) => {
    const { random } = target;
    return (real) =>
      real.map((group) => {
        const c = counterOf(target, group);
        if (c === undefined || c % 16 !== 0) return group;
        const make = group.stream === 0 ? makeAnchorA : makeAnchorC;
        const counter = random.next() < 0.5 ? c & ~127 : random.word() & 0xffff80;
        return rewrapped(group, make(group.stream, counter, word(random) & 31, word(random) & 63));
      });
  },
  'a second transmitter that sends the same minute of its own again and again': (target) => {
    const liar = new Liar(target, 0x12_3480);
    const minute: (readonly ReceivedGroup[])[] = [];
    return (_, slot) => {
      if (minute.length < 685) minute.push(liar.next(slot, false));
      return minute[slot % minute.length].map((group) => ({ ...group, slot }));
    };
  },
  'announcements of other stations and channels': ({ random, streams }) => {
    return (real, slot) => {
      const pi = random.next() < 0.5 ? HEADER.pi : word(random);
      const announced: Group = makeAnnouncement(
        { ...HEADER, pi },
        { groupTypeCode: word(random) & 31, channel: word(random) & 63, streams: [1, 2, 3] },
      );
      const assigned = streams
        .filter((stream) => stream > 0)
        .map((stream) => makeAssignment(stream, word(random) & 63, word(random)));
      const twice = [announced, ...assigned].flatMap((group) => [received(group, slot), received(group, slot)]);
      return [...twice, ...real];
    };
  },
};

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Megabytes in use: objects, and arrays outside the heap. */
function memoryMb(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 1e6;
}

export interface Ordeal {
  readonly attack: (target: Target) => Attack;
  readonly seed: number;
  readonly streams?: readonly StreamNumber[];
  readonly objectBytes?: number;
  /** The object itself, in place of random bytes. */
  readonly bytes?: Uint8Array;
  /** Slots between two looks at the memory. */
  readonly lookEvery?: number;
  /** Whatever came out whole. */
  readonly onObject?: (bytes: Uint8Array) => void;
  /** Slots of the real station before, of the attack, and of the real station at most after it. */
  readonly before?: number;
  readonly slots: number;
  readonly after: number;
}

export interface Survived {
  /** Slots of the real station after the attack until its package was there; undefined: it did not come. */
  readonly slotsAfter: number | undefined;
  /** Heard during the attack. */
  readonly attackGroups: number;
  readonly reception: Reception;
  /** More than before the attack, at its worst. */
  readonly grownMb: number;
  /** Processor time of the slowest slot. */
  readonly slowestMs: number;
}

/** Throws what the receiver throws, and when it gives out an object that is none. */
export function undergo({
  attack,
  seed,
  streams = STREAM_NUMBERS,
  objectBytes = 3000,
  bytes: given,
  lookEvery = 2000,
  onObject = () => {},
  before = 60,
  slots,
  after,
}: Ordeal): Survived {
  const random = new Seeded(seed);
  const bytes = given ?? random.bytes(objectBytes);
  const identity = identityOf(bytes);
  const name = identity.toHex();
  const station = new Station(streams, random.word() & 0xff_ffff);
  station.offer([bytes]);
  const reception = new Reception();
  let arrived = false;
  let slowestMs = 0;
  const take = (events: readonly ReceptionEvent[]): void => {
    for (const event of events) {
      if (event.kind !== 'object') continue;
      if (identityOf(event.bytes).toHex() !== event.identity.toHex()) throw new Error('an object that is none');
      onObject(event.bytes);
      if (event.identity.toHex() === name) arrived = true;
    }
  };
  const hear = (groups: readonly ReceivedGroup[]): void => {
    const from = process.cpuUsage();
    for (const group of groups) take(reception.push(group));
    slowestMs = Math.max(slowestMs, process.cpuUsage(from).user / 1000);
    // A receiver writes them down.
    reception.takeRecords();
  };
  const next = (): { real: ReceivedGroup[]; slot: number } => {
    const { slot, carried } = station.next();
    const real = carried.map(({ group }) => received(group, slot));
    if (slot % 20 === 0) real.push({ ...station.announcement(), slot });
    return { real, slot };
  };
  for (let i = 0; i < before; i++) hear(next().real);
  const target: Target = { random, streams, station, identity, sizeBytes: bytes.length };
  const attacked = attack(target);
  const usedMb = memoryMb();
  let mostMb = usedMb;
  let attackGroups = 0;
  for (let i = 0; i < slots; i++) {
    const { real, slot } = next();
    const groups = attacked(real, slot);
    attackGroups += groups.length;
    hear(groups);
    if (i % lookEvery === lookEvery - 1 || i === slots - 1) mostMb = Math.max(mostMb, memoryMb());
  }
  let slotsAfter: number | undefined = arrived ? 0 : undefined;
  for (let i = 1; i <= after && slotsAfter === undefined; i++) {
    hear(next().real);
    if (arrived) slotsAfter = i;
  }
  take(reception.flush());
  return { slotsAfter, attackGroups, reception, grownMb: mostMb - usedMb, slowestMs };
}
