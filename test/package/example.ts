/** Packages for tests: small, deterministic, signed with a key that the test knows. */

import { createHash, createPrivateKey, sign } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { deltaPayload, fullPayload, type MadePayload } from '#codec/package/payload.ts';
import type { Manifest } from '#codec/package/manifest.ts';
import { sealPackage } from '#codec/package/seal.ts';
import type { Signer } from '#hardware/contracts.ts';
import { nativeZstd } from '#hardware/native/zstd.ts';

/** Signs with node:crypto, so that every package in the tests is verified by another implementation than made it. */
export function signerFromSeed(seed: number): Signer {
  const secret = new Uint8Array(32).fill(seed);
  const publicKey = ed25519.getPublicKey(secret);
  const key = createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), secret]),
    format: 'der',
    type: 'pkcs8',
  });
  return {
    keyId: Uint8Array.from(createHash('sha256').update(publicKey).digest().subarray(0, 8)),
    publicKey,
    sign: async (message) => Uint8Array.from(sign(null, message, key)),
  };
}

/** A fixed stream of bytes (xorshift32), so that contents are the same in every run. */
export function content(seed: number, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  let x = (seed * 2_654_435_761) >>> 0 || 1;
  for (let i = 0; i < lengthBytes; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    bytes[i] = x >>> 24;
  }
  return bytes;
}

export function manifestFor(payloads: readonly MadePayload[], changes: Partial<Manifest> = {}): Manifest {
  return {
    format: 1,
    vendor: 'example.com',
    deviceType: 'RaspberryPi3A_42',
    version: '1.4.2',
    sequence: 42,
    kind: 'image',
    payloads: payloads.map((payload) => payload.described),
    ...changes,
  };
}

export async function sealExample(
  payloads: readonly MadePayload[],
  signer: Signer,
  changes: Partial<Manifest> = {},
): Promise<Uint8Array> {
  return sealPackage(
    manifestFor(payloads, changes),
    payloads.map((payload) => payload.bytes),
    signer,
  );
}

export const fullOf = (bytes: Uint8Array): MadePayload => fullPayload(bytes, nativeZstd);
export const deltaOf = (from: Uint8Array, to: Uint8Array): Promise<MadePayload> => deltaPayload(from, to, nativeZstd);
