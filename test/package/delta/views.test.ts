import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { applyPatch, openPatch } from '#codec/package/delta/apply.ts';
import { DeflateMachine } from '#codec/package/delta/deflate/machine.ts';
import { encode } from '#codec/package/delta/encode.ts';
import { readHead } from '#codec/package/delta/format.ts';
import { readerOf } from '#codec/package/delta/machine.ts';
import { makeDelta } from '#codec/package/delta/make.ts';
import { type Piece, readPieces, WRAP_GZIP, WRAP_ZLIB, writePieces } from '#codec/package/delta/view/pieces.ts';
import { MemoryScratch, View } from '#codec/package/delta/view/view.ts';
import { content } from '../example.ts';
import { library } from './library.ts';

const folder = mkdtempSync(join(tmpdir(), 'carillon-views-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SOURCE = readFileSync(join(import.meta.dirname, '../../../package-lock.json')).subarray(0, 90_000);
const CHANGED = Buffer.concat([SOURCE.subarray(0, 40_000), Buffer.from('a new line\n'), SOURCE.subarray(40_300)]);

function image(name: string, files: Record<string, Uint8Array>): Uint8Array {
  const tree = join(folder, `${name}-tree`);
  mkdirSync(tree);
  for (const [path, bytes] of Object.entries(files)) writeFileSync(join(tree, path), bytes);
  execFileSync('mke2fs', ['-q', '-t', 'ext4', '-b', '1024', '-d', tree, join(folder, name), '8M'], {
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, E2FSPROGS_FAKE_TIME: '1700000000' },
  });
  return readFileSync(join(folder, name));
}

function gzip(bytes: Uint8Array): Uint8Array {
  return execFileSync('gzip', ['-9n'], { input: bytes });
}

/** One file, as zip -6 stores it. */
function zip(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  const machine = new DeflateMachine();
  machine.open({ gnu: false, level: 6, memoryLevel: 8 }, (some) => parts.push(some.slice()));
  machine.push(bytes, true);
  const stream = Buffer.concat(parts);
  const [local, central, end] = [Buffer.alloc(34), Buffer.alloc(50), Buffer.alloc(22)];
  local.writeUInt32LE(0x0403_4b50, 0);
  local.writeUInt16LE(8, 8);
  local.writeUInt16LE(4, 26);
  central.writeUInt32LE(0x0201_4b50, 0);
  central.writeUInt16LE(8, 10);
  central.writeUInt16LE(4, 28);
  end.writeUInt32LE(0x0605_4b50, 0);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(local.length + stream.length, 16);
  return Buffer.concat([local, stream, central, end]);
}

async function patchOf(old: Uint8Array, next: Uint8Array): Promise<Uint8Array> {
  const patch = (await makeDelta(old, next))?.patch ?? new Uint8Array();
  const back = await applyPatch(old, patch, { newSizeBytes: next.length });
  expect(back.kind === 'content' && Buffer.compare(back.content, next)).toBe(0);
  return patch;
}

function hasViews(patch: Uint8Array): boolean {
  const read = readHead(patch);
  return read.kind === 'head' && read.head.views !== undefined;
}

describe('what is packed', () => {
  it.each([
    ['with gzip', gzip],
    ['in a zip', zip],
  ])('%s is compared unpacked, and packed again to the same bytes', async (_, pack) => {
    const plain = (await patchOf(SOURCE, CHANGED)).length;
    const patch = await patchOf(pack(SOURCE), pack(CHANGED));
    expect(hasViews(patch)).toBe(true);
    expect(patch.length).toBeLessThan(plain + 80);
  });

  it('is found inside of an image', async () => {
    const files = { first: content(1, 5000), 'page.gz': gzip(SOURCE), last: content(2, 9000) };
    const old = image('packed-old', files);
    const next = image('packed-new', { ...files, 'page.gz': gzip(CHANGED) });
    const patch = await patchOf(old, next);
    expect(hasViews(patch)).toBe(true);
    expect(patch.length).toBeLessThan(700);
  });

  it('stays packed where it is more than a decoder may unpack', async () => {
    const [old, next] = ['one', 'two'].map((text) => gzip(Buffer.concat([Buffer.from(text), Buffer.alloc(3_000_000)])));
    expect(hasViews(await patchOf(old, next))).toBe(false);
  });

  it('stays packed where nothing packs it to the same bytes', async () => {
    const strange = Buffer.concat([gzip(CHANGED).subarray(0, -3), Buffer.from('end')]);
    expect(hasViews(await patchOf(gzip(SOURCE), strange))).toBe(false);
  });
});

describe('a library with holes in an image', () => {
  it('costs about what it costs alone', { timeout: 180_000 }, async () => {
    const hole = 'static const char hole[20000] = {1}; seed += hole[x];';
    const [oldLibrary, newLibrary] = [
      library(folder, 'hole-old', hole),
      library(folder, 'hole-new', `if (x > 77) { seed ^= x << 3; puts(s); } ${hole}`),
    ];
    const alone = (await patchOf(oldLibrary, newLibrary)).length;
    const old = image('holes-old', { 'lib.so': oldLibrary, other: content(3, 30_000) });
    const next = image('holes-new', { 'lib.so': newLibrary, other: content(3, 30_000) });
    const patch = await patchOf(old, next);
    expect(hasViews(patch)).toBe(true);
    expect(patch.length).toBeLessThan(1.2 * alone + 400);

    // On a disk every byte is written once, although not in order.
    const written = new Uint8Array(next.length);
    const back = Buffer.alloc(next.length);
    const opened = openPatch(
      {
        patch,
        readOld: readerOf(old),
        readNew: readerOf(back),
        writeNew(at, bytes) {
          back.set(bytes, at);
          for (let k = 0; k < bytes.length; k++) written[at + k]++;
        },
        scratch: () => new MemoryScratch(),
      },
      { newSizeBytes: next.length },
    );
    if (opened.kind === 'fault') throw new Error(opened.detail);
    while (opened.applier.step().kind === 'more');
    expect(Buffer.compare(back, next)).toBe(0);
    expect(written.every((times) => times === 1)).toBe(true);
  });
});

describe('a list of pieces', () => {
  const lists: [Piece[], Piece[]] = [
    [
      { kind: 'raw', skipBytes: 0, sizeBytes: 5_000_000 },
      { kind: 'hole', sizeBytes: 70 },
      { kind: 'packed', skipBytes: -300, sizeBytes: 0, wrap: WRAP_ZLIB, packing: undefined },
      { kind: 'packed', skipBytes: -300, sizeBytes: 0, wrap: WRAP_ZLIB, packing: undefined },
    ],
    [
      {
        kind: 'packed',
        skipBytes: 1,
        sizeBytes: 131_072,
        wrap: WRAP_GZIP,
        packing: { gnu: true, level: 9, memoryLevel: 9 },
      },
    ],
  ];

  it('is what was written', () => {
    const bytes = writePieces(lists);
    expect(bytes.length).toBe(24);
    expect(readPieces(bytes)).toEqual(lists);
    const empty = [...bytes];
    // The size of the last piece, 131,072.
    empty.splice(-4, 3, 0);
    expect(readPieces(Uint8Array.from(empty))).toBeUndefined();
    for (let size = 0; size < bytes.length; size++) expect(readPieces(bytes.subarray(0, size))).toBeUndefined();
  });

  it('that is damaged ends in a fault or in other content, never in an exception, and never writes outside', {
    timeout: 60_000,
  }, async () => {
    const [old, next] = [gzip(SOURCE), gzip(CHANGED)];
    const patch = await patchOf(old, next);
    const read = readHead(patch);
    if (read.kind === 'fault' || read.head.views === undefined) throw new Error('no views');
    const outcomes = { fault: 0, content: 0 };
    for (let k = 0; k < 400; k++) {
      const pieces = writePieces([
        [
          { kind: 'raw', skipBytes: 0, sizeBytes: 10 },
          { kind: 'packed', skipBytes: 0, sizeBytes: 0, wrap: 2, packing: undefined },
        ],
        [
          { kind: 'raw', skipBytes: 0, sizeBytes: 10 },
          {
            kind: 'packed',
            skipBytes: 0,
            sizeBytes: CHANGED.length,
            wrap: WRAP_GZIP,
            packing: { gnu: true, level: 9, memoryLevel: 9 },
          },
        ],
      ]);
      pieces[(k * 7) % pieces.length] ^= 1 << (k & 7);
      if (k % 3 === 0) pieces[(k * 11) % pieces.length] ^= content(k + 1, 1)[0];
      const list = encode(new Uint8Array(), pieces, {
        modules: [],
        segments: new Uint32Array(),
        hints: new Uint32Array(),
      }).patch;
      const start = read.sizeBytes - read.head.views.list.length;
      const damaged = Buffer.concat([patch.subarray(0, start), list, patch.subarray(read.sizeBytes)]);
      damaged[start - 1] = list.length;
      const back = await applyPatch(old, damaged, { newSizeBytes: next.length });
      outcomes[back.kind]++;
    }
    expect(outcomes.fault).toBeGreaterThan(200);
  });
});

describe('a view', () => {
  it('reads from where its bytes are, and zeros after its end', () => {
    const file = content(9, 5000);
    const scratch = new MemoryScratch();
    scratch.write(1_048_500, content(8, 200));
    const view = new View(readerOf(file), scratch);
    view.add('file', 4000, 1000);
    view.add('nothing', 0, 50);
    view.add('file', 0, 0);
    view.add('scratch', 1_048_500, 200);
    const whole = Buffer.concat([file.subarray(4000), Buffer.alloc(50), content(8, 200), Buffer.alloc(100)]);
    for (const [from, count] of [
      [0, 1350],
      [999, 2],
      [1040, 30],
      [1100, 60],
      [1245, 20],
      [1250, 10],
      [5000, 10],
    ]) {
      const into = new Uint8Array(count).fill(7);
      view.read(from, into);
      expect(
        Buffer.compare(
          into,
          Buffer.concat([whole.subarray(from, from + count), Buffer.alloc(count)]).subarray(0, count),
        ),
      ).toBe(0);
    }
  });
});
