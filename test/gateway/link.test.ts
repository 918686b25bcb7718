import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeFrame } from '#codec/messages/frame.ts';
import { encodeMessage, type GatewayMessage, type Heartbeat, type Job } from '#codec/messages/link.ts';
import { Intake, type IntakeOptions } from '../../gateway/intake.ts';
import { JobList, MAX_JOBS } from '../../gateway/jobs.ts';
import { Link, type LinkOptions } from '../../gateway/link.ts';
import { PackageStore } from '../../gateway/packages.ts';
import { until } from '../until.ts';
import { FakeBackend, newPki, type Pki } from './fake-backend.ts';
import { type Folder, jobFor, newFolder, newKey, newPackage, noise, type TestKey } from './station.ts';

let pki: Pki;
let key: TestKey;
let small: Uint8Array;
let large: Uint8Array;
let folder: Folder;
let backend: FakeBackend;
const gateways: Gateway[] = [];

beforeAll(async () => {
  pki = await newPki();
  key = newKey();
  small = await newPackage(key, 5000);
  large = await newPackage(key, 700_000, { sequence: 2 });
});
beforeEach(async () => {
  folder = await newFolder();
  backend = await FakeBackend.listen(pki);
});
afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.stop();
  await backend.close();
  await folder.remove();
});

type Changes = Partial<LinkOptions> & Partial<Pick<IntakeOptions, 'maxJobs' | 'maxBytes'>>;

/** The part of a gateway that talks to the backend. */
/** A deadline that the station of these tests cannot keep. */
const HOPELESS_MS = 4_000_000_000_000;

class Gateway {
  readonly held: string[] = [];
  readonly gone: string[] = [];
  readonly events: string[] = [];
  readonly waitsMs: number[] = [];
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  readonly intake: Intake;
  readonly jobs: JobList;
  readonly link: Link;
  readonly #packages: PackageStore;

  private constructor(jobs: JobList, packages: PackageStore, { maxJobs, maxBytes, ...more }: Changes) {
    this.jobs = jobs;
    this.#packages = packages;
    const onEvent = (event: string, text: string, facts: Readonly<Record<string, unknown>> = {}): void => {
      this.events.push(`${event}: ${text}`);
      if (typeof facts['waitMs'] === 'number') this.waitsMs.push(facts['waitMs']);
    };
    this.intake = new Intake({
      jobs,
      packages,
      refusalOf: ({ deadlineMs }) => (deadlineMs === HOPELESS_MS ? 'Refused: no share would do.' : undefined),
      onHeld: ({ job: { jobId } }) => this.held.push(jobId),
      onChanged: ({ job: { jobId, priority } }) => this.held.push(`${jobId}:${priority}`),
      onGone: (jobId) => this.gone.push(jobId),
      onEvent,
      retryMs: 100,
      ...(maxJobs === undefined ? {} : { maxJobs }),
      ...(maxBytes === undefined ? {} : { maxBytes }),
    });
    this.link = new Link({
      host: '127.0.0.1',
      port: backend.port,
      credentials: { key: pki.gateway.key, certificate: pki.gateway.certificate, ca: pki.authority.certificate },
      software: 'test',
      intake: this.intake,
      jobs,
      heartbeat: () => ({ kind: 'heartbeat', timeMs: 1, transmitting: true, onAir: [], streams: [] }),
      heartbeatMs: 20,
      onEvent,
      minWaitMs: 5,
      maxWaitMs: 40,
      ...more,
    });
  }

  static async start(more: Changes = {}): Promise<Gateway> {
    const gateway = new Gateway(
      await JobList.load(folder.path),
      await PackageStore.open(folder.path, [key.publicKey]),
      more,
    );
    gateway.#running = gateway.link.run(gateway.#stop.signal);
    gateways.push(gateway);
    return gateway;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.intake.close();
    await this.#packages.close();
  }

  event(name: string): string | undefined {
    return this.events.find((event) => event.startsWith(`${name}:`));
  }
}

function offer(jobId: string, bytes: Uint8Array, more: Partial<Job> = {}): void {
  backend.offers.push({ job: jobFor(jobId, bytes, { target: `app/${jobId}`, ...more }), bytes });
}

async function storedFiles(): Promise<string[]> {
  return (await readdir(folder.file('packages'))).sort();
}

/** A folder in its place keeps the list of jobs from being replaced. */
async function block(): Promise<void> {
  await rm(folder.file('jobs.json'), { force: true });
  await mkdir(folder.file('jobs.json'));
}

