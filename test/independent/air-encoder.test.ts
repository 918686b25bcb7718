/** The independent sender and receiver against each other, and their arithmetic against examples of others. */

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { bitsOf, codeBit, crc16, crc7, scramble, unscramble } from './air-bits.ts';
import { decodeAir } from './air-decoder.ts';
import { encodeAir, type SentObject } from './air-encoder.ts';
import { checkBytes, codedObject, correct } from './air-reed-solomon.ts';
import { seeded } from './seeded.ts';

const SEED = 20_261_126;
const PI = 0xd318;
const TAG = '01234567';

function some(sizeBytes: number, seed = SEED): Uint8Array {
  const random = seeded(seed);
  return Uint8Array.from({ length: sizeBytes }, () => Math.floor(random() * 256));
}

function sent(bytes: Uint8Array, scheme: number, handle = 1): SentObject {
  return { bytes, scheme, deviceTypeTag: TAG, handle };
}

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
const objectsIn = (lines: readonly string[]): string[] => [...decodeAir(lines).objects.values()].map(sha256).sort();
const hashes = (objects: readonly Uint8Array[]): string[] => objects.map(sha256).sort();

type Damage = (lines: readonly string[]) => readonly string[];

const unharmed: Damage = (lines) => lines;

/** A fifth of the lines, but for the first, which tells where our groups are. */
const withoutAFifth: Damage = (lines) => {
  const random = seeded(SEED);
  return lines.filter((_, i) => i < 3 || random() >= 0.2);
};

/** In a third of the groups one block, which is not the one without which the rest is of no use. */
const withLostBlocks: Damage = (lines) => {
  const random = seeded(SEED);
  return lines.map((line, i) => {
    if (i < 3 || random() >= 1 / 3) return line;
    const words = line.split(' ');
    const count = words.length;
    words[count - 1 - Math.floor(random() * (count === 5 ? 3 : 2))] = '----';
    return words.join(' ');
  });
};

describe('arithmetic', () => {
  it('has the check words of the catalogue of CRCs', () => {
    const text = Array.from('123456789', (character) => bitsOf(character.charCodeAt(0), 8)).join('');
    expect(crc7(text)).toBe(0x75); // CRC-7/MMC
    expect(crc16(text)).toBe(0x29b1); // CRC-16/IBM-3740
  });

  it('has the check bytes of the QR code 1-M of HELLO WORLD (ISO/IEC 18004: the same field, roots from 1 on)', () => {
    const data = Uint8Array.of(32, 91, 11, 120, 209, 114, 220, 77, 67, 64, 236, 17, 236, 17, 236, 17);
    expect([...checkBytes(data, 10)]).toEqual([196, 35, 39, 119, 235, 215, 231, 226, 93, 23]);
  });

  it('takes back what it scrambled', () => {
    const random = seeded(SEED);
    for (let i = 0; i < 2000; i++) {
      const [word, stream, c] = [65_536, 4, 2 ** 24].map((limit) => Math.floor(random() * limit));
      expect(unscramble(scramble(word, stream, c, 2 + (i % 3)), stream, c, 2 + (i % 3))).toBe(word);
    }
  });

  it('has handles that differ in 8 places of 16 at least', () => {
    const handles = Array.from({ length: 14 }, (_, handle) => handle);
    const places = Array.from({ length: 16 }, (_, x) => x);
    const distances = handles.flatMap((g) =>
      handles.filter((h) => h > g).map((h) => places.filter((x) => codeBit(g, x) !== codeBit(h, x)).length),
    );
    expect(Math.min(...distances)).toBe(8);
  });
});

