import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { publicKeyToPem } from '#hardware/hsm/file.ts';
import { JobList } from '../../gateway/jobs.ts';
import { until } from '../until.ts';
import { FakeBackend, newPki, type Pki } from './fake-backend.ts';
import { anchorsHeard, GatewayProgram } from './program.ts';
import { type Folder, jobFor, newFolder, newKey, newPackage, STATION, type TestKey } from './station.ts';

let pki: Pki;
let key: TestKey;
let folder: Folder;
const running: GatewayProgram[] = [];

beforeAll(async () => {
  pki = await newPki();
  key = newKey();
});
beforeEach(async () => {
  folder = await newFolder();
});
afterEach(async () => {
  for (const program of running.splice(0)) await program.end('SIGKILL');
  await folder.remove();
});

function start(...args: string[]): GatewayProgram {
  const program = new GatewayProgram(...args);
  running.push(program);
  return program;
}

async function config(
  name: string,
  more: Record<string, unknown>,
  output: Record<string, unknown> = {},
): Promise<string> {
  return await folder.writeJson(name, {
    stateDir: 'state',
    station: STATION,
    dataShare: 0.6,
    trustedKeys: [Buffer.from(key.publicKey).toString('hex')],
    output: { kind: 'air', port: 0, speed: 0, ...output },
    ...more,
  });
}

