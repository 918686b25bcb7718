/**
 * Signatures under COSE, and only in two forms. With one signature COSE_Sign1 (RFC 9052 clause 4.2):
 *
 *     D2                    tag 18
 *     84                    array of 4
 *        4D A2 01 27        protected: { 1: -8 (EdDSA),
 *              04 48 <8>                 4: kid }        the key is named under the signature, at no extra cost
 *        A0                 unprotected: { }             nothing in a package is outside the signature
 *        58 nn <payload>
 *        58 40 <64>         signature
 *
 * With several COSE_Sign (clause 4.1), each under its own header, no two by one key:
 *
 *     D8 62                 tag 98
 *     84                    array of 4
 *        40 A0              protected: empty, unprotected: { }
 *        58 nn <payload>
 *        8n                 array of 2 to 8
 *           83 4D <13> A0 58 40 <64>
 */

import { MisuseError } from '../misuse.ts';
import { bytesEqual, joined } from '../bytes.ts';
import { type CborValue, decodeStrict, encodeDeterministic } from './cbor.ts';
import { ALGORITHM, type AlgorithmName, KEY_ID_BYTES, keyIdOf, MAX_SIGNATURE_BYTES, openKey } from './keys.ts';

/** RFC 9052 clause 3.1. */
const HEADER_ALG = 1;
const HEADER_KID = 4;
/** RFC 9052 table 1: as CBOR has them. */
const TAG_SIGN1 = Uint8Array.of(0xd2);
const TAG_SIGN = Uint8Array.of(0xd8, 0x62);
const ARRAY = 0x80;
const EMPTY_BYTES = 0x40;
const EMPTY_MAP = 0xa0;
const MAJOR_BYTES = 2;
const NOTHING = new Uint8Array(0);

export const MAX_SIGNATURES = 8;
/** Room for what a later algorithm wants to say. */
const MAX_PROTECTED_BYTES = 64;
const ED25519_SIGNATURE_BYTES = 64;

/** What signing needs of a `Signer`; the key itself never comes near. */
export interface PackageSigner {
  readonly keyId: Uint8Array;
  /** Without it EdDSA. */
  readonly algorithm?: AlgorithmName;
  sign(message: Uint8Array): Promise<Uint8Array>;
}

export interface Signature {
  readonly protectedBytes: Uint8Array;
  readonly signature: Uint8Array;
}

export interface Signed {
  readonly payload: Uint8Array;
  /** At least one. One is COSE_Sign1. */
  readonly signatures: readonly Signature[];
  /** All of the COSE message; what follows it in the file is not part of it. */
  readonly lengthBytes: number;
}

export type SignedFault =
  | 'not-a-package'
  | 'unsupported-algorithm'
  | 'unknown-key'
  | 'bad-signature'
  | 'too-few-signatures';
type FaultResult<F> = { readonly kind: 'fault'; readonly fault: F; readonly detail: string };

/** Sig_structure of RFC 9052 clause 4.4 with empty external_aad; `alone` for COSE_Sign1. */
export function sigStructure(protectedBytes: Uint8Array, payload: Uint8Array, alone = true): Uint8Array {
  const structure: CborValue = alone
    ? ['Signature1', protectedBytes, NOTHING, payload]
    : ['Signature', NOTHING, protectedBytes, NOTHING, payload];
  return encodeDeterministic(structure);
}

/** One signer: COSE_Sign1. Several: COSE_Sign, in the order of the signers. */
export async function signPayload(
  payload: Uint8Array,
  signers: readonly [PackageSigner, ...PackageSigner[]],
): Promise<Uint8Array> {
  if (signers.length > MAX_SIGNATURES)
    throw new MisuseError('SIGNERS', `A package has at most ${MAX_SIGNATURES} signatures, not ${signers.length}.`);
  if (signers.some(({ keyId }, k) => signers.slice(0, k).some((other) => bytesEqual(other.keyId, keyId))))
    throw new MisuseError('SIGNERS', 'A package is signed once by each key.');
  const alone = signers.length === 1;
  const parts: CborValue[][] = [];
  for (const signer of signers) {
    const protectedBytes = protectedHeader(signer);
    const signature = Uint8Array.from(await signer.sign(sigStructure(protectedBytes, payload, alone)));
    const isEdDsa = (signer.algorithm ?? 'EdDSA') === 'EdDSA';
    if (signature.length > MAX_SIGNATURE_BYTES || (isEdDsa && signature.length !== ED25519_SIGNATURE_BYTES))
      throw new MisuseError(
        'SIGNATURE_LENGTH',
        `The signer gave ${signature.length} bytes instead of a signature of ${signer.algorithm ?? 'Ed25519'}.`,
      );
    parts.push([protectedBytes, new Map(), signature]);
  }
  const [[protectedBytes, , signature]] = parts;
  return alone
    ? joined([TAG_SIGN1, encodeDeterministic([protectedBytes, new Map(), payload, signature])])
    : joined([TAG_SIGN, encodeDeterministic([NOTHING, new Map(), payload, parts])]);
}

