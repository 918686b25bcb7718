import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram, runShell, textOf } from './programs.ts';
import { makeSealedPackage } from './sealed.ts';

const folder = mkdtempSync(join(tmpdir(), 'carillon-filters-'));
const packagePath = join(folder, 'app.pkg');
const hexPath = join(folder, 'app.hex');
let sha256Hex = '';

beforeAll(async () => {
  const bytes = await makeSealedPackage(700, 20_261_123);
  writeFileSync(packagePath, bytes);
  sha256Hex = createHash('sha256').update(bytes).digest('hex');
  const encoded = await runShell(`$GATEWAY encode ${packagePath} -o hex > ${hexPath}`);
  if (encoded.status !== 0) throw new Error(encoded.stderr);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** SHA-256 of what was collected into `state`, by reading the file itself. */
function collected(state: string): string[] {
  return readdirSync(join(state, 'packages')).map((name) =>
    createHash('sha256')
      .update(readFileSync(join(state, 'packages', name)))
      .digest('hex'),
  );
}

describe('the filters chained by a shell', () => {
  const chains: [name: string, script: string][] = [
    ['mpx at 171k', '$GATEWAY modulate -i hex -r 171k -o mpx | $RECEIVER decode -i mpx -r 171k -o hex'],
    ['iq at 250k, cu8', '$GATEWAY modulate -i hex -r 250k -o iq | $RECEIVER decode -i iq -r 250k -o hex'],
    [
      'iq at 250k, cs16',
      '$GATEWAY modulate -i hex -r 250k -o iq --format cs16 | $RECEIVER decode -i iq -r 250k --format cs16 -o hex',
    ],
    [
      'one group in five deleted at random by awk',
      `$GATEWAY modulate -i hex -r 171k -o mpx | $RECEIVER decode -i mpx -r 171k -o hex | awk 'BEGIN{srand(5)} rand()>=0.2'`,
    ],
    [
      'every fifth group deleted by awk',
      `$GATEWAY modulate -i hex -r 250k -o iq | $RECEIVER decode -i iq -r 250k -o hex | awk 'NR%5!=0'`,
    ],
  ];
  it.each(chains)('give back the package: %s', async (name, chain) => {
    const state = join(folder, name.replaceAll(/\W/g, '-'));
    const ended = await runShell(
      `$GATEWAY encode ${packagePath} -o hex | ${chain} | $RECEIVER collect -i hex --state ${state} -o json`,
    );
    expect(ended.status, ended.stderr).toBe(0);
    expect(textOf(ended)).toContain(sha256Hex);
    expect(collected(state)).toEqual([sha256Hex]);
  });

  it('give back the package over all four streams', async () => {
    const state = join(folder, 'rds2');
    const ended = await runShell(
      `$GATEWAY encode ${packagePath} --rds2 -o hex | $GATEWAY modulate -i hex -r 250k -o iq --rds2 |
       $RECEIVER decode -i iq -r 250k --streams 4 -o hex | $RECEIVER collect -i hex --state ${state} -o json`,
    );
    expect(ended.status, ended.stderr).toBe(0);
    expect(collected(state)).toEqual([sha256Hex]);
  });
});

describe('collect', () => {
  it('says 4 while incomplete, survives kill -9, and goes on with what it had', async () => {
    const state = join(folder, 'resumed');
    const lines = readFileSync(hexPath, 'utf8').trim().split('\n');
    const third = Math.floor(lines.length / 3);
    const first = await runProgram(
      'receiver',
      ['collect', '-i', 'hex', '--state', state, '-o', 'json'],
      `${lines.slice(0, third).join('\n')}\n`,
    );
    expect(first.status, first.stderr).toBe(4);

    // The second part is fed slowly and the process dies in the middle of it.
    const killed = spawn(
      process.execPath,
      [join(import.meta.dirname, '../../receiver/main.ts'), 'collect', '-i', 'hex', '--state', state, '-o', 'json'],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    killed.stdin.on('error', () => undefined);
    const progressed = new Promise<void>((resolve) => {
      killed.stdout.on('data', () => {
        resolve();
      });
    });
    killed.stdin.write(`${lines.slice(third, 2 * third).join('\n')}\n`);
    await progressed;
    const dead = new Promise((resolve) => killed.once('close', resolve));
    killed.kill('SIGKILL');
    await dead;

    const last = await runProgram(
      'receiver',
      ['collect', '-i', 'hex', '--state', state, '-o', 'json'],
      `${lines.slice(2 * third).join('\n')}\n`,
    );
    expect(last.status, last.stderr).toBe(0);
    expect(collected(state)).toEqual([sha256Hex]);
  });

  it('does not complete from the last part alone, so the parts before were really kept', async () => {
    const state = join(folder, 'last-part');
    const lines = readFileSync(hexPath, 'utf8').trim().split('\n');
    const ended = await runProgram(
      'receiver',
      ['collect', '-i', 'hex', '--state', state, '-o', 'json'],
      `${lines.slice(2 * Math.floor(lines.length / 3)).join('\n')}\n`,
    );
    expect(ended.status, ended.stderr).toBe(4);
  });
});
