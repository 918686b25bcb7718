import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRuns, encodeRuns, type Run, runsOf } from '#codec/package/broadcast/revoked.ts';

const hex = (depth: number, devices: number[]): string => encodeRuns(depth, runsOf(depth, devices)).toHex();
const faultOf = (depth: number, bytes: Uint8Array, maxRuns = 1000): string => {
  const read = decodeRuns(depth, bytes, 0, maxRuns);
  return read.kind === 'fault' ? read.fault : JSON.stringify(read.runs);
};

const sets = fc.integer({ min: 1, max: 30 }).chain((depth) => {
  const device = fc.integer({ min: 0, max: 2 ** depth - 1 });
  const span = fc
    .tuple(device, fc.integer({ min: 1, max: 300 }))
    .map(([first, count]) => Array.from({ length: Math.min(count, 2 ** depth - first) }, (_, k) => first + k));
  return fc.tuple(
    fc.constant(depth),
    fc.array(
      fc.oneof(
        device.map((one) => [one]),
        span,
      ),
      { maxLength: 20 },
    ),
  );
});

describe('runs of revoked devices', () => {
  it('are what neighbours make, however they are named', () => {
    expect(runsOf(4, [7, 3, 5, 4, 3, 15, 0])).toEqual([
      { first: 0, length: 1 },
      { first: 3, length: 3 },
      { first: 7, length: 1 },
      { first: 15, length: 1 },
    ]);
    expect(runsOf(20, [])).toEqual([]);
  });

  it.each([[-1], [16], [1.5], [Number.NaN]])('throw for device %f in a tree of 16', (device) => {
    expect(() => runsOf(4, [device])).toThrow(expect.objectContaining({ code: 'DEVICE' }));
  });

  it.each([[0], [31], [2.5]])('throw for a tree of depth %f', (depth) => {
    expect(() => runsOf(depth, [])).toThrow(expect.objectContaining({ code: 'DEPTH' }));
  });

  it.each<[string, Run[]]>([
    [
      'falling',
      [
        { first: 4, length: 1 },
        { first: 0, length: 1 },
      ],
    ],
    [
      'touching',
      [
        { first: 4, length: 2 },
        { first: 6, length: 1 },
      ],
    ],
    ['empty', [{ first: 4, length: 0 }]],
    ['beyond the tree', [{ first: 14, length: 3 }]],
  ])('throw where they are %s', (_, runs) => {
    expect(() => encodeRuns(4, runs)).toThrow(expect.objectContaining({ code: 'RUNS' }));
  });

  // Worked out by hand from the layout.
  it.each<[depth: number, devices: number[], encoded: string]>([
    [20, [], '00'],
    // k = 19: gap 0 -> 0, then 19 bits 0.
    [20, [0], '02 000000'],
    // gap 2^20 - 1 -> 10, then 19 bits 1, three bits of padding.
    [20, [1_048_575], '02 bffff8'],
    // k = 2: 2 before, and 2 between, less one -> 0 10 | 0 01, two bits of padding.
    [4, [2, 5], '04 44'],
    // k = 3, with length: 0 010, then 4 = 00 100, seven bits of padding.
    [4, [2, 3, 4, 5], '03 2200'],
    // Everybody: 0 000, then 16 = 0000 1 0000.
    [4, Array.from({ length: 16 }, (_, k) => k), '03 0080'],
  ])('in a tree of depth %i: %j is %s', (depth, devices, encoded) => {
    expect(hex(depth, devices)).toBe(encoded.replaceAll(' ', ''));
  });

  it('come back as they were (property)', () => {
    fc.assert(
      fc.property(sets, ([depth, devices]) => {
        const runs = runsOf(depth, devices.flat());
        const bytes = encodeRuns(depth, runs);
        expect(decodeRuns(depth, Uint8Array.of(1, 2, ...bytes, 3), 2, 100)).toEqual({
          kind: 'runs',
          runs,
          endBytes: 2 + bytes.length,
        });
      }),
    );
  });

  it('have one form: what is read is written as the same bytes (property)', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 40 }),
      fc
        .tuple(fc.integer({ min: 0, max: 20 }), fc.uint8Array({ maxLength: 40 }))
        .map(([head, rest]) => Uint8Array.of(head, ...rest)),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), bytes, (depth, bytes) => {
        const read = decodeRuns(depth, bytes, 0, 1000);
        const written = read.kind === 'runs' ? encodeRuns(depth, read.runs) : new Uint8Array(0);
        expect(bytes.slice(0, read.kind === 'runs' ? read.endBytes : 0)).toEqual(written);
      }),
      { numRuns: 5000 },
    );
  });

  it.each<[depth: number, encoded: string, fault: string]>([
    [20, '', 'cut-short'],
    [20, '80', 'cut-short'],
    [20, '8000', 'not-canonical'],
    [20, '01', 'not-canonical'],
    [20, '020000', 'cut-short'],
    [20, '02000001', 'not-canonical'],
    [20, '02ffffff', 'beyond-the-tree'],
    [4, '02ff', 'beyond-the-tree'],
    // A flag for lengths, and all lengths are 1.
    [4, '0328', 'not-canonical'],
    [4, '030000', 'beyond-the-tree'],
    [4, '0300ffff', 'beyond-the-tree'],
    [20, 'd20f', 'too-many-runs'],
    [20, 'ffffffffff', 'too-many-runs'],
    [20, 'ffffffff7f', 'too-many-runs'],
    // More runs than a tree of 16 has room for.
    [4, '12', 'too-many-runs'],
  ])('in a tree of depth %i: %s is refused (%s)', (depth, encoded, fault) => {
    expect(faultOf(depth, Uint8Array.fromHex(encoded))).toBe(fault);
  });

  it('are refused at every cut', () => {
    const bytes = encodeRuns(20, runsOf(20, [5, 6, 7, 100, 90_000, 1_000_000]));
    for (let cut = 0; cut < bytes.length; cut++) expect(faultOf(20, bytes.subarray(0, cut))).toBe('cut-short');
  });
});
