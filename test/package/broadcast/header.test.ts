import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesEqual } from '#codec/bytes.ts';
import { type DeviceKeys, deviceKeysOf } from '#codec/package/broadcast/device-keys.ts';
import { openHeader, SALT_BYTES, sealHeader } from '#codec/package/broadcast/header.ts';
import { encodeRuns, runsOf } from '#codec/package/broadcast/revoked.ts';
import { coverOfPaper, devicesIn, leavesBelow, pad, randomDevices, randomFrom, subsetKey } from './reference.ts';

const MASTER_SECRET = Uint8Array.from({ length: 32 }, (_, k) => k);
const SALT = Uint8Array.from({ length: SALT_BYTES }, (_, k) => 0xa0 + k);
const sealed = (depth: number, revoked: Iterable<number>) =>
  sealHeader({ masterSecret: MASTER_SECRET, depth, revoked, salt: SALT });
const keysOf = (depth: number): DeviceKeys[] =>
  Array.from({ length: 2 ** depth }, (_, device) => deviceKeysOf(MASTER_SECRET, depth, device));
const keyIn = (header: Uint8Array, keys: DeviceKeys): string => {
  const opened = openHeader(header, keys);
  return opened.kind === 'opened' ? opened.contentKey.toHex() : opened.kind;
};
const contentKeyOf = (revoked: number[], salt: Uint8Array, masterSecret: Uint8Array): string =>
  sealHeader({ masterSecret, depth: 4, revoked, salt }).contentKey.toHex();
const withCode = (code: string): unknown => expect.objectContaining({ code });

const KEYS = keysOf(4);

