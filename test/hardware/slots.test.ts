import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSlotFiles, FileSlots, slotPathsIn } from '#hardware/slots/file.ts';

let folder: string;
let slots: FileSlots;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'carillon-'));
  await createSlotFiles(slotPathsIn(folder), 10_000);
  slots = new FileSlots(slotPathsIn(folder), 10_000);
});
afterEach(async () => {
  await slots.close();
  await rm(folder, { recursive: true, force: true });
});

describe('slots in files', () => {
  it('reads back what was written, in its slot and nowhere else', async () => {
    await slots.write('B', 9990, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
    await slots.flush('B');
    expect(await slots.read('B', 9989, 11)).toEqual(Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
    expect((await readFile(join(folder, 'slot-a.img'))).every((byte) => byte === 0)).toBe(true);
    expect(await slots.sizeBytes('A')).toBe(10_000);
  });

  it.each([
    [9_999, 2],
    [10_000, 1],
    [-1, 1],
    [0, 10_001],
    [0.5, 1],
  ])('neither reads nor writes outside: %d, %d bytes', async (offset, length) => {
    await expect(slots.read('A', offset, length)).rejects.toMatchObject({ code: 'SLOT_RANGE' });
    await expect(slots.write('A', offset, new Uint8Array(length))).rejects.toMatchObject({ code: 'SLOT_RANGE' });
    expect((await readFile(join(folder, 'slot-a.img'))).length).toBe(10_000);
  });

  it('says that a file is missing or shorter than it should be', async () => {
    await rm(join(folder, 'slot-a.img'));
    await expect(slots.read('A', 0, 1)).rejects.toMatchObject({ code: 'SLOT_MISSING' });
    await writeFile(join(folder, 'slot-b.img'), 'short');
    await expect(slots.read('B', 0, 6)).rejects.toMatchObject({ code: 'SLOT_RANGE' });
  });

  it('leaves slots alone that exist', async () => {
    await slots.write('A', 0, Uint8Array.of(42));
    await createSlotFiles(slotPathsIn(folder), 10_000);
    expect(await slots.read('A', 0, 1)).toEqual(Uint8Array.of(42));
  });
});
