import { describe, expect, it } from 'vitest';
import { BlockCollector } from '#codec/symbols/block.ts';
import { noFaults, ObjectCollector } from '#codec/symbols/collect.ts';
import { Equations } from '#codec/symbols/equations.ts';
import { firstBlockOf, layoutOf, type Width } from '#codec/symbols/layout.ts';
import { unscramble } from '#codec/symbols/scramble.ts';
import { FountainSpreader, identityOf } from '#codec/symbols/spread.ts';
import { dependenciesOf, locateSpell, locateWrong, Span } from '#codec/symbols/wrong.ts';
import { randomBytes, randomWords, type Sending, sending, spoilt } from './objects.ts';

/** A stream whose groups are one whole symbol each. */
const WHOLE: readonly (readonly [width: Width, stream: number])[] = [
  [8, 0],
  [13, 1],
];

const OBJECT_BYTES = 3000;
/** Of those that take many searches. */
const SMALL_BYTES = 1200;

/** `t` different places below `below`. */
function places(t: number, below: number, seed: number): Set<number> {
  const word = randomWords(seed);
  const chosen = new Set<number>();
  while (chosen.size < t) chosen.add(word() % below);
  return chosen;
}

/** A channel that gets nothing across that was sent. */
type Lie = (words: number[], stream: number, counter: number) => number[];

/** Kinds of wrong groups. */
const LIES: Readonly<Record<string, (seed: number) => Lie>> = {
  'at random': (seed) => {
    const word = randomWords(seed);
    return (words, stream) => words.map((_, i) => (stream !== 0 && i === 0 ? word() & 15 : word() >>> 16));
  },
  'the same payload each time': () => (words) => words.map((_, i) => (words.length === 4 && i === 0 ? 5 : 0x5555)),
  'the same bits turned over each time': () => (words, stream) =>
    words.map((word, i) => word ^ (stream !== 0 && i === 0 ? 1 : 0x0810)),
};

/** Groups until the object is there; those at the `wrong` places lie. */
function groupsNeeded(air: Sending, wrong: ReadonlySet<number>, lie: Lie, limit: number): number {
  while (air.sent < limit && !air.next(wrong.has(air.sent) ? lie : undefined));
  return air.sent;
}

/** Symbols that a collector holds. */
function held(collector: ObjectCollector): number {
  let count = 0;
  for (const kept of collector.kept()) count += kept.kind === 'symbols' ? kept.tags.length : 0;
  return count;
}

