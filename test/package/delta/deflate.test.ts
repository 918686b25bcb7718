import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { crc32 as nodeCrc32, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type DeflateKind, DeflateMachine } from '#codec/package/delta/deflate/machine.ts';
import { adler32, crc32 } from '#codec/package/delta/view/checks.ts';
import { Packings } from '#codec/package/delta/view/packing.ts';
import { WRAP_GZIP, WRAP_NONE, WRAP_ZLIB } from '#codec/package/delta/view/pieces.ts';
import { content } from '../example.ts';

/** Words in a random order, with some noise between: xorshift32 from 7. */
function words(sizeBytes: number): Uint8Array {
  let state = 7;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  const known = Array.from({ length: 60 }, () => [
    ...Array.from({ length: 2 + (next() % 4) }, () => 97 + (next() % 26)),
    32,
  ]);
  const out: number[] = [];
  while (out.length < sizeBytes) {
    const drawn = next();
    if (drawn % 400 === 0) for (let k = 0; k < 400; k++) out.push(next() & 255);
    else out.push(...known[(drawn >>> 8) % 60]);
  }
  return Uint8Array.from(out.slice(0, sizeBytes));
}

const TEXT = words(300_000);
/** SHA-256, its first eight bytes, of what zlib 1.2.13 makes of it with memory levels 8 and 9: raw deflate, levels 1 to 9. */
const ZLIB_1_2_13 = [
  ['0bd270e5372bbd01', '923c29558f79d170'],
  ['199e28d12e6377f5', 'db4726f875c4b2d9'],
  ['407803244a68948e', '1abdada8081301b5'],
  ['811e551a824945a9', '32e3185189a7fdd2'],
  ['bf29348258059a2b', '9eb2c40fd4afa497'],
  ['a389803659c16b0b', 'a02f766f999f0991'],
  ['08dd0042c20a3203', '3f3240a03af13714'],
  ['77a667efa995cf51', '64f0a283b99aa4eb'],
  ['77a667efa995cf51', '64f0a283b99aa4eb'],
];

const machine = new DeflateMachine();

function deflated(bytes: Uint8Array, kind: DeflateKind, pieceBytes: number): Uint8Array {
  const parts: Uint8Array[] = [];
  machine.open(kind, (some) => parts.push(some.slice()));
  for (let at = 0; at < bytes.length; at += pieceBytes) machine.push(bytes.subarray(at, at + pieceBytes), false);
  machine.push(new Uint8Array(), true);
  return Buffer.concat(parts);
}

function inflated(stream: Uint8Array, mostBytes = 1 << 24): { used: number | undefined; bytes: Uint8Array } {
  const parts: Uint8Array[] = [];
  let at = 0;
  const used = machine.inflate(
    (into) => {
      const some = stream.subarray(at, at + into.length);
      into.set(some);
      at += some.length;
      return some.length;
    },
    mostBytes,
    (some) => parts.push(some.slice()),
  );
  return { used, bytes: Buffer.concat(parts) };
}

const CONTENTS: Record<string, Uint8Array> = {
  nothing: new Uint8Array(),
  'one byte': Uint8Array.of(65),
  'a few bytes': new TextEncoder().encode('hello hello hello'),
  zeros: new Uint8Array(300_000),
  noise: content(1, 200_000),
  text: TEXT,
  'noise, text and zeros': Buffer.concat([content(2, 70_000), TEXT.subarray(0, 100_001), new Uint8Array(90_000)]),
  // Ends around the places where the window slides.
  ...Object.fromEntries([65_270, 65_274, 65_275, 65_535, 98_043, 98_304].map((n) => [`${n} bytes`, TEXT.slice(0, n)])),
};

describe('deflate as zlib does it', () => {
  it.each(ZLIB_1_2_13.flatMap((pair, k) => pair.map((digest, m) => [k + 1, m + 8, digest] as const)))(
    'level %i, memory level %i',
    (level, memoryLevel, digest) => {
      const made = deflated(TEXT, { gnu: false, level, memoryLevel }, 10_007);
      expect(createHash('sha256').update(made).digest('hex').slice(0, 16)).toBe(digest);
    },
  );
});

