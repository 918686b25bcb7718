import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { applyPatch } from '#codec/package/delta/apply.ts';
import { erofsParts } from '#codec/package/delta/erofs.ts';
import { makeDelta } from '#codec/package/delta/make.ts';
import { planDelta } from '#codec/package/delta/plan.ts';
import { gather, HOLE } from '#codec/package/delta/runs.ts';
import type { Part } from '#codec/package/delta/tar.ts';
import { content } from '../example.ts';
import { lz4Unpacked } from './lz4.ts';

/**
 * Images are made by mkfs.erofs, and what is found in them is compared with the files they were made of: those of version 1.5 are in
 * fixtures, others are made where the program is.
 */

const lines = (count: number, word = 'line'): Uint8Array =>
  new TextEncoder().encode(
    Array.from({ length: count }, (_, k) => `${word} ${k * k} of a file that has many\n`).join(''),
  );
const FILES: Record<string, Uint8Array> = {
  'etc/empty': new Uint8Array(),
  'etc/small': content(1, 300),
  'lib/lines': lines(1500),
  'lib/noise': content(2, 9000),
  'lib/deep/sparse': Buffer.concat([content(3, 5000), new Uint8Array(50_000), content(4, 900)]),
};
// More names than one block of a folder has.
for (let k = 0; k < 70; k++) FILES[`lib/deep/${'long-name-'.repeat(5)}${k}`] = lines(1, `own ${k}`);
const NEXT = {
  ...FILES,
  'etc/added': content(5, 700),
  'lib/lines': Buffer.concat([lines(700), content(6, 40), lines(800, 'row')]),
};

const OPTIONS = {
  plain: [],
  extended: ['-Eforce-inode-extended'],
  'not-inline': ['-Enoinline_data'],
  chunks: ['--chunksize=4096'],
  'chunk-addresses': ['--chunksize=4096', '-Eforce-inode-blockmap'],
  packed: ['-zlz4hc', '-Eztailpacking'],
  'packed-full': ['-zlz4hc', '-Elegacy-compress'],
  'packed-big': ['-zlz4hc', '-C65536'],
} satisfies Record<string, readonly string[]>;
type Kind = keyof typeof OPTIONS;
const UUID = '6a2f1a1e-5e0f-4a0e-9d0c-0d3b9f6f7c11';

const folder = mkdtempSync(join(tmpdir(), 'carillon-erofs-'));
afterAll(() => rmSync(folder, { recursive: true }));

function made(kind: Kind, files: Record<string, Uint8Array> = FILES): Uint8Array {
  const tree = mkdtempSync(join(folder, 'tree-'));
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), bytes);
  }
  symlinkSync('../lib/lines', join(tree, 'etc/link'));
  linkSync(join(tree, 'lib/noise'), join(tree, 'lib/twin'));
  const options = ['--quiet', '-T1767225600', `-U${UUID}`, '--all-root', '-x-1', ...OPTIONS[kind]];
  execFileSync('mkfs.erofs', [...options, `${tree}.erofs`, tree], { stdio: 'ignore' });
  return readFileSync(`${tree}.erofs`);
}

function fixture(name: string): Uint8Array {
  return Uint8Array.from(gunzipSync(readFileSync(join(import.meta.dirname, 'fixtures', `${name}.erofs.gz`))));
}

