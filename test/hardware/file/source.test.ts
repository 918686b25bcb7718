import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IqFileSink } from '#hardware/file/iq-sink.ts';
import { MpxFileSink } from '#hardware/file/mpx-sink.ts';
import { parseRecordingName, recordingName } from '#hardware/file/recording.ts';
import { FileSource, type FileSourceOptions } from '#hardware/file/source.ts';
import { wavHeader, type WavForm } from '#hardware/file/wav.ts';
import { HardwareError } from '#hardware/fault.ts';
import { Seeded } from '../../groups/station.ts';

const TUNE = { frequencyHz: 1e8, rateHz: 300_000, gainDb: 'auto', correctionPpm: 0 } as const;
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'carillon-file-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function readAll(source: FileSource): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.chunks()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('a recording', () => {
  it('says in its name what it is', () => {
    expect(parseRecordingName('/a.b/place_98.5M_250k.cu8')).toEqual({
      format: 'cu8',
      frequencyHz: 98_500_000,
      rateHz: 250_000,
    });
    expect(parseRecordingName('x_2.4M.cf32')).toEqual({ format: 'cf32', rateHz: 2_400_000 });
    expect(parseRecordingName('M_k.wav')).toEqual({});
    expect(recordingName(98_500_000, 250_000.0004, 'cu8')).toBe('recording_98.5M_250k.cu8');
    expect(recordingName(101_125_000, 1_024_000, 'wav')).toBe('recording_101.125M_1.024M.wav');
    expect(parseRecordingName(recordingName(87_512_345, 228_123, 'cs8'))).toEqual({
      format: 'cs8',
      frequencyHz: 87_512_345,
      rateHz: 228_123,
    });
  });

  it('is read in whole samples; the name counts before the request, the options before the name', async () => {
    const path = join(folder, 'place_98.5M_250k.cs16');
    const bytes = Buffer.from(Array.from({ length: 100_003 }, (_, i) => i & 255));
    await writeFile(path, bytes);
    const source = new FileSource({ path });
    expect(await source.open(TUNE)).toEqual({
      frequencyHz: 98_500_000,
      rateHz: 250_000,
      format: 'cs16',
      description: path,
    });
    expect((await readAll(source)).equals(bytes.subarray(0, 100_000))).toBe(true);
    await source.close();
    const other = new FileSource({ path, format: 'cu8', rateHz: 240_000 });
    expect(await other.open(TUNE)).toMatchObject({ rateHz: 240_000, format: 'cu8' });
    await other.close();
  });

  it('that is not there, or does not say its format, is a clear error', async () => {
    await expect(new FileSource({ path: join(folder, 'no.cu8') }).open(TUNE)).rejects.toMatchObject({
      code: 'FILE_OPEN',
    });
    const stdin = Readable.from([Buffer.alloc(100)]);
    await expect(new FileSource({ path: '-', stdin }).open(TUNE)).rejects.toMatchObject({ code: 'FILE_FORMAT' });
    await expect(new FileSource({ path: folder }).open(TUNE)).rejects.toMatchObject({ code: 'FILE_OPEN' });
  });

  it('can be closed half way', async () => {
    const path = join(folder, 'long_250k.cu8');
    await writeFile(path, Buffer.alloc(1_000_000));
    const source = new FileSource({ path });
    await source.open(TUNE);
    let chunks = 0;
    for await (const chunk of source.chunks()) {
      chunks += chunk.length > 0 ? 1 : 0;
      await source.close();
    }
    expect(chunks).toBe(1);
  });
});

/** Header, samples, and what recorders put behind them. */
function wav(form: WavForm, samples: Uint8Array, { rateHz = 240_000, channels = 2, known = true } = {}): Buffer {
  const header = known
    ? wavHeader({ rateHz, channels }, samples.length, form)
    : wavHeader({ rateHz, channels }, undefined, form);
  return Buffer.concat([header, samples, known ? Buffer.from('LIST\x04\0\0\0abcd', 'latin1') : Buffer.alloc(0)]);
}

const SAMPLES = Buffer.from(Array.from({ length: 8000 }, (_, i) => (i * 7) & 255));