describe.each(WHOLE)('whole symbols, rows of %i nibbles, stream %i', (width, stream) => {
  const K = layoutOf(OBJECT_BYTES, width).rows;

  it.each(Object.keys(LIES))('none, one, five or thirty wrong ones among the first K are found: %s', (name) => {
    for (const t of [0, 1, 5, 30]) {
      const bytes = randomBytes(OBJECT_BYTES, t + 1);
      const air = sending(bytes, width, [stream]);
      const needed = groupsNeeded(air, places(t, K, t + 50), LIES[name](t), 3 * K);
      expect(air.collector.bytes(), `${t} wrong`).toEqual(bytes);
      // K + t right and wrong ones, 14 to be sure, and up to 12 until the right ones have rank K. Thirty errors of 32 bits may
      // depend on each other: then 32 in place of 14, and the search is made every 16 symbols.
      const margin = t === 0 ? 12 : t === 30 && width === 8 ? 60 : 26;
      expect(needed - K - t).toBeLessThan(margin);
      const { faults } = air.collector;
      expect(faults['symbols-forgotten']).toBe(0);
      expect(faults['symbols-wrong']).toBeGreaterThanOrEqual(t);
      // A right one is suspected with probability 2^-14.
      expect(faults['symbols-wrong']).toBeLessThanOrEqual(t + 1);
    }
  });

  it.each<[what: string, errors: number[][]]>([
    ['two equal ones', [[1], [1]]],
    [
      'two pairs',
      [
        [1, 2],
        [1, 2],
        [7, 7],
        [7, 7],
      ],
    ],
    [
      'one that is the sum of two others',
      [
        [3, 1],
        [4, 2],
        [7, 3],
      ],
    ],
    ['one that is the sum of four others', [[1], [2], [4], [8], [15]]],
    ['two equal ones and three others', [[1], [1], [2, 5], [4, 6], [8, 7]]],
  ])('errors that depend on each other are found: %s', (_, errors) => {
    const bytes = randomBytes(OBJECT_BYTES, errors.length);
    const air = sending(bytes, width, [stream]);
    const wrong = [...places(errors.length, K, 77)];
    while (air.sent < 3 * K) {
      const error = errors[wrong.indexOf(air.sent)];
      const spoil: Lie = (words, s, c) => spoilt(words, s, c, error);
      if (air.next(error === undefined ? undefined : spoil)) break;
    }
    expect(air.collector.bytes()).toEqual(bytes);
    expect(air.collector.faults['symbols-wrong']).toBeGreaterThanOrEqual(errors.length);
    expect(air.sent - K - errors.length).toBeLessThan(60);
  });

  it('three equal errors are told by nothing but the stretch between them, and cost that', () => {
    const bytes = randomBytes(OBJECT_BYTES, 3);
    const air = sending(bytes, width, [stream]);
    const needed = groupsNeeded(air, new Set([30, 120, 230]), (words, s, c) => spoilt(words, s, c, [9, 9]), 3 * K);
    expect(air.collector.bytes()).toEqual(bytes);
    expect(air.collector.faults['symbols-of-a-spell']).toBeGreaterThanOrEqual(200);
    expect(needed).toBeLessThan(K + 200 + 14 + 0.25 * 200 + (2 * (K + 230)) / 32 + 20);
  });

  it.each([0, 0.2, 0.5])('a spell of half of K wrong ones is found, beginning after %d K right ones', (share) => {
    const bytes = randomBytes(SMALL_BYTES, 9);
    const { rows: K } = layoutOf(SMALL_BYTES, width);
    const air = sending(bytes, width, [stream]);
    const from = Math.floor(share * K);
    const wrong = new Set(Array.from({ length: K >> 1 }, (_, i) => from + i));
    const needed = groupsNeeded(air, wrong, LIES['at random'](3), 4 * K);
    expect(air.collector.bytes()).toEqual(bytes);
    expect(air.collector.faults['symbols-of-a-spell']).toBeGreaterThanOrEqual(K >> 1);
    expect(air.collector.faults['symbols-forgotten']).toBe(0);
    // 14 to be sure, a quarter of what there is from one search to the next, and the spell is told to a 32nd part of all on either side.
    expect(needed).toBeLessThan(1.5 * K + 14 + 0.25 * 0.5 * K + (2 * 1.5 * K) / 32 + 20);
  });

  it('a spell and a few others: arrives all the same', () => {
    const bytes = randomBytes(SMALL_BYTES, 9);
    const { rows: K } = layoutOf(SMALL_BYTES, width);
    const air = sending(bytes, width, [stream]);
    const wrong = new Set([...Array.from({ length: K >> 2 }, (_, i) => 60 + i), 10, K - 5]);
    const needed = groupsNeeded(air, wrong, LIES['at random'](4), 5 * K);
    expect(air.collector.bytes()).toEqual(bytes);
    expect(needed).toBeLessThan(2.5 * K);
  });

  it('more lies than anything can tell: bounded while they last, and it arrives K groups after', () => {
    const bytes = randomBytes(600, 8);
    const air = sending(bytes, width, [stream]);
    const { rows } = air.collector.layout;
    const word = randomWords(5);
    const lie = LIES['at random'](5);
    let most = 0;
    while (air.sent < 6 * rows) {
      expect(air.next(word() % 3 === 0 ? lie : undefined)).toBe(false);
      most = Math.max(most, held(air.collector));
    }
    expect(most).toBeLessThanOrEqual(2 * rows + 256);
    const before = air.sent;
    while (air.sent < 12 * rows + 1000 && !air.next());
    expect(air.collector.bytes()).toEqual(bytes);
    // All that is held is forgotten in quarters of 2 K + 256, while K new ones and those needed to be sure come.
    expect(air.sent - before).toBeLessThan(2 * (2 * rows + 256));
    expect(air.collector.faults['symbols-forgotten']).toBeGreaterThan(0);
  });

  it('one that was among those that gave the wrong bytes is found with 14 more', () => {
    let mismatches = 0;
    for (let seed = 1; seed < 25; seed++) {
      const bytes = randomBytes(400, seed);
      const air = sending(bytes, width, [stream], seed * 1000);
      const { rows } = air.collector.layout;
      const needed = groupsNeeded(air, new Set([seed]), LIES['at random'](seed), 3 * rows + 100);
      expect(air.collector.bytes()).toEqual(bytes);
      expect(needed).toBeLessThan(rows + 1 + 14 + 14);
      mismatches += air.collector.faults['hash-mismatch'];
    }
    // Three blocks in ten are solved by the first K symbols, and the wrong one is among them.
    expect(mismatches).toBeGreaterThan(2);
  });

  it('groups that come again prove nothing, neither for a wrong solution nor against it', () => {
    for (let seed = 1; seed < 40; seed++) {
      const bytes = randomBytes(200, seed);
      const air = sending(bytes, width, [stream], seed * 1000);
      const { rows } = air.collector.layout;
      groupsNeeded(air, new Set([5]), LIES['at random'](seed), rows + 2);
      const { collector, spreader } = air;
      const before = { ...collector.faults };
      const lie = LIES['at random'](seed);
      for (let turn = 0; turn < 20; turn++) {
        for (let i = 0; i < rows; i++) {
          const c = seed * 1000 + i;
          const words = spreader.payload(stream, c);
          collector.addGroup(stream, c, i === 5 ? lie(words, stream, c) : words);
        }
      }
      expect(collector.bytes()).toBeUndefined();
      expect(collector.faults).toEqual(before);
      expect(groupsNeeded(air, new Set(), lie, 3 * rows + 200)).toBeLessThan(rows + 30);
      expect(collector.bytes()).toEqual(bytes);
    }
  });

  it('bytes that are not the object are not given out, however often they come: the identity is another', () => {
    const bytes = randomBytes(100, 8);
    const identity = identityOf(randomBytes(100, 9));
    const spreader = new FountainSpreader(bytes, width, identity);
    const collector = new ObjectCollector(identity, 100, width);
    for (let c = 0; c < 2000; c++) {
      expect(collector.addGroup(stream, c, spreader.payload(stream, c))).toBe(false);
      expect(held(collector)).toBeLessThanOrEqual(2 * collector.layout.rows + 256);
    }
    expect(collector.bytes()).toBeUndefined();
    expect(collector.faults['hash-mismatch']).toBeGreaterThan(0);
    expect(collector.faults['symbols-forgotten'] + collector.faults['symbols-disagree']).toBe(0);
  });
});

