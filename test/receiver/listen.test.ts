import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { IqSource, Tuned } from '#hardware/contracts.ts';
import { writeSamples } from '#codec/iq/samples.ts';
import { sha256Native } from '#hardware/native/sha256.ts';
import { slotPathsIn } from '#hardware/slots/file.ts';
import { runEncode } from '../../gateway/encode.ts';
import { runModulate } from '../../gateway/modulate.ts';
import type { ReceiverConfig } from '../../receiver/config.ts';
import { markGood } from '../../receiver/confirm.ts';
import { type InstallOutcome, installPackage } from '../../receiver/install.ts';
import { listen } from '../../receiver/listen.ts';
import { readProgress } from '../../receiver/progress.ts';
import type { ReceptionMinute } from '../../receiver/reception-history.ts';
import { content, deltaOf, sealExample, signerFromSeed } from '../package/example.ts';
import { noiseOf } from './signals.ts';
import { type Bench, IDENTITY, makeBench, SLOT_BYTES } from './device.ts';

const RATE_HZ = 250_000;
const signer = signerFromSeed(1);
const stranger = signerFromSeed(2);
const v1 = content(1, 20_000);
/** More new than four streams bring in the 128 groups of one anchor, so that reception can be stopped in between. */
const v2 = Uint8Array.of(...v1.subarray(0, 9000), ...content(2, 3200), ...v1.subarray(9000));

let update: Uint8Array;
let air: Uint8Array;
let bench: Bench;
let events: Record<string, unknown>[];
let receptions: Record<string, unknown>[];

/** The package on the air: all four streams, no noise; about 25 s of signal. */
async function broadcast(packageBytes: Uint8Array, folder: string): Promise<Uint8Array> {
  await mkdir(folder, { recursive: true });
  const [pkg, hex, iq] = ['x.pkg', 'x.hex', 'x.cu8'].map((name) => join(folder, name));
  await writeFile(pkg, packageBytes);
  const { stdin, stdout } = process;
  const streams = { stdin, stdout, stderr: { write: () => true } as unknown as NodeJS.WriteStream };
  await runEncode(pkg, { ...ENCODE_DEFAULTS, groups: '280', rds2: true, write: hex }, streams);
  await runModulate(
    { input: 'hex', rate: '250k', output: 'iq', rds2: true, audio: 'none', file: hex, write: iq },
    streams,
  );
  return readFile(iq);
}
const ENCODE_DEFAULTS = {
  pi: 'CA11',
  ps: 'CARILLON',
  rt: 'test',
  counter: '0',
  time: '2026-01-01T00:00:30Z',
  output: 'hex',
};

type Ending = 'end' | 'gone';

/** Plays samples as fast as they are taken; at the end the recording ends or the dongle is gone. */
class PlayedSource implements IqSource {
  readonly #bytes: Uint8Array;
  readonly #ending: Ending;
  readonly #closed = new AbortController();
  constructor(bytes: Uint8Array, ending: Ending = 'end') {
    this.#bytes = bytes;
    this.#ending = ending;
  }
  async open(): Promise<Tuned> {
    return { frequencyHz: 98_500_000, rateHz: RATE_HZ, format: 'cu8', description: 'a test' };
  }
  async *chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < this.#bytes.length && !this.#closed.signal.aborted; at += 65_536)
      yield this.#bytes.subarray(at, at + 65_536);
    if (this.#ending === 'gone') throw new Error('the dongle is gone');
  }
  async close(): Promise<void> {
    this.#closed.abort();
  }
}

function config(): ReceiverConfig {
  return {
    device: IDENTITY,
    trustedKeys: [signer.publicKey],
    slotPaths: slotPathsIn(bench.folder),
    slotSizeBytes: SLOT_BYTES,
    bootFolder: bench.folder,
    stateFolder: join(bench.folder, 'state'),
    source: { kind: 'rtl_tcp', host: 'nowhere', port: 1 },
    frequencyHz: 98_500_000,
    rateHz: RATE_HZ,
    gainDb: 'auto',
    correctionPpm: 0,
    leastSignatures: 1,
    streams: 4,
  };
}