describe('deflate as GNU gzip does it', () => {
  it.each(Object.keys(CONTENTS))('%s, at all levels', (name) => {
    const bytes = CONTENTS[name];
    for (let level = 1; level <= 9; level++) {
      const made = execFileSync('gzip', [`-${level}`, '-n'], { input: bytes, maxBuffer: 1 << 26 });
      const own = deflated(bytes, { gnu: true, level, memoryLevel: 9 }, 65_536);
      expect(Buffer.compare(own, made.subarray(10, -8)), `level ${level}`).toBe(0);
    }
  });
});

describe('inflate', () => {
  it.each(Object.keys(CONTENTS))('%s, of what Node packs', (name) => {
    const bytes = CONTENTS[name];
    for (const options of [{ level: 1 }, { level: 9 }, { level: 0 }, { strategy: 4 }, { memLevel: 1 }]) {
      const stream = deflateRawSync(bytes, options);
      const back = inflated(Buffer.concat([stream, content(3, 50)]));
      expect(back.used).toBe(stream.length);
      expect(Buffer.compare(back.bytes, bytes)).toBe(0);
    }
  });

  it('refuses what makes more than it may, and what is cut off', () => {
    const stream = deflateRawSync(TEXT);
    expect(inflated(stream, TEXT.length).used).toBe(stream.length);
    expect(inflated(stream, TEXT.length - 1).used).toBeUndefined();
    for (const size of [0, 1, 100, stream.length - 1]) expect(inflated(stream.subarray(0, size)).used).toBeUndefined();
  });

  it('never throws, and never makes more than it may, whatever it reads', () => {
    const stream = deflateRawSync(TEXT.subarray(0, 20_000));
    let refused = 0;
    for (let k = 0; k < 3000; k++) {
      const damaged = k % 3 === 0 ? content(k + 1, 200) : Uint8Array.from(stream);
      if (k % 3 !== 0) damaged[(k * 7919) % (k % 3 === 1 ? 100 : stream.length)] ^= 1 << (k & 7);
      const { used, bytes } = inflated(damaged, 30_000);
      expect(bytes.length).toBeLessThanOrEqual(30_000);
      if (used === undefined) refused++;
    }
    expect(refused).toBeGreaterThan(1000);
  });
});

describe('the packing of a stream', () => {
  const packings = new Packings();

  it('is found, with what is around it', () => {
    const gz = execFileSync('gzip', ['-6', '-n'], { input: TEXT });
    expect(packings.kindOf(gz.subarray(10), TEXT, WRAP_GZIP)).toEqual({ gnu: true, level: 6, memoryLevel: 9 });
    // Made by zlib itself: content so small that Node's own variant of zlib packs it alike.
    const small = TEXT.subarray(0, 40);
    const unpacked = packings.unpack(Buffer.concat([deflateSync(small), content(1, 9)]), WRAP_ZLIB);
    expect(unpacked?.packedBytes).toBe(deflateSync(small).length);
    expect(Buffer.compare(unpacked?.content ?? new Uint8Array(), small)).toBe(0);
    expect(packings.kindOf(deflateSync(small), small, WRAP_ZLIB)).toBeDefined();
  });

  it('is none where no encoder makes these bytes', () => {
    const other = deflateRawSync(TEXT, { strategy: 2 });
    expect(packings.kindOf(other, TEXT, WRAP_NONE)).toBeUndefined();
    const damaged = gzipSync(TEXT.subarray(0, 40)).subarray(10);
    damaged[damaged.length - 5] ^= 1;
    expect(packings.kindOf(damaged, TEXT.subarray(0, 40), WRAP_GZIP)).toBeUndefined();
    expect(packings.unpack(content(5, 100), WRAP_ZLIB)).toBeUndefined();
  });
});

describe('the sums', () => {
  it('are those of Node and of zlib', () => {
    expect(crc32(TEXT)).toBe(nodeCrc32(TEXT));
    expect(crc32(TEXT.subarray(1000), crc32(TEXT.subarray(0, 1000)))).toBe(nodeCrc32(TEXT));
    expect(adler32(TEXT)).toBe(deflateSync(TEXT).readUInt32BE(deflateSync(TEXT).length - 4));
    expect(adler32(TEXT.subarray(7), adler32(TEXT.subarray(0, 7)))).toBe(0x28ec_d7d0);
  });
});
