import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Slots } from '#hardware/contracts.ts';
import { explainRefusal, type RefusalReason } from '#codec/package/refusal.ts';
import { sha256Native } from '#hardware/native/sha256.ts';
import { markGood, rollBack } from '../../receiver/confirm.ts';
import { observe } from '../../receiver/device.ts';
import { installPackage, verifyPackage } from '../../receiver/install.ts';
import { INSTALL_STATES, type InstallEvent, type InstallState, observedEvent } from '../../receiver/install-states.ts';
import { withHistory } from '../../receiver/state.ts';
import { content, deltaOf, fullOf, sealExample, signerFromSeed } from '../package/example.ts';
import { type Bench, bootThat, Fuse, IDENTITY, makeBench, PowerCut, SLOT_BYTES, slotsThat } from './device.ts';

const signer = signerFromSeed(1);
const stranger = signerFromSeed(2);
const v1 = content(1, 40_000);
const v2 = Uint8Array.of(...v1.subarray(0, 9000), ...content(2, 200), ...v1.subarray(9000, 30_000));
const v3 = Uint8Array.of(...v2.subarray(0, 20_000), ...content(3, 30));

let update2: Uint8Array;
let update3: Uint8Array;
let bench: Bench;

beforeAll(async () => {
  update2 = await sealExample([await deltaOf(v1, v2)], signer, { version: '2', sequence: 2 });
  update3 = await sealExample([await deltaOf(v2, v3), fullOf(v3)], signer, { version: '3', sequence: 3 });
});
beforeEach(async () => {
  bench = await makeBench(v1, [signer.publicKey]);
});
afterEach(async () => {
  await bench.close();
});

const startsWith = (slot: Uint8Array, wanted: Uint8Array): boolean =>
  Buffer.compare(slot.subarray(0, wanted.length), wanted) === 0;

async function stateNow(): Promise<InstallState> {
  return (await observe(bench.device())).facts.install?.state ?? 'idle';
}

/** A boot loader at any moment starts a whole system or nothing new. */
async function whatStartsIsWhole(): Promise<void> {
  const { started } = await bench.boot.boot();
  if (started === undefined) throw new Error('the device does not start any more');
  const bytes = await bench.slotBytes(started);
  const whole = [v1, v2, v3].some((system) => startsWith(bytes, system));
  expect(whole, `slot ${started} was started half-written`).toBe(true);
}

async function operationsOf(update: Uint8Array): Promise<number> {
  const fuse = new Fuse();
  await installPackage(update, bench.device(fuse));
  return fuse.log.length;
}

