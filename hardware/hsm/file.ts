/**
 * An Ed25519 signer whose private key is a PKCS#8 PEM file that nobody but its owner may read. For development and for
 * small installations; a PKCS#11 signer belongs beside it.
 */

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { chmod, open, readFile, writeFile } from 'node:fs/promises';
import { type AlgorithmName, ecdsaKey, keyIdOf, openKey, rsaKey } from '#codec/package/keys.ts';
import type { Signer } from '#hardware/contracts.ts';
import { HardwareError, systemCodeOf } from '../fault.ts';

const GROUP_AND_OTHERS = 0o077;
/** RFC 8410 clause 4: SubjectPublicKeyInfo of Ed25519 is these 12 bytes and the 32 bytes of the key. */
const SPKI_PREFIX = Uint8Array.fromHex('302a300506032b6570032100');

/** Opens the key file. Refuses a file that group or others could read: a key that may have been copied is not a key. */
export async function openFileSigner(path: string): Promise<Signer> {
  let pem: string;
  let mode: number;
  try {
    const file = await open(path, 'r');
    try {
      // From the open file, so that what was checked is what is read.
      ({ mode } = await file.stat());
      pem = await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new HardwareError('KEY_UNREADABLE', `The private key ${path} cannot be read.`, error);
  }
  if ((mode & GROUP_AND_OTHERS) !== 0)
    throw new HardwareError(
      'KEY_EXPOSED',
      `The private key ${path} can be read by others (mode ${(mode & 0o777).toString(8).padStart(4, '0')}). ` +
        `It was not used. Make it mode 0600, and replace it if someone may have copied it.`,
    );
  return signerOf(parseEd25519(() => createPrivateKey(pem), 'private', path));
}

/** Makes a new key in a new file of mode 0600. Never overwrites one. */
export async function createFileSigner(path: string): Promise<Signer> {
  const { privateKey } = generateKeyPairSync('ed25519');
  try {
    await writeFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), {
      mode: 0o600,
      flag: 'wx',
      flush: true,
    });
    await chmod(path, 0o600);
  } catch (error) {
    if (systemCodeOf(error) === 'EEXIST')
      throw new HardwareError('KEY_EXISTS', `${path} exists already and was left as it is.`, error);
    throw new HardwareError('KEY_UNREADABLE', `The private key ${path} cannot be written.`, error);
  }
  return signerOf(privateKey);
}

const EC_ALGORITHMS: Readonly<Record<string, AlgorithmName>> = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' };

function bytesOf(base64url = ''): Uint8Array {
  return Uint8Array.from(Buffer.from(base64url, 'base64url'));
}

function verifyingKey(key: KeyObject, path: string): Uint8Array {
  const type = key.asymmetricKeyType ?? 'unknown';
  if (type === 'ed25519') return rawPublicKey(key);
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  const known = ['ec', 'rsa', 'rsa-pss'].includes(type) && namedCurve !== 'secp256k1';
  const jwk = known ? key.export({ format: 'jwk' }) : {};
  const algorithm = EC_ALGORITHMS[jwk.crv ?? ''];
  const bytes = algorithm === undefined ? rsaKey(bytesOf(jwk.n)) : ecdsaKey(algorithm, bytesOf(jwk.x), bytesOf(jwk.y));
  if (bytes === undefined || openKey(bytes) === undefined)
    throw new HardwareError(
      'KEY_WRONG_TYPE',
      `${path} holds a key of type ${[type, namedCurve, modulusLength].filter((part) => part !== undefined).join(' ')}; ` +
        `accepted are Ed25519, P-256, P-384, P-521, and RSA of 2048 to 4096 bits with exponent 65537.`,
    );
  return bytes;
}

function parseKey(parse: () => KeyObject, half: 'private' | 'public', path: string): KeyObject {
  try {
    return parse();
  } catch (error) {
    throw new HardwareError('KEY_WRONG_TYPE', `${path} holds no ${half} key in PEM.`, error);
  }
}

function parseEd25519(parse: () => KeyObject, half: 'private' | 'public', path: string): KeyObject {
  const key = parseKey(parse, half, path);
  if (key.asymmetricKeyType !== 'ed25519')
    throw new HardwareError('KEY_WRONG_TYPE', `${path} holds a key of type ${key.asymmetricKeyType}, not Ed25519.`);
  return key;
}

function signerOf(privateKey: KeyObject): Signer {
  const publicKey = rawPublicKey(createPublicKey(privateKey));
  return {
    keyId: keyIdOf(publicKey),
    publicKey,
    sign: async (message) => Uint8Array.from(sign(null, message, privateKey)),
  };
}

function rawPublicKey(key: KeyObject): Uint8Array {
  return Uint8Array.from(key.export({ type: 'spki', format: 'der' }).subarray(SPKI_PREFIX.length));
}

/** A raw public key as a PEM file's text. */
export function publicKeyToPem(publicKey: Uint8Array): string {
  if (publicKey.length !== 32)
    throw new HardwareError('KEY_WRONG_TYPE', `An Ed25519 public key has 32 bytes, not ${publicKey.length}.`);
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), type: 'spki', format: 'der' });
  return key.export({ type: 'spki', format: 'pem' });
}

/** The public key in a PEM text, as codec/package/keys.ts has it. Refuses a private key: on a device it would be one that leaked. */
export function publicKeyFromPem(pem: string, path = 'the text'): Uint8Array {
  if (pem.includes('PRIVATE KEY'))
    throw new HardwareError('KEY_WRONG_TYPE', `${path} holds a private key; only the public one belongs here.`);
  return verifyingKey(
    parseKey(() => createPublicKey(pem), 'public', path),
    path,
  );
}

export async function readPublicKey(path: string): Promise<Uint8Array> {
  let pem: string;
  try {
    pem = await readFile(path, 'utf8');
  } catch (error) {
    throw new HardwareError('KEY_UNREADABLE', `The public key ${path} cannot be read.`, error);
  }
  return publicKeyFromPem(pem, path);
}

export async function writePublicKey(path: string, publicKey: Uint8Array): Promise<void> {
  await writeFile(path, publicKeyToPem(publicKey), { flush: true });
}
