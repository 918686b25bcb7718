import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Aligner } from '#codec/package/delta/align.ts';
import { openDelta } from '#codec/package/delta/decode.ts';
import { encode } from '#codec/package/delta/encode.ts';
import { codedSizes, type DeltaHead, readHead } from '#codec/package/delta/format.ts';
import { readerOf } from '#codec/package/delta/machine.ts';
import { makeDelta, type MakeOptions } from '#codec/package/delta/make.ts';
import { readPieces } from '#codec/package/delta/view/pieces.ts';
import { unpackView } from '#codec/package/delta/view/unpack.ts';
import { MemoryScratch } from '#codec/package/delta/view/view.ts';
import { content } from '../example.ts';
import { library } from './library.ts';
import { referenceDecode } from './reference/decode.ts';
import { exampleImage } from './reference/example-image.ts';

const folder = mkdtempSync(join(tmpdir(), 'carillon-reference-'));
afterAll(() => rmSync(folder, { recursive: true }));

const NOTHING = new Uint8Array();
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const source = readFileSync(join(import.meta.dirname, '../../../codec/package/manifest.ts'));

function headOf(patch: Uint8Array): DeltaHead {
  const read = readHead(patch);
  if (read.kind === 'fault') throw new Error(read.detail);
  return read.head;
}

/** What a device makes of a patch: the new file, or the new view; or that it refuses it. */
function deviceDecode(old: Uint8Array, patch: Uint8Array): Uint8Array | 'refused' {
  const made = new Uint8Array(codedSizes(headOf(patch)).newBytes);
  const sources = { patch, readOld: readerOf(old), readNew: readerOf(made) };
  const opened = openDelta(sources, { newSizeBytes: headOf(patch).newSizeBytes });
  if (opened.kind === 'fault') return 'refused';
  for (;;) {
    const decoded = opened.decoder.next();
    if (decoded.kind === 'fault') return 'refused';
    if (decoded.kind === 'end') return made;
    made.set(decoded.bytes, decoded.positionBytes);
  }
}

function referenceOrRefused(old: Uint8Array, patch: Uint8Array): Uint8Array | 'refused' {
  try {
    return referenceDecode(old, patch);
  } catch (error) {
    if (error instanceof RangeError) return 'refused';
    throw error;
  }
}

/** The old view, made of the pieces that the list of a patch names. */
function oldViewOf(old: Uint8Array, patch: Uint8Array): Uint8Array {
  const { views } = headOf(patch);
  if (views === undefined) return old;
  const pieces = readPieces(referenceDecode(NOTHING, views.list));
  const packed = { sizeBytes: old.length, read: readerOf(old) };
  const view = unpackView(packed, pieces?.[0] ?? [], views.oldBytes, new MemoryScratch());
  const bytes = new Uint8Array(views.oldBytes);
  view?.read(0, bytes);
  return bytes;
}

interface Compared {
  readonly head: DeltaHead;
  /** The first byte in which the contents differ; -1: they do not. */
  readonly differAt: number;
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b) === 0 ? -1 : a.findIndex((byte, k) => byte !== b[k]);
}

/** The reference decoder with a device, and with the new content where the patch is not between views. */
function comparedAlong(patch: Uint8Array, old: Uint8Array, next: Uint8Array): Compared {
  const head = headOf(patch);
  const oldView = oldViewOf(old, patch);
  const device = deviceDecode(oldView, patch);
  if (device === 'refused') throw new Error('the device refuses the patch');
  const made = referenceDecode(oldView, patch);
  const differAt = Math.max(firstDifference(made, device), head.views === undefined ? firstDifference(made, next) : -1);
  return { head, differAt };
}

async function compared(old: Uint8Array, next: Uint8Array, options?: MakeOptions): Promise<Compared> {
  return comparedAlong((await makeDelta(old, next, options))?.patch ?? NOTHING, old, next);
}

/** The same with lists of our own: one module, of this kind, which is all there is. */
function comparedAs(kind: number, old: Uint8Array, next: Uint8Array, hints: readonly number[] = []): Compared {
  const module = { newStart: 0, newBytes: next.length, oldStart: 0, oldBytes: old.length, kind };
  const { segments } = new Aligner().align(old, next, kind & 1);
  const { patch } = encode(old, next, { modules: [module], segments, hints: Uint32Array.from(hints) });
  return comparedAlong(patch, old, next);
}

/** Where, as a share of all bytes, how many are removed, and what is put there. */
type Edit = readonly [share: number, removedBytes: number, put: Uint8Array];

