import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CborValue, encodeDeterministic } from '#codec/package/cbor.ts';
import { classId, encodeManifest, type Manifest, parseManifest, vendorId } from '#codec/package/manifest.ts';
import { stepsFrom } from '#codec/package/steps.ts';
import { content, deltaOf, fullOf, manifestFor } from './example.ts';

const old = content(1, 900);
const next = content(2, 1000);
const digest = new Uint8Array(32).fill(7);

/** A manifest written by hand from docs/package.md, not by our encoder. */
function byHand(changes: [number | string, CborValue | undefined][] = []): Map<number | string, CborValue> {
  const way = new Map<number, CborValue>([
    [1, 1],
    [2, 500],
    [3, digest],
  ]);
  const map = new Map<number | string, CborValue>([
    [1, 1],
    [2, 'example.com'],
    [3, 'X1'],
    [5, '2.0'],
    [6, 7],
    [
      8,
      [
        new Map<number, CborValue>([
          [2, 1000],
          [3, digest],
          [4, [way]],
        ]),
      ],
    ],
  ]);
  for (const [key, value] of changes) {
    if (value === undefined) map.delete(key);
    else map.set(key, value);
  }
  return map;
}
const parseHand = (...changes: [number | string, CborValue | undefined][]): ReturnType<typeof parseManifest> =>
  parseManifest(encodeDeterministic(byHand(changes)));
const withWay = (...entries: [number, CborValue][]): CborValue => [
  new Map<number, CborValue>([
    [2, 1000],
    [3, digest],
    [4, [new Map(entries)]],
  ]),
];

/** Deltas to one content, each from a base of its own: where it leads to, undefined for the content. */
const withDeltas = (...leadsTo: (CborValue | undefined)[]): CborValue => [
  new Map<number, CborValue>([
    [2, 1000],
    [3, digest],
    [
      4,
      leadsTo.map((way, k) => {
        const entries: [number, CborValue][] = [
          [1, 3],
          [2, 5],
          [3, digest],
          [4, new Uint8Array(32).fill(k + 1)],
          [5, 900 + k],
        ];
        return new Map<number, CborValue>(way === undefined ? entries : [...entries, [6, way]]);
      }),
    ],
  ]),
];

const secondBase = new Uint8Array(32).fill(2);
const thirdBase = new Uint8Array(32).fill(3);
const base = { sha256: thirdBase, sizeBytes: 800 };

/** The first of the contents, with a way of its own before those that follow on its first one. */
function withFirstWay(contents: CborValue, ...entries: [number, CborValue][]): CborValue {
  const [content] = contents as [Map<number, CborValue>];
  const [, ...others] = content.get(4) as CborValue[];
  return [new Map([...content, [4, [new Map(entries), ...others]]])];
}
function withTarget(target: string, contents: CborValue): CborValue {
  const [content] = contents as [Map<number, CborValue>];
  return new Map([...content, [1, target]]);
}

const delta = await deltaOf(old, next);

