/**
 * COSE_Sign1 (RFC 9052 clause 4.2) with EdDSA over Ed25519 (RFC 9053 clause 2.2), and only in one form:
 *
 *     D2                    tag 18
 *     84                    array of 4
 *        4D A2 01 27        protected: { 1: -8 (EdDSA),
 *              04 48 <8>                 4: kid }        the key is named under the signature, at no extra cost
 *        A0                 unprotected: { }             nothing in a package is outside the signature
 *        58 nn <payload>
 *        58 40 <64>         signature
 */

import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { MisuseError } from '../misuse.ts';
import { bytesEqual } from '../bytes.ts';
import { decodeStrict, encodeDeterministic } from './cbor.ts';

/** RFC 9052 clause 3.1. */
const HEADER_ALG = 1;
const HEADER_KID = 4;
/** RFC 9053 table 2. */
const ALG_EDDSA = -8;
/** RFC 9052 table 1. */
const TAG_SIGN1 = 0xd2;
const ARRAY_OF_4 = 0x84;
const EMPTY_MAP = 0xa0;
const MAJOR_BYTES = 2;

const KEY_ID_BYTES = 8;
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** Room for what a later algorithm wants to say. */
const MAX_PROTECTED_BYTES = 64;

/** What signing needs of a `Signer`; the key itself never comes near. */
export interface PackageSigner {
  readonly keyId: Uint8Array;
  sign(message: Uint8Array): Promise<Uint8Array>;
}

export interface Sign1 {
  readonly protectedBytes: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  /** All of the COSE_Sign1; what follows it in the file is not part of it. */
  readonly lengthBytes: number;
}

export type Sign1Fault = 'not-a-package' | 'unsupported-algorithm' | 'unknown-key' | 'bad-signature';
type FaultResult<F> = { readonly kind: 'fault'; readonly fault: F; readonly detail: string };

/** COSE `kid` of a raw Ed25519 public key: the first 8 bytes of its SHA-256. */
export function keyIdOf(publicKey: Uint8Array): Uint8Array {
  return sha256(publicKey).slice(0, KEY_ID_BYTES);
}

/** Sig_structure of RFC 9052 clause 4.4 with empty external_aad. */
export function sigStructure(protectedBytes: Uint8Array, payload: Uint8Array): Uint8Array {
  return encodeDeterministic(['Signature1', protectedBytes, new Uint8Array(0), payload]);
}

export async function signSign1(payload: Uint8Array, signer: PackageSigner): Promise<Uint8Array> {
  if (signer.keyId.length !== KEY_ID_BYTES)
    throw new MisuseError('KEY_ID', `A key identifier has ${KEY_ID_BYTES} bytes, not ${signer.keyId.length}.`);
  const protectedBytes = encodeDeterministic(
    new Map<number, number | Uint8Array>([
      [HEADER_ALG, ALG_EDDSA],
      [HEADER_KID, Uint8Array.from(signer.keyId)],
    ]),
  );
  const signature = Uint8Array.from(await signer.sign(sigStructure(protectedBytes, payload)));
  if (signature.length !== SIGNATURE_BYTES)
    throw new MisuseError(
      'SIGNATURE_LENGTH',
      `The signer gave ${signature.length} bytes instead of an Ed25519 signature.`,
    );
  const body = encodeDeterministic([protectedBytes, new Map(), payload, signature]);
  const bytes = new Uint8Array(1 + body.length);
  bytes[0] = TAG_SIGN1;
  bytes.set(body, 1);
  return bytes;
}

function notAPackage(detail: string): FaultResult<'not-a-package'> {
  return { kind: 'fault', fault: 'not-a-package', detail };
}

