/**
 * The sealed package, sealed and opened:
 *
 *     | COSE_Sign1 or COSE_Sign with the manifest inside | payload 0 as sent | payload 1 as sent | ... |
 *
 * The order of the checks is the order of the code below: nothing behind a check is looked at before it has passed.
 */

import { sha256 } from '@noble/hashes/sha2.js';
import { MisuseError } from '../misuse.ts';
import { bytesEqual } from '../bytes.ts';
import { encodeManifest, type Manifest, MAX_MANIFEST_BYTES, parseManifest } from './manifest.ts';
import { type Refused, refused } from './refusal.ts';
import { keyIdOf } from './keys.ts';
import { keyIdIn, type PackageSigner, parseSigned, signPayload, verifySigned } from './sign.ts';

export interface OpenedPackage {
  readonly kind: 'opened';
  readonly manifest: Manifest;
  /** `kid` of the trusted keys that signed it. */
  readonly signedBy: readonly Uint8Array[];
  /** The payload as it was sent, a view into the package. Throws for an index that the manifest does not have. */
  payloadAt(index: number): Uint8Array;
}

export async function sealPackage(
  manifest: Manifest,
  payloads: readonly Uint8Array[],
  ...signers: readonly [PackageSigner, ...PackageSigner[]]
): Promise<Uint8Array> {
  if (payloads.length !== manifest.payloads.length)
    throw wrongPayloads(`the manifest describes ${manifest.payloads.length} payloads, ${payloads.length} were given`);
  for (const [i, described] of manifest.payloads.entries()) {
    const payload = payloads[i];
    if (payload.length !== described.sizeOnAirBytes || !bytesEqual(sha256(payload), described.sha256OnAir))
      throw wrongPayloads(`payload ${i} is not the one that the manifest describes`);
  }
  const head = await signPayload(encodeManifest(manifest), signers);
  const bytes = new Uint8Array(payloads.reduce((size, payload) => size + payload.length, head.length));
  bytes.set(head);
  let at = head.length;
  for (const payload of payloads) {
    bytes.set(payload, at);
    at += payload.length;
  }
  return bytes;
}

function wrongPayloads(detail: string): MisuseError {
  return new MisuseError('PAYLOADS', `This package cannot be sealed: ${detail}.`);
}

/** Opens a package if `leastSignatures` of `trustedKeys` (as keys.ts has them) signed it and every byte is the one that was signed. */
export function openPackage(
  bytes: Uint8Array,
  trustedKeys: readonly Uint8Array[],
  leastSignatures = 1,
): OpenedPackage | Refused {
  const framing = parseSigned(bytes, MAX_MANIFEST_BYTES);
  if (framing.kind === 'fault') return refused(framing.fault, framing.detail);
  const { signed } = framing;

  // Against an arbitrary install: no trusted key, no further reading.
  const verified = verifySigned(signed, trustedKeys, leastSignatures);
  if (verified.kind === 'fault') return refused(verified.fault, verified.detail);

  const parsed = parseManifest(signed.payload);
  if (parsed.kind === 'fault') return refused('bad-manifest', parsed.detail);
  const { manifest } = parsed;

  // Against endless data: the sizes are signed.
  const starts: number[] = [signed.lengthBytes];
  for (const payload of manifest.payloads) starts.push((starts.at(-1) ?? 0) + payload.sizeOnAirBytes);
  const expectedBytes = starts.at(-1) ?? 0;
  if (bytes.length !== expectedBytes)
    return refused('wrong-size', `${bytes.length} bytes, the manifest says ${expectedBytes}`);

  // Against mixing payloads of different packages.
  for (const [i, payload] of manifest.payloads.entries())
    if (!bytesEqual(sha256(bytes.subarray(starts[i], starts[i + 1])), payload.sha256OnAir))
      return refused('payload-damaged', `payload ${i} for ${payload.target}`);

  return {
    kind: 'opened',
    manifest,
    signedBy: verified.publicKeys.map(keyIdOf),
    payloadAt(index) {
      if (manifest.payloads[index] === undefined)
        throw new MisuseError('PAYLOAD_INDEX', `The package has no payload ${index}.`);
      return bytes.subarray(starts[index], starts[index + 1]);
    },
  };
}

/** What a package says of itself, believed by nobody: for display and for choosing what to receive. */
export type PeekedManifest =
  | {
      readonly kind: 'untrusted';
      readonly untrustedManifest: Manifest;
      readonly untrustedKeyIds: readonly Uint8Array[];
      /** Manifest and signature together, what a package costs before its first payload byte. */
      readonly headBytes: number;
    }
  | { readonly kind: 'fault'; readonly detail: string };

/** Reads the manifest WITHOUT checking the signature. Never install from it. */
export function peekManifest(bytes: Uint8Array): PeekedManifest {
  const framing = parseSigned(bytes, MAX_MANIFEST_BYTES);
  if (framing.kind === 'fault') return { kind: 'fault', detail: framing.detail };
  const { payload, signatures, lengthBytes } = framing.signed;
  const untrustedKeyIds: Uint8Array[] = [];
  for (const { protectedBytes } of signatures) {
    const named = keyIdIn(protectedBytes);
    if (named.kind === 'fault') return { kind: 'fault', detail: named.detail };
    untrustedKeyIds.push(named.keyId);
  }
  const parsed = parseManifest(payload);
  if (parsed.kind === 'fault') return parsed;
  return {
    kind: 'untrusted',
    untrustedManifest: parsed.manifest,
    untrustedKeyIds,
    headBytes: lengthBytes,
  };
}
