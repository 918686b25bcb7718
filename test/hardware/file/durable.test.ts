import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  readIfPresent,
  replaceAtomically,
  replaceDurably,
  replaceDurablySync,
  writeAllSync,
} from '#hardware/file/durable.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'carillon-durable-'));
  path = join(folder, 'x');
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

type Replace = (path: string, text: string) => Promise<void>;
const WAYS: [string, Replace, number][] = [
  ['replaceDurably', replaceDurably, 0o600],
  ['replaceDurably with a mode', (at, text) => replaceDurably(at, text, { mode: 0o644 }), 0o644],
  ['replaceAtomically', replaceAtomically, 0o644],
  [
    'replaceDurablySync',
    async (at, text) => replaceDurablySync(at, (file) => writeAllSync(file, new TextEncoder().encode(text))),
    0o600,
  ],
];

describe.each(WAYS)('%s', (_, replace, mode) => {
  it('replaces the whole file, also over what a power cut left, and leaves nothing', async () => {
    await writeFile(`${path}.new`, 'a longer text that was never renamed');
    await replace(path, 'one');
    await replace(path, 'two');
    expect(await readIfPresent(path)).toBe('two');
    expect(await readdir(folder)).toEqual(['x']);
  });

  it('makes a file that the right ones may read', async () => {
    await replace(path, 'one');
    expect((await stat(path)).mode & 0o777).toBe(mode);
  });

  it('keeps the old file and leaves nothing when it fails', async () => {
    await mkdir(path);
    await writeFile(join(path, 'inside'), '');
    await expect(replace(path, 'one')).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
    expect(await readdir(folder)).toEqual(['x']);
    await expect(replace(join(folder, 'none', 'x'), 'one')).rejects.toThrow('ENOENT');
  });
});

describe('replaceDurablySync', () => {
  it('keeps the old file when what writes it throws', async () => {
    await writeFile(path, 'old');
    expect(() =>
      replaceDurablySync(path, (file) => {
        writeAllSync(file, Uint8Array.of(1));
        throw new Error('no more');
      }),
    ).toThrow('no more');
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['x']);
  });
});

describe('readIfPresent', () => {
  it('knows what is not there from what cannot be read', async () => {
    expect(await readIfPresent(path)).toBeUndefined();
    await expect(readIfPresent(folder)).rejects.toThrow('EISDIR');
  });
});
