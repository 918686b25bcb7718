import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AirSink } from '#hardware/air/sink.ts';
import { type ScanOptions, runScan } from '../../receiver/scan.ts';
import { type FoundStation, StationMerger } from '../../receiver/survey.ts';
import { NO_DEVICE, STARTED, writeFakeRtlSdr } from '../hardware/rtlsdr/fake-rtl-sdr.ts';
import { Collector, FakeDongle, MAIN, noise, runReceiver, stationSignal } from './on-air.ts';

const CARRIER = { pi: 0xd318, ps: 'CARILLON', carries: 'rds' } as const;

let folder: string;
let carrier: Uint8Array;
const closing: (() => Promise<void>)[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'carillon-scan-'));
  carrier = await stationSignal({ ...CARRIER, seconds: 8 }, 'cu8');
}, 60_000);
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A station on 98.5 MHz with noise all over the band, played again and again. */
async function onAir(): Promise<string> {
  const signal = await stationSignal({ ...CARRIER, seconds: 16 }, 'cf32');
  const samples = new Float32Array(signal.buffer, signal.byteOffset, signal.length / 4);
  const air = await AirSink.open({
    ...{ port: 0, speed: 0, waitForListener: true, seed: 3 },
    ...{ stationHz: 98_500_000, stationRateHz: 250_000, levelDbfs: -12, cnDb: 30, tuningPpm: 8, clockPpm: 8 },
  });
  const over = new AbortController();
  const playing = (async (): Promise<void> => {
    for (let at = 0; !over.signal.aborted; at = at + 20_000 < samples.length ? at + 20_000 : 0)
      await air.write(samples.subarray(at, at + 20_000));
  })();
  closing.push(async () => {
    over.abort();
    await air.close();
    await playing;
  });
  return `rtl_tcp://127.0.0.1:${air.port}`;
}

async function dongle(signals: [number, Uint8Array][]): Promise<FakeDongle> {
  const opened = await FakeDongle.open(new Map(signals));
  closing.push(async () => await opened.close());
  return opened;
}