function protectedHeader({ keyId, algorithm = 'EdDSA' }: PackageSigner): Uint8Array {
  if (keyId.length !== KEY_ID_BYTES)
    throw new MisuseError('KEY_ID', `A key identifier has ${KEY_ID_BYTES} bytes, not ${keyId.length}.`);
  return encodeDeterministic(
    new Map<number, number | Uint8Array>([
      [HEADER_ALG, ALGORITHM[algorithm]],
      [HEADER_KID, Uint8Array.from(keyId)],
    ]),
  );
}

function notAPackage(detail: string): FaultResult<'not-a-package'> {
  return { kind: 'fault', fault: 'not-a-package', detail };
}

/** Reads heads, one after another. */
interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytesEqual(bytes.subarray(0, start.length), start);
}

/** Framing only: nothing inside the payload is looked at, and nothing is believed. */
export function parseSigned(
  bytes: Uint8Array,
  maxPayloadBytes: number,
): { readonly kind: 'signed'; readonly signed: Signed } | FaultResult<'not-a-package'> {
  const alone = startsWith(bytes, TAG_SIGN1);
  if (!alone && !startsWith(bytes, TAG_SIGN)) return notAPackage('it begins with no COSE signature');
  const from: Cursor = { bytes, at: (alone ? TAG_SIGN1 : TAG_SIGN).length };
  if (bytes[from.at++] !== (ARRAY | 4)) return notAPackage('it begins with no COSE signature');
  return alone ? parseAlone(from, maxPayloadBytes) : parseSeveral(from, maxPayloadBytes);
}

function parseAlone(from: Cursor, maxPayloadBytes: number): ReturnType<typeof parseSigned> {
  const protectedBytes = byteString(from, MAX_PROTECTED_BYTES);
  if (protectedBytes === undefined) return notAPackage('its protected header is not a short byte string');
  if (from.bytes[from.at++] !== EMPTY_MAP) return notAPackage('it has an unprotected header');
  const payload = byteString(from, maxPayloadBytes);
  if (payload === undefined) return noManifest(maxPayloadBytes);
  const signature = byteString(from, MAX_SIGNATURE_BYTES);
  if (signature === undefined) return notAPackage('its signature is not a short byte string');
  return signedOf(payload, [{ protectedBytes, signature }], from);
}

function parseSeveral(from: Cursor, maxPayloadBytes: number): ReturnType<typeof parseSigned> {
  if (from.bytes[from.at++] !== EMPTY_BYTES) return notAPackage('it has a protected header for all signatures');
  if (from.bytes[from.at++] !== EMPTY_MAP) return notAPackage('it has an unprotected header');
  const payload = byteString(from, maxPayloadBytes);
  if (payload === undefined) return noManifest(maxPayloadBytes);
  const count = (from.bytes[from.at++] ?? 0) - ARRAY;
  if (!(count >= 2 && count <= MAX_SIGNATURES)) return notAPackage(`it has not 2 to ${MAX_SIGNATURES} signatures`);
  const signatures: Signature[] = [];
  for (let k = 0; k < count; k++) {
    if (from.bytes[from.at++] !== (ARRAY | 3)) return notAPackage('a signature of it is not one');
    const protectedBytes = byteString(from, MAX_PROTECTED_BYTES);
    if (protectedBytes === undefined) return notAPackage('a protected header is not a short byte string');
    if (from.bytes[from.at++] !== EMPTY_MAP) return notAPackage('it has an unprotected header');
    const signature = byteString(from, MAX_SIGNATURE_BYTES);
    if (signature === undefined) return notAPackage('a signature is not a short byte string');
    signatures.push({ protectedBytes, signature });
  }
  return signedOf(payload, signatures, from);
}