function edited(bytes: Uint8Array, edits: readonly Edit[]): Uint8Array {
  let out = Buffer.from(bytes);
  for (const [share, removed, put] of edits) {
    const at = Math.floor(share * out.length);
    out = Buffer.concat([out.subarray(0, at), put, out.subarray(at + removed)]);
  }
  return Uint8Array.from(out);
}

function tar(name: string, files: Record<string, Uint8Array>): Uint8Array {
  const tree = mkdtempSync(join(folder, 'tree-'));
  for (const [file, bytes] of Object.entries(files)) writeFileSync(join(tree, file), bytes);
  const options = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0'];
  execFileSync('tar', [...options, '-cf', join(folder, name), '-C', tree, '.']);
  return Uint8Array.from(readFileSync(join(folder, name)));
}

/** Where an ELF file says that it is an object file. */
const OBJECT_TYPE_AT = 16;
/** Of a patch without digests. */
const HEAD_MOST_BYTES = 29;
const SHARED_LIBRARIES = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`;

/** How many letters two names begin with alike. */
function alikeLetters(a: string, b: string): number {
  let count = 0;
  while (count < a.length && a[count] === b[count]) count++;
  return count;
}

function gzipped(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(execFileSync('gzip', ['-9n'], { input: bytes }));
}

/** Two shared libraries of this machine: of those with 20 to 160 kB the two neighbours whose names begin most alike. */
function machineLibraries(): readonly [first: Uint8Array, second: Uint8Array] {
  const names = readdirSync(SHARED_LIBRARIES)
    .filter((name) => /\.so\.\d+\.\d/.test(name))
    .filter((name) => {
      const { size } = statSync(join(SHARED_LIBRARIES, name));
      return size > 20_000 && size < 160_000;
    })
    .sort();
  const pairs = names.slice(1).map((name, k) => [names[k] ?? '', name] as const);
  const [best] = pairs.sort((a, b) => alikeLetters(...b) - alikeLetters(...a));
  if (best === undefined) throw new Error(`there are no two libraries of 20 to 160 kB in ${SHARED_LIBRARIES}`);
  const [first, second] = best.map((name) => Uint8Array.from(readFileSync(join(SHARED_LIBRARIES, name))));
  return [first ?? NOTHING, second ?? NOTHING];
}

const oldLibrary = library(folder, 'old', '');
const nextLibrary = library(folder, 'next', 'x = x * 3 + (x >> 5); if (x & 64) x ^= seed;');
const oldImage = exampleImage(0);
const nextImage = exampleImage(3);

describe('the reference decoder makes what a device makes', () => {
  it.each<[string, Uint8Array, Uint8Array]>([
    ['nothing to nothing', NOTHING, NOTHING],
    ['nothing to something', NOTHING, utf8('something\nand more\n')],
    ['something to nothing', utf8('something'), NOTHING],
    ['the same', source, source],
    ['zeros to more zeros', new Uint8Array(70_000), new Uint8Array(700_000)],
    ['noise to other noise', content(1, 5000), content(2, 5000)],
    [
      'a text to itself edited',
      source,
      edited(source, [
        [0.2, 30, utf8('a new line\n')],
        [0.7, 0, utf8('readonly ')],
      ]),
    ],
    ['a file to its halves exchanged', source, Buffer.concat([source.subarray(9000), source.subarray(0, 9000)])],
  ])('of %s', async (_, old, next) => {
    expect(await compared(Uint8Array.from(old), Uint8Array.from(next))).toMatchObject({ differAt: -1 });
  });

  it('of any two contents (property)', async () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.string({ maxLength: 400 }).map(utf8));
    await fc.assert(
      fc.asyncProperty(bytes, bytes, bytes, async (a, b, c) => {
        const { differAt } = await compared(Buffer.concat([a, b]), Buffer.concat([b, c, a]));
        expect(differAt).toBe(-1);
      }),
      { numRuns: 15 },
    );
  });

  it('from nothing: blocks of zeros, and what stood before', async () => {
    const block = content(9, 6000);
    const parts = [block, new Uint8Array(70_000), block, utf8('some more'), block, new Uint8Array(3000), block];
    expect(await compared(NOTHING, Buffer.concat(parts))).toMatchObject({ differAt: -1 });
  });

  it('from nothing: instructions of the machine that makes libraries', async () => {
    expect(await compared(NOTHING, nextLibrary)).toMatchObject({ differAt: -1 });
  });

  it('of edits in several chunks, with lines above that a device has no more', async () => {
    const old = content(3, 300_000);
    const edits = [
      [0.9, 0, utf8('more than one line\nis put here')],
      [0.2, 2, utf8('b\n')],
      [0.1, 1, utf8('a\n')],
    ] as const;
    expect(await compared(old, edited(old, edits))).toMatchObject({ differAt: -1 });
  });

  it('of an archive', async () => {
    const other = Uint8Array.from(content(4, 9000), (byte) => 97 + (byte % 16));
    const old = tar('old.tar', { 'a.ts': source, 'b.txt': other, 'c.so': oldLibrary.subarray(0, 30_000) });
    const files = {
      'a.ts': edited(source, [[0.5, 9, utf8('other')]]),
      'b.txt': other,
      'd.so': nextLibrary.subarray(0, 30_000),
    };
    const { head, differAt } = await compared(old, tar('next.tar', files));
    expect(differAt).toBe(-1);
    expect(head.segmentCount).toBeGreaterThan(2);
  });

  it('of a library in which a function grew', async () => {
    expect(await compared(oldLibrary, nextLibrary)).toMatchObject({ differAt: -1, head: { moduleCount: 1 } });
  });

  it('of two libraries of this machine', async () => {
    const [first, second] = machineLibraries();
    expect(await compared(first, second)).toMatchObject({ differAt: -1, head: { moduleCount: 1 } });
  });

  it('of an image of AArch64 with tables and types that moved', async () => {
    const { head, differAt } = await compared(oldImage, nextImage);
    expect({ differAt, moduleCount: head.moduleCount }).toEqual({ differAt: -1, moduleCount: 1 });
    expect(head.hintCount).toBeGreaterThan(0);
  });

  it('of an image of x86-64, of an object file, and of a library with hints that the match model knows', () => {
    const [first, second] = machineLibraries();
    expect(comparedAs(3, oldLibrary.subarray(0, 40_000), nextLibrary.subarray(0, 40_000)).differAt).toBe(-1);
    expect(comparedAs(1 + 4, first, second, [0, 4, 20, 2, 0, 24, 60, 1]).differAt).toBe(-1);
    expect(comparedAs(1, first.with(OBJECT_TYPE_AT, 1), second.with(OBJECT_TYPE_AT, 1)).differAt).toBe(-1);
  });

  it.each([0, 1, 2, 3, 4])('with tables of size %i', async (tables) => {
    const next = edited(nextImage.subarray(0, 12_000), [[0.8, 40, content(5, 300)]]);
    const made = await compared(oldImage.subarray(0, 12_000), next, { tables });
    expect(made).toMatchObject({ differAt: -1, head: { tables } });
  });

  it.each<[string, Uint8Array]>([
    ['text', source],
    ['an image of AArch64', nextImage.subarray(0, 24_000)],
    [
      'what stood far before',
      Buffer.concat([content(6, 3000), new Uint8Array(62_000), content(7, 300), content(6, 3000)]),
    ],
  ])('from nothing: %s', async (_, bytes) => {
    expect(await compared(NOTHING, Uint8Array.from(bytes), { tables: 0 })).toMatchObject({ differAt: -1 });
  });

  it('between views of what is packed', async () => {
    const next = edited(source, [[0.4, 3, utf8('and so on')]]);
    const { head, differAt } = await compared(gzipped(source), gzipped(next));
    expect(differAt).toBe(-1);
    expect(head.views).toBeDefined();
  });

  it('of a damaged patch, or refuses it too', async () => {
    const patch = (await makeDelta(oldImage, nextImage))?.patch ?? NOTHING;
    const outcomes = [0, 0.01, 0.1, 0.5].map((share) => {
      const damaged = Uint8Array.from(patch);
      damaged[HEAD_MOST_BYTES + Math.floor(share * (patch.length - HEAD_MOST_BYTES))] ^= 0x55;
      const [device, made] = [deviceDecode(oldImage, damaged), referenceOrRefused(oldImage, damaged)];
      if (made === 'refused' || device === 'refused') return made === device ? 'both refuse' : 'one refuses';
      return firstDifference(made, device) === -1 ? 'the same' : 'different';
    });
    expect([...new Set(outcomes)].sort()).toEqual(['both refuse', 'the same']);
  });
});

describe('the reference decoder', () => {
  it('stops where it is told to', async () => {
    const patch = (await makeDelta(oldImage, nextImage))?.patch ?? NOTHING;
    expect(referenceDecode(oldImage, patch, { mostBytes: 9000 })).toEqual(nextImage.subarray(0, 9000));
  });

  it('refuses what is no patch, or starts from something else', async () => {
    const patch = (await makeDelta(NOTHING, content(8, 200)))?.patch ?? NOTHING;
    expect(() => referenceDecode(NOTHING, utf8('no patch'))).toThrow(RangeError);
    expect(() => referenceDecode(utf8('a'), patch)).toThrow(RangeError);
  });
});
