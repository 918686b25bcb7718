import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Aligner, MODULE_PLAIN, moduleKind } from '#codec/package/delta/align.ts';
import { openDelta } from '#codec/package/delta/decode.ts';
import { readHead, writeHead } from '#codec/package/delta/format.ts';
import { readerOf } from '#codec/package/delta/machine.ts';
import { applyPatch } from '#codec/package/delta/apply.ts';
import { makeDelta } from '#codec/package/delta/make.ts';
import { nativeZstd } from '#hardware/native/zstd.ts';
import { content } from '../example.ts';
import { library } from './library.ts';

const folder = mkdtempSync(join(tmpdir(), 'carillon-delta-'));
afterAll(() => rmSync(folder, { recursive: true }));

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const source = readFileSync(join(import.meta.dirname, '../../../codec/package/manifest.ts'));

function tar(name: string, files: Record<string, string>): Uint8Array {
  const tree = mkdtempSync(join(folder, 'tree-'));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(tree, file), text);
  const options = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0'];
  execFileSync('tar', [...options, '-cf', join(folder, name), '-C', tree, '.']);
  return readFileSync(join(folder, name));
}

async function patchOf(old: Uint8Array, next: Uint8Array): Promise<Uint8Array> {
  return (await makeDelta(old, next))?.patch ?? new Uint8Array();
}

/** The patch, or undefined where what it makes is not the new content. */
async function there(old: Uint8Array, next: Uint8Array): Promise<Uint8Array | undefined> {
  const patch = await patchOf(old, next);
  const back = await applyPatch(old, patch, { newSizeBytes: next.length });
  return back.kind === 'content' && Buffer.compare(back.content, next) === 0 ? patch : undefined;
}

async function sizeThere(old: Uint8Array, next: Uint8Array): Promise<number> {
  return (await there(old, next))?.length ?? Number.NaN;
}

const oldLibrary = library(folder, 'old', '');
const nextLibrary = library(folder, 'next', 'x = x * 3 + (x >> 5); if (x & 64) x ^= seed;');

describe('a delta', () => {
  it.each<[string, Uint8Array, Uint8Array]>([
    ['nothing to nothing', utf8(''), utf8('')],
    ['nothing to something', utf8(''), utf8('something')],
    ['something to nothing', utf8('something'), utf8('')],
    ['one byte to another', utf8('a'), utf8('b')],
    ['the same', source, source],
    ['zeros to more zeros', new Uint8Array(70_000), new Uint8Array(700_000)],
    ['noise to other noise', content(1, 5000), content(2, 5000)],
    ['a file to its second half', source, source.subarray(source.length >> 1)],
    ['a file to its halves exchanged', source, Buffer.concat([source.subarray(9000), source.subarray(0, 9000)])],
    ['across the borders of chunks', content(3, 600_000), Buffer.concat([content(4, 7), content(3, 600_000)])],
  ])('goes from %s', async (_, old, next) => {
    expect(await there(old, next)).toBeDefined();
  });

  it('goes there and back for any two contents (property)', async () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.string({ maxLength: 400 }).map(utf8));
    await fc.assert(
      fc.asyncProperty(bytes, bytes, bytes, async (a, b, c) => {
        expect(await there(Buffer.concat([a, b]), Buffer.concat([b, c, a]))).toBeDefined();
      }),
      { numRuns: 60 },
    );
  });

  it('costs a few bytes where nothing changed', async () => {
    expect(await sizeThere(content(5, 3_000_000), content(5, 3_000_000))).toBeLessThan(24);
  });

  it('costs about the entropy of what is new', async () => {
    const old = content(6, 200_000);
    const next = Buffer.concat([old.subarray(0, 70_000), content(7, 1000), old.subarray(70_100)]);
    const sizeBytes = await sizeThere(old, next);
    expect(sizeBytes).toBeGreaterThan(1000);
    expect(sizeBytes).toBeLessThan(1060);
  });

  it('is several times smaller than zstd with the old file as dictionary, for a library in which one function grew', async () => {
    expect(moduleKind(oldLibrary)).not.toBe(MODULE_PLAIN);
    const zstd = nativeZstd.compress(nextLibrary, { dictionary: oldLibrary });
    expect(4 * (await sizeThere(oldLibrary, nextLibrary))).toBeLessThan(zstd.length);
  });

  it.each([1, 2, 3, 4, 5, 6])(
    'is made of programs too whose headers lead nowhere (%i)',
    async (seed) => {
      const random = content(50 + seed, 64);
      const [old, next] = [oldLibrary, nextLibrary].map((bytes) => {
        const spoiled = Uint8Array.from(bytes);
        const view = new DataView(spoiled.buffer);
        const table = Number(view.getBigUint64(40, true));
        const count = view.getUint16(60, true);
        for (let k = 0; k < 16; k += 4) {
          const [section = 0, field = 0, a = 0, b = 0] = random.subarray(k, k + 4);
          const at = table + 64 * (section % count) + 16 + 8 * (field % 3);
          view.setBigUint64(at, (BigInt(a) << BigInt(b % 40)) + BigInt(b), true);
        }
        return spoiled;
      });
      expect(await there(old ?? oldLibrary, next ?? oldLibrary)).toBeDefined();
    },
    60_000,
  );

  it('finds files of an archive again that were renamed and changed', async () => {
    const text = Buffer.from(content(8, 60_000)).toString('base64');
    const other = Buffer.from(content(9, 60_000)).toString('base64');
    const old = tar('old.tar', { 'a.txt': text, 'b.txt': other });
    const next = tar('new.tar', { 'a.txt': other, 'entirely-new.md': text.replace('A', 'changed') });
    expect(await sizeThere(old, next)).toBeLessThan(400);
  });
});

