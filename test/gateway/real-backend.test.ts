import { writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { runProgram, serveProgram } from '../backend/program.ts';
import { GatewayProgram } from './program.ts';
import { newFolder, noise, STATION } from './station.ts';

interface ListedJob {
  readonly state: string;
}

it('a gateway takes its job from the real backend, broadcasts it, and goes off air when it is withdrawn', async () => {
  const folder = await newFolder();
  const data = folder.file('data');
  const token = folder.file('token');
  for (const args of [
    ['init', '--host', '127.0.0.1'],
    ['token', 'create', 'dev', '-o', token],
  ])
    expect(await runProgram('backend', [...args, '--data', data])).toMatchObject({ status: 0 });
  const serving = await serveProgram(data);
  const { linkPort, api } = serving.ready;
  const add = ['gateway', 'add', 'north', '-o', folder.file('bundle'), '--link', `127.0.0.1:${linkPort}`];
  expect(await runProgram('backend', [...add, '--data', data])).toMatchObject({ status: 0 });
  const env = { CARILLON_URL: api, CARILLON_TOKEN_FILE: token };
  const carillon = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await runProgram('carillon', args, env);
    if (status !== 0) throw new Error(stderr);
    return stdout;
  };
  const config = await folder.writeJson('gateway.json', {
    stateDir: 'state',
    station: STATION,
    dataShare: 0.5,
    link: { bundleDir: 'bundle', heartbeatSeconds: 0.2 },
    output: { kind: 'air', port: 0, speed: 20 },
  });
  const gateway = new GatewayProgram('run', '--config', config, '--json');
  try {
    await gateway.event('link-up');
    await writeFile(folder.file('image'), noise(150_000, 1));
    await carillon('device-type', 'add', 'example.org', 'kiosk');
    const added = await carillon(
      'update',
      'add',
      folder.file('image'),
      '--device-type',
      'example.org/kiosk',
      '--version',
      '1.0',
      '--at',
      'now',
    );
    const { id } = JSON.parse(added) as { id: string };
    await gateway.event('job-stored');
    await gateway.event('job-on-air');
    const job = async (): Promise<ListedJob> => JSON.parse(await carillon('job', 'list', '--update', id)) as ListedJob;
    await expect.poll(async () => (await job()).state, { timeout: 15_000, interval: 500 }).toBe('on-air');
    await carillon('update', 'withdraw', id, '--reason', 'test');
    await gateway.event('job-withdrawn');
    expect(await gateway.end('SIGTERM')).toBe(0);
  } finally {
    await gateway.end('SIGKILL');
    await serving.kill();
    await folder.remove();
  }
}, 60_000);
