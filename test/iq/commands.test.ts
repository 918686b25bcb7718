import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeSamples } from '#codec/iq/samples.ts';
import { readWavHeader, wavHeader } from '#hardware/file/wav.ts';
import type { ModulateOptions } from '../../gateway/modulate.ts';
import { runModulate } from '../../gateway/modulate.ts';
import type { DecodeOptions } from '../../receiver/decode.ts';
import { runDecode } from '../../receiver/decode.ts';
import { addNoise, randomWords } from '../mpx/signals.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'carillon-modem-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Result {
  readonly status: number;
  readonly stdout: Uint8Array;
  readonly text: string;
  readonly stderr: string;
}

class Collector extends Writable {
  readonly parts: Buffer[] = [];
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.parts.push(chunk);
    done();
  }
}

async function run<Options>(
  command: (options: Options, streams: { stdin: Readable; stdout: Writable; stderr: Writable }) => Promise<number>,
  options: Options,
  input: string | Uint8Array,
): Promise<Result> {
  const stdout = new Collector();
  const stderr = new Collector();
  const stdin = Readable.from([Buffer.from(input)]);
  const status = await command(options, { stdin, stdout, stderr });
  const bytes = Buffer.concat(stdout.parts);
  return { status, stdout: bytes, text: bytes.toString('latin1'), stderr: Buffer.concat(stderr.parts).toString() };
}

const modulate = (options: ModulateOptions, input: string): Promise<Result> =>
  run(runModulate, { output: 'mpx', rate: '171k', audio: 'none', ...options }, input);
const decode = (options: DecodeOptions, input: string | Uint8Array): Promise<Result> =>
  run(runDecode, { input: 'mpx', rate: '171k', ...options }, input);

const LINES = '3AB7 0408 E0CD 4341\n3AB7 0C09 3AB7 5249\n3AB7 2400 536F 6674\n';
const RDS2_LINES = '3AB7 0408 E0CD 4341\n#S1 4001 0C02 0003 0004\n#S2 4005 0006 0007 0008\n#S3 4009 000A 000B 000C\n';

