import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { applyPatch } from '#codec/package/delta/apply.ts';
import { makeDelta } from '#codec/package/delta/make.ts';
import { gather } from '#codec/package/delta/runs.ts';
import { Packings } from '#codec/package/delta/view/packing.ts';
import { squashedReading } from '#codec/package/delta/view/squashed.ts';
import { readSquashfs, type SquashFile } from '#codec/package/delta/view/squashfs.ts';
import { content } from '../example.ts';

/** Made by mksquashfs 4.5.1 -b 4096 -all-root -nopad; in the new one two lines of a file changed, one grew and one was added. */
const [OLD, NEW] = ['old', 'new'].map((name) =>
  Uint8Array.from(readFileSync(join(import.meta.dirname, 'fixtures', `${name}.sqfs`))),
);

/** SHA-256, its first eight bytes, of the files that went into the new one. */
const DIGESTS = {
  '/etc/added': '6e3357591b35db54',
  '/etc/empty': 'e3b0c44298fc1c14',
  '/etc/notes': 'a809832fa9582ad2',
  '/lib/code.txt': '42e523abb0a25d32',
  '/lib/deep/sparse': '53fc49db2687990e',
  '/lib/noise': '50d9af94e163064a',
  '/lib/same.txt': '07a961859a13b69d',
  '/lib/twin.txt': '07a961859a13b69d',
};

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

/** The file, its blocks unpacked by Node. */
function contentOf(image: Uint8Array, { blocks, fragment, sizeBytes }: SquashFile): Uint8Array {
  const parts = blocks.map(({ start, storedBytes, packed }, k) => {
    if (storedBytes === 0) return new Uint8Array(Math.min(4096, sizeBytes - 4096 * k));
    const stored = image.subarray(start, start + storedBytes);
    return packed ? inflateSync(stored) : stored;
  });
  const left = sizeBytes - parts.reduce((sum, { length }) => sum + length, 0);
  if (fragment === undefined) return Buffer.concat(parts);
  const { start, storedBytes, packed } = fragment.block;
  const stored = image.subarray(start, start + storedBytes);
  const whole = packed ? inflateSync(stored) : stored;
  return Buffer.concat([...parts, whole.subarray(fragment.offset, fragment.offset + left)]);
}

describe('a squashfs image', () => {
  it('shows its files', () => {
    const files = readSquashfs(NEW, new Packings())?.files ?? [];
    expect(Object.fromEntries(files.map((file) => [file.name, digest(contentOf(NEW, file))]))).toEqual(DIGESTS);
  });

  it('is read with what changed unpacked', () => {
    const reading = squashedReading(OLD, NEW);
    const job = reading?.plan.jobs.find(({ name }) => name === '/lib/code.txt');
    expect(digest(gather(reading?.newContent ?? NEW, job?.newRuns ?? []))).toBe(DIGESTS['/lib/code.txt']);
    expect(reading?.plan.jobs.map(({ name }) => name)).not.toContain('/lib/noise');
  });

  it('costs about what changed', async () => {
    const patch = (await makeDelta(OLD, NEW))?.patch ?? new Uint8Array();
    const back = await applyPatch(OLD, patch, { newSizeBytes: NEW.length });
    expect(back.kind === 'content' && Buffer.compare(back.content, NEW)).toBe(0);
    expect(patch.length).toBeLessThan(700);
  });

  it('that is damaged is read without an exception, or not at all', async () => {
    for (let k = 0; k < 200; k++) {
      const damaged = Uint8Array.from(NEW);
      const around = k % 2 === 0 ? [0, 96] : [NEW.length - 1500, 1500];
      for (let flips = 0; flips < 3; flips++)
        damaged[around[0] + ((k * 7919 + flips * 104_729) % around[1])] ^= 1 << ((k + flips) & 7);
      const reading = squashedReading(OLD, damaged);
      for (const { newRuns } of reading?.plan.jobs ?? [])
        for (const { start, sizeBytes } of newRuns)
          expect(start + sizeBytes).toBeLessThanOrEqual(reading?.newContent.length ?? 0);
    }
    expect(readSquashfs(content(1, 5000), new Packings())).toBeUndefined();
    const cut = await makeDelta(OLD, NEW.subarray(0, 15_000));
    expect(cut?.patch.length).toBeGreaterThan(0);
  });
});