describe('the header', () => {
  it('gives the content key to who is in and to nobody else, for every 97th set of 16 devices', () => {
    const wrong: string[] = [];
    for (let mask = 0; mask < 2 ** 16 - 1; mask += 97) {
      const revoked = KEYS.map(({ device }) => device).filter((device) => (mask >> device) & 1);
      const { header, contentKey } = sealed(4, revoked);
      for (const keys of KEYS) {
        const expected = revoked.includes(keys.device) ? 'left-out' : contentKey.toHex();
        if (keyIn(header, keys) !== expected) wrong.push(`${mask}: ${keys.device}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('and in a tree of a million', () => {
    const random = randomFrom(5);
    const revoked = randomDevices(random, 20, 100);
    const { header, contentKey } = sealed(20, revoked);
    for (const device of [...revoked].slice(0, 10))
      expect(openHeader(header, deviceKeysOf(MASTER_SECRET, 20, device))).toEqual({ kind: 'left-out' });
    for (const device of randomDevices(random, 20, 50))
      expect(openHeader(header, deviceKeysOf(MASTER_SECRET, 20, device))).toEqual(
        revoked.has(device) ? { kind: 'left-out' } : { kind: 'opened', contentKey },
      );
  });

  it("is salt, revoked devices and what the pads of the paper's subsets differ by", () => {
    const revoked = [2, 3, 9];
    const subsets = coverOfPaper(4, new Set(revoked)).toSorted(
      (a, b) => (leavesBelow(4, a.i).at(-1) ?? 0) - (leavesBelow(4, b.i).at(-1) ?? 0) || b.i - a.i,
    );
    expect(subsets.length).toBeGreaterThan(1);
    const [first, ...others] = subsets.map((subset) => pad(subsetKey(MASTER_SECRET, 4, subset), SALT, subset));
    const { header, contentKey } = sealed(4, revoked);
    expect(contentKey.toHex()).toBe(first.toHex());
    const wrapped = others.map((other) => other.map((byte, k) => byte ^ first[k]).toHex()).join('');
    // 2 runs with lengths; 0 10, length 2 = 0 10; gap 9 - 5 = 4 -> 10 00, length 1 = 1.
    expect(header.toHex()).toBe(`${SALT.toHex()}054a20${wrapped}`);
  });

  // Made with the HMAC of OpenSSL.
  it.each<[devices: string, depth: number, revoked: number[], header: string, contentKey: string]>([
    ['nobody of 8', 3, [], 'a0a1a2a3a4a5a6a7a8a9aaab00', '8350974fd497159759c96eaef7a9c8bb'],
    [
      '2 and 5 of 8',
      3,
      [2, 5],
      'a0a1a2a3a4a5a6a7a8a9aaab0488649e726ad8f43786c294e831e65a7abb',
      '93bb5028207a8546467354298ee4af91',
    ],
    ['777,777 of a million', 20, [777_777], 'a0a1a2a3a4a5a6a7a8a9aaab029ef188', '5849f60fb5ae26d1e9e07b1893347d4c'],
  ])('written down once: without %s', (_, depth, revoked, header, contentKey) => {
    expect(sealed(depth, revoked).header.toHex()).toBe(header);
    expect(sealed(depth, revoked).contentKey.toHex()).toBe(contentKey);
  });

  it('has another content key for another salt, other revoked devices and another master secret', () => {
    const all = [
      contentKeyOf([], SALT, MASTER_SECRET),
      contentKeyOf([1], SALT, MASTER_SECRET),
      contentKeyOf([15], SALT, MASTER_SECRET),
      contentKeyOf([1], SALT.toReversed(), MASTER_SECRET),
      contentKeyOf([1], SALT, MASTER_SECRET.toReversed()),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  it('leaves everybody out where the list says so, and is not sealed like that', () => {
    const everybody = KEYS.map(({ device }) => device);
    expect(() => sealed(4, everybody)).toThrow(expect.objectContaining({ code: 'NOBODY_LEFT' }));
    const header = Uint8Array.of(...SALT, ...Uint8Array.fromHex('030080'));
    for (const keys of KEYS) expect(openHeader(header, keys)).toEqual({ kind: 'left-out' });
  });

  it('throws for a salt, master secret, depth or keys that cannot be', () => {
    const options = { masterSecret: MASTER_SECRET, depth: 4, revoked: [], salt: SALT };
    expect(() => sealHeader({ ...options, salt: new Uint8Array(16) })).toThrow(withCode('SALT'));
    expect(() => sealHeader({ ...options, masterSecret: new Uint8Array(16) })).toThrow(withCode('MASTER_SECRET'));
    expect(() => sealHeader({ ...options, depth: 0 })).toThrow(withCode('DEPTH'));
    expect(() => sealHeader({ ...options, revoked: [16] })).toThrow(withCode('DEVICE'));
    expect(() => openHeader(SALT, { ...KEYS[0], depth: 5 })).toThrow(withCode('DEVICE_KEYS'));
  });
});

describe('the size of the header', () => {
  // Subset Difference with entries of 21 bytes, at 2^20 devices. Smaller trees have smaller headers.
  const LIMITS: [revoked: number, limitBytes: number][] = [
    [1, 21],
    [10, 257],
    [100, 2587],
  ];
  const DEPTHS = [14, 17, 20];

  it.each(LIMITS)('for %i revoked is below %i bytes, in the mean of 20 random sets', (revoked, limitBytes) => {
    const random = randomFrom(6);
    for (const depth of DEPTHS) {
      let sum = 0;
      for (let k = 0; k < 20; k++) sum += sealed(depth, randomDevices(random, depth, revoked)).header.length;
      const meanBytes = sum / 20;
      process.stdout.write(`header for ${revoked} revoked of 2^${depth}: ${meanBytes.toFixed(1)} bytes\n`);
      expect(meanBytes).toBeLessThan(limitBytes);
    }
  });

  it('is 13 bytes for nobody, and a few more for a thousand neighbours', () => {
    expect(sealed(20, []).header).toHaveLength(13);
    const batch = Array.from({ length: 1000 }, (_, k) => 123_456 + k);
    expect(sealed(20, batch).header.length).toBeLessThan(220);
  });
});

describe('a header that was changed', () => {
  const revoked = [3, 8, 12];
  const { header, contentKey } = sealed(4, revoked);

  it('by one bit: never gives a revoked device the content key, and who is in the right one or none', () => {
    const wrong: string[] = [];
    for (let bit = 0; bit < 8 * header.length; bit++) {
      const changed = header.slice();
      changed[bit >> 3] ^= 0x80 >> (bit & 7);
      for (const keys of KEYS) {
        const isKey = keyIn(changed, keys) === contentKey.toHex();
        // The salt is in every pad.
        if (isKey && (revoked.includes(keys.device) || bit < 96)) wrong.push(`bit ${bit}: ${keys.device}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('in the wrapped key of a subset: gives its devices another key', () => {
    const subset = coverOfPaper(4, new Set(revoked)).find(({ i }) => leavesBelow(4, i).includes(15));
    const members = subset === undefined ? [] : devicesIn(4, subset);
    expect(members).not.toEqual([]);
    const changed = header.slice();
    changed[header.length - 1] ^= 1;
    for (const device of members) {
      expect(keyIn(changed, KEYS[device])).toMatch(/^[0-9a-f]{32}$/);
      expect(keyIn(changed, KEYS[device])).not.toBe(contentKey.toHex());
    }
  });

  it('by a cut or more bytes: is refused', () => {
    for (let cut = 0; cut < header.length; cut++)
      expect(openHeader(header.subarray(0, cut), KEYS[0])).toMatchObject({ kind: 'fault' });
    expect(openHeader(Uint8Array.of(...header, 0), KEYS[0])).toMatchObject({ kind: 'fault', fault: 'wrong-size' });
  });

  it('is refused before a list is read that is longer than its wrapped keys could be for', () => {
    const long = new Uint8Array(12 + 2 + 160).fill(0, 12);
    long.set([0x80 | (2 * 24), 1], 12);
    expect(openHeader(long, deviceKeysOf(MASTER_SECRET, 20, 0))).toEqual({
      kind: 'fault',
      fault: 'too-many-runs',
      offsetBytes: 12,
    });
  });
});

describe('any bytes', () => {
  const trees = [1, 4, 20, 30].map((depth) => deviceKeysOf(MASTER_SECRET, depth, 1));

  it('give a key, left out or a fault, never an exception (property)', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      // A list that may be right, and room behind it.
      fc
        .tuple(fc.integer({ min: 0, max: 9 }), fc.uint8Array({ maxLength: 12 }), fc.integer({ min: 0, max: 60 }))
        .map(([head, list, keys]) => Uint8Array.of(...SALT, head, ...list, ...new Uint8Array(16 * keys))),
      // A list that is right, and room that may be.
      fc
        .tuple(fc.uniqueArray(fc.nat(15), { maxLength: 16 }), fc.integer({ min: 0, max: 6 }))
        .map(([devices, keys]) =>
          Uint8Array.of(...SALT, ...encodeRuns(4, runsOf(4, devices)), ...new Uint8Array(16 * keys)),
        ),
    );
    const seen = new Set<string>();
    fc.assert(
      fc.property(bytes, fc.constantFrom(...trees), (bytes, keys) => {
        const opened = openHeader(bytes, keys);
        seen.add(opened.kind);
        if (opened.kind === 'fault') return opened.offsetBytes <= bytes.length;
        return opened.kind === 'left-out' || opened.contentKey.length === 16;
      }),
      { numRuns: 5000 },
    );
    expect([...seen].sort()).toEqual(['fault', 'left-out', 'opened']);
  });

  it('of which a right header is made by changing some: the same (property)', () => {
    const random = randomFrom(7);
    const right = sealed(20, randomDevices(random, 20, 12));
    const keys = deviceKeysOf(MASTER_SECRET, 20, 4711);
    expect(bytesEqual(right.contentKey, Uint8Array.fromHex(keyIn(right.header, keys)))).toBe(true);
    const change = fc.tuple(fc.nat(right.header.length - 1), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), fc.nat(right.header.length), (changes, cut) => {
        const bytes = right.header.slice(0, cut < 40 ? cut : undefined);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        return ['opened', 'left-out', 'fault'].includes(openHeader(bytes, keys).kind);
      }),
      { numRuns: 2000 },
    );
  });

  it('of 8 KiB take milliseconds at worst', () => {
    // As many runs as the size allows, and long odd ones, of which each is many nodes.
    const runs = Array.from({ length: 1000 }, (_, k) => ({ first: k * 2 ** 20 + 1, length: 2 ** 20 - 3 }));
    const worst = new Uint8Array(8192);
    worst.set(encodeRuns(30, runs), 12);
    const begin = performance.now();
    for (let k = 0; k < 10; k++)
      expect(openHeader(worst, trees[3])).toMatchObject({ kind: 'fault', fault: 'wrong-size' });
    // Measured: 2.5 ms each. The limit leaves room for a busy machine.
    expect((performance.now() - begin) / 10).toBeLessThan(500);
  });
});