interface Run {
  readonly sources?: IqSource[];
  readonly untilInstalled?: boolean;
  readonly signal?: AbortSignal;
  readonly install?: (packagePath: string, signal: AbortSignal) => Promise<InstallOutcome>;
  readonly onEvent?: (event: Record<string, unknown>) => void;
}

async function run({ sources = [], untilInstalled = true, signal, install, onEvent }: Run): Promise<number> {
  events = [];
  receptions = [];
  const waiting = [...sources];
  return listen(config(), bench.device(), {
    untilInstalled,
    signal: signal ?? new AbortController().signal,
    tell: (event) => {
      // Measured twice a second of wall time: told apart from what happens.
      (event['event'] === 'reception' ? receptions : events).push(event);
      onEvent?.(event);
    },
    say: () => {},
    ...(install !== undefined && { install }),
    openSource: () => waiting.shift() ?? new PlayedSource(new Uint8Array(0)),
    reconnectMs: 1,
  });
}

const kinds = (): string[] => [...new Set(events.map((event) => String(event['event'])))];
const historyOf = async (): Promise<readonly ReceptionMinute[]> =>
  (await readProgress(join(bench.folder, 'state')))?.history ?? [];
const sum = (minutes: readonly ReceptionMinute[], of: (minute: ReceptionMinute) => number): number =>
  minutes.reduce((total, minute) => total + of(minute), 0);
const packagesKept = (): Promise<string[]> => readdir(join(bench.folder, 'state', 'packages'));

beforeAll(async () => {
  update = await sealExample([await deltaOf(v1, v2)], signer, { version: '2', sequence: 2 });
  const folder = `/tmp/carillon-air-${process.pid}`;
  air = await broadcast(update, folder);
  await rm(folder, { recursive: true, force: true });
}, 60_000);
beforeEach(async () => {
  bench = await makeBench(v1, [signer.publicKey]);
});
afterEach(async () => {
  await bench.close();
});

