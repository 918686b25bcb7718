import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runProgram, serveProgram } from './program.ts';
import { noise, temporaryFolder } from './stage.ts';

describe('the programs', () => {
  it('go from nothing to a planned update', async () => {
    const folder = await temporaryFolder();
    const data = join(folder, 'data');
    const bundle = join(folder, 'north');
    const tokenFile = join(folder, 'token');
    const backend = (...args: string[]) => runProgram('backend', [...args, '--data', data]);

    const made = await backend('init', '--host', 'backend.example.org,127.0.0.1');
    expect(made).toMatchObject({ status: 0 });
    expect(made.stderr).toContain('Next:');
    expect((await stat(data)).mode & 0o777).toBe(0o700);
    for (const secret of ['release.key', 'ca.key', 'server.key'])
      expect((await stat(join(data, secret))).mode & 0o777).toBe(0o600);
    expect(await backend('init')).toMatchObject({ status: 1, stdout: '' });

    expect(await backend('gateway', 'add', 'north', '-o', bundle, '--link', '127.0.0.1:7701')).toMatchObject({
      status: 0,
    });
    expect((await stat(join(bundle, 'gateway.key'))).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(join(bundle, 'link.json'), 'utf8'))).toEqual({
      gateway: 'north',
      host: '127.0.0.1',
      port: 7701,
    });
    expect(await backend('token', 'create', 'dev', '-o', tokenFile)).toMatchObject({ status: 0 });
    expect((await stat(tokenFile)).mode & 0o777).toBe(0o600);
    const printed = await backend('token', 'create', 'other', '--expires-days', '1', '--role', 'operator');
    const other = JSON.parse(printed.stdout) as { token: string; role: string };
    expect(other).toMatchObject({ role: 'operator', token: expect.stringMatching(/^carillon_/) });
    expect((await backend('token', 'list')).stdout).not.toContain(other.token);

    const serving = await serveProgram(data);
    const env = { CARILLON_URL: serving.ready.api, CARILLON_TOKEN_FILE: tokenFile };
    const carillon = (...args: string[]) => runProgram('carillon', args, env);
    const image = join(folder, 'image.bin');
    await writeFile(image, noise(10_000));

    expect(await carillon('device-type', 'add', 'example.org', 'Pi3', '--slot-size', '64Mi')).toMatchObject({
      status: 0,
    });
    const add = ['update', 'add', image, '--device-type', 'example.org/Pi3', '--version', '1.0', '--at', 'now'];
    const added = await carillon(...add);
    const update = JSON.parse(added.stdout) as { id: string; state: string; sizes: { onAirBytes: number } };
    expect(update).toMatchObject({ state: 'live', sequence: 1 });
    expect(await carillon(...add)).toMatchObject({
      status: 3,
      stdout: '',
      stderr: expect.stringContaining('A version names'),
    });
    const wanted = ['update', 'add', image, '--device-type', 'example.org/Pi3', '--version', '1.1'];
    expect(await carillon(...wanted, '--bases', '1.0', '--bases', '0.9,0.8')).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('no earlier version "0.9"'),
    });
    const [jobs, gateways] = await Promise.all([
      carillon('job', 'list', '--update', update.id),
      carillon('gateway', 'list'),
    ]);
    expect(JSON.parse(jobs.stdout)).toMatchObject({ gateway: 'north', state: 'due', facts: { received: null } });
    expect(JSON.parse(gateways.stdout)).toMatchObject({ name: 'north', connected: false });
    const { id: jobId } = JSON.parse(jobs.stdout) as { id: string };
    expect(JSON.parse((await carillon('job', 'pause', jobId)).stdout)).toMatchObject({ state: 'due', paused: true });
    expect(JSON.parse((await carillon('job', 'resume', jobId)).stdout)).toMatchObject({ state: 'due', paused: false });
    const terms = ['--at', 'now', '--windows', '22:00-05:00,12:00-13:00', '--priority', '9'];
    expect(JSON.parse((await carillon('update', 'schedule', update.id, ...terms)).stdout)).toMatchObject({
      windows: ['22:00-05:00', '12:00-13:00'],
      priority: 9,
    });
    expect(await carillon('update', 'schedule', update.id, '--at', 'now', '--windows', '22-5')).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('times of the day in UTC'),
    });
    expect(await carillon('update', 'withdraw', update.id, '--reason', 'test')).toMatchObject({ status: 0 });
    expect(await carillon('job', 'pause', jobId)).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('has ended (withdrawn)'),
    });
    expect(JSON.parse((await carillon('update', 'show', update.id)).stdout)).toMatchObject({ state: 'withdrawn' });
    expect(await carillon('update', 'schedule', update.id, '--at', 'now')).toMatchObject({ status: 3 });

    expect(await backend('serve')).toMatchObject({ status: 3, stderr: expect.stringContaining('Another backend') });
    expect(await backend('token', 'revoke', 'dev')).toMatchObject({ status: 0 });
    expect(await carillon('update', 'list')).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('was revoked'),
    });

    const sealed = join(data, 'packages', `${update.id}.carillon`);
    const info = await runProgram('carillon', ['package', 'info', sealed, '--key', join(bundle, 'release.pem')]);
    expect(JSON.parse(info.stdout)).toMatchObject({
      version: '1.0',
      signature: 'verified',
      sizeBytes: update.sizes.onAirBytes,
    });
    await writeFile(join(folder, 'damaged'), (await readFile(sealed)).fill(0, 300, 301));
    expect(
      await runProgram('carillon', ['package', 'info', join(folder, 'damaged'), '--key', join(bundle, 'release.pem')]),
    ).toMatchObject({ status: 3, stderr: expect.stringContaining('Refused') });

    serving.child.kill('SIGTERM');
    await expect.poll(() => serving.child.exitCode).toBe(0);
    // Without --data, with a wrong option, with nothing to talk to.
    expect(await carillon('update', 'list')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('refuse a release key that others can read', async () => {
    const data = join(await temporaryFolder(), 'data');
    await runProgram('backend', ['init', '--data', data]);
    await chmod(join(data, 'release.key'), 0o644);
    const ran = await runProgram('backend', ['serve', '--data', data, '--api-port', '0', '--link-port', '0']);
    expect(ran).toMatchObject({ status: 3, stdout: '', stderr: expect.stringContaining('can be read by others') });
  });

  it('say what is wrong with how they were called, with status 2', async () => {
    const wrong: ['backend' | 'carillon', string[], Record<string, string>][] = [
      ['backend', ['serve'], {}],
      ['backend', ['fly'], {}],
      ['backend', ['init', '--data', '/nowhere', '--link-port', '70000'], {}],
      ['carillon', ['update', 'add', 'x'], {}],
      ['carillon', ['update', 'list'], {}],
      ['carillon', ['update', 'list'], { CARILLON_TOKEN: 'a', CARILLON_TOKEN_FILE: 'b' }],
      ['carillon', ['update', 'list'], { CARILLON_TOKEN: 'a', CARILLON_URL: 'ftp://x' }],
    ];
    const ran = await Promise.all(wrong.map(([program, args, env]) => runProgram(program, args, env)));
    const said = ran.map(({ status, stdout, stderr }, i) => [wrong[i]?.[1], status, stdout, stderr.length > 10]);
    expect(said).toEqual(wrong.map(([, args]) => [args, 2, '', true]));
    expect(await runProgram('backend', ['serve', '--data', '/nowhere'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('not a data directory'),
    });
    expect(await runProgram('carillon', ['--help'])).toMatchObject({ status: 0 });
  });

  it('keep tokens and keys out of the log', async () => {
    const folder = await temporaryFolder();
    const data = join(folder, 'data');
    await runProgram('backend', ['init', '--data', data]);
    const { stdout } = await runProgram('backend', ['token', 'create', 'dev', '--data', data]);
    const { token } = JSON.parse(stdout) as { token: string };
    const serving = await serveProgram(data);
    let log = '';
    serving.child.stderr.on('data', (chunk) => (log += String(chunk)));
    await fetch(`${serving.ready.api}/v1/updates`, { headers: { authorization: `Bearer ${token}` } });
    await fetch(`${serving.ready.api}/v1/updates?limit=bad`, { headers: { authorization: `Bearer ${token}` } });
    await expect.poll(() => log).toContain('/v1/updates');
    await serving.kill();
    expect(log).not.toContain(token);
    expect(log).not.toContain('PRIVATE KEY');
    for (const line of log.split('\n').filter((text) => text.startsWith('{')))
      expect(JSON.parse(line)).toHaveProperty('level');
  });
});
