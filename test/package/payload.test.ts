import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { zstdCompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deltaPayload, fullPayload, smallestFullPayload } from '#codec/package/payload.ts';
import { makeDelta } from '#codec/package/delta/make.ts';
import { readerOf } from '#codec/package/delta/machine.ts';
import { unpackPayload } from '#codec/package/unpack.ts';
import { sha256Native } from '#hardware/native/sha256.ts';
import { nativeZstd } from '#hardware/native/zstd.ts';
import { content, deltaOf, fullOf } from './example.ts';
import { unpacked } from './unpacked.ts';

const old = content(1, 50_000);
const next = Uint8Array.of(...old.subarray(0, 20_000), ...content(2, 300), ...old.subarray(20_010));
const zeros = new Uint8Array(100_000);

const fails = (): never => {
  throw new Error('the medium fails');
};

async function decompressed(bytes: Uint8Array, options: Parameters<typeof nativeZstd.decompress>[1]): Promise<object> {
  const parts: Uint8Array[] = [];
  const result = await nativeZstd.decompress(bytes, options, async (piece) => void parts.push(piece.slice()));
  const content = Uint8Array.from(Buffer.concat(parts));
  expect(content.length).toBeLessThanOrEqual(options.maxBytes);
  return result.kind === 'fault' ? result : { ...result, content };
}

describe('zstd', () => {
  it('reads a frame of the reference implementation (RFC 8878), made by the zstd program 1.5.4', async () => {
    // printf 'Carillon Carillon Carillon Carillon\n' | zstd -19 --no-check | xxd -p
    const frame = Uint8Array.fromHex('28b52ffd006885000050436172696c6c6f6e200a0100b4cb11');
    expect(await decompressed(frame, { maxBytes: 36 })).toEqual({
      kind: 'done',
      sizeBytes: 36,
      content: new TextEncoder().encode('Carillon Carillon Carillon Carillon\n'),
    });
  });

  it('makes at most what it may, exactly at the limit and one byte below it', async () => {
    const bomb = nativeZstd.compress(zeros);
    expect(bomb.length).toBeLessThan(30);
    expect(await decompressed(bomb, { maxBytes: 100_000 })).toMatchObject({ kind: 'done', sizeBytes: 100_000 });
    expect(await decompressed(bomb, { maxBytes: 99_999 })).toMatchObject({ kind: 'fault' });
    expect(await decompressed(bomb, { maxBytes: 0 })).toMatchObject({ kind: 'fault' });
  });

  it('does not let several frames in one add up to more', async () => {
    const frame = nativeZstd.compress(zeros);
    const two = Uint8Array.of(...frame, ...frame);
    expect(await decompressed(two, { maxBytes: 100_000 })).toMatchObject({ kind: 'fault' });
    expect(await decompressed(two, { maxBytes: 200_000 })).toMatchObject({ kind: 'done', sizeBytes: 200_000 });
  });

  it('lets through what goes wrong where it writes to', async () => {
    const frame = nativeZstd.compress(next);
    await expect(nativeZstd.decompress(frame, { maxBytes: next.length }, fails)).rejects.toThrow('the medium fails');
  });

  it('gives a fault for every cut and never rejects for hostile bytes', async () => {
    const frame = nativeZstd.compress(next, { dictionary: old });
    for (let length = 0; length < frame.length; length++) {
      const cut = await decompressed(frame.subarray(0, length), { dictionary: old, maxBytes: next.length });
      expect(cut).not.toMatchObject({ kind: 'done', sizeBytes: next.length });
    }
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
        await decompressed(bytes, { dictionary: old, maxBytes: 1000 });
        await decompressed(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, ...bytes), { maxBytes: 1000 });
      }),
      { numRuns: 500 },
    );
  });
});

