import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readWavHeader, wavHeader, WAV_FORMS } from '#hardware/file/wav.ts';
import { type RecordOptions, runRecord } from '../../receiver/record.ts';
import { CLAIMED, PULLED, STARTED, writeFakeRtlSdr } from '../hardware/rtlsdr/fake-rtl-sdr.ts';
import { Collector, FakeDongle, MAIN, runReceiver, stationSignal } from './on-air.ts';

let carrier: Uint8Array;
let folder: string;
let dongle: FakeDongle;
beforeAll(async () => {
  carrier = await stationSignal({ pi: 0xd318, ps: 'CARILLON', carries: 'rds', seconds: 8 }, 'cu8');
}, 60_000);
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'carillon-record-'));
  dongle = await FakeDongle.open(new Map([[98_500_000, carrier]]));
});
afterEach(async () => {
  await dongle.close();
  rmSync(folder, { recursive: true });
});

const at = (name: string): string => join(folder, name);
const sheetOf = (name: string): Record<string, unknown> => JSON.parse(readFileSync(at(name), 'utf8'));
const record = (...args: string[]): ReturnType<typeof runReceiver> =>
  runReceiver(['record', '--source', dongle.source, '--frequency', '98.5M', ...args], {
    cwd: folder,
    env: { PATH: `${folder}:${process.env['PATH']}` },
  });
/** Of a file that is compared by the megabyte. */
const startsAs = (name: string, bytes: Uint8Array, from = 0): boolean =>
  readFileSync(at(name)).subarray(from).equals(Buffer.from(bytes));

