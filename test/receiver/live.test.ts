import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { writePublicKey } from '#hardware/hsm/file.ts';
import { CLAIMED, NO_DEVICE, PULLED, STARTED, writeFakeRtlSdr } from '../hardware/rtlsdr/fake-rtl-sdr.ts';
import { signerFromSeed } from '../package/example.ts';
import { FakeDongle, runReceiver, stationSignal } from './on-air.ts';

/** Programs that listen to a dongle that is not always there. */

let carrier: Uint8Array;
let folder: string;
beforeAll(async () => {
  carrier = await stationSignal({ pi: 0xd318, ps: 'CARILLON', carries: 'rds', seconds: 3 }, 'cu8');
}, 60_000);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'carillon-live-'));
  writeFileSync(join(folder, 'air.cu8'), carrier);
});
afterEach(() => rmSync(folder, { recursive: true }));

const withFake = (): { PATH: string } => ({ PATH: `${folder}:${process.env['PATH']}` });

/** Plays the station once, then does `end`. */
const plays = (end: string): string => `
  say(${JSON.stringify(STARTED)});
  process.stdout.write(require('node:fs').readFileSync(${JSON.stringify(join(folder, 'air.cu8'))}), () => { ${end} });`;

describe('receiver decode, from a dongle', { timeout: 60_000 }, () => {
  it('gives groups until it is stopped, and then says what it heard', async () => {
    const dongle = await FakeDongle.open(new Map([[98_500_000, carrier]]));
    try {
      const ran = await runReceiver(
        ['decode', '-i', 'iq', '--source', dongle.source, '--frequency', '98.5M', '--gain', '20', '--ppm', '1'],
        { stopAtStdout: /(^D318 .*\n){20}/m },
      );
      expect(ran.status).toBe(0);
      expect(ran.stdout.toString()).toMatch(/^D318 0148 E0CD 4341$/m);
      expect(ran.stderr).toMatch(/^stream 0: \d+ of \d+ groups whole/);
    } finally {
      await dongle.close();
    }
  });

  it('gives what it heard before the dongle was gone, and fails', async () => {
    writeFakeRtlSdr(folder, plays(`say(${JSON.stringify(PULLED)}); process.exit(5);`));
    const ran = await runReceiver(['decode', '-i', 'iq', '--source', 'rtl_sdr', '--frequency', '98.5M'], {
      env: withFake(),
    });
    expect(ran.status).toBe(1);
    expect(ran.stdout.toString().trimEnd().split('\n').length).toBeGreaterThan(20);
    expect(ran.stderr).toMatch(/decode: The dongle is gone: rtl_sdr ended with status 5/);
  });
});

describe('receiver listen, on rtl_sdr', { timeout: 60_000 }, () => {
  it('waits for a dongle that is not there, is in use, or is pulled out', async () => {
    await writePublicKey(join(folder, 'release.pem'), signerFromSeed(1).publicKey);
    const config = join(folder, 'receiver.json');
    writeFileSync(
      config,
      JSON.stringify({
        ...{ vendor: 'example.com', deviceType: 'X1', trustedKeys: ['release.pem'], stateFolder: 'state' },
        ...{ slots: { folder: 'slots', sizeBytes: 65_536 }, frequencyHz: 98_500_000, rateHz: 250_000, streams: 1 },
        source: { kind: 'rtl_sdr', deviceIndex: 0 },
      }),
    );
    writeFileSync(join(folder, 'v1.img'), new Uint8Array(1000));
    const device = ['--config', config];
    expect(
      await runReceiver(['provision', join(folder, 'v1.img'), ...device, '--as', '1', '--sequence', '1']),
    ).toMatchObject({ status: 0 });
    writeFakeRtlSdr(
      folder,
      `const times = require('node:fs').readFileSync(${JSON.stringify(join(folder, 'rtl_sdr.calls'))}, 'utf8').trim().split('\\n').length;
       if (times === 1) { say(${JSON.stringify(NO_DEVICE)}); end(1); }
       else if (times === 2) { say(${JSON.stringify(CLAIMED)}); end(1); }
       else if (times === 3) { ${plays(`say(${JSON.stringify(PULLED)}); process.exit(5);`)} }
       else { ${plays('setInterval(() => {}, 1000);')} }`,
    );
    const ran = await runReceiver(['listen', ...device], {
      env: withFake(),
      stopAt: /(Listening to [^]*){2}/,
      stopAfterMs: 1500,
    });
    expect(ran.status).toBe(0);
    const events = ran.lines.filter(({ event }) => event === 'source' || event === 'source-lost' || event === 'tuned');
    expect(events).toEqual([
      { event: 'source-lost', message: expect.stringContaining('No supported devices found') },
      { event: 'source-lost', message: expect.stringContaining('another program uses it') },
      expect.objectContaining({ event: 'source', frequencyHz: 98_500_000, rateHz: 250_000 }),
      expect.objectContaining({ event: 'tuned', pi: 'D318' }),
      { event: 'source-lost', message: expect.stringMatching(/The dongle is gone.*status 5/) },
      expect.objectContaining({ event: 'source' }),
    ]);
    const waits = [...ran.stderr.matchAll(/Trying again in (\d+) s/g)].map(([, seconds]) => Number(seconds));
    expect(waits).toEqual([1, 2, 4]);
    expect(readFileSync(join(folder, 'rtl_sdr.calls'), 'utf8').split('\n')[0]).toBe(
      '-f 98500000 -s 250000 -g 0 -p 0 -d 0 -',
    );
  });
});
