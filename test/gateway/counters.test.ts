import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Counters, RESERVE_GROUPS } from '../../gateway/counters.ts';
import { type Folder, newFolder } from './station.ts';

let folder: Folder;
beforeEach(async () => {
  folder = await newFolder();
});
afterEach(async () => {
  await folder.remove();
});

/** Uses `groups` groups of stream 0 as the transmitter does, then dies without a word. */
async function useAndDie(groups: number): Promise<{ first: number; last: number; reserved: number }> {
  const counters = await Counters.load(folder.path);
  const first = counters.startOf(0);
  for (let i = 0; i < groups; i++) {
    await counters.ensure([0], 16);
    expect(counters.left(0)).toBeGreaterThan(0);
    counters.use(0);
  }
  await new Promise((resolve) => setTimeout(resolve, 20));
  const saved = JSON.parse(await readFile(folder.file('counters.json'), 'utf8')) as {
    reserved: Record<string, number>;
  };
  return { first, last: first + groups - 1, reserved: saved.reserved[0] };
}

describe('the counters', () => {
  it('never use what is not reserved on disk, and go on behind it after a kill', async () => {
    let last = -1;
    for (const groups of [1, 127, 128, 129, RESERVE_GROUPS - 1, RESERVE_GROUPS, 3 * RESERVE_GROUPS + 5]) {
      const used = await useAndDie(groups);
      expect(used.first).toBeGreaterThan(last);
      expect(used.first % 128).toBe(0);
      expect(used.reserved).toBeGreaterThan(used.last);
      last = used.last;
    }
  });

  it('say how much is left when the disk fails, and never more than was reserved', async () => {
    const counters = await Counters.load(folder.path);
    await counters.ensure([0], 16);
    const reserved = counters.left(0);
    await rm(folder.path, { recursive: true });
    for (let i = 0; i < reserved - 16; i++) {
      counters.use(0);
      void counters.ensure([0], 16)?.catch(() => {});
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(counters.left(0)).toBe(16);
    counters.use(0);
    await expect(counters.ensure([0], 16)).rejects.toThrow('ENOENT');
    await mkdir(folder.path);
    await chmod(folder.path, 0o700);
    await counters.ensure([0], 16);
    expect(counters.left(0)).toBeGreaterThan(16);
  });

  it('wrap on air after 24 bits while the number on disk goes on', async () => {
    const reserved = { 0: 0x100_0000 + 128, 1: 0, 2: 0, 3: 0 };
    await writeFile(folder.file('counters.json'), JSON.stringify({ format: 1, reserved }));
    const counters = await Counters.load(folder.path);
    expect(counters.startOf(0)).toBe(128);
    await counters.ensure([0], 16);
    expect((await Counters.load(folder.path)).startOf(0)).toBe(128 + RESERVE_GROUPS);
  });

  it('do not guess when their file is damaged', async () => {
    await writeFile(folder.file('counters.json'), '{"format":1,"reser');
    await expect(Counters.load(folder.path)).rejects.toThrow('is damaged');
  });
});
