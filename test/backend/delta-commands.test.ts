import { statSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { content } from '../package/example.ts';
import { until } from '../until.ts';
import { runProgram, startProgram } from './program.ts';
import { noise, temporaryFolder } from './stage.ts';

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

const delta = (...args: string[]) => runProgram('carillon', ['delta', ...args]);

describe('carillon delta', () => {
  it('makes, shows and applies a patch, and writes nothing that is not whole and right', async () => {
    const folder = await temporaryFolder();
    const at = (name: string): string => join(folder, name);
    const old = noise(1_200_000);
    const next = Buffer.concat([old.subarray(0, 500_000), content(7, 300), old.subarray(500_100)]);
    await Promise.all([writeFile(at('old'), old), writeFile(at('new'), next)]);

    const made = await delta('make', at('old'), at('new'), '-o', at('patch'), '--progress');
    expect(made).toMatchObject({ status: 0, stderr: expect.stringContaining('coding: 60 %') });
    const patch = await readFile(at('patch'));
    expect(JSON.parse(made.stdout)).toMatchObject({ sizeBytes: patch.length, newSizeBytes: next.length });
    expect(patch.length).toBeLessThan(450);

    const info = JSON.parse((await delta('info', at('patch'), '--old', at('old'))).stdout) as Record<string, number>;
    expect(info).toMatchObject({ sizeBytes: patch.length, oldSizeBytes: old.length, tables: 3 });
    expect(Math.abs(info['gapsBytes'] + info['missesBytes'] - 300)).toBeLessThan(30);

    const byFile = await delta('info', at('patch'), '--old', at('old'), '--files');
    const rows = byFile.stdout.trim().split('\n');
    const sum = rows.reduce((all, row) => all + (JSON.parse(row) as { patchBytes: number }).patchBytes, 0);
    expect(Math.abs(sum - patch.length)).toBeLessThan(8);
    expect(await delta('info', at('patch'), '--files')).toMatchObject({ stderr: expect.stringContaining('--old') });

    expect(await delta('apply', at('old'), at('patch'), '-o', at('back'))).toMatchObject({ status: 0 });
    expect(Buffer.compare(await readFile(at('back')), next)).toBe(0);

    const other = Buffer.from(old);
    other[7] ^= 1;
    await writeFile(at('other'), other);
    await writeFile(at('cut'), patch.subarray(0, 200));
    await writeFile(at('flipped'), Buffer.concat([patch.subarray(0, 150), noise(40), patch.subarray(190)]));
    const refusals: [old: string, patch: string, says: string][] = [
      ['other', 'patch', 'digest is another one. Nothing was written'],
      ['new', 'patch', `starts from ${old.length} bytes`],
      ['old', 'cut', 'is damaged'],
      ['old', 'flipped', 'is damaged'],
      ['old', 'new', 'no Carillon delta'],
    ];
    for (const [from, by, says] of refusals)
      expect(await delta('apply', at(from), at(by), '-o', at('refused')), by).toMatchObject({
        status: 3,
        stdout: '',
        stderr: expect.stringContaining(says),
      });
    expect(await delta('apply', at('missing'), at('patch'), '-o', at('refused'))).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('missing'),
    });
    expect((await readdir(folder)).filter((name) => name.startsWith('refused'))).toEqual([]);
  });

  it('leaves nothing behind when it is stopped while it applies', async () => {
    const folder = await temporaryFolder();
    const at = (name: string): string => join(folder, name);
    await writeFile(at('new'), noise(900_000));
    expect(await delta('make', '/dev/null', at('new'), '-o', at('patch'))).toMatchObject({ status: 0 });
    const applying = startProgram('carillon', ['delta', 'apply', '/dev/null', at('patch'), '-o', at('made')]);
    await until(() => sizeOf(at('made.part')) > 0, 'the first bytes');
    applying.child.kill('SIGINT');
    expect(await applying.ran).toMatchObject({
      status: 130,
      stdout: '',
      stderr: expect.stringContaining(`Stopped by SIGINT: ${at('made')} was not made`),
    });
    expect((await readdir(folder)).sort()).toEqual(['new', 'patch']);
  });
});
