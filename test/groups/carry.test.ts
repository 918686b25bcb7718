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
import { HEADER, Seeded, Station } from './station.ts';

function groupOf(line: string): Parameters<typeof parseAnnouncement>[0] {
  const parsed = parseHexLine(line);
  if (parsed.kind !== 'group') throw new Error(line);
  return parsed.group;
}

describe('announcements', () => {
  it('3A: version 1, channel 16, streams 1 and 3, 11A, drawn by hand', () => {
    //   block 2: 0011 0 0 01010 10110 = 3156    block 3: 0001 010000 101 000 = 1428
    const group = makeAnnouncement(HEADER, { groupTypeCode: 22, channel: 16, streams: [1, 3] });
    expect(formatHexGroup(group)).toBe('D318 3156 1428 CA11');
    expect(parseAnnouncement(groupOf('D318 3156 1428 CA11'))).toEqual({
      kind: 'announcement',
      announcement: { groupTypeCode: 22, channel: 16, streams: [1, 3] },
    });
  });

  it('of another version are told apart, of another application or with lost blocks ignored', () => {
    expect(parseAnnouncement(groupOf('D318 3156 2428 CA11'))).toEqual({ kind: 'other-version', version: 2 });
    for (const line of ['D318 3156 1428 4BD7', 'D318 ---- 1428 CA11', 'D318 3156 1428 ----', 'D318 2156 1428 CA11']) {
      expect(parseAnnouncement(groupOf(line))).toBeUndefined();
    }
  });

  it('type C: FID 2, FN 0, then the channel', () => {
    expect(formatHexGroup(makeAssignment(2, 16, 0xd318))).toBe('#S2 8010 CA11 1000 D318');
    expect(parseAssignment(groupOf('#S2 8010 CA11 1000 D318'))).toEqual({ channel: 16, pi: 0xd318 });
    for (const line of [
      '#S2 8010 CA11 2000 D318',
      '#S2 8050 CA11 1000 D318',
      '8010 CA11 1000 D318',
      '#S1 4010 CA11 1000 D318',
    ]) {
      expect(parseAssignment(groupOf(line))).toBeUndefined();
    }
  });
});

describe('anchors', () => {
  it('come back, with the half of the size that they carry', () => {
    fc.assert(
      fc.property(fc.nat(3), fc.nat(0x3ffff), fc.nat(31), fc.nat(63), (stream, high, version, size) => {
        const counter = high * 64;
        const a = parseAnchorA(stream, makeAnchorA(stream, counter, version, size));
        expect(a).toMatchObject({ counter, version, sizeMask: high % 2 === 0 ? 7 : 56 });
        expect(a?.sizeUnits).toBe(size & (a?.sizeMask ?? 0));
      }),
    );
  });

  it('of type A pass by chance once in 64, of type C practically never', () => {
    const random = new Seeded(5);
    let a = 0;
    let c = 0;
    for (let i = 0; i < 64_000; i++) {
      const words = [random.word() >>> 16, random.word() >>> 16, random.word() >>> 16];
      if (parseAnchorA(0, words) !== undefined) a++;
      if (parseAnchorC(1, i & 15, words) !== undefined) c++;
    }
    // 1000 expected, standard deviation 32.
    expect(Math.abs(a - 1000)).toBeLessThan(150);
    expect(c).toBe(0);
  });

  it('of type C carry the check nibble over their own counter', () => {
    const words = makeAnchorC(3, 640, 7, 34);
    const nibbles = Array.from({ length: 16 }, (_, k) => parseAnchorC(3, k, words)).filter(
      (anchor) => anchor !== undefined,
    );
    expect(nibbles).toEqual([{ counter: 640, version: 7, sizeUnits: 34, sizeMask: 63 }]);
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
  it('sends an anchor every 64 groups, then (streams 1..3) an assignment that is not counted', () => {
    for (const stream of [0, 2] as const) {
      const station = new Station([stream], 0xffff80);
      station.offer([new Seeded(1).bytes(500)]);
      const sent = Array.from({ length: 400 }, () => station.next().carried[0]);
      const counted = sent.filter(({ kind }) => kind !== 'assignment');
      counted.forEach(({ counter, kind }, i) => {
        expect(counter).toBe((0xffff80 + i) & 0xffffff);
        expect(kind === 'anchor').toBe(counter % 64 === 0);
      });
      const after = sent.filter((_, i) => i > 0 && sent[i - 1].kind === 'anchor');
      expect(after.every(({ kind }) => (kind === 'assignment') === stream > 0)).toBe(true);
      expect(sent.filter(({ kind }) => kind === 'assignment')).toHaveLength(stream === 0 ? 0 : 7);
      const [identity] = [...station.carriers[0].sent.keys()];
      expect(station.carriers[0].sent.get(identity)).toBe(sent.filter((group) => group.identity === identity).length);
    }
  });

  it('writes r and n into block 2, TP and PTY as the header says at the moment', () => {
    const carrier = new StreamCarrier({ ...HEADER, stream: 0, groupTypeCode: 22, channel: 16, counter: 1 });
    expect(carrier.counter).toBe(64);
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

  it('takes up a directory at the next anchor and not before', () => {
    const station = new Station([0]);
    const first = station.offer([new Seeded(1).bytes(500)]);
    for (let i = 0; i < 10; i++) station.next();
    const second = station.offer([new Seeded(2).bytes(500)]);
    expect(station.carriers[0].directory).toBe(first);
    for (let i = 10; i < 64; i++) station.next();
    expect(station.carriers[0].directory).toBe(first);
    station.next();
    expect(station.carriers[0].directory).toBe(second);
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