describe('receiver record, as a program', { timeout: 60_000 }, () => {
  it('writes what comes, under a name that says what it is, with a sheet beside it', async () => {
    const ran = await record('--seconds', '4', '--gain', '20', '--ppm', '-3');
    expect(ran.status).toBe(0);
    expect(readdirSync(folder).toSorted()).toEqual(['recording_98.5M_250k.cu8', 'recording_98.5M_250k.json']);
    expect(startsAs('recording_98.5M_250k.cu8', carrier.subarray(0, 2_000_000))).toBe(true);
    const sheet = sheetOf('recording_98.5M_250k.json');
    expect(sheet).toMatchObject({
      ...{ file: 'recording_98.5M_250k.cu8', complete: true, end: 'done', source: expect.stringContaining('R820T at') },
      ...{ frequencyHz: 98_500_000, rateHz: 250_000, format: 'cu8', container: 'bare', gainDb: 20, correctionPpm: -3 },
      ...{ startTime: expect.stringMatching(/^20\d\d-\d\d-\d\dT.*Z$/), durationSeconds: 4, bytes: 2_000_000 },
      heard: { pi: 'D318', ps: 'CARILLON', carillon: true, groupType: '11A', locked: true },
    });
    const { streams } = sheet['heard'] as { streams: Record<string, unknown>[] };
    expect(streams.map(({ stream }) => stream)).toEqual([0, 1, 2, 3]);
    expect(Number(streams[0]['wholeGroups'])).toBeGreaterThan(35);
    expect(streams[0]['blockErrorRate']).toBeLessThan(0.05);
    expect(ran.lines).toEqual([sheet]);
    expect(ran.stderr).toMatch(
      /^Recording R820T at .* on 98\.5 MHz to recording_98\.5M_250k\.cu8\.\n4\.0 s, 2\.0 MB: PI D318/,
    );
    // And it can be played again.
    const scanned = await runReceiver(['decode', '-i', 'iq', '--source', at('recording_98.5M_250k.cu8')]);
    expect(scanned.stdout.toString().split('\n').length).toBeGreaterThan(35);
  });

  it('does not write over anything, unless it is told to', async () => {
    writeFileSync(at('x.cu8'), 'precious');
    const refused = await record('--seconds', '0.1', '-w', 'x.cu8');
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('x.cu8 exists and is left as it is') });
    expect(readFileSync(at('x.cu8'), 'utf8')).toBe('precious');
    expect(readdirSync(folder)).toEqual(['x.cu8']);
    writeFileSync(at('y.json'), 'precious');
    expect(await record('--seconds', '0.1', '-w', 'y.cu8')).toMatchObject({ status: 1 });
    expect(readdirSync(folder).toSorted()).toEqual(['x.cu8', 'y.json']);
    expect(readFileSync(at('y.json'), 'utf8')).toBe('precious');
    expect(await record('--seconds', '0.1', '-w', 'x.cu8', '--force', '--no-decode')).toMatchObject({ status: 0 });
    expect(startsAs('x.cu8', carrier.subarray(0, 50_000))).toBe(true);
    expect(sheetOf('x.json')).toMatchObject({ complete: true, heard: null });
  });

  it('writes WAV, with its length in the header', async () => {
    expect((await record('--seconds', '1', '-w', 'x.wav')).status).toBe(0);
    const file = readFileSync(at('x.wav'));
    expect(readWavHeader(file, WAV_FORMS)).toEqual({
      ...{ kind: 'wav', dataOffset: 44, dataBytes: 500_000, form: 'u8', channels: 2, rateHz: 250_000 },
    });
    expect(file.readUInt32LE(4)).toBe(500_036);
    expect(startsAs('x.wav', carrier.subarray(0, 500_000), 44)).toBe(true);
    expect(sheetOf('x.json')).toMatchObject({ format: 'cu8', container: 'wav', bytes: 500_000 });
    const decoded = await runReceiver(['decode', '-i', 'iq', '-f', at('x.wav')]);
    expect(decoded).toMatchObject({ status: 0, stderr: expect.stringContaining('stream 0') });
  });

  it('writes to a pipe, which has no length and no sheet', async () => {
    const ran = await record('--seconds', '1', '-w', '-');
    expect(ran.status).toBe(0);
    expect(ran.stdout.equals(carrier.subarray(0, 500_000))).toBe(true);
    expect(ran.stderr).toMatch(/to stdout\.\n1\.0 s, 0\.5 MB: PI D318.*\.\n$/);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('says that nobody reads any more', async () => {
    const ran = await shell(
      `"$NODE" "$MAIN" record --source "$SOURCE" --frequency 98.5M -w - | head -c 100000 | wc -c`,
    );
    expect(ran.stdout.trim()).toBe('100000');
    expect(ran.stderr).toMatch(/record: Nobody reads stdout any more.*\n.*The recording is cut short\./);
    expect(ran.status).toBe(1);
  });

  it('keeps what fits when there is no more room, and says that it is cut short', async () => {
    // EFBIG is as good as ENOSPC: a limit of 200 kB for files.
    for (const name of ['x.cu8', 'x.wav']) {
      const ran = await shell(
        `ulimit -f 200; "$NODE" "$MAIN" record --source "$SOURCE" --frequency 98.5M --force -w ${name}`,
      );
      expect(ran.status).toBe(1);
      expect(ran.stderr).toContain(`${name} cannot be written on`);
      expect(statSync(at(name)).size).toBe(204_800);
      const header = name === 'x.wav' ? 44 : 0;
      expect(startsAs(name, carrier.subarray(0, 204_800 - header), header)).toBe(true);
      expect(sheetOf('x.json')).toMatchObject({
        ...{ complete: false, end: 'failed', bytes: 204_800 - header, error: { code: 'FILE_WRITE' } },
      });
    }
    expect(readWavHeader(readFileSync(at('x.wav')), WAV_FORMS)).toMatchObject({ dataBytes: 204_756 });
    const full = await record('-w', '/dev/full', '--force');
    expect(full).toMatchObject({ status: 1, stderr: expect.stringContaining('the disk is full') });
    expect(existsSync('/dev/full.json')).toBe(false);
  });

  it('ends in order when it is stopped, and keeps everything', async () => {
    for (const [args, status, complete] of [
      [[], 0, true],
      [['--seconds', '10000'], 4, false],
    ] as const) {
      const ran = await runReceiver(
        ['record', '--source', dongle.source, '--frequency', '98.5M', '-w', at('x.wav'), '--force', ...args],
        { stopAt: /^Recording/m, stopAfterMs: 500 },
      );
      expect(ran.status).toBe(status);
      const sheet = sheetOf('x.json');
      expect(sheet).toMatchObject({ complete, end: 'stopped' });
      const bytes = Number(sheet['bytes']);
      expect(bytes).toBeGreaterThan(0);
      expect(readWavHeader(readFileSync(at('x.wav')), WAV_FORMS)).toMatchObject({ dataBytes: bytes });
    }
  });

  it('keeps what came before the dongle was pulled out', async () => {
    writeFileSync(at('air.bin'), carrier.subarray(0, 300_000));
    writeFakeRtlSdr(
      folder,
      `say(${JSON.stringify(STARTED)}); process.stdout.write(require('node:fs').readFileSync(${JSON.stringify(at('air.bin'))}), () => {
         say(${JSON.stringify(PULLED)}); process.exit(5); });`,
    );
    const ran = await record('--source', 'rtl_sdr', '--seconds', '100', '-w', 'x.cu8');
    expect(ran.status).toBe(1);
    expect(ran.stderr).toMatch(/record: The dongle is gone: rtl_sdr ended with status 5/);
    expect(startsAs('x.cu8', carrier.subarray(0, 300_000))).toBe(true);
    expect(sheetOf('x.json')).toMatchObject({
      ...{ complete: false, end: 'failed', durationSeconds: 0.6, error: { code: 'RTL_SDR_GONE' } },
      source: 'R820T, device 0: Generic RTL2832U OEM, by rtl_sdr',
    });
  });

  it('leaves nothing behind when the dongle is not to be had', async () => {
    writeFakeRtlSdr(folder, `say(${JSON.stringify(CLAIMED)}); end(1);`);
    const ran = await record('--source', 'rtl_sdr');
    expect(ran).toMatchObject({ status: 1, stderr: expect.stringContaining('another program uses it') });
    expect(readdirSync(folder).toSorted()).toEqual(['rtl_sdr', 'rtl_sdr.calls']);
  });

  it('takes a recording as source, in its form', async () => {
    const signed = carrier.subarray(0, 400_000).map((byte) => byte ^ 0x80);
    writeFileSync(at('place_98.5M_250k.cs8'), signed);
    const args = ['record', '--source', 'place_98.5M_250k.cs8'];
    const run = (...more: string[]): ReturnType<typeof runReceiver> => runReceiver([...args, ...more], { cwd: folder });
    expect(await run('-w', 'x.cu8')).toMatchObject({ status: 2, stderr: expect.stringContaining('name it .cs8') });
    expect(await run()).toMatchObject({
      status: 0,
      lines: [{ file: 'recording_98.5M_250k.cs8', end: 'end-of-recording', complete: true, gainDb: null }],
    });
    expect(startsAs('recording_98.5M_250k.cs8', signed)).toBe(true);
    // WAV has no signed bytes.
    expect(await run('-w', 'x.wav', '--seconds', '100')).toMatchObject({ status: 4, lines: [{ complete: false }] });
    expect(startsAs('x.wav', carrier.subarray(0, 400_000), 44)).toBe(true);
    writeFileSync(at('f.wav'), Buffer.concat([wavHeader({ rateHz: 250_000, channels: 2 }), carrier.subarray(0, 4000)]));
    expect(await run('--source', 'f.wav', '-w', 'y.wav')).toMatchObject({ status: 0, lines: [{ format: 'cs16' }] });
    expect(startsAs('y.wav', carrier.subarray(0, 4000), 44)).toBe(true);
  });
});

