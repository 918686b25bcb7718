import { expect, it } from 'vitest';
import { applyPatch } from '#codec/package/delta/apply.ts';
import { encode } from '#codec/package/delta/encode.ts';
import { trimmed } from '#codec/package/delta/trim.ts';
import { content } from '../example.ts';

const OLD = Buffer.concat([
  content(1, 3000),
  Buffer.alloc(20, 7),
  content(2, 3000),
  Buffer.alloc(20, 7),
  content(3, 500),
]);
const NEW = Buffer.concat([OLD.subarray(0, 6000), Buffer.from('new'), OLD.subarray(6003)]);
const SIZES = { oldBytes: OLD.length, newBytes: NEW.length };

function listsOf(...segments: number[]): Parameters<typeof encode>[2] {
  return { modules: [], segments: Uint32Array.from(segments), hints: new Uint32Array() };
}

it.each([
  // The twenty bytes stand in two places; three bytes that changed parted what is one.
  ['that a neighbour has as well', [0, 0, 3000, 3000, 6020, 20, 3020, 3020, 2980, 6003, 6003, 537]],
  ['that are the first', [0, 3000, 20, 20, 20, 5980, 6003, 6003, 537]],
])('leaves segments out of a small patch %s', async (_, segments) => {
  const lists = listsOf(...segments);
  const made = trimmed(encode(OLD, NEW, lists), lists, SIZES, (some) => encode(OLD, NEW, some));
  expect(made.patch.length).toBeLessThan(encode(OLD, NEW, lists).patch.length);
  expect(made.patch.length).toBeLessThanOrEqual(encode(OLD, NEW, listsOf(0, 0, NEW.length)).patch.length);
  const back = await applyPatch(OLD, made.patch, { newSizeBytes: NEW.length });
  expect(back.kind === 'content' && Buffer.compare(back.content, NEW)).toBe(0);
});

it('leaves a patch as it is that none is worth leaving out of', () => {
  const lists = listsOf(0, 3020, 3000);
  const next = OLD.subarray(3020, 6020);
  const made = encode(OLD, next, lists);
  const sizes = { oldBytes: OLD.length, newBytes: next.length };
  expect(trimmed(made, lists, sizes, (some) => encode(OLD, next, some))).toBe(made);
});
