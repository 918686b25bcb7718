import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MODULE_PLAIN } from '#codec/package/delta/align.ts';
import { ext4Parts } from '#codec/package/delta/ext4.ts';
import { applyPatch } from '#codec/package/delta/apply.ts';
import { makeDelta } from '#codec/package/delta/make.ts';
import { joinAlignments } from '#codec/package/delta/join.ts';
import { type AlignJob, planDelta } from '#codec/package/delta/plan.ts';
import { gather, HOLE, placed, type Run } from '#codec/package/delta/runs.ts';
import { type Part, tarParts } from '#codec/package/delta/tar.ts';
import { content } from '../example.ts';

/** Containers are made by the programs of the system, and what is found in them is compared with the files they were made of. */

const folder = mkdtempSync(join(tmpdir(), 'carillon-containers-'));
const long = `${'a-folder-with-a-long-name/'.repeat(7)}and-a-file`;
const sparse = Buffer.concat([content(1, 5000), new Uint8Array(50_000), content(2, 9000)]);
const FILES: Record<string, Uint8Array> = {
  'etc/empty': new Uint8Array(),
  'etc/hostname': new TextEncoder().encode('bell\n'),
  'lib/large': content(3, 700_000),
  'lib/sparse': sparse,
  [long]: content(4, 600),
};

function tree(name: string, files: Record<string, Uint8Array>): string {
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name, path)), { recursive: true });
    writeFileSync(join(folder, name, path), bytes);
  }
  return join(folder, name);
}

function image(name: string, files: Record<string, Uint8Array>, options: readonly string[] = []): Uint8Array {
  const path = join(folder, `${name}.img`);
  const source = tree(`${name}-tree`, files);
  execFileSync('mke2fs', ['-q', '-t', 'ext4', ...options, '-d', source, path, '8M'], {
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
  });
  return readFileSync(path);
}

function found(container: Uint8Array, parts: readonly Part[] | undefined): Record<string, Uint8Array> {
  const entries = (parts ?? []).map(({ name, runs }) => [name, gather(container, runs)] as const);
  return Object.fromEntries(entries);
}

let old: Uint8Array;
beforeAll(() => {
  old = image('old', FILES);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.each([['4096'], ['1024']])('an ext4 image with blocks of %s bytes', (blockBytes) => {
  it('shows its files where the kernel finds them, with holes', () => {
    const made = image(`blocks-${blockBytes}`, FILES, ['-b', blockBytes]);
    const parts = ext4Parts(made);
    const files = found(made, parts);
    const { 'etc/empty': _, ...stored } = FILES;
    for (const [path, bytes] of Object.entries(stored)) expect(Buffer.compare(files[`/${path}`], bytes), path).toBe(0);
    expect(parts?.find(({ name }) => name === '/lib/sparse')?.runs.some(({ start }) => start === HOLE)).toBe(true);
  });
});

describe('a damaged ext4 image', () => {
  it('never throws, and never shows more than the image', () => {
    for (let k = 0; k < 300; k++) {
      const damaged = Uint8Array.from(old);
      for (let flips = 0; flips < 40; flips++) damaged[(k * 7919 + flips * 104_729) % 200_000] ^= 1 << (flips & 7);
      for (const { runs } of ext4Parts(damaged) ?? [])
        for (const { start, sizeBytes } of runs) expect(start + sizeBytes).toBeLessThanOrEqual(damaged.length);
    }
    expect(ext4Parts(new Uint8Array(100))).toBeUndefined();
  });
});

const run = (start: number, sizeBytes: number): Run => ({ start, sizeBytes });
const never = Object.assign((): never => expect.unreachable(), { release: () => undefined });

describe('files that share blocks', () => {
  it('become segments and modules that do not lie over each other', () => {
    const job = (name: string, newRun: Run): AlignJob => ({ name, newRuns: [newRun], oldRuns: [run(0, 900)], kind: 1 });
    const aligned = { segments: Uint32Array.of(0, 0, 400), hints: Uint32Array.of(0, 0, 1, 1) };
    const plan = { copies: [], jobs: [job('b', run(300, 400)), job('a', run(0, 400))], moves: never };
    const { segments, modules, hints } = joinAlignments(plan, [aligned, aligned], 700);
    expect([...segments]).toEqual([0, 0, 400, 400, 100, 300]);
    expect(modules.map(({ newStart }) => newStart)).toEqual([0]);
    expect([...hints]).toEqual([0, 0, 1, 1]);
  });
});

describe('an extent tree that leads in circles', () => {
  it('ends', () => {
    const circle = Uint8Array.from(old);
    const view = new DataView(circle.buffer);
    const blockBytes = 1024 << view.getUint32(1024 + 0x18, true);
    const inodes = view.getUint32((view.getUint32(1024 + 0x14, true) + 1) * blockBytes + 8, true) * blockBytes;
    const root = inodes + view.getUint16(1024 + 0x58, true);
    const block = 1000;
    // The root folder's tree is an index of four entries, all of which are a block that is an index of itself.
    const index = (at: number, entries: number): void => {
      view.setUint16(at, 0xf30a, true);
      view.setUint16(at + 2, entries, true);
      view.setUint16(at + 6, 1, true);
      for (let k = 1; k <= entries; k++) view.setUint32(at + 12 * k + 4, block, true);
    };
    index(root + 0x28, 4);
    index(block * blockBytes, Math.floor(blockBytes / 12) - 1);
    const started = performance.now();
    expect(ext4Parts(circle)).toEqual([]);
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

describe('a delta between ext4 images', () => {
  it('costs about what changed, though files moved', async () => {
    const grown = content(3, 700_000).slice();
    grown.set(content(5, 100), 350_000);
    const next = image('next', { ...FILES, 'etc/added': content(6, 9000), 'lib/large': grown });
    const patch = (await makeDelta(old, next))?.patch ?? new Uint8Array();
    const back = await applyPatch(old, patch, { newSizeBytes: next.length });
    expect(back.kind === 'content' && Buffer.compare(back.content, next)).toBe(0);
    expect(patch.length).toBeLessThan(9100 + 2500);
  });

  it('aligns a file as one that lies in several places', () => {
    const [plan] = planDelta(old, image('other', { ...FILES, 'lib/sparse': Buffer.concat([sparse, content(7, 10)]) }));
    const job = plan.jobs.find(({ name }) => name === '/lib/sparse');
    expect(job?.newRuns.length).toBeGreaterThan(2);
    expect(job?.kind).toBe(MODULE_PLAIN);
    const all = { newStart: 0, oldStart: 0, sizeBytes: sparse.length };
    const copies = placed(all, job?.newRuns ?? [], job?.oldRuns ?? []);
    expect(copies[0]).toMatchObject({ newStart: job?.newRuns[0].start, oldStart: job?.oldRuns[0].start });
    expect(copies.length).toBe(2);
  });
});

describe.each([['gnu'], ['pax'], ['ustar']])('a tar archive in the form of %s', (format) => {
  it('shows its files, also those with long names', () => {
    const path = join(folder, `${format}.tar`);
    execFileSync('tar', [`--format=${format}`, '-cf', path, '-C', tree('tar-tree', FILES), '.']);
    const archive = readFileSync(path);
    const files = found(archive, tarParts(archive));
    for (const [name, bytes] of Object.entries(FILES)) expect(Buffer.compare(files[`./${name}`], bytes), name).toBe(0);
  });
});
