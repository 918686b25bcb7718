import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeAnchorA, makeAnchorC, parseAnchorA, parseAnchorC } from '#codec/groups/anchor.ts';
import { makeAnnouncement, makeAssignment, parseAnnouncement, parseAssignment } from '#codec/groups/announce.ts';
import { StreamCarrier } from '#codec/groups/carry.ts';
import {
  deviceTypeTag,
  type DirectoryEntry,
  encodeDirectory,
  parseDirectory,
  reviseDirectory,
} from '#codec/groups/directory.ts';
import { formatHexGroup, parseHexLine } from '#codec/groups/hex.ts';
import { handleBit } from '#codec/groups/handle.ts';
import { makeSpreader } from '#codec/symbols/schemes.ts';
import { HEADER, Seeded, Station } from './station.ts';

function groupOf(line: string): Parameters<typeof parseAnnouncement>[0] {
  const parsed = parseHexLine(line);
  if (parsed.kind !== 'group') throw new Error(line);
  return parsed.group;
}

describe('announcements', () => {
  it('3A: version 2, channel 16, streams 1 and 3, 11A, drawn by hand', () => {
    //   block 2: 0011 0 0 01010 10110 = 3156    block 3: 0010 010000 101 000 = 2428
    const group = makeAnnouncement(HEADER, { groupTypeCode: 22, channel: 16, streams: [1, 3] });
    expect(formatHexGroup(group)).toBe('D318 3156 2428 CA11');
    expect(parseAnnouncement(groupOf('D318 3156 2428 CA11'))).toEqual({
      kind: 'announcement',
      announcement: { groupTypeCode: 22, channel: 16, streams: [1, 3] },
    });
  });

  it('of another version are told apart, of another application or with lost blocks ignored', () => {
    expect(parseAnnouncement(groupOf('D318 3156 1428 CA11'))).toEqual({ kind: 'other-version', version: 1 });
    for (const line of ['D318 3156 2428 4BD7', 'D318 ---- 2428 CA11', 'D318 3156 2428 ----', 'D318 2156 2428 CA11']) {
      expect(parseAnnouncement(groupOf(line))).toBeUndefined();
    }
  });

  it('type C: FID 2, FN 0, then the channel', () => {
    expect(formatHexGroup(makeAssignment(2, 16, 0xd318))).toBe('#S2 8010 CA11 2000 D318');
    expect(parseAssignment(groupOf('#S2 8010 CA11 2000 D318'))).toEqual({ channel: 16, pi: 0xd318 });
    for (const line of [
      '#S2 8010 CA11 1000 D318',
      '#S2 8010 CA11 2001 D318',
      '#S2 8050 CA11 2000 D318',
      '8010 CA11 2000 D318',
      '#S1 4010 CA11 2000 D318',
    ]) {
      expect(parseAssignment(groupOf(line))).toBeUndefined();
    }
  });
});

