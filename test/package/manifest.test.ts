import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CborValue, encodeDeterministic } from '#codec/package/cbor.ts';
import { classId, encodeManifest, type Manifest, parseManifest, vendorId } from '#codec/package/manifest.ts';
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
    ['no map at all', parseManifest(encodeDeterministic([1])), /not a map/],
    ['9 kB', parseManifest(new Uint8Array(9000)), /too-long/],
  ])('refuses %s', (_, parsed, says) => {
    expect(parsed).toEqual({ kind: 'fault', detail: expect.stringMatching(says) });
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
      { ...good, payloads: [{ ...payload, encoding: 'full', compression: 'none', base: undefined as never }] },
    ];
    for (const manifest of broken)
      expect(() => encodeManifest(manifest)).toThrow(expect.objectContaining({ code: 'MANIFEST' }));
  });

  it('never throws when parsing hostile bytes', () => {
    const good = encodeManifest(manifestFor([delta, fullOf(next)]));
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, byte, cut) => {
        const bytes = good.slice(0, cut);
        if (at < bytes.length) bytes[at] = byte;
        expect(['manifest', 'fault']).toContain(parseManifest(bytes).kind);
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
