import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { applyPatch } from '#codec/package/delta/apply.ts';
import { makeDelta } from '#codec/package/delta/make.ts';
import { content } from '../example.ts';

const PATCHES = 100_000;
const SEED = 20_261_126;

const source = readFileSync(join(import.meta.dirname, '../../../codec/package/manifest.ts'));
const OLD = source.subarray(0, 3000);
const NEW = Buffer.concat([source.subarray(0, 1000), content(1, 40), source.subarray(1500, 4000)]);
const gzip = (bytes: Uint8Array): Uint8Array => execFileSync('gzip', ['-9n'], { input: bytes });

it.each([
  ['between files', OLD, NEW],
  ['between views of packed files', gzip(OLD), gzip(NEW)],
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
    expect(outcomes.fault).toBeGreaterThan(PATCHES / 20);
    // A flip in the last byte, whose lower bits may not matter, makes the right content still.
    expect(outcomes.right).toBeLessThan(PATCHES / 50);
  },
);