describe('a delta', () => {
  it('costs about what is new', async () => {
    const { bytes } = await deltaOf(old, next);
    expect(bytes.length).toBeLessThan(400);
    expect(bytes.length).toBeGreaterThan(300);
  });

  it('goes there and back, for contents of every kind', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        async (a, b) => {
          const { described, bytes } = await deltaPayload(a, b, nativeZstd);
          expect(await unpacked(bytes, described, a)).toEqual({ kind: 'content', content: b });
          const full = fullPayload(b, nativeZstd);
          expect(await unpacked(full.bytes, full.described)).toEqual({ kind: 'content', content: b });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is refused when damaged, before it reaches the decompressor', async () => {
    const { described, bytes } = await deltaOf(old, next);
    const damaged = bytes.slice();
    damaged[10] ^= 1;
    const never = { ...nativeZstd, decompress: () => expect.unreachable() };
    expect(await unpacked(damaged, described, old, never)).toMatchObject({ fault: 'payload-damaged' });
    expect(await unpacked(bytes.subarray(1), described, old, never)).toMatchObject({ fault: 'payload-damaged' });
  });

  it('is refused when it unpacks to something else than was signed', async () => {
    const { described, bytes } = await deltaOf(old, next);
    for (const wrong of [
      { ...described, sizeInstalledBytes: described.sizeInstalledBytes - 1 },
      { ...described, sizeInstalledBytes: described.sizeInstalledBytes + 1 },
    ])
      expect(await unpacked(bytes, wrong, old)).toMatchObject({
        kind: 'fault',
        fault: 'content-mismatch',
      });
  });

  it('is refused where its head starts from another size than was signed', async () => {
    const bytes = (await makeDelta(old, next))?.patch ?? new Uint8Array();
    const base = { sha256: sha256Native(old), sizeBytes: old.length - 1 };
    const sent = { compression: 'carillon', sizeOnAirBytes: bytes.length, sha256OnAir: sha256Native(bytes) } as const;
    const described = { ...(await deltaOf(old, next)).described, ...sent };
    expect(await unpacked(bytes, described, old)).toEqual({ kind: 'content', content: next });
    expect(await unpacked(bytes, { ...described, base }, old)).toEqual({
      kind: 'fault',
      fault: 'content-mismatch',
      detail: 'it starts from 50000 bytes, not 49999',
    });
  });

  it('does not take a medium that fails for a broken package', async () => {
    const { described, bytes } = await deltaOf(old, next);
    const host = {
      readNew: fails,
      write: async () => undefined,
      scratch: fails,
      zstd: nativeZstd,
    };
    await expect(unpackPayload(bytes, described, { ...host, readBase: fails })).rejects.toThrow('the medium fails');
    const readBase = readerOf(old);
    await expect(unpackPayload(bytes, described, { ...host, readBase, write: fails })).rejects.toThrow(
      'the medium fails',
    );
  });

  it('reaches over 12 MB: an insertion in the middle of an image costs only itself', async () => {
    const image = content(7, 12_000_000);
    const updated = new Uint8Array(12_001_000);
    updated.set(image.subarray(0, 5_000_000));
    updated.set(content(8, 1000), 5_000_000);
    updated.set(image.subarray(5_000_000), 5_001_000);
    const { bytes, described } = await deltaOf(image, updated);
    expect(bytes.length).toBeLessThan(1100);
    const back = await unpacked(bytes, described, image);
    expect(back.kind === 'content' && Buffer.compare(back.content, updated) === 0).toBe(true);
  });

  it('made by a zstd encoder is applied too, as earlier backends sent it', async () => {
    const { described } = await deltaOf(old, next);
    const frame = nativeZstd.compress(next, { dictionary: old });
    const zstd = {
      ...described,
      compression: 'zstd',
      sizeOnAirBytes: frame.length,
      sha256OnAir: sha256Native(frame),
    } as const;
    expect(await unpacked(frame, zstd, old)).toEqual({ kind: 'content', content: next });
  });
});

describe('full content', () => {
  it('is compressed where that helps and sent as it is where it does not', async () => {
    expect(fullOf(zeros).described).toMatchObject({
      encoding: 'full',
      compression: 'zstd',
      sizeInstalledBytes: 100_000,
    });
    const random = fullOf(old);
    expect(random.described).toMatchObject({ encoding: 'full', compression: 'none', sizeOnAirBytes: old.length });
    expect(await unpacked(random.bytes, random.described)).toEqual({ kind: 'content', content: old });
  });

  it('is smaller still with our own models: than xz -9e, of code and of text', async () => {
    const code = readFileSync(process.execPath).subarray(2_000_000, 2_200_000);
    const text = new TextEncoder().encode(readFileSync('package-lock.json', 'utf8').slice(0, 100_000));
    for (const sent of [Uint8Array.from(code), text]) {
      const { described, bytes } = await smallestFullPayload(sent, nativeZstd);
      expect(described).toMatchObject({ encoding: 'full', compression: 'carillon' });
      const xz = spawnSync('xz', ['-9e', '--stdout'], { input: sent }).stdout;
      expect(bytes.length).toBeLessThan(xz.length);
      expect(await unpacked(bytes, described)).toEqual({ kind: 'content', content: sent });
      const damaged = bytes.slice();
      damaged[bytes.length >> 1] ^= 1;
      expect(await unpacked(damaged, described)).toMatchObject({ fault: 'payload-damaged' });
    }
    expect((await smallestFullPayload(old, nativeZstd)).described.compression).toBe('none');
  }, 60_000);

  it('takes no time for what would not go on air in any case', async () => {
    const large = new Uint8Array(3 * 0xff_ffff);
    const poor = { ...nativeZstd, compress: () => new Uint8Array(2 * 0xff_ffff + 1) };
    expect((await smallestFullPayload(large, poor)).described.compression).toBe('zstd');
  }, 60_000);

  it('may carry frames of any other zstd encoder', async () => {
    const bytes = Uint8Array.from(zstdCompressSync(zeros));
    const described = { ...fullOf(zeros).described, sizeOnAirBytes: bytes.length, sha256OnAir: sha256Native(bytes) };
    expect(await unpacked(bytes, described)).toEqual({ kind: 'content', content: zeros });
  });
});