describe('anchors', () => {
  //   c = 1ABCD x 128, V = 19, S = 101 110:  1 1010 1011 1100 1101 | 10011 | 101 | CRC-7 of 00 and these = 0010010
  //   and one before, where H is even:       1 1010 1011 1100 1100 | 10011 | 110 | 0000010
  it('type A drawn by hand: the high half of the size where H is odd, the low half where it is even', () => {
    expect(makeAnchorA(0, 0xd5e680, 19, 0b101110)).toEqual([0xd5e6, 0xce92]);
    expect(makeAnchorA(0, 0xd5e600, 19, 0b101110)).toEqual([0xd5e6, 0x4f02]);
    expect(parseAnchorA(0, [0xd5e6, 0xce92])).toEqual({
      counter: 0xd5e680,
      version: 19,
      sizeUnits: 0b101000,
      sizeMask: 56,
    });
    expect(parseAnchorA(0, [0xd5e6, 0x4f02])).toEqual({
      counter: 0xd5e600,
      version: 19,
      sizeUnits: 0b110,
      sizeMask: 7,
    });
  });

  //   stream 3, c = 10 x 128, V = 7, S = 34:  1111 | 0 0000 0000 0000 1010 | 00111 | 100010 | 0000 | CRC-16 of 11 and these but 1111
  it('type C drawn by hand', () => {
    expect(makeAnchorC(3, 1280, 7, 34)).toEqual([0xf, 0x0005, 0x1e20, 0x327e]);
    expect(parseAnchorC(3, [0xf, 0x0005, 0x1e20, 0x327e])).toEqual({
      counter: 1280,
      version: 7,
      sizeUnits: 34,
      sizeMask: 63,
    });
  });

  it('come back, with the half of the size that they carry', () => {
    fc.assert(
      fc.property(fc.nat(3), fc.nat(0x1ffff), fc.nat(31), fc.nat(63), (stream, high, version, size) => {
        const counter = high * 128;
        const a = parseAnchorA(stream, makeAnchorA(stream, counter, version, size));
        expect(a).toMatchObject({ counter, version, sizeMask: high % 2 === 0 ? 7 : 56 });
        expect(a?.sizeUnits).toBe(size & (a?.sizeMask ?? 0));
        expect(parseAnchorC(stream, makeAnchorC(stream, counter, version, size))).toEqual({
          counter,
          version,
          sizeUnits: size,
          sizeMask: 63,
        });
      }),
    );
  });

  it('of another stream are none', () => {
    for (let stream = 0; stream < 4; stream++) {
      const [a, c] = [makeAnchorA(stream, 1280, 7, 34), makeAnchorC(stream, 1280, 7, 34)];
      for (let other = 0; other < 4; other++) {
        expect(parseAnchorA(other, a) !== undefined).toBe(other === stream);
        expect(parseAnchorC(other, c) !== undefined).toBe(other === stream);
      }
    }
  });

  it('with a flipped bit or a lost block are none', () => {
    const [a, c] = [makeAnchorA(0, 0xd5e680, 19, 46), makeAnchorC(3, 1280, 7, 34)];
    for (let bit = 0; bit < 16; bit++) {
      for (const i of [0, 1]) expect(parseAnchorA(0, a.with(i, a[i] ^ (1 << bit)))).toBeUndefined();
      for (const i of [1, 2, 3]) expect(parseAnchorC(3, c.with(i, c[i] ^ (1 << bit)))).toBeUndefined();
    }
    for (let nibble = 0; nibble < 15; nibble++) expect(parseAnchorC(3, c.with(0, nibble))).toBeUndefined();
    for (const i of [0, 1]) expect(parseAnchorA(0, a.with(i, -1))).toBeUndefined();
    for (const i of [1, 2, 3]) expect(parseAnchorC(3, c.with(i, -1))).toBeUndefined();
  });

  it('of type A pass by chance once in 128, of type C practically never', () => {
    const random = new Seeded(5);
    let a = 0;
    let c = 0;
    for (let i = 0; i < 128_000; i++) {
      const words = [random.word() >>> 16, random.word() >>> 16, random.word() >>> 16];
      if (parseAnchorA(0, words) !== undefined) a++;
      // `pppp`, four bits that are zero and sixteen of the check: once in 2^24.
      if (parseAnchorC(1, [i & 15, ...words]) !== undefined) c++;
    }
    // 1000 expected, standard deviation 32.
    expect(Math.abs(a - 1000)).toBeLessThan(150);
    expect(c).toBe(0);
  });
});

function entry(handle: number, seed: number): DirectoryEntry {
  return {
    handle,
    scheme: 1,
    deviceTypeTag: deviceTypeTag('example.com', 'lamp'),
    sizeBytes: 300_000 + seed,
    identity: new Seeded(seed).bytes(8),
    deadlineMinutes: 29_000_000,
  };
}

