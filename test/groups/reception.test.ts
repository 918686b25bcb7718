import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeAnchorC } from '#codec/groups/anchor.ts';
import { StreamCarrier } from '#codec/groups/carry.ts';
import { type DirectoryEntry, directoryIdentity, encodeDirectory } from '#codec/groups/directory.ts';
import { handleBit } from '#codec/groups/handle.ts';
import { type Blocks, type ReceivedGroup, type StreamNumber, LOST_BLOCK } from '#codec/groups/group.ts';
import { LogReader, type LogRecord, LogWriter } from '#codec/groups/log.ts';
import { Reception, type ReceptionEvent } from '#codec/groups/reception.ts';
import { noFaults } from '#codec/symbols/collect.ts';
import { SCHEME_REED_SOLOMON } from '#codec/symbols/schemes.ts';
import { FountainSpreader, identityOf } from '#codec/symbols/spread.ts';
import { HEADER, received, Seeded, Station } from './station.ts';

interface Air {
  readonly station: Station;
  readonly reception: Reception;
  readonly events: ReceptionEvent[];
  /** What of each group arrives; undefined = lost. */
  channel: (group: ReceivedGroup) => ReceivedGroup | undefined;
  run(slots: number, until?: () => boolean): number;
  objects(): string[];
}

function onAir(
  streams: readonly StreamNumber[],
  objects: readonly Uint8Array[],
  counter?: number,
  scheme?: number,
): Air {
  const station = new Station(streams, counter, HEADER.pi, scheme);
  station.offer(objects);
  const reception = new Reception();
  const events: ReceptionEvent[] = [...reception.push(station.announcement())];
  const air: Air = {
    station,
    reception,
    events,
    channel: (group) => group,
    run(slots, until = () => false) {
      for (let i = 0; i < slots; i++) {
        const { slot, carried } = station.next();
        for (const { group } of carried) {
          const arrived = air.channel(received(group, slot));
          if (arrived !== undefined) events.push(...reception.push(arrived));
        }
        if (until()) return i + 1;
      }
      return slots;
    },
    objects: () => events.filter((event) => event.kind === 'object').map((event) => event.identity.toHex()),
  };
  return air;
}

const bytesA = new Seeded(100).bytes(1500);
const bytesB = new Seeded(101).bytes(900);
const idA = identityOf(bytesA).toHex();
const idB = identityOf(bytesB).toHex();

function dropped(reception: Reception): Record<string, number> {
  return Object.fromEntries(
    Object.entries(reception.status().drops).filter(([reason, count]) => count > 0 && reason !== 'already-complete'),
  );
}

/** Losses that never invent anything: everything that arrives has to be used. */
const losses: [name: string, make: () => Air['channel']][] = [
  ['nothing', () => (group) => group],
  ...[0.05, 0.2, 0.5].map((loss): [string, () => Air['channel']] => [
    `${loss * 100} % at random`,
    () => {
      const random = new Seeded(Math.round(loss * 100));
      return (group) => (random.next() < loss ? undefined : group);
    },
  ]),
  [
    'bursts of up to 12 groups',
    () => {
      const random = new Seeded(7);
      let lost = 0;
      return (group) => {
        if (lost > 0) lost--;
        else if (random.next() < 0.05) lost = random.word() % 12;
        return lost > 0 ? undefined : group;
      };
    },
  ],
  [
    'single blocks, 15 % of them',
    () => {
      const random = new Seeded(8);
      const lose = (word: number): number => (random.next() < 0.15 ? LOST_BLOCK : word);
      return (group) => {
        const [a, b, c, d] = group.blocks;
        return { ...group, blocks: [lose(a), lose(b), lose(c), lose(d)] };
      };
    },
  ],
];

describe.each([[[0]], [[2]], [[0, 1, 2, 3]]] as [StreamNumber[]][])('on streams %j', (streams) => {
  it.each(losses)('losing %s, two objects arrive, with a group clock and without', (name, makeChannel) => {
    // Without a clock type C counts up to seven lost groups in a row; half of them lost means more all the time.
    const needsClock = name === '50 % at random' && streams.some((stream) => stream > 0);
    for (const clock of needsClock ? [true] : [true, false]) {
      const air = onAir(streams, [bytesA, bytesB], 0xffff00);
      const channel = makeChannel();
      air.channel = (group) => channel(clock ? group : { ...group, slot: -1 });
      air.run(6000, () => air.objects().length === 2);
      expect(new Set(air.objects())).toEqual(new Set([idA, idB]));
      const given = air.events.flatMap((event) => (event.kind === 'object' ? [event.bytes] : []));
      expect(given).toHaveLength(2);
      expect(given).toEqual(expect.arrayContaining([bytesA, bytesB]));
      expect(air.reception.missing()).toEqual([]);
      expect(air.reception.status().faults).toEqual(noFaults());
    }
  });
});

/** Groups that are lost, and blocks of those that arrive. */
function lossy(seed: number, groups: number, blocks: number): Air['channel'] {
  const random = new Seeded(seed);
  const lose = (word: number): number => (random.next() < blocks ? LOST_BLOCK : word);
  return (group) => {
    const [a, b, c, d] = group.blocks;
    return random.next() < groups ? undefined : { ...group, blocks: [lose(a), lose(b), lose(c), lose(d)] };
  };
}