describe('modulate and decode', () => {
  it('give every line back, as multiplex and as IQ', async () => {
    const mpx = await modulate({}, LINES);
    expect(mpx).toMatchObject({ status: 0, stderr: '3 groups sent\n' });
    expect(await decode({}, mpx.stdout)).toMatchObject({ status: 0, text: LINES });
    const iq = await modulate({ output: 'iq', rate: '250k', format: 'cs8', audio: 'melody' }, LINES);
    expect(await decode({ input: 'iq', rate: '250k', format: 'cs8' }, iq.stdout)).toMatchObject({
      status: 0,
      text: LINES,
    });
  });

  it('give every line of every stream back, also when one stream has more than the others', async () => {
    const more = '#S2 4005 1006 1007 1008\n#S2 4005 2006 2007 2008\n';
    const mpx = await modulate({ rds2: true, rate: '192k' }, RDS2_LINES + more);
    const { text } = await decode({ rate: '192k', streams: '4' }, mpx.stdout);
    expect(text.split('\n').toSorted()).toEqual((RDS2_LINES + more).split('\n').toSorted());
  });

  it('say in JSON what kind of group it was', async () => {
    const mpx = await modulate({ rds2: true }, RDS2_LINES);
    const { text } = await decode({ streams: '4', output: 'json' }, mpx.stdout);
    const objects = text
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(objects).toHaveLength(4);
    expect(objects).toContainEqual({
      stream: 0,
      slot: 0,
      clockRestarted: true,
      type: '0A',
      pi: '3AB7',
      blocks: ['3AB7', '0408', 'E0CD', '4341'],
      reliability: expect.arrayContaining([expect.closeTo(1, 3)]) as number[],
      errors: [0, 0, 0, 0],
    });
    expect(objects).toContainEqual(expect.objectContaining({ stream: 1, type: 'C', pi: null }));
  });

  it('write and read WAV files, which know their rate', async () => {
    const path = join(folder, 'signal.wav');
    expect((await modulate({ write: path, rate: '192k' }, LINES)).status).toBe(0);
    const bytes = await readFile(path);
    expect(readWavHeader(bytes)).toMatchObject({ kind: 'wav', rateHz: 192_000, channels: 1, dataOffset: 44 });
    expect((await run(runDecode, { input: 'mpx', file: path }, '')).text).toBe(LINES);
    expect(await run(runDecode, { input: 'mpx', rate: '171k', file: path }, '')).toMatchObject({ status: 2 });
  });

  it('read IQ from WAV, from a file and a pipe, and do not believe another rate or format', async () => {
    const { stdout } = await modulate({ output: 'iq', rate: '250k', format: 'cu8' }, LINES);
    const file = Buffer.concat([wavHeader({ rateHz: 250_000, channels: 2 }, stdout.length, 'u8'), stdout]);
    const path = join(folder, 'signal_98.5M.wav');
    await writeFile(path, file);
    const iq = (options: DecodeOptions, input: string | Uint8Array = ''): Promise<Result> =>
      run(runDecode, { input: 'iq', ...options }, input);
    for (const options of [{ file: path }, { source: path }, { file: path, rate: '250k', format: 'cu8' }])
      expect(await iq(options)).toMatchObject({ status: 0, text: LINES });
    expect(await iq({}, file)).toMatchObject({ status: 0, text: LINES });
    expect(await iq({ source: '-' }, file)).toMatchObject({ status: 0, text: LINES });
    expect(await iq({ file: path, rate: '240k' })).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('says 250000 samples a second itself and not 240000'),
    });
    expect(await iq({ format: 'cs16' }, file)).toMatchObject({ status: 2, stderr: expect.stringContaining('cs16') });
    const mono = Buffer.concat([wavHeader({ rateHz: 250_000, channels: 1 }), Buffer.alloc(100)]);
    expect(await iq({}, mono)).toMatchObject({ status: 1, stderr: expect.stringContaining('IQ needs two') });
    expect(await iq({}, file.subarray(0, 30))).toMatchObject({ status: 1, text: '' });
    const stereo = await run(runDecode, { input: 'mpx', file: path }, '');
    expect(stereo).toMatchObject({ status: 1, stderr: expect.stringContaining('not 16-bit PCM') });
    // A recording whose name says all of it.
    const named = join(folder, 'place_98.5M_250k.cu8');
    await writeFile(named, stdout);
    expect(await iq({ source: named })).toMatchObject({ status: 0, text: LINES });
  });

  it('take a programme from a stereo WAV file', async () => {
    const path = join(folder, 'audio.wav');
    await writeFile(path, Buffer.concat([wavHeader({ rateHz: 48_000, channels: 2 }), Buffer.alloc(4_000, 0x11)]));
    const mpx = await modulate({ audio: path }, LINES);
    expect((await decode({}, mpx.stdout)).text).toBe(LINES);
    expect((await modulate({ audio: join(folder, 'none.wav') }, LINES)).status).toBe(1);
  });

  it('send a lead-in and nothing else when there are no groups', async () => {
    const mpx = await modulate({}, '% only a remark\n\n');
    expect(mpx.status).toBe(0);
    expect(mpx.stdout.length).toBeGreaterThan(1_000);
    expect((await decode({}, mpx.stdout)).text).toBe('');
  });
});