/** One block by itself, which goes on after it was solved. */
function oneBlock(
  bytes: Uint8Array,
  width: Width,
  stream: number,
): {
  block: BlockCollector;
  faults: ReturnType<typeof noFaults>;
  rows: number;
  isRight: () => boolean;
  add: (counter: number, error?: number) => boolean;
} {
  const layout = layoutOf(bytes.length, width);
  const spreader = new FountainSpreader(bytes, width);
  const faults = noFaults();
  const block = new BlockCollector(new Equations(spreader.identity, layout), { open: 0, most: 4 }, faults);
  const add = (counter: number, error = 0): boolean => {
    const words = spreader.payload(stream, counter);
    unscramble(stream, counter, words);
    const last = words.length - 1;
    const low = ((words[last - 1] << 16) | words[last]) ^ error;
    return block.add(
      ((stream << 28) | (counter << 4)) >>> 0,
      low >>> 0,
      width === 13 ? (words[0] << 16) | words[1] : 0,
    );
  };
  const nibbles = (values: Uint32Array): string => {
    let text = '';
    for (let row = 0; row < layout.rows; row++) {
      const high = width === 13 ? values[2 * row + 1].toString(16).padStart(5, '0') : '';
      text += high + values[row * layout.valueWords].toString(16).padStart(8, '0');
    }
    return text;
  };
  const isRight = (): boolean => block.solution !== undefined && nibbles(block.solution).startsWith(bytes.toHex());
  return { block, faults, rows: layout.rows, isRight, add };
}

