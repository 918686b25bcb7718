import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IqFileSink } from '#hardware/file/iq-sink.ts';
import { MpxFileSink } from '#hardware/file/mpx-sink.ts';
import { parseRecordingName } from '#hardware/file/recording.ts';
import { FileSource } from '#hardware/file/source.ts';

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
    await expect(new FileSource({ path: '-' }).open(TUNE)).rejects.toMatchObject({ code: 'FILE_FORMAT' });
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
