import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { MadePayload } from '#codec/package/payload.ts';
import type { Slots } from '#hardware/contracts.ts';
import { sha256Native } from '#hardware/native/sha256.ts';
import { slotPathsIn } from '#hardware/slots/file.ts';
import type { ReceiverConfig } from '../../receiver/config.ts';
import type { Device } from '../../receiver/device.ts';
import { FilePlace } from '../../receiver/file-place.ts';
import { installBeside } from '../../receiver/install-beside.ts';
import { installPackage, verifyPackage } from '../../receiver/install.ts';
import { content, deltaOf, fullOf, sealExample, signerFromSeed } from '../package/example.ts';
import { type Bench, Fuse, IDENTITY, makeBench, PowerCut, slotsThat } from './device.ts';
import { mountSmallDisk, type SmallDisk } from './small-disk.ts';
import { chained, VERSIONS, zstdDelta } from './versions.ts';

const signer = signerFromSeed(1);
const SLOT = 1 << 20;
const { a, b, n } = VERSIONS;
const release = { version: '2', sequence: 2 };

let deltas: readonly MadePayload[];
let update: Uint8Array;
let bench: Bench;

beforeAll(async () => {
  deltas = chained([await deltaOf(b, n), await deltaOf(a, b)]);
  update = await sealExample(deltas, signer, release);
}, 60_000);
beforeEach(() => newBench());
afterEach(() => bench.close());

async function newBench(runs: Uint8Array = a): Promise<void> {
  await (bench as Bench | undefined)?.close();
  bench = await makeBench(runs, [signer.publicKey], SLOT);
}

async function holds(wanted: Uint8Array): Promise<void> {
  expect(Buffer.compare((await bench.slotBytes('B')).subarray(0, wanted.length), wanted)).toBe(0);
}

/** What an installation leaves in the state folder besides what it remembers. */
function leftOver(): string[] {
  // A device that was stopped early has none yet.
  const names = existsSync(bench.store.folder) ? readdirSync(bench.store.folder) : [];
  return names.filter((name) => /^install\.(?!lock)|^scratch/.test(name));
}

async function events(): Promise<string[]> {
  return (await bench.store.load()).facts.history.map(({ event }) => event);
}

// oxlint-disable-next-line typescript/unbound-method -- applied to the place that it is called on
const { write } = FilePlace.prototype;

const spoilt = (bytes: Uint8Array): Uint8Array => bytes.with(bytes.length >> 1, bytes[bytes.length >> 1] ^ 1);

const withCheckpoints = (fuse?: Fuse): Device => ({ ...bench.device(fuse), checkpointMs: 0 });

async function goesOn(): Promise<string[]> {
  expect(await installPackage(update, bench.device())).toMatchObject({ kind: 'installed', steps: 2 });
  await holds(n);
  expect(leftOver()).toEqual([]);
  return (await events()).filter((event) => event === 'resumed' || event === 'base-made');
}

