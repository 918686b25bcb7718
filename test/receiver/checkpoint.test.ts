import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readHead } from '#codec/package/delta/format.ts';
import { makeDelta } from '#codec/package/delta/make.ts';
import { sha256Native } from '#hardware/native/sha256.ts';
import { installPackage } from '../../receiver/install.ts';
import { content, sealExample, signerFromSeed } from '../package/example.ts';
import { type Bench, Fuse, makeBench } from './device.ts';

const signer = signerFromSeed(1);
const SLOT = 2 << 20;

/** What gzip packs well enough to be unpacked in a view: words in any order. */
function words(seed: number, count: number): string {
  const random = content(seed, 2 * count);
  return Array.from({ length: count }, (_, k) => `word${(random[2 * k] << 8) | random[2 * k + 1]}`).join(' ');
}
const text = words(1, 30_000);
const gzip = (bytes: string): Uint8Array => execFileSync('gzip', ['-9n'], { input: bytes });

/** A tar with something packed between things that are not. */
function image(parts: readonly Uint8Array[]): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-'));
  for (const [k, part] of parts.entries()) writeFileSync(join(folder, `${k}`), part);
  const options = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0'];
  const packed = execFileSync('tar', [...options, '-C', folder, '-c', '.'], { maxBuffer: SLOT });
  rmSync(folder, { recursive: true });
  return Uint8Array.from(packed);
}
const v1 = image([content(2, 150_000), gzip(text), content(3, 400_000)]);
const v2 = image([
  Buffer.concat([content(2, 150_000), content(4, 2000)]),
  gzip(text.replaceAll('word1', 'term1')),
  Buffer.concat([content(3, 200_000), content(5, 1000)]),
]);

let patch: Uint8Array;
let update: Uint8Array;
let bench: Bench;
/** Of an installation that is not cut off. */
let operations: readonly string[];
const at = (name: string): string => join(bench.store.folder, name);
const checkpointPath = (): string => at('install.checkpoint');

async function events(): Promise<string[]> {
  return (await bench.store.load()).facts.history.map(({ event }) => event);
}

async function wholeAndClean(): Promise<void> {
  const bytes = await bench.slotBytes('B');
  expect(Buffer.compare(bytes.subarray(0, v2.length), v2)).toBe(0);
  expect([existsSync(checkpointPath()), existsSync(at('install.scratch'))]).toEqual([false, false]);
}

async function newBench(): Promise<void> {
  await bench.close();
  bench = await makeBench(v1, [signer.publicKey], SLOT);
}

/** Cuts the power of a new device at the n-th operation, which is on slot B. */
async function cutAt(n: number): Promise<void> {
  await newBench();
  const device = { ...bench.device(new Fuse(n)), checkpointMs: 0 };
  await expect(installPackage(update, device)).rejects.toMatchObject({ code: 'SLOT_WRITE' });
}

/** Cuts it where the last checkpoint is kept and the content is not whole yet. */
async function cutLate(): Promise<void> {
  await cutAt(operations.lastIndexOf('write B'));
  expect(existsSync(checkpointPath())).toBe(true);
}

beforeAll(async () => {
  const bytes = (await makeDelta(v1, v2))?.patch ?? new Uint8Array();
  const described = {
    target: 'rootfs',
    encoding: 'delta',
    compression: 'carillon',
    sizeOnAirBytes: bytes.length,
    sizeInstalledBytes: v2.length,
    sha256Installed: sha256Native(v2),
    sha256OnAir: sha256Native(bytes),
    base: { sha256: sha256Native(v1), sizeBytes: v1.length },
  } as const;
  patch = bytes;
  update = await sealExample([{ described, bytes }], signer, { version: '2', sequence: 2 });
  bench = await makeBench(v1, [signer.publicKey], SLOT);
  const fuse = new Fuse();
  await installPackage(update, { ...bench.device(fuse), checkpointMs: 0 });
  await wholeAndClean();
  operations = fuse.log;
}, 60_000);
beforeEach(newBench);
afterEach(async () => {
  await bench.close();
});

describe('an installation that was cut off', () => {
  it('goes on from where it was kept, at whichever write or flush that was, also in the middle of what is packed', async () => {
    expect(readHead(patch)).toMatchObject({ kind: 'head', head: { views: {} } });
    let resumed = 0;
    for (const [n, name] of operations.entries()) {
      if (!/^(write|flush) B$/.test(name)) continue;
      await cutAt(n);
      const kept = existsSync(checkpointPath());
      expect((await bench.boot.state()).attemptsLeft.B).toBe(0);
      expect(await installPackage(update, bench.device())).toMatchObject({ kind: 'installed', target: 'B' });
      expect((await events()).includes('resumed')).toBe(kept);
      if (kept) resumed++;
      await wholeAndClean();
    }
    expect(resumed).toBeGreaterThan(3);
  }, 120_000);

  it('begins again where what was kept is damaged, cut off, or of something else', async () => {
    const spoils: ((kept: Buffer) => Buffer)[] = [
      (kept) => kept.subarray(0, kept.length - 1),
      (kept) => kept.subarray(0, 6),
      (kept) => {
        kept[kept.length >> 1] ^= 1;
        return kept;
      },
      (kept) => {
        kept[20] ^= 1;
        return kept;
      },
      () => Buffer.from('CC01\xff\xff\xff\xff\0\0\0\0', 'latin1'),
    ];
    for (const spoil of spoils) {
      await cutLate();
      writeFileSync(checkpointPath(), spoil(readFileSync(checkpointPath())));
      expect(await installPackage(update, bench.device())).toMatchObject({ kind: 'installed' });
      expect(await events()).not.toContain('resumed');
      await wholeAndClean();
    }
  }, 120_000);

  it('begins again where the slot or the scratch is not what it was', async () => {
    for (const path of [(): string => join(bench.folder, 'slot-b.img'), (): string => at('install.scratch')]) {
      await cutLate();
      writeFileSync(path(), readFileSync(path()).fill(0x55));
      expect(await installPackage(update, bench.device())).toMatchObject({ kind: 'installed' });
      await wholeAndClean();
    }
  }, 120_000);
});
