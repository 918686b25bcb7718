import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GroupReceiver } from '#codec/iq/receive.ts';
import type { HeardGroup } from '#codec/groups/group.ts';
import { fillTurn, type SignalKernels, SUMS_LENGTH, TURN_LENGTH, withRoom } from '#codec/kernels/kernels.ts';
import { plainKernels } from '#codec/kernels/plain.ts';
import { signalKernels } from '#codec/kernels/simd.ts';
import { ASSEMBLY_MODULES, compileAssembly } from '../../scripts/compile-kernels.ts';
import { fmSignal } from '../iq/signals.ts';
import { randomWords } from '../mpx/signals.ts';

const SEED = 3;

/** Runs the same on both kinds of kernels, and gives the largest difference in what comes out. */
function worstDifference(run: (kernels: SignalKernels) => Float32Array[]): number {
  const simd = signalKernels(4_000_000);
  if (simd.name !== 'simd') throw new Error('no SIMD here');
  const found = run(simd);
  let worst = 0;
  for (const [i, wanted] of run(plainKernels()).entries()) {
    if (found[i].length !== wanted.length) return Number.POSITIVE_INFINITY;
    for (const [k, value] of wanted.entries()) {
      const difference = Math.abs(found[i][k] - value);
      if (!(difference <= worst)) worst = difference;
    }
  }
  return worst;
}

function noise(kernels: SignalKernels, count: number, seed: number): Float32Array {
  const words = randomWords(seed);
  const array = kernels.floats(count);
  for (let k = 0; k < count; k++) array[k] = words() / 2 ** 31 - 1;
  return array;
}

describe('the kernels in WebAssembly do what the plain ones do', () => {
  it.each([
    [0, 127.4],
    [0x80, 128],
  ])('convert with flip %i', (flip, centre) => {
    expect(
      worstDifference((kernels) => {
        const bytes = kernels.bytes(512);
        for (let k = 0; k < 512; k++) bytes[k] = k & 255;
        const re = kernels.floats(300);
        const im = kernels.floats(300);
        kernels.convert(bytes, 256, flip, centre, re, im, 5);
        return [re, im];
      }),
    ).toBeLessThanOrEqual(1e-7);
  });

  it('correct', () => {
    expect(
      worstDifference((kernels) => {
        const re = noise(kernels, 4_100, 1);
        const im = noise(kernels, 4_100, 2);
        const affine = kernels.floats(6);
        affine.set([0.98, 0.03, 0.03, 1.02, 0.1, -0.2]);
        const turn = kernels.floats(TURN_LENGTH);
        fillTurn(turn, 1.2, -0.25);
        kernels.correct(re, im, 3, 4_096, affine, turn);
        return [re, im];
      }),
    ).toBeLessThanOrEqual(3e-4) /* The phasor is turned a thousand times by rounded factors. */;
  });

  it.each([1, 3, 13, 17])('filter of length %i', (length) => {
    expect(
      worstDifference((kernels) => {
        const count = 200;
        const re = noise(kernels, withRoom(count + length), 1);
        const im = noise(kernels, withRoom(count + length), 2);
        const taps = noise(kernels, length, 3);
        for (let k = 0; k < length >> 1; k++) taps[length - 1 - k] = taps[k];
        const outRe = kernels.floats(withRoom(count + 1));
        const outIm = kernels.floats(withRoom(count + 1));
        kernels.filter(re, im, taps, length, outRe, outIm, 1, count);
        return [outRe.subarray(0, count + 1), outIm.subarray(0, count + 1)];
      }),
    ).toBeLessThanOrEqual(2e-6);
  });

  it.each([
    [4, 8],
    [10, 92],
  ])('decimate by %i with %i taps', (step, length) => {
    expect(
      worstDifference((kernels) => {
        const re = noise(kernels, 2_000, 1);
        const im = noise(kernels, 2_000, 2);
        const taps = noise(kernels, length, 3);
        const outRe = kernels.floats(200);
        const outIm = kernels.floats(200);
        kernels.decimate(re, im, step, taps, length, outRe, outIm, 2, 150);
        return [outRe, outIm];
      }),
    ).toBeLessThanOrEqual(1e-5);
  });

  it('discriminate, in all directions and for nothing at all', () => {
    expect(
      worstDifference((kernels) => {
        const re = noise(kernels, withRoom(1_001), 1);
        const im = noise(kernels, withRoom(1_001), 2);
        re.fill(0, 500, 520);
        im.fill(0, 500, 520);
        im.fill(0, 600, 620);
        re.fill(0, 700, 720);
        const out = kernels.floats(withRoom(1_000));
        const sums = kernels.floats(SUMS_LENGTH);
        kernels.discriminate(re, im, 1_000, 0.5, out, sums);
        sums.forEach((sum, k) => (sums[k] = sum / 1_000));
        // Half a turn may go either way.
        return [out.subarray(0, 1_000).map((angle) => Math.abs(angle)), sums.fill(0, 2, 3)];
      }),
    ).toBeLessThanOrEqual(2e-6);
  });

  it('discriminate small angles, and their sum', () => {
    expect(
      worstDifference((kernels) => {
        const re = noise(kernels, withRoom(1_001), 1);
        const im = noise(kernels, withRoom(1_001), 2);
        for (let k = 0; k < re.length; k++) {
          re[k] = 1 + 0.2 * re[k];
          im[k] *= 0.2;
        }
        const out = kernels.floats(withRoom(1_000));
        const sums = kernels.floats(SUMS_LENGTH);
        kernels.discriminate(re, im, 999, 0.5, out, sums);
        return [out.subarray(0, 999), sums.map((sum) => sum / 1_000)];
      }),
    ).toBeLessThanOrEqual(2e-6);
  });

  it('bands', () => {
    expect(
      worstDifference((kernels) => {
        const x = noise(kernels, 1_000, 1);
        const taps = noise(kernels, 2 * 64 * 3, 2);
        const out = kernels.floats(2 * 3 * 30);
        kernels.bands(x, 26, taps, 64, 3, 30, out);
        return [out];
      }),
    ).toBeLessThanOrEqual(1e-5);
  });

  it('and groups are the same, with reliabilities equal to a thousandth', () => {
    const { bytes } = fmSignal({ seed: SEED, groups: 40, streams: 4, cnDb: 17 });
    const receive = (kernels?: () => SignalKernels): HeardGroup[] => {
      const received: HeardGroup[] = [];
      const receiver = new GroupReceiver({
        input: 'iq',
        rateHz: 250_000,
        streams: 4,
        onGroup: (group) => received.push(group),
        ...(kernels && { kernels }),
      });
      receiver.push(bytes);
      receiver.end();
      return received;
    };
    const simd = receive();
    const plain = receive(plainKernels);
    expect(plain.length).toBeGreaterThan(120);
    expect(simd.map(({ stream, slot, blocks }) => [stream, slot, ...blocks])).toEqual(
      plain.map(({ stream, slot, blocks }) => [stream, slot, ...blocks]),
    );
    for (const [k, { reliability }] of simd.entries()) {
      for (const [block, value] of reliability.entries()) expect(value).toBeCloseTo(plain[k].reliability[block], 3);
    }
  });
});

describe('the code in the tree', () => {
  it.each(ASSEMBLY_MODULES)('$target is what its source compiles to', async (module) => {
    const inTree = readFileSync(join(import.meta.dirname, '../..', module.target), 'utf8');
    expect(await compileAssembly(module)).toBe(inTree);
  });

  it('asks for more memory than there is in a sentence', () => {
    expect(() => signalKernels(1_000).floats(100_000)).toThrow('memory');
  });
});
