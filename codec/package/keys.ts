/**
 * Public keys as devices keep them: the 32 bytes of Ed25519 as they are, all others as a COSE_Key (RFC 9052 clause 7) with what its type needs
 * and nothing else. What a key signs with follows from the key, so that a message cannot choose.
 *
 *     Ed25519                             EdDSA (RFC 9053 clause 2.2)
 *     { 1: 2, -1: 1 | 2 | 3, -2: x, -3: y }  ES256, ES384, ES512 on P-256, P-384, P-521 (RFC 9053 clauses 2.1 and 7.1.1)
 *     { 1: 3, -1: n, -2: 65537 }          PS256, 2048 to 4096 bits (RFC 8230 clauses 2 and 4)
 */

import { ed25519 } from '@noble/curves/ed25519.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { decodeStrict, encodeDeterministic } from './cbor.ts';
import { verifyPss } from './rsa-pss.ts';

/** RFC 9053 table 1 and 2, RFC 8230 table 1. */
export const ALGORITHM = { EdDSA: -8, ES256: -7, ES384: -35, ES512: -36, PS256: -37 } as const;
export type AlgorithmName = keyof typeof ALGORITHM;

export const KEY_ID_BYTES = 8;
/** Of an RSA key of 4096 bits. */
export const MAX_SIGNATURE_BYTES = 512;

const ED25519_BYTES = 32;
const MAX_KEY_BYTES = 600;
const KTY = 1;
const KTY_EC2 = 2;
const KTY_RSA = 3;
const RSA_EXPONENT = Uint8Array.of(1, 0, 1);
const RSA_LEAST_BYTES = 256;
const RSA_MOST_BYTES = 512;

interface Curve {
  readonly number: number;
  readonly algorithm: AlgorithmName;
  readonly coordinateBytes: number;
  readonly ecdsa: typeof p256;
}

const CURVES: readonly Curve[] = [
  { number: 1, algorithm: 'ES256', coordinateBytes: 32, ecdsa: p256 },
  { number: 2, algorithm: 'ES384', coordinateBytes: 48, ecdsa: p384 },
  { number: 3, algorithm: 'ES512', coordinateBytes: 66, ecdsa: p521 },
];

export interface VerifyingKey {
  readonly algorithm: AlgorithmName;
  /** Never throws. */
  readonly verify: (signature: Uint8Array, message: Uint8Array) => boolean;
}

/** COSE `kid` of a public key: the first 8 bytes of its SHA-256. Of a COSE_Key that is the beginning of its thumbprint (RFC 9679). */
export function keyIdOf(publicKey: Uint8Array): Uint8Array {
  return sha256(publicKey).slice(0, KEY_ID_BYTES);
}

/** Undefined for anything that is no key in one of these forms: another type, short, or not on its curve. */
export function openKey(publicKey: Uint8Array): VerifyingKey | undefined {
  if (publicKey.length === ED25519_BYTES)
    return { algorithm: 'EdDSA', verify: (signature, message) => verifyEd25519(signature, message, publicKey) };
  const decoded = decodeStrict(publicKey, { maxBytes: MAX_KEY_BYTES, maxItems: 16, maxDepth: 2 });
  if (decoded.kind === 'fault' || !(decoded.value instanceof Map)) return undefined;
  const key = decoded.value as ReadonlyMap<unknown, unknown>;
  if (key.get(KTY) === KTY_EC2 && key.size === 4) return openEcdsa(key);
  if (key.get(KTY) === KTY_RSA && key.size === 3) return openRsa(key);
  return undefined;
}

function openEcdsa(key: ReadonlyMap<unknown, unknown>): VerifyingKey | undefined {
  const curve = CURVES.find(({ number }) => number === key.get(-1));
  const [x, y] = [key.get(-2), key.get(-3)];
  if (curve === undefined || !(x instanceof Uint8Array) || !(y instanceof Uint8Array)) return undefined;
  const { algorithm, coordinateBytes, ecdsa } = curve;
  if (x.length !== coordinateBytes || y.length !== coordinateBytes) return undefined;
  const point = Uint8Array.of(4, ...x, ...y);
  if (!ecdsa.utils.isValidPublicKey(point, false)) return undefined;
  return {
    algorithm,
    verify(signature, message) {
      if (signature.length !== 2 * coordinateBytes) return false;
      try {
        // S above half of the order is good in COSE as in FIPS 186-5; what is signed twice is the same update.
        return ecdsa.verify(signature, message, point, { lowS: false, prehash: true, format: 'compact' });
      } catch {
        return false;
      }
    },
  };
}

function openRsa(key: ReadonlyMap<unknown, unknown>): VerifyingKey | undefined {
  const [modulus, exponent] = [key.get(-1), key.get(-2)];
  if (!(modulus instanceof Uint8Array) || !(exponent instanceof Uint8Array)) return undefined;
  if (modulus.length < RSA_LEAST_BYTES || modulus.length > RSA_MOST_BYTES || modulus[0] < 0x80) return undefined;
  if (exponent.length !== RSA_EXPONENT.length || exponent.some((byte, k) => byte !== RSA_EXPONENT[k])) return undefined;
  return { algorithm: 'PS256', verify: (signature, message) => verifyPss(signature, message, modulus) };
}

/** x and y: big endian, as long as the curve has it. */
export function ecdsaKey(algorithm: AlgorithmName, x: Uint8Array, y: Uint8Array): Uint8Array | undefined {
  const curve = CURVES.find((one) => one.algorithm === algorithm);
  if (curve === undefined) return undefined;
  return encodeDeterministic(
    new Map<number, number | Uint8Array>([
      [KTY, KTY_EC2],
      [-1, curve.number],
      [-2, x],
      [-3, y],
    ]),
  );
}

/** modulus: big endian, without zeros before it. The exponent is 65537. */
export function rsaKey(modulus: Uint8Array): Uint8Array {
  return encodeDeterministic(
    new Map<number, number | Uint8Array>([
      [KTY, KTY_RSA],
      [-1, modulus],
      [-2, RSA_EXPONENT],
    ]),
  );
}

/** By the rules of RFC 8032, not the laxer ZIP 215. */
export function verifyEd25519(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (publicKey.length !== ED25519_BYTES || signature.length !== 64) return false;
  try {
    return ed25519.verify(signature, message, publicKey, { zip215: false });
  } catch {
    return false;
  }
}