describe('the manifest', () => {
  it('is read from bytes that were written by hand', () => {
    const parsed = parseHand();
    expect(parsed).toEqual({
      kind: 'manifest',
      manifest: {
        format: 1,
        vendor: 'example.com',
        deviceType: 'X1',
        version: '2.0',
        sequence: 7,
        kind: 'image',
        payloads: [
          {
            target: 'rootfs',
            encoding: 'full',
            compression: 'zstd',
            sizeOnAirBytes: 500,
            sizeInstalledBytes: 1000,
            sha256Installed: digest,
            sha256OnAir: digest,
          },
        ],
      } satisfies Manifest,
    });
  });

  it('goes there and back with every field', () => {
    const manifest = manifestFor([delta, fullOf(next)], {
      hardwareRevisions: [0, 3, 400],
      kind: 'app',
      oldestSequence: 40,
      notBeforeSeconds: 1_800_000_000,
      expiryFloorSeconds: 1_900_000_000,
      author: 'Ada <ada@example.com>',
      notes: 'Fixes the clock.\nNothing else.',
      sequence: Number.MAX_SAFE_INTEGER,
    });
    expect(parseManifest(encodeManifest(manifest))).toEqual({ kind: 'manifest', manifest });
  });

  it.each<[string, ReturnType<typeof parseHand>, RegExp]>([
    ['another format', parseHand([1, 2]), /format/],
    ['no vendor', parseHand([2, undefined]), /vendor/],
    ['an empty device type', parseHand([3, '']), /deviceType/],
    ['a vendor of 65 bytes', parseHand([2, 'ä'.repeat(32) + 'x']), /vendor/],
    ['a NUL in the vendor', parseHand([2, 'a\0b']), /vendor/],
    ['an escape sequence in the version', parseHand([5, '\u001b[2J1.0']), /version/],
    ['reversed text in the notes', parseHand([-2, '\u202egnp.exe']), /notes/],
    ['sequence 0', parseHand([6, 0]), /sequence/],
    ['a negative sequence', parseHand([6, -5]), /sequence/],
    ['an explicit default kind', parseHand([7, 0]), /kind/],
    ['revisions out of order', parseHand([4, [2, 1]]), /revisions/],
    ['no revisions', parseHand([4, []]), /revisions|Revisions/],
    ['no contents', parseHand([8, []]), /contents/],
    ['an unknown critical key', parseHand([12, 1]), /unknown key 12/],
    ['a text key', parseHand(['x', 1]), /unknown key "x"/],
    [
      'two contents for one target',
      parseHand([
        8,
        [...(withWay([1, 1], [2, 5], [3, digest]) as []), ...(withWay([1, 1], [2, 5], [3, digest]) as [])],
      ]),
      /two contents/,
    ],
    ['an unknown form', parseHand([8, withWay([1, 5], [2, 5], [3, digest])]), /form/],
    ['a delta without a base', parseHand([8, withWay([1, 2], [2, 5], [3, digest])]), /base/],
    ['full content with a base', parseHand([8, withWay([1, 1], [2, 5], [3, digest], [4, digest])]), /unknown key 4/],
    ['a short digest', parseHand([8, withWay([1, 1], [2, 5], [3, digest.slice(1)])]), /SHA-256/],
    ['a size of 0', parseHand([8, withWay([1, 1], [2, 0], [3, digest])]), /size/],
    ['plain content with two sizes', parseHand([8, withWay([1, 0], [2, 5])]), /two sizes/],
    ['a delta that leads to itself', parseHand([8, withDeltas(0)]), /leads to something else than an earlier delta/],
    ['deltas that lead in a circle', parseHand([8, withDeltas(undefined, 2, 1)]), /an earlier delta/],
    ['a delta that leads to a later one', parseHand([8, withDeltas(1, undefined)]), /an earlier delta/],
    ['a delta that leads to nothing', parseHand([8, withDeltas(undefined, 9)]), /an earlier delta/],
    [
      'a delta that leads to payload 64',
      parseHand([8, withDeltas(undefined, 64)]),
      /way that it leads to from 0 to 63/,
    ],
    ['a delta that leads to -1', parseHand([8, withDeltas(undefined, -1)]), /way that it leads to/],
    ['a delta that leads to a text', parseHand([8, withDeltas(undefined, '0')]), /way that it leads to/],
    ['a delta that leads to 2^53', parseHand([8, withDeltas(undefined, 2 ** 53 - 1)]), /way that it leads to/],
    [
      'a delta that leads to full content',
      parseHand([8, withFirstWay(withDeltas(undefined, 0), [1, 1], [2, 5], [3, digest])]),
      /an earlier delta/,
    ],
    [
      'a delta that leads to its own base',
      parseHand([8, withFirstWay(withDeltas(undefined, 0), [1, 3], [2, 5], [3, digest], [4, secondBase], [5, 901])]),
      /leads back to its own start/,
    ],
    [
      'a delta that leads to its own base over another',
      parseHand([8, withFirstWay(withDeltas(undefined, 0, 1), [1, 3], [2, 5], [3, digest], [4, thirdBase], [5, 902])]),
      /leads back to its own start/,
    ],
    ['five steps', parseHand([8, withDeltas(undefined, 0, 1, 2, 3)]), /more than 4 steps/],
    ['full content that leads on', parseHand([8, withWay([1, 1], [2, 5], [3, digest], [6, 0])]), /unknown key 6/],
    [
      'a delta that leads to a delta to another content',
      parseHand([8, [...(withDeltas(undefined) as []), withTarget('boot', withDeltas(0))]]),
      /a payload for boot leads to something else/,
    ],
    ['no map at all', parseManifest(encodeDeterministic([1])), /not a map/],
    ['9 kB', parseManifest(new Uint8Array(9000)), /too-long/],
  ])('refuses %s', (_, parsed, says) => {
    expect(parsed).toEqual({ kind: 'fault', detail: expect.stringMatching(says) });
  });

  it('tells the steps of a chain from bytes that were written by hand', () => {
    const parsed = parseHand([8, withDeltas(undefined, 0, 1, 2, 0)]);
    if (parsed.kind === 'fault') throw new Error(parsed.detail);
    const { payloads } = parsed.manifest;
    expect(payloads.map(({ leadsTo }) => leadsTo)).toEqual([undefined, 0, 1, 2, 0]);
    // What a way says of the content does not depend on where it leads to.
    expect(payloads.map(({ sizeInstalledBytes }) => sizeInstalledBytes)).toEqual(Array(5).fill(1000));
    const steps = stepsFrom(payloads, 3);
    expect(steps.map(({ index }) => index)).toEqual([3, 2, 1, 0]);
    expect(steps.map(({ payload }) => payload.sizeInstalledBytes)).toEqual([902, 901, 900, 1000]);
    expect(steps.map(({ payload }) => payload.sha256Installed[0])).toEqual([3, 2, 1, 7]);
    expect(stepsFrom(payloads, 4).map(({ index }) => index)).toEqual([4, 0]);
    expect(stepsFrom(payloads, 0)).toEqual([{ index: 0, payload: payloads[0] }]);
  });

  it('goes there and back with chains, also of a second content, at two bytes a chain', () => {
    const [described, older] = [delta.described, { sha256: secondBase, sizeBytes: 900 }];
    const further = { ...described, base: older };
    const plain = [described, further, { ...described, target: 'boot' }, { ...further, target: 'boot' }];
    const chained = [plain[0], { ...plain[1], leadsTo: 0 }, plain[2], { ...plain[3], leadsTo: 2 }];
    const manifest = manifestFor([], { payloads: chained });
    const bytes = encodeManifest(manifest);
    expect(parseManifest(bytes)).toEqual({ kind: 'manifest', manifest });
    expect(bytes.length - encodeManifest({ ...manifest, payloads: plain }).length).toBe(4);
  });

  it('has no steps from a payload that is not there, or that no parser would let through', () => {
    const circle = [{ ...delta.described, leadsTo: 0 }];
    for (const [payloads, index] of [
      [circle, 0],
      [circle, 1],
      [[fullOf(next).described, { ...delta.described, leadsTo: 0 }], 1],
    ] as const)
      expect(() => stepsFrom(payloads, index)).toThrow(expect.objectContaining({ code: 'PAYLOAD_INDEX' }));
  });

  it('ignores an unknown key that is marked as harmless', () => {
    expect(parseHand([-3, 'from the future'])).toMatchObject({ kind: 'manifest', manifest: { sequence: 7 } });
  });

  it('throws for a manifest that it would refuse', () => {
    const good = manifestFor([delta]);
    const [payload] = good.payloads;
    const broken: Manifest[] = [
      { ...good, sequence: 0 },
      { ...good, vendor: '' },
      { ...good, payloads: [] },
      { ...good, payloads: [payload, { ...payload, sha256Installed: digest }] },
      { ...good, payloads: [{ ...payload, compression: 'none' }] },
      { ...good, payloads: [{ ...payload, encoding: 'full' }] },
      { ...good, payloads: [{ ...payload, leadsTo: 0 }] },
      { ...good, payloads: [payload, { ...payload, leadsTo: 0 }] },
      { ...good, payloads: [payload, { ...payload, base: { sha256: secondBase, sizeBytes: 1 }, leadsTo: -1 }] },
      { ...good, payloads: [fullOf(next).described, { ...payload, leadsTo: 0 }] },
      { ...good, payloads: [{ ...payload, encoding: 'full', compression: 'none', base: undefined as never }] },
    ];
    for (const manifest of broken)
      expect(() => encodeManifest(manifest)).toThrow(expect.objectContaining({ code: 'MANIFEST' }));
  });

  it('never throws when parsing hostile bytes', () => {
    const chained = { ...delta.described, base: { sha256: secondBase, sizeBytes: 900 }, leadsTo: 0 };
    const good = encodeManifest(
      manifestFor([], {
        payloads: [delta.described, chained, { ...chained, leadsTo: 1, base }, fullOf(next).described],
      }),
    );
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, byte, cut) => {
        const bytes = good.slice(0, cut);
        if (at < bytes.length) bytes[at] = byte;
        expect(['manifest', 'fault']).toContain(parseManifest(bytes).kind);
      }),
      { numRuns: 2000 },
    );
    // Whatever chains a manifest that is let through may have, they end.
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(6), { nil: undefined }), { minLength: 1, maxLength: 6 }), (leadsTo) => {
        const parsed = parseHand([8, withDeltas(...leadsTo)]);
        const payloads = parsed.kind === 'manifest' ? parsed.manifest.payloads : [];
        for (const index of payloads.keys()) expect(stepsFrom(payloads, index).length).toBeLessThanOrEqual(4);
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(['manifest', 'fault']).toContain(parseManifest(bytes).kind);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('derived identifiers', () => {
  it('are UUIDs of version 5 (RFC 9562 appendix A.4)', () => {
    expect(vendorId('www.example.com')).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2');
  });

  it('agree with the vendor of the SUIT working group examples (draft-ietf-suit-manifest appendix B: arm.com)', () => {
    expect(vendorId('arm.com')).toBe('fa6b4a53-d5ad-5fdf-be9d-e663e4d41ffe');
  });

  it('differ by device type', () => {
    expect(classId('example.com', 'A')).not.toBe(classId('example.com', 'B'));
  });
});