describe.each([
  [1, 13],
  [2, 8],
])('an object of scheme %i, in rows of %i nibbles', (scheme, width) => {
  it.each<[streams: StreamNumber[], groups: number, blocks: number]>([
    [[0], 0, 0],
    [[1], 0, 0],
    [[0, 1, 2, 3], 0, 0],
    [[0], 0.2, 0.1],
    [[3], 0.2, 0.1],
    [[0, 1, 2, 3], 0.2, 0.2],
  ])(
    'is served by all streams alike: those heard are %j, losing %d of groups and %d of blocks',
    (heard, groups, blocks) => {
      const air = onAir([0, 1, 2, 3], [bytesA], 0xfff800, scheme);
      const channel = lossy(6, groups, blocks);
      air.channel = (group) => (heard.includes(group.stream) ? channel(group) : undefined);
      const slots = air.run(6000, () => air.objects().length === 1);
      expect(air.objects()).toEqual([idA]);
      expect(air.reception.status().faults).toEqual(noFaults());
      // Of type A 8 nibbles a group, of type C 13, of which seven runs in eight are the object's.
      const perSlot = heard.reduce<number>((sum, stream) => sum + (stream === 0 ? 8 : 13), 0) * (7 / 8);
      // In type A blocks 2 and one of 3 and 4 are needed, in type C block 1 and one of the others: what is whole counts.
      const share = (1 - groups) * (1 - blocks) ** 2;
      const rows = Math.ceil((2 * bytesA.length) / width);
      // Columns of which some are behind cost up to ten rows more; the first anchors may be lost.
      expect(slots).toBeLessThan(((rows + 10) * width) / perSlot / share + 3 * 128 + 16);
    },
  );
});

describe('a run', () => {
  const large = new Seeded(106).bytes(6000);

  it('is used when it ends, without the next anchor', () => {
    for (const stream of [0, 1] as const) {
      const air = onAir([stream], [large], 0);
      // Two anchors for type A, and one group more than a run.
      air.run(2 * 128 + 20);
      const used: number[] = [];
      for (let run = 0; run < 5; run++) {
        const before = air.reception.status().objects[0].progress?.groupsUsed ?? 0;
        air.run(16);
        used.push((air.reception.status().objects[0].progress?.groupsUsed ?? 0) - before);
      }
      // One slot is an assignment's, so that on type C the run may end one slot later.
      expect(used).toEqual([16, 16, 16, 16, 16]);
    }
  });

  it('after a lost anchor is used by the version before, when its object is in that', () => {
    for (const stream of [0, 1] as const) {
      const carrier = new StreamCarrier({ ...HEADER, stream, groupTypeCode: 22, channel: 16, counter: 0 });
      const spreader = new FountainSpreader(large, 13);
      const entry = entryFor(1, large.length, spreader.identity);
      carrier.setDirectory({ version: 3, pi: HEADER.pi, entries: [entry] });
      const reception = new Reception();
      reception.push(new Station([1]).announcement());
      const usedAt: number[] = [];
      for (let slot = 0; carrier.counter < 3 * 128 + 64; slot++) {
        // The directory in the first runs only, nothing but the object behind the anchor at 256, which is lost.
        const { group, kind, counter } = carrier.next(
          (run) => (run < 8 ? 0 : 1),
          () => spreader,
        );
        if (counter !== 256) reception.push(received(group, slot));
        if (kind !== 'assignment') usedAt[counter] = reception.status().objects[0]?.progress?.groupsUsed ?? 0;
      }
      // Run by run, although the versions of the anchors on both sides are not known.
      expect([271, 287, 303].map((c) => usedAt[c] - usedAt[255])).toEqual([15, 31, 47]);
      expect(dropped(reception)).toEqual({});
      expect(reception.status().faults).toEqual(noFaults());
    }
  });

  it('after a lost anchor waits when the version before says nothing of it: a directory, or an object that is new', () => {
    const bytesC = new Seeded(103).bytes(1200);
    for (const streams of [[0], [1]] as StreamNumber[][]) {
      const air = onAir(streams, [bytesA, bytesB], 0);
      air.run(200);
      // At 256 B goes and C comes, under another handle; that anchor is lost.
      air.station.offer([bytesA, bytesC]);
      air.channel = (group) => (air.station.carriers[0].counter === 257 ? undefined : group);
      air.run(5000, () => air.objects().length === 2);
      expect(new Set(air.objects())).toEqual(new Set([idA, identityOf(bytesC).toHex()]));
      expect(air.reception.status().faults).toEqual(noFaults());
      expect(air.events.filter(({ kind }) => kind === 'directory')).toHaveLength(2);
    }
  });

  it('between two versions is never given to the wrong object, whichever anchors are lost', () => {
    for (let seed = 1; seed < 12; seed++) {
      const random = new Seeded(seed);
      const objects = Array.from({ length: 6 }, (_, i) => new Seeded(200 + i).bytes(700));
      const air = onAir([0, 2], objects.slice(0, 3), 0);
      air.channel = (group) => {
        const isAnchor = air.station.carriers.some(
          ({ stream, counter }) => stream === group.stream && (counter - 1) % 128 === 0,
        );
        return random.next() < (isAnchor ? 0.5 : 0.2) ? undefined : group;
      };
      for (let i = 0; i < 8; i++) {
        // Until the directory before is on air: a handle rests for one version before it changes hands.
        air.run(700);
        air.station.offer(objects.filter(() => random.next() < 0.5));
      }
      air.run(700);
      air.station.offer(objects.slice(0, 3));
      air.run(5000, () => air.reception.missing()?.length === 0 && air.reception.status().objects.length === 3);
      expect(air.reception.missing()).toEqual([]);
      expect(air.reception.status().faults, `seed ${seed}`).toEqual(noFaults());
    }
  });
});

