/** RSASSA-PSS with SHA-256 (RFC 8017 clauses 8.1.2 and 9.1.2), as PS256 of COSE has it: MGF1 with SHA-256, a salt of 32 bytes, exponent 65537. */

import { sha256 } from '@noble/hashes/sha2.js';
import { bytesEqual, joined } from '../bytes.ts';

const HASH_BYTES = 32;
const SALT_BYTES = 32;
const TRAILER = 0xbc;
/** 65537 = 2^16 + 1. */
const SQUARINGS = 16;

/** modulus: big endian, its highest bit set. Never throws. Nothing here is secret. */
export function verifyPss(signature: Uint8Array, message: Uint8Array, modulus: Uint8Array): boolean {
  if (signature.length !== modulus.length) return false;
  const [s, n] = [numberOf(signature), numberOf(modulus)];
  if (s >= n) return false;
  return isEncodingOf(bytesOf(power65537(s, n), modulus.length), message);
}

/** encoded: one bit shorter than the modulus, so its highest bit must be 0. */
function isEncodingOf(encoded: Uint8Array, message: Uint8Array): boolean {
  if (encoded.at(-1) !== TRAILER || encoded[0] >= 0x80) return false;
  const maskedBytes = encoded.length - HASH_BYTES - 1;
  const hash = encoded.subarray(maskedBytes, maskedBytes + HASH_BYTES);
  const block = mask(hash, maskedBytes);
  for (let k = 0; k < maskedBytes; k++) block[k] ^= encoded[k];
  block[0] &= 0x7f;
  const saltAt = maskedBytes - SALT_BYTES;
  if (block[saltAt - 1] !== 1 || block.subarray(0, saltAt - 1).some((byte) => byte !== 0)) return false;
  return bytesEqual(hash, sha256(joined([new Uint8Array(8), sha256(message), block.subarray(saltAt)])));
}

/** MGF1 (RFC 8017 appendix B.2.1). */
function mask(seed: Uint8Array, sizeBytes: number): Uint8Array {
  const out = new Uint8Array(Math.ceil(sizeBytes / HASH_BYTES) * HASH_BYTES);
  const counted = joined([seed, new Uint8Array(4)]);
  for (let k = 0; k * HASH_BYTES < sizeBytes; k++) {
    counted[seed.length + 3] = k;
    out.set(sha256(counted), k * HASH_BYTES);
  }
  return out.subarray(0, sizeBytes);
}

function power65537(base: bigint, modulus: bigint): bigint {
  let power = base;
  for (let k = 0; k < SQUARINGS; k++) power = (power * power) % modulus;
  return (power * base) % modulus;
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${bytes.toHex()}`);
}

function bytesOf(number: bigint, sizeBytes: number): Uint8Array {
  return Uint8Array.fromHex(number.toString(16).padStart(2 * sizeBytes, '0'));
}