describe('an installation', () => {
  it('goes from factory to confirmed, with running and confirmed kept apart', async () => {
    const fuse = new Fuse();
    const outcome = await installPackage(update2, bench.device(fuse));
    expect(outcome).toMatchObject({ kind: 'installed', target: 'B', version: '2', sequence: 2, encoding: 'delta' });
    expect(startsWith(await bench.slotBytes('B'), v2)).toBe(true);
    expect(await bench.boot.state()).toEqual({ order: ['B', 'A'], attemptsLeft: { A: 3, B: 3 }, running: 'A' });
    expect(await stateNow()).toBe('switched');
    // The order of docs/package.md: closed before the first byte, flushed before the switch.
    const acts = fuse.log.filter((name) => name !== 'state');
    expect(acts[0]).toBe('close B');
    expect(acts.slice(-2)).toEqual(['flush B', 'activate B']);
    expect(acts.slice(1, -2).every((name) => name === 'write B')).toBe(true);

    expect(await bench.boot.boot()).toEqual({ started: 'B', tried: ['B'] });
    expect(await stateNow()).toBe('running');
    expect((await bench.store.load()).sequenceFloor).toBe(0);

    expect(await markGood(bench.device())).toEqual({ slot: 'B', version: '2', sequence: 2 });
    expect(await stateNow()).toBe('confirmed');
    expect(await bench.boot.state()).toMatchObject({ order: ['B', 'A'], attemptsLeft: { B: 3 } });
    expect((await bench.store.load()).sequenceFloor).toBe(2);

    // And on, from the new base, into the other slot.
    expect(await installPackage(update3, bench.device())).toMatchObject({
      kind: 'installed',
      target: 'A',
      encoding: 'delta',
    });
    expect(startsWith(await bench.slotBytes('A'), v3)).toBe(true);
  });

  it('writes only the blocks that differ', async () => {
    await installPackage(update2, bench.device());
    await bench.boot.boot();
    await markGood(bench.device());
    const back = await sealExample([fullOf(v1)], signer, { version: '1 again', sequence: 4 });
    // Slot A still holds it.
    expect(await installPackage(back, bench.device())).toMatchObject({
      kind: 'installed',
      target: 'A',
      writtenBytes: 0,
      keptBytes: v1.length,
    });
  });

  it('touches only the target slot', async () => {
    const before = await bench.slotDigest('A');
    await installPackage(update2, bench.device());
    expect(await bench.slotDigest('A')).toBe(before);
    expect((await bench.slotBytes('B')).subarray(v2.length).every((byte) => byte === 0xee)).toBe(true);
  });

  it('uses full content where no delta fits', async () => {
    expect(await installPackage(update3, bench.device())).toMatchObject({ kind: 'installed', encoding: 'full' });
    expect(startsWith(await bench.slotBytes('B'), v3)).toBe(true);
  });

  it('is not done twice', async () => {
    await installPackage(update2, bench.device());
    const fuse = new Fuse();
    const again = { kind: 'already-installed', version: '2', sequence: 2 };
    expect(await installPackage(update2, bench.device(fuse))).toEqual(again);
    await bench.boot.boot();
    expect(await installPackage(update2, bench.device(fuse))).toEqual(again);
    await markGood(bench.device());
    expect(await installPackage(update2, bench.device(fuse))).toEqual(again);
    expect(fuse.log.filter((name) => /write|close|activate/.test(name))).toEqual([]);
  });

  it('recognises what runs when the device has lost its memory', async () => {
    const same = await sealExample([fullOf(v1)], signer, { version: '1', sequence: 1 });
    expect(await installPackage(same, bench.device())).toMatchObject({ kind: 'already-installed' });
    expect((await bench.store.load()).facts.slots.A).toMatchObject({ version: '1', sequence: 1 });
  });

  it('is put off while the running system has not been confirmed: the other slot is the way back', async () => {
    await installPackage(update2, bench.device());
    await bench.boot.boot();
    const a = await bench.slotDigest('A');
    expect(await installPackage(update3, bench.device())).toMatchObject({ kind: 'postponed' });
    expect(await bench.slotDigest('A')).toBe(a);
    await markGood(bench.device());
    expect(await installPackage(update3, bench.device())).toMatchObject({ kind: 'installed', target: 'A' });
  });

  it.each([
    ['was spoilt', (path: string) => writeFile(path, 'garbage')],
    ['is gone', (path: string) => rm(path)],
  ])('is put off, as long as it takes, when the record of what waits for its confirmation %s', async (_, lose) => {
    // As the factory leaves it.
    await bench.store.raiseFloor(1);
    await installPackage(update2, bench.device());
    await bench.boot.boot();
    await lose(join(bench.store.folder, 'state.json'));
    const a = await bench.slotDigest('A');
    expect(await installPackage(update3, bench.device())).toMatchObject({ kind: 'postponed' });
    // The loss is remembered when something else has been written down.
    await bench.store.update((facts) => withHistory(facts, 1, 'something else', ''));
    expect(await installPackage(update3, bench.device())).toMatchObject({ kind: 'postponed' });
    expect(await bench.slotDigest('A')).toBe(a);
    await markGood(bench.device());
    expect(await installPackage(update3, bench.device())).toMatchObject({ kind: 'installed', target: 'A' });
  });

  it('replaces a version that was switched to and not started', async () => {
    await installPackage(update2, bench.device());
    expect(await installPackage(update3, bench.device())).toMatchObject({ kind: 'installed', target: 'B' });
    expect(await bench.boot.boot()).toMatchObject({ started: 'B' });
    expect((await bench.store.load()).facts.failed).toEqual([]);
  });

  it('survives a health check between the switch and the reboot', async () => {
    await installPackage(update2, bench.device());
    await markGood(bench.device());
    expect(await stateNow()).toBe('switched');
    expect(await bench.boot.boot()).toMatchObject({ started: 'B' });
  });
});

