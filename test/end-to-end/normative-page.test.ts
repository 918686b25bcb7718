/** Whether docs/air-interface.md says what the sender does: a decoder written from that page alone reads the sender's groups. */

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StreamNumber } from '#codec/groups/group.ts';
import { formatHexGroup } from '#codec/groups/hex.ts';
import { Station } from '../groups/station.ts';
import { decodeAir } from '../independent/air-decoder.ts';
import { seeded } from '../independent/seeded.ts';
import { runProgram, textOf } from './programs.ts';
import { makeSealedPackage } from './sealed.ts';

const SEED = 20_261_123;
const PI = 'D318';
const folder = mkdtempSync(join(tmpdir(), 'carillon-page-'));
const packagePath = join(folder, 'app.pkg');
let sealed: Uint8Array;

beforeAll(async () => {
  sealed = await makeSealedPackage(700, SEED);
  writeFileSync(packagePath, sealed);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex');
}

async function encode(path: string, ...options: string[]): Promise<string[]> {
  const ended = await runProgram('gateway', ['encode', path, '--pi', PI, ...options, '-o', 'hex']);
  expect(ended.status, ended.stderr).toBe(0);
  return textOf(ended).trim().split('\n');
}

function withoutAFifth(lines: readonly string[]): string[] {
  const random = seeded(SEED);
  return lines.filter(() => random() >= 0.2);
}

/** One block of symbols lost in each of a fifth of the type A groups. */
function withLostBlocks(lines: readonly string[]): string[] {
  const random = seeded(SEED);
  return lines.map((line) => {
    const words = line.split(' ');
    if (!words[1].startsWith('B') || random() >= 0.2) return line;
    words[random() < 0.5 ? 2 : 3] = '----';
    return words.join(' ');
  });
}

/** 100 lines gone at once, twice: more of our groups than `c mod 16` can tell. */
function withTwoHoles(lines: readonly string[]): string[] {
  return lines.filter((_, i) => (i < 350 || i >= 450) && (i < 700 || i >= 800));
}

/** SHA-256 of the objects found. */
function objectsIn(lines: readonly string[]): string[] {
  return [...decodeAir(lines).objects.values()].map(sha256);
}

describe('a decoder written from the page alone', () => {
  const cases: [name: string, options: string[], damage: (lines: readonly string[]) => readonly string[]][] = [
    ['type A groups', [], (lines) => lines],
    ['type A groups, a fifth of the lines deleted', [], withoutAFifth],
    ['type A groups, blocks lost', [], withLostBlocks],
    ['type A groups, two holes of 100', ['--groups', '2000'], withTwoHoles],
    ['type A groups from another counter on', ['--counter', '8675309'], withoutAFifth],
    ['all streams', ['--rds2'], (lines) => lines],
    ['all streams, a fifth of the lines deleted', ['--rds2'], withoutAFifth],
    ['Reed-Solomon, a fifth of the lines deleted', ['--scheme', 'reed-solomon'], withoutAFifth],
    ['Reed-Solomon, blocks lost', ['--scheme', 'reed-solomon'], withLostBlocks],
    ['Reed-Solomon on all streams, a fifth deleted', ['--rds2', '--scheme', 'reed-solomon'], withoutAFifth],
    ['all streams while the counter wraps', ['--rds2', '--counter', String(2 ** 24 - 128)], withoutAFifth],
  ];
  it.each(cases)('reads the package: %s', async (_, options, damage) => {
    expect(objectsIn(damage(await encode(packagePath, ...options))), `seed ${SEED}`).toEqual([sha256(sealed)]);
  });

  it('reads an object of two blocks with an odd number of bytes, whole and with a fifth of the lines deleted', async () => {
    const path = join(folder, 'two-blocks.bin');
    const random = seeded(SEED);
    const bytes = Uint8Array.from({ length: 27_001 }, () => Math.floor(random() * 256));
    writeFileSync(path, bytes);
    const lines = await encode(path, '--rds2');
    expect(objectsIn(lines)).toEqual([sha256(bytes)]);
    expect(objectsIn(withoutAFifth(lines)), `seed ${SEED}`).toEqual([sha256(bytes)]);
  });

  it('has the directory but no object while there are fewer groups than rows', async () => {
    const lines = await encode(packagePath);
    // A row of width 8 is four bytes.
    let groups = 0;
    const tooFew = lines.filter((line) => !/^.{5}B/.test(line) || ++groups < sealed.length / 4);
    const { directories, objects } = decodeAir(tooFew);
    expect(directories.size).toBe(1);
    expect(objects.size).toBe(0);
  });
});

function send(station: Station, slots: number): string[] {
  return Array.from({ length: slots }, () => station.next().carried.map(({ group }) => formatHexGroup(group))).flat();
}

describe('a decoder written from the page alone, of a station with many objects', () => {
  const random = seeded(SEED);
  const some = (count: number): Uint8Array[] =>
    Array.from({ length: count }, (_, i) => Uint8Array.from({ length: 150 + i }, () => Math.floor(random() * 256)));

  it.each([[[0]], [[0, 1, 2, 3]], [[2]]] as StreamNumber[][][])('tells 13 objects apart on streams %j', (streams) => {
    const station = new Station(streams);
    const objects = some(13);
    station.offer(objects);
    const announcement = formatHexGroup(station.announcement());
    const lines = send(station, streams.length > 1 ? 1500 : 3000);
    const found = objectsIn([announcement, ...withoutAFifth(lines)]);
    expect(found.toSorted(), `seed ${SEED}`).toEqual(objects.map(sha256).toSorted());
  });

  it('follows the directory through changes', () => {
    const station = new Station([0, 1]);
    const [a, b, c, d] = some(4);
    const lines = [formatHexGroup(station.announcement())];
    const versions: [objects: Uint8Array[], slots: number][] = [
      [[a, b], 300],
      // Each version is in force for 512 groups at least.
      [[a], 530],
      [[a, c], 530],
      [[a, c, d], 900],
    ];
    for (const [objects, slots] of versions) {
      station.offer(objects);
      lines.push(...send(station, slots));
    }
    const { directories, objects } = decodeAir(withoutAFifth(lines));
    const handles = [0, 1, 2, 3].map((version) => directories.get(version)?.entries.map(({ handle }) => handle));
    // Handle 2 rests for one version, then names another object.
    expect(handles).toEqual([[1, 2], [1], [1, 2], [1, 2, 3]]);
    expect([...objects.values()].map(sha256).toSorted(), `seed ${SEED}`).toEqual([a, b, c, d].map(sha256).toSorted());
  });
});

describe('what is announced', () => {
  it('of stream 0 alone', async () => {
    const { announcements, assignments } = decodeAir(await encode(packagePath));
    expect(announcements).toEqual([{ groupType: 0b1011_0, channel: 16, streams: [] }]);
    expect(assignments).toEqual([]);
  });

  it('of all streams, with an assignment after every second anchor of streams 1 to 3 and nowhere else', async () => {
    const lines = await encode(packagePath, '--rds2');
    const { announcements, assignments } = decodeAir(lines);
    expect(announcements).toEqual([{ groupType: 0b1011_0, channel: 16, streams: [1, 2, 3] }]);
    for (const stream of [1, 2, 3]) {
      const own = lines.filter((line) => line.startsWith(`#S${stream} `)).map((line) => line.slice(4));
      // Of 257 groups 256 are counted; the second one is the assignment.
      const assigned = own.map((line, i) => [line, i] as const).filter(([line]) => line.startsWith('80'));
      expect(assigned.map(([, i]) => i)).toEqual(
        Array.from({ length: Math.ceil((own.length - 1) / 257) }, (_, i) => 257 * i + 1),
      );
      for (const [line] of assigned) expect(line).toBe(`8010 CA11 2000 ${PI}`);
      expect(assignments.filter((a) => a.stream === stream)).toEqual(
        assigned.map(() => ({ stream, channel: 16, pi: Number.parseInt(PI, 16) })),
      );
    }
  });

  it('in the 3A groups, bit by bit', async () => {
    const lines = await encode(packagePath, '--rds2');
    const announcement = lines.filter((line) => line.startsWith(`${PI} 3`));
    expect(new Set(announcement.map((line) => line.slice(10)))).toEqual(new Set(['2438 CA11']));
    for (const line of announcement) expect(Number.parseInt(line.slice(5, 9), 16) & 0x1f).toBe(0b1011_0);
  });

  it.each([
    ['type A groups', [], 2],
    ['all streams', ['--rds2'], 1],
    ['small receivers', ['--scheme', 'reed-solomon'], 3],
  ])('in the directory, for %s', async (_, options, scheme) => {
    const { directories } = decodeAir(await encode(packagePath, ...options));
    expect([...directories.values()]).toEqual([
      {
        version: 0,
        pi: Number.parseInt(PI, 16),
        entries: [
          {
            handle: 1,
            scheme,
            deviceTypeTag: sha256('Example Works\0CityLamp_3').slice(0, 8),
            sizeBytes: sealed.length,
            identity: sha256(sealed).slice(0, 16),
            deadlineMinutes: 0,
          },
        ],
      },
    ]);
  });
});
