import { constants, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AlgorithmName, ecdsaKey, keyIdOf, openKey, rsaKey } from '#codec/package/keys.ts';
import { publicKeyFromPem } from '#hardware/hsm/file.ts';

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text);
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** RFC 6979 appendix A.2.5 to A.2.7: "sample" with SHA-256 on P-256, SHA-384 on P-384, SHA-512 on P-521. */
const RFC_6979: readonly [AlgorithmName, x: string, y: string, r: string, s: string][] = [
  [
    'ES256',
    '60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6',
    '7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299',
    'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716',
    'f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
  ],
  [
    'ES384',
    'ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13',
    '8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720',
    '94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46',
    '99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8',
  ],
];

interface Kind {
  readonly algorithm: AlgorithmName;
  readonly hash: string | null;
  readonly options: object;
  readonly make: () => { publicKey: KeyObject; privateKey: KeyObject };
}

const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
const P1363 = { dsaEncoding: 'ieee-p1363' };
const KINDS: readonly Kind[] = [
  { algorithm: 'EdDSA', hash: null, options: {}, make: () => generateKeyPairSync('ed25519') },
  {
    algorithm: 'ES256',
    hash: 'sha256',
    options: P1363,
    make: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  },
  {
    algorithm: 'ES384',
    hash: 'sha384',
    options: P1363,
    make: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  },
  {
    algorithm: 'ES512',
    hash: 'sha512',
    options: P1363,
    make: () => generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  },
  { algorithm: 'PS256', hash: 'sha256', options: PSS, make: () => generateKeyPairSync('rsa', { modulusLength: 2048 }) },
];

const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' });
const publicBytes = (key: KeyObject): Uint8Array => publicKeyFromPem(pem(key));
const p256 = (x: Uint8Array, y: Uint8Array): Uint8Array => ecdsaKey('ES256', x, y) ?? new Uint8Array();

describe('ECDSA', () => {
  it.each(RFC_6979)('verifies RFC 6979 for %s', (algorithm, x, y, r, s) => {
    const key = openKey(ecdsaKey(algorithm, hex(x), hex(y)) ?? new Uint8Array());
    expect(key?.algorithm).toBe(algorithm);
    expect(key?.verify(hex(r + s), utf8('sample'))).toBe(true);
    expect(key?.verify(hex(r + s), utf8('samplf'))).toBe(false);
  });
});