describe('a Reed-Solomon code word', () => {
  const random = seeded(SEED);
  const data = some(150);
  const whole = Uint8Array.of(...data, ...checkBytes(data));
  const damaged = (errors: number, erasures: number): [Uint8Array, Set<number>] => {
    const places = Array.from(whole.keys(), (place) => ({ place, key: random() })).sort((a, b) => a.key - b.key);
    const word = whole.slice();
    const lost = new Set(places.slice(0, erasures).map(({ place }) => place));
    for (const place of lost) word[place] = 0;
    for (const { place } of places.slice(erasures, erasures + errors)) word[place] ^= 1 + Math.floor(random() * 255);
    return [word, lost];
  };

  it.each([
    [0, 0],
    [0, 64],
    [1, 0],
    [32, 0],
    [10, 44],
    [31, 2],
    [1, 62],
  ])('is put right with %i errors and %i erasures', (errors, erasures) => {
    const [word, lost] = damaged(errors, erasures);
    expect(correct(word, lost), `seed ${SEED}`).toBe(true);
    expect(word).toEqual(whole);
  });

  it.each([
    [0, 65],
    [33, 0],
    [10, 46],
  ])('is given up with %i errors and %i erasures', (errors, erasures) => {
    const [word, lost] = damaged(errors, erasures);
    expect(correct(word, lost), `seed ${SEED}`).toBe(false);
  });

  it('begins, with the others, with the object itself', () => {
    const object = some(1000);
    expect(codedObject(object).subarray(0, 1000)).toEqual(object);
    expect(codedObject(object).length).toBe(6 * (167 + 64));
  });
});

describe('the independent receiver reads the independent sender', () => {
  const bytes = some(1501);
  const streams: [streams: number[], groups: number][] = [
    [[0], 1500],
    [[2], 1100],
    [[1, 2, 3], 600],
    [[0, 1, 2, 3], 520],
  ];
  const damages: [name: string, damage: Damage][] = [
    ['unharmed', unharmed],
    ['a fifth of the lines gone', withoutAFifth],
    ['a block lost in a third of the groups', withLostBlocks],
  ];
  const cases = [1, 2, 3].flatMap((scheme) =>
    streams.flatMap(([on, groups]) => damages.map(([name, damage]) => ({ scheme, on, groups, name, damage }))),
  );
  it.each(cases)('scheme $scheme, streams $on, $name', ({ scheme, on, groups, damage }) => {
    const lines = encodeAir({ objects: [sent(bytes, scheme)], streams: on, groups, pi: PI, counter: 256 });
    expect(objectsIn(damage(lines)), `seed ${SEED}`).toEqual([sha256(bytes)]);
  });

  it.each([1, 2, 3])('scheme %i, while the counter wraps', (scheme) => {
    const station = { objects: [sent(bytes, scheme)], streams: [0, 1], groups: 1100, pi: PI, counter: 2 ** 24 - 384 };
    expect(objectsIn(withoutAFifth(encodeAir(station))), `seed ${SEED}`).toEqual([sha256(bytes)]);
  });

  it.each([
    [1, 30_000, 2500],
    [2, 9_001, 900],
    [3, 9_001, 900],
  ])('scheme %i, %i bytes on all streams', (scheme, sizeBytes, groups) => {
    const large = some(sizeBytes);
    const lines = encodeAir({ objects: [sent(large, scheme)], streams: [0, 1, 2, 3], groups, pi: PI, counter: 0 });
    expect(objectsIn(withoutAFifth(lines)), `seed ${SEED}`).toEqual([sha256(large)]);
  });

  it.each([1, 2])('scheme %i, from symbols of type A and C of which neither are enough', (scheme) => {
    const station = { objects: [sent(bytes, scheme)], streams: [0, 1], groups: 300, pi: PI, counter: 128 };
    const lines = encodeAir(station);
    expect(objectsIn(lines)).toEqual([sha256(bytes)]);
    const alone = [lines.filter((line) => line.startsWith('#')), lines.filter((line) => !line.startsWith('#'))];
    for (const ofOneStream of alone) expect(objectsIn(ofOneStream)).toEqual([]);
  });

  it.each([[[0]], [[1, 2, 3]], [[0, 1]]])('tells 13 objects of all schemes apart on streams %j', (on) => {
    const objects = Array.from({ length: 13 }, (_, i) => some(150 + i, i));
    const sending = objects.map((object, i) => sent(object, 1 + (i % 3), i + 1));
    const lines = encodeAir({ objects: sending, streams: on, groups: 4000, pi: PI, counter: 0 });
    expect(objectsIn(withoutAFifth(lines)), `seed ${SEED}`).toEqual(hashes(objects));
  });
});