const hasProgram = ((): boolean => {
  try {
    execFileSync('mkfs.erofs', ['--help'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ENOENT');
  }
})();

const partsOf = (image: Uint8Array): Part[] => erofsParts(image) ?? [];

/** Those that are stored as they are. */
function differing(image: Uint8Array, files: Record<string, Uint8Array>): string[] {
  const parts = new Map(partsOf(image).map(({ name, runs }) => [name, gather(image, runs)]));
  return Object.entries(files)
    .filter(([path, bytes]) => Buffer.compare(parts.get(`/${path}`) ?? Buffer.of(255), bytes) !== 0)
    .map(([path]) => path);
}

/** Blocks one by one: those of the fixtures have a cluster each, or one for all of the file. */
function unpacked(image: Uint8Array, path: string, clusterBytes: number): Uint8Array {
  const runs = partsOf(image).find(({ name }) => name === `/${path}`)?.runs ?? [];
  const clusters = runs.flatMap(({ start, sizeBytes }) =>
    Array.from({ length: Math.ceil(sizeBytes / clusterBytes) }, (_, k) =>
      image.subarray(start + k * clusterBytes, Math.min(start + (k + 1) * clusterBytes, start + sizeBytes)),
    ),
  );
  return Buffer.concat(clusters.map((cluster) => lz4Unpacked(cluster)));
}

describe.each(['plain', 'extended', 'not-inline', 'chunks', 'chunk-addresses'] as const)(
  'an EROFS image, %s',
  (kind) => {
    it.skipIf(!hasProgram)('shows the files it was made of (needs mkfs.erofs)', () => {
      expect(differing(made(kind), FILES)).toEqual([]);
    });
  },
);

describe.each(['plain', 'chunks'])('the EROFS image %s that version 1.5 made', (name) => {
  const image = fixture(name);

  it('shows the files it was made of', () => {
    expect(differing(image, FILES)).toEqual([]);
  });

  it('shows links and folders, and a file with two names once', () => {
    const parts = partsOf(image);
    const link = parts.find((part) => part.name === '/etc/link');
    expect(new TextDecoder().decode(gather(image, link?.runs ?? []))).toBe('../lib/lines');
    expect(parts.map((part) => part.name)).toContain('/lib/deep');
    expect(parts.filter((part) => /noise|twin/.test(part.name)).length).toBe(1);
    expect(parts.every(({ headStart, headEnd }) => headEnd - headStart >= 32)).toBe(true);
  });
});

it('of an EROFS image in chunks the holes are known', () => {
  const image = fixture('chunks');
  const find = (): Part | undefined => partsOf(image).find(({ name }) => name === '/lib/deep/sparse');
  const { headStart = 0, headEnd = 0 } = find() ?? {};
  const entryBytes = (headEnd - headStart - 32) / Math.ceil(FILES['lib/deep/sparse'].length / 4096);
  // Version 1.5 stores one chunk of zeros for all of them: here it stores none for the third and the fourth.
  for (const k of [3, 4]) new DataView(image.buffer).setUint32(headStart + 32 + k * entryBytes - 4, 0xffff_ffff, true);
  expect(find()?.runs.find(({ start }) => start === HOLE)?.sizeBytes).toBe(2 * 4096);
  expect(differing(image, FILES)).toEqual([]);
});

describe.each([
  ['packed', 4096],
  ['packed-full', 4096],
  ['packed-big', 65_536],
] as const)('an EROFS image with compressed files, %s', (kind, clusterBytes) => {
  it('shows where their blocks are', () => {
    expect(Buffer.compare(unpacked(fixture(kind), 'lib/lines', clusterBytes), FILES['lib/lines'])).toBe(0);
  });

  it.skipIf(!hasProgram)('shows where their blocks are as made here (needs mkfs.erofs)', () => {
    const image = made(kind);
    expect(Buffer.compare(unpacked(image, 'lib/lines', clusterBytes), FILES['lib/lines'])).toBe(0);
    expect(differing(image, { 'lib/noise': FILES['lib/noise'] })).toEqual([]);
  });
});

describe('a damaged EROFS image', () => {
  it.each(['plain', 'chunks', 'packed', 'packed-full', 'packed-big'])(
    'never throws, and never shows more than the image: %s',
    (name) => {
      const sound = fixture(name);
      const started = performance.now();
      let shown = 0;
      for (let k = 0; k < 1000; k++) {
        const damaged = Uint8Array.from(sound);
        for (let flips = 0; flips < 1 + (k % 40); flips++)
          damaged[1024 + ((k * 7919 + flips * 104_729) % (k % 3 === 0 ? 200 : 16_000))] ^= 1 << ((k + flips) & 7);
        const parts = partsOf(damaged);
        shown += parts.length;
        const ends = parts.flatMap(({ headEnd, runs }) => [headEnd, ...runs.map((run) => run.start + run.sizeBytes)]);
        expect(ends.reduce((most, end) => Math.max(most, end), 0)).toBeLessThanOrEqual(damaged.length);
      }
      expect(shown).toBeGreaterThan(10_000);
      expect(performance.now() - started).toBeLessThan(30_000);
    },
  );

  it('whose folders are all the same bytes ends', () => {
    const [blockBytes, folders] = [4096, 20_000];
    const inodesBytes = 32 * folders;
    const image = new Uint8Array((1 + Math.ceil(inodesBytes / blockBytes) + 60) * blockBytes);
    const view = new DataView(image.buffer);
    view.setUint32(1024, 0xe0f5_e1e2, true);
    view.setUint8(1024 + 12, 12);
    view.setUint32(1024 + 40, 1, true);
    for (let k = 0; k < folders; k++) {
      const at = blockBytes + 32 * k;
      view.setUint16(at + 4, 0x4000, true);
      view.setUint32(at + 8, 60 * blockBytes, true);
      view.setUint32(at + 16, 1 + Math.ceil(inodesBytes / blockBytes), true);
    }
    const entriesAt = (1 + Math.ceil(inodesBytes / blockBytes)) * blockBytes;
    for (let k = 0; k < 60 * 300; k++) {
      const at = entriesAt + Math.floor(k / 300) * blockBytes + (k % 300) * 12;
      if (at + 12 > image.length) break;
      view.setUint32(at, k, true);
      view.setUint16(at + 8, 3600 + (k % 300), true);
    }
    const started = performance.now();
    expect(partsOf(image).length).toBeGreaterThan(1000);
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  it('or another file is none', () => {
    expect(erofsParts(content(1, 5000))).toBeUndefined();
    expect(erofsParts(new Uint8Array(100))).toBeUndefined();
    const later = fixture('plain');
    later[1024 + 80] |= 0x80;
    expect(erofsParts(later)).toBeUndefined();
  });
});

describe('a delta between EROFS images', () => {
  const [old, next] = [fixture('plain'), fixture('next')];

  it('costs about what changed, though files moved', async () => {
    const patch = (await makeDelta(old, next))?.patch ?? new Uint8Array();
    const back = await applyPatch(old, patch, { newSizeBytes: next.length });
    expect(back.kind === 'content' && Buffer.compare(back.content, next)).toBe(0);
    expect(patch.length).toBeLessThan(700 + 40 + 2300);
  });

  it('aligns files with those of the same name, and what did not change not at all', () => {
    const [plan] = planDelta(old, next);
    const names = plan.jobs.map(({ name }) => name);
    expect(names).toContain('/lib/lines');
    expect(names).not.toContain('/lib/noise');
  });

  it('follows compressed files that moved', async () => {
    const [first, second] = [fixture('packed'), fixture('packed-next')];
    const patch = (await makeDelta(first, second))?.patch ?? new Uint8Array();
    const back = await applyPatch(first, patch, { newSizeBytes: second.length });
    expect(back.kind === 'content' && Buffer.compare(back.content, second)).toBe(0);
    expect(planDelta(first, second)[0].jobs.map(({ name }) => name)).not.toContain('/lib/deep/sparse');
  });

  it('shows the files of the new one', () => {
    expect(differing(next, NEXT)).toEqual([]);
  });
});