describe('a version that does not prove itself', () => {
  it('is given up by the boot loader after three starts and never tried again', async () => {
    await installPackage(update2, bench.device());
    expect((await bench.boot.boot(async (slot) => slot === 'A')).tried).toEqual(['B', 'B', 'B', 'A']);
    expect(await stateNow()).toBe('rolled-back');
    expect(await installPackage(update2, bench.device())).toMatchObject({ kind: 'refused', reason: 'failed-before' });
    const older = await sealExample([fullOf(v2)], signer, { sequence: 1 });
    expect(await installPackage(older, bench.device())).toMatchObject({ kind: 'refused', reason: 'older-sequence' });
    expect(await installPackage(update3, bench.device())).toMatchObject({ kind: 'installed', target: 'B' });
  });

  it('is given up when it starts and is never marked good', async () => {
    await installPackage(update2, bench.device());
    const started = [];
    for (let i = 0; i < 4; i++) {
      started.push((await bench.boot.boot()).started);
      await observe(bench.device());
    }
    expect(started).toEqual(['B', 'B', 'B', 'A']);
    expect(await stateNow()).toBe('rolled-back');
  });

  it('can be left by hand, before and after its start', async () => {
    expect(await rollBack(bench.device())).toMatchObject({ kind: 'nothing-to-roll-back' });
    await installPackage(update2, bench.device());
    expect(await rollBack(bench.device())).toEqual({ kind: 'rolled-back', next: 'A', needsReboot: false });
    expect(await bench.boot.boot()).toMatchObject({ started: 'A' });
    await installPackage(update3, bench.device());
    await bench.boot.boot();
    expect(await rollBack(bench.device())).toEqual({ kind: 'rolled-back', next: 'A', needsReboot: true });
    expect(await bench.boot.boot()).toMatchObject({ started: 'A' });
    expect((await bench.store.load()).facts.failed.map((failed) => failed.sequence)).toEqual([2, 3]);
  });

  it('is not left once it is confirmed', async () => {
    await installPackage(update2, bench.device());
    await bench.boot.boot();
    await markGood(bench.device());
    expect(await rollBack(bench.device())).toMatchObject({ kind: 'nothing-to-roll-back' });
    expect(await bench.boot.boot()).toMatchObject({ started: 'B' });
  });

  it('may be installed again when it was confirmed and its slot broke later', async () => {
    await installPackage(update2, bench.device());
    await bench.boot.boot();
    await markGood(bench.device());
    await bench.boot.boot(async (slot) => slot === 'A');
    expect(await installPackage(update2, bench.device())).toMatchObject({ kind: 'installed', target: 'B' });
  });
});

