import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeSamples } from '#codec/iq/samples.ts';
import { writePublicKey } from '#hardware/hsm/file.ts';
import { noiseOf } from './signals.ts';
import { content, deltaOf, fullOf, sealExample, signerFromSeed } from '../package/example.ts';

/** The receiver run as a program, from factory to a second version, and what it refuses on the way. */

const signer = signerFromSeed(1);
const v1 = content(1, 30_000);
const v2 = Uint8Array.of(...v1.subarray(0, 9000), ...content(2, 200), ...v1.subarray(9000));
const MAIN = join(import.meta.dirname, '../../receiver/main.ts');

let folder: string;
const at = (name: string): string => join(folder, name);

interface Ran {
  readonly status: number | null;
  readonly data: Record<string, unknown>;
  readonly stderr: string;
}

async function receiver(...args: string[]): Promise<Ran> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  const lastLine = stdout.trim().split('\n').at(-1);
  return { status, data: lastLine === undefined || lastLine === '' ? {} : JSON.parse(lastLine), stderr };
}

const onDevice = (...args: string[]): Promise<Ran> => receiver(...args, '--config', at('receiver.json'));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'carillon-'));
  await writePublicKey(at('release.pem'), signer.publicKey);
  await writeFile(
    at('receiver.json'),
    JSON.stringify({
      vendor: 'example.com',
      deviceType: 'RaspberryPi3A_42',
      trustedKeys: ['release.pem'],
      slots: { folder: 'slots', sizeBytes: 65_536 },
      stateFolder: 'state',
      source: { kind: 'rtl_tcp' },
      frequencyHz: 98_500_000,
      rateHz: 250_000,
    }),
  );
  await writeFile(at('v1.img'), v1);
  await writeFile(at('update.pkg'), await sealExample([await deltaOf(v1, v2)], signer, { version: '2', sequence: 2 }));
  await writeFile(at('other.pkg'), await sealExample([fullOf(v2)], signer, { deviceType: 'X', sequence: 9 }));
  await writeFile(at('forged.pkg'), await sealExample([fullOf(v2)], signerFromSeed(9), { sequence: 9 }));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('receiver, as a program', () => {
  it('goes from the factory to a confirmed update', { timeout: 60_000 }, async () => {
    expect(await onDevice('provision', at('v1.img'), '--as', '1', '--sequence', '1')).toMatchObject({
      status: 0,
      data: { result: 'provisioned', slot: 'A' },
    });

    const refused = await onDevice('install', at('other.pkg'));
    expect(refused).toMatchObject({ status: 3, data: { result: 'refused', reason: 'wrong-device-type' } });
    expect(refused.stderr).toMatch(/another device type.*Nothing was written/s);
    expect(await onDevice('verify', at('forged.pkg'))).toMatchObject({ status: 3, data: { reason: 'unknown-key' } });
    expect(await onDevice('verify', at('update.pkg'))).toMatchObject({
      status: 0,
      data: { result: 'installable', version: '2', sequence: 2, encoding: 'delta' },
    });

    const installed = await onDevice('install', at('update.pkg'));
    expect(installed).toMatchObject({ status: 0, data: { result: 'installed', slot: 'B', version: '2' } });
    expect(installed.stderr).toMatch(/neither running nor confirmed/);
    expect((await readFile(at('slots/slot-b.img'))).subarray(0, v2.length)).toEqual(Buffer.from(v2));

    const written = await onDevice('status', '--json');
    expect(written.data).toMatchObject({
      facts: {
        received: { version: '2' },
        written: { version: '2', slot: 'B', startsNext: true },
        running: { slot: 'A', version: '1' },
        confirmed: { slot: 'A', version: '1' },
      },
      installState: 'switched',
      refusals: [{ reason: 'wrong-device-type', count: 1 }],
    });

    expect(await onDevice('boot')).toMatchObject({ status: 0, data: { result: 'started', slot: 'B' } });
    expect((await onDevice('status', '--json')).data).toMatchObject({
      facts: { written: null, running: { slot: 'B', version: '2' }, confirmed: { slot: 'A', version: '1' } },
      installState: 'running',
    });
    expect(await onDevice('mark-good')).toMatchObject({ status: 0, data: { slot: 'B', version: '2', sequence: 2 } });
    const confirmed = await onDevice('status');
    expect(confirmed.data).toMatchObject({
      facts: { confirmed: { slot: 'B', version: '2' } },
      sequenceFloor: 2,
      boot: { order: ['B', 'A'], environment: 'sound' },
    });
    expect(confirmed.stderr).toMatch(/confirmed {2}2 \(sequence 2\) in slot B/);
    expect(await onDevice('install', at('update.pkg'))).toMatchObject({
      status: 0,
      data: { result: 'already-installed' },
    });
    expect(await onDevice('rollback')).toMatchObject({ status: 3, data: { result: 'nothing-to-roll-back' } });
  });

  it.each([
    [2, ['install', 'x.pkg'], /--config/],
    [2, ['frobnicate'], /unknown command/],
    [2, ['install', 'x.pkg', '--config', '/nonexistent.json'], /cannot be read/],
    [0, ['--help'], /^$/],
  ])('exits with %i for %j', async (status, args, says) => {
    const ran = await new Promise<{ status: number | null; stderr: string }>((resolve) => {
      const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
      let stderr = '';
      child.stderr.on('data', (chunk) => (stderr += String(chunk)));
      child.on('close', (code) => resolve({ status: code, stderr }));
    });
    expect(ran.status).toBe(status);
    expect(ran.stderr).toMatch(says);
  });

  it('shows in status what was measured, how old it is, and why nothing is received', { timeout: 60_000 }, async () => {
    const config = JSON.parse(await readFile(at('receiver.json'), 'utf8')) as object;
    await writeFile(at('noise_98.5M_250k.cu8'), writeSamples('cu8', noiseOf(0.05, 1_000_000)));
    await writeFile(
      at('noise.json'),
      JSON.stringify({
        ...config,
        ...{ slots: { folder: 'noise-slots', sizeBytes: 65_536 }, stateFolder: 'noise', streams: 1 },
        source: { kind: 'file', path: 'noise_98.5M_250k.cu8' },
      }),
    );
    const onNoise = (...args: string[]): Promise<Ran> => receiver(...args, '--config', at('noise.json'));
    await onNoise('provision', at('v1.img'), '--as', '1', '--sequence', '1');
    expect((await onNoise('listen')).status).toBe(0);
    const heard = await onNoise('status');
    expect(heard.data['receiving']).toMatchObject({
      format: 2,
      ageSeconds: expect.any(Number) as number,
      advice: { reason: 'only-noise' },
      signal: { seconds: 2, carrier: { levelDbfs: expect.closeTo(-24, -1) as number } },
      history: [{ groups: 0, lockedShare: 0 }],
    });
    expect(heard.stderr).toMatch(/^signal {5}98\.5 MHz: level -2\d\.\d dBFS.*; measured \d+ s ago$/m);
    expect(heard.stderr).toMatch(/^stream 0 {3}not followed, 0 of 0 groups whole; measured \d+ s ago$/m);
    expect(heard.stderr).toMatch(/^history {4}▁ last 1 min: locked 0 % of the time.*; up to \d+ s ago$/m);
    expect(heard.stderr).toMatch(/^advice {5}Nothing is received\. There is only noise/m);

    const progress = JSON.parse(await readFile(at('noise/progress.json'), 'utf8')) as { timeMs: number };
    await writeFile(at('noise/progress.json'), JSON.stringify({ ...progress, timeMs: progress.timeMs - 7_200_000 }));
    expect((await onNoise('status')).stderr).toMatch(/warning {4}these numbers are old: written 2 h ago/);
    await writeFile(at('noise/progress.json'), '{"format":1,"timeMs":1,"streams":[],"objects":[]}');
    expect(await onNoise('status')).toMatchObject({ status: 0, data: { receiving: null } });
  });

  it('says that a package cannot be read, and fails', async () => {
    expect(await onDevice('install', at('none.pkg'))).toMatchObject({
      status: 1,
      data: { error: 'PACKAGE_UNREADABLE' },
    });
  });
});