describe.each(WHOLE)(
  'a block that is solved before the object is complete, rows of %i nibbles, stream %i',
  (width, stream) => {
    it('is doubted when a wrong symbol comes after it, and solved again', () => {
      const { block, faults, rows, isRight, add } = oneBlock(randomBytes(1000, 1), width, stream);
      let c = 0;
      while (block.solution === undefined) add(c++);
      expect(isRight()).toBe(true);
      expect(block.isProven).toBe(false);
      expect(add(c++, 0x1234)).toBe(true);
      expect(block.solution).toBeUndefined();
      while (block.solution === undefined && c < 3 * rows) add(c++);
      expect(isRight()).toBe(true);
      expect(c).toBeLessThan(rows + 40);
      expect(faults).toMatchObject({ 'symbols-disagree': 1, 'symbols-wrong': 1 });
    });

    it('is beyond doubt after fourteen that agree: what comes then changes nothing, and its symbols are let go', () => {
      const { block, faults, rows, isRight, add } = oneBlock(randomBytes(1000, 2), width, stream);
      let c = 0;
      while (!block.isProven) add(c++);
      expect(c - rows).toBeGreaterThanOrEqual(14);
      expect(c - rows).toBeLessThan(30);
      expect(block.full.count + block.partial.count).toBe(0);
      for (let i = 0; i < 100; i++) expect(add(c++, i + 1)).toBe(false);
      expect(isRight()).toBe(true);
      expect(faults).toEqual(noFaults());
    });

    it('with a wrong symbol among those that solved it is found out, and solved again', () => {
      let unnoticed = 0;
      for (let seed = 1; seed < 30; seed++) {
        const { block, rows, isRight, add } = oneBlock(randomBytes(300, seed), width, stream);
        let c = seed * 1000;
        const from = c;
        add(c++, 77);
        while (block.solution === undefined && c - from < 2 * rows) add(c++);
        if (block.solution !== undefined && !isRight()) unnoticed++;
        while (!block.isProven && c - from < 3 * rows + 100) add(c++);
        expect(isRight()).toBe(true);
        expect(c - from).toBeLessThan(rows + 1 + 14 + 14 + 14);
      }
      expect(unnoticed).toBeGreaterThan(2);
    });

    it('lied to by every symbol after the solution, for a while, is right in the end', () => {
      const { block, rows, isRight, add } = oneBlock(randomBytes(1000, 3), width, stream);
      let c = 0;
      while (block.solution === undefined) add(c++);
      const word = randomWords(6);
      for (let i = 0; i < 200; i++) add(c++, word() | 1);
      const before = c;
      while (!block.isProven && c < 10 * rows) add(c++);
      expect(isRight()).toBe(true);
      expect(c - before).toBeLessThan(2 * rows);
    });
  },
);