describe('a recording as WAV', () => {
  it.each([
    ['u8', 'cu8'],
    ['s16', 'cs16'],
    ['f32', 'cf32'],
  ] as const)('of %s is %s, at the rate of its header', async (form, format) => {
    for (const known of [true, false]) {
      const path = join(folder, `place_98.5M_250k_${form}_${known}.wav`);
      await writeFile(path, wav(form, SAMPLES, { known }));
      const source = new FileSource({ path });
      expect(await source.open(TUNE)).toEqual({ frequencyHz: 98.5e6, rateHz: 240_000, format, description: path });
      expect((await readAll(source)).equals(SAMPLES)).toBe(true);
      await source.close();
    }
  });

  it('is known on stdin, cut anywhere', async () => {
    const file = wav('u8', SAMPLES.subarray(0, 20));
    for (let cut = 0; cut <= file.length; cut++) {
      const stdin = Readable.from([file.subarray(0, cut), file.subarray(cut)].filter(({ length }) => length > 0));
      const source = new FileSource({ path: '-', stdin });
      expect(await source.open(TUNE)).toMatchObject({ rateHz: 240_000, format: 'cu8', description: 'stdin' });
      expect((await readAll(source)).equals(SAMPLES.subarray(0, 20)), `cut at ${cut}`).toBe(true);
      await source.close();
    }
  });

  it('larger than 4 GB (RF64), or of extensible format, is read as well', async () => {
    const plain = wavHeader({ rateHz: 240_000, channels: 2 }, undefined, 'f32');
    const ds64 = Buffer.concat([Buffer.from('ds64\x1c\0\0\0', 'latin1'), Buffer.alloc(28)]);
    const extended = Buffer.concat([plain.subarray(12, 36), Buffer.alloc(24)]);
    extended.writeUInt32LE(40, 4);
    extended.writeUInt16LE(0xfffe, 8);
    extended.writeUInt16LE(3, 32);
    const file = Buffer.concat([
      Buffer.from('RF64\xff\xff\xff\xffWAVE', 'latin1'),
      ds64,
      extended,
      plain.subarray(36),
      SAMPLES,
    ]);
    const source = new FileSource({ path: '-', stdin: Readable.from([file]) });
    expect(await source.open(TUNE)).toMatchObject({ format: 'cf32' });
    expect((await readAll(source)).equals(SAMPLES)).toBe(true);
  });

  it.each<[string, Partial<FileSourceOptions>, Uint8Array, string, RegExp]>([
    ['mono', {}, wav('s16', SAMPLES, { channels: 1 }), 'FILE_WAV', /one channel.*-i mpx/],
    ['six channels', {}, wav('s16', SAMPLES, { channels: 6 }), 'FILE_WAV', /6 channels; IQ needs two/],
    ['no rate', {}, wav('s16', SAMPLES, { rateHz: 0 }), 'FILE_WAV', /0 samples a second/],
    ['another rate', { rateHz: 250_000 }, wav('u8', SAMPLES), 'FILE_CONTRADICTS', /says 240000 .* not 250000/],
    ['another format', { format: 'cu8' }, wav('s16', SAMPLES), 'FILE_CONTRADICTS', /is cs16 and not cu8/],
    ['24 bits', {}, withBits(24), 'FILE_WAV', /neither 8-bit nor 16-bit PCM nor 32-bit float/],
    ['an end within the header', {}, wav('u8', SAMPLES).subarray(0, 40), 'FILE_WAV', /ends within its header/],
    [
      'no samples at all',
      {},
      Buffer.concat([wav('u8', SAMPLES).subarray(0, 36), Buffer.alloc(70_000)]),
      'FILE_WAV',
      /no data/,
    ],
  ])('with %s is a clear error', async (_, options, file, code, says) => {
    const path = join(folder, 'wrong.wav');
    await writeFile(path, file);
    for (const source of [
      new FileSource({ path, ...options }),
      new FileSource({ path: '-', stdin: Readable.from([file]), ...options }),
    ]) {
      await expect(source.open(TUNE)).rejects.toMatchObject({ code, message: expect.stringMatching(says) });
      await source.close();
    }
  });

  it('with any bytes for a header is read or is a clear error', async () => {
    const random = new Seeded(77);
    for (let round = 0; round < 300; round++) {
      const file = Buffer.from(wav('u8', random.bytes(random.word() % 200)));
      for (let spoilt = 0; spoilt < 4; spoilt++) file[8 + (random.word() % 40)] = random.word() & 255;
      const source = new FileSource({
        path: '-',
        format: 'cu8',
        stdin: Readable.from([file.subarray(0, random.word() % (file.length + 1))].filter(({ length }) => length > 0)),
      });
      const outcome = await source.open(TUNE).then(
        async () => (await readAll(source)).length,
        (error: unknown) => (error instanceof HardwareError ? error.code : error),
      );
      expect(typeof outcome === 'number' || outcome, `round ${round}`).toSatisfy(
        (code) => code === true || code === 'FILE_WAV' || code === 'FILE_CONTRADICTS',
      );
      await source.close();
    }
  });
});

function withBits(bits: number): Buffer {
  const file = Buffer.from(wav('s16', SAMPLES));
  file.writeUInt16LE(bits, 34);
  return file;
}

describe('file sinks', () => {
  it('write IQ in the asked format', async () => {
    const path = join(folder, 'out_250k.cs8');
    const sink = await IqFileSink.open({ path, rateHz: 250_000, format: 'cs8' });
    await sink.write(Float32Array.of(1, -1, 0, 0.5));
    await sink.write(Float32Array.of(0, 0));
    await sink.close();
    expect(new Int8Array(await readFile(path))).toEqual(Int8Array.of(127, -127, 0, 64, 0, 0));
  });

  it('write the multiplex as 16 bit, bare or as WAV', async () => {
    for (const format of ['s16', 'wav'] as const) {
      const path = join(folder, `out.${format}`);
      const sink = await MpxFileSink.open({ path, rateHz: 192_000, format });
      await sink.write(Float32Array.of(1, -1, 0));
      await sink.close();
      const bytes = await readFile(path);
      expect(bytes.subarray(0, 4).toString('latin1') === 'RIFF').toBe(format === 'wav');
      expect(bytes.subarray(-6).toString('hex')).toBe('ff7f01800000');
    }
  });

  it('say when the disk is full', async () => {
    const sink = await IqFileSink.open({ path: '/dev/full', rateHz: 250_000, format: 'cu8' });
    const writing = (async (): Promise<void> => {
      for (let i = 0; i < 100; i++) {
        await sink.write(new Float32Array(100_000));
        await new Promise(setImmediate);
      }
    })();
    await expect(writing).rejects.toMatchObject({ code: 'FILE_WRITE' });
  });
});
