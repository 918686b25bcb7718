/** The gateway as a program, and what a backend may ask of it: deadlines, windows, pauses, newer versions. */

import { mkdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Job } from '#codec/messages/link.ts';
import { publicKeyToPem } from '#hardware/hsm/file.ts';
import type { Outlook } from '../../gateway/outlook.ts';
import { until } from '../until.ts';
import { FakeBackend, newPki, type Pki } from './fake-backend.ts';
import { GatewayProgram } from './program.ts';
import { type Folder, jobFor, newFolder, newKey, newPackage, STATION, type TestKey } from './station.ts';

let pki: Pki;
let key: TestKey;
let folder: Folder;
let backend: FakeBackend;
let gateway: GatewayProgram | undefined;

beforeAll(async () => {
  pki = await newPki();
  key = newKey();
});
beforeEach(async () => {
  folder = await newFolder();
  backend = await FakeBackend.listen(pki);
});
afterEach(async () => {
  await gateway?.end('SIGKILL');
  gateway = undefined;
  await backend.close();
  await folder.remove();
});

async function start(): Promise<string> {
  await mkdir(folder.file('bundle'));
  const files = {
    'gateway.crt': pki.gateway.certificate,
    'ca.crt': pki.authority.certificate,
    'release.pem': publicKeyToPem(key.publicKey),
    'link.json': JSON.stringify({ gateway: 'test-gateway', host: 'localhost', port: backend.port }),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(folder.file(`bundle/${name}`), text);
  await writeFile(folder.file('bundle/gateway.key'), pki.gateway.key, { mode: 0o600 });
  const config = await folder.writeJson('gateway.json', {
    stateDir: 'state',
    station: STATION,
    dataShare: 0.6,
    link: { bundleDir: 'bundle', heartbeatSeconds: 0.1 },
    output: { kind: 'air', port: 0, speed: 40 },
  });
  gateway = new GatewayProgram('run', '--config', config, '--json');
  await gateway.event('link-up');
  return config;
}

async function offer(jobId: string, sizeBytes: number, more: Partial<Job> = {}): Promise<Job> {
  const bytes = await newPackage(key, sizeBytes, { sequence: more.sequence ?? 1 });
  const job = jobFor(jobId, bytes, more);
  backend.offers.push({ job, bytes });
  return job;
}

function detailOf(jobId: string): string | undefined {
  const receipt = backend.heard.findLast((message) => message.kind === 'receipt' && message.jobId === jobId);
  return receipt?.kind === 'receipt' ? `${receipt.state}: ${receipt.detail}` : undefined;
}

async function outlookOf(config: string, jobId: string): Promise<Outlook | undefined> {
  const status = new GatewayProgram('status', '--config', config);
  await status.closed;
  const [shown] = status.events;
  return (shown['outlook'] as Outlook[]).find((one) => one.jobId === jobId);
}

function groupsOf(jobId: string): number {
  const beat = backend.heard.findLast((message) => message.kind === 'heartbeat');
  return beat?.kind === 'heartbeat' ? (beat.onAir.find((one) => one.jobId === jobId)?.groups ?? 0) : 0;
}

/** Two hours of the day, the first `minutes` from now. */
function windowsFrom(minutes: number): Job['windows'] {
  const minute = (Math.floor(Date.now() / 60_000) + minutes + 1440) % 1440;
  return [{ fromMinute: minute, toMinute: (minute + 120) % 1440 || 1440 }];
}

describe('a running gateway', () => {
  it('keeps a deadline that it can keep, and refuses one that it cannot with the share that would do', async () => {
    await offer('kept', 1000, { deadlineMs: Date.now() + 60_000 });
    await offer('hopeless', 4_000_000, { deadlineMs: Date.now() + 60_000, target: 'app/a' });
    await offer('more', 150_000, { deadlineMs: Date.now() + 250_000, target: 'app/b' });
    const config = await start();
    await until(() => backend.receipts('kept').includes('on-air'), 'the broadcast');
    await until(() => backend.receipts('more').length > 0, 'the refusal');
    expect(detailOf('hopeless')).toContain('no share up to 0.77 would do');
    expect(detailOf('more')).toMatch(
      /^refused: Refused: the deadline .* beside what was promised before for a receiver that listens throughout and loses at most 10 % of its groups with a data share of 0\.6; a share of 0\.\d+ would do\.$/,
    );
    await expect.poll(async () => (await outlookOf(config, 'kept'))?.promise, { timeout: 30_000 }).toBe('kept');
    expect(await outlookOf(config, 'kept')).toMatchObject({ state: 'on air', share: 1, expectedFinishMs: null });
    expect(await outlookOf(config, 'hopeless')).toBeUndefined();
  }, 60_000);

  it('takes a paused job off the air, keeps its package, and puts it back', async () => {
    const job = await offer('j1', 4000);
    const config = await start();
    await until(() => groupsOf('j1') > 0, 'the broadcast');
    backend.send({ ...job, paused: true });
    await expect.poll(async () => (await outlookOf(config, 'j1'))?.state, { timeout: 10_000 }).toBe('paused');
    // The run that was begun has ended.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = groupsOf('j1');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(groupsOf('j1')).toBe(before);
    backend.send(job);
    await until(() => groupsOf('j1') > before, 'the broadcast again');
    expect(backend.heard.filter(({ kind }) => kind === 'want').length).toBe(1);
  });

  it('sends nothing of a job outside its window', async () => {
    await offer('inside', 4000, { windows: windowsFrom(-60) });
    await offer('outside', 4000, { windows: windowsFrom(60), target: 'app/a', sequence: 2 });
    const config = await start();
    await until(() => groupsOf('inside') > 100, 'the broadcast');
    expect(groupsOf('outside')).toBe(0);
    expect(backend.receipts('outside')).toEqual(['stored']);
    expect(await outlookOf(config, 'outside')).toMatchObject({ state: 'outside its window', share: 0, sentGroups: 0 });
  });

  it('goes from one version to the next when it holds that, with something on air all the time', async () => {
    await offer('old', 4000);
    await start();
    await until(() => backend.receipts('old').includes('on-air'), 'the broadcast');
    const bytes = await newPackage(key, 300_000, { sequence: 2 });
    const job = jobFor('new', bytes, { sequence: 2, version: '2.0' });
    backend.offers.push({ job, bytes });
    backend.send(job);
    await until(() => backend.receipts('new').includes('on-air'), 'the newer one');
    expect(detailOf('old')).toBe('finished: Superseded by version 2.0 (sequence 2).');
    const said = backend.heard.flatMap((message) =>
      message.kind === 'receipt' ? [`${message.jobId} ${message.state}`] : [],
    );
    expect(said).toEqual(['old stored', 'old on-air', 'old finished', 'new stored', 'new on-air']);
  });
});
