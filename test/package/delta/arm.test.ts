import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Aligner, moduleKind } from '#codec/package/delta/align.ts';
import { encode } from '#codec/package/delta/encode.ts';
import { makeDelta } from '#codec/package/delta/make.ts';
import {
  a32Move,
  a32Target,
  isA32Branch,
  isThumbBranch,
  movedHalf,
  thumbMove,
  thumbTarget,
  withA32Target,
  withHalf,
  withThumbTarget,
} from './reference/arm.ts';
import { referenceDecode } from './reference/decode.ts';

const program = (name: string): Uint8Array =>
  Uint8Array.from(readFileSync(join(import.meta.dirname, 'fixtures/arm', name)));

/** As GNU objdump 2.40 shows what GNU as made: halfwords in the order of memory, address, target. */
const THUMB_BRANCHES = [
  ['bl', 0xf123, 0xfa29, 0x10000, 0x133456],
  ['blx', 0xf123, 0xea28, 0x10004, 0x133458],
  ['b.w', 0xf123, 0xba25, 0x10008, 0x133456],
  ['bne.w', 0xf040, 0x87f8, 0x1000c, 0x11000],
  ['blt.w', 0xf6ff, 0xaff6, 0x10010, 0x10000],
  ['bl back', 0xf7fe, 0xfffd, 0x11002, 0x10000],
  ['blx back', 0xf7ff, 0xef50, 0x96a, 0x80c],
] as const;
const A32_BRANCHES = [
  ['bl', 0xebff_fffe, 0x133458, 0x133458],
  ['b', 0xea03_72e7, 0x13345c, 0x210000],
  ['blx', 0xfbff_fffb, 0x133460, 0x133456],
  ['bllt', 0xbbff_fffb, 0x133464, 0x133458],
] as const;
const A32_MOVES = [
  ['movw r3', 0xe30a_31b2, 'lower', 0xa1b2],
  ['movtne ip', 0x1348_cf3d, 'upper', 0x8f3d],
] as const;
const THUMB_MOVES = [
  ['movw r3', 0xf24a, 0x13b2, 'lower', 0xa1b2],
  ['movt ip', 0xf6c8, 0x7c3d, 'upper', 0x8f3d],
] as const;
const NO_BRANCHES = [
  ['and.w r0, r0, #7', 0xf000, 0x0307],
  ['dmb ish', 0xf3bf, 0x8f5b],
  ['mul.w r0, r3, r0', 0xfb03, 0xf000],
] as const;

/** Of a patch of one module, which the reference decoder, too, makes the new program of. */
function sizeWith(old: Uint8Array, next: Uint8Array, kind: number): number {
  const lists = new Aligner().align(old, next, kind);
  const module = { newStart: 0, newBytes: next.length, oldStart: 0, oldBytes: old.length, kind };
  const { patch } = encode(old, next, { modules: [module], ...lists });
  // The reference decoder shares no code with the one that devices run.
  expect(Buffer.compare(referenceDecode(old, patch), next)).toBe(0);
  return patch.length;
}

describe('instructions of 32-bit ARM, as the GNU assembler makes them', () => {
  it.each(THUMB_BRANCHES)('Thumb: %s', (_, first, second, address, target) => {
    const x = ((second << 16) | first) >>> 0;
    expect(isThumbBranch(x)).toBe(true);
    expect(thumbTarget(x, BigInt(address))).toBe(BigInt(target));
    // From a branch of the same kind that goes elsewhere.
    const elsewhere = withThumbTarget(x, BigInt(address), BigInt(address + 4096));
    expect(withThumbTarget(elsewhere, BigInt(address), BigInt(target))).toBe(x);
  });

  it.each(NO_BRANCHES)('Thumb: %s is no branch', (_, first, second) =>
    expect(isThumbBranch(((second << 16) | first) >>> 0)).toBe(false),
  );

  it.each(A32_BRANCHES)('A32: %s', (_, x, address, target) => {
    expect(isA32Branch(x)).toBe(true);
    expect(a32Target(x, BigInt(address))).toBe(BigInt(target));
    expect(withA32Target(withA32Target(x, BigInt(address), 0n), BigInt(address), BigInt(target))).toBe(x);
  });

  it.each(THUMB_MOVES)('Thumb: %s', (_, first, second, which, half) => {
    const x = ((second << 16) | first) >>> 0;
    expect([thumbMove(x), movedHalf(x, true)]).toEqual([which, half]);
    expect(withHalf(withHalf(x, 0), which === 'lower' ? half : half << 16)).toBe(x);
  });

  it.each(A32_MOVES)('A32: %s', (_, x, which, half) => {
    expect([a32Move(x), movedHalf(x, false)]).toEqual([which, half]);
    expect(withHalf(withHalf(x, 0), which === 'lower' ? half : half << 16)).toBe(x);
  });
});

describe('a delta of programs of 32-bit ARM', () => {
  // What it saves grows with the size of a program: of libcrypto it leaves a fifth.
  it.each([
    ['thumb.so', 0.75],
    ['thumb', 0.9],
    ['a32', 0.82],
  ])('%s: addresses that moved cost less than in plain bytes', (name, mostOfPlain) => {
    const [old, next] = [program(`old-${name}`), program(`new-${name}`)];
    expect(moduleKind(old)).toBe(1);
    expect(sizeWith(old, next, 1)).toBeLessThan(mostOfPlain * sizeWith(old, next, 0));
  });

  it('is made as such', async () => {
    const [old, next] = [program('old-thumb.so'), program('new-thumb.so')];
    expect((await makeDelta(old, next))?.patch.length).toBeLessThan(0.8 * sizeWith(old, next, 0));
  });

  it('of damaged programs comes out as they are', async () => {
    const [old, next] = [program('old-a32'), program('new-a32')];
    for (let k = 0; k < 10; k++) {
      const damaged = old.slice();
      // The headers, and where the sections are.
      for (let q = 0; q < 6; q++)
        damaged[(k * 7919 + q * 104_729) % (q < 3 ? 256 : damaged.length)] ^= 1 << ((k + q) % 8);
      const made = await makeDelta(damaged, next);
      expect(made && Buffer.compare(referenceDecode(damaged, made.patch), next)).toBe(0);
    }
  });
});