describe('refusals: counted, explained, and nothing touched', () => {
  const full = fullOf(v2);
  const cases: [RefusalReason, () => Promise<Uint8Array>][] = [
    ['not-a-package', async () => new Uint8Array(100)],
    ['unknown-key', async () => sealExample([full], stranger, { sequence: 9 })],
    ['bad-signature', async () => sealExample([full], { ...stranger, keyId: signer.keyId }, { sequence: 9 })],
    ['wrong-size', async () => (await sealExample([full], signer, { sequence: 9 })).subarray(0, -1)],
    [
      'payload-damaged',
      async () => {
        const bytes = await sealExample([full], signer, { sequence: 9 });
        bytes[bytes.length - 1] ^= 1;
        return bytes;
      },
    ],
    ['wrong-vendor', async () => sealExample([full], signer, { vendor: 'example.org' })],
    ['wrong-device-type', async () => sealExample([full], signer, { deviceType: 'RaspberryPi3A_43' })],
    ['wrong-hardware-revision', async () => sealExample([full], signer, { hardwareRevisions: [1, 3] })],
    ['unsupported-kind', async () => sealExample([full], signer, { kind: 'app' })],
    ['same-sequence', async () => sealExample([full], signer, { sequence: 5 })],
    ['older-sequence', async () => sealExample([full], signer, { sequence: 4 })],
    ['installed-too-old', async () => sealExample([full], signer, { oldestSequence: 6 })],
    [
      'no-usable-payload',
      async () => sealExample([full, { ...full, described: { ...full.described, target: 'boot' } }], signer),
    ],
    ['too-large', async () => sealExample([fullOf(new Uint8Array(SLOT_BYTES + 1))], signer)],
    ['base-mismatch', async () => sealExample([await deltaOf(content(77, 40_000), v2)], signer)],
  ];

  beforeEach(async () => {
    // What runs is sequence 5, known and confirmed.
    const five = await sealExample([fullOf(v1)], signer, { version: '5', sequence: 5 });
    await installPackage(five, bench.device());
    await markGood(bench.device());
  });

  it.each(cases)('%s', async (reason, make) => {
    const bytes = await make();
    const [a, b, boot] = [await bench.slotDigest('A'), await bench.slotDigest('B'), await bench.boot.state()];
    const fuse = new Fuse();
    const outcome = await installPackage(bytes, bench.device(fuse));
    expect(outcome).toMatchObject({ kind: 'refused', reason });
    expect([await bench.slotDigest('A'), await bench.slotDigest('B'), await bench.boot.state()]).toEqual([a, b, boot]);
    expect(fuse.log.filter((name) => name !== 'state')).toEqual([]);
    await installPackage(bytes, bench.device());
    const { refusals, settled } = (await bench.store.load()).facts;
    expect(refusals[reason]).toMatchObject({ count: 2, lastPackageHex: sha256Native(bytes).toHex() });
    expect(settled.map((one) => one.reason)).toEqual(['already-installed', reason]);
    expect(explainRefusal({ reason, detail: refusals[reason]?.lastDetail ?? '' })).toMatch(/^Refused: .*\.$/);
  });

  it('content-mismatch is seen when it is unpacked: what runs goes on, the other slot is closed', async () => {
    const described = { ...full.described, compression: 'zstd' as const };
    const frame = fullOf(new Uint8Array(v2.length)).bytes;
    const wrong = { ...described, sizeOnAirBytes: frame.length, sha256OnAir: sha256Native(frame) };
    const bytes = await sealExample([{ described: wrong, bytes: frame }], signer, { sequence: 6 });
    const [a, b] = [await bench.slotDigest('A'), await bench.slotDigest('B')];

    expect(await verifyPackage(bytes, bench.device())).toMatchObject({ kind: 'refused', reason: 'content-mismatch' });
    expect([await bench.slotDigest('A'), await bench.slotDigest('B')]).toEqual([a, b]);
    expect((await bench.store.load()).facts.refusals).toEqual({});

    const refusal = { kind: 'refused', reason: 'content-mismatch' };
    expect(await installPackage(bytes, bench.device())).toMatchObject(refusal);
    expect(await bench.slotDigest('A')).toBe(a);
    expect(await bench.boot.state()).toEqual({ order: ['A'], attemptsLeft: { A: 3, B: 0 }, running: 'A' });
    expect(await stateNow()).toBe('idle');
    const { refusals, settled, slots } = (await bench.store.load()).facts;
    expect(refusals['content-mismatch']).toMatchObject({ count: 1 });
    expect(settled.map((one) => one.reason)).toEqual(['already-installed', 'content-mismatch']);
    expect(slots).toMatchObject({ A: { version: '5' }, B: null });
    expect(await bench.boot.boot()).toMatchObject({ started: 'A' });
    const good = await sealExample([fullOf(v2)], signer, { sequence: 7 });
    expect(await installPackage(good, bench.device())).toMatchObject({ kind: 'installed', target: 'B' });
  });

  it('a broken delta gives way to full content', async () => {
    const other = await deltaOf(v1, v2.toReversed());
    const { sha256Installed } = full.described;
    const bytes = await sealExample(
      [{ ...other, described: { ...other.described, sha256Installed } }, fullOf(v2)],
      signer,
      { sequence: 6 },
    );
    expect(await installPackage(bytes, bench.device())).toMatchObject({ kind: 'installed', encoding: 'full' });
    expect(startsWith(await bench.slotBytes('B'), v2)).toBe(true);
  });

  it('a base that reads otherwise the second time is a failure of the device, not of the package', async () => {
    const device = bench.device();
    const readSync: Slots['readSync'] = (slot, at, into) => {
      device.slots.readSync(slot, at, into);
      // The first look finds the base, what follows does not.
      if (slot === 'A' && reads++ > 0) into[into.length >> 1] ^= 1;
    };
    let reads = 0;
    const flaky = { ...slotsThat(device.slots, (...args) => device.slots.write(...args)), readSync };
    const update = await sealExample([await deltaOf(v1, v2)], signer, { sequence: 6 });
    await expect(installPackage(update, { ...device, slots: flaky })).rejects.toMatchObject({ code: 'SLOT_READ' });
    expect((await bench.store.load()).facts.refusals).toEqual({});
    expect(await installPackage(update, bench.device())).toMatchObject({ kind: 'installed' });
  });

  it('verify says the same and counts nothing', async () => {
    const bytes = await sealExample([full], signer, { vendor: 'example.org' });
    expect(await verifyPackage(bytes, bench.device())).toMatchObject({ kind: 'refused', reason: 'wrong-vendor' });
    expect((await bench.store.load()).facts.refusals).toEqual({});
  });

  it('a damaged base is found before anything is written', async () => {
    const slots = await bench.slotBytes('A');
    slots[100] ^= 1;
    await writeFile(`${bench.folder}/slot-a.img`, slots);
    const update = await sealExample([await deltaOf(v1, v2)], signer, { sequence: 6 });
    const b = await bench.slotDigest('B');
    expect(await installPackage(update, bench.device())).toMatchObject({ kind: 'refused', reason: 'base-mismatch' });
    expect(await bench.slotDigest('B')).toBe(b);
  });

  it('a device without a revision takes only packages for all of them', async () => {
    const device = { ...bench.device(), identity: { vendor: IDENTITY.vendor, deviceType: IDENTITY.deviceType } };
    const bytes = await sealExample([full], signer, { hardwareRevisions: [2] });
    expect(await installPackage(bytes, device)).toMatchObject({ reason: 'wrong-hardware-revision' });
    expect(await installPackage(bytes, bench.device())).toMatchObject({ kind: 'installed' });
  });
});

