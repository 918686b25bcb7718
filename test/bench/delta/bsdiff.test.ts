import { describe, expect, it } from 'vitest';
import { bsdiffStreams } from './bsdiff.ts';

describe('the streams of bsdiff', () => {
  it('are taken apart by the lengths in the head', () => {
    const patch = new Uint8Array(32 + 9);
    patch.set(new TextEncoder().encode('BSDIFF40'));
    patch[8] = 2;
    patch[16] = 3;
    patch.set([1, 1, 2, 2, 2, 3, 3, 3, 3], 32);
    expect(bsdiffStreams(patch).streams.map((stream) => [...stream])).toEqual([
      [1, 1],
      [2, 2, 2],
      [3, 3, 3, 3],
    ]);
    patch[16] = 200;
    expect(() => bsdiffStreams(patch)).toThrow('cut off');
    expect(() => bsdiffStreams(new Uint8Array(40))).toThrow('no patch');
  });
});