describe('a chain of deltas', () => {
  it('brings a device with the older base to the content over the newer one, and one with the newer base straight', async () => {
    for (const [runs, steps] of [
      [a, 2],
      [b, 1],
    ] as const) {
      await newBench(runs);
      expect(await verifyPackage(update, bench.device())).toMatchObject({ kind: 'installable' });
      expect(leftOver()).toEqual([]);
      const outcome = { kind: 'installed', target: 'B', encoding: 'delta', steps };
      expect(await installPackage(update, bench.device())).toMatchObject(outcome);
      await holds(n);
      expect(leftOver()).toEqual([]);
      expect((await events()).filter((event) => event === 'base-made')).toHaveLength(steps - 1);
    }
  });

  it('refuses a device that has another base, before anything is written', async () => {
    await newBench(content(9, 50_000));
    const before = await bench.slotDigest('B');
    expect(await installPackage(update, bench.device())).toMatchObject({ kind: 'refused', reason: 'base-mismatch' });
    expect(await bench.slotDigest('B')).toBe(before);
  });

  it('may have zstd deltas in any of its steps, and four steps', async () => {
    const [c, d] = [content(20, 30_000), content(21, 20_000)];
    for (const made of [
      [zstdDelta(b, n), deltas[1]],
      [deltas[0], zstdDelta(a, b)],
      [zstdDelta(b, n), zstdDelta(c, b), zstdDelta(d, c), zstdDelta(a, d)],
    ]) {
      await newBench();
      const bytes = await sealExample(chained(made), signer, release);
      expect(await installPackage(bytes, bench.device())).toMatchObject({ kind: 'installed', steps: made.length });
      await holds(n);
      expect(leftOver()).toEqual([]);
    }
  });

  it('is taken where there is no delta straight from what runs, the shorter before the longer, and before full content', async () => {
    const [bn, ab] = deltas;
    const straight = zstdDelta(a, n);
    const c = content(20, 30_000);
    const longer = chained([bn, zstdDelta(c, b), zstdDelta(a, c)]);
    for (const [made, outcome] of [
      [[bn, ab, straight], { steps: 1, encoding: 'delta' }],
      [[bn, fullOf(n), ab], { steps: 2, encoding: 'delta' }],
      [[...longer, ab], { steps: 2, encoding: 'delta' }],
    ] as const) {
      await newBench();
      expect(await installPackage(await sealExample(made, signer, release), bench.device())).toMatchObject(outcome);
      await holds(n);
    }
  });
});

/** Signed, and not what it is said to be. */
const wrongFirst = (): MadePayload[] => chained([deltas[0], zstdDelta(a, spoilt(b))]);
const wrongLast = (): MadePayload[] => {
  const { described, bytes } = zstdDelta(b, spoilt(n));
  return chained([{ described: { ...described, sha256Installed: sha256Native(n) }, bytes }, deltas[1]]);
};

describe('a chain of which a step is wrong', () => {
  it.each([
    ['what lies between', wrongFirst],
    ['the content', wrongLast],
  ])('is refused where %s is another one, and what runs is untouched', async (_, make) => {
    const bytes = await sealExample(make(), signer, release);
    const before = await bench.slotDigest('A');
    const refusal = { kind: 'refused', reason: 'content-mismatch' };
    expect(await verifyPackage(bytes, bench.device())).toMatchObject(refusal);
    expect(await installPackage(bytes, bench.device())).toMatchObject(refusal);
    expect(await bench.slotDigest('A')).toBe(before);
    expect((await bench.boot.state()).attemptsLeft.B).toBe(0);
    expect(leftOver()).toEqual([]);
  });

  it('gives way to full content', async () => {
    for (const made of [wrongFirst(), wrongLast()]) {
      await newBench();
      const bytes = await sealExample([...made, fullOf(n)], signer, release);
      expect(await installPackage(bytes, bench.device())).toMatchObject({ kind: 'installed', encoding: 'full' });
      await holds(n);
      expect(leftOver()).toEqual([]);
    }
  });

  it('is no fault of the package where the base reads otherwise the second time', async () => {
    const device = bench.device();
    let reads = 0;
    const readSync: Slots['readSync'] = (slot, at, into) => {
      device.slots.readSync(slot, at, into);
      // The first look, over eight chunks at most, finds the base.
      if (slot === 'A' && reads++ > 8) into[into.length >> 1] ^= 1;
    };
    const slots = { ...slotsThat(device.slots, (...args) => device.slots.write(...args)), readSync };
    await expect(installPackage(update, { ...device, slots })).rejects.toMatchObject({ code: 'SLOT_READ' });
    expect((await bench.store.load()).facts.refusals).toEqual({});
    expect(await installPackage(update, bench.device())).toMatchObject({ kind: 'installed' });
    await holds(n);
  });
});