function noManifest(maxPayloadBytes: number): FaultResult<'not-a-package'> {
  return notAPackage(`its manifest is not a byte string of at most ${maxPayloadBytes} bytes`);
}

function signedOf(
  payload: Uint8Array,
  signatures: readonly Signature[],
  { at }: Cursor,
): { readonly kind: 'signed'; readonly signed: Signed } {
  return { kind: 'signed', signed: { payload, signatures, lengthBytes: at } };
}

/** The definite, shortest-form byte string that comes next; undefined for anything else, and past the end. */
function byteString(from: Cursor, maxBytes: number): Uint8Array | undefined {
  const { bytes, at } = from;
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
  from.at = start + length;
  return bytes.subarray(start, start + length);
}

interface Named {
  readonly algorithm: number;
  readonly keyId: Uint8Array;
}

/** The key that a signature claims to be made with. */
export function keyIdIn(
  protectedBytes: Uint8Array,
): ({ readonly kind: 'key-id' } & Named) | FaultResult<'not-a-package' | 'unsupported-algorithm'> {
  const header = decodeStrict(protectedBytes);
  if (header.kind === 'fault' || !(header.value instanceof Map))
    return notAPackage('its protected header is not a map');
  const algorithm: unknown = header.value.get(HEADER_ALG);
  if (typeof algorithm !== 'number' || !Object.values<number>(ALGORITHM).includes(algorithm))
    return { kind: 'fault', fault: 'unsupported-algorithm', detail: `COSE algorithm ${describe(algorithm)}` };
  const keyId: unknown = header.value.get(HEADER_KID);
  // More than these two (`crit`, a content type) could change the meaning of the rest.
  if (header.value.size !== 2 || !(keyId instanceof Uint8Array) || keyId.length !== KEY_ID_BYTES)
    return notAPackage('its protected header has other than two known entries');
  return { kind: 'key-id', algorithm, keyId };
}

function describe(value: unknown): string {
  return typeof value === 'number' ? String(value) : 'missing or not a number';
}

/**
 * Checks the signatures of those trusted keys that the message names: `least` of them must have signed, and none of them wrongly. A signature
 * of a key that is not trusted counts for nothing.
 */
export function verifySigned(
  { payload, signatures }: Pick<Signed, 'payload' | 'signatures'>,
  trustedKeys: readonly Uint8Array[],
  least = 1,
): { readonly kind: 'verified'; readonly publicKeys: readonly Uint8Array[] } | FaultResult<SignedFault> {
  const publicKeys: Uint8Array[] = [];
  const unknown: string[] = [];
  const seen: Uint8Array[] = [];
  for (const { protectedBytes, signature } of signatures) {
    const named = keyIdIn(protectedBytes);
    if (named.kind === 'fault') return named;
    const { keyId, algorithm } = named;
    if (seen.some((other) => bytesEqual(other, keyId))) return notAPackage('it has two signatures of one key');
    seen.push(keyId);
    const candidates = trustedKeys.filter((key) => bytesEqual(keyIdOf(key), keyId));
    const message = candidates.length === 0 ? NOTHING : sigStructure(protectedBytes, payload, signatures.length === 1);
    const publicKey = candidates.find((key) => isSignedBy(key, algorithm, signature, message));
    if (publicKey !== undefined) publicKeys.push(publicKey);
    else if (candidates.length > 0) return { kind: 'fault', fault: 'bad-signature', detail: `key ${keyId.toHex()}` };
    else unknown.push(keyId.toHex());
  }
  if (publicKeys.length === 0) return { kind: 'fault', fault: 'unknown-key', detail: `key ${unknown.join(', ')}` };
  if (publicKeys.length < least)
    return { kind: 'fault', fault: 'too-few-signatures', detail: `${publicKeys.length} of ${least}` };
  return { kind: 'verified', publicKeys };
}

function isSignedBy(publicKey: Uint8Array, algorithm: number, signature: Uint8Array, message: Uint8Array): boolean {
  const key = openKey(publicKey);
  return key !== undefined && ALGORITHM[key.algorithm] === algorithm && key.verify(signature, message);
}