describe('receiver scan, as a program', { timeout: 120_000 }, () => {
  it('finds the station on the simulated air, once, and nothing elsewhere', async () => {
    const source = await onAir();
    const near = ['98.45M', '98.5M', '98.55M'];
    const list = ['87.5M', '98.3M', ...near, '98.7M', '101.1M'].join();
    const ran = await runReceiver(['scan', '--source', source, '--list', list, '--gain', '20', '--ppm', '0']);
    expect(ran.stderr).toBe('7 frequencies listened to, 1 stations with RDS; updates come on 98.5 MHz.\n');
    expect(ran.lines).toHaveLength(1);
    expect(ran.lines[0]).toMatchObject({
      ...{ frequencyHz: 98_500_000, pi: 'D318', ps: 'CARILLON', carillon: true, groupType: '11A', channel: 16 },
      ...{ otherVersion: false, rds2Streams: [], locked: true, clippedShare: 0 },
    });
    const { frequencyOffsetHz, clockErrorPpm, blockErrorRate, seconds } = ran.lines[0];
    // 8 ppm of 98.5 MHz, and what the programme's mean moves it.
    expect(Number(frequencyOffsetHz)).toBeGreaterThan(-788 - 1500);
    expect(Number(frequencyOffsetHz)).toBeLessThan(-788 + 1500);
    expect(Math.abs(Number(clockErrorPpm) + 8)).toBeLessThan(3);
    expect(Number(blockErrorRate)).toBeLessThan(0.05);
    expect(Number(seconds)).toBeLessThan(5);
    expect(ran.status).toBe(0);
  });

  it('tells stations apart, and does not take one for the next', async () => {
    const long = { seconds: 12 };
    const tuned = await dongle([
      [89_100_000, await stationSignal({ pi: 0xd001, ps: 'NOTHING', carries: 'nothing', ...long }, 'cu8')],
      [98_500_000, carrier],
      [101_100_000, await stationSignal({ pi: 0xd002, ps: 'RDS2', carries: 'rds2', seconds: 8 }, 'cu8')],
      [107_900_000, await stationSignal({ pi: 0xd003, ps: 'FUTURE', carries: 'other-version', ...long }, 'cu8')],
    ]);
    const list = '107.9M,98.5M,98.9M,89.1M,101.1M,98.5M';
    const ran = await runReceiver(['scan', '--source', tuned.source, '--list', list]);
    expect(tuned.frequenciesHz).toEqual([89_100_000, 98_500_000, 98_900_000, 101_100_000, 107_900_000]);
    const told = ran.lines.map(({ frequencyHz, pi, ps, carillon, groupType, rds2Streams, otherVersion }) => ({
      ...{ frequencyHz, pi, ps, carillon, groupType, rds2Streams, otherVersion },
    }));
    const common = { otherVersion: false, groupType: null, rds2Streams: [] };
    expect(told).toEqual([
      { frequencyHz: 89_100_000, pi: 'D001', ps: 'NOTHING', ...common, carillon: false },
      { frequencyHz: 98_500_000, pi: 'D318', ps: 'CARILLON', ...common, carillon: true, groupType: '11A' },
      { frequencyHz: 101_100_000, pi: 'D002', ps: 'RDS2', ...common, carillon: true, rds2Streams: [1] },
      { frequencyHz: 107_900_000, pi: 'D003', ps: 'FUTURE', ...common, carillon: 'unknown', otherVersion: true },
    ]);
    expect(ran.stderr).toContain('updates come on 98.5 MHz, 101.1 MHz');
    expect(ran.status).toBe(0);
  });

  it('ends with 4 when no station carries updates, and does not deny what it has not heard enough of', async () => {
    const other = await stationSignal({ pi: 0xd001, ps: 'NOTHING', carries: 'nothing', seconds: 4 }, 'cu8');
    const tuned = await dongle([[89_100_000, other]]);
    const args = ['scan', '--source', tuned.source, '--list', '89.1M,98.5M', '--streams', '1', '-o', 'text'];
    const ran = await runReceiver([...args, '--seconds', '2']);
    expect(ran.status).toBe(4);
    const [head, row] = ran.stdout.toString().trimEnd().split('\n');
    expect(head).toMatch(/^MHz +PI +PS +Carillon +on +RDS2 +C\/N +Eb\/N0 +wrong +offset$/);
    expect(row).toMatch(/^89\.1 +D001 +NOTHING +\? .* -?\d+ Hz$/);
    expect(ran.stderr).toMatch(/1 could not be told: try --seconds 30/);
    const none = await runReceiver(['scan', '--source', tuned.source, '--list', '98.5M']);
    expect(none).toMatchObject({ status: 4, lines: [], stderr: expect.stringContaining('0 stations with RDS; none') });
  });

  it('goes through a band with rtl_sdr, started for each frequency', async () => {
    writeFileSync(join(folder, 'station.cu8'), carrier);
    writeFileSync(join(folder, 'noise.cu8'), noise(500_000));
    writeFakeRtlSdr(
      folder,
      `say(${JSON.stringify(STARTED.replace(/^Tuned.*\n/m, ''))});
       const name = argv[1] === '98500000' ? 'station.cu8' : 'noise.cu8';
       const bytes = require('node:fs').readFileSync(${JSON.stringify(folder)} + '/' + name);
       const play = () => { while (process.stdout.write(bytes)); process.stdout.once('drain', play); };
       play();`,
    );
    const args = ['scan', '--source', 'rtl_sdr:2', '--band', '98.3M-98.7M', '--step', '200k', '--gain', '20'];
    const ran = await runReceiver([...args, '--bias-tee'], { env: { PATH: `${folder}:${process.env['PATH']}` } });
    expect(ran.lines).toMatchObject([{ frequencyHz: 98_500_000, carillon: true, ps: 'CARILLON' }]);
    expect(ran.status).toBe(0);
    expect(readFileSync(join(folder, 'rtl_sdr.calls'), 'utf8').trim().split('\n')).toEqual([
      '-f 98300000 -s 250000 -g 20 -p 0 -d 2 -T -',
      '-f 98500000 -s 250000 -g 20 -p 0 -d 2 -T -',
      '-f 98700000 -s 250000 -g 20 -p 0 -d 2 -T -',
    ]);
  });

  it('looks into a recording', async () => {
    const path = join(folder, 'place_98.5M_250k.cu8');
    writeFileSync(path, carrier);
    expect(await runReceiver(['scan', '--source', path])).toMatchObject({
      status: 0,
      lines: [{ frequencyHz: 98_500_000, pi: 'D318', carillon: true }],
    });
    const unnamed = join(folder, 'air.bin');
    writeFileSync(unnamed, carrier);
    const said = ['--rate', '250k', '--format', 'cu8'];
    expect(await runReceiver(['scan', '--source', unnamed, ...said])).toMatchObject({
      status: 0,
      lines: [{ frequencyHz: null, carillon: true }],
      stderr: expect.stringContaining('updates come on the recording'),
    });
  });

  it('stops when nobody reads any more', async () => {
    const tuned = await dongle([[88_000_000, carrier]]);
    const script = `"$NODE" "$MAIN" scan --source "$SOURCE" --band 88M-108M | true`;
    const child = spawn('bash', ['-o', 'pipefail', '-c', script], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, NODE: process.execPath, MAIN, SOURCE: tuned.source },
    });
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += String(chunk)));
    const [status] = await once(child, 'close');
    // It found one before it noticed.
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: expect.stringMatching(/^\d+ of 201 frequencies listened to, 1 stations with RDS/),
    });
  });

  it('keeps what it found when the dongle goes, and when it is stopped', async () => {
    const tuned = await dongle([[98_500_000, carrier]]);
    const args = ['scan', '--source', tuned.source, '--list', '98.5M,101.1M,103M'];
    tuned.cutAtNextFrequency();
    const cut = await runReceiver(args);
    expect(cut).toMatchObject({ status: 1, lines: [{ frequencyHz: 98_500_000, carillon: true }] });
    expect(cut.stderr).toMatch(/scan: The dongle at .* is gone.*\n1 of 3 frequencies listened to, 1 stations/);
  });
});

