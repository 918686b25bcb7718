import { createPublicKey, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { keyIdOf, verifyEd25519 } from '#codec/package/keys.ts';
import { keyIdIn, parseSigned, type Signed, signPayload, sigStructure, verifySigned } from '#codec/package/sign.ts';
import { publicKeyToPem } from '#hardware/hsm/file.ts';
import { signerFromSeed } from './example.ts';

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text);
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** RFC 8032 clause 7.1, TEST 1, 2, 3 and SHA(abc). */
const RFC_8032: [publicKey: string, message: string, signature: string][] = [
  [
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
  [
    'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
  ],
];

/** github.com/cose-wg/Examples, eddsa-examples/eddsa-sig-01.json (Ed25519, COSE_Sign1), commit 53c9d63. */
const COSE_WG = {
  publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  protectedBytes: 'a201270300',
  payload: 'This is the content.',
  toBeSigned: '846a5369676e61747572653145a2012703004054546869732069732074686520636f6e74656e742e',
  signature:
    '7142fd2ff96d56db85bee905a76ba1d0b7321a95c8c4d3607c5781932b7afb8711497dfa751bf40b58b3bcc32300b1487f3db34085eef013bf08f4a44d6fef0d',
  whole:
    'd28445a201270300a10442313154546869732069732074686520636f6e74656e742e58407142fd2ff96d56db85bee905a76ba1d0b7321a95c8c4d3607c5781932b7afb8711497dfa751bf40b58b3bcc32300b1487f3db34085eef013bf08f4a44d6fef0d',
};

describe('Ed25519', () => {
  it.each(RFC_8032)('verifies RFC 8032 clause 7.1, key %s', (publicKey, message, signature) => {
    expect(verifyEd25519(hex(signature), hex(message), hex(publicKey))).toBe(true);
    expect(verifyEd25519(hex(signature), hex(`${message}00`), hex(publicKey))).toBe(false);
  });

  it('refuses wrong lengths, a point that is none, and S + L (RFC 8032 clause 5.1.7)', () => {
    const [publicKey, message, signature] = RFC_8032[1].map(hex) as [Uint8Array, Uint8Array, Uint8Array];
    expect(verifyEd25519(signature.subarray(1), message, publicKey)).toBe(false);
    expect(verifyEd25519(signature, message, publicKey.subarray(1))).toBe(false);
    expect(verifyEd25519(signature, message, new Uint8Array(32).fill(0xff))).toBe(false);
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const s = BigInt(`0x${signature.slice(32).toReversed().toHex()}`) + order;
    const malleable = Uint8Array.of(
      ...signature.subarray(0, 32),
      ...hex(s.toString(16).padStart(64, '0')).toReversed(),
    );
    expect(verifyEd25519(malleable, message, publicKey)).toBe(false);
  });
});

describe('COSE_Sign1', () => {
  it('builds the Sig_structure of the cose-wg example, and verifies its signature', () => {
    const structure = sigStructure(hex(COSE_WG.protectedBytes), utf8(COSE_WG.payload));
    expect(structure.toHex()).toBe(COSE_WG.toBeSigned);
    expect(verifyEd25519(hex(COSE_WG.signature), structure, hex(COSE_WG.publicKey))).toBe(true);
  });

  it('has the framing of the cose-wg example, except that it allows no unprotected header', () => {
    expect(parseSigned(hex(COSE_WG.whole), 100)).toMatchObject({
      fault: 'not-a-package',
      detail: /unprotected/ as never,
    });
    const withoutKid = hex(COSE_WG.whole.replace('a104423131', 'a0'));
    const parsed = parseSigned(withoutKid, 100);
    expect(parsed).toMatchObject({
      kind: 'signed',
      signed: {
        payload: utf8(COSE_WG.payload),
        signatures: [{ signature: hex(COSE_WG.signature) }],
        lengthBytes: withoutKid.length,
      },
    });
  });

  it('signs what node:crypto verifies, over exactly its Sig_structure', async () => {
    const signer = signerFromSeed(1);
    const payload = utf8('manifest');
    const bytes = await signPayload(payload, [signer]);
    const parsed = parseSigned(bytes, 100);
    if (parsed.kind !== 'signed') throw new Error(parsed.detail);
    expect(parsed.signed.lengthBytes).toBe(bytes.length);
    const [{ protectedBytes, signature }] = parsed.signed.signatures;
    expect(protectedBytes.toHex()).toBe(`a2012704 48${signer.keyId.toHex()}`.replaceAll(' ', ''));
    const key = createPublicKey(publicKeyToPem(signer.publicKey));
    expect(verify(null, sigStructure(protectedBytes, payload), key, signature)).toBe(true);
    expect(verifySigned(parsed.signed, [signerFromSeed(2).publicKey, signer.publicKey])).toEqual({
      kind: 'verified',
      publicKeys: [signer.publicKey],
    });
    expect(verifySigned(parsed.signed, [signerFromSeed(2).publicKey])).toMatchObject({ fault: 'unknown-key' });
    expect(verifySigned(parsed.signed, [])).toMatchObject({ fault: 'unknown-key' });
  });

  it.each([
    ['a1013a000100fe', 'unsupported-algorithm', 'RS256 with SHA-1'],
    ['a10138ff', 'unsupported-algorithm', 'nothing that is registered'],
    ['a0', 'unsupported-algorithm', 'no algorithm'],
    ['a10127', 'not-a-package', 'no key identifier'],
    ['a3012702810104480000000000000000', 'not-a-package', 'a critical header'],
    ['a2012704470000000000000000', 'not-a-package', 'a key identifier of another length'],
    ['a204480000000000000000 0127', 'not-a-package', 'headers out of order'],
    ['80', 'not-a-package', 'no map'],
    ['', 'not-a-package', 'nothing'],
  ])('refuses the protected header %s as %s: %s', (protectedHex, fault) => {
    const protectedBytes = hex(protectedHex.replaceAll(' ', ''));
    const signed = { payload: utf8('x'), signatures: [{ protectedBytes, signature: new Uint8Array(64) }] };
    expect(keyIdIn(protectedBytes)).toMatchObject({ kind: 'fault', fault });
    expect(verifySigned(signed, [signerFromSeed(1).publicKey])).toMatchObject({ kind: 'fault', fault });
  });

  it('names keys by the first 8 bytes of their SHA-256', () => {
    expect(keyIdOf(signerFromSeed(1).publicKey)).toEqual(signerFromSeed(1).keyId);
  });

  it('throws for a signer that does not keep its contract', async () => {
    const signer = signerFromSeed(1);
    await expect(signPayload(utf8('x'), [{ ...signer, keyId: new Uint8Array(4) }])).rejects.toMatchObject({
      code: 'KEY_ID',
    });
    await expect(signPayload(utf8('x'), [{ ...signer, sign: async () => new Uint8Array(70) }])).rejects.toMatchObject({
      code: 'SIGNATURE_LENGTH',
    });
  });
});

function parsed(bytes: Uint8Array): Signed {
  const result = parseSigned(bytes, 100);
  if (result.kind !== 'signed') throw new Error(result.detail);
  return result.signed;
}

describe('COSE_Sign', () => {
  const signers = [1, 2, 3].map(signerFromSeed);
  const keys = signers.map(({ publicKey }) => publicKey);
  const payload = utf8('manifest');

  async function signedBy(...who: readonly [number, ...number[]]): Promise<Uint8Array> {
    const [first, ...others] = who.map((k) => signers[k]);
    return signPayload(payload, [first, ...others]);
  }

  it('has the form of RFC 9052 clause 4.1, and node:crypto verifies each signature over its Sig_structure', async () => {
    const bytes = await signedBy(0, 1);
    expect(bytes.subarray(0, 5).toHex()).toBe('d8628440a0');
    const { signatures, lengthBytes } = parsed(bytes);
    expect(lengthBytes).toBe(bytes.length);
    for (const [k, { protectedBytes, signature }] of signatures.entries()) {
      const structure = `8569${Buffer.from('Signature').toString('hex')}404d${protectedBytes.toHex()}4048${payload.toHex()}`;
      const key = createPublicKey(publicKeyToPem(keys[k]));
      expect(verify(null, hex(structure), key, signature)).toBe(true);
    }
    // A second signature is 83 bytes: its header, and 64.
    expect(bytes.length - (await signedBy(0)).length).toBe(87);
  });

  it('needs as many trusted keys as are asked for, and no more', async () => {
    const both = parsed(await signedBy(0, 1));
    expect(verifySigned(both, keys, 2)).toEqual({ kind: 'verified', publicKeys: [keys[0], keys[1]] });
    expect(verifySigned(both, keys, 3)).toMatchObject({ fault: 'too-few-signatures', detail: '2 of 3' });
    expect(verifySigned(both, [keys[0]], 1)).toEqual({ kind: 'verified', publicKeys: [keys[0]] });
    expect(verifySigned(both, [keys[0], keys[0]], 2)).toMatchObject({ fault: 'too-few-signatures', detail: '1 of 2' });
    expect(verifySigned(both, [keys[2]], 1)).toMatchObject({ fault: 'unknown-key' });
    expect(verifySigned(parsed(await signedBy(0)), keys, 2)).toMatchObject({ fault: 'too-few-signatures' });
  });

  it('is refused with a wrong signature of a trusted key beside good ones, and twice signed by one', async () => {
    const { signatures } = parsed(await signedBy(0, 1, 2));
    const [first, second, third] = signatures;
    const forged = { ...third, signature: second.signature };
    expect(verifySigned({ payload, signatures: [first, second, forged] }, keys, 2)).toMatchObject({
      fault: 'bad-signature',
    });
    expect(verifySigned({ payload, signatures: [first, first] }, keys, 2)).toMatchObject({ fault: 'not-a-package' });
    await expect(signPayload(payload, [signers[0], signers[0]])).rejects.toMatchObject({ code: 'SIGNERS' });
  });

  it('does not let a signature of one form stand in the other', async () => {
    const [alone] = parsed(await signedBy(0)).signatures;
    const [first, second] = parsed(await signedBy(0, 1)).signatures;
    expect(verifySigned({ payload, signatures: [alone, second] }, keys, 1)).toMatchObject({ fault: 'bad-signature' });
    expect(verifySigned({ payload, signatures: [first] }, keys, 1)).toMatchObject({ fault: 'bad-signature' });
  });

  it('is parsed in its one form, from any bytes, without an exception', async () => {
    const bytes = await signedBy(0, 1);
    for (let length = 0; length < bytes.length; length++)
      expect(parseSigned(bytes.subarray(0, length), 100), `${length} bytes`).toMatchObject({ fault: 'not-a-package' });
    for (let at = 0; at < bytes.length; at++)
      for (let bit = 0; bit < 8; bit++) {
        const damaged = bytes.slice();
        damaged[at] ^= 1 << bit;
        const result = parseSigned(damaged, 100);
        const verdict = result.kind === 'signed' ? verifySigned(result.signed, keys, 2).kind : result.kind;
        expect(verdict, `byte ${at}, bit ${bit}`).toBe('fault');
      }
  });
});