describe('decode', () => {
  it('passes hex through, in one form, and says what it left out', async () => {
    const input = '% remark\n3ab7 0408 e0cd 4341 @time\nrubbish\n#S1 4001 ---- 0003 0004\n';
    const result = await run(runDecode, { input: 'hex' }, input);
    expect(result).toMatchObject({ status: 0, text: '3AB7 0408 E0CD 4341\n#S1 4001 ---- 0003 0004\n' });
    expect(result.stderr).toContain('line 3 is not a group');
  });

  it('leaves groups out of JSON of which blocks are missing, unless they are asked for', async () => {
    const input =
      '3AB7 0408 E0CD 4341\n---- 0C08 3AB7 ----\n---- ---- ---- ----\n3AB7 ---- E0CD 4341\n#S1 4001 ---- 0003 0004\n';
    const json = { input: 'hex', output: 'json' };
    expect((await run(runDecode, json, input)).text).toBe(
      '{"stream":0,"type":"0A","pi":"3AB7","blocks":["3AB7","0408","E0CD","4341"]}\n',
    );
    const { text } = await run(runDecode, { ...json, partial: true, blockErrorRate: true }, input);
    expect(text).toBe(
      '{"stream":0,"type":"0A","pi":"3AB7","blocks":["3AB7","0408","E0CD","4341"],"blockErrorRate":0}\n' +
        '{"stream":0,"type":"0B","pi":"3AB7","blocks":[null,"0C08","3AB7",null],"blockErrorRate":0.25}\n' +
        '{"stream":0,"type":null,"pi":"3AB7","blocks":["3AB7",null,"E0CD","4341"],"blockErrorRate":0.4375}\n' +
        '{"stream":1,"type":"C","pi":null,"blocks":["4001",null,"0003","0004"],"blockErrorRate":0.25}\n',
    );
    // Twelve whole groups later nothing of it counts any more.
    const healed = await run(runDecode, { ...json, blockErrorRate: true }, input + '3AB7 0408 E0CD 4341\n'.repeat(12));
    const rates = healed.text
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { blockErrorRate: number }).blockErrorRate);
    expect(rates.at(-2)).toBeGreaterThan(0);
    expect(rates.at(-1)).toBe(0);
    expect((await run(runDecode, { input: 'hex', partial: true }, '---- 0408 E0CD ----\n')).text).toBe(
      '---- 0408 E0CD ----\n',
    );
  });

  it('says when each group began, in both forms', async () => {
    const mpx = (await modulate({}, LINES)).stdout;
    const hex = (await decode({ timeFromStart: true }, mpx)).text.trim().split('\n');
    const json = (await decode({ timeFromStart: true, output: 'json' }, mpx)).text.trim().split('\n');
    const times = hex.map((line) => Number(line.split(' ')[4]));
    expect(hex[0]).toMatch(/^3AB7 0408 E0CD 4341 0\.\d{6}$/);
    expect(json.map((line) => (JSON.parse(line) as { seconds: number }).seconds)).toEqual(times);
    // 104 bits of 1187.5 Hz.
    for (const k of [1, 2]) expect(times[k] - times[k - 1]).toBeCloseTo(104 / 1187.5, 4);
    // What reads hex does not mind.
    expect((await run(runDecode, { input: 'hex' }, hex.join('\n'))).text).toBe(LINES);
  });

  it('counts errors where they were corrected, and never calls certain what is not', async () => {
    const mpx = (await modulate({}, LINES.repeat(5))).stdout;
    const noisy = new Int16Array(mpx.buffer.slice(mpx.byteOffset, mpx.byteOffset + mpx.length));
    const samples = Float32Array.from(noisy, (x) => x / 32_768);
    addNoise(samples, 0.07, randomWords(1));
    const { text, stderr } = await decode(
      { output: 'json', partial: true, blockErrorRate: true },
      writeSamples('cs16', samples),
    );
    const groups = text
      .trim()
      .split('\n')
      .map(
        (line) =>
          JSON.parse(line) as {
            blocks: unknown[];
            reliability: number[];
            errors: (number | null)[];
            blockErrorRate: number;
          },
      );
    expect(groups.length).toBeGreaterThan(5);
    expect(Math.max(...groups.flatMap(({ errors }) => errors.map(Number)))).toBeGreaterThan(0);
    for (const { blocks, reliability, errors, blockErrorRate } of groups) {
      expect(errors.map((error) => error === null)).toEqual(blocks.map((block) => block === null));
      expect(reliability.every((share) => share >= 0 && share <= 1 && Number(share.toFixed(4)) === share)).toBe(true);
      expect(blockErrorRate).toBeGreaterThanOrEqual(0);
    }
    expect(stderr).toMatch(
      /stream 0: \d+ of \d+ groups whole, block error rate [1-9]\d*\.\d %, .* of blocks lost, Eb\/N0 \d+\.\d dB, clock/,
    );
  });

  it('says what it measured, and what to try when not a single block was decoded', async () => {
    const iq = await modulate({ output: 'iq', rate: '250k', audio: 'melody' }, LINES.repeat(4));
    const { stderr } = await decode({ input: 'iq', rate: '250k' }, iq.stdout);
    expect(stderr).toMatch(/^signal: level -?\d+\.\d dBFS.*, carrier -?\+?\d+ Hz, pilot 6\.\d\d kHz, 0\.0 % clipped$/m);
    expect(stderr).not.toContain('Not a single block');
    const wrongRate = await decode({ input: 'iq', rate: '500k' }, iq.stdout);
    expect(wrongRate).toMatchObject({ status: 0, text: '' });
    expect(wrongRate.stderr).toMatch(/Not a single block was decoded\. .*500000 Hz/);
    const wrongFormat = await decode({ input: 'iq', rate: '250k', format: 'cs16' }, iq.stdout);
    expect(wrongFormat.stderr).toMatch(/Not a single block was decoded\. .*cs16 was assumed/);
    const bits = await run(runDecode, { input: 'bits' }, '0110'.repeat(300));
    expect(bits.stderr).toMatch(/Not a single block was decoded\. .*data bits/);
    expect((await decode({ input: 'iq', rate: '250k' }, '')).stderr).toBe(
      'No samples came: check the source, or the file.\n',
    );
  });

  it('ends quietly when nobody reads any more', async () => {
    const stdout = new PassThrough();
    stdout.destroy(Object.assign(new Error('broken pipe'), { code: 'EPIPE' }));
    stdout.on('error', () => undefined);
    const stderr = new Collector();
    const input = Readable.from(Array.from({ length: 1_000 }, () => Buffer.from(LINES)));
    expect(await runDecode({ input: 'hex' }, { stdin: input, stdout, stderr })).toBe(0);
    expect(stderr.parts).toEqual([]);
  });

  it.each<[DecodeOptions, string]>([
    [{}, '-i is one of'],
    [{ input: 'iq' }, 'Give the sample rate'],
    [{ input: 'iq', rate: '48k' }, '225k'],
    [{ input: 'iq', rate: '250k', format: 'u8' }, '--format is one of'],
    [{ input: 'iq', rate: '250k', streams: '2' }, '--streams is 1'],
    [{ input: 'mpx', rate: '100k' }, 'at least 128000'],
    [{ input: 'mpx', rate: '150k', streams: '4' }, 'at least 157000'],
    [{ input: 'mpx', rate: 'fast' }, 'no sample rate'],
    [{ input: 'mpx', rate: '171k', format: 'cu8' }, '-i iq only'],
    [{ input: 'hex', rate: '171k' }, 'no meaning'],
    [{ input: 'mpx', rate: '171k', source: 'rtl_sdr' }, '-i iq only'],
    [{ input: 'iq', source: 'rtl_sdr' }, 'Say which station'],
    [{ input: 'iq', source: 'rtl_sdr', frequency: '98.5' }, 'not within 60M to 110M'],
    [{ input: 'iq', source: 'rtl_sdr', frequency: 'high' }, 'no frequency'],
    [
      { input: 'iq', source: 'rtl_sdr', frequency: '98.5M', gain: 'much' },
      '--gain is a number from -10 to 60, or auto',
    ],
    [{ input: 'iq', source: 'rtl_sdr', frequency: '98.5M', ppm: '1000' }, '--ppm is a number'],
    [{ input: 'iq', source: 'rtl_sdr', frequency: '98.5M', format: 'cs8' }, 'a dongle gives cu8'],
    [{ input: 'iq', source: 'rtl_sdr:x', frequency: '98.5M' }, 'write rtl_sdr:0'],
    [{ input: 'iq', source: 'rtl_tcp:pi', frequency: '98.5M' }, 'write rtl_tcp://HOST:PORT'],
    [{ input: 'iq', source: 'rtl_tcp://pi:0', frequency: '98.5M' }, 'write rtl_tcp://HOST:PORT'],
    [{ input: 'iq', source: 'hackrf://0', frequency: '98.5M' }, 'is no source'],
    [{ input: 'iq', source: 'x.cu8', file: 'y.cu8' }, 'not both'],
    [{ input: 'iq', rate: '250k', gain: '20' }, '--gain is for a dongle'],
    [{ input: 'iq', rate: '250k', frequency: '98.5M' }, 'name it with --source'],
    [{ input: 'hex', output: 'xml' }, '-o is one of'],
    [{ input: 'mpx' }, 'Give the sample rate'],
    [{ input: 'mpx', rate: '171k', blockErrorRate: true }, '-E is for -o json'],
    [{ input: 'hex', timeFromStart: true }, '-T has no meaning'],
  ])('refuses %j with status 2', async (options, sentence) => {
    const result = await run(runDecode, options, 'some bytes of input, more than any header would have');
    expect(result.status).toBe(2);
    expect(result.stderr).toContain(sentence);
    expect(result.text).toBe('');
  });

  it('fails with status 1 on a file that is not there', async () => {
    const result = await run(runDecode, { input: 'hex', file: join(folder, 'missing') }, '');
    expect(result.status).toBe(1);
    expect(result.stderr).toContain('missing');
  });

  it.each([
    ['input', 'iq\nmpx\nbits\nhex\n'],
    ['format', 'cu8\ncs8\ncs16\ncf32\n'],
    ['source', 'rtl_tcp://HOST:PORT\nrtl_sdr\nrtl_sdr:INDEX\nPATH\n-\n'],
  ])('lists what --%s may be', async (option, text) => {
    expect(await run(runDecode, { [option]: 'help' }, '')).toMatchObject({ status: 0, text });
  });
});