const scan = async (
  options: ScanOptions,
  { isTTY = false, signal = new AbortController().signal } = {},
): Promise<{ status: number; stdout: string; stderr: string }> => {
  const [stdout, stderr] = [new Collector(isTTY), new Collector(isTTY)];
  const status = await runScan(options, { stdin: process.stdin, stdout, stderr }, signal);
  return { status, stdout: stdout.text, stderr: stderr.text };
};

describe('receiver scan', () => {
  it('shows a table and its progress on a terminal', async () => {
    const tuned = await dongle([[98_500_000, carrier]]);
    const { status, stdout, stderr } = await scan({ source: tuned.source, list: '98.5M,98.6M' }, { isTTY: true });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^MHz .*\n98\.5 +D318 +CARILLON +yes +11A/);
    expect(stderr).toContain('98.5MHz, 1 of 2');
  });

  it('can be stopped, and says how far it came', async () => {
    const tuned = await dongle([]);
    const stopping = new AbortController();
    const scanning = scan({ source: tuned.source, band: '87.5M-108M' }, { signal: stopping.signal });
    while (tuned.frequenciesHz.length < 3) await new Promise((resolve) => setTimeout(resolve, 10));
    stopping.abort();
    const { status, stderr } = await scanning;
    expect(status).toBe(4);
    expect(stderr).toMatch(/^\d+ of 206 frequencies listened to, 0 stations/);
  });

  it.each<[ScanOptions, string]>([
    [{}, '--source is one of'],
    [{ source: 'rtl_sdr', output: 'xml' }, '-o is one of json, text'],
    [{ source: 'rtl_sdr', list: '98.5M', band: '87.5M-108M' }, 'not both'],
    [{ source: 'rtl_sdr', list: '98.5M,,' }, 'is no frequency'],
    [{ source: 'rtl_sdr', band: '108M-87.5M' }, 'the lower one first'],
    [{ source: 'rtl_sdr', band: '98.5M' }, 'the lower one first'],
    [{ source: 'rtl_sdr', step: '1' }, '--step is 1k or more'],
    [{ source: 'rtl_sdr', step: '1k' }, 'That is 20501 frequencies'],
    [{ source: 'rtl_sdr', seconds: '0' }, '--seconds is a number above 0'],
    [{ source: 'rtl_sdr', streams: '2' }, '--streams is 1'],
    [{ source: 'air_98.5M_250k.cu8', list: '98.5M' }, 'A recording has one frequency'],
    [{ source: 'rtl_sdr', rate: '48k' }, '225k'],
    [{ source: 'rtl_sdr', rate: '500k' }, '500k: a dongle samples at 225,001 to 300,000 or'],
  ])('refuses %j', async (options, says) => {
    expect(await scan(options)).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining(says) });
  });

  it('fails when there is no dongle', async () => {
    const path = process.env['PATH'];
    writeFakeRtlSdr(folder, `say(${JSON.stringify(NO_DEVICE)}); end(1);`);
    process.env['PATH'] = `${folder}:${path}`;
    try {
      const { status, stderr } = await scan({ source: 'rtl_sdr', list: '98.5M' });
      expect(status).toBe(1);
      expect(stderr).toMatch(/No supported devices found.*\n0 of 1 frequencies/);
    } finally {
      process.env['PATH'] = path;
    }
  });

  it('lists what may be chosen', async () => {
    expect((await scan({ output: 'help' })).stdout).toBe('json\ntext\n');
    expect((await scan({ source: 'help' })).stdout).toContain('rtl_tcp://HOST:PORT\n');
  });
});

