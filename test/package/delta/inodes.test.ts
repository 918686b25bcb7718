import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { applyPatch } from '#codec/package/delta/apply.ts';
import { readHead } from '#codec/package/delta/format.ts';
import { readerOf } from '#codec/package/delta/machine.ts';
import { makeDelta } from '#codec/package/delta/make.ts';
import { InodeTables } from '#codec/package/delta/view/inodes.ts';
import { readPieces } from '#codec/package/delta/view/pieces.ts';

const folder = mkdtempSync(join(tmpdir(), 'carillon-inodes-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** 60 files, made by mke2fs, which is where the sums come from. */
function image(name: string, time: string, options: readonly string[]): Uint8Array {
  const tree = join(folder, `${name}-tree`);
  mkdirSync(tree);
  for (let k = 0; k < 60; k++) {
    writeFileSync(join(tree, `file-${k}`), `${name} ${k}`);
    utimesSync(join(tree, `file-${k}`), Number(time), Number(time));
  }
  const path = join(folder, name);
  const uuid = ['-U', '6a2f1a1e-5e0f-4a0e-9d0c-0d3b9f6f7c11', '-E', 'hash_seed=6a2f1a1e-5e0f-4a0e-9d0c-0d3b9f6f7c11'];
  execFileSync('mke2fs', ['-q', '-t', 'ext4', '-b', '1024', ...uuid, ...options, '-d', tree, path, '4M'], {
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, E2FSPROGS_FAKE_TIME: time },
  });
  return Uint8Array.from(readFileSync(path));
}

function tablesOf(bytes: Uint8Array): InodeTables | undefined {
  return InodeTables.of({ sizeBytes: bytes.length, read: readerOf(bytes) });
}

const OPTIONS = [
  ['as it is', []],
  ['with inodes of 128 bytes', ['-I', '128']],
  ['with inodes of 512 bytes', ['-I', '512']],
  ['with a seed of its own', ['-O', 'metadata_csum_seed']],
  ['with 32-bit descriptors', ['-O', '^64bit']],
  ['with many groups', ['-g', '1024', '-O', '^flex_bg']],
] as const;

describe.each(OPTIONS)('an ext4 image %s', (name, options) => {
  const old = image(`old ${name}`, '1700000000', options);
  const next = image(`new ${name}`, '1710000000', options);

  it('has the sums that mke2fs wrote', () => {
    const tables = tablesOf(old);
    let used = 0;
    for (const { start, end } of tables?.ranges ?? [])
      for (let at = start; at < end; at += tables?.inodeBytes ?? Infinity) {
        const inode = old.slice(at, at + (tables?.inodeBytes ?? 0));
        // Reserved ones that are not used have a sum too, although all else is zero.
        if (inode[0] === 0 && inode[1] === 0) continue;
        used++;
        expect(tables?.toggle(at, inode)).toBe(true);
        const hasHigh = inode.length > 128;
        expect([inode[0x7c], inode[0x7d], hasHigh ? inode[0x82] : 0, hasHigh ? inode[0x83] : 0]).toEqual([0, 0, 0, 0]);
        // Twice changes nothing.
        expect(tables?.toggle(at, inode)).toBe(true);
        expect(Buffer.compare(inode, old.subarray(at, at + inode.length))).toBe(0);
      }
    expect(used).toBeGreaterThan(60);
  });

  it('is updated without them', async () => {
    const patch = (await makeDelta(old, next))?.patch ?? new Uint8Array();
    const read = readHead(patch);
    const list = read.kind === 'head' ? (read.head.views?.list ?? new Uint8Array()) : new Uint8Array();
    const back = await applyPatch(new Uint8Array(), list, { newSizeBytes: 1 << 20 });
    const pieces = back.kind === 'content' ? readPieces(back.content) : undefined;
    expect(pieces?.map((view) => view.some(({ kind }) => kind === 'inodes'))).toEqual([true, true]);
    const whole = await applyPatch(old, patch, { newSizeBytes: next.length });
    expect(whole.kind === 'content' && Buffer.compare(whole.content, next)).toBe(0);
    // 60 times 4 bytes of sums alone would not fit, were they sent.
    expect(patch.length).toBeLessThan(900);
  }, 60_000);
});

describe('inode tables', () => {
  const sound = image('sound', '1700000000', []);

  it.each<[string, (bytes: Uint8Array) => void]>([
    ['no image', (bytes) => bytes.fill(0)],
    ['noise', (bytes) => bytes.fill(0xff)],
    ['an image without sums', (bytes) => bytes.fill(0, 1024 + 0x64, 1024 + 0x68)],
    ['an image without inodes in a group', (bytes) => bytes.fill(0, 1024 + 0x28, 1024 + 0x2c)],
    ['an image of endless groups', (bytes) => bytes.fill(0xff, 1024, 1028)],
    ['inodes of no size', (bytes) => bytes.fill(0, 1024 + 0x58, 1024 + 0x5a)],
    ['descriptors of no size', (bytes) => bytes.fill(0, 1024 + 0xfe, 1024 + 0x100)],
  ])('are not found in %s', (_, spoil) => {
    const bytes = sound.slice();
    spoil(bytes);
    expect(tablesOf(bytes)).toBeUndefined();
  });

  it('are nowhere else, and only whole inodes', () => {
    const tables = tablesOf(sound);
    const [first] = tables?.ranges ?? [];
    const start = first?.start ?? Number.NaN;
    const inode = new Uint8Array(tables?.inodeBytes ?? 0);
    expect(tables?.toggle(start, inode)).toBe(true);
    expect(tables?.toggle(start + 1, inode)).toBe(false);
    expect(tables?.toggle(0, inode)).toBe(false);
    expect(tables?.toggle((first?.end ?? 0) - inode.length, new Uint8Array(2 * inode.length))).toBe(false);
    expect(tables?.toggle(start, inode.subarray(1))).toBe(false);
  });
});
