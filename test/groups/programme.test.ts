import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCharacter, encodeCharacters } from '#codec/groups/characters.ts';
import type { Blocks } from '#codec/groups/group.ts';
import { parseHexLine } from '#codec/groups/hex.ts';
import {
  makeClockTimeGroup,
  makePsGroup,
  makeRadioTextGroup,
  parseProgrammeGroup,
  ProgrammeReader,
  radioTextSegments,
} from '#codec/groups/programme.ts';

function read(lines: string[]): ProgrammeReader {
  const reader = new ProgrammeReader();
  for (const line of lines) {
    const parsed = parseHexLine(line);
    if (parsed.kind === 'group') reader.push(parsed.group);
  }
  return reader;
}

/** Groups of named stations and what they say, as published with redsea (test/components-hex.cc). */
describe('real stations', () => {
  it('YLE X3M (fi) 2016-09-15: PS', () => {
    const reader = read(['6204 0130 966B 594C', '6204 0131 93CD 4520', '6204 0132 E472 5833', '6204 0137 966B 4D20']);
    expect(reader.status()).toMatchObject({ pi: 0x6204, tp: false, pty: 9, ps: 'YLE X3M ' });
  });

  it('Radio Krka (si): PS in 0B groups', () => {
    const lines = ['9423 0800 0000 2020', '9423 0801 0000 4B52', '9423 0802 0000 4B41', '9423 0807 0000 2020'];
    expect(read(lines).status().ps).toBe('  KRKA  ');
  });

  it('JACK 96.9 (ca) 2019-05-05: RadioText with an end mark', () => {
    const reader = read(['C954 24F0 4A41 434B', 'C954 24F1 2039 362E', 'C954 24F2 390D 0000']);
    expect(reader.status().radioText).toBe('JACK 96.9');
  });

  it('YLE Vega (fi) 2016-09-15: RadioText with a letter beyond ASCII, padded to 64', () => {
    const blanks = Array.from({ length: 13 }, (_, i) => `6205 244${(i + 3).toString(16)} 2020 2020`);
    const reader = read(['6205 2440 5665 6761', '6205 2441 204B 7691', '6205 2442 6C6C 2020', ...blanks]);
    expect(reader.status().radioText).toBe('Vega Kväll');
  });

  const times: [station: string, line: string, utc: string, halfHours: number][] = [
    ['BR-KLASSIK (de) 2017-04-04', 'D314 41C1 C3EF 5AC4', '2017-04-04T21:43:00Z', 4],
    ['104.6 RTL (de) 2018-11-01', 'D42A 4541 C86E D482', '2018-11-01T13:18:00Z', 2],
    ['98.5 KFOX (us) 2020-08-19', '4569 40DD CD92 3BAE', '2020-08-20T03:46:00Z', -14],
    ['Vikerraadio (ee) 2016-07-18', '22E1 4581 C1E7 4280', '2016-07-18T20:10:00Z', 0],
    ['F201 across UTC midnight, before', 'F201 441D D299 7EC4', '2022-05-25T23:59:00Z', 4],
    ['F201 across UTC midnight, after', 'F201 441D D29A 0004', '2022-05-26T00:00:00Z', 4],
  ];
  it.each(times)('%s: CT, read and made', (_, line, utc, offsetHalfHours) => {
    const parsed = parseHexLine(line);
    if (parsed.kind !== 'group') throw new Error(line);
    const minutesSince1970 = Date.parse(utc) / 60_000;
    expect(parseProgrammeGroup(parsed.group)).toEqual({ kind: 'clock-time', minutesSince1970, offsetHalfHours });
    const [pi, b] = parsed.group.blocks;
    const made = makeClockTimeGroup(
      { pi, tp: (b & 0x400) !== 0, pty: (b >> 5) & 31 },
      minutesSince1970,
      offsetHalfHours,
    );
    // The three bits between are the only ones that stations fill as they like.
    expect(made.blocks.map((word, i) => (i === 1 ? word & ~0x1c : word))).toEqual(
      parsed.group.blocks.map((word, i) => (i === 1 ? word & ~0x1c : word)),
    );
  });

  it('a day before 1970 is no time', () => {
    const blocks: Blocks = [0xd314, 0x41c0, 0x7530, 0x5ac4];
    expect(parseProgrammeGroup({ stream: 0, blocks, slot: -1, clockRestarted: false })).toBeUndefined();
  });
});

