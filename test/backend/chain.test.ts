/** The whole way of an update for devices with two versions: packed, read, installed. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { MadePayload } from '#codec/package/payload.ts';
import { openPackage } from '#codec/package/seal.ts';
import { readPublicKey } from '#hardware/hsm/file.ts';
import { chooseDeltas } from '../../backend/packaging/deltas.ts';
import { installPackage } from '../../receiver/install.ts';
import { content } from '../package/example.ts';
import { makeBench } from '../receiver/device.ts';
import { VERSIONS } from '../receiver/versions.ts';
import { runProgram } from './program.ts';
import { newStage, type Stage } from './stage.ts';

const SLOT = 1 << 20;
const { a, b, n } = VERSIONS;

/** Deltas of these sizes; everything else that is asked for is a mistake. */
async function chooseOf(sizes: Readonly<Record<string, number>>, ...bases: string[]): Promise<string[]> {
  const sha256 = new Uint8Array(32);
  const asked: string[] = [];
  const deltas = await chooseDeltas(bases, async (from, to = 'new') => {
    asked.push(`${from}-${to}`);
    const sizeBytes = sizes[`${from}-${to}`];
    const described: MadePayload['described'] = {
      ...({ target: 'rootfs', encoding: 'delta', compression: 'carillon' } as const),
      ...{ sizeOnAirBytes: sizeBytes, sizeInstalledBytes: 1, sha256Installed: sha256, sha256OnAir: sha256 },
      base: { sha256, sizeBytes: 1 },
    };
    return { described, bytes: new Uint8Array(sizeBytes) };
  });
  expect(asked).toHaveLength(2 * bases.length - 1);
  expect(deltas.map(({ made }) => made.described.leadsTo)).toEqual(
    deltas.map(({ through }) => (through === undefined ? undefined : deltas.findIndex(({ base }) => base === through))),
  );
  return deltas.map(({ base, through = 'new', reason }) => `${base}-${through}: ${reason}`);
}

describe('the deltas of a package', () => {
  it('are straight from a base that is alone', async () => {
    expect(await chooseOf({ 'a-new': 5000 }, 'a')).toEqual(['a-new: the only base']);
  });

  it('go through a nearer base where that is smaller, whatever the order in which the bases are named', async () => {
    const sizes = { 'a-new': 30_000, 'b-new': 20_000, 'a-b': 12_000 };
    const chosen = ['b-new: the nearest base', 'a-b: 12000 bytes to b, 30000 straight'];
    expect(await chooseOf(sizes, 'a', 'b')).toEqual(chosen);
    expect(await chooseOf(sizes, 'b', 'a')).toEqual(chosen);
  });

  it.each([
    ['2 % of the deltas', { 'a-new': 100_000, 'b-new': 90_000 }, 3800],
    ['1000 bytes', { 'a-new': 9000, 'b-new': 5000 }, 1000],
  ])('do not for less than %s', async (_, sizes, leastBytes) => {
    const chosen = async (gainBytes: number): Promise<string> =>
      (await chooseOf({ ...sizes, 'a-b': sizes['a-new'] - gainBytes }, 'a', 'b'))[1];
    expect(await chosen(leastBytes)).toMatch(/^a-b: /);
    expect(await chosen(leastBytes - 1)).toMatch(/^a-new: .*: not worth another step$/);
  });

  it('have at most four steps, and go through the nearest of those that leave one', async () => {
    const sizes = {
      ...{ 'a-new': 60_000, 'b-new': 50_000, 'c-new': 40_000, 'd-new': 30_000, 'e-new': 20_000 },
      ...{ 'd-e': 5000, 'c-d': 5000, 'b-c': 5000, 'a-c': 5001 },
    };
    const chosen = await chooseOf(sizes, 'a', 'b', 'c', 'd', 'e');
    expect(chosen.map((text) => text.split(':')[0])).toEqual(['e-new', 'd-e', 'c-d', 'b-c', 'a-c']);
  });
});

async function packageOf(stage: Stage, id: string): Promise<Uint8Array> {
  return Uint8Array.from(await readFile(join(stage.data, 'packages', `${id}.carillon`)));
}