describe('listening', () => {
  it('brings a package from the air into the slot that starts next', async () => {
    expect(await run({ sources: [new PlayedSource(air)] })).toBe(0);
    const { groups, wholeGroups } = receptions.at(-1) ?? {};
    expect(Number(groups)).toBeGreaterThan(50);
    expect(wholeGroups).toBe(groups);
    expect(kinds()).toEqual(['source', 'lock', 'tuned', 'directory', 'progress', 'package', 'installed', 'switched']);
    expect(events.at(-1)).toEqual({ event: 'switched', slot: 'B', version: '2', sequence: 2 });
    expect(Buffer.compare((await bench.slotBytes('B')).subarray(0, v2.length), v2)).toBe(0);
    expect(await readProgress(join(bench.folder, 'state'))).toMatchObject({
      source: 'a test',
      objects: [{ forThisDevice: true, fraction: 1, sizeBytes: update.length }],
      signal: {
        input: 'iq',
        rateHz: RATE_HZ,
        // 6750, less what the balance takes of a carrier that no audio moves: its middle is known to a hundredth then.
        carrier: { pilotDeviationHz: expect.closeTo(6700, -2) as number, clippedShare: expect.any(Number) as number },
        streams: [0, 1, 2, 3].map((stream) => ({ stream, tracking: true, locked: true, blockErrorRate: 0 })),
      },
    });
    expect(receptions.at(-1)).toMatchObject({
      levelDbfs: expect.closeTo(0, 0) as number,
      frequencyOffsetHz: expect.any(Number) as number,
      streams: [{ stream: 0, locked: true, ebN0Db: expect.any(Number) as number }, {}, {}, {}],
    });
    // Killed after the switch and before it could say so: the next run ends at once, and installs nothing.
    expect(await run({})).toBe(0);
    expect(kinds()).toEqual(['directory', 'already-installed']);
    // After the reboot it waits for the next one instead.
    await bench.boot.boot();
    await markGood(bench.device());
    expect(await run({ sources: [new PlayedSource(air)] })).toBe(4);
    expect(kinds()).not.toContain('package');
  });

  it('goes on after a stop where it was', async () => {
    const stopping = new AbortController();
    const stopAfterSome = (event: Record<string, unknown>): void => {
      if (event['event'] === 'progress') stopping.abort();
    };
    const first = await run({
      sources: [new PlayedSource(air)],
      signal: stopping.signal,
      onEvent: stopAfterSome,
    });
    expect(first).toBe(4);
    const before = events.filter((event) => event['event'] === 'progress').at(-1)?.['symbols'] as number;
    expect(await run({ sources: [new PlayedSource(air.subarray(air.length >> 1))] })).toBe(0);
    // The first that is heard of it is more than was known before.
    const after = events.find((event) => event['event'] === 'progress')?.['symbols'] as number;
    expect(after).toBeGreaterThanOrEqual(before);
  });

  it('keeps the history of the last hour over a restart, and over a lost source', async () => {
    const part = air.subarray(0, 4_000_000);
    await run({ sources: [new PlayedSource(part, 'gone'), new PlayedSource(part)], untilInstalled: false });
    const first = await historyOf();
    // 4 MB of 250,000 samples of 2 bytes are 8 s.
    expect(sum(first, ({ seconds }) => seconds)).toBeCloseTo(16, 0);
    expect(sum(first, ({ wholeGroups }) => wholeGroups)).toBeGreaterThan(600);
    // Four streams, two receivers.
    expect(sum(first, ({ restarts }) => restarts)).toBe(8);
    await run({ sources: [new PlayedSource(part)], untilInstalled: false });
    const second = await historyOf();
    expect(sum(second, ({ seconds }) => seconds)).toBeCloseTo(24, 0);
    expect(second[0].timeMs).toBe(first[0].timeMs);
  });

  it('begins a new history after an older format or rubbish', async () => {
    for (const text of ['{"format":1,"streams":[],"objects":[]}', '{"format":2,"history":[{"timeMs":"soon"}]}', '\0']) {
      await mkdir(join(bench.folder, 'state'), { recursive: true });
      await writeFile(join(bench.folder, 'state', 'progress.json'), text);
      expect(await run({ sources: [new PlayedSource(air.subarray(0, 500_000))], untilInstalled: false })).toBe(0);
      expect(await readProgress(join(bench.folder, 'state'))).toMatchObject({ format: 2, history: [{}] });
    }
  });

  it('says once why nothing is received, and again after something was', async () => {
    const noise = writeSamples('cu8', noiseOf(0.05, 5_600_000));
    const sources = [new PlayedSource(Buffer.concat([noise, air.subarray(0, 1_000_000), noise]))];
    await run({ sources, untilInstalled: false });
    const told = events.filter((event) => event['event'] === 'nothing-received');
    expect(told.map(({ reason }) => reason)).toEqual(['only-noise', 'only-noise']);
    expect(told[0]['advice']).toMatch(/only noise .* on this frequency: check frequency and antenna/);
    expect((await readProgress(join(bench.folder, 'state')))?.signal).toMatchObject({
      silentSeconds: expect.closeTo(11, 0) as number,
      streams: [{ tracking: false, ebN0Db: null }, {}, {}, {}],
    });
  });

  it('comes back when the dongle goes, as often as it goes', async () => {
    const parts = [0, 1, 2, 3].map((i) => new PlayedSource(air.subarray(i * 2_000_000, (i + 1) * 2_000_000), 'gone'));
    expect(await run({ sources: [...parts, new PlayedSource(air)] })).toBe(0);
    expect(events.filter((event) => event['event'] === 'source-lost').length).toBeGreaterThan(0);
  });

  it('goes on when there is no room for its progress', async () => {
    const progress = join(bench.folder, 'state', 'progress.json');
    await mkdir(join(progress, 'in the way'), { recursive: true });
    expect(await run({ sources: [new PlayedSource(air)] })).toBe(0);
    expect(kinds()).not.toContain('source-lost');
  });

  it('refuses what a stranger signed, says why, and does not receive it again', async () => {
    const forged = await sealExample([await deltaOf(v1, v2)], stranger, { version: '2', sequence: 2 });
    const folder = join(bench.folder, 'air');
    const strange = await broadcast(forged, folder);
    const before = [await bench.slotDigest('A'), await bench.slotDigest('B'), await bench.boot.state()];
    expect(await run({ sources: [new PlayedSource(strange)] })).toBe(3);
    expect(events.at(-1)).toMatchObject({ event: 'refused', reason: 'unknown-key' });
    expect(await packagesKept()).toEqual([]);
    expect(await run({ sources: [new PlayedSource(strange)] })).toBe(4);
    expect(events.find((event) => event['event'] === 'directory')).toMatchObject({ entries: [{ wanted: false }] });
    expect(kinds()).not.toContain('package');
    expect((await bench.store.load()).facts.refusals['unknown-key']?.count).toBe(1);
    expect([await bench.slotDigest('A'), await bench.slotDigest('B'), await bench.boot.state()]).toEqual(before);
  });

  it('goes on receiving while a package is installed beside it', async () => {
    let installing = false;
    let heardMeanwhile = 0;
    const enough = Promise.withResolvers<void>();
    const install = async (path: string): Promise<InstallOutcome> => {
      installing = true;
      await enough.promise;
      installing = false;
      return installPackage(await readFile(path), bench.device());
    };
    const onEvent = ({ event }: Record<string, unknown>): void => {
      if (!installing || event !== 'reception') return;
      if (++heardMeanwhile === 3) enough.resolve();
    };
    expect(await run({ sources: [new PlayedSource(Buffer.concat([air, air, air, air]))], install, onEvent })).toBe(0);
    expect(heardMeanwhile).toBeGreaterThanOrEqual(3);
    expect(kinds()).toContain('switched');
  });

  it('stops what is installed beside it when it is stopped, and says nothing of it', async () => {
    const stopping = new AbortController();
    const install = (_path: string, signal: AbortSignal): Promise<InstallOutcome> =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('stopped')));
        stopping.abort();
      });
    expect(await run({ sources: [new PlayedSource(air)], install, signal: stopping.signal })).toBe(4);
    expect(kinds()).not.toContain('error');
    expect(await packagesKept()).toHaveLength(1);
    expect(await run({})).toBe(0);
    expect(kinds()).toContain('switched');
  });

  it('tries again where the process that installs has failed', async () => {
    let tries = 0;
    const install = async (path: string): Promise<InstallOutcome> => {
      if (tries++ === 0) throw new Error('it was killed');
      return installPackage(await readFile(path), bench.device());
    };
    expect(await run({ sources: [new PlayedSource(air)], install })).toBe(0);
    expect(events.find(({ event }) => event === 'error')).toMatchObject({ message: 'it was killed' });
    expect(kinds()).toContain('switched');
  });

  it('judges what was finished and not judged when it was killed', async () => {
    const packages = join(bench.folder, 'state', 'packages');
    await mkdir(packages, { recursive: true });
    await writeFile(join(packages, `${sha256Native(update).toHex()}.pkg`), update);
    expect(await run({})).toBe(0);
    expect(kinds()).toEqual(['installed', 'switched']);
  });

  it('waits with a package while the running system is not confirmed, and installs it afterwards', async () => {
    await installPackage(update, bench.device());
    await bench.boot.boot();
    const v3 = v2.slice(0, 15_000);
    const third = await sealExample([await deltaOf(v2, v3)], signer, { version: '3', sequence: 3 });
    const packages = join(bench.folder, 'state', 'packages');
    await mkdir(packages, { recursive: true });
    await writeFile(join(packages, `${sha256Native(third).toHex()}.pkg`), third);
    let marked: Promise<unknown> | undefined;
    const exit = await run({
      sources: [new PlayedSource(air)],
      onEvent: (event) => {
        if (event['event'] === 'postponed') marked ??= markGood(bench.device());
      },
    });
    await marked;
    expect(exit).toBe(0);
    expect(kinds().filter((kind) => /postponed|installed|switched/.test(kind))).toEqual([
      'postponed',
      'installed',
      'switched',
    ]);
    expect(await packagesKept()).toEqual([`${sha256Native(third).toHex()}.pkg`]);
  });

  it('without --until-installed listens to the end and is content', async () => {
    expect(await run({ sources: [new PlayedSource(air)], untilInstalled: false })).toBe(0);
    expect(kinds()).toContain('switched');
    expect(events.at(-1)).toEqual({ event: 'end-of-recording' });
  });
});