describe('directories', () => {
  it('tag: SHA-256 of vendor, zero, device type (sha256sum)', () => {
    // printf 'example.com\0lamp' | sha256sum
    expect(deviceTypeTag('example.com', 'lamp').toString(16)).toBe('fb9e03d1');
  });

  it('drawn by hand: format 2, the scheme beside the handle', () => {
    const bytes = encodeDirectory({
      version: 5,
      pi: 0xd318,
      entries: [
        {
          handle: 13,
          scheme: 2,
          deviceTypeTag: 0xfb9e03d1,
          sizeBytes: 0x012345,
          identity: Uint8Array.fromHex('0102030405060708'),
          deadlineMinutes: 0x01ba8140,
        },
      ],
    });
    // 02 05 D318 01 | D2 FB9E03D1 012345 0102030405060708 01BA8140 | CRC-32 by zlib | zeros up to 32 bytes
    expect(bytes.toHex()).toBe(
      ['0205d31801', 'd2fb9e03d1012345010203040506070801ba8140', '548d3ff4', '000000'].join(''),
    );
  });

  it('of another format are a fault', () => {
    const bytes = encodeDirectory({ version: 5, pi: 0xd318, entries: [] });
    expect(bytes[0]).toBe(2);
    for (const format of [0, 1, 3, 255]) {
      expect(parseDirectory(bytes.with(0, format))).toMatchObject({ kind: 'fault', reason: 'format', offset: 0 });
    }
  });

  it('come back with any scheme, known or not', () => {
    for (let scheme = 0; scheme < 16; scheme++) {
      const directory = { version: 1, pi: 1, entries: [{ ...entry(4, 4), scheme }] };
      expect(parseDirectory(encodeDirectory(directory))).toEqual({ kind: 'directory', directory });
    }
  });

  it('come back, empty and full', () => {
    for (const n of [0, 1, 13]) {
      const directory = { version: 31, pi: 0xd318, entries: Array.from({ length: n }, (_, i) => entry(i + 1, i)) };
      const bytes = encodeDirectory(directory);
      expect(bytes.length % 8).toBe(0);
      expect(parseDirectory(bytes)).toEqual({ kind: 'directory', directory });
    }
  });

  it('a flipped bit anywhere is a fault', () => {
    const bytes = encodeDirectory({ version: 3, pi: 1, entries: [entry(4, 4)] });
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const wrong = bytes.slice();
      wrong[bit >> 3] ^= 128 >> (bit & 7);
      expect(parseDirectory(wrong).kind).toBe('fault');
    }
  });

  it('property: parsing never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(parseDirectory(bytes).kind).toBe('fault');
      }),
    );
  });

  it('keep handles, and leave a handle empty for one version after it lost its object', () => {
    const objects = [1, 2, 3].map((seed) => ({ ...entry(1, seed) }));
    const first = reviseDirectory(undefined, 1, objects);
    expect(first.entries.map(({ handle }) => handle)).toEqual([1, 2, 3]);
    const second = reviseDirectory(first, 1, [objects[0], objects[2], entry(1, 9)]);
    expect(second).toMatchObject({ version: 1 });
    expect(second.entries.map(({ handle }) => handle)).toEqual([1, 3, 4]);
    const third = reviseDirectory(second, 1, [objects[0], objects[2], entry(1, 9), entry(1, 10)]);
    expect(third.entries.map(({ handle }) => handle)).toEqual([1, 2, 3, 4]);
    expect(reviseDirectory({ ...third, version: 31 }, 1, objects).version).toBe(0);
  });
});

