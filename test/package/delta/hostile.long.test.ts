import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { applyPatch } from '#codec/package/delta/apply.ts';
import { makeDelta } from '#codec/package/delta/make.ts';
import { content } from '../example.ts';

const PATCHES = 100_000;
const SEED = 20_261_126;
const UUID = '6a2f1a1e-5e0f-4a0e-9d0c-0d3b9f6f7c11';

const source = readFileSync(join(import.meta.dirname, '../../../codec/package/manifest.ts'));
const OLD = source.subarray(0, 3000);
const NEW = Buffer.concat([source.subarray(0, 1000), content(1, 40), source.subarray(1500, 4000)]);
const gzip = (bytes: Uint8Array): Uint8Array => execFileSync('gzip', ['-9n'], { input: bytes });

/** A small ext4 image with 20 files. */
function image(time: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-hostile-'));
  for (let k = 0; k < 20; k++) writeFileSync(join(folder, `file-${k}`), `${time} ${k}`);
  const options = ['-q', '-F', '-t', 'ext4', '-b', '1024', '-N', '48', '-O', '^has_journal', '-U', UUID];
  execFileSync('mke2fs', [...options, '-E', `hash_seed=${UUID}`, '-d', folder, `${folder}.img`, '128K'], {
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, E2FSPROGS_FAKE_TIME: time },
  });
  const bytes = readFileSync(`${folder}.img`);
  rmSync(folder, { recursive: true });
  rmSync(`${folder}.img`);
  return bytes;
}

/** What is read as a kernel image of AArch64, with calls. */
function code(): Uint8Array {
  const words = Uint32Array.from(content(2, 1000), (byte, k) =>
    k % 3 === 0 ? 0x9400_0000 + (((byte % 8) * 97 - k) & 0x3ff_ffff) : 0xf940_0000 + byte,
  );
  const bytes = new Uint8Array(words.buffer);
  bytes.set([0x41, 0x52, 0x4d, 0x64], 56);
  return bytes;
}

/** A program of x86-64: an ELF header, one segment, and calls. */
function program(): Uint8Array {
  const bytes = new Uint8Array(4000);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(18, 62, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(56, 1, true);
  view.setUint32(64, 1, true);
  view.setUint32(68, 5, true);
  view.setBigUint64(72, 128n, true);
  view.setBigUint64(96, BigInt(bytes.length - 128), true);
  bytes.set(content(3, bytes.length - 128), 128);
  for (let at = 140; at + 5 < bytes.length; at += 23) {
    bytes[at] = 0xe8;
    view.setInt32(at + 1, (at % 7) * 400 - at, true);
  }
  return bytes;
}

const fixture = (name: string): Uint8Array => readFileSync(join(import.meta.dirname, 'fixtures/arm', name));

it.each([
  ['between files', OLD, NEW],
  ['between views of packed files', gzip(OLD), gzip(NEW)],
  ['between inode tables', image('1700000000'), image('1710000000')],
  ['from nothing to instructions of AArch64', new Uint8Array(), code()],
  ['from nothing to instructions of x86-64', new Uint8Array(), program()],
  ['between programs of 32-bit ARM', fixture('old-thumb'), fixture('new-thumb')],
])(
  `${PATCHES} damaged patches %s end in a fault or in other content, never in an exception`,
  {
    timeout: 6_000_000,
  },
  async (_, old, next) => {
    const patch = (await makeDelta(old, next))?.patch ?? new Uint8Array();
    let state = SEED;
    const below = (limit: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * limit);
    };
    const outcomes = { fault: 0, content: 0, right: 0 };
    for (let k = 0; k < PATCHES; k++) {
      const bytes = patch.slice(0, below(8) === 0 ? below(patch.length) : patch.length);
      for (let flips = below(4); flips >= 0 && bytes.length > 0; flips--) bytes[below(bytes.length)] ^= 1 << below(8);
      const back = await applyPatch(old, bytes, { newSizeBytes: 2 * next.length });
      if (back.kind === 'fault') outcomes.fault++;
      else if (Buffer.compare(back.content, next) === 0) outcomes.right++;
      else outcomes.content++;
    }
    console.log(`seed ${SEED}: ${JSON.stringify(outcomes)}`);
    // What is only coded content makes other content, which the digest refuses; what is cut off, and what lists say, ends in a fault.
    expect(outcomes.fault).toBeGreaterThan(PATCHES / 100);
    // A flip in the last byte, whose lower bits may not matter, makes the right content still.
    expect(outcomes.right).toBeLessThan(PATCHES / 50);
  },
);