describe('a chain that was cut off', () => {
  it('in the middle of its first step goes on there', async () => {
    const seen = new Set<string>();
    const cut = vi.spyOn(FilePlace.prototype, 'write');
    onTestFinished(() => cut.mockRestore());
    await installPackage(update, withCheckpoints());
    const writes = cut.mock.calls.length;
    for (let at = 0; at < writes; at++) {
      await newBench();
      let left = at;
      cut.mockImplementation(async function (this: FilePlace, ...piece) {
        if (left-- === 0) throw new PowerCut('write to the base');
        return write.apply(this, piece);
      });
      await expect(installPackage(update, withCheckpoints())).rejects.toThrow('write to the base');
      cut.mockImplementation(write);
      seen.add(`${leftOver().join(' ')}: ${(await goesOn()).join(' ')}`);
    }
    expect([...seen]).toContain('install.scratch: base-made');
    expect([...seen]).toContain('install.base.part install.checkpoint install.scratch: resumed base-made');
  }, 120_000);

  it('at any operation on slots or state goes on, without making again what lies between', async () => {
    const fuse = new Fuse();
    await installPackage(update, withCheckpoints(fuse));
    const seen = new Set<string>();
    for (const at of fuse.log.keys()) {
      await newBench();
      await installPackage(update, withCheckpoints(new Fuse(at))).catch(() => undefined);
      if ((await bench.boot.state()).order[0] === 'B') continue;
      const had = leftOver().join(' ');
      seen.add(`${had}: ${(await goesOn()).join(' ')}`);
    }
    // Made and not told yet; in the middle of its last step, with a checkpoint.
    expect([...seen]).toContain('install.base: resumed');
    expect([...seen]).toContain('install.base install.checkpoint install.scratch: base-made resumed resumed');
  }, 240_000);

  it('makes it anew where what it left is damaged, cut off, or of something else', async () => {
    const path = (): string => join(bench.store.folder, 'install.base');
    const log = new Fuse();
    await installPackage(update, bench.device(log));
    const firstWrite = log.log.indexOf('write B');
    const spoils: (() => void)[] = [
      () => writeFileSync(path(), readFileSync(path()).fill(0x55, 70_000, 70_001)),
      () => truncateSync(path(), b.length - 1),
      () => truncateSync(path(), b.length + 1),
      () => truncateSync(path(), 0),
      () => rmSync(path()),
      () => writeFileSync(`${path()}.part`, 'of something else'),
    ];
    for (const [k, spoil] of spoils.entries()) {
      await newBench();
      await expect(installPackage(update, bench.device(new Fuse(firstWrite)))).rejects.toThrow('write B');
      spoil();
      const isOfUse = k === spoils.length - 1;
      expect(await goesOn()).toEqual(isOfUse ? ['base-made', 'resumed'] : ['base-made', 'base-made']);
    }
  }, 120_000);

  it('by the end of the process that installs, at any moment, goes on', async () => {
    const packagePath = join(bench.folder, 'update.pkg');
    const slotPaths = slotPathsIn(bench.folder);
    const config: ReceiverConfig = {
      ...{ device: IDENTITY, trustedKeys: [signer.publicKey], leastSignatures: 1, slotPaths, slotSizeBytes: SLOT },
      ...{ bootFolder: bench.folder, stateFolder: bench.store.folder, frequencyHz: 98_500_000, rateHz: 250_000 },
      ...{ source: { kind: 'rtl_tcp', host: 'nowhere', port: 1 }, gainDb: 'auto', correctionPpm: 0, streams: 4 },
    };
    writeFileSync(packagePath, update);
    const left: string[] = [];
    for (const afterMs of [400, 500, 600, 800, 1000, 1200]) {
      const stopping = new AbortController();
      setTimeout(() => stopping.abort(), afterMs);
      await installBeside({ config, packagePath }, stopping.signal).catch(() => undefined);
      left.push(leftOver().join(' '));
    }
    const never = new AbortController().signal;
    const { kind } = await installBeside({ config, packagePath }, never);
    expect(kind, `it left ${left.join(', ')}`).toMatch(/^(already-)?installed$/);
    await holds(n);
    expect(leftOver()).toEqual([]);
  }, 120_000);

  it('is given up for another package, and leaves nothing behind', async () => {
    const log = new Fuse();
    await installPackage(update, bench.device(log));
    await newBench();
    const device = bench.device(new Fuse(log.log.indexOf('write B')));
    await expect(installPackage(update, device)).rejects.toThrow('write B');
    expect(leftOver()).toEqual(['install.base', 'install.scratch']);
    const other = await sealExample([fullOf(b)], signer, { version: '3', sequence: 3 });
    expect(await installPackage(other, bench.device())).toMatchObject({ kind: 'installed', encoding: 'full' });
    await holds(b);
    expect(leftOver()).toEqual([]);
  });
});