describe('a carrier', () => {
  it('sends an anchor every 128 groups, after every second one (streams 1..3) an assignment that is not counted', () => {
    for (const stream of [0, 2] as const) {
      const station = new Station([stream], 0xffff80);
      station.offer([new Seeded(1).bytes(500)]);
      const sent = Array.from({ length: 800 }, () => station.next().carried[0]);
      const counted = sent.filter(({ kind }) => kind !== 'assignment');
      counted.forEach(({ counter, kind }, i) => {
        expect(counter).toBe((0xffff80 + i) & 0xffffff);
        expect(kind === 'anchor').toBe(counter % 128 === 0);
      });
      const places = [...sent.keys()].filter((i) => sent[i].kind === 'assignment');
      // c = 0, 256, 512 of the 798 or so that begin at -128.
      expect(places.map((i) => sent[i - 1].counter)).toEqual(stream === 0 ? [] : [0, 256, 512]);
      const [identity] = [...station.carriers[0].sent.keys()];
      expect(station.carriers[0].sent.get(identity)).toBe(sent.filter((group) => group.identity === identity).length);
    }
  });

  it('writes r and n into block 2, TP and PTY as the header says at the moment', () => {
    const carrier = new StreamCarrier({ ...HEADER, stream: 0, groupTypeCode: 22, channel: 16, counter: 1 });
    expect(carrier.counter).toBe(128);
    carrier.setDirectory(reviseDirectory(undefined, 1, []));
    for (let i = 0; i < 64; i++) {
      if (i === 20) carrier.setHeader({ pi: 0xd318, tp: true, pty: 31 });
      const { group, handle } = carrier.next(
        () => 0,
        () => undefined,
      );
      expect(group.blocks[1]).toBe(0xb000 | (i >= 20 ? 0x7e0 : 10 << 5) | (handleBit(handle, i & 15) << 4) | (i & 15));
    }
  });

  it('writes FID 1, the channel, r, c mod 8 and pppp into block 1 of type C', () => {
    const bytes = new Seeded(1).bytes(500);
    const spreader = makeSpreader(bytes, 1);
    for (const handle of [1, 6, 13]) {
      const carrier = new StreamCarrier({ ...HEADER, stream: 2, groupTypeCode: 22, channel: 35, counter: 128 });
      carrier.setDirectory({ version: 0, pi: 0xd318, entries: [{ ...entry(handle, 1), identity: spreader.identity }] });
      const groups = Array.from(
        { length: 128 },
        () =>
          carrier.next(
            () => handle,
            () => spreader,
          ).group.blocks,
      );
      for (const [i, blocks] of groups.entries()) {
        const c = 128 + i;
        const [pppp, ...words] = i === 0 ? makeAnchorC(2, 128, 0, 4) : spreader.payload(2, c);
        const r = handleBit(handle, c % 16);
        //   01 100011 | r nnn pppp
        expect(blocks.map((word) => word.toString(2))).toEqual([
          `1100011${r}${(c % 8).toString(2).padStart(3, '0')}${pppp.toString(2).padStart(4, '0')}`,
          ...words.map((word) => word.toString(2)),
        ]);
      }
    }
  });

  it('takes up a directory at an anchor, when the one before has been in force for four', () => {
    const station = new Station([0]);
    const first = station.offer([new Seeded(1).bytes(500)]);
    for (let i = 0; i < 10; i++) station.next();
    const second = station.offer([new Seeded(2).bytes(500)]);
    expect(station.carriers[0].directory).toBe(first);
    for (let i = 10; i < 4 * 128; i++) station.next();
    expect(station.carriers[0].directory).toBe(first);
    station.next();
    expect(station.carriers[0].directory).toBe(second);
    // The third one is offered late enough to be taken up at the next anchor.
    for (let i = 1; i < 6 * 128 + 50; i++) station.next();
    const third = station.offer([new Seeded(3).bytes(500)]);
    for (let i = 50; i < 128; i++) station.next();
    expect(station.carriers[0].directory).toBe(second);
    station.next();
    expect(station.carriers[0].directory).toBe(third);
  });

  it('refuses to start without a directory, and a change without a new version', () => {
    const carrier = new StreamCarrier({
      ...HEADER,
      stream: 0,
      groupTypeCode: 22,
      channel: 16,
      counter: 0,
    });
    const next = (): unknown =>
      carrier.next(
        () => 0,
        () => undefined,
      );
    expect(next).toThrow(expect.objectContaining({ code: 'NO_DIRECTORY' }));
    carrier.setDirectory(reviseDirectory(undefined, 1, []));
    next();
    expect(() => carrier.setDirectory(reviseDirectory(undefined, 2, []))).toThrow(
      expect.objectContaining({ code: 'DIRECTORY_VERSION' }),
    );
  });
});