describe('the counter', () => {
  it('is followed through fades of half a minute by the clock', () => {
    const air = onAir([0], [bytesA]);
    air.run(300);
    air.channel = () => undefined;
    air.run(350);
    air.channel = (group) => group;
    air.run(3000, () => air.objects().length === 1);
    expect(air.objects()).toEqual([idA]);
    expect(dropped(air.reception)).toEqual({});
  });

  it('is found again after a fade without clock: only the groups around it are lost', () => {
    const air = onAir([0], [bytesA]);
    air.channel = (group) => ({ ...group, slot: -1 });
    air.run(300);
    air.channel = () => undefined;
    air.run(53);
    air.channel = (group) => ({ ...group, slot: -1 });
    air.run(3000, () => air.objects().length === 1);
    expect(air.objects()).toEqual([idA]);
    expect(dropped(air.reception)['place-unknown']).toBeLessThan(128);
  });

  it('is found again after the clock restarted: what is certain on both sides is used', () => {
    const air = onAir([0], [bytesA]);
    air.run(300);
    let first = true;
    air.channel = () => undefined;
    air.run(53);
    air.channel = (group) => {
      const restarted = first;
      first = false;
      return { ...group, slot: group.slot + 12_345, clockRestarted: restarted };
    };
    air.run(3000, () => air.objects().length === 1);
    expect(air.objects()).toEqual([idA]);
    expect(dropped(air.reception)).toEqual({});
  });

  it('groups before the first anchor are used backwards', () => {
    const air = onAir([0], [bytesA]);
    air.channel = () => undefined;
    air.run(128 * 2 + 10);
    air.channel = (group) => group;
    air.run(128 * 3);
    // Entered at c = 10 mod 128: six groups of the directory's run come before the first anchor, and are taken for its version.
    expect(dropped(air.reception)).toEqual({});
    // c = 16..127 backwards, 144..255, 272..383.
    expect(air.reception.status().objects[0].progress?.groupsUsed).toBe(112 + 112 + 112);
  });

  it('may jump when a gateway restarts, forwards or backwards, and wraps at 2^24', () => {
    for (const [from, to] of [
      [4096, 1_000_000],
      [1_000_000, 4096],
      [0xffff40, 0x40],
    ]) {
      const air = onAir([0, 1], [bytesA], from);
      air.run(150);
      const next = new Station([0, 1], to);
      next.offer([bytesA]);
      const slots = 2000;
      for (let i = 0; i < slots && air.objects().length === 0; i++) {
        const { slot, carried } = next.next();
        for (const { group } of carried) air.events.push(...air.reception.push(received(group, slot + 150)));
      }
      expect(air.objects()).toEqual([idA]);
      expect(air.reception.status().faults).toEqual(noFaults());
    }
  });

  it('skips ahead when a gateway restarts, while the clock goes on: with the first anchor and without', () => {
    for (const streams of [[0], [1]] as StreamNumber[][]) {
      for (const silence of [0, 3, 30]) {
        for (const lost of [false, true]) {
          const air = onAir(streams, [bytesA], 0);
          air.run(300);
          const next = new Station(streams, 128 * 70);
          next.offer([bytesA]);
          let slots = 0;
          for (; slots < 3000 && air.objects().length === 0; slots++) {
            const { slot, carried } = next.next();
            if (lost && slot === 0) continue;
            for (const { group } of carried)
              air.events.push(...air.reception.push(received(group, slot + 300 + silence)));
          }
          expect(air.objects()).toEqual([idA]);
          // Type A believes a count so far away when two anchors tell it; without a gap that says so, what comes before them has a
          // wrong place: up to two spans, to be found among the others.
          const misplaced = streams[0] === 0 && silence < 16 ? 2 * 128 : 0;
          const rows = streams[0] === 0 ? 375 : 231;
          expect(slots).toBeLessThan((rows * 8) / 7 + 2 * 128 + 16 + 1.25 * misplaced);
        }
      }
    }
  });

  it('one in five lines deleted without a clock costs one in five groups and nothing more', () => {
    const whole = onAir([0], [bytesA]);
    const slotsWhole = whole.run(5000, () => whole.objects().length === 1);
    const air = onAir([0], [bytesA]);
    let line = 0;
    air.channel = (group) => (++line % 5 === 0 ? undefined : { ...group, slot: -1 });
    const slots = air.run(5000, () => air.objects().length === 1);
    expect(slots).toBeLessThan(slotsWhole * 1.25 + 130);
    expect(dropped(air.reception)).toEqual({});
  });

  it('a false anchor in the place of a true one changes nothing but itself', () => {
    const air = onAir([0], [bytesA]);
    air.run(200);
    let spoilt = 0;
    const other = new Station([0], 999 * 128);
    other.offer([bytesB]);
    const { group: falseAnchor } = other.next().carried[0];
    air.channel = (group) => {
      if ((group.blocks[1] & 15) !== 0 || spoilt > 0) return group;
      spoilt++;
      return { ...group, blocks: falseAnchor.blocks };
    };
    air.run(3000, () => air.objects().length === 1);
    expect(spoilt).toBe(1);
    expect(air.objects()).toEqual([idA]);
    expect(air.reception.status().faults['hash-mismatch']).toBe(0);
  });
});

