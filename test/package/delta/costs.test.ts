import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applyPatch } from '#codec/package/delta/apply.ts';
import { costsByFile, type FileCost, type Step } from '#codec/package/delta/costs-by-file.ts';
import { readHead } from '#codec/package/delta/format.ts';
import { makeDelta } from '#codec/package/delta/make.ts';
import { content } from '../example.ts';

const TOOLS = {
  tar: (tree: string, out: string): unknown =>
    execFileSync('tar', ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '-cf', out, '-C', tree, '.']),
  ext4: (tree: string, out: string): unknown =>
    execFileSync(
      'mke2fs',
      ['-q', '-t', 'ext4', '-b', '1024', '-U', UUID, '-E', `hash_seed=${UUID}`, '-d', tree, out, '4M'],
      {
        env: {
          ...process.env,
          PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
          E2FSPROGS_FAKE_TIME: '1700000000',
        },
      },
    ),
};
const UUID = '6a2f1a1e-5e0f-4a0e-9d0c-0d3b9f6f7c11';

async function container(kind: keyof typeof TOOLS, files: Record<string, Uint8Array>): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-costs-'));
  const tree = mkdtempSync(join(folder, 'tree-'));
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(tree, name), bytes);
  TOOLS[kind](tree, join(folder, 'out'));
  const bytes = Uint8Array.from(execFileSync('cat', [join(folder, 'out')], { maxBuffer: 1 << 24 }));
  rmSync(folder, { recursive: true });
  return bytes;
}

async function costsOf(old: Uint8Array, next: Uint8Array): Promise<{ costs: FileCost[]; patchBytes: number }> {
  const patch = (await makeDelta(old, next))?.patch ?? new Uint8Array();
  const read = readHead(patch);
  const steps: Step[] = [];
  const stepped = (endBytes: number, patchBytes: number): void => void steps.push({ endBytes, patchBytes });
  const back = await applyPatch(old, patch, { newSizeBytes: next.length }, undefined, stepped);
  if (read.kind !== 'head' || back.kind !== 'content') throw new Error('it is no patch');
  const { lists } = back.costsBytes;
  const costs = costsByFile(back.content, read.head, steps, lists);
  return { costs, patchBytes: patch.length - read.sizeBytes - lists };
}

const text = (seed: number): Uint8Array => Buffer.from(content(seed, 30_000).toHex());

/** Random bytes cost what they are. */
function more(old: Uint8Array, seed: number, sizeBytes: number): Uint8Array {
  return Buffer.concat([old.subarray(0, 20_000), content(seed, sizeBytes), old.subarray(20_000)]);
}

describe.each(['tar', 'ext4'] as const)('what files of a %s take of a patch', (kind) => {
  const files = { same: text(1), some: text(2), much: text(3) };

  it('is what changed in them', async () => {
    const old = await container(kind, files);
    const next = await container(kind, { ...files, some: more(files.some, 4, 300), much: more(files.much, 5, 3000) });
    const { costs, patchBytes } = await costsOf(old, next);
    const sum = costs.reduce((all, { patchBytes: own }) => all + own, 0);
    expect(Math.abs(sum - patchBytes)).toBeLessThan(8);
    const of = (name: string): number => costs.find(({ file }) => file.endsWith(name))?.patchBytes ?? 0;
    expect(of('much')).toBeGreaterThan(2990);
    expect(of('much')).toBeLessThan(3150);
    expect(of('some')).toBeGreaterThan(290);
    expect(of('some')).toBeLessThan(420);
    expect(of('same')).toBeLessThan(20);
  }, 60_000);
});

it('is said for squashfs too', async () => {
  const [old, next] = ['old', 'new'].map((name) =>
    Uint8Array.from(readFileSync(join(import.meta.dirname, 'fixtures', `${name}.sqfs`))),
  );
  const { costs } = await costsOf(old ?? new Uint8Array(), next ?? new Uint8Array());
  const of = (name: string): number => costs.find(({ file }) => file === name)?.patchBytes ?? 0;
  expect(of('/lib/code.txt')).toBeGreaterThan(3);
  expect(of('/lib/noise')).toBeLessThan(1);
});
