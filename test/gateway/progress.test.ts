import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { firstBlockOf } from '#codec/symbols/layout.ts';
import { Metrics } from '../../gateway/metrics.ts';
import { Progress } from '../../gateway/progress.ts';
import { newFolder } from './station.ts';

describe('the progress of an object', () => {
  it('of one block is every nibble', () => {
    const progress = new Progress(1, 100);
    for (let counter = 1; counter <= 10; counter++) progress.add(0, counter);
    for (let counter = 1; counter <= 10; counter++) progress.add(3, counter);
    expect(progress.evenNibbles).toBe(100 + 80 + 130);
  });

  it.each([2, 8, 100])('of %d blocks is that of the one that has the least', (blocks) => {
    const progress = new Progress(blocks, 0);
    const sent = Array.from({ length: blocks }, () => 0);
    // Every 49th run, which favours some blocks.
    for (let run = 0; run < 20_000; run += 49)
      for (let i = 0; i < 16; i++) {
        const stream = run % 2;
        progress.add(stream, 16 * run + i);
        sent[firstBlockOf(stream, 16 * run + i, blocks)] += stream === 0 ? 8 : 13;
        expect(progress.evenNibbles).toBe(blocks * Math.min(...sent));
      }
  });
});

describe('what was counted for a job', () => {
  it('outlives a restart, and less is believed rather than more', async () => {
    const folder = await newFolder();
    const before = await Metrics.load(folder.path, [0]);
    for (let counter = 1; counter <= 100; counter++) before.countJob('j', { stream: 0, counter, blocks: 2 }, counter);
    const counted = before.countOf('j');
    expect(counted).toMatchObject({ groups: 100, firstGroupMs: 1 });
    expect(counted?.nibbles).toBeGreaterThan(760);
    expect(counted?.nibbles).toBeLessThanOrEqual(800);
    await before.save();
    const after = await Metrics.load(folder.path, [0]);
    expect(after.countOf('j')).toEqual(counted);
    after.countJob('j', { stream: 0, counter: 200, blocks: 2 }, 500);
    expect(after.countOf('j')).toEqual({ ...counted, groups: 101 });
    expect(after.onAir()).toEqual([{ jobId: 'j', groups: 101, firstGroupMs: 1, lastGroupMs: 500 }]);
    expect(JSON.parse(await readFile(folder.file('on-air.json'), 'utf8'))).toEqual({
      j: { groups: 100, nibbles: counted?.nibbles, firstGroupMs: 1, lastGroupMs: 100 },
    });
    await folder.remove();
  });

  it('by an older gateway is taken over', async () => {
    const folder = await newFolder();
    await writeFile(folder.file('on-air.json'), '{"j":{"groups":7,"firstGroupMs":1,"lastGroupMs":2}}');
    expect((await Metrics.load(folder.path, [0])).countOf('j')).toEqual({ groups: 7, nibbles: 56, firstGroupMs: 1 });
    await folder.remove();
  });
});