describe('a directory', () => {
  it.each([
    [0, 8],
    [1, 13],
  ])('of which one or two groups lie is there a few groups later, stream %i', (stream, perGroup) => {
    for (const size of [32, 272]) {
      const alone = (2 * size) / perGroup;
      for (let seed = 1; seed < 20; seed++) {
        const bytes = randomBytes(size, seed);
        const air = sending(bytes, 1, [stream], seed * 3000);
        const wrong = places(1 + (seed & 1), Math.floor(alone), seed);
        const needed = groupsNeeded(air, wrong, LIES['at random'](seed), 10 * alone);
        expect(air.collector.bytes(), `${size} bytes, seed ${seed}`).toEqual(bytes);
        expect(needed).toBeLessThan(alone + 2 + 2 * wrong.size + 14 / perGroup + 3);
      }
    }
  });

  it('of which many groups lie for a while arrives when they have passed', () => {
    for (const stream of [0, 1]) {
      const bytes = randomBytes(72, 3);
      const air = sending(bytes, 1, [stream]);
      const lie = LIES['at random'](1);
      while (air.sent < 500) expect(air.next(lie)).toBe(false);
      expect(air.collector.faults['symbols-forgotten']).toBeGreaterThan(0);
      expect(groupsNeeded(air, new Set(), lie, 700)).toBeLessThan(500 + (stream === 0 ? 50 : 35));
      expect(air.collector.bytes()).toEqual(bytes);
    }
  });
});

/** Groups of which only some columns, or some and some whole symbols, make up the object. */
const PARTIAL: readonly (readonly [width: Width, streams: readonly number[]])[] = [
  [13, [0]],
  [8, [1]],
  [8, [0, 1]],
  [13, [0, 1]],
];

describe.each(PARTIAL)('symbols with some of the columns, rows of %i nibbles, streams %j', (width, streams) => {
  it('that lie, one group of them, wherever it is: the object arrives', () => {
    for (const size of [30, 104, 700]) {
      for (let seed = 1; seed < 20; seed++) {
        const bytes = randomBytes(size, seed);
        const air = sending(bytes, width, streams, seed * 5000);
        const { rows } = air.collector.layout;
        const perGroup = streams.reduce((sum, stream) => sum + (stream === 0 ? 8 : 13), 0) / streams.length;
        const alone = (rows * width) / perGroup;
        const wrong = Math.floor((alone * seed) / 20);
        const needed = groupsNeeded(air, new Set([wrong]), LIES['at random'](seed), 10 * alone + 400);
        expect(air.collector.bytes(), `${size} bytes, seed ${seed}`).toEqual(bytes);
        // At worst all that was there is collected again.
        expect(needed).toBeLessThan(2 * alone + 60);
      }
    }
  });

  it('of which half of a group was lost and the other half lies', () => {
    for (let seed = 1; seed < 20; seed++) {
      const bytes = randomBytes(104, seed);
      const air = sending(bytes, width, streams, seed * 5000);
      const lie = LIES['at random'](seed);
      const half: Lie = (words, stream, c) => lie(words, stream, c).with(words.length - 1, -1);
      const needed = groupsNeeded(air, new Set([seed % 10]), half, 1000);
      expect(air.collector.bytes(), `seed ${seed}`).toEqual(bytes);
      expect(needed).toBeLessThan(120);
    }
  });

  it('that gave wrong bytes, which no surplus showed, are doubted when others come', () => {
    let mismatches = 0;
    for (let seed = 1; seed < 200; seed++) {
      const bytes = randomBytes(30, seed);
      const air = sending(bytes, width, streams, seed * 3000);
      const lie = LIES['at random'](seed);
      const half: Lie = (words, stream, c) => lie(words, stream, c).with(words.length - 1, -1);
      groupsNeeded(air, new Set([seed % 6]), half, 300);
      expect(air.collector.bytes(), `seed ${seed}`).toEqual(bytes);
      mismatches += air.collector.faults['hash-mismatch'];
    }
    // A quarter to a third of the objects where whole symbols are among them, one in a hundred where every column has a surplus of its own.
    expect(mismatches).toBeGreaterThanOrEqual(streams.length === 1 ? 1 : 0);
  });

  it('for a long time all at random: bounded while it lasts, and the object arrives afterwards', () => {
    const bytes = randomBytes(400, 3);
    const air = sending(bytes, width, streams);
    const { rows } = air.collector.layout;
    const lie = LIES['at random'](4);
    let most = 0;
    while (air.sent < 20 * rows) {
      expect(air.next(lie)).toBe(false);
      most = Math.max(most, held(air.collector));
    }
    expect(most).toBeLessThanOrEqual(6 * rows + 512);
    const before = air.sent;
    while (air.sent < 40 * rows && !air.next());
    expect(air.collector.bytes()).toEqual(bytes);
    expect(air.sent - before).toBeLessThan(8 * rows + 512);
  });
});

