import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HardwareError } from '#hardware/fault.ts';
import { type RtlSdrOptions, RtlSdrSource } from '#hardware/rtlsdr/child.ts';
import {
  CLAIMED,
  DENIED,
  FOUND,
  KERNEL_DRIVER,
  NO_DEVICE,
  NO_OPTION_T,
  PULLED,
  STARTED,
  writeFakeRtlSdr,
} from './fake-rtl-sdr.ts';

const TUNE = { frequencyHz: 98_500_000, rateHz: 250_000, gainDb: 19.7, correctionPpm: -3.2 } as const;

let folder: string;
const closing: RtlSdrSource[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'carillon-rtl-sdr-'));
});
afterEach(async () => {
  for (const source of closing.splice(0)) await source.close();
  rmSync(folder, { recursive: true });
});

function sourceThat(body: string, options: RtlSdrOptions = {}): RtlSdrSource {
  const source = new RtlSdrSource({ program: writeFakeRtlSdr(folder, body), ...options });
  closing.push(source);
  return source;
}

const callsOf = (): string[] => readFileSync(join(folder, 'rtl_sdr.calls'), 'utf8').trim().split('\n');

async function failureOf(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof HardwareError) return { code: error.code, message: error.message };
    throw error;
  }
  return { code: 'none', message: '' };
}