const station = (mhz: number, more: Partial<FoundStation>): FoundStation => ({
  ...{ frequencyHz: mhz * 1e6, seconds: 1, pi: null, ps: null, carillon: 'unknown', groupType: null, channel: null },
  ...{ otherVersion: false, locked: true, cnDb: null, levelDbfs: -10, clippedShare: 0, pilotDeviationHz: 6750 },
  ...{ frequencyOffsetHz: 0, clockErrorPpm: 0, streams: [] },
  ...more,
});

const merge = (...steps: (FoundStation | number)[]): (FoundStation | undefined)[] => {
  const merger = new StationMerger();
  const out = steps.map((step) => (typeof step === 'number' ? merger.passed(step * 1e6) : merger.push(step)));
  return [...out, merger.end()].filter((found) => found !== undefined);
};

describe('stations on neighbouring steps', () => {
  it('are one: the step nearest to the carrier, with what only the others heard', () => {
    const low = station(98.4, { pi: 'D318', frequencyOffsetHz: 92_000, carillon: true, groupType: '11A', channel: 16 });
    const mid = station(98.5, { pi: 'D318', frequencyOffsetHz: -400 });
    const high = station(98.6, { frequencyOffsetHz: -104_000, ps: 'CARILLON', locked: false });
    expect(merge(low, mid, high)).toEqual([{ ...mid, ps: 'CARILLON', carillon: true, groupType: '11A', channel: 16 }]);
  });

  it('are two when their PI or their carriers differ', () => {
    const a = station(98.5, { pi: 'D318' });
    const b = station(98.7, { pi: 'D319' });
    expect(merge(a, b)).toEqual([a, b]);
    const far = station(98.8, { pi: 'D318' });
    expect(merge(a, 98.6, 98.7, far)).toEqual([a, far]);
    const unnamed = station(98.7, { frequencyOffsetHz: 1000 });
    expect(merge(a, unnamed)).toEqual([a, unnamed]);
  });

  it('are told as soon as it is certain', () => {
    const merger = new StationMerger();
    const a = station(98.5, { pi: 'D318' });
    expect(merger.push(a)).toBeUndefined();
    expect(merger.passed(98.7e6)).toBeUndefined();
    expect(merger.passed(98.8e6)).toBe(a);
    expect(merger.passed(98.9e6)).toBeUndefined();
    expect(merger.end()).toBeUndefined();
    const nowhere = station(0, { frequencyHz: null });
    expect(merger.push(nowhere)).toBeUndefined();
    expect(merger.push(nowhere)).toBe(nowhere);
  });
});
