import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tryLock, waitForLock } from '#hardware/file/lock.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'carillon-lock-'));
  path = join(folder, 'x.lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const PROGRAM = join(import.meta.dirname, 'lock-program.ts');

function taken(): { release(): void } {
  const attempt = tryLock(path);
  if (attempt.kind === 'held') throw new Error(`held by ${attempt.processId}`);
  return attempt;
}

describe('a file lock', () => {
  it('is had by one at a time, says by whom, and leaves nothing', () => {
    const lock = taken();
    expect(tryLock(path)).toEqual({ kind: 'held', processId: process.pid });
    expect(readdirSync(folder)).toEqual(['x.lock']);
    lock.release();
    taken().release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('can be waited for, and not for ever', async () => {
    const lock = taken();
    expect(await waitForLock(path, 50)).toMatchObject({ kind: 'held' });
    const waiting = waitForLock(path, 10_000);
    lock.release();
    const second = await waiting;
    expect(second.kind).toBe('taken');
  });

  it.each([
    ['a process that is not', '999999999 12345 x'],
    ['another process that had this number', `${process.pid} 1 x`],
    ['an earlier boot', 'this process, before the power was cut'],
    ['nobody: the power was cut before its name was on the disk', ''],
    ['something that is no owner', 'x\u0000y'],
    ['a number that is none', '-1 5 x'],
  ])('of %s is taken over', (_, owner) => {
    const lock = taken();
    const mine = readFileSync(path, 'utf8');
    lock.release();
    writeFileSync(path, owner.replace('this process, before the power was cut', mine.replace(/[^ ]+$/, 'boot')));
    taken().release();
    expect(existsSync(path)).toBe(false);
  });

  it('of a live process is not', async () => {
    const child = spawn('sleep', ['60']);
    try {
      writeFileSync(path, identityOf(child.pid ?? 0));
      expect(tryLock(path)).toEqual({ kind: 'held', processId: child.pid });
    } finally {
      child.kill();
      await once(child, 'exit');
    }
    taken().release();
  });

  it('of a process that is dead and not asked for yet is taken over', async () => {
    // The child ends when sleep has taken the shell's place: sleep never asks for it, the shell might.
    const child = spawn('sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 60']);
    try {
      const [said] = (await once(child.stdout, 'data')) as [Buffer];
      const deadId = Number(String(said));
      const deadline = performance.now() + 5000;
      while (stateOf(deadId) !== 'Z') {
        if (performance.now() > deadline) throw new Error('it does not die');
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      writeFileSync(path, identityOf(deadId));
      expect(tryLock(path).kind).toBe('taken');
    } finally {
      child.kill();
      await once(child, 'exit');
    }
  });

  it('is taken over also when the one that was taking it over has died at it', () => {
    writeFileSync(path, '999999999 1 x');
    writeFileSync(`${path}.stale`, '999999998 1 x');
    taken().release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is not taken over while another one is about to', () => {
    const lock = tryLock(`${path}.stale`);
    writeFileSync(path, '999999999 1 x');
    expect(tryLock(path)).toEqual({ kind: 'held', processId: process.pid });
    if (lock.kind === 'taken') lock.release();
    taken().release();
  });

  it('throws when there is no such folder', () => {
    expect(() => tryLock(join(folder, 'none', 'x.lock'))).toThrow('ENOENT');
  });

  it('keeps processes apart that fight for it and die with it', async () => {
    const inside = join(folder, 'inside');
    const live = async (lives: number): Promise<string> => {
      let said = '';
      for (let life = 1; life <= lives; life++) {
        const child = spawn(process.execPath, [PROGRAM, path, inside, String(4 + 5 * life)]);
        child.stderr.on('data', (chunk) => (said += String(chunk)));
        const [, signal] = (await once(child, 'close')) as [number, string];
        if (signal !== 'SIGKILL') said += `ended in life ${life}`;
      }
      return said;
    };
    expect(await Promise.all([live(4), live(4), live(4)])).toEqual(['', '', '']);
    taken().release();
    expect(readdirSync(folder).filter((name) => name.startsWith('x.lock') && !/-/.test(name))).toEqual([]);
  }, 60_000);
});

function fieldsOf(processId: number): string[] {
  const stat = readFileSync(`/proc/${processId}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function stateOf(processId: number): string {
  return fieldsOf(processId)[0];
}

function identityOf(processId: number): string {
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return `${processId} ${fieldsOf(processId)[19]} ${bootId}`;
}