describe('a power cut', () => {
  it.each([false, true])(
    'at every operation leaves a device that starts and then installs (torn writes: %s)',
    async (torn) => {
      const operations = await operationsOf(update2);
      expect(operations).toBeGreaterThan(8);
      for (let n = 0; n < operations; n++) {
        await bench.close();
        bench = await makeBench(v1, [signer.publicKey]);
        const fuse = new Fuse(n, torn);
        await installPackage(update2, bench.device(fuse)).catch(() => {});
        expect(fuse.blown).toBe(true);
        await whatStartsIsWhole();
        const outcome = await installPackage(update2, bench.device());
        expect(outcome.kind, `cut at ${fuse.log.at(-1)}`).toMatch(/^(already-)?installed$/);
        expect(await bench.boot.boot()).toMatchObject({ started: 'B' });
        expect(startsWith(await bench.slotBytes('B'), v2)).toBe(true);
        await markGood(bench.device());
        expect(await stateNow()).toBe('confirmed');
        const events = (await bench.store.load()).facts.history.map((entry) => entry.event);
        expect(events.filter((event) => event === 'gave-up')).toEqual([]);
      }
    },
  );

  it('at every operation of replacing a switched version leaves a device that starts, and keeps the way back', async () => {
    await installPackage(update2, bench.device());
    const operations = await operationsOf(update3);
    const wayBackIntact: boolean[] = [];
    for (let n = 0; n < operations; n++) {
      await bench.close();
      bench = await makeBench(v1, [signer.publicKey]);
      await installPackage(update2, bench.device());
      const fuse = new Fuse(n);
      await installPackage(update3, bench.device(fuse)).catch(() => {});
      expect(fuse.blown).toBe(true);
      await whatStartsIsWhole();
      let outcome = await installPackage(update3, bench.device());
      if (outcome.kind === 'postponed') {
        // The old switch was still good, and it was started.
        wayBackIntact.push(startsWith(await bench.slotBytes('A'), v1));
        await markGood(bench.device());
        outcome = await installPackage(update3, bench.device());
      }
      expect(outcome.kind, `operation ${n}`).toMatch(/^(already-)?installed$/);
      await bench.boot.boot();
      const { running } = await bench.boot.state();
      expect(startsWith(await bench.slotBytes(running), v3)).toBe(true);
    }
    expect(wayBackIntact.length).toBeGreaterThan(0);
    expect(wayBackIntact).not.toContain(false);
  });

  it('at every operation of mark-good and rollback is repaired by calling it again', async () => {
    for (const command of [markGood, rollBack]) {
      for (let n = 0; ; n++) {
        await bench.close();
        bench = await makeBench(v1, [signer.publicKey]);
        await installPackage(update2, bench.device());
        await bench.boot.boot();
        await observe(bench.device());
        const fuse = new Fuse(n);
        const cut = await command(bench.device(fuse)).then(
          () => false,
          (error: unknown) => error instanceof PowerCut,
        );
        if (!cut) break;
        await command(bench.device());
        const { facts } = await observe(bench.device());
        expect(facts.install?.state).toBe(command === markGood ? 'confirmed' : 'rolled-back');
        expect(await bench.boot.boot()).toMatchObject({ started: command === markGood ? 'B' : 'A' });
        expect((await bench.store.load()).sequenceFloor).toBe(command === markGood ? 2 : 0);
      }
    }
  });

  it('would be noticed by these tests if the switch came before the writing', async () => {
    const fuse = new Fuse(4, true);
    const cut = bench.device(fuse);
    // The seeded mistake: the boot loader is told to start the slot where it should be told not to.
    const hasty = bootThat(cut.boot, (slot) => bench.boot.activate(slot, 3));
    await expect(installPackage(update2, { ...cut, boot: hasty })).rejects.toMatchObject({ code: 'SLOT_WRITE' });
    expect(fuse.log.at(-1)).toBe('write B');
    await expect(whatStartsIsWhole()).rejects.toThrow(/half-written/);
  });
});