describe('directories', () => {
  it('change in mid-flight: the object that stays is continued, the one that leaves is withdrawn, the new one comes', () => {
    const air = onAir([0, 1], [bytesA, bytesB]);
    air.run(150);
    const bytesC = new Seeded(102).bytes(700);
    air.station.offer([bytesA, bytesC]);
    const slots = air.run(3000, () => air.objects().length === 2);
    expect(new Set(air.objects())).toEqual(new Set([idA, identityOf(bytesC).toHex()]));
    expect(air.events.filter(({ kind }) => kind === 'withdrawn')).toEqual([
      { kind: 'withdrawn', identity: identityOf(bytesB) },
    ]);
    expect(air.events.filter(({ kind }) => kind === 'directory')).toHaveLength(2);
    expect(slots).toBeLessThan(700);
    expect(air.reception.status().faults['symbols-disagree']).toBe(0);
  });

  it('a version that came round again after a long absence is not mistaken for the old one', () => {
    const air = onAir([0, 1], [bytesA]);
    air.run(130);
    air.channel = () => undefined;
    // 32 changes later handle 1 belongs to another object under the same version number.
    for (let i = 0; i < 31; i++) {
      air.station.offer(i % 2 === 0 ? [] : [bytesB]);
      air.run(260);
    }
    air.station.offer([bytesB]);
    air.run(260);
    expect(air.station.directory?.version).toBe(0);
    expect(air.station.directory?.entries[0].handle).toBe(1);
    air.channel = (group) => group;
    air.run(3000, () => air.objects().length === 1);
    expect(air.objects()).toEqual([idB]);
    expect(air.reception.status().faults['symbols-disagree']).toBe(0);
  });

  it('a version that came round again is not mistaken for the old one by who heard all of them either', () => {
    const air = onAir([0], [bytesA]);
    air.run(200);
    for (let i = 0; i < 31; i++) {
      air.station.offer([]);
      air.run(512);
    }
    air.station.offer([bytesB]);
    air.run(512 - 200);
    expect(air.station.directory).toMatchObject({ version: 0, entries: [{ handle: 1 }] });
    const sent = (): number => air.station.carriers.reduce((sum, { sent }) => sum + (sent.get(idB) ?? 0), 0);
    air.run(1000, () => air.objects().length === 1);
    expect(air.objects()).toEqual([idB]);
    expect(sent()).toBeLessThan(225 + 3 + 2 * 14);
  });

  it('one whole directory run is enough to go on after a long absence when nothing has changed', () => {
    const air = onAir([0], [bytesA]);
    air.run(300);
    air.channel = () => undefined;
    air.run(128 * 40);
    air.channel = (group) => group;
    air.run(3000, () => air.objects().length === 1);
    expect(air.objects()).toEqual([idA]);
    expect(air.events.filter(({ kind }) => kind === 'directory')).toHaveLength(1);
    expect(dropped(air.reception)).toEqual({});
  });

  it('another station with another directory under the same version starts from nothing, its symbols add up', () => {
    const air = onAir([0], [bytesA, bytesB]);
    air.run(300);
    const other = new Station([0], 128 * 25_000, 0x1234);
    other.offer([bytesB, bytesA]);
    air.events.push(...air.reception.push(other.announcement()), ...air.reception.push(other.announcement()));
    let slots = 0;
    for (; slots < 3000 && air.objects().length < 2; slots++) {
      const { slot, carried } = other.next();
      air.events.push(...air.reception.push(received(carried[0].group, slot, slots === 0)));
    }
    expect(new Set(air.objects())).toEqual(new Set([idA, idB]));
    expect(slots).toBeLessThan(600);
    expect(air.reception.status().faults['symbols-disagree']).toBe(0);
  });
});

describe('wrong groups', () => {
  it.each([0.002, 0.01])('%d of them in the channel do not lead to a wrong object, nor to none', (rate) => {
    for (const streams of [[0], [1, 2]] as StreamNumber[][]) {
      const air = onAir(streams, [bytesA, bytesB]);
      const random = new Seeded(9);
      air.channel = (group) => {
        if (random.next() > rate) return random.next() < 0.1 ? undefined : group;
        const [a] = group.blocks;
        // Block 1 and the group type stay: that is how a wrong group reaches us.
        const b = group.stream === 0 ? (group.blocks[1] & 0xffe0) | (random.word() & 31) : random.word() >>> 16;
        return { ...group, blocks: [a, b, random.word() >>> 16, random.word() >>> 16] };
      };
      air.run(20_000, () => air.objects().length === 2);
      expect(new Set(air.objects())).toEqual(new Set([idA, idB]));
    }
  });
});

/** Slots of the real station until its object is there, after `slots` of what `other` sends in its place. */
function afterAnother(air: Air, slots: number, other: (slot: number) => readonly ReceivedGroup[]): number {
  for (let i = 0; i < slots; i++) {
    const { slot } = air.station.next();
    for (const group of other(slot)) air.events.push(...air.reception.push(group));
  }
  return air.run(6000, () => air.objects().includes(idA));
}

describe('a second transmitter with the same PI, in place of the station for a while', () => {
  const MINUTE = 685;
  it.each<[streams: StreamNumber[], rows: number]>([
    [[0], 375],
    [[1], 231],
    [[0, 1, 2, 3], 231],
  ])(
    'that sends the same 128 groups again and again costs little more than its minute, on streams %j',
    (streams, rows) => {
      const alone = onAir(streams, [bytesA]);
      const needed = alone.run(3000, () => alone.objects().length > 0);
      for (const before of [0, 60, 150]) {
        const air = onAir(streams, [bytesA]);
        air.run(Math.min(before, needed - 20));
        const liar = new Station(streams, 128 * 500);
        liar.offer([new Seeded(77).bytes(1500)]);
        const loop = Array.from({ length: 128 }, () => liar.next().carried.map(({ group }) => group));
        const slots = afterAnother(air, MINUTE, (slot) => loop[slot % 128].map((group) => received(group, slot)));
        // On four streams what the liar repeats is enough for an object of its own.
        expect(air.objects()).toContain(idA);
        // Until two anchors agree, and what was misplaced of the liar's before the anchors of either told.
        expect(slots).toBeLessThan(needed + 3 * 128 + rows / 4);
      }
    },
  );

  it.each<[streams: StreamNumber[]]>([[[0]], [[1]], [[0, 1, 2, 3]]])(
    'that has a whole directory of its own, with the same object and other symbols: the object arrives afterwards, on %j',
    (streams) => {
      const alone = onAir(streams, [bytesA]);
      const needed = alone.run(3000, () => alone.objects().length > 0);
      for (const before of [0, 60, 150]) {
        const air = onAir(streams, [bytesA]);
        air.run(Math.min(before, needed - 20));
        const carriers = streams.map(
          (stream) => new StreamCarrier({ ...HEADER, stream, groupTypeCode: 22, channel: 16, counter: 128 * 600 }),
        );
        const scheme = streams.some((stream) => stream > 0) ? 1 : 2;
        const entry = { ...entryFor(1, 1500, identityOf(bytesA)), scheme };
        const spreader = new FountainSpreader(new Seeded(78).bytes(1500), scheme === 1 ? 13 : 8, entry.identity);
        for (const carrier of carriers) carrier.setDirectory({ version: 9, pi: HEADER.pi, entries: [entry] });
        const slots = afterAnother(air, MINUTE, (slot) =>
          carriers.map((carrier) =>
            received(
              carrier.next(
                (run) => (run % 8 === 0 ? 0 : 1),
                () => spreader,
              ).group,
              slot,
            ),
          ),
        );
        expect(air.objects()).toEqual([idA]);
        expect(
          air.reception.status().faults['hash-mismatch'] + air.reception.status().faults['symbols-disagree'],
        ).toBeGreaterThan(0);
        // All of a false object was there: whatever of it is still believed goes when the true one has as many.
        expect(slots).toBeLessThan(2.5 * needed + 4 * 128);
      }
    },
  );
});

