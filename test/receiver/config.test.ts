import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFileSigner, writePublicKey } from '#hardware/hsm/file.ts';
import { parseConfig, readConfig } from '../../receiver/config.ts';
import { signerFromSeed } from '../package/example.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'carillon-'));
  path = join(folder, 'receiver.json');
  await writePublicKey(join(folder, 'release.pem'), signerFromSeed(1).publicKey);
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const GOOD = {
  vendor: 'example.com',
  deviceType: 'X1',
  hardwareRevision: 3,
  trustedKeys: ['release.pem', { base64: Buffer.from(signerFromSeed(2).publicKey).toString('base64') }],
  slots: { folder: 'slots', sizeBytes: 65_536 },
  stateFolder: 'state',
  source: { kind: 'rtl_tcp', host: 'radio.local', port: 1235 },
  frequencyHz: 98_500_000,
  rateHz: 250_000,
  streams: 4,
};

describe('the configuration', () => {
  it('is read with paths from its own folder', async () => {
    await writeFile(path, JSON.stringify(GOOD));
    expect(await readConfig(path)).toEqual({
      device: { vendor: 'example.com', deviceType: 'X1', hardwareRevision: 3 },
      trustedKeys: [signerFromSeed(1).publicKey, signerFromSeed(2).publicKey],
      leastSignatures: 1,
      slotPaths: { A: join(folder, 'slots/slot-a.img'), B: join(folder, 'slots/slot-b.img') },
      slotSizeBytes: 65_536,
      bootFolder: join(folder, 'slots'),
      stateFolder: join(folder, 'state'),
      source: { kind: 'rtl_tcp', host: 'radio.local', port: 1235 },
      frequencyHz: 98_500_000,
      rateHz: 250_000,
      gainDb: 'auto',
      correctionPpm: 0,
      streams: 4,
    });
  });

  it('takes a recording as source, and slots by name', async () => {
    const config = await parseConfig(
      {
        ...GOOD,
        source: { kind: 'file', path: 'air.cu8', format: 'cu8' },
        slots: { a: '/dev/mmcblk0p2', b: '/dev/mmcblk0p3', sizeBytes: 4096 },
        bootFolder: '/boot',
        gainDb: 20.7,
        correctionPpm: -3.5,
      },
      path,
    );
    expect(config).toMatchObject({
      source: { kind: 'file', path: join(folder, 'air.cu8'), format: 'cu8' },
      slotPaths: { A: '/dev/mmcblk0p2', B: '/dev/mmcblk0p3' },
      bootFolder: '/boot',
      gainDb: 20.7,
      correctionPpm: -3.5,
    });
  });

  it.each<[object, object]>([
    [{ kind: 'rtl_tcp' }, { kind: 'rtl_tcp', host: '127.0.0.1', port: 1234 }],
    [
      { kind: 'rtl_tcp', host: 'pi', port: 7000, biasTee: true },
      { kind: 'rtl_tcp', host: 'pi', port: 7000, biasTee: true },
    ],
    [{ kind: 'rtl_sdr' }, { kind: 'rtl_sdr' }],
    [
      { kind: 'rtl_sdr', deviceIndex: 1, biasTee: false },
      { kind: 'rtl_sdr', deviceIndex: 1, biasTee: false },
    ],
  ])('takes the source %j', async (source, config) => {
    expect((await parseConfig({ ...GOOD, source }, path)).source).toEqual(config);
  });

  it.each<[string, object, RegExp]>([
    ['a dongle with a host', { source: { kind: 'rtl_sdr', host: 'pi' } }, /source\.host is not known here/],
    ['half a dongle', { source: { kind: 'rtl_sdr', deviceIndex: 0.5 } }, /source\.deviceIndex must be a whole number/],
    ['a bias tee in words', { source: { kind: 'rtl_tcp', biasTee: 'on' } }, /source\.biasTee must be true or false/],
    ['a misspelt setting', { frequencyHZ: 1 }, /frequencyHZ is not known here/],
    ['a misspelt setting inside', { source: { kind: 'rtl_tcp', prot: 1 } }, /source\.prot is not known here/],
    ['a missing vendor', { vendor: undefined }, /vendor must be a text/],
    ['an empty device type', { deviceType: '' }, /deviceType/],
    ['no keys', { trustedKeys: [] }, /trustedKeys/],
    [
      'a key that is no key',
      { trustedKeys: [{ base64: 'AAAA' }] },
      /3 bytes long and neither 32 bytes of Ed25519 nor a COSE_Key/,
    ],
    ['more signatures than keys', { leastSignatures: 3 }, /leastSignatures is 3, but there are 2 trustedKeys/],
    ['no signatures', { leastSignatures: 0 }, /leastSignatures/],
    ['a key in bad base64', { trustedKeys: [{ base64: '%%' }] }, /not base64/],
    ['a key file that is missing', { trustedKeys: ['none.pem'] }, /none\.pem cannot be read/],
    ['a frequency in MHz', { frequencyHz: 98.5 }, /frequencyHz must be a whole number from 60000000/],
    ['a rate that is too low', { rateHz: 48_000 }, /rateHz/],
    ['a rate that no dongle has', { rateHz: 500_000 }, /rateHz is 500000; a dongle samples at 225,001/],
    ['three streams', { streams: 3 }, /streams must be one of 1, 4/],
    ['an unknown source', { source: { kind: 'telepathy' } }, /source\.kind must be one of rtl_tcp, rtl_sdr, file/],
    [
      'an unknown sample format',
      { source: { kind: 'file', path: 'x', format: 'mp3' } },
      /source\.format must be one of/,
    ],
    ['one file for both slots', { slots: { a: 'x', b: './x', sizeBytes: 4096 } }, /same file/],
    [
      'a slot without a size',
      { slots: { folder: 'x' } },
      /slots\.sizeBytes must be a whole number from 4096 .*; it is missing/,
    ],
  ])('refuses %s and says which', async (_, change, says) => {
    await expect(parseConfig({ ...GOOD, ...change }, path)).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringMatching(says),
    });
  });

  it('refuses a private key among the trusted ones', async () => {
    await createFileSigner(join(folder, 'private.pem'));
    await expect(parseConfig({ ...GOOD, trustedKeys: ['private.pem'] }, path)).rejects.toMatchObject({
      message: expect.stringMatching(/private key/),
    });
  });

  it('says when there is no file, or no JSON in it', async () => {
    await expect(readConfig(path)).rejects.toMatchObject({ code: 'CONFIG', message: expect.stringContaining(path) });
    await writeFile(path, '{');
    await expect(readConfig(path)).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringMatching(/not JSON/),
    });
    await writeFile(path, '[]');
    await expect(readConfig(path)).rejects.toMatchObject({
      message: expect.stringMatching(/must be an object; it is \[\]/),
    });
  });
});
