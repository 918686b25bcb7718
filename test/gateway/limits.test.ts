import { execFileSync } from 'node:child_process';
import { readdir, symlink, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeOutput, requireOnAir } from '../../gateway/limits.ts';
import { parseConfig } from '../../gateway/config.ts';
import { run } from '../../gateway/run.ts';
import { type Folder, newFolder, STATION } from './station.ts';

let folder: Folder;
beforeAll(async () => {
  folder = await newFolder();
  execFileSync('/usr/bin/env', ['mkfifo', folder.file('fifo')]);
  await symlink('/dev/full', folder.file('link'));
  await writeFile(folder.file('there.cu8'), '');
});
afterAll(async () => {
  await folder.remove();
});

async function transmits(output: Record<string, unknown>): Promise<boolean> {
  const config = parseConfig({ stateDir: 's', station: STATION, output }, folder.path);
  return (await describeOutput(config.outputs[0])).transmits;
}

describe('the guard before the transmitter', () => {
  it.each([
    ['a new file', 'new.cu8', false],
    ['a file that is there', 'there.cu8', false],
    ['nothing at all', '/dev/null', false],
    ['stdout', '-', true],
    ['a pipe', 'fifo', true],
    ['a device', '/dev/full', true],
    ['a link to a device', 'link', true],
    ['a device that is not there now', '/dev/carillon-no-such-device', true],
  ])('takes %s for what it is', async (_, path, expected) => {
    expect(await transmits({ kind: 'iq-file', path })).toBe(expected);
    expect(await transmits({ kind: 'mpx-file', path })).toBe(expected);
  });

  it('lets the simulated air through', async () => {
    expect(await transmits({ kind: 'air', port: 0 })).toBe(false);
  });

  it('asks for --on-air when any output transmits', () => {
    const file = { kind: 'iq-file', transmits: false, text: 'a file' } as const;
    const transmitter = { kind: 'iq-file', transmits: true, text: '/dev/transmitter' } as const;
    expect(() => requireOnAir([file], false)).not.toThrow();
    expect(() => requireOnAir([file, transmitter], true)).not.toThrow();
    expect(() => requireOnAir([file, transmitter], false)).toThrow('/dev/transmitter may lead to a transmitter');
  });

  it('refuses with status 3 before anything was opened or made', async () => {
    const config = await folder.writeJson('c.json', {
      stateDir: 'never',
      station: STATION,
      trustedKeys: ['00'.repeat(32)],
      output: { kind: 'iq-file', path: 'fifo' },
    });
    const said: string[] = [];
    const stream = { write: (text: string) => said.push(text) };
    const status = await run({ config }, { stdout: stream, stderr: stream }, AbortSignal.abort());
    expect(status).toBe(3);
    expect(said.join('')).toContain('Add --on-air');
    expect(await readdir(folder.path)).not.toContain('never');
  });
});