describe('a decoder', () => {
  it('goes on from every chunk at which it was saved', async () => {
    // What comes first makes it one module that is read as a library; it lies across the borders of chunks.
    const old = Buffer.concat([oldLibrary, content(20, 100_000), oldLibrary, content(21, 300_000), oldLibrary]);
    const next = Buffer.concat([nextLibrary, content(20, 99_000), nextLibrary, content(22, 50), content(21, 300_000)]);
    const patch = await patchOf(old, next);
    const made = new Uint8Array(next.length);
    const sources = { patch, readOld: readerOf(old), readNew: readerOf(made) };
    const limits = { newSizeBytes: next.length };
    let opened = openDelta(sources, limits);
    let chunks = 0;
    let restored = 0;
    for (;;) {
      if (opened.kind === 'fault') throw new Error(opened.detail);
      const decoded = opened.decoder.next();
      if (decoded.kind === 'fault') throw new Error(decoded.detail);
      if (decoded.kind === 'end') break;
      made.set(decoded.bytes, decoded.positionBytes);
      chunks++;
      const saved = opened.decoder.save();
      const memory = saved?.memory.slice() ?? new Uint8Array();
      const kept = { sizeBytes: memory.length, read: (into: Uint8Array) => into.set(memory) };
      opened = openDelta(sources, limits);
      if (opened.kind === 'delta' && saved !== undefined && opened.decoder.restore(saved, kept)) restored++;
    }
    expect(chunks).toBeGreaterThan(2);
    expect(restored).toBe(chunks);
    expect(Buffer.compare(made, next)).toBe(0);
  });
});

describe('the alignment', () => {
  const aligner = new Aligner();

  it('covers what is in both files, whatever their order', () => {
    const [a, b] = [content(10, 20_000), content(11, 20_000)];
    const { segments } = aligner.align(Buffer.concat([a, b]), Buffer.concat([b, a]), MODULE_PLAIN);
    expect([...segments]).toEqual([0, 20_000, 20_000, 20_000, 0, 20_000]);
  });

  it('rises in the new file and stays inside both (property)', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'ab', 'abc'), maxLength: 200 }).map(utf8);
    fc.assert(
      fc.property(text, text, (old, next) => {
        const { segments } = aligner.align(old, next, MODULE_PLAIN);
        let end = 0;
        for (let k = 0; k < segments.length; k += 3) {
          const [n, o, sizeBytes] = segments.subarray(k, k + 3);
          expect(sizeBytes).toBeGreaterThan(0);
          expect(n).toBeGreaterThanOrEqual(end);
          end = n + sizeBytes;
          expect(end).toBeLessThanOrEqual(next.length);
          expect(o + sizeBytes).toBeLessThanOrEqual(old.length);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('the head', () => {
  const head = {
    oldSizeBytes: 301_721_600,
    newSizeBytes: 2_000_000_000,
    segmentCount: 70_000,
    moduleCount: 300,
    hintCount: 0,
    tables: 3,
    indexAll: true,
    digests: { old: content(1, 32), new: content(2, 32) },
  };

  it('goes there and back', () => {
    for (const changed of [head, { ...head, newSizeBytes: 70_001, indexAll: false }]) {
      const bytes = writeHead(changed);
      expect(readHead(bytes)).toEqual({ kind: 'head', head: changed, sizeBytes: bytes.length });
    }
  });

  it('is a fault at every cut', () => {
    const bytes = writeHead(head);
    for (let length = 0; length < bytes.length; length++)
      expect(readHead(bytes.subarray(0, length)).kind).toBe('fault');
  });

  it.each([
    ['another magic', '434501000000000000', /no Carillon delta/],
    ['another version', '434402000000000000', /version 2/],
    ['unknown flags', '4344c1000000000000', /flags/],
    ['a size below 0', '434401010500000000', /contradicts/],
    ['sizes beyond 4 GiB', '434401ffffffff0f0200000000', /4 GiB/],
    ['more segments than bytes', '434401000002000000', /more parts/],
    ['huge tables', '434401000000000009', /tables/],
    ['a number without end', '4344018080808080808080', /contradicts/],
  ])('is refused with %s', (_, hex, says) => {
    expect(readHead(Uint8Array.fromHex(hex))).toEqual({ kind: 'fault', detail: expect.stringMatching(says) });
  });
});

describe('a hostile patch', () => {
  const old = source.subarray(0, 9000);
  const next = Buffer.concat([source.subarray(0, 2000), source.subarray(3000, 12_000)]);

  it('makes nothing where it says more than was signed', async () => {
    const patch = await patchOf(old, next);
    expect(await applyPatch(old, patch, { newSizeBytes: next.length - 1 })).toEqual({
      kind: 'fault',
      detail: expect.stringContaining('allowed'),
    });
  });

  it('ends in a fault where the memory is not enough', async () => {
    const patch = await patchOf(old, next);
    expect(await applyPatch(old, patch, { newSizeBytes: next.length, memoryBytes: 1 << 20 })).toEqual({
      kind: 'fault',
      detail: expect.stringContaining('stopped'),
    });
  });

  it('never throws and never makes the content when it is cut', async () => {
    const patch = await patchOf(old, next);
    const kinds = new Set<string>();
    for (let length = 0; length < patch.length - 4; length += 7) {
      const back = await applyPatch(old, patch.subarray(0, length), { newSizeBytes: next.length });
      kinds.add(back.kind === 'fault' ? 'fault' : Buffer.compare(back.content, next) === 0 ? 'right' : 'wrong');
    }
    expect([...kinds].sort()).toEqual(['fault', 'wrong']);
  });
});
