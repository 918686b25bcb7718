import { zstdCompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyDelta, deltaPayload, fullPayload, unpackFull } from '#codec/package/payload.ts';
import { sha256Native } from '#hardware/native/sha256.ts';
import { nativeZstd } from '#hardware/native/zstd.ts';
import { content, deltaOf, fullOf } from './example.ts';

const old = content(1, 50_000);
const next = Uint8Array.of(...old.subarray(0, 20_000), ...content(2, 300), ...old.subarray(20_010));
const zeros = new Uint8Array(100_000);

describe('zstd', () => {
  it('reads a frame of the reference implementation (RFC 8878), made by the zstd program 1.5.4', () => {
    // printf 'Carillon Carillon Carillon Carillon\n' | zstd -19 --no-check | xxd -p
    const frame = Uint8Array.fromHex('28b52ffd006885000050436172696c6c6f6e200a0100b4cb11');
    expect(nativeZstd.decompress(frame, { maxBytes: 36 })).toEqual({
      kind: 'bytes',
      bytes: new TextEncoder().encode('Carillon Carillon Carillon Carillon\n'),
    });
  });

  it('makes at most what it may, exactly at the limit and one byte below it', () => {
    const bomb = nativeZstd.compress(zeros);
    expect(bomb.length).toBeLessThan(30);
    expect(nativeZstd.decompress(bomb, { maxBytes: 100_000 }).kind).toBe('bytes');
    expect(nativeZstd.decompress(bomb, { maxBytes: 99_999 }).kind).toBe('fault');
    expect(nativeZstd.decompress(bomb, { maxBytes: 0 }).kind).toBe('fault');
  });

  it('does not let several frames in one add up to more', () => {
    const frame = nativeZstd.compress(zeros);
    const result = nativeZstd.decompress(Uint8Array.of(...frame, ...frame), { maxBytes: 100_000 });
    expect(result.kind === 'bytes' ? result.bytes.length : 0).toBeLessThanOrEqual(100_000);
  });

  it('gives a fault for every cut and never throws for hostile bytes', () => {
    const frame = nativeZstd.compress(next, { dictionary: old });
    for (let length = 0; length < frame.length; length++)
      expect(nativeZstd.decompress(frame.subarray(0, length), { dictionary: old, maxBytes: next.length })).not.toEqual({
        kind: 'bytes',
        bytes: next,
      });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        nativeZstd.decompress(bytes, { dictionary: old, maxBytes: 1000 });
        nativeZstd.decompress(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, ...bytes), { maxBytes: 1000 });
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
          expect(await applyDelta(a, bytes, described, nativeZstd)).toEqual({ kind: 'content', content: b });
          const full = fullPayload(b, nativeZstd);
          expect(unpackFull(full.bytes, full.described, nativeZstd)).toEqual({ kind: 'content', content: b });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is refused on another base, and on the right base of the wrong length', async () => {
    const { described, bytes } = await deltaOf(old, next);
    const damaged = old.slice();
    damaged[49_999] ^= 1;
    for (const base of [damaged, old.subarray(1), new Uint8Array(0)])
      expect(await applyDelta(base, bytes, described, nativeZstd)).toMatchObject({
        kind: 'fault',
        fault: 'base-mismatch',
      });
  });

  it('is refused when damaged, before it reaches the decompressor', async () => {
    const { described, bytes } = await deltaOf(old, next);
    const damaged = bytes.slice();
    damaged[10] ^= 1;
    const never = { ...nativeZstd, decompress: () => expect.unreachable() };
    expect(await applyDelta(old, damaged, described, never)).toMatchObject({ fault: 'payload-damaged' });
    expect(await applyDelta(old, bytes.subarray(1), described, never)).toMatchObject({ fault: 'payload-damaged' });
  });

  it('is refused when it unpacks to something else than was signed', async () => {
    const { described, bytes } = await deltaOf(old, next);
    for (const wrong of [
      { ...described, sha256Installed: new Uint8Array(32) },
      { ...described, sizeInstalledBytes: described.sizeInstalledBytes - 1 },
      { ...described, sizeInstalledBytes: described.sizeInstalledBytes + 1 },
    ])
      expect(await applyDelta(old, bytes, wrong, nativeZstd)).toMatchObject({
        kind: 'fault',
        fault: 'content-mismatch',
      });
  });

  it('is not mistaken for full content', async () => {
    const { described, bytes } = await deltaOf(old, next);
    expect(unpackFull(bytes, described, nativeZstd)).toMatchObject({ fault: 'base-mismatch' });
  });

  it('reaches over 12 MB: an insertion in the middle of an image costs only itself', async () => {
    const image = content(7, 12_000_000);
    const updated = new Uint8Array(12_001_000);
    updated.set(image.subarray(0, 5_000_000));
    updated.set(content(8, 1000), 5_000_000);
    updated.set(image.subarray(5_000_000), 5_001_000);
    const { bytes, described } = await deltaOf(image, updated);
    expect(bytes.length).toBeLessThan(1100);
    const back = await applyDelta(image, bytes, described, nativeZstd);
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
    expect(await applyDelta(old, frame, zstd, nativeZstd)).toEqual({ kind: 'content', content: next });
  });
});

describe('full content', () => {
  it('is compressed where that helps and sent as it is where it does not', () => {
    expect(fullOf(zeros).described).toMatchObject({
      encoding: 'full',
      compression: 'zstd',
      sizeInstalledBytes: 100_000,
    });
    const random = fullOf(old);
    expect(random.described).toMatchObject({ encoding: 'full', compression: 'none', sizeOnAirBytes: old.length });
    expect(unpackFull(random.bytes, random.described, nativeZstd)).toEqual({ kind: 'content', content: old });
  });

  it('may carry frames of any other zstd encoder', () => {
    const bytes = Uint8Array.from(zstdCompressSync(zeros));
    const described = { ...fullOf(zeros).described, sizeOnAirBytes: bytes.length, sha256OnAir: sha256Native(bytes) };
    expect(unpackFull(bytes, described, nativeZstd)).toEqual({ kind: 'content', content: zeros });
  });
});