describe.each(PARTIAL)('one group in a hundred lies, rows of %i nibbles, streams %j', (width, streams) => {
  it('the wrong symbols are found by what they say of single columns and of several, for a few groups more', () => {
    const bytes = randomBytes(400 * width, 5);
    const air = sending(bytes, width, streams);
    const { rows } = air.collector.layout;
    const perGroup = streams.reduce((sum, stream) => sum + (stream === 0 ? 8 : 13), 0) / streams.length;
    const alone = (rows * width) / perGroup;
    const wrong = places(Math.ceil(alone / 100), Math.floor(alone), 3);
    expect(groupsNeeded(air, wrong, LIES['at random'](2), 4 * alone)).toBeLessThan(1.16 * alone);
    expect(air.collector.bytes()).toEqual(bytes);
    expect(air.collector.faults['partial-symbols-forgotten']).toBe(0);
  });
});

/** Two blocks, the first of which is that of another object; both are solved, and more. */
function misled(stream: number): { air: Sending; bytes: Uint8Array; rows: number } {
  const bytes = randomBytes(2048 * 13 + 1, 1);
  const air = sending(bytes, 13, [stream], 0x10_0000);
  const { rows } = air.collector.layout;
  const other = new FountainSpreader(randomBytes(bytes.length, 2), 13, identityOf(bytes));
  for (let c = 0; c < 2 * rows + 2000; c++) {
    const from = firstBlockOf(1, c, 2) === 0 ? other : air.spreader;
    air.collector.addGroup(1, c, from.payload(1, c));
  }
  return { air, bytes, rows };
}

describe('a block that was solved wrong and beyond doubt', () => {
  it('costs itself, and not what was collected of the others', () => {
    const { air, bytes, rows } = misled(1);
    const rowsKept = [...air.collector.kept()].reduce(
      (sum, kept) => sum + (kept.kind === 'rows' ? kept.values.length / 2 : 0),
      0,
    );
    expect(rowsKept).toBe(2 * rows);
    while (air.sent < 100) air.next();
    expect(air.collector.faults['hash-mismatch']).toBe(1);
    expect(air.collector.progress().rank).toBeGreaterThanOrEqual(rows);
    expect(air.collector.progress().blocksSolved).toBe(1);
    while (air.sent < 5 * rows && !air.next());
    expect(air.collector.bytes()).toEqual(bytes);
    // Every second group is the block's.
    expect(air.sent).toBeLessThan(2 * rows + 100);
  });

  it('is found out on stream 0 alone too, where symbols have some of the columns', () => {
    const { air, bytes, rows } = misled(0);
    while (air.sent < 8 * rows && !air.next());
    expect(air.collector.bytes()).toEqual(bytes);
    expect(air.sent).toBeLessThan((2 * rows * 13) / 8 + 200);
  });
});