describe('modulate', () => {
  it.each<[ModulateOptions, string, number, string]>([
    [{ output: 'wav' }, LINES, 2, '-o mpx or -o iq'],
    [{ rate: '100k' }, LINES, 2, 'at least 128000'],
    [{ rate: '150k', rds2: true }, LINES, 2, 'at least 157000'],
    [{ output: 'iq', rate: '192k' }, LINES, 2, '225k'],
    [{ level: '20k' }, LINES, 2, '--level'],
    [{ format: 'cu8' }, LINES, 2, '-o iq'],
    [{ input: 'bits' }, LINES, 2, '-i hex'],
    [{}, '3AB7 0408 E0CD', 1, 'Line 1 is not a group (block 4'],
    [{}, `${LINES}3AB7 ---- E0CD 4341\n`, 1, 'Line 4 lacks a block'],
    [{}, RDS2_LINES, 1, 'add --rds2'],
  ])('refuses %j with %j: status %i, %s', async (options, input, status, sentence) => {
    const result = await modulate(options, input);
    expect(result.status).toBe(status);
    expect(result.stderr).toContain(sentence);
  });
});

describe('a WAV header', () => {
  it('is read past other chunks and is incomplete until its data begin', () => {
    const header = wavHeader({ rateHz: 250_000, channels: 1 }, 1_000);
    const odd = Uint8Array.of(...new TextEncoder().encode('LIST'), 3, 0, 0, 0, 1, 2, 3, 0);
    const file = Uint8Array.of(...header.subarray(0, 12), ...odd, ...header.subarray(12));
    for (let length = 0; length < file.length; length++) {
      expect(readWavHeader(file.subarray(0, length)).kind, `${length}`).toBe('more');
    }
    expect(readWavHeader(file)).toEqual({
      ...{ kind: 'wav', dataOffset: 56, dataBytes: 1_000 },
      ...{ rateHz: 250_000, channels: 1, form: 's16' },
    });
  });

  it('is refused when it is something else', () => {
    const header = wavHeader({ rateHz: 48_000, channels: 2 });
    const float = header.slice();
    float[20] = 3;
    expect(readWavHeader(float)).toEqual({ kind: 'fault', reason: 'not 16-bit PCM' });
    expect(readWavHeader(new Uint8Array(100))).toEqual({ kind: 'fault', reason: 'not RIFF/WAVE' });
    const endless = header.slice();
    new DataView(endless.buffer).setUint32(16, 0xffff_fff0, true);
    expect(readWavHeader(endless).kind).toBe('fault');
  });
});