async function readAll(source: RtlSdrSource): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.chunks()) {
    expect(chunk.length % 2).toBe(0);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Says what the real one says, then samples until it is stopped. */
const PLAYS = `say(${JSON.stringify(STARTED)}); setInterval(() => samples(Buffer.alloc(1000, 7)), 5);`;

describe('rtl_sdr as a source', () => {
  it('reports what was really set, and gives the samples', async () => {
    const source = sourceThat(PLAYS);
    expect(await source.open(TUNE)).toEqual({
      frequencyHz: 98_500_000,
      // 250000.000414, to the millihertz.
      rateHz: 250_000,
      format: 'cu8',
      description: expect.stringMatching(/^R820T, device 0: Generic RTL2832U OEM, by .*rtl_sdr$/),
    });
    let count = 0;
    for await (const chunk of source.chunks()) {
      expect(chunk[0]).toBe(7);
      if (++count === 3) await source.close();
    }
    expect(count).toBe(3);
  });

  it('reports a rate that differs', async () => {
    const said = STARTED.replace('250000.000414', '249999.123456').replace('Tuned to 98500000', 'Tuned to 98500001');
    const source = sourceThat(`say(${JSON.stringify(said)}); samples(Buffer.alloc(100)); setInterval(() => {}, 1000);`);
    expect(await source.open(TUNE)).toMatchObject({ rateHz: 249_999.123, frequencyHz: 98_500_001 });
  });

  it.each<[object, RtlSdrOptions, string]>([
    [{}, {}, '-f 98500000 -s 250000 -g 19.7 -p -3 -'],
    [{ gainDb: 'auto' }, { device: 1 }, '-f 98500000 -s 250000 -g 0 -p -3 -d 1 -'],
    // 0 would be automatic.
    [{ gainDb: 0, correctionPpm: 0 }, { device: '00000001' }, '-f 98500000 -s 250000 -g 0.1 -p 0 -d 00000001 -'],
    [{ frequencyHz: 1e8 + 0.4, rateHz: 1_024_000 }, { biasTee: true }, '-f 100000000 -s 1024000 -g 19.7 -p -3 -T -'],
  ])('is started for %j, %j', async (request, options, line) => {
    await sourceThat(PLAYS, options).open({ ...TUNE, ...request });
    expect(callsOf()).toEqual([line]);
  });

  it('gives whole samples, however they are cut, and says when the dongle is pulled out', async () => {
    const source = sourceThat(`
      say(${JSON.stringify(STARTED)});
      const all = Buffer.from(Array.from({ length: 1001 }, (_, i) => i & 255));
      const next = (at) => {
        if (at < all.length) { samples(all.subarray(at, at + 7)); setTimeout(next, 1, at + 7); }
        else { say(${JSON.stringify(PULLED)}); end(5); }
      };
      next(0);
    `);
    await source.open(TUNE);
    const bytes: Uint8Array[] = [];
    const failure = await failureOf(
      (async () => {
        for await (const chunk of source.chunks()) bytes.push(chunk);
      })(),
    );
    expect(failure).toMatchObject({
      code: 'RTL_SDR_GONE',
      message: expect.stringMatching(/is gone: .*rtl_sdr ended with status 5 \("Library error -5, exiting\.\.\."\)/),
    });
    const all = Buffer.from(Array.from({ length: 1000 }, (_, i) => i & 255));
    expect(Buffer.concat(bytes).equals(all)).toBe(true);
  });

  it('gives what came before the end also to a reader who was busy then', async () => {
    const source = sourceThat(`
      say(${JSON.stringify(STARTED)});
      samples(Buffer.alloc(2000, 1));
      setTimeout(() => process.stdout.write(Buffer.alloc(60_000, 2), () => process.exit(5)), 50);
    `);
    await source.open(TUNE);
    const chunks = source.chunks();
    let bytes = (await chunks.next()).value?.length ?? 0;
    await wait(500);
    const failure = await failureOf(
      (async () => {
        for await (const chunk of { [Symbol.asyncIterator]: () => chunks }) bytes += chunk.length;
      })(),
    );
    expect(failure.code).toBe('RTL_SDR_GONE');
    expect(bytes).toBe(62_000);
  });

  it.each([
    ['no dongle', NO_DEVICE, 'RTL_SDR_ABSENT', /No supported devices found/],
    ['no such dongle', `${FOUND}No matching devices found.\n`, 'RTL_SDR_ABSENT', /found no such dongle/],
    ['a dongle in use', CLAIMED, 'RTL_SDR_CLAIMED', /another program uses it/],
    ['the kernel driver', KERNEL_DRIVER, 'RTL_SDR_CLAIMED', /blacklist/],
    ['no permission', DENIED, 'RTL_SDR_DENIED', /udev rules/],
    ['a dongle that is pulled out now', `${FOUND}usb_open error -4\nFailed to open\n`, 'RTL_SDR_ABSENT', /plugged in/],
    ['another failure', `${FOUND}Failed to open rtlsdr device #0.\n`, 'RTL_SDR_OPEN', /could not open the dongle/],
    ['no option for the bias tee', NO_OPTION_T, 'RTL_SDR_OPTION', /rtl_biast -b 1/],
    ['silence', '', 'RTL_SDR_GONE', /ended with status 1\.$/],
    ['rubbish', '\u0000\u001b[31m\u00ff'.repeat(100_000), 'RTL_SDR_GONE', /ended with status 1/],
  ])('that ends with %s is a clear error', async (_, text, code, says) => {
    const failure = await failureOf(sourceThat(`say(${JSON.stringify(text)}); end(1);`).open(TUNE));
    expect(failure).toEqual({ code, message: expect.stringMatching(says) });
    expect(failure.message.length).toBeLessThan(500);
    expect(failure.message).not.toContain('\u001b');
  });

  it('that is not installed, or is no program, is a clear error', async () => {
    const missing = new RtlSdrSource({ program: join(folder, 'none') });
    expect(await failureOf(missing.open(TUNE))).toEqual({
      code: 'RTL_SDR_MISSING',
      message: expect.stringMatching(/not installed \(Debian: apt-get install rtl-sdr\)/),
    });
    writeFileSync(join(folder, 'text'), 'no program');
    const text = new RtlSdrSource({ program: join(folder, 'text') });
    expect((await failureOf(text.open(TUNE))).code).toBe('RTL_SDR_MISSING');
    // Both may be closed all the same.
    await missing.close();
    await text.close();
  });

  it('is not started for a rate that no dongle has; a rate that it refuses is an error', async () => {
    const source = new RtlSdrSource({ program: join(folder, 'none') });
    expect((await failureOf(source.open({ ...TUNE, rateHz: 500_000 }))).code).toBe('RTL_SDR_RATE');
    const said = `${FOUND}Invalid sample rate: 250000 Hz\nWARNING: Failed to set sample rate.\nReading samples in async mode...\n`;
    const refuses = sourceThat(`say(${JSON.stringify(said)}); setInterval(() => samples(Buffer.alloc(100)), 5);`);
    expect((await failureOf(refuses.open(TUNE))).code).toBe('RTL_SDR_RATE');
  });

  it('that gives nothing is not waited for, at the start or later', async () => {
    const mute = sourceThat(`say(${JSON.stringify(FOUND)}); setInterval(() => {}, 1000);`, { startSeconds: 0.3 });
    expect((await failureOf(mute.open(TUNE))).code).toBe('RTL_SDR_SILENT');
    const falling = sourceThat(
      `say(${JSON.stringify(STARTED)}); samples(Buffer.alloc(10)); setInterval(() => {}, 1000);`,
      {
        silenceSeconds: 0.1,
      },
    );
    await falling.open(TUNE);
    expect(await failureOf(readAll(falling))).toMatchObject({
      code: 'RTL_SDR_GONE',
      message: expect.stringContaining('gave nothing for 0.1 s'),
    });
  });

  it('is asked to end, and is ended when it does not', async () => {
    const polite = sourceThat(
      `${PLAYS} stop = () => { require('node:fs').writeFileSync(${JSON.stringify(join(folder, 'bye'))}, ''); process.exit(0); };`,
    );
    await polite.open(TUNE);
    await polite.close();
    expect(readFileSync(join(folder, 'bye'), 'utf8')).toBe('');
    const pidPath = JSON.stringify(join(folder, 'pid'));
    const stubborn = sourceThat(
      `${PLAYS} stop = broken = () => {}; require('node:fs').writeFileSync(${pidPath}, String(process.pid));`,
      { killSeconds: 0.2 },
    );
    await stubborn.open(TUNE);
    const startedMs = performance.now();
    await stubborn.close();
    expect(performance.now() - startedMs).toBeGreaterThan(190);
    const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    // Once more does nothing.
    await stubborn.close();
  });

  it('can be closed while it starts', async () => {
    const source = sourceThat(`say(${JSON.stringify(FOUND)}); setInterval(() => {}, 1000);`);
    const opening = failureOf(source.open(TUNE));
    await wait(300);
    await source.close();
    expect((await opening).code).toBe('RTL_SDR_GONE');
  });

  it('is not read while its reader is busy, and loses nothing by that', async () => {
    const path = join(folder, 'written');
    const source = sourceThat(`
      say(${JSON.stringify(STARTED)});
      let written = 0;
      const more = () => {
        while (written < 32e6) {
          written += 65536;
          const bytes = Buffer.alloc(65536, (written / 65536) & 255);
          if (!process.stdout.write(bytes)) { require('node:fs').writeFileSync(${JSON.stringify(path)}, String(written)); process.stdout.once('drain', more); return; }
        }
        process.stdout.end();
      };
      more();
    `);
    await source.open(TUNE);
    const chunks = source.chunks();
    let bytes = (await chunks.next()).value?.length ?? 0;
    await wait(300);
    // Our buffer, the pipe, and what the fake keeps itself.
    expect(Number(readFileSync(path, 'utf8'))).toBeLessThan(1e6);
    const failure = await failureOf(
      (async () => {
        for await (const chunk of { [Symbol.asyncIterator]: () => chunks }) bytes += chunk.length;
      })(),
    );
    expect(failure.code).toBe('RTL_SDR_GONE');
    expect(bytes).toBe(Math.ceil(32e6 / 65_536) * 65_536);
  });

  it('takes no more memory for a program that never stops talking', async () => {
    const source = sourceThat(`
      say(${JSON.stringify(STARTED)});
      setInterval(() => { samples(Buffer.alloc(1000)); say('x'.repeat(5000)); for (let i = 0; i < 100; i++) say('line ' + i + '\\n'); }, 1);
      setTimeout(() => process.exit(9), 500);
    `);
    await source.open(TUNE);
    const failure = await failureOf(readAll(source));
    expect(failure).toMatchObject({ code: 'RTL_SDR_GONE', message: expect.stringContaining('status 9') });
    expect(failure.message.length).toBeLessThan(500);
  });

  it('cannot be read before it is open', async () => {
    expect((await failureOf(new RtlSdrSource().chunks().next())).code).toBe('RTL_SDR_NOT_OPEN');
  });
});