describe('whole symbols that lie, when afterwards only some of the columns can be heard', () => {
  it.each([1, 2, 20])('%i of them: the object arrives by columns', (wholes) => {
    for (let seed = 1; seed < 10; seed++) {
      const bytes = randomBytes(300, seed);
      const air = sending(bytes, 13, [0], seed * 3000);
      const { rows } = air.collector.layout;
      const lie = LIES['at random'](seed);
      for (let c = 0; c < wholes; c++) {
        const words = air.spreader.payload(1, c);
        air.collector.addGroup(1, c, c === 0 ? lie(words, 1, c) : words);
      }
      // Twice in vain with the wrong one, then without the whole ones; each takes 13 columns by eights.
      expect(groupsNeeded(air, new Set(), lie, 30 * rows)).toBeLessThan(5 * rows + 40);
      expect(air.collector.bytes()).toEqual(bytes);
    }
  });

  it('one that comes after a solution by columns does not cost what was collected', () => {
    // Two blocks, heard on stream 0 alone but for one group of stream 1 that lies to the block that is solved.
    const bytes = randomBytes(26_700, 1);
    const air = sending(bytes, 13, [0], 0);
    const { rows } = air.collector.layout;
    while (air.collector.progress().blocksSolved === 0) air.next();
    const lie = LIES['at random'](1);
    const solved = firstBlockOf(0, air.sent - 1, 2);
    const counter = [0, 1, 2, 3, 4, 5].find((c) => firstBlockOf(1, c, 2) === solved) ?? 0;
    air.collector.addGroup(1, counter, lie(air.spreader.payload(1, counter), 1, counter));
    expect(air.collector.progress().blocksSolved).toBe(1);
    const needed = groupsNeeded(air, new Set(), lie, 8 * rows);
    expect(air.collector.bytes()).toEqual(bytes);
    expect(needed).toBeLessThan(2.1 * rows * (13 / 8));
    expect(air.collector.faults).toEqual(noFaults());
  });
});

describe('dependencies', () => {
  const N = 60;
  const UNKNOWNS = 40;

  function dependencies(errors: ReadonlyMap<number, number>): ReturnType<typeof dependenciesOf> {
    const word = randomWords(4);
    const rows = Array.from({ length: N }, () => [word(), word() & 0xff]);
    return dependenciesOf(N, UNKNOWNS, 1, (i, words, offset, valueOffset) => {
      words[offset] = rows[i][0];
      words[offset + 1] = rows[i][1];
      words[valueOffset] = errors.get(i) ?? 0;
    });
  }

  it('as many as there are more symbols than unknowns; nothing wrong gives no syndrome', () => {
    const { count, symbols, syndromes } = dependencies(new Map());
    expect({ count, symbols, rank: syndromes.rank }).toEqual({ count: N - UNKNOWNS, symbols: N, rank: 0 });
    expect(locateWrong(dependencies(new Map()))).toEqual([]);
  });

  it('tell up to six wrong ones of twenty with a margin of fourteen, the seventh is one too many', () => {
    const errors = new Map<number, number>();
    for (let t = 1; t <= 6; t++) {
      errors.set(9 * t, 1 << t);
      expect(locateWrong(dependencies(errors))).toEqual([...errors.keys()]);
    }
    errors.set(59, 1);
    expect(locateWrong(dependencies(errors))).toBeUndefined();
    // Too few for a spell as well.
    expect(locateSpell(dependencies(errors))).toBeUndefined();
  });

  it('a span contains what was added and every sum of it, and nothing else', () => {
    const span = new Span(2);
    const [a, b] = [Uint32Array.of(0x8000_0001, 5), Uint32Array.of(0xffff_0000, 0x8000_0000)];
    expect(span.add(a.slice())).toBe(true);
    expect(span.add(b.slice())).toBe(true);
    const sum = Uint32Array.from(a, (word, i) => word ^ b[i]);
    expect(span.add(sum.slice())).toBe(false);
    expect(span.rank).toBe(2);
    expect([a, b, sum].map((vector) => span.contains(vector))).toEqual([true, true, true]);
    expect(span.contains(Uint32Array.of(1, 5))).toBe(false);
  });
});