describe('what is wanted', () => {
  it('only that is collected, and only that is missing', () => {
    const station = new Station([0]);
    station.offer([bytesA, bytesB]);
    const reception = new Reception({ wants: ({ identity }) => identity.toHex() === idB, complete: [] });
    reception.push(station.announcement());
    const objects: string[] = [];
    expect(reception.missing()).toBeUndefined();
    for (let i = 0; i < 3000 && objects.length === 0; i++) {
      const { slot, carried } = station.next();
      for (const event of reception.push(received(carried[0].group, slot))) {
        if (event.kind === 'object') objects.push(event.identity.toHex());
      }
    }
    expect(objects).toEqual([idB]);
    expect(reception.missing()).toEqual([]);
    expect(reception.status().objects.map(({ state }) => state)).toEqual(['not-wanted', 'complete']);
  });

  it('what is complete already is not collected again, what is too large is refused', () => {
    const station = new Station([1]);
    station.offer([bytesA, bytesB]);
    const reception = new Reception({ complete: [identityOf(bytesA)], limits: { objectBytes: 800 } });
    for (let i = 0; i < 500; i++) {
      const { slot, carried } = station.next();
      reception.push(received(carried[0].group, slot));
    }
    expect(reception.status().objects.map(({ state }) => state)).toEqual(['complete', 'refused']);
    expect(reception.status().drops.refused).toBeGreaterThan(100);
    expect(reception.missing()?.map(({ identity }) => identity.toHex())).toEqual([idB]);
  });
});

function replayed(bytes: Uint8Array, into: Reception): { events: ReceptionEvent[]; reader: LogReader } {
  const reader = new LogReader(bytes);
  const events: ReceptionEvent[] = [];
  for (let records = reader.next(); records !== undefined; records = reader.next()) {
    for (const record of records) events.push(...into.replay(record));
  }
  return { events, reader };
}

function someLog(slots: number): { log: Uint8Array; records: LogRecord[]; air: Air; batches: number[] } {
  const air = onAir([0, 1], [bytesA]);
  const random = new Seeded(3);
  air.channel = (group) => {
    const [a, b, c, d] = group.blocks;
    if (random.next() < 0.2) return undefined;
    return random.next() < 0.1 ? { ...group, blocks: [a, b, LOST_BLOCK, d] } : { ...group, blocks: [a, b, c, d] };
  };
  const writer = new LogWriter();
  const parts: Uint8Array[] = [];
  const records: LogRecord[] = [];
  for (let i = 0; i < slots; i += 8) {
    air.run(8);
    const taken = air.reception.takeRecords();
    records.push(...taken);
    parts.push(writer.encode(taken));
  }
  const batches = parts.map((part) => part.length);
  return { log: Uint8Array.from(parts.flatMap((part) => [...part])), records, air, batches };
}

function keptBy(reception: Reception): LogRecord[] {
  return [...reception.snapshot()].filter(({ kind }) => kind === 'kept');
}

function ranksOf(reception: Reception): (number | undefined)[] {
  return reception.status().objects.map(({ progress }) => progress?.rank);
}

