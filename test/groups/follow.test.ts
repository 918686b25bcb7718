import { describe, expect, it } from 'vitest';
import { makeAnchorA, makeAnchorC } from '#codec/groups/anchor.ts';
import { CounterFollower, type Stretch } from '#codec/groups/follow.ts';
import type { DataGroup } from '#codec/groups/select.ts';

interface Options {
  readonly slot?: number;
  readonly restarted?: boolean;
  /** Of the anchors. */
  readonly version?: number;
  /** Counters that are not heard. */
  readonly lost?: readonly number[];
}

/** Groups of stream 0 (or 1) whose words say their true counter. */
class Listener {
  readonly follower: CounterFollower;
  readonly stretches: Stretch[] = [];
  readonly #stream: 0 | 1;
  #heardAt = 0;

  constructor(stream: 0 | 1 = 0, isSure = true, limit = 4096) {
    this.#stream = stream;
    this.follower = new CounterFollower(stream, limit, () => isSure);
  }

  /** The group of counter `c`, or one with another place. */
  group(c: number, slot: number, place = c): DataGroup {
    const stream = this.#stream;
    const words = stream === 0 ? [c >> 16, c & 0xffff] : [0, c >> 16, c & 0xffff, 0];
    return { stream, place: place & (stream === 0 ? 15 : 7), check: 0, words, slot, clockRestarted: false };
  }