async function unblock(): Promise<void> {
  await rm(folder.file('jobs.json'), { recursive: true });
}

describe('the line to the backend', () => {
  it('fetches a package, verifies it, and says so only then', async () => {
    offer('j1', small);
    const gateway = await Gateway.start();
    await until(() => backend.receipts('j1').length > 0, 'a receipt');
    expect(backend.receipts('j1')).toEqual(['stored']);
    expect(gateway.held).toEqual(['j1']);
    expect(await storedFiles()).toEqual(['j1.pkg']);
    expect(Buffer.from(await readFile(folder.file('packages/j1.pkg'))).equals(small)).toBe(true);
    expect((await JobList.load(folder.path)).get('j1')?.state).toBe('stored');
    await gateway.intake.onAir('j1');
    await until(() => backend.receipts('j1').includes('on-air'), 'the receipt on-air');
    await until(() => backend.heard.some(({ kind }) => kind === 'heartbeat'), 'a heartbeat');
  });

  it('says at the next hello what it has, and repeats receipts that may have been lost', async () => {
    offer('j1', small);
    const gateway = await Gateway.start();
    await until(() => backend.receipts('j1').length > 0, 'a receipt');
    backend.dropAll();
    await until(() => backend.connections === 2 && backend.receipts('j1').length === 2, 'the second connection');
    const hellos = backend.heard.flatMap((message) => (message.kind === 'hello' ? [message.storedJobIds] : []));
    expect(hellos).toEqual([[], ['j1']]);
    expect(backend.heard.filter(({ kind }) => kind === 'want').length).toBe(1);
    expect(gateway.held).toEqual(['j1']);
  });

  it('takes up a transfer where it was cut, at any byte', async () => {
    offer('j2', large, { sequence: 2 });
    backend.pieceBytes = 10_000;
    backend.cuts = [1, 3, 4, 5, 10_050, 70_001, 123_456, 10_060, 200_000];
    await Gateway.start();
    await until(() => backend.receipts('j2').length > 0, 'a receipt');
    expect(backend.receipts('j2')).toEqual(['stored']);
    expect(backend.connections).toBe(10);
    const wants = backend.heard.flatMap((message) => (message.kind === 'want' ? [message.offsetBytes] : []));
    expect(wants).toEqual(wants.toSorted((a, b) => a - b));
    // Every cut costs the piece it fell into, and nothing else.
    expect(backend.sentBytes).toBeLessThan(large.length + 9 * 10_100 + 71 * 200);
  });

  it('fetches the most urgent first', async () => {
    offer('low', small, { priority: 1 });
    offer('high', await newPackage(key, 4000, { sequence: 3 }), { priority: 9, sequence: 3 });
    const gateway = await Gateway.start();
    await until(() => gateway.held.length === 2, 'both packages');
    expect(gateway.held).toEqual(['high', 'low']);
  });

  it('refuses what it cannot trust, for good, and keeps nothing of it', async () => {
    const stranger = await newPackage(newKey(), 3000);
    const changed = Uint8Array.from(small);
    changed[changed.length - 1] ^= 1;
    offer('stranger', stranger);
    offer('changed', changed);
    offer('mixed-up', small, { sequence: 7 });
    offer('no-package', noise(1000, 1));
    backend.offers.push({ job: jobFor('wrong-hash', small), bytes: noise(small.length, 2) });
    offer('huge', small, { sizeBytes: 20_000_000 });
    const gateway = await Gateway.start();
    const ids = ['stranger', 'changed', 'mixed-up', 'no-package', 'wrong-hash', 'huge'];
    await until(() => ids.every((id) => backend.receipts(id).length > 0), 'six receipts');
    for (const id of ids) expect(backend.receipts(id)).toEqual(['refused']);
    const details = Object.fromEntries(
      backend.heard.flatMap((message) => (message.kind === 'receipt' ? [[message.jobId, message.detail]] : [])),
    );
    expect(details).toMatchObject({
      stranger: expect.stringContaining('a key that this device does not trust') as string,
      changed: expect.stringContaining('a payload is not the one that was signed') as string,
      'mixed-up': expect.stringContaining('sequence 7') as string,
      'no-package': expect.stringContaining('not a sealed package') as string,
      'wrong-hash': expect.stringContaining('SHA-256') as string,
      huge: expect.stringContaining('do not fit') as string,
    });
    expect(gateway.held).toEqual([]);
    expect(await storedFiles()).toEqual([]);
    // Said again after a cut, but not fetched again.
    const wants = backend.heard.filter(({ kind }) => kind === 'want').length;
    backend.dropAll();
    await until(() => ids.every((id) => backend.receipts(id).length === 2), 'the receipts again');
    expect(backend.heard.filter(({ kind }) => kind === 'want').length).toBe(wants);
  });

  it('fetches anew when what an earlier run left was damaged', async () => {
    offer('j1', small);
    const list = await JobList.load(folder.path);
    await list.put(jobFor('j1', small));
    await PackageStore.open(folder.path, []);
    await writeFile(folder.file('packages/j1.part'), noise(2000, 9));
    const gateway = await Gateway.start();
    await until(() => backend.receipts('j1').length > 0, 'a receipt');
    expect(backend.receipts('j1')).toEqual(['stored']);
    expect(gateway.event('part-damaged')).toContain('fetching it anew');
    const wants = backend.heard.flatMap((message) => (message.kind === 'want' ? [message.offsetBytes] : []));
    expect(wants).toEqual([2000, 0]);
  });

  it('acknowledges nothing while the disk is full, says so, and goes on when there is room', async () => {
    offer('j1', small);
    await PackageStore.open(folder.path, []);
    await symlink('/dev/full', folder.file('packages/j1.part'));
    const gateway = await Gateway.start();
    await until(() => gateway.intake.counts.diskErrors >= 2, 'two disk errors');
    expect(backend.receipts('j1')).toEqual([]);
    expect(gateway.event('disk-error')).toContain('the disk is full');
    expect(gateway.link.status().state).toBe('connected');
    await rm(folder.file('packages/j1.part'));
    await until(() => backend.receipts('j1').length > 0, 'a receipt');
    expect(backend.receipts('j1')).toEqual(['stored']);
    expect(gateway.held).toEqual(['j1']);
  });

  it('drops what is withdrawn, and what the backend no longer lists', async () => {
    offer('j1', small);
    offer('j2', await newPackage(key, 4000, { sequence: 2 }), { sequence: 2 });
    const gateway = await Gateway.start();
    await until(() => gateway.held.length === 2, 'both packages');
    backend.send({ kind: 'withdraw', jobId: 'j1', reason: 'superseded' });
    await until(() => gateway.gone.includes('j1'), 'the withdrawal');
    backend.offers = [];
    backend.dropAll();
    await until(() => gateway.gone.includes('j2'), 'the list without it');
    await until(() => gateway.jobs.all().length === 0, 'an empty list');
    await gateway.stop();
    expect(await storedFiles()).toEqual([]);
  });

  it('ends a job at its deadline and says so', async () => {
    offer('j1', small, { deadlineMs: 5000 });
    const gateway = await Gateway.start();
    await until(() => gateway.held.length === 1, 'the package');
    await gateway.intake.expire(4999);
    expect(gateway.gone).toEqual([]);
    await gateway.intake.expire(5000);
    await until(() => backend.receipts('j1').includes('finished'), 'the receipt');
    expect(gateway.gone).toEqual(['j1']);
    expect(await storedFiles()).toEqual([]);
  });

  it('takes another package of the same job, also in the middle of the first', async () => {
    // The backend has no more of it than that.
    backend.offers = [{ job: jobFor('j1', large, { sequence: 2 }), bytes: large.subarray(0, 200_000) }];
    const gateway = await Gateway.start();
    await until(() => gateway.intake.counts.pieces === 4, 'its pieces');
    backend.offers = [{ job: jobFor('j1', small), bytes: small }];
    backend.send(jobFor('j1', small));
    await until(() => backend.receipts('j1').length > 0, 'a receipt');
    expect(backend.receipts('j1')).toEqual(['stored']);
    expect(await storedFiles()).toEqual(['j1.pkg']);
  });

  describe('with a disk that takes nothing for a while', () => {
    it('has the backend say again what it could not write down', async () => {
      const gateway = await Gateway.start();
      await until(() => gateway.link.status().state === 'connected', 'a connection');
      await block();
      offer('j1', small);
      backend.send(jobFor('j1', small));
      await until(() => gateway.intake.counts.diskErrors > 0, 'a disk error');
      expect(gateway.jobs.all()).toEqual([]);
      await unblock();
      await until(() => backend.receipts('j1').length > 0, 'a receipt');
      expect(backend.receipts('j1')).toEqual(['stored']);
      expect(gateway.event('link-down')).toContain('say again');
    });

    it('tells later of a first group that left meanwhile', async () => {
      offer('j1', small);
      const gateway = await Gateway.start();
      await until(() => gateway.held.length === 1, 'the package');
      await block();
      await gateway.intake.onAir('j1');
      expect(gateway.intake.counts.diskErrors).toBe(1);
      expect(backend.receipts('j1')).toEqual(['stored']);
      await unblock();
      await until(() => backend.receipts('j1').includes('on-air'), 'the receipt');
    });

    it('takes a job off the air at its deadline all the same', async () => {
      offer('j1', small, { deadlineMs: 5000 });
      const gateway = await Gateway.start();
      await until(() => gateway.held.length === 1, 'the package');
      await block();
      await gateway.intake.expire(5000);
      expect(gateway.gone).toEqual(['j1']);
      expect(backend.receipts('j1')).toEqual(['stored']);
      await unblock();
      await until(() => {
        void gateway.intake.expire(5000);
        return backend.receipts('j1').includes('finished');
      }, 'the receipt');
    });

    it('drops what was withdrawn, also from the list on disk once that is possible', async () => {
      offer('j1', small);
      const gateway = await Gateway.start();
      await until(() => gateway.held.length === 1, 'the package');
      await block();
      backend.offers = [];
      backend.send({ kind: 'withdraw', jobId: 'j1', reason: 'superseded' });
      await until(() => gateway.intake.counts.diskErrors > 0, 'a disk error');
      expect(gateway.gone).toEqual(['j1']);
      expect(await storedFiles()).toEqual([]);
      await unblock();
      await until(() => backend.connections === 2, 'a second connection');
      await gateway.stop();
      expect((await JobList.load(folder.path)).all()).toEqual([]);
    });
  });

  it('asks the next connection when the line falls while it looks what it has', async () => {
    const jobs = await JobList.load(folder.path);
    let look = Promise.withResolvers<number>();
    const intake = new Intake({
      jobs,
      packages: { partBytes: async () => await look.promise } as unknown as PackageStore,
      refusalOf: () => undefined,
      onHeld: () => {},
      onChanged: () => {},
      onGone: () => {},
      onEvent: () => {},
      retryMs: 10_000,
    });
    const sent: [number, GatewayMessage][] = [];
    intake.connected(
      (message) => sent.push([1, message]),
      () => {},
    );
    await intake.take(jobFor('j1', small));
    const looking = intake.take({ kind: 'current', jobIds: ['j1'] });
    await new Promise((resolve) => setImmediate(resolve));
    intake.disconnected();
    intake.connected(
      (message) => sent.push([2, message]),
      () => {},
    );
    look.resolve(100);
    await looking;
    look = Promise.withResolvers();
    look.resolve(100);
    await intake.take({ kind: 'current', jobIds: ['j1'] });
    intake.disconnected();
    expect(sent).toEqual([[2, { kind: 'want', jobId: 'j1', offsetBytes: 100 }]]);
  });

  it('takes on no more than it can tell of and hold', async () => {
    offer('a', small, { deadlineMs: 5000 });
    offer('b', await newPackage(key, 4000, { sequence: 2 }), { sequence: 2 });
    offer('c', small);
    offer('d', small, { sizeBytes: 9_000_000 });
    const gateway = await Gateway.start({ maxJobs: 2, maxBytes: 1_000_000 });
    await until(() => backend.receipts('d').length > 0 && gateway.held.length === 2, 'all receipts');
    expect(backend.receipts('c')).toEqual(['refused']);
    expect(backend.receipts('d')).toEqual(['refused']);
    expect(gateway.jobs.all().map(({ job }) => job.jobId)).toEqual(['a', 'b']);
    // One that is over makes room.
    await gateway.intake.expire(5000);
    backend.send(jobFor('c', small));
    await until(() => backend.receipts('c').includes('stored'), 'the receipt');
    expect(gateway.jobs.all().map(({ job }) => job.jobId)).toEqual(['b', 'c']);
  });

  it('can tell of all the jobs it takes on in one message', () => {
    const jobIds = Array.from({ length: MAX_JOBS }, (_, i) => `${i}`.padStart(100, 'x'));
    const atMs = Number.MAX_SAFE_INTEGER;
    const onAir = jobIds.map((jobId) => ({ jobId, groups: atMs, firstGroupMs: atMs, lastGroupMs: atMs }));
    const streams = [0, 1, 2, 3].map((stream) => ({ stream, groups: atMs, dataGroups: atMs }));
    const heartbeat: Heartbeat = { kind: 'heartbeat', timeMs: atMs, transmitting: true, onAir, streams };
    expect(() => encodeFrame(encodeMessage(heartbeat))).not.toThrow();
    const hello: GatewayMessage = { kind: 'hello', protocol: 2, software: 'x', storedJobIds: jobIds };
    expect(() => encodeFrame(encodeMessage(hello))).not.toThrow();
  });

  it('hangs up on a backend that does not read, instead of keeping everything for it', async () => {
    backend.isDeaf = true;
    const onAir = Array.from({ length: 400 }, (_, i) => ({
      ...{ jobId: `${i}`.padStart(100, 'x'), groups: 1, firstGroupMs: 1, lastGroupMs: 1 },
    }));
    const heartbeat = (): Heartbeat => ({ kind: 'heartbeat', timeMs: 1, transmitting: true, onAir, streams: [] });
    const gateway = await Gateway.start({ heartbeat, heartbeatMs: 1 });
    await until(() => gateway.event('link-down') !== undefined, 'the end of the line');
    expect(gateway.event('link-down')).toContain('does not read');
  });

  it('follows a changed priority without fetching again', async () => {
    offer('j1', small);
    const gateway = await Gateway.start();
    await until(() => gateway.held.length === 1, 'the package');
    backend.send(jobFor('j1', small, { priority: 9 }));
    await until(() => gateway.held.length === 2, 'the change');
    expect(gateway.held).toEqual(['j1', 'j1:9']);
    expect(backend.heard.filter(({ kind }) => kind === 'want').length).toBe(1);
  });

  it.each([
    [
      'another protocol',
      (): void => {
        backend.greeting = { kind: 'welcome', protocol: 99, gateway: 'x', timeMs: 0 };
      },
      'speaks protocol 99',
    ],
    [
      'a complaint of the backend',
      (): void => {
        backend.greeting = { kind: 'error', code: 'revoked', text: 'This gateway was revoked.' };
      },
      'the backend says revoked',
    ],
  ])('says what is wrong and dials again: %s', async (_, arrange, says) => {
    arrange();
    const gateway = await Gateway.start();
    if (backend.greeting?.kind === 'error') {
      await until(() => backend.connections > 0, 'a connection');
      setTimeout(() => backend.dropAll(), 50);
    }
    await until(() => gateway.event('link-down')?.includes(says) === true, says);
    expect(gateway.event('link-down')).toContain('broadcasting goes on');
    backend.greeting = undefined;
    await until(() => gateway.link.status().state === 'connected', 'a connection');
  });

  it.each([
    ['garbage', Buffer.from('HTTP/1.1 400 Bad Request\r\n'), 'frame-too-long'],
    ['no CBOR', Buffer.from('00000001ff', 'hex'), 'not-cbor'],
    ['an unknown message', Buffer.from('00000009a1646b696e64626261', 'hex'), 'unknown-kind'],
  ])('hangs up on %s', async (_, bytes, says) => {
    const gateway = await Gateway.start();
    await until(() => gateway.link.status().state === 'connected', 'a connection');
    backend.sendRaw(bytes);
    await until(() => gateway.event('link-down') !== undefined, 'the end of the line');
    expect(gateway.event('link-down')).toContain(says);
  });

  it('talks only to the backend of its own authority, and is talked to only with its certificate', async () => {
    const other = await newPki();
    const impostor = await Gateway.start({
      credentials: { key: pki.gateway.key, certificate: pki.gateway.certificate, ca: other.authority.certificate },
    });
    await until(() => impostor.event('link-down') !== undefined, 'a refusal');
    await impostor.stop();
    expect(backend.heard).toEqual([]);
    const stranger = await Gateway.start({
      credentials: { key: other.gateway.key, certificate: other.gateway.certificate, ca: pki.authority.certificate },
    });
    await until(() => stranger.event('link-down') !== undefined, 'a refusal');
    expect(backend.heard).toEqual([]);
  });

  it('waits longer after each failure, with some chance in it, and no longer than the limit', async () => {
    await backend.close();
    const draws = [0, 1, 0, 1, 0, 1];
    const gateway = await Gateway.start({ minWaitMs: 10, maxWaitMs: 50, random: () => draws.shift() ?? 0.5 });
    await until(() => gateway.events.length >= 6, 'six attempts');
    // 20, 40, then 50 ms: of each the middle or the end.
    expect(gateway.waitsMs.slice(0, 6)).toEqual([10, 40, 25, 50, 25, 50]);
    backend = await FakeBackend.listen(pki);
  });
});
