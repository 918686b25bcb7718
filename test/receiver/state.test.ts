import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StateStore, withHistory, withRefusal } from '../../receiver/state.ts';

let folder: string;
let store: StateStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'carillon-'));
  store = new StateStore(folder);
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const about = { packageHex: 'ab'.repeat(32), circumstances: 'x' };

describe('the state of a device', () => {
  it('is empty and new at first', async () => {
    expect(await store.load()).toMatchObject({
      facts: { slots: { A: null, B: null }, install: null, refusals: {} },
      sequenceFloor: 0,
      health: { facts: 'new', floor: 'new' },
    });
  });

  it('keeps what it was told, and leaves nothing lying about', async () => {
    await store.update((facts) => withHistory(facts, 1, 'test', 'one'));
    await store.raiseFloor(7);
    const again = await new StateStore(folder).load();
    expect(again).toMatchObject({ sequenceFloor: 7, health: { facts: 'sound', floor: 'sound' } });
    expect(again.facts.history).toEqual([{ timeMs: 1, event: 'test', detail: 'one' }]);
    expect((await readdir(folder)).toSorted()).toEqual(['floor-0', 'floor-1', 'state.json']);
  });

  it('counts refusals by reason with the last explanation, and stays bounded', async () => {
    for (let i = 0; i < 150; i++)
      await store.update((facts) =>
        withRefusal(facts, { reason: 'bad-signature', detail: `n ${i}` }, { ...about, packageHex: `${i}` }, i),
      );
    const { facts } = await store.load();
    expect(facts.refusals['bad-signature']).toMatchObject({ count: 150, lastDetail: 'n 149', lastMs: 149 });
    expect(facts.history).toHaveLength(100);
    expect(facts.settled).toHaveLength(64);
  });

  it('does not believe a damaged file, keeps it for whoever asks, and goes on', async () => {
    await store.update((facts) => withHistory(facts, 1, 'test', 'one'));
    await store.raiseFloor(9);
    const path = join(folder, 'state.json');
    const good = await readFile(path, 'utf8');
    for (const bad of ['', '{', 'null', '{}', good.replace('"one"', '"two"'), good.slice(0, -10)]) {
      await writeFile(path, bad);
      expect(await store.load()).toMatchObject({ health: { facts: 'lost' }, sequenceFloor: 9, facts: { history: [] } });
    }
    await store.update((facts) => withHistory(facts, 2, 'test', 'new'));
    expect((await store.load()).health.facts).toBe('sound');
    expect(await readFile(join(folder, 'state.broken.json'), 'utf8')).toBe(good.slice(0, -10));
  });

  it('never throws for what is in its files', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.string(), async (state, floor) => {
        await writeFile(join(folder, 'state.json'), state);
        await writeFile(join(folder, 'floor-0'), floor);
        const { sequenceFloor } = await store.load();
        expect(sequenceFloor).toBe(0);
      }),
      { numRuns: 40 },
    );
  });
});

describe('the sequence floor', () => {
  it('never goes down', async () => {
    await store.raiseFloor(5);
    await store.raiseFloor(3);
    expect((await store.load()).sequenceFloor).toBe(5);
    await store.raiseFloor(Number.MAX_SAFE_INTEGER);
    expect((await store.load()).sequenceFloor).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each(['floor-0', 'floor-1'])('survives the loss of %s, says so, and repairs it', async (copy) => {
    await store.raiseFloor(5);
    for (const damage of ['5 00000000\n', '', '6 1ad5be0d\n']) {
      await writeFile(join(folder, copy), damage);
      expect(await store.load()).toMatchObject({ sequenceFloor: 5, health: { floor: 'one-copy-lost' } });
    }
    await rm(join(folder, copy));
    expect(await store.load()).toMatchObject({ sequenceFloor: 5, health: { floor: 'one-copy-lost' } });
    await store.raiseFloor(5);
    expect(await store.load()).toMatchObject({ sequenceFloor: 5, health: { floor: 'sound' } });
  });

  it('says when both copies are gone bad', async () => {
    await store.raiseFloor(5);
    for (const copy of ['floor-0', 'floor-1']) await writeFile(join(folder, copy), 'x');
    expect(await store.load()).toMatchObject({ sequenceFloor: 0, health: { floor: 'lost' } });
  });
});

describe('the lock', () => {
  it('lets changes follow one another, and none is lost', async () => {
    const other = new StateStore(folder);
    await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        (i % 2 === 0 ? store : other).update((facts) => withHistory(facts, i, 'test', '')),
      ),
    );
    expect((await store.load()).facts.history).toHaveLength(12);
  });

  it('of a process that is gone is taken over, also when its number was given to another', async () => {
    await store.update((facts) => facts);
    for (const owner of ['999999999 1 x', `${process.pid} 1 another-boot`, '', 'nonsense']) {
      await writeFile(join(folder, 'install.lock'), owner);
      expect(await store.whileInstalling(async () => 'done')).toBe('done');
    }
    expect(await readdir(folder)).toEqual(['state.json']);
  });

  it('is given back when the work fails', async () => {
    await expect(store.whileInstalling(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await store.whileInstalling(async () => 'done')).toBe('done');
  });
});