describe('a failing device', () => {
  it('says that a full disk left the running system alone, and installs when there is room', async () => {
    const device = bench.device();
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    let writes = 0;
    const slots = slotsThat(device.slots, (...args) =>
      ++writes > 2 ? Promise.reject(full) : device.slots.write(...args),
    );
    const a = await bench.slotDigest('A');
    // Small chunks of difference, so that there are several writes.
    const patchy = v1.slice();
    for (let at = 0; at < patchy.length; at += 8192) patchy[at] ^= 1;
    const prepared = new Uint8Array(SLOT_BYTES);
    prepared.set(v1);
    await device.slots.write('B', 0, prepared);
    const update = await sealExample([await deltaOf(v1, patchy)], signer, { sequence: 2, version: '2' });
    await expect(installPackage(update, { ...device, slots })).rejects.toMatchObject({
      code: 'SLOT_WRITE',
      message: expect.stringMatching(/ENOSPC.*running system is untouched/s),
    });
    expect(await bench.slotDigest('A')).toBe(a);
    expect(await bench.boot.state()).toMatchObject({ order: ['A'], attemptsLeft: { B: 0 } });
    expect(await bench.boot.boot()).toMatchObject({ started: 'A' });
    expect(await installPackage(update, bench.device())).toMatchObject({ kind: 'installed' });
  });

  it('does not switch to a slot that does not give back what was written', async () => {
    const device = bench.device();
    const bad = slotsThat(device.slots, async () => {});
    await expect(installPackage(update2, { ...device, slots: bad })).rejects.toMatchObject({ code: 'SLOT_VERIFY' });
    expect((await bench.boot.state()).order).toEqual(['A']);
    expect((await bench.store.load()).facts.slots.B).toBeNull();
  });

  it('gives the running system its attempts back before it closes the other slot', async () => {
    await bench.boot.boot();
    await bench.boot.boot();
    expect((await bench.boot.state()).attemptsLeft.A).toBe(1);
    await installPackage(update2, bench.device());
    expect(await bench.boot.state()).toMatchObject({ order: ['B', 'A'], attemptsLeft: { A: 3, B: 3 } });
  });

  it('does not let two installations run at once', async () => {
    const results = await Promise.allSettled([
      installPackage(update2, bench.device()),
      installPackage(update2, bench.device()),
    ]);
    const kinds = results.map((result) =>
      result.status === 'fulfilled' ? result.value.kind : (result.reason as { code: string }).code,
    );
    expect(kinds.toSorted()).toEqual(['STATE_LOCKED', 'installed']);
  });
});