it('an update for two versions is one chain: each device installs it, one with another version refuses it', async () => {
  const lines: Record<string, unknown>[] = [];
  const log = pino({}, { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) });
  const stage = await newStage({ log });
  const type = { vendor: 'example.com', name: 'RaspberryPi3A_42' };
  const { body } = await stage.request<{ id: string }>('POST', '/v1/device-types', type);
  const deviceTypeId = body.id;
  await stage.newUpdate({ deviceTypeId, version: '1.0', encoding: 'full' }, a);
  await stage.newUpdate({ deviceTypeId, version: '1.1', encoding: 'full' }, b);
  await stage.newUpdate({ deviceTypeId, version: '1.1 again', encoding: 'full' }, b);
  const update = await stage.newUpdate({ deviceTypeId, version: '2.0', bases: '1.0, 1.1, 1.1 again' }, n);
  const again = '1.1, 1.1 again';
  expect(update).toMatchObject({
    encoding: 'delta',
    ways: [
      { base: again, through: null, reason: 'the nearest base' },
      { base: '1.0', through: again, reason: expect.stringMatching(/^\d+ bytes to 1\.1, 1\.1 again, \d+ straight$/) },
    ],
  });
  const [, straightBytes] = /, (\d+) straight/.exec(update.ways[1].reason) ?? [];
  expect(Number(straightBytes) - update.ways[1].onAirBytes).toBeGreaterThanOrEqual(1000);
  expect(lines.filter(({ msg }) => msg === 'made a delta')).toMatchObject([
    { version: '2.0', from: '1.0', to: '2.0', delta: 1, ofDeltas: 3 },
    { from: again, to: '2.0', delta: 2 },
    { from: '1.0', to: again, delta: 3, sizeBytes: update.ways[1].onAirBytes },
  ]);

  const sealed = await packageOf(stage, update.id);
  const key = await readPublicKey(join(stage.data, 'release.pem'));
  const opened = openPackage(sealed, [key]);
  expect(opened).toMatchObject({ kind: 'opened', manifest: { payloads: [{}, { leadsTo: 0 }] } });
  const path = join(stage.data, 'packages', `${update.id}.carillon`);
  const { stdout } = await runProgram('carillon', ['package', 'info', path, '--key', join(stage.data, 'release.pem')]);
  expect(JSON.parse(stdout)).toMatchObject({ signature: 'verified', payloads: [{}, { leadsTo: 0, steps: [1, 0] }] });

  for (const [runs, outcome] of [
    [a, { kind: 'installed', steps: 2 }],
    [b, { kind: 'installed', steps: 1 }],
    [content(9, 60_000), { kind: 'refused', reason: 'base-mismatch' }],
  ] as const) {
    const bench = await makeBench(runs, [key], SLOT);
    onTestFinished(() => bench.close());
    expect(await installPackage(sealed, bench.device())).toMatchObject(outcome);
    const isThere = Buffer.compare((await bench.slotBytes('B')).subarray(0, n.length), n) === 0;
    expect(isThere).toBe(outcome.kind === 'installed');
  }
}, 180_000);

it('an update whose deltas are larger than its content is full, and says why', async () => {
  const stage = await newStage();
  const deviceTypeId = await stage.newDeviceType();
  await stage.newUpdate({ deviceTypeId, version: '1.0' }, content(1, 3000));
  await stage.newUpdate({ deviceTypeId, version: '1.1' }, content(2, 3000));
  const update = await stage.newUpdate({ deviceTypeId, version: '2.0', bases: '1.0,1.1' }, content(3, 3000));
  expect(update).toMatchObject({
    encoding: 'full',
    ways: [
      { base: null, through: null, reason: expect.stringMatching(/^smaller than deltas from 1\.0, 1\.1, \d+ bytes$/) },
    ],
  });
  const first = await stage.newUpdate({ deviceTypeId, version: '3.0', encoding: 'full' }, 'x');
  expect(first.ways).toEqual([{ base: null, through: null, onAirBytes: 1, reason: 'full content was asked for' }]);
  expect(await stage.upload({ deviceTypeId, version: '4.0', bases: Array(65).fill('1.0').join() }, 'x')).toMatchObject({
    status: 422,
    body: { error: { code: 'field-invalid', message: 'bases are 65 versions; 64 at most.' } },
  });
});
