import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { deviceTypeTag } from '#codec/groups/directory.ts';
import { formatHexGroup } from '#codec/groups/hex.ts';
import { CollectStore } from '../../receiver/collect-store.ts';
import { type CollectOptions, runCollect } from '../../receiver/collect.ts';
import { received, Seeded, Station } from '../groups/station.ts';
import { collectWithKills, LOST_MAX } from './kill-collect.ts';

const root = mkdtempSync(join(tmpdir(), 'carillon-collect-'));
afterAll(() => rmSync(root, { recursive: true }));
let folders = 0;
writeFileSync(join(root, 'a-file'), '');
const newFolder = (): string => join(root, `state-${++folders}`);

const bytes = new Seeded(55).bytes(2500);
const sha256 = createHash('sha256').update(bytes).digest('hex');

function linesOf(objects: Uint8Array[], slots: number, tag = 0): string[] {
  const station = new Station([0, 1]);
  station.offer(objects, tag);
  const random = new Seeded(4);
  const lines = [formatHexGroup(station.announcement())];
  for (let i = 0; i < slots; i++) {
    for (const { group } of station.next().carried) if (random.next() > 0.1) lines.push(formatHexGroup(group));
  }
  return lines;
}

const lines = linesOf([bytes], 1000);

class Sink extends Writable {
  text = '';
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
  get events(): Record<string, unknown>[] {
    return this.text
      .trimEnd()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}

async function collect(
  input: string[],
  options: CollectOptions,
): Promise<{ status: number; events: Record<string, unknown>[]; err: string }> {
  const [stdout, stderr] = [new Sink(), new Sink()];
  const status = await runCollect(options, { stdin: Readable.from([input.join('\n')]), stdout, stderr });
  return { status, events: stdout.events, err: stderr.text };
}

describe('receiver collect', () => {
  it('turns groups into a package, and says so', async () => {
    const state = newFolder();
    const { status, events } = await collect(['% a remark', 'xx', ...lines, 'D318 12'], { state });
    expect(status).toBe(0);
    const file = join(state, 'packages', `${sha256}.pkg`);
    expect(events.find(({ event }) => event === 'package')).toEqual({
      event: 'package',
      identity: sha256.slice(0, 16),
      sha256,
      file,
      sizeBytes: 2500,
    });
    expect(new Uint8Array(readFileSync(file))).toEqual(bytes);
    expect(events.at(-1)).toMatchObject({ event: 'end', complete: true, badLines: 2, missing: [] });
    expect(new Set(events.map(({ event }) => event))).toEqual(
      new Set(['tuned', 'directory', 'progress', 'package', 'end']),
    );
    expect(events.length).toBeLessThan(110);
    // What is complete is no longer in the log, and no lock is left.
    expect(statSync(join(state, 'reception.log')).size).toBeLessThan(12_000);
    expect(readdirSync(state).toSorted()).toEqual(['packages', 'reception.log']);
  });

  it('exits 4 while incomplete, continues in the next run, and knows in the third that all is there', async () => {
    const state = newFolder();
    const cut = 250;
    const first = await collect(lines.slice(0, cut), { state });
    expect(first).toMatchObject({ status: 4 });
    expect(first.events.at(-1)).toMatchObject({ complete: false, missing: [sha256.slice(0, 16)] });
    const size = statSync(join(state, 'reception.log')).size;
    expect(size / cut).toBeLessThan(12);
    const second = await collect(lines.slice(cut, 1000), { state });
    expect(second).toMatchObject({ status: 0 });
    expect(second.err).toContain('going on from');
    expect(await collect([], { state })).toMatchObject({ status: 0 });
    expect(await collect([], { state: newFolder() })).toMatchObject({ status: 4 });
  });

  it('takes only what is for its device type', async () => {
    const tagged = linesOf([bytes], 1000, deviceTypeTag('example.com', 'lamp'));
    const mine = await collect(tagged, { state: newFolder(), deviceType: 'example.com/lamp' });
    expect(mine.status).toBe(0);
    const other = await collect(tagged, { state: newFolder(), deviceType: 'example.com/door' });
    expect(other.status).toBe(4);
    expect(other.events.at(-1)).toMatchObject({ packages: 0, missing: [] });
  });

  it('refuses wrong usage with status 2', async () => {
    for (const options of [{}, { state: newFolder(), input: 'iq' }, { state: newFolder(), deviceType: 'x' }]) {
      expect((await collect([], options)).status).toBe(2);
    }
    expect((await collect([], { state: newFolder(), file: join(root, 'none') })).status).toBe(1);
    expect((await collect([], { state: join(root, 'a-file', 'state') })).status).toBe(1);
  });

  it('a torn tail and rubbish in the log do not stop it', async () => {
    const state = newFolder();
    await collect(lines.slice(0, 300), { state });
    const log = join(state, 'reception.log');
    const whole = readFileSync(log);
    whole.fill(0x55, 500, 530);
    writeFileSync(log, whole.subarray(0, whole.length - 3));
    appendFileSync(log, Buffer.from('cb0010ffff', 'hex'));
    const { status, err } = await collect(lines.slice(300), { state });
    expect(status).toBe(0);
    expect(err).toContain('torn bytes cut off');
  });

  it('two at a time: the second is refused, and a lock of the dead is taken over', () => {
    const folder = newFolder();
    const { store } = CollectStore.open(folder);
    expect(() => CollectStore.open(folder)).toThrow(expect.objectContaining({ code: 'STATE_LOCKED' }));
    store.close();
    for (const owner of ['999999 12345', `${process.pid} 1`, '', 'x']) {
      writeFileSync(join(folder, 'collect.lock'), owner);
      CollectStore.open(folder).store.close();
    }
    expect(existsSync(join(folder, 'collect.lock'))).toBe(false);
  });

  it('a failure that is no want of room stops it, with what to do; what was heard is there afterwards', () => {
    const folder = newFolder();
    const station = new Station([1]);
    station.offer([bytes]);
    const { store } = CollectStore.open(folder, { nowMs: () => 0 });
    rmSync(join(folder, 'packages'), { recursive: true });
    writeFileSync(join(folder, 'packages'), 'in the way');
    const push = (into: CollectStore): string[] => {
      for (let i = 0; i < 2000; i++) {
        const { slot, carried } = station.next();
        const events = into.push(received(carried[0].group, slot));
        if (events.some(({ kind }) => kind === 'package')) return events.map(({ kind }) => kind);
      }
      return [];
    };
    expect(() => push(store)).toThrow(
      /cannot be written: ENOTDIR.*start again; it goes on from the last second.*untouched/,
    );
    expect(() => push(store)).toThrow(expect.objectContaining({ code: 'STATE' }));
    store.close();
    rmSync(join(folder, 'packages'));
    const { store: again, events } = CollectStore.open(folder);
    const stored = events.some(({ kind }) => kind === 'package') ? ['package'] : push(again);
    expect(stored).toContain('package');
    again.close();
  });
});

describe('as a process', () => {
  it('killed with -9 at random moments it loses a second at most, and finishes', async () => {
    const { lost, groups, groupsWithoutKills, isRight } = await collectWithKills(1, 3);
    expect(lost).toHaveLength(3);
    expect(Math.max(...lost)).toBeLessThanOrEqual(LOST_MAX);
    expect(groups - groupsWithoutKills).toBeLessThanOrEqual(lost.length * LOST_MAX);
    expect(isRight).toBe(true);
  }, 60_000);
});
