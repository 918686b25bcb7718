import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bootFilesIn, FileBoot } from '#hardware/boot/file-boot.ts';
import { newerCopy, parseEnvironment, serialiseEnvironment, UBootEnvironment } from '#hardware/boot/uboot-env.ts';

/**
 * Made by libubootenv 0.3.2 (Debian 12), redundant environment in two files of 0x100 bytes:
 * `fw_setenv BOOT_B_LEFT 3` on defaults of BOOT_ORDER=A B, BOOT_A_LEFT=3, and then `fw_setenv BOOT_ORDER "B A"`.
 */
const FW_SETENV_1 = golden('ac679eea', '01', 'BOOT_A_LEFT=3\0BOOT_B_LEFT=3\0BOOT_ORDER=A B\0');
const FW_SETENV_2 = golden('68d12b34', '02', 'BOOT_A_LEFT=3\0BOOT_B_LEFT=3\0BOOT_ORDER=B A\0');
function golden(crc: string, flags: string, text: string): Uint8Array {
  const bytes = new Uint8Array(0x100);
  bytes.set(Uint8Array.fromHex(crc + flags));
  bytes.set(new TextEncoder().encode(text), 5);
  return bytes;
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'carillon-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the U-Boot environment', () => {
  it('reads and writes, byte for byte, what fw_setenv writes', () => {
    for (const bytes of [FW_SETENV_1, FW_SETENV_2]) {
      const copy = parseEnvironment(bytes);
      if (copy === undefined) throw new Error('not read');
      expect([...copy.variables.keys()]).toEqual(['BOOT_A_LEFT', 'BOOT_B_LEFT', 'BOOT_ORDER']);
      expect(serialiseEnvironment(copy, bytes.length)).toEqual(bytes);
    }
    expect(parseEnvironment(FW_SETENV_2)?.variables.get('BOOT_ORDER')).toBe('B A');
    expect(newerCopy([parseEnvironment(FW_SETENV_2), parseEnvironment(FW_SETENV_1)])).toBe(0);
  });

  it.each([
    [1, 2, 1],
    [2, 1, 0],
    [5, 5, 0],
    [255, 0, 1],
    [0, 255, 0],
    [254, 255, 1],
  ])('with flags %i and %i, copy %i is the newer one', (first, second, newer) => {
    const variables = new Map<string, string>();
    expect(
      newerCopy([
        { flags: first, variables },
        { flags: second, variables },
      ]),
    ).toBe(newer);
  });

  it('never throws for hostile bytes, and takes no copy with a changed byte', () => {
    fc.assert(
      fc.property(fc.nat(0xff), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = FW_SETENV_1.slice();
        bytes[at] ^= flip;
        // The flags stand outside the CRC: that byte alone may change.
        expect(parseEnvironment(bytes) === undefined).toBe(at !== 4);
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        parseEnvironment(bytes);
        // With the right CRC, so that the text is looked at.
        const copy = serialiseEnvironment({ flags: 0, variables: new Map() }, bytes.length + 6);
        copy.set(bytes, 5);
        expect(parseEnvironment(copy)?.variables.has('')).not.toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('says what does not fit', () => {
    const variables = new Map([['a', 'x'.repeat(60)]]);
    expect(() => serialiseEnvironment({ flags: 0, variables }, 67)).toThrow(
      expect.objectContaining({ code: 'ENVIRONMENT_FULL' }),
    );
    expect(serialiseEnvironment({ flags: 0, variables }, 69)).toHaveLength(69);
    for (const bad of [new Map([['a=b', 'c']]), new Map([['a', 'b\0c=d']]), new Map([['', 'x']])])
      expect(() => serialiseEnvironment({ flags: 0, variables: bad }, 99)).toThrow(
        expect.objectContaining({ code: 'ENVIRONMENT_NAME' }),
      );
  });

  it('writes the older copy, counts round 255, and keeps foreign variables', async () => {
    const paths = [join(folder, '0'), join(folder, '1')] as const;
    await writeFile(paths[0], serialiseEnvironment({ flags: 254, variables: new Map([['bootcmd', 'run x']]) }, 256));
    await writeFile(paths[1], serialiseEnvironment({ flags: 253, variables: new Map([['old', '1']]) }, 256));
    const environment = new UBootEnvironment({ paths, sizeBytes: 256 }, new Map());
    for (const [value, flags] of [
      ['1', [254, 255]],
      ['2', [0, 255]],
      ['3', [0, 1]],
    ] as const) {
      await environment.update(new Map([['x', value]]));
      expect([(await readFile(paths[0]))[4], (await readFile(paths[1]))[4]]).toEqual(flags);
      const { variables, health } = await environment.read();
      expect(health).toBe('sound');
      expect(Object.fromEntries(variables)).toEqual({ bootcmd: 'run x', x: value });
    }
  });

  it('falls back to the other copy wherever a write tears, and repairs it with the next one', async () => {
    const paths = [join(folder, '0'), join(folder, '1')] as const;
    const environment = new UBootEnvironment({ paths, sizeBytes: 256 }, new Map());
    await environment.update(new Map([['x', 'old']]));
    await environment.update(new Map([['x', 'old']]));
    const before = [await readFile(paths[0]), await readFile(paths[1])] as const;
    await environment.update(new Map([['x', 'new']]));
    const after = [await readFile(paths[0]), await readFile(paths[1])] as const;
    const written = before[0].equals(after[0]) ? 1 : 0;
    for (let cut = 0; cut <= 256; cut += 3) {
      const torn = Buffer.concat([after[written].subarray(0, cut), before[written].subarray(cut)]);
      await writeFile(paths[written], torn);
      const { variables, health } = await environment.read();
      expect(variables.get('x'), `${cut} bytes written`).toBe(torn.equals(after[written]) ? 'new' : 'old');
      const isWhole = torn.equals(after[written]) || torn.equals(before[written]);
      expect(health).toBe(isWhole ? 'sound' : 'one-copy-torn');
    }
    await writeFile(paths[written], before[written]);
    await environment.update(new Map([['x', 'again']]));
    expect(await environment.read()).toMatchObject({ health: 'sound', variables: new Map([['x', 'again']]) });
  });

  it('with both copies torn gives the defaults and says so', async () => {
    const boot = new FileBoot(bootFilesIn(folder), 256);
    await boot.activate('B', 3);
    await boot.markGood('B');
    for (const name of ['uboot-0.env', 'uboot-1.env']) await writeFile(join(folder, name), new Uint8Array(256).fill(7));
    expect(await boot.state()).toEqual({ order: ['A', 'B'], attemptsLeft: { A: 3, B: 3 }, running: 'A' });
    expect(await boot.health()).toBe('both-torn');
    await boot.markUnbootable('B');
    expect(await boot.state()).toMatchObject({ order: ['A'], attemptsLeft: { A: 3, B: 0 } });
  });

  it('agrees with fw_printenv and fw_setenv where they are installed, and else with the vector above', async () => {
    const [fwPrintenv, fwSetenv] = ['/usr/bin/fw_printenv', '/usr/bin/fw_setenv'];
    const hasTool = existsSync(fwPrintenv) && existsSync(fwSetenv);
    const { environment } = bootFilesIn(folder);
    const boot = new FileBoot(bootFilesIn(folder), 0x100);
    const config = join(folder, 'fw_env.config');
    await writeFile(config, environment.map((path) => `${path} 0x0 0x100\n`).join(''));
    const printed = async (): Promise<string[]> => {
      if (hasTool) return spawnSync(fwPrintenv, ['-c', config], { encoding: 'utf8' }).stdout.trim().split('\n');
      const copies = [
        parseEnvironment(await readFile(environment[0])),
        parseEnvironment(await readFile(environment[1])),
      ];
      const newer = copies[newerCopy([copies[0], copies[1]])];
      return [...(newer?.variables ?? [])].map(([name, value]) => `${name}=${value}`);
    };
    const set = async (name: string, value: string): Promise<void> => {
      if (hasTool) spawnSync(fwSetenv, ['-c', config, name, value]);
      else for (const path of environment) await writeFile(path, FW_SETENV_2);
    };
    await boot.activate('B', 3);
    expect((await printed()).toSorted()).toEqual(['BOOT_A_LEFT=3', 'BOOT_B_LEFT=3', 'BOOT_ORDER=B A']);
    await boot.markUnbootable('B');
    expect((await printed()).toSorted()).toEqual(['BOOT_A_LEFT=3', 'BOOT_B_LEFT=0', 'BOOT_ORDER=A']);
    await set('BOOT_ORDER', 'B A');
    await set('BOOT_B_LEFT', '3');
    expect(await boot.state()).toMatchObject({ order: ['B', 'A'], attemptsLeft: { A: 3, B: 3 } });
    expect(await boot.health()).toBe('sound');
  });
});

describe('the boot loader in files', () => {
  it('starts the first slot of the order that has attempts, and takes one', async () => {
    const boot = new FileBoot(bootFilesIn(folder));
    expect(await boot.boot()).toEqual({ started: 'A', tried: ['A'] });
    expect(await boot.state()).toEqual({ order: ['A', 'B'], attemptsLeft: { A: 2, B: 3 }, running: 'A' });
    await boot.activate('B', 1);
    expect(await boot.boot()).toEqual({ started: 'B', tried: ['B'] });
    expect(await boot.boot()).toEqual({ started: 'A', tried: ['A'] });
    expect((await boot.state()).running).toBe('A');
  });

  it('never starts a slot that was marked unbootable, not even when it restores the attempts', async () => {
    const boot = new FileBoot(bootFilesIn(folder));
    await boot.markUnbootable('B');
    const { started, tried } = await boot.boot(async () => false);
    expect(started).toBeUndefined();
    expect(tried).toEqual(['A', 'A', 'A', 'A', 'A', 'A']);
    expect(await boot.boot()).toMatchObject({ started: 'A' });
  });

  it('keeps the order when a slot is marked good', async () => {
    const boot = new FileBoot(bootFilesIn(folder));
    await boot.activate('B', 3);
    await boot.markGood('A');
    expect((await boot.state()).order).toEqual(['B', 'A']);
  });

  it('is changed by one at a time: a health check and an installation lose nothing of each other', async () => {
    const [check, installer] = [new FileBoot(bootFilesIn(folder)), new FileBoot(bootFilesIn(folder))];
    for (let round = 0; round < 5; round++) {
      await installer.markUnbootable('B');
      await Promise.all([check.markGood('A'), installer.activate('B', 3), check.markGood('A')]);
      expect(await check.state()).toMatchObject({ order: ['B', 'A'], attemptsLeft: { A: 3, B: 3 } });
    }
    expect(existsSync(join(folder, 'boot.lock'))).toBe(false);
  });

  it('refuses to close the only slot that is left', async () => {
    const boot = new FileBoot(bootFilesIn(folder));
    await boot.markUnbootable('B');
    await expect(boot.markUnbootable('A')).rejects.toMatchObject({ code: 'BOOT_STATE' });
  });

  it('does not guess what runs when its record is damaged', async () => {
    await writeFile(join(folder, 'running'), 'C\n');
    await expect(new FileBoot(bootFilesIn(folder)).state()).rejects.toMatchObject({ code: 'BOOT_STATE' });
  });

  it('reads variables as U-Boot does: hexadecimal attempts, unknown slots passed over, empty as missing', async () => {
    const paths = bootFilesIn(folder).environment;
    const variables = new Map([
      ['BOOT_ORDER', 'C B  A B'],
      ['BOOT_A_LEFT', 'a'],
      ['BOOT_B_LEFT', 'none'],
    ]);
    await writeFile(paths[0], serialiseEnvironment({ flags: 1, variables }, 256));
    const boot = new FileBoot(bootFilesIn(folder), 256);
    expect(await boot.state()).toMatchObject({ order: ['B', 'A'], attemptsLeft: { A: 10, B: 0 } });
    await writeFile(paths[0], serialiseEnvironment({ flags: 1, variables: new Map([['BOOT_ORDER', '']]) }, 256));
    expect(await boot.state()).toMatchObject({ order: ['A', 'B'], attemptsLeft: { A: 3, B: 3 } });
  });
});