describe.each(KINDS)('$algorithm: two verifiers', ({ algorithm, hash, options, make }) => {
  const { publicKey, privateKey } = make();
  const bytes = publicBytes(publicKey);
  const own = openKey(bytes);
  const message = utf8('what is signed');
  const good = Uint8Array.from(sign(hash, message, { key: privateKey, ...options }));
  const native = (signature: Uint8Array, text: Uint8Array): boolean => {
    try {
      return verify(hash, text, { key: publicKey, ...options }, signature);
    } catch {
      return false;
    }
  };

  it('verify what node:crypto signs', () => {
    expect(own?.algorithm).toBe(algorithm);
    expect(own?.verify(good, message)).toBe(true);
    expect(keyIdOf(bytes)).toHaveLength(8);
  });

  it('agree on every bit that is wrong', () => {
    for (let at = 0; at < good.length; at++) {
      const wrong = good.slice();
      wrong[at] ^= 1 << (at % 8);
      expect([own?.verify(wrong, message), native(wrong, message)], `byte ${at}`).toEqual([false, false]);
    }
  });

  it('agree on the edges: zeros, ones, the order, other lengths', () => {
    const half = good.length / 2;
    const [r, s] = [good.subarray(0, half), good.subarray(half)];
    const fill = (byte: number, length = good.length): Uint8Array => new Uint8Array(length).fill(byte);
    const one = fill(0, half);
    one[half - 1] = 1;
    const edges = [
      ...[fill(0), fill(255), new Uint8Array(), good.subarray(1), Uint8Array.of(0, ...good), Uint8Array.of(...good, 0)],
      ...[Uint8Array.of(...fill(0, half), ...s), Uint8Array.of(...r, ...fill(0, half))],
      ...[Uint8Array.of(...fill(255, half), ...s), Uint8Array.of(...r, ...fill(255, half))],
      ...[Uint8Array.of(...one, ...s), Uint8Array.of(...r, ...one), Uint8Array.of(...one, ...one)],
      ...[Uint8Array.of(...s, ...r), Uint8Array.of(...r, ...r)],
    ];
    for (const [k, edge] of edges.entries())
      expect([own?.verify(edge, message), native(edge, message)], `edge ${k}`).toEqual([false, false]);
  });

  it('agree on any message and signature (property)', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 64 }),
        fc.uint8Array({ minLength: 1, maxLength: 8 }),
        fc.nat(),
        (text, patch, at) => {
          const signature = Uint8Array.from(sign(hash, text, { key: privateKey, ...options }));
          expect([own?.verify(signature, text), native(signature, text)]).toEqual([true, true]);
          signature.set(patch, at % (signature.length - patch.length));
          expect(own?.verify(signature, text)).toBe(native(signature, text));
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('RSA-PSS', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
  const own = openKey(publicBytes(publicKey));
  const message = utf8('what is signed');
  const padding = constants.RSA_PKCS1_PSS_PADDING;

  it.each([
    ['a salt of another length', 'sha256', { padding, saltLength: 20 }],
    ['the longest salt', 'sha256', { padding, saltLength: constants.RSA_PSS_SALTLEN_MAX_SIGN }],
    ['no salt', 'sha256', { padding, saltLength: 0 }],
    ['another hash', 'sha384', { padding, saltLength: 32 }],
    ['PKCS #1 v1.5', 'sha256', { padding: constants.RSA_PKCS1_PADDING }],
  ])('refuses %s', (_, hash, options) =>
    expect(own?.verify(Uint8Array.from(sign(hash, message, { key: privateKey, ...options })), message)).toBe(false),
  );

  it('refuses a signature with the modulus added', () => {
    const good = sign('sha256', message, { key: privateKey, ...PSS });
    const jwk = publicKey.export({ format: 'jwk' });
    const n = BigInt(`0x${Buffer.from(jwk.n ?? '', 'base64url').toString('hex')}`);
    const sum = (BigInt(`0x${good.toString('hex')}`) + n).toString(16);
    expect(own?.verify(Uint8Array.from(good), message)).toBe(true);
    expect(own?.verify(hex(sum.padStart(2 * (good.length + 1), '0')), message)).toBe(false);
  });
});

describe('keys that are none', () => {
  it.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['31 bytes', new Uint8Array(31)],
    ['a point at zero', p256(new Uint8Array(32), new Uint8Array(32))],
    ['a point beside the curve', p256(hex(RFC_6979[0][1]), hex(RFC_6979[0][1]))],
    ['a short coordinate', p256(hex(RFC_6979[0][1]).subarray(1), hex(RFC_6979[0][2]))],
    ['RSA with 1024 bits', rsaKey(new Uint8Array(128).fill(0xff))],
    ['RSA with 8192 bits', rsaKey(new Uint8Array(1024).fill(0xff))],
    ['RSA with a zero before it', rsaKey(Uint8Array.of(0, ...new Uint8Array(256).fill(0xff)))],
  ])('%s', (_, bytes) => expect(openKey(bytes)).toBeUndefined());

  it('any bytes, without an exception (property)', () => {
    const good = publicBytes(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(), (patch, at) => {
        expect(openKey(patch)?.verify(patch, patch) ?? false).toBe(false);
        const damaged = good.slice();
        damaged.set(patch.subarray(0, 8), at % (good.length - 8));
        expect(openKey(damaged)?.verify(patch, patch) ?? false).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('a PEM of a kind that is not accepted is refused with its name', () => {
    const secp256k1 = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey;
    expect(() => publicKeyFromPem(pem(secp256k1))).toThrow(/secp256k1/);
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey;
    expect(() => publicKeyFromPem(pem(short))).toThrow(/1024/);
    expect(() => publicKeyFromPem(pem(generateKeyPairSync('x25519').publicKey))).toThrow(/x25519/);
    expect(createPublicKey(pem(secp256k1)).asymmetricKeyType).toBe('ec');
  });
});