describe('the log', () => {
  it('holds what has to be pushed again, below ten bytes a group, and replays to the same state', () => {
    const { log, records, air } = someLog(160);
    const groups = records.filter(({ kind }) => kind === 'data').length;
    expect(log.length / groups).toBeLessThan(10);
    const reception = new Reception();
    const { reader } = replayed(log, reception);
    expect(reader).toMatchObject({ validBytes: log.length, skippedBytes: 0, unknownRecords: 0 });
    const [before, after] = [air.reception.status(), reception.status()];
    expect(after.counters).toEqual(before.counters);
    expect(after.objects).toEqual(before.objects);
    expect(after.dataGroups).toEqual(before.dataGroups);
  });

  it('cut anywhere is read up to the last whole batch', () => {
    const { log, batches } = someLog(24);
    let end = 0;
    const ends = [0, ...batches.map((size) => (end += size))];
    for (let cut = 0; cut <= log.length; cut++) {
      const reader = new LogReader(log.subarray(0, cut));
      while (reader.next() !== undefined);
      expect(reader.validBytes).toBe(Math.max(...ends.filter((at) => at <= cut)));
    }
  });

  it('damaged in the middle loses the damaged batches only, and the clock with them', () => {
    const { log, records } = someLog(240);
    const damaged = log.slice();
    damaged.fill(0xcb, 700, 760);
    const reception = new Reception();
    const { reader } = replayed(damaged, reception);
    expect(reader.skippedBytes).toBeGreaterThan(0);
    expect(reader.validBytes).toBe(log.length);
    const [a, b] = reception.status().dataGroups;
    expect(a + b).toBeGreaterThan(records.length - 60);
    expect(reception.status().faults['symbols-disagree']).toBe(0);
  });

  it('goes on after a restart at any moment, and a snapshot can take its place', () => {
    const whole = onAir([0, 1], [bytesA]);
    const slotsWhole = whole.run(3000, () => whole.objects().length === 1);
    for (const stopAt of [5, 90, 260]) {
      for (const viaSnapshot of [false, true]) {
        const { log, air } = someLog(stopAt);
        const bytes = viaSnapshot ? new LogWriter().encode([...air.reception.snapshot()]) : log;
        const reception = new Reception();
        const events = replayed(bytes, reception).events;
        const restarted = [true, true];
        let slots = stopAt;
        for (; slots < 3000 && !events.some(({ kind }) => kind === 'object'); slots++) {
          const { slot, carried } = air.station.next();
          for (const { group } of carried) {
            events.push(...reception.push(received(group, slot - 1000, restarted[group.stream])));
            restarted[group.stream] = false;
          }
        }
        expect(events.find(({ kind }) => kind === 'object')).toMatchObject({ bytes: bytesA });
        // A fifth of the groups is lost, and of the rest a part; then it waits for an anchor, and that may be lost too.
        expect(slots).toBeLessThan(slotsWhole * 1.35 + 128 + 128 + 16);
      }
    }
  });

  it.each<[streams: StreamNumber[], scheme: number]>([
    [[0], 2],
    [[0], 1],
    [[1], 1],
    [[0, 1], 2],
    [[0, 1, 2, 3], 1],
  ])('made anew at any moment holds what was held: progress and result, streams %j, scheme %i', (streams, scheme) => {
    const bytesC = new Seeded(104).bytes(600);
    const make = (): Air => {
      const air = onAir(streams, [bytesB, bytesC], 0, scheme);
      air.channel = lossy(9, 0.1, 0.1);
      return air;
    };
    const whole = make();
    const needed = whole.run(4000, () => whole.objects().length === 2);
    for (let stop = 40; stop < needed; stop += Math.ceil(needed / 12)) {
      const air = make();
      air.run(stop);
      const known = air.events.filter((event) => event.kind === 'object').map(({ identity }) => identity);
      const reception = new Reception({ complete: known });
      const bytes = new LogWriter().encode([...air.reception.snapshot()]);
      const { events, reader } = replayed(bytes, reception);
      expect(reader).toMatchObject({ validBytes: bytes.length, skippedBytes: 0, unknownRecords: 0 });
      expect(events.filter(({ kind }) => kind === 'object')).toEqual([]);
      expect(keptBy(reception)).toEqual(keptBy(air.reception));
      expect(ranksOf(reception)).toEqual(ranksOf(air.reception));
      // And both come to the same end.
      const restarted = new Set<number>(streams);
      const objects = new Map<string, Uint8Array>();
      const channel = air.channel;
      air.channel = (group) => {
        const arrived = channel(group);
        if (arrived === undefined) return undefined;
        for (const event of reception.push({ ...arrived, clockRestarted: restarted.delete(arrived.stream) })) {
          if (event.kind === 'object') objects.set(event.identity.toHex(), event.bytes);
        }
        return arrived;
      };
      air.run(4000, () => objects.size + known.length === 2);
      for (const identity of known) objects.set(identity.toHex(), identity);
      expect(new Set(objects.keys())).toEqual(new Set([idB, identityOf(bytesC).toHex()]));
    }
  });

  it.each<[what: string, streams: StreamNumber[], scheme: number | undefined, heard: (stream: number) => boolean]>([
    ['of a fountain', [0, 1, 2, 3], undefined, () => true],
    ['of a fountain for RDS2 that is heard on stream 0 alone', [0, 1], undefined, (stream) => stream === 0],
    ['of Reed-Solomon, type A', [0], SCHEME_REED_SOLOMON, () => true],
    ['of Reed-Solomon, type C', [1, 2], SCHEME_REED_SOLOMON, () => true],
  ])('made anew has the size that was told before, %s', (_what, streams, scheme, heard) => {
    const station = new Station(streams, 4096, HEADER.pi, scheme);
    station.offer([new Seeded(31).bytes(60_000)]);
    const reception = new Reception();
    reception.push(station.announcement());
    const random = new Seeded(32);
    let parts = 0;
    for (let i = 0; i < 30_000; i++) {
      const { slot, carried } = station.next();
      for (const { group } of carried)
        if (heard(group.stream) && random.next() > 0.1) {
          const blocks = [...group.blocks] as [number, number, number, number];
          if (random.next() < 0.1) blocks[3] = LOST_BLOCK;
          reception.push({ ...received(group, slot), blocks });
        }
      if (i % 1500 !== 1499) continue;
      const { objects, otherBytes } = reception.snapshotSize();
      if (objects.length === 0) break;
      parts++;
      const told = objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, otherBytes);
      const size = new LogWriter().encode([...reception.snapshot()]).length;
      expect(told).toBeGreaterThanOrEqual(size);
      expect(told).toBeLessThan(1.1 * size + 2000);
    }
    expect(parts).toBeGreaterThan(1);
  });

  it('made anew and torn at any byte is read up to the last whole batch, and gives nothing wrong', () => {
    const air = onAir([0, 1], [bytesB, new Seeded(105).bytes(900)], 0);
    air.run(150);
    const writer = new LogWriter();
    const parts = [...air.reception.snapshot()].map((record) => writer.encode([record]));
    const log = Uint8Array.from(parts.flatMap((part) => [...part]));
    let end = 0;
    const ends = [0, ...parts.map(({ length }) => (end += length))];
    for (let cut = 0; cut <= log.length; cut++) {
      const reader = new LogReader(log.subarray(0, cut));
      let records = 0;
      for (let batch = reader.next(); batch !== undefined; batch = reader.next()) records += batch.length;
      const whole = ends.filter((at) => at <= cut).length - 1;
      expect([records, reader.validBytes]).toEqual([whole, ends[whole]]);
    }
    for (let i = 0; i < parts.length; i++) {
      const reception = new Reception();
      const { events } = replayed(Uint8Array.from(parts.toSpliced(i, 1).flatMap((part) => [...part])), reception);
      expect(events.filter(({ kind }) => kind === 'object')).toEqual([]);
      expect(reception.status().faults).toEqual(noFaults());
    }
  });

  it('of another format is rubbish: nothing of it is taken, what follows is', () => {
    const { log } = someLog(40);
    const old = log.map((byte) => (byte === 0xcb ? 0xca : byte));
    const reader = new LogReader(Uint8Array.of(...old, ...log));
    let records = 0;
    for (let batch = reader.next(); batch !== undefined; batch = reader.next()) records += batch.length;
    const alone = new LogReader(log);
    let expected = 0;
    for (let batch = alone.next(); batch !== undefined; batch = alone.next()) expected += batch.length;
    expect(records).toBe(expected);
    expect(reader.skippedBytes).toBe(old.length);
  });

  it('property: any bytes may be read, nothing throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        replayed(bytes, new Reception());
        const payload = [1, 0xd3, 0x18, 22, 16, ...bytes.slice(0, 250)];
        const batch = new LogWriter().encode([{ kind: 'directory', bytes: Uint8Array.from(payload) }]);
        expect(replayed(batch, new Reception()).reader.validBytes).toBe(batch.length);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a log of what nobody needs', () => {
  it('is not written: nothing after the directory, while nothing in it is missing', () => {
    const air = onAir([0, 1], [bytesA]);
    air.run(3000, () => air.objects().length === 1);
    air.run(200);
    air.reception.takeRecords();
    air.run(600);
    expect(air.reception.takeRecords()).toEqual([]);
  });

  it('is taken up again with the next object, clock and all', () => {
    const air = onAir([0, 1], [bytesA]);
    air.run(3000, () => air.objects().length === 1);
    const log: LogRecord[] = [...air.reception.snapshot()];
    air.reception.takeRecords();
    let restarted = new Set<number>();
    let shift = 0;
    air.channel = (group) => ({ ...group, slot: group.slot + shift, clockRestarted: restarted.delete(group.stream) });
    air.run(300);
    shift = 100_000;
    restarted = new Set([0, 1]);
    air.run(300);
    const bytesC = new Seeded(102).bytes(6000);
    air.station.offer([bytesA, bytesC]);
    // Two anchors: what reads the log has to find the count of stream 0 first.
    air.run(400);
    log.push(...air.reception.takeRecords());
    const before = air.reception.status();
    const reception = new Reception({ complete: [identityOf(bytesA)] });
    replayed(new LogWriter().encode(log), reception);
    expect(ranksOf(reception)).toEqual(before.objects.map(({ progress }) => progress?.rank));
    expect(before.objects[1].progress?.rank).toBeGreaterThan(150);
  });
});