const attempt = mountSmallDisk(1 << 20);
const whyNot = typeof attempt === 'string' ? attempt : undefined;
if (typeof attempt !== 'string') attempt.close();

describe('a chain for which there is no room', () => {
  let disk: SmallDisk;

  /** A device with its state on a disk of its own, on which so much is left. */
  function withRoom(sizeBytes: number): void {
    const made = mountSmallDisk(4 << 20);
    if (typeof made === 'string') throw new Error(made);
    disk = made;
    const state = join(disk.folder, 'state');
    mkdirSync(state);
    symlinkSync(state, bench.store.folder);
    disk.leave(sizeBytes, '');
  }

  it('is seen before anything is written, and tried again when there is room', async ({ skip }) => {
    skip(whyNot !== undefined, whyNot);
    withRoom(1_200_000);
    onTestFinished(() => disk.close());
    const fuse = new Fuse();
    await expect(installPackage(update, bench.device(fuse))).rejects.toMatchObject({
      code: 'NO_ROOM',
      message: expect.stringContaining(`${b.length} bytes for a version in between`),
    });
    expect(fuse.log.filter((name) => name !== 'state')).toEqual([]);
    await expect(verifyPackage(update, bench.device())).rejects.toMatchObject({ code: 'NO_ROOM' });
    const { refusals, settled } = (await bench.store.load()).facts;
    expect([refusals, settled]).toEqual([{}, []]);
    disk.relieve();
    expect(await installPackage(update, bench.device())).toMatchObject({ kind: 'installed', steps: 2 });
    await holds(n);
  });

  it('gives way to full content', async ({ skip }) => {
    skip(whyNot !== undefined, whyNot);
    withRoom(1_200_000);
    onTestFinished(() => disk.close());
    const bytes = await sealExample([...deltas, fullOf(n)], signer, release);
    expect(await installPackage(bytes, bench.device())).toMatchObject({ kind: 'installed', encoding: 'full' });
  });

  it('any more gives its room back, and is tried again when there is some', async ({ skip }) => {
    skip(whyNot !== undefined, whyNot);
    withRoom(3 << 20);
    onTestFinished(() => disk.close());
    const device = bench.device();
    let reads = 0;
    const readSync: Slots['readSync'] = (slot, at, into) => {
      // Somebody else fills the disk while the first step is being made.
      if (slot === 'A' && reads++ === 12) disk.leave(40_000, '');
      device.slots.readSync(slot, at, into);
    };
    const slots = { ...slotsThat(device.slots, (...args) => device.slots.write(...args)), readSync };
    await expect(installPackage(update, { ...device, slots })).rejects.toMatchObject({ code: 'NO_ROOM' });
    expect(reads).toBeGreaterThan(12);
    expect(leftOver()).toEqual([]);
    expect((await bench.store.load()).facts.refusals).toEqual({});
    disk.relieve();
    expect(await installPackage(update, bench.device())).toMatchObject({ kind: 'installed', steps: 2 });
    await holds(n);
  });
});