async function writeBundle(port: number): Promise<string> {
  const files = {
    'gateway.crt': pki.gateway.certificate,
    'ca.crt': pki.authority.certificate,
    'release.pem': publicKeyToPem(key.publicKey),
    'link.json': JSON.stringify({ gateway: 'test-gateway', host: 'localhost', port }),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(folder.file(name), text);
  await writeFile(folder.file('gateway.key'), pki.gateway.key, { mode: 0o600 });
  return folder.path;
}

async function makeState(): Promise<string> {
  await mkdir(folder.file('state/packages'), { recursive: true });
  return folder.file('state');
}

async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

describe('gateway run', () => {
  it('broadcasts a package without a backend, tells what it does, and ends', async () => {
    await writeFile(folder.file('a.pkg'), await newPackage(key, 3000));
    const path = await config('c.json', {}, { save: 'out_98.5M_250k.cu8', cnDb: 25 });
    const program = start('run', '--config', path, '--package', folder.file('a.pkg'), '--seconds', '60', '--json');
    expect(await program.closed).toBe(0);
    expect(program.events.map(({ event }) => event)).toEqual(['started', 'job-on-air', 'stopped']);
    const anchors = anchorsHeard(await readFile(folder.file('out_98.5M_250k.cu8')));
    // 60 s x 11.4 groups x 0.6 less announcements / 128.
    expect(anchors.length).toBeGreaterThanOrEqual(3);
    expect(anchors).toEqual(anchors.toSorted((a, b) => a - b));

    const status = start('status', '--config', path);
    await status.closed;
    const [shown] = status.events;
    expect(shown).toMatchObject({
      station: { name: 'Test FM', pi: 'D318' },
      streams: [{ stream: 0 }],
      directoryVersion: 0,
      link: null,
      air: [{ fadedSamples: 0, clippedValues: 0 }],
    });
    const [stream] = shown['streams'] as { groups: number; dataGroups: number }[];
    expect(stream.groups).toBeGreaterThan(680);
    expect(stream.dataGroups / stream.groups).toBeCloseTo(0.6, 2);
  });

  it.each([
    [undefined, 2, /^Fountain of width 8: 1 x \d+ rows/],
    // 3000 bytes are 750 rows of 8 nibbles: a matrix of 70,313 bytes.
    [70_000, 3, /^Reed-Solomon: a fountain needs \d+ bytes for a matrix and the smallest receiver has 70000/],
  ])(
    'says how a package is sent and why when receivers can spare %s bytes',
    async (receiverMemoryBytes, scheme, reason) => {
      await writeFile(folder.file('a.pkg'), await newPackage(key, 3000));
      const station = { ...STATION, receiverMemoryBytes };
      const path = await config('c.json', { station }, {});
      const program = start('run', '--config', path, '--package', folder.file('a.pkg'), '--seconds', '20', '--json');
      expect(await program.closed).toBe(0);
      const said = await program.event('job-on-air');
      expect(said).toMatchObject({ scheme, reason: expect.stringMatching(reason) });
      expect(said['text']).toContain(said['reason']);
      const status = start('status', '--config', path);
      await status.closed;
      expect(status.events[0]['outlook']).toMatchObject([{ scheme, reason: said['reason'], state: 'on air' }]);
    },
  );

  it('refuses what it may not send and says with its status what kind of mistake it was', async () => {
    await writeFile(folder.file('stranger.pkg'), await newPackage(newKey(), 3000));
    const good = await config('c.json', {});
    const refused = start('run', '--config', good, '--package', folder.file('stranger.pkg'));
    const guarded = start(
      'run',
      '--config',
      await config('d.json', {}, { kind: 'iq-file', path: '/dev/full', port: undefined, speed: undefined }),
    );
    const missing = start('run', '--config', folder.file('none.json'));
    const unknown = start('run', '--config', await config('e.json', { dataSare: 1 }));
    const full = start('run', '--config', await config('f.json', { dataShare: 0.85 }));
    expect(
      await Promise.all([refused, guarded, missing, unknown, full].map(async ({ closed }) => await closed)),
    ).toEqual([3, 3, 2, 2, 2]);
    expect(refused.stderr).toContain('a key that this device does not trust');
    expect(guarded.stderr).toContain('Add --on-air');
    expect(unknown.stderr).toContain('dataSare is not known here');
    expect(full.stderr).toContain('leaves no room for the programme');
  });

  it('stops cleanly on a signal, also while it waits for its first listener, and one at a time has the state', async () => {
    const path = await config('c.json', {}, { waitForListener: true });
    const program = start('run', '--config', path, '--json');
    await program.event('started');
    const second = start('run', '--config', path);
    expect(await second.closed).toBe(1);
    expect(second.stderr).toContain('Another gateway is running');
    expect(await program.end('SIGTERM')).toBe(0);
    expect(program.has('stopped')).toBe(true);
  });

  it('takes up its transfers after a kill, and its counters never go back', async () => {
    const backend = await FakeBackend.listen(pki);
    try {
      const bytes = await newPackage(key, 300_000);
      backend.offers = [{ job: jobFor('j1', bytes), bytes }];
      backend.pieceBytes = 5000;
      const bundleDir = await writeBundle(backend.port);
      const link = { bundleDir, heartbeatSeconds: 0.1 };

      // Killed in the middle of the transfer.
      backend.cuts = [100_123];
      backend.stalls = true;
      const first = start('run', '--config', await config('c.json', { link }), '--json');
      let partBytes = 0;
      while (partBytes < 90_000) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        partBytes = await sizeOf(folder.file('state/packages/j1.part'));
      }
      expect(backend.heard.some(({ kind }) => kind === 'heartbeat')).toBe(true);
      await first.end('SIGKILL');
      partBytes = await sizeOf(folder.file('state/packages/j1.part'));
      const wanted = backend.heard.length;

      // Goes on where it was; killed while it broadcasts.
      const heard: number[][] = [];
      const wants: number[] = [];
      for (const round of [1, 2, 3]) {
        const save = `round${round}_250k.cu8`;
        const path = await config('c.json', { link }, { save, speed: 60 });
        const program = start('run', '--config', path, '--json');
        await until(() => backend.receipts('j1').length >= 2 * round, `the receipts of round ${round}`);
        await until(() => {
          const beat = backend.heard.findLast((message) => message.kind === 'heartbeat');
          const stream = beat?.kind === 'heartbeat' ? beat.streams[0] : undefined;
          return (stream?.dataGroups ?? 0) > 300;
        }, 'some groups');
        await program.end('SIGKILL');
        wants.push(
          ...backend.heard.slice(wanted).flatMap((message) => (message.kind === 'want' ? [message.offsetBytes] : [])),
        );
        backend.heard.push(...backend.heard.splice(0).filter(({ kind }) => kind === 'receipt'));
        heard.push(anchorsHeard(await readFile(folder.file(save))));
      }
      expect(wants).toEqual([partBytes]);
      expect(backend.receipts('j1').slice(0, 2)).toEqual(['stored', 'on-air']);
      for (const anchors of heard) expect(anchors.length).toBeGreaterThan(1);
      const inOrder = heard.flat();
      expect(inOrder).toEqual([...new Set(inOrder)].toSorted((a, b) => a - b));
    } finally {
      await backend.close();
    }
  });

  it('adopts at its start what a crash left whole, and wants anew what is damaged', async () => {
    const bytes = await newPackage(key, 3000);
    const jobs = await JobList.load(await makeState());
    for (const jobId of ['whole', 'damaged']) await jobs.put(jobFor(jobId, bytes));
    await jobs.apply('damaged', 'accepted');
    await writeFile(folder.file('state/packages/whole.pkg'), bytes);
    await writeFile(folder.file('state/packages/damaged.pkg'), bytes.fill(0, 2000, 2001));
    await writeFile(folder.file('state/packages/unknown.part'), 'x');
    const program = start('run', '--config', await config('c.json', {}), '--seconds', '20', '--json');
    expect(await program.closed).toBe(0);
    expect(program.events.map(({ event, jobId }) => [event, jobId])).toEqual([
      ['package-damaged', 'damaged'],
      ['started', undefined],
      ['job-on-air', 'whole'],
      ['stopped', undefined],
    ]);
    const after = await JobList.load(folder.file('state'));
    expect(after.all().map(({ state }) => state)).toEqual(['on-air', 'wanted']);
    expect((await readdir(folder.file('state/packages'))).toSorted()).toEqual(['damaged.pkg', 'whole.pkg']);
  });

  it('takes off at its start what has ended meanwhile', async () => {
    const bytes = await newPackage(key, 3000);
    const jobs = await JobList.load(await makeState());
    await jobs.put(jobFor('over', bytes, { deadlineMs: 1000 }));
    await jobs.apply('over', 'accepted');
    await writeFile(folder.file('state/packages/over.pkg'), bytes);
    const program = start('run', '--config', await config('c.json', {}), '--seconds', '20', '--json');
    expect(await program.closed).toBe(0);
    expect(program.events.map(({ event }) => event)).toEqual(['job-finished', 'started', 'stopped']);
    expect(await readdir(folder.file('state/packages'))).toEqual([]);
  });

  it('goes on when nobody reads what it says any more', async () => {
    const path = await config('c.json', {}, { save: 'out_98.5M_250k.cu8' });
    const program = start('run', '--config', path, '--seconds', '60', '--json');
    program.stopReading();
    expect(await program.closed).toBe(0);
    expect(await sizeOf(folder.file('out_98.5M_250k.cu8'))).toBeGreaterThan(59 * 500_000);
  });

  it('says that a bundle cannot be used before anything is sent', async () => {
    const bundleDir = await writeBundle(1);
    await writeFile(folder.file('gateway.crt'), 'no certificate');
    const program = start('run', '--config', await config('c.json', { link: { bundleDir } }));
    expect(await program.closed).toBe(2);
    expect(program.stderr).toContain('cannot be used; make one with "backend gateway add"');
    expect(await sizeOf(folder.file('state'))).toBe(0);
  });

  it('shows measured numbers while it runs, and says when it does not', async () => {
    const path = await config('c.json', {}, { speed: 5 });
    const never = start('status', '--config', path);
    expect(await never.closed).toBe(1);
    expect(never.stderr).toContain('No gateway has run');
    const program = start('run', '--config', path, '--json');
    await program.event('started');
    await until(() => program.has('started'), 'the start');
    await new Promise((resolve) => setTimeout(resolve, 700));
    const status = start('status', '--config', path, '--json');
    expect(await status.closed).toBe(0);
    expect(status.events[0]).toMatchObject({ outputs: [expect.stringContaining('simulated air')], jobs: [] });
    expect(Number(status.events[0]['speed'])).toBeGreaterThan(3);
    expect(Number(status.events[0]['speed'])).toBeLessThan(5.5);
  });
});