/** Framing only: nothing inside the payload is looked at, and nothing is believed. */
export function parseSign1(
  bytes: Uint8Array,
  maxPayloadBytes: number,
): { readonly kind: 'sign1'; readonly sign1: Sign1 } | FaultResult<'not-a-package'> {
  if (bytes[0] !== TAG_SIGN1 || bytes[1] !== ARRAY_OF_4) return notAPackage('it does not begin with a COSE_Sign1');
  const protectedItem = byteString(bytes, 2, MAX_PROTECTED_BYTES);
  if (protectedItem === undefined) return notAPackage('its protected header is not a short byte string');
  if (bytes[protectedItem.end] !== EMPTY_MAP) return notAPackage('it has an unprotected header');
  const payload = byteString(bytes, protectedItem.end + 1, maxPayloadBytes);
  if (payload === undefined)
    return notAPackage(`its manifest is not a byte string of at most ${maxPayloadBytes} bytes`);
  const signature = byteString(bytes, payload.end, SIGNATURE_BYTES);
  if (signature?.content.length !== SIGNATURE_BYTES)
    return notAPackage(`its signature is not ${SIGNATURE_BYTES} bytes long`);
  return {
    kind: 'sign1',
    sign1: {
      protectedBytes: protectedItem.content,
      payload: payload.content,
      signature: signature.content,
      lengthBytes: signature.end,
    },
  };
}

/** The definite, shortest-form byte string at `at`; undefined for anything else, and past the end. */
function byteString(bytes: Uint8Array, at: number, maxBytes: number): { content: Uint8Array; end: number } | undefined {
  const head = bytes[at];
  if (head === undefined || head >> 5 !== MAJOR_BYTES) return undefined;
  const minor = head & 0x1f;
  const extraBytes = minor < 24 ? 0 : minor === 24 ? 1 : minor === 25 ? 2 : -1;
  if (extraBytes === -1 || at + 1 + extraBytes > bytes.length) return undefined;
  let length = minor;
  if (extraBytes === 1) length = bytes[at + 1];
  if (extraBytes === 2) length = (bytes[at + 1] << 8) | bytes[at + 2];
  const shortest = length < 24 ? 0 : length < 256 ? 1 : 2;
  if (shortest !== extraBytes || length > maxBytes) return undefined;
  const start = at + 1 + extraBytes;
  if (start + length > bytes.length) return undefined;
  return { content: bytes.subarray(start, start + length), end: start + length };
}

/** The key that a message claims to be signed with. */
export function keyIdIn(
  sign1: Sign1,
): { readonly kind: 'key-id'; readonly keyId: Uint8Array } | FaultResult<'not-a-package' | 'unsupported-algorithm'> {
  const header = decodeStrict(sign1.protectedBytes);
  if (header.kind === 'fault' || !(header.value instanceof Map))
    return notAPackage('its protected header is not a map');
  const algorithm: unknown = header.value.get(HEADER_ALG);
  if (algorithm !== ALG_EDDSA)
    return { kind: 'fault', fault: 'unsupported-algorithm', detail: `COSE algorithm ${describe(algorithm)}` };
  const keyId: unknown = header.value.get(HEADER_KID);
  // More than these two (`crit`, a content type) could change the meaning of the rest.
  if (header.value.size !== 2 || !(keyId instanceof Uint8Array) || keyId.length !== KEY_ID_BYTES)
    return notAPackage('its protected header has other than two known entries');
  return { kind: 'key-id', keyId };
}

function describe(value: unknown): string {
  return typeof value === 'number' ? String(value) : 'missing or not a number';
}

/** Checks the signature with the trusted key that the message names. */
export function verifySign1(
  sign1: Sign1,
  trustedKeys: readonly Uint8Array[],
): { readonly kind: 'verified'; readonly publicKey: Uint8Array } | FaultResult<Sign1Fault> {
  const named = keyIdIn(sign1);
  if (named.kind === 'fault') return named;
  const candidates = trustedKeys.filter((key) => bytesEqual(keyIdOf(key), named.keyId));
  if (candidates.length === 0) return { kind: 'fault', fault: 'unknown-key', detail: `key ${named.keyId.toHex()}` };
  const message = sigStructure(sign1.protectedBytes, sign1.payload);
  const publicKey = candidates.find((key) => verifyEd25519(sign1.signature, message, key));
  return publicKey === undefined
    ? { kind: 'fault', fault: 'bad-signature', detail: `key ${named.keyId.toHex()}` }
    : { kind: 'verified', publicKey };
}

/** By the rules of RFC 8032, not the laxer ZIP 215. */
export function verifyEd25519(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  try {
    return ed25519.verify(signature, message, publicKey, { zip215: false });
  } catch {
    return false;
  }
}