  hear(group: DataGroup): Stretch[] {
    const stretches = this.follower.push(group, ++this.#heardAt);
    this.stretches.push(...stretches);
    return stretches;
  }

  /** Counters from .. to - 1, one a slot, without a clock when `slot` is negative. */
  push(from: number, to: number, { slot = from, restarted = false, version = 1, lost = [] }: Options = {}): void {
    let first = true;
    for (let c = from; c < to; c++) {
      if (lost.includes(c)) continue;
      const group = this.group(c, slot < 0 ? -1 : slot + c - from);
      const make = this.#stream === 0 ? makeAnchorA : makeAnchorC;
      const words = c % 128 === 0 ? make(this.#stream, c, version, 4) : group.words;
      this.hear({ ...group, words, clockRestarted: restarted && first });
      first = false;
    }
  }

  flush(): void {
    this.stretches.push(...this.follower.flush());
  }

  get placed(): number[] {
    return this.stretches.flatMap(({ groups }) => groups.map(({ counter }) => counter));
  }

  /** Groups that were given a counter that is not theirs. */
  get wrong(): number[] {
    return this.stretches
      .flatMap(({ groups }) => groups)
      .filter(
        ({ counter, group: { words } }) =>
          counter % 128 !== 0 && words.at(this.#stream === 0 ? 1 : 2) !== (counter & 0xffff),
      )
      .map(({ counter }) => counter);
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

describe.each([0, 1] as const)('the counter of stream %i', (stream) => {
  it('holds groups back until the first anchor is believed, then gives those before it too', () => {
    const air = new Listener(stream);
    air.push(100, 256);
    // One anchor of type A is not enough, one of type C is.
    expect(air.placed).toEqual(stream === 0 ? [] : range(100, 256));
    air.push(256, 257);
    expect(air.placed).toEqual(range(100, 256));
    expect(air.wrong).toEqual([]);
  });

  it('gives runs when they end, in the span of an anchor and in the next four, and no further', () => {
    const air = new Listener(stream);
    air.push(0, 257);
    const given = [255];
    for (let c = 257; c < 8 * 128; c++) {
      // All anchors from 384 on are lost.
      if (c % 128 !== 0) air.push(c, c + 1);
      if (air.placed.at(-1) !== given.at(-1)) given.push(air.placed.at(-1) ?? -1);
    }
    expect(given).toEqual(range(15, 56).map((run) => 16 * run + 15));
    expect(air.placed).toEqual(range(0, 896).filter((c) => c <= 256 || c % 128 !== 0));
    const last = air.stretches.at(-1)?.groups ?? [];
    expect(last.every(({ versionBefore, versionAfter }) => versionBefore === 1 && versionAfter === -1)).toBe(true);
  });

  it('gives a run whose last group was lost with the first one of the next', () => {
    const air = new Listener(stream);
    air.push(0, 257);
    const before = air.placed.length;
    air.push(257, 271);
    expect(air.placed).toHaveLength(before);
    // 271 and 272 are lost.
    air.push(273, 274);
    expect(air.placed).toEqual(range(0, 271));
  });

  it('of the span after a lost anchor, gives nothing that the next version may change', () => {
    const air = new Listener(stream, false);
    air.push(0, 500, { lost: [384] });
    expect(air.placed).toEqual(range(0, 384));
    air.push(500, 513);
    expect(air.placed).toEqual(range(0, 512).filter((c) => c !== 384));
    const groups = air.stretches.at(-1)?.groups ?? [];
    expect(groups.every(({ versionBefore, versionAfter }) => versionBefore === 1 && versionAfter === 1)).toBe(true);
  });

  it('after a break, gives nothing until an anchor agrees', () => {
    const air = new Listener(stream);
    air.push(0, 300);
    const before = air.placed.length;
    // More time than the rate of the stream is trusted for.
    air.push(700, 768, { slot: 700 });
    // Runs that ended before the break may come, nothing of what follows it.
    expect(air.placed.every((c) => c < 300)).toBe(true);
    expect(air.placed.length - before).toBeLessThan(16);
    air.push(768, 769, { slot: 768 });
    expect(air.placed).toEqual([...range(0, 300), ...range(700, 768)]);
    expect(air.wrong).toEqual([]);
  });

  it('two anchors with a gap between them that nothing could count confirm each other by the clock', () => {
    const air = new Listener(stream);
    air.push(100, 140);
    air.push(240, 300);
    expect(air.placed.filter((c) => c < 256).toSorted((a, b) => a - b)).toEqual([
      ...range(100, 140),
      ...range(240, 256),
    ]);
    expect(air.wrong).toEqual([]);
  });

  it('what came before a gap before the first anchor is counted when the rate is known', () => {
    const air = new Listener(stream);
    air.push(130, 160);
    air.push(200, 400, { slot: 200 });
    expect(air.placed.filter((c) => c < 384).toSorted((a, b) => a - b)).toEqual([
      ...range(130, 160),
      ...range(200, 384),
    ]);
    expect(air.wrong).toEqual([]);
  });

  it('tells the count through a gap of a few seconds by the rate of the stream', () => {
    const air = new Listener(stream);
    air.push(0, 300);
    // Twenty groups' worth of time and more, so that c mod m does not tell.
    air.push(336, 352, { slot: 336 });
    expect(air.placed).toEqual([...range(0, 300), ...range(336, 352)]);
    expect(air.wrong).toEqual([]);
  });

  it('guessed wrong after a break: what is certain on both sides is given, and nothing gets a wrong place', () => {
    for (const gap of [17, 40, 64, 100, 150, 1000]) {
      const air = new Listener(stream);
      air.push(0, 300);
      const from = 300 + gap;
      // The clock started anew: the time that passed tells nothing.
      air.push(from, from + 400, { slot: 7, restarted: true });
      air.flush();
      expect(air.wrong).toEqual([]);
      expect(air.placed.filter((c) => c < 300)).toEqual(range(0, 300));
      expect(air.placed.filter((c) => c >= 300)).toEqual(range(from, from + 400));
    }
  });

  it('wraps at 2^24', () => {
    const air = new Listener(stream);
    air.push(0xfffe80, 0x1000000);
    air.push(0, 300, { slot: 0x1000000 });
    expect(air.placed).toEqual([...range(0xfffe80, 0x1000000), ...range(0, 288)]);
    expect(air.wrong).toEqual([]);
  });

  it('a single group with a wrong place is left out: with a clock and without, wherever it is in its run', () => {
    for (const clock of [true, false]) {
      for (let at = 257; at < 290; at++) {
        for (let place = 0; place < 16; place++) {
          const isRight = ((place - at) & (stream === 0 ? 15 : 7)) === 0;
          if (isRight) continue;
          const air = new Listener(stream);
          air.push(0, at, clock ? {} : { slot: -1 });
          air.hear({ ...air.group(0xdead, clock ? at : -1, place) });
          air.push(at + 1, 600, { slot: clock ? at + 1 : -1 });
          air.flush();
          expect(air.wrong, `place ${place} at ${at}, ${clock ? 'with' : 'without'} a clock`).toEqual([]);
          expect(air.placed.length).toBeGreaterThan(560);
        }
      }
    }
  });
});

describe.each([
  [0, 20],
  [0, 10],
  [1, 9],
] as const)('a group with a wrong place on stream %i, of which every %ith group is ours', (stream, spacing) => {
  it('moves no other group, though any place could have been reached in the time', () => {
    const modulus = stream === 0 ? 16 : 8;
    for (let at = 530; at < 530 + modulus; at++) {
      for (let error = 1; error < modulus; error++) {
        const air = new Listener(stream);
        for (let c = 0; c < 800; c++) {
          const slot = spacing * c;
          if (c === at) air.hear(air.group(0xdead, slot, c + error));
          else air.push(c, c + 1, { slot });
        }
        air.flush();
        const others = air.wrong.filter((c) => c < at - modulus || c > at + modulus);
        expect(others, `at ${at}, wrong by ${error}`).toEqual([]);
        expect(air.wrong.length).toBeLessThan(2);
        expect(air.placed.length).toBeGreaterThan(780);
      }
    }
  });
});

describe('an anchor that contradicts the count', () => {
  it('holds back what was counted, until another one tells which is right', () => {
    const air = new Listener();
    air.push(0, 300, { slot: 0 });
    // The sender started again and skipped ahead: nothing in the clock or in c mod 16 tells.
    air.push(128 * 50, 128 * 50 + 300, { slot: 304 });
    expect(air.wrong).toEqual([]);
    expect(new Set(air.placed.slice(-250)).size).toBe(250);
    expect(air.placed.at(-1)).toBeGreaterThan(128 * 52);
  });
});

describe('the counter', () => {
  it('gives no group a wrong place when reception breaks off right after the end of an input, twice', () => {
    const air = new Listener();
    air.push(0, 200, { slot: 0 });
    air.flush();
    air.push(5009, 5020, { slot: 1000, restarted: true });
    // The anchors at 9088 and 9216 agree: one alone, so far from the count, is not believed.
    air.push(9030, 9100, { slot: 2000, restarted: true });
    air.push(9100, 9300, { slot: 2070 });
    expect(air.wrong).toEqual([]);
    expect(air.placed).toEqual([...range(0, 200), ...range(9030, 9296)]);
  });

  it('without a clock gives nothing before an anchor agrees: lines may be missing that nothing tells of', () => {
    for (const missing of [15, 16, 53, 1000]) {
      const air = new Listener();
      air.push(0, 257, { slot: -1 });
      air.push(257, 300, { slot: -1 });
      expect(air.placed).toEqual(range(0, 256));
      air.push(300 + missing, 1700, { slot: -1 });
      air.flush();
      expect(air.wrong).toEqual([]);
      // What lies between the anchors on both sides of the gap is dropped.
      expect(air.placed.filter((c) => c < 256)).toEqual(range(0, 256));
      const from = Math.ceil((300 + missing) / 128) * 128;
      expect(air.placed.filter((c) => c >= from)).toEqual(range(from, 1700));
    }
  });

  it('without a clock, up to fifteen missing lines in a row are counted', () => {
    const air = new Listener();
    air.push(0, 257, { slot: -1 });
    const heard = range(0, 257);
    for (let c = 260, step = 1; c < 1000; c += step, step = (step % 16) + 1) {
      air.push(c, c + 1, { slot: -1 });
      heard.push(c);
    }
    air.flush();
    expect(air.wrong).toEqual([]);
    // One that stands where n, something else, n + 2 may be meant is taken for the something else.
    expect(air.placed.length).toBeGreaterThan(heard.filter((c) => c < 512).length - 5);
  });

  it('goes back when the sender does, and believes it after two anchors', () => {
    const air = new Listener();
    air.push(100_000, 100_300, { slot: 0 });
    air.push(256, 600, { slot: 300 });
    expect(air.wrong).toEqual([]);
    // The first two, which could not be there yet, are dropped.
    expect(air.placed.filter((c) => c < 1000)).toEqual(range(258, 592));
  });

  it('forgets the oldest of what no anchor ever confirms', () => {
    const air = new Listener(0, true, 100);
    for (let i = 0; i < 2000; i++) air.hear({ ...air.group(0x1_5555, i, i) });
    expect(air.placed).toEqual([]);
    expect(air.follower.pending().length).toBeLessThanOrEqual(100);
    expect(air.follower.drops['no-anchor']).toBeGreaterThan(1800);
  });
});