interface ShellRan {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function shell(script: string): Promise<ShellRan> {
  const child = spawn('bash', ['-o', 'pipefail', '-c', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: folder,
    env: { ...process.env, NODE: process.execPath, MAIN, SOURCE: dongle.source },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { status, stdout, stderr };
}

const run = async (
  options: RecordOptions,
  isTTY = false,
): Promise<{ status: number; stdout: string; stderr: string }> => {
  const [stdout, stderr] = [new Collector(isTTY), new Collector(isTTY)];
  const streams = { stdin: new PassThrough(), stdout, stderr };
  const status = await runRecord(options, streams, new AbortController().signal);
  return { status, stdout: stdout.text, stderr: stderr.text };
};

describe('receiver record', () => {
  it('shows on a terminal how it goes', async () => {
    const options = { source: dongle.source, frequency: '98.5M', seconds: '4', write: at('x.cu8') };
    const { status, stdout, stderr } = await run(options, true);
    expect(status).toBe(0);
    expect(stdout).toBe('');
    // Each line over the one before.
    const shown = stderr.split('\r\u001b[K');
    expect(shown.length).toBeGreaterThan(2);
    expect(shown[1]).toMatch(/^\d+\.\d s, \d\.\d MB: (no RDS|PI D318)/);
    expect(shown.at(-1)).toMatch(/^4\.0 s, 2\.0 MB: PI D318 CARILLON, locked/);
  });

  it.each<[RecordOptions, string]>([
    [{}, '--source is one of'],
    [{ source: 'rtl_sdr' }, 'Say which station'],
    [{ source: 'rtl_sdr', frequency: '98.5M', seconds: '-1' }, '--seconds'],
    [{ source: 'rtl_sdr', frequency: '98.5M', streams: '3' }, '--streams'],
    [{ source: 'rtl_sdr', frequency: '98.5M', write: '' }, '-w is the name'],
  ])('refuses %j', async (options, says) => {
    expect(await run(options)).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining(says) });
  });

  it('refuses a recording that does not say what it is', async () => {
    writeFileSync(at('air.cu8'), carrier.subarray(0, 1000));
    expect(await run({ source: at('air.cu8') })).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('Give the sample rate'),
    });
    writeFileSync(at('air_250k.bin'), carrier.subarray(0, 1000));
    expect(await run({ source: at('air_250k.bin') })).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('does not say its sample format'),
    });
    expect(await run({ source: dongle.source, frequency: '98.5M', write: at('x.json') })).toMatchObject({ status: 2 });
  });
});