describe('EN 50067 annex G', () => {
  it('MJD 45 218 is 1982 September 6', () => {
    const minutes = Date.UTC(1982, 8, 6) / 60_000;
    const { blocks } = makeClockTimeGroup({ pi: 1, tp: false, pty: 0 }, minutes, 0);
    expect(((blocks[1] & 3) << 15) | (blocks[2] >> 1)).toBe(45_218);
  });
});

describe('making programme groups', () => {
  const header = { pi: 0xd318, tp: true, pty: 10 };
  const station = { header, ps: 'CARILLÖN', ta: true, music: true, decoderInformation: 0b0001 };

  it('spells what is read again', () => {
    const reader = new ProgrammeReader();
    const push = (group: { stream: 0 | 1 | 2 | 3; blocks: Blocks }): void =>
      reader.push({ ...group, slot: -1, clockRestarted: false });
    for (let s = 0; s < 4; s++) push(makePsGroup(station, s));
    const text = 'Öffentlich: „1 € ≠ 2 £“';
    for (let s = 0; s < radioTextSegments(text).length; s++) push(makeRadioTextGroup(header, text, true, s));
    expect(reader.status()).toMatchObject({
      pi: 0xd318,
      tp: true,
      pty: 10,
      ps: 'CARILLÖN',
      radioText: 'Öffentlich: ?1 € = 2 £"',
    });
  });

  it('puts DI bit d0 (stereo) into segment 3 and says that there are no other frequencies', () => {
    const groups = [0, 1, 2, 3].map((s) => makePsGroup(station, s).blocks);
    expect(groups.map((blocks) => (blocks[1] >> 2) & 1)).toEqual([0, 0, 0, 1]);
    expect(groups.every((blocks) => blocks[2] === 0xe0cd)).toBe(true);
  });

  it('a text of 64 characters has no end mark, one of 63 has', () => {
    expect(radioTextSegments('x'.repeat(64)).flat()).toEqual(Array.from({ length: 64 }, () => 0x78));
    expect(radioTextSegments('x'.repeat(63)).flat().at(-1)).toBe(0x0d);
    expect(radioTextSegments('x'.repeat(99)).flat()).toHaveLength(64);
    expect(radioTextSegments('')).toEqual([[0x0d, 0x20, 0x20, 0x20]]);
  });

  it('every code from 20 on is found again by its sign', () => {
    for (let code = 0x20; code < 0xff; code++) {
      if (code === 0x7f) continue;
      expect(encodeCharacters(decodeCharacter(code))).toEqual([code]);
    }
  });

  it('falls back to the nearest sign', () => {
    expect(String.fromCharCode(...encodeCharacters('ạ–日’'))).toBe("a-?'");
  });

  it('a new PI that comes twice in a row begins a new station, one that comes once does not', () => {
    const reader = new ProgrammeReader();
    const push = (pi: number, ps: string, segment: number): void => {
      const group = makePsGroup({ ...station, header: { ...station.header, pi }, ps }, segment);
      reader.push({ ...group, slot: -1, clockRestarted: false });
    };
    for (const segment of [0, 1, 2, 3]) push(0xd001, 'NOTHING', segment);
    push(0xd318, 'CARILLON', 2);
    push(0xd001, 'NOTHING', 0);
    expect(reader.status()).toMatchObject({ pi: 0xd001, ps: 'NOTHING ' });
    for (const segment of [2, 3]) push(0xd318, 'CARILLON', segment);
    expect(reader.status()).toMatchObject({ pi: 0xd318, ps: undefined });
    for (const segment of [0, 1, 2]) push(0xd318, 'CARILLON', segment);
    expect(reader.status().ps).toBe('CARILLON');
  });

  it('property: any group may be pushed', () => {
    const word = fc.integer({ min: -1, max: 0xffff });
    fc.assert(
      fc.property(fc.array(fc.tuple(word, word, word, word), { maxLength: 40 }), (groups) => {
        const reader = new ProgrammeReader();
        for (const blocks of groups) reader.push({ stream: 0, blocks, slot: -1, clockRestarted: false });
        expect(reader.status().pty).toBeLessThan(32);
      }),
    );
  });
});
