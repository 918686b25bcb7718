import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bootFilesIn, FileBoot } from '#hardware/boot/file-boot.ts';
import { slotPathsIn } from '#hardware/slots/file.ts';
import type { ReceiverConfig } from '../../receiver/config.ts';
import { codeOf } from '../../receiver/fault.ts';
import { installBeside } from '../../receiver/install-beside.ts';
import { content, deltaOf, fullOf, sealExample, signerFromSeed } from '../package/example.ts';
import { type Bench, IDENTITY, makeBench, SLOT_BYTES } from './device.ts';

const signer = signerFromSeed(1);
const v1 = content(1, 40_000);
const v2 = Uint8Array.of(...v1.subarray(0, 9000), ...content(2, 200), ...v1.subarray(9000, 30_000));
const never = new AbortController().signal;

let update: Uint8Array;
let bench: Bench;
let packagePath: string;

function config(): ReceiverConfig {
  return {
    device: IDENTITY,
    trustedKeys: [signer.publicKey],
    slotPaths: slotPathsIn(bench.folder),
    slotSizeBytes: SLOT_BYTES,
    bootFolder: bench.folder,
    stateFolder: join(bench.folder, 'state'),
    source: { kind: 'rtl_tcp', host: 'nowhere', port: 1 },
    frequencyHz: 98_500_000,
    rateHz: 250_000,
    gainDb: 'auto',
    correctionPpm: 0,
    leastSignatures: 1,
    streams: 4,
  };
}

/** With the size that the programs take; that of the bench is smaller. */
const boot = (): FileBoot => new FileBoot(bootFilesIn(bench.folder));

beforeAll(async () => {
  update = await sealExample([await deltaOf(v1, v2)], signer, { version: '2', sequence: 2 });
});
beforeEach(async () => {
  bench = await makeBench(v1, [signer.publicKey]);
  packagePath = join(bench.folder, 'update.pkg');
});
afterEach(async () => {
  await bench.close();
});

describe('a process that installs', () => {
  it('brings a package into the slot that starts next, and says what it did', async () => {
    await writeFile(packagePath, update);
    expect(await installBeside({ config: config(), packagePath }, never)).toMatchObject({
      kind: 'installed',
      target: 'B',
      version: '2',
      encoding: 'delta',
    });
    expect(Buffer.compare((await bench.slotBytes('B')).subarray(0, v2.length), v2)).toBe(0);
    expect((await boot().boot()).started).toBe('B');
  });

  it('says why it refuses', async () => {
    await writeFile(packagePath, await sealExample([fullOf(v2)], signerFromSeed(2), { sequence: 2 }));
    expect(await installBeside({ config: config(), packagePath }, never)).toMatchObject({
      kind: 'refused',
      reason: 'unknown-key',
    });
  });

  it('says what failed', async () => {
    await expect(installBeside({ config: config(), packagePath }, never)).rejects.toThrow(
      `The package ${packagePath} cannot be read. Nothing was changed.`,
    );
  });

  it('is killed at once where it is told to, at any moment, and what it left can be installed over', async () => {
    await writeFile(packagePath, update);
    for (const afterMs of [0, 100, 200, 300, 400]) {
      const stopping = new AbortController();
      setTimeout(() => stopping.abort(), afterMs);
      const ended = await installBeside({ config: config(), packagePath }, stopping.signal).then(
        () => 'installed',
        (error: unknown) => codeOf(error),
      );
      expect(['installed', 'INSTALLER']).toContain(ended);
      const { order } = await boot().state();
      const first = await bench.slotBytes(order[0]);
      expect(Buffer.compare(first.subarray(0, v2.length), v2) === 0).toBe(order[0] === 'B');
    }
    expect((await installBeside({ config: config(), packagePath }, never)).kind).toMatch(/^(already-)?installed$/);
    expect((await boot().boot()).started).toBe('B');
  });
});
