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
let sha256Hex = '';
/** For what takes no modulation: 1,400 units, so at least 700 type A groups. */
const largePath = join(folder, 'large.pkg');
const hexPath = join(folder, 'large.hex');
let largeSha256Hex = '';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

beforeAll(async () => {
  const bytes = await makeSealedPackage(700, 20_261_123);
  writeFileSync(packagePath, bytes);
  sha256Hex = sha256(bytes);
  const large = await makeSealedPackage(2600, 4);
  writeFileSync(largePath, large);
  largeSha256Hex = sha256(large);
  const encoded = await runShell(`$GATEWAY encode ${largePath} -o hex > ${hexPath}`);
  if (encoded.status !== 0) throw new Error(encoded.stderr);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** SHA-256 of what was collected into `state`, by reading the file itself. */
function collected(state: string): string[] {
  return readdirSync(join(state, 'packages')).map((name) => sha256(readFileSync(join(state, 'packages', name))));
}

/** 11A, which carries our data. */
function isOurs(line: string): boolean {
  return (Number.parseInt(line.slice(5, 9), 16) & 0xf800) === 0xb000;
}

/** Three parts of a transmission: none is enough (groups are counted), the first and the last together are. */
function parts(): { start: string; middle: string; rest: string } {
  const lines = readFileSync(hexPath, 'utf8').trim().split('\n');
  const upTo = (groups: number): number => {
    let seen = 0;
    return lines.findIndex((line) => isOurs(line) && ++seen > groups);
  };
  const cut = (from: number, to: number): string => `${lines.slice(upTo(from), upTo(to)).join('\n')}\n`;
  // The directory is said every 23 runs, so that each part has it.
  return { start: cut(0, 400), middle: cut(400, 800), rest: cut(800, 1250) };
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
    const { start, middle, rest } = parts();
    const first = await runProgram('receiver', ['collect', '-i', 'hex', '--state', state, '-o', 'json'], start);
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
    killed.stdin.write(middle);
    await progressed;
    const dead = new Promise((resolve) => killed.once('close', resolve));
    killed.kill('SIGKILL');
    await dead;

    const last = await runProgram('receiver', ['collect', '-i', 'hex', '--state', state, '-o', 'json'], rest);
    expect(last.status, last.stderr).toBe(0);
    expect(collected(state)).toEqual([largeSha256Hex]);
  });

  it('does not complete from the last part alone, so the parts before were really kept', async () => {
    const state = join(folder, 'last-part');
    const ended = await runProgram('receiver', ['collect', '-i', 'hex', '--state', state, '-o', 'json'], parts().rest);
    expect(ended.status, ended.stderr).toBe(4);
  });
});
