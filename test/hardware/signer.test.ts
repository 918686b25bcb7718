import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyEd25519 } from '#codec/package/keys.ts';
import {
  createFileSigner,
  openFileSigner,
  publicKeyFromPem,
  publicKeyToPem,
  readPublicKey,
  writePublicKey,
} from '#hardware/hsm/file.ts';

/** RFC 8410 clause 10.3 (private key) and 10.1 (public key). */
const RFC_8410_PRIVATE = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
`;
const RFC_8410_PUBLIC = `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
`;

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'carillon-'));
  path = join(folder, 'release.pem');
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('a signer in a file', () => {
  it('takes the key of RFC 8410 and has the public key that belongs to it', async () => {
    await writeFile(path, RFC_8410_PRIVATE, { mode: 0o600 });
    const signer = await openFileSigner(path);
    expect(publicKeyToPem(signer.publicKey)).toBe(RFC_8410_PUBLIC);
    expect(Buffer.from(signer.keyId)).toEqual(createHash('sha256').update(signer.publicKey).digest().subarray(0, 8));
    const message = new TextEncoder().encode('hello');
    const signature = await signer.sign(message);
    expect(verifyEd25519(signature, message, signer.publicKey)).toBe(true);
    expect(verify(null, message, createPublicKey(RFC_8410_PUBLIC), signature)).toBe(true);
  });

  it('makes a key that only its owner can read, and never overwrites one', async () => {
    const made = await createFileSigner(path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await openFileSigner(path)).publicKey).toEqual(made.publicKey);
    const before = await readFile(path, 'utf8');
    await expect(createFileSigner(path)).rejects.toMatchObject({ code: 'KEY_EXISTS' });
    expect(await readFile(path, 'utf8')).toBe(before);
  });

  it.each([0o644, 0o640, 0o604, 0o610, 0o601, 0o660])('refuses a key file of mode %o', async (mode) => {
    await createFileSigner(path);
    await chmod(path, mode);
    await expect(openFileSigner(path)).rejects.toMatchObject({
      code: 'KEY_EXPOSED',
      message: expect.stringContaining('0600'),
    });
    await chmod(path, 0o400);
    await expect(openFileSigner(path)).resolves.toBeDefined();
  });

  it('refuses what is no key to sign with, and says which file', async () => {
    await expect(openFileSigner(path)).rejects.toMatchObject({
      code: 'KEY_UNREADABLE',
      message: expect.stringContaining(path),
    });
    await writeFile(path, 'nonsense', { mode: 0o600 });
    await expect(openFileSigner(path)).rejects.toMatchObject({ code: 'KEY_WRONG_TYPE' });
    const { privateKey, publicKey } = generateKeyPairSync('x25519');
    await writeFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    await expect(openFileSigner(path)).rejects.toMatchObject({ code: 'KEY_WRONG_TYPE' });
    const pem = publicKey.export({ type: 'spki', format: 'pem' });
    expect(() => publicKeyFromPem(pem)).toThrow(expect.objectContaining({ code: 'KEY_WRONG_TYPE' }));
  });

  it('keeps public keys as PEM, and private keys out of their places', async () => {
    const signer = await createFileSigner(path);
    const publicPath = join(folder, 'release.pub.pem');
    await writePublicKey(publicPath, signer.publicKey);
    expect(await readPublicKey(publicPath)).toEqual(signer.publicKey);
    await expect(readPublicKey(path)).rejects.toMatchObject({
      code: 'KEY_WRONG_TYPE',
      message: expect.stringContaining('private'),
    });
    await expect(readPublicKey(join(folder, 'none'))).rejects.toMatchObject({ code: 'KEY_UNREADABLE' });
  });
});