/** A station with the same PI that says what it likes in its directory, for long enough to be believed, and spoils nothing. */
function lie(air: Air, entries: readonly DirectoryEntry[], version: number): void {
  const carrier = new StreamCarrier({ ...HEADER, stream: 1, groupTypeCode: 22, channel: 16, counter: version << 16 });
  carrier.setDirectory({ version, pi: HEADER.pi, entries });
  const spreaders = new Map(
    entries.map((entry) => [entry.handle, new FountainSpreader(new Seeded(1).bytes(8), 13, entry.identity)]),
  );
  for (let slot = 0; slot < 400; slot++) {
    const { group } = carrier.next(
      (run) => (run % 4 === 0 ? 0 : (entries[run % entries.length]?.handle ?? 0)),
      (handle) => spreaders.get(handle),
    );
    air.events.push(...air.reception.push(received(group, slot, slot === 0)));
  }
}

function entryFor(handle: number, sizeBytes: number, identity: Uint8Array): DirectoryEntry {
  return { handle, sizeBytes, identity, scheme: 1, deviceTypeTag: 0, deadlineMinutes: 0 };
}

describe('hostile input', () => {
  it('property: any groups may be pushed in any order, nothing throws and what waits is bounded', () => {
    const word = fc.oneof(
      fc.integer({ min: -1, max: 0xffff }),
      fc.constantFrom(0xca11, 0x8010, 0x2000, 0xd318, 0x3016, 0xb000),
    );
    const group = fc.record({
      stream: fc.constantFrom<StreamNumber>(0, 1, 2, 3),
      blocks: fc.tuple(word, word, word, word),
      slot: fc.integer({ min: -1, max: 100_000 }),
      clockRestarted: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(group, { maxLength: 200 }), (groups) => {
        const station = new Station([0, 1]);
        station.offer([bytesB]);
        const reception = new Reception({ limits: { pendingGroups: 64, waitingGroups: 64 } });
        reception.push(station.announcement());
        for (const one of groups) {
          reception.push(one);
          const { slot, carried } = station.next();
          for (const { group: good } of carried) reception.push(received(good, slot));
        }
        reception.flush();
        expect([...reception.snapshot()].length).toBeLessThan(64 * 4 + 20);
      }),
      { numRuns: 60 },
    );
  });

  const bytesC = new Seeded(102).bytes(6000);

  it.each<[lie: string, entries: DirectoryEntry[]]>([
    ['another size of the object', [entryFor(1, 999, identityOf(bytesC))]],
    [
      'thirteen objects of 16 MB',
      Array.from({ length: 13 }, (_, i) => entryFor(i + 1, 0xff_ffff, new Seeded(i).bytes(8))),
    ],
    ['that there is nothing', []],
  ])('a false directory costs nothing of what was collected: %s', (_, entries) => {
    const alone = onAir([1], [bytesC]);
    const needed = alone.run(4000, () => alone.objects().length > 0);
    const air = onAir([1], [bytesC]);
    air.run(Math.floor(needed * 0.8));
    for (const version of [9, 10, 11]) lie(air, entries, version);
    expect(air.objects()).toEqual([]);
    const after = air.run(4000, () => air.objects().length > 0);
    // Until the second anchor after the lie, and the directory again.
    expect(after).toBeLessThan(needed * 0.2 + 300);
    expect(air.objects()).toEqual([identityOf(bytesC).toHex()]);
  });

  it('room for a new object is taken from what is listed no more, the least collected first', () => {
    const limits = { collectedBytes: 14_000 };
    const reception = new Reception({ limits });
    const air: Air = { ...onAir([1], [bytesC]), reception };
    const place = (identity: Uint8Array, sizeBytes: number, symbols: number): void => {
      const tags = Uint32Array.from({ length: symbols }, (_, counter) => 0x1000_0000 + counter * 16);
      const [low, high, masks] = [tags.map(() => 7), tags.map(() => 7), new Uint16Array()];
      const kept = { kind: 'symbols', block: 0, isPartial: false, tags, low, high, masks } as const;
      reception.replay({ kind: 'kept', identity, sizeBytes, scheme: 1, kept });
    };
    const [much, little] = [new Seeded(5).bytes(8), new Seeded(6).bytes(8)];
    place(much, 5000, 500);
    place(little, 5000, 10);
    lie(air, [entryFor(1, 6000, identityOf(bytesC))], 1);
    const held = [...reception.snapshot()].flatMap((record) =>
      record.kind === 'kept' ? [record.identity.toHex()] : [],
    );
    expect(new Set(held)).toEqual(new Set([much.toHex(), identityOf(bytesC).toHex()]));
  });

  it('objects that are complete are remembered by the thousand and not without end', () => {
    const reception = new Reception();
    const before = new Seeded(1);
    for (let i = 0; i < 20_000; i++) reception.markComplete(before.bytes(8));
    const last = before.bytes(8);
    reception.markComplete(last);
    const air: Air = { ...onAir([1], []), reception };
    lie(air, [entryFor(1, 100, new Seeded(1).bytes(8)), entryFor(2, 100, last)], 1);
    expect(reception.status().objects.map(({ state }) => state)).toEqual(['collecting', 'complete']);
  });

  it('a directory under the version of another is not learned', () => {
    const carrier = new StreamCarrier({ ...HEADER, stream: 1, groupTypeCode: 22, channel: 16, counter: 0 });
    const directory = encodeDirectory({ version: 8, pi: HEADER.pi, entries: [] });
    const spreader = new FountainSpreader(directory, 1, directoryIdentity(7, directory.length / 8));
    carrier.setDirectory({ version: 7, pi: HEADER.pi, entries: [entryFor(1, 100, bytesB.slice(0, 8))] });
    const reception = new Reception();
    for (let slot = 0; slot < 400; slot++) {
      const { group, kind, counter } = carrier.next(
        () => 0,
        () => undefined,
      );
      if (kind === 'assignment') reception.push(received(group, slot));
      // The anchor says version 7 and the size that follows; the symbols are of the directory that says 8.
      const [pppp, ...words] =
        kind === 'anchor' ? makeAnchorC(1, counter, 7, directory.length / 8) : spreader.payload(1, counter);
      const blocks = [(group.blocks[0] & 0xfff0) | pppp, ...words] as unknown as Blocks;
      if (kind !== 'assignment') reception.push(received({ stream: 1, blocks }, slot));
    }
    const { directory: known, drops } = reception.status();
    expect(known).toBeUndefined();
    expect(drops['directory-unusable']).toBeGreaterThan(0);
  });

  it('what waits for a directory that never comes costs no time whenever another one is heard', () => {
    const reception = new Reception();
    reception.push(new Station([1]).announcement());
    const directory = encodeDirectory({ version: 3, pi: HEADER.pi, entries: [] });
    const spreader = new FountainSpreader(directory, 1, directoryIdentity(3, directory.length / 8));
    const push = (c: number, handle: number, [pppp, ...words]: readonly number[]): void => {
      const block1 = 0x5000 | (handleBit(handle, c & 15) << 7) | ((c & 7) << 4) | pppp;
      const blocks = [block1, ...words] as unknown as Blocks;
      reception.push({ stream: 1, blocks, slot: -1, clockRestarted: false });
    };
    const started = process.threadCpuUsage();
    for (let c = 0; c < 4000 * 128; c += 8) {
      const isKnown = (c >> 7) % 2 === 0;
      if (c % 128 === 0)
        push(c, isKnown ? 0 : 1, makeAnchorC(1, c, isKnown ? 3 : 4, isKnown ? directory.length / 8 : 20));
      else push(c, isKnown ? 0 : 1, isKnown ? spreader.payload(1, c) : [1, 2, 3, 4]);
    }
    // Measured 0.5 s; 5 s when everything that waits was looked at each time.
    expect(process.threadCpuUsage(started).user / 1000).toBeLessThan(2000);
  });

  it('our groups without any anchor are forgotten when there are too many', () => {
    const reception = new Reception({ limits: { pendingGroups: 100 } });
    const station = new Station([0]);
    reception.push(station.announcement());
    for (let i = 0; i < 2000; i++) {
      reception.push({ stream: 0, blocks: [0xd318, 0xb000 | (i & 15), i, i & 1], slot: i, clockRestarted: false });
    }
    expect([...reception.snapshot()].length).toBeLessThan(102);
    expect(reception.status().drops['no-anchor']).toBeGreaterThan(1500);
  });
});