const states = Object.keys(INSTALL_STATES) as InstallState[];
const nextOf = (state: InstallState): InstallState[] => Object.values(INSTALL_STATES[state]);
const into = (event: InstallEvent): InstallState[] => states.filter((state) => INSTALL_STATES[state][event]);

describe('the table of states', () => {
  it('has no state without a way in, and leads from every state to confirmed', () => {
    for (const state of states) {
      const reached = new Set<InstallState>([state]);
      for (const from of reached) for (const to of nextOf(from)) reached.add(to);
      expect([...reached].includes('confirmed'), `${state} leads to confirmed`).toBe(true);
      expect(states.some((from) => nextOf(from).includes(state)) || state === 'idle', `a way into ${state}`).toBe(true);
    }
  });

  it('accepts nothing while the only proven system is in the other slot', () => {
    expect(INSTALL_STATES.running.accepted).toBeUndefined();
  });

  it('writes only behind a closed slot and switches only behind a read-back', () => {
    expect(into('write-started')).toEqual(['marked']);
    expect(into('activated')).toEqual(['written']);
    expect(into('marked-good')).toEqual(['running']);
  });

  it.each([
    ['written', { order: ['A'], attemptsLeft: { A: 3, B: 0 }, running: 'A' }, undefined],
    ['written', { order: ['B', 'A'], attemptsLeft: { A: 3, B: 3 }, running: 'A' }, 'activated'],
    ['switched', { order: ['B', 'A'], attemptsLeft: { A: 3, B: 3 }, running: 'A' }, undefined],
    ['switched', { order: ['B', 'A'], attemptsLeft: { A: 3, B: 2 }, running: 'B' }, 'started'],
    ['switched', { order: ['B', 'A'], attemptsLeft: { A: 2, B: 0 }, running: 'A' }, 'gave-up'],
    ['switched', { order: ['A', 'B'], attemptsLeft: { A: 3, B: 3 }, running: 'A' }, 'switch-lost'],
    ['withdrawing', { order: ['A'], attemptsLeft: { A: 3, B: 0 }, running: 'A' }, 'withdrawn'],
    ['withdrawing', { order: ['B', 'A'], attemptsLeft: { A: 3, B: 2 }, running: 'B' }, 'started'],
    ['running', { order: ['B', 'A'], attemptsLeft: { A: 3, B: 0 }, running: 'B' }, undefined],
    ['running', { order: ['B', 'A'], attemptsLeft: { A: 2, B: 0 }, running: 'A' }, 'gave-up'],
    ['confirmed', { order: ['B', 'A'], attemptsLeft: { A: 2, B: 0 }, running: 'A' }, undefined],
  ] as const)('in %s, %j means %s', (state, boot, event) => {
    expect(observedEvent(state, 'B', boot)).toBe(event);
  });
});
