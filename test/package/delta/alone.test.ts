import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applyPatch } from '#codec/package/delta/apply.ts';
import { openDelta } from '#codec/package/delta/decode.ts';
import { readHead } from '#codec/package/delta/format.ts';
import { readerOf } from '#codec/package/delta/machine.ts';
import { makeDelta } from '#codec/package/delta/make.ts';
import { content } from '../example.ts';

const NOTHING = new Uint8Array();
const [CALL, PAGE, MACHINE_AARCH64, MACHINE_X64] = [0x9400_0000, 0x9000_0000, 183, 62];
const HEAD_BYTES = 4096;

/** What this content takes from nothing, if it comes back whole. */
async function patchOf(bytes: Uint8Array): Promise<Uint8Array> {
  const patch = (await makeDelta(NOTHING, bytes))?.patch ?? NOTHING;
  const back = await applyPatch(NOTHING, patch, { newSizeBytes: bytes.length });
  expect(back.kind === 'content' && Buffer.compare(back.content, bytes) === 0).toBe(true);
  return patch;
}

/** A program of one segment: functions that call each other and look at a few pages. */
function program(machine: number, words: number): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + 4 * words);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(18, machine, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(56, 1, true);
  view.setUint32(64, 1, true);
  view.setUint32(68, 5, true);
  view.setBigUint64(72, BigInt(HEAD_BYTES), true);
  view.setBigUint64(96, BigInt(4 * words), true);
  const random = content(30, 2 * words);
  for (let k = 0; k < words; k++) {
    const [a = 0, b = 0] = random.subarray(2 * k, 2 * k + 2);
    const place = 4 * k;
    const callee = 64 * (a % 40) * 37;
    const page = ((b % 8) * 3 - (place >>> 12)) & 0x1f_ffff;
    const word =
      k % 4 === 0
        ? CALL | (((callee - place) >> 2) & 0x03ff_ffff)
        : k % 4 === 1
          ? PAGE | ((page & 3) << 29) | ((page >> 2) << 5) | (a % 8)
          : 0xf940_0000 | ((b % 16) << 10) | (a & 3);
    view.setUint32(HEAD_BYTES + place, word >>> 0, true);
  }
  return bytes;
}

describe('full content', () => {
  it('finds what stood far before, and costs it once', async () => {
    const first = content(31, 60_000);
    const patch = await patchOf(Buffer.concat([first, content(32, 700_000), first]));
    expect(patch.length).toBeLessThan(762_000);
  }, 60_000);

  it('sees where calls of AArch64 lead, and not where they stand', async () => {
    const [read, unread] = await Promise.all([MACHINE_AARCH64, MACHINE_X64].map((m) => patchOf(program(m, 30_000))));
    // Of four words one is a call to one of 40 functions, one a page of 8: 22.4 kB of entropy.
    expect(read?.length).toBeLessThan(22_700);
    expect(unread?.length).toBeGreaterThan(30_000);
  }, 60_000);

  it.each(['--rsyncable', ''])(
    'unpacks what gzip packed, where it can pack it again (gzip %s)',
    async (option) => {
      const text = Buffer.from(content(33, 90_000)).toString('hex');
      const options = ['-9n', option].filter((each) => each !== '');
      const packed = Uint8Array.from(execFileSync('gzip', options, { input: text }));
      const read = readHead(await patchOf(packed));
      expect(read.kind === 'head' && read.head.views !== undefined).toBe(option === '');
    },
    60_000,
  );

  it('unpacks squashfs', async () => {
    const image = Uint8Array.from(readFileSync(join(import.meta.dirname, 'fixtures', 'new.sqfs')));
    const patch = await patchOf(image);
    expect(readHead(patch)).toMatchObject({ kind: 'head', head: { views: { oldBytes: 0 } } });
    expect(patch.length).toBeLessThan(image.length);
  }, 60_000);

  it('is refused where only what can be unpacked was asked for, and nothing can', async () => {
    expect(await makeDelta(NOTHING, content(34, 10_000), { onlyUnpacked: true })).toBeUndefined();
  });

  it('goes on from every chunk at which its decoder was saved', async () => {
    const bytes = program(MACHINE_AARCH64, 200_000);
    const patch = await patchOf(bytes);
    const made = new Uint8Array(bytes.length);
    const sources = { patch, readOld: readerOf(NOTHING), readNew: readerOf(made) };
    let opened = openDelta(sources, { newSizeBytes: bytes.length });
    let restored = 0;
    for (;;) {
      if (opened.kind === 'fault') throw new Error(opened.detail);
      const decoded = opened.decoder.next();
      if (decoded.kind === 'fault') throw new Error(decoded.detail);
      if (decoded.kind === 'end') break;
      made.set(decoded.bytes, decoded.positionBytes);
      const saved = opened.decoder.save();
      const memory = saved?.memory.slice() ?? new Uint8Array();
      const kept = { sizeBytes: memory.length, read: (into: Uint8Array) => into.set(memory) };
      opened = openDelta(sources, { newSizeBytes: bytes.length });
      if (opened.kind === 'delta' && saved !== undefined && opened.decoder.restore(saved, kept)) restored++;
    }
    expect(restored).toBeGreaterThan(2);
    expect(Buffer.compare(made, bytes)).toBe(0);
  }, 60_000);
});