describe('the independent receiver', () => {
  const [a, b] = [some(400, 1), some(500, 2)];

  it('reads what is announced and listed', () => {
    const lines = encodeAir({ objects: [sent(a, 2, 5)], streams: [0, 1, 3], groups: 300, pi: PI, counter: 0 });
    const { announcements, assignments, directories } = decodeAir(lines);
    expect(announcements).toEqual([{ groupType: 0b1011_0, channel: 16, streams: [1, 3] }]);
    expect(assignments).toEqual([1, 3, 1, 3].map((stream) => ({ stream, channel: 16, pi: PI })));
    const listed = { handle: 5, scheme: 2, deviceTypeTag: TAG, sizeBytes: 400, deadlineMinutes: 0 };
    const entries = [{ ...listed, identity: sha256(a).slice(0, 16) }];
    expect([...directories.values()]).toEqual([{ version: 0, pi: PI, entries }]);
  });

  it.each([
    { streams: [0], anchorAt: 1 },
    { streams: [1], anchorAt: 0 },
  ])('follows a change of the directory whose anchor was lost, streams $streams', ({ streams, anchorAt }) => {
    const station = { streams, groups: 1024, pi: PI };
    const first = encodeAir({ ...station, objects: [sent(a, 1, 1)], counter: 0 });
    const objects = [sent(a, 1, 1), sent(b, 2, 2)];
    const then = encodeAir({ ...station, objects, counter: 1024, directoryVersion: 1 }).toSpliced(anchorAt, 1);
    const { directories, objects: found } = decodeAir([...first, ...then]);
    const handles = [0, 1].map((version) => directories.get(version)?.entries.map(({ handle }) => handle));
    expect(handles).toEqual([[1], [1, 2]]);
    expect([...found.values()].map(sha256).sort()).toEqual(hashes([a, b]));
  });

  it('goes on after holes that the counter cannot tell', () => {
    const lines = encodeAir({ objects: [sent(a, 2)], streams: [0], groups: 1500, pi: PI, counter: 0 });
    const holed = lines.filter((_, i) => (i < 350 || i >= 450) && (i < 700 || i >= 800));
    expect(objectsIn(holed)).toEqual([sha256(a)]);
  });

  it('drops a group in a place where none can be, and one that does not agree with its run', () => {
    const lines = encodeAir({ objects: [sent(a, 2)], streams: [0], groups: 900, pi: PI, counter: 0 });
    const wrong = lines.map((line, i) => {
      // Of a group of ours in 50 another place, of one in 50 the other handle bit; never of an anchor.
      if (!/^\S+ B/.test(line) || /^\S+ B..0/.test(line) || (i % 50 !== 7 && i % 50 !== 33)) return line;
      const word = Number.parseInt(line.slice(5, 9), 16) ^ (i % 50 === 7 ? 0b100 : 0b10000);
      return `${line.slice(0, 5)}${word.toString(16).toUpperCase()}${line.slice(9)}`;
    });
    expect(wrong.filter((line, i) => line !== lines[i]).length).toBeGreaterThan(25);
    expect(objectsIn(wrong)).toEqual([sha256(a)]);
  });

  it('keeps two stations apart, and takes no notice of one announcement of another', () => {
    const ours = encodeAir({ objects: [sent(a, 2)], streams: [0], groups: 900, pi: PI, counter: 0 });
    const theirs = encodeAir({ objects: [sent(b, 1)], streams: [0], groups: 900, pi: 0xd319, counter: 0 });
    expect(objectsIn(ours.toSpliced(100, 0, ...theirs.slice(0, 15)))).toEqual([sha256(a)]);
    expect(objectsIn([...ours, ...theirs])).toEqual(hashes([a, b]));
  });

  it('needs no 3A for streams 1 to 3, and takes no group before it knows where they are', () => {
    const lines = encodeAir({ objects: [sent(a, 1)], streams: [1, 2], groups: 400, pi: PI, counter: 0 });
    expect(objectsIn(lines)).toEqual([sha256(a)]);
    expect(objectsIn(lines.filter((line) => !line.startsWith('8010', 4)))).toEqual([]);
  });

  it('finds nothing in noise', () => {
    const random = seeded(SEED);
    const word = (): string =>
      Math.floor(random() * 65_536)
        .toString(16)
        .padStart(4, '0');
    const [announcement] = encodeAir({ objects: [], streams: [0, 1], groups: 1, pi: PI, counter: 0 });
    const noise = Array.from({ length: 20_000 }, (_, i) => `#S${i % 4} ${word()} ${word()} ${word()} ${word()}`);
    expect(objectsIn([announcement, ...noise]), `seed ${SEED}`).toEqual([]);
  });
});
