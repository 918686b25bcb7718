import { createHash, createPublicKey, verify } from 'node:crypto';
import * as fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeDeterministic } from '#codec/package/cbor.ts';
import type { MadePayload } from '#codec/package/payload.ts';
import { explainRefusal, REFUSAL_REASONS } from '#codec/package/refusal.ts';
import { openPackage, peekManifest, sealPackage } from '#codec/package/seal.ts';
import { signPayload, sigStructure } from '#codec/package/sign.ts';
import { publicKeyToPem } from '#hardware/hsm/file.ts';
import { content, deltaOf, fullOf, manifestFor, sealExample, signerFromSeed } from './example.ts';
import { unpacked } from './unpacked.ts';

const signer = signerFromSeed(1);
const stranger = signerFromSeed(2);
const trusted = [stranger.publicKey, signer.publicKey];
const old = content(1, 3000);
const next = Uint8Array.from(old);
next.set(content(3, 40), 1000);

let delta: MadePayload;
let full: MadePayload;
let sealed: Uint8Array;

beforeAll(async () => {
  delta = await deltaOf(old, next);
  full = fullOf(next);
  sealed = await sealExample([delta, full], signer);
});

function reasonOf(bytes: Uint8Array, keys: readonly Uint8Array[] = trusted): string {
  const result = openPackage(bytes, keys);
  return result.kind === 'refused' ? result.reason : result.kind;
}

describe('a sealed package', () => {
  it('opens to what was sealed', async () => {
    const opened = openPackage(sealed, trusted);
    if (opened.kind !== 'opened') throw new Error(explainRefusal(opened));
    expect(opened.manifest).toEqual(manifestFor([delta, full]));
    expect(opened.signedBy).toEqual([signer.keyId]);
    expect(opened.payloadAt(0)).toEqual(delta.bytes);
    expect(opened.payloadAt(1)).toEqual(full.bytes);
    expect(() => opened.payloadAt(2)).toThrow(expect.objectContaining({ code: 'PAYLOAD_INDEX' }));
    expect(await unpacked(opened.payloadAt(0), delta.described, old)).toEqual({
      kind: 'content',
      content: next,
    });
  });

  it('is one COSE_Sign1, then the payloads, and node:crypto finds the signature good at the documented offsets', () => {
    // docs/package.md: D2 84, 4D <13 bytes protected>, A0, 58 nn (59 nn nn from 256 on), manifest, 58 40 <64 bytes>.
    expect(sealed.subarray(0, 8).toHex()).toBe('d2844da201270448');
    const protectedBytes = sealed.subarray(3, 16);
    expect(sealed[16]).toBe(0xa0);
    expect(sealed[17]).toBe(0x58);
    const length = sealed[18];
    const manifest = sealed.subarray(19, 19 + length);
    expect(sealed.subarray(19 + length, 21 + length).toHex()).toBe('5840');
    const signature = sealed.subarray(21 + length, 85 + length);
    const key = createPublicKey(publicKeyToPem(signer.publicKey));
    expect(verify(null, sigStructure(protectedBytes, manifest), key, signature)).toBe(true);
    expect(sealed.length).toBe(85 + length + delta.bytes.length + full.bytes.length);
    expect(createHash('sha256').update(sealed.subarray(-full.bytes.length)).digest()).toEqual(
      Buffer.from(full.described.sha256OnAir),
    );
  });

  it('is refused, and never throws, with any one byte changed', async () => {
    const small = await sealExample([delta], signer);
    const reasons = new Map<string, number>();
    for (let at = 0; at < small.length; at++) {
      for (const flip of [0x01, 0x80]) {
        const bytes = small.slice();
        bytes[at] ^= flip;
        const reason = reasonOf(bytes);
        expect(REFUSAL_REASONS, `byte ${at} xor ${flip}`).toContain(reason);
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      }
    }
    // 16 bits of the key identifier, 272 or so of signature and manifest, the payload.
    expect([...reasons.keys()].toSorted()).toEqual([
      'bad-signature',
      'not-a-package',
      'payload-damaged',
      'unknown-key',
      'unsupported-algorithm',
    ]);
    expect(reasons.get('unknown-key')).toBe(16);
    expect(reasons.get('payload-damaged')).toBe(2 * delta.bytes.length);
  });

  it('is refused cut at any length and with anything behind it', () => {
    for (let length = 0; length < sealed.length; length += length < 500 ? 1 : 97)
      expect(reasonOf(sealed.subarray(0, length)), `${length} bytes`).toMatch(/not-a-package|wrong-size/);
    expect(reasonOf(Uint8Array.of(...sealed, 0))).toBe('wrong-size');
    expect(reasonOf(Uint8Array.of(...sealed, ...sealed))).toBe('wrong-size');
  });

  it('is refused without the key that signed it', () => {
    expect(reasonOf(sealed, [])).toBe('unknown-key');
    expect(reasonOf(sealed, [stranger.publicKey])).toBe('unknown-key');
  });

  it('is refused when another signer borrows the name of a trusted key', async () => {
    const forged = await sealExample([delta], { ...stranger, keyId: signer.keyId });
    expect(reasonOf(forged)).toBe('bad-signature');
  });

  it('is refused when its payloads come from another package of the same key', async () => {
    const other = await sealExample([await deltaOf(old, content(9, 3000))], signer);
    const peeked = peekManifest(other);
    if (peeked.kind !== 'untrusted') throw new Error(peeked.detail);
    const one = await sealExample([{ ...full }], signer);
    const onePeeked = peekManifest(one);
    if (onePeeked.kind !== 'untrusted') throw new Error(onePeeked.detail);
    const sameLength = content(5, full.bytes.length);
    expect(reasonOf(Uint8Array.of(...one.subarray(0, onePeeked.headBytes), ...sameLength))).toBe('payload-damaged');
    expect(reasonOf(Uint8Array.of(...one.subarray(0, onePeeked.headBytes), ...other.subarray(peeked.headBytes)))).toBe(
      'wrong-size',
    );
  });

  it('is refused when the signed manifest is nonsense', async () => {
    expect(reasonOf(await signPayload(encodeDeterministic(['hello']), [signer]))).toBe('bad-manifest');
    expect(reasonOf(await signPayload(new Uint8Array(0), [signer]))).toBe('bad-manifest');
  });

  it('does not let its manifest be parsed before the signature is known to be good', async () => {
    // The same nonsense from a stranger says nothing of the manifest.
    expect(reasonOf(await signPayload(encodeDeterministic(['hello']), [stranger]), [signer.publicKey])).toBe(
      'unknown-key',
    );
    expect(reasonOf(await signPayload(encodeDeterministic(['hello']), [{ ...stranger, keyId: signer.keyId }]))).toBe(
      'bad-signature',
    );
  });

  it('is not sealed with payloads that the manifest does not describe', async () => {
    const manifest = manifestFor([delta]);
    await expect(sealPackage(manifest, [], signer)).rejects.toMatchObject({ code: 'PAYLOADS' });
    await expect(sealPackage(manifest, [full.bytes], signer)).rejects.toMatchObject({ code: 'PAYLOADS' });
  });

  it('never throws when opened or peeked into as hostile bytes', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.uint8Array({ minLength: 1, maxLength: 8 }), fc.nat(400), (at, patch, keep) => {
        const bytes = sealed.slice(0, Math.max(at + patch.length, keep));
        bytes.set(patch, at);
        const result = openPackage(bytes, trusted);
        expect(result.kind === 'opened').toBe(Buffer.compare(bytes, sealed) === 0);
        peekManifest(bytes);
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
        const bytes = Uint8Array.of(0xd2, 0x84, ...tail);
        expect(openPackage(bytes, trusted).kind).toBe('refused');
        peekManifest(bytes);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('peeking', () => {
  it('reads a manifest that nobody vouches for', async () => {
    const foreign = await sealExample([full], stranger, { version: '9' });
    expect(peekManifest(foreign)).toMatchObject({
      kind: 'untrusted',
      untrustedManifest: { version: '9' },
      untrustedKeyIds: [stranger.keyId],
      headBytes: foreign.length - full.bytes.length,
    });
    expect(peekManifest(new Uint8Array(0))).toMatchObject({ kind: 'fault' });
  });
});

describe('what a release costs on air before its first payload byte', () => {
  it('is below 260 bytes for one delta, and about 85 bytes for each further one', async () => {
    // The sizes of a real image, so that their numbers are as long as they really are.
    const described = {
      ...delta.described,
      sizeOnAirBytes: delta.bytes.length,
      sizeInstalledBytes: 12_000_000,
      base: { sha256: new Uint8Array(32), sizeBytes: 12_000_000 },
    };
    const headBytes = async (count: number): Promise<number> => {
      const many = Array.from({ length: count }, (_, i) => ({
        bytes: delta.bytes,
        described: { ...described, base: { ...described.base, sha256: new Uint8Array(32).fill(i) } },
      }));
      const peeked = peekManifest(await sealExample(many, signer));
      if (peeked.kind !== 'untrusted') throw new Error(peeked.detail);
      return peeked.headBytes;
    };
    const one = await headBytes(1);
    const two = await headBytes(2);
    const four = await headBytes(4);
    process.stderr.write(`manifest and signature: ${one} B with one delta, ${two} B with two, ${four} B with four\n`);
    expect(one).toBeLessThan(260);
    expect(two - one).toBeLessThan(90);
    expect(four).toBeLessThan(520);
  });
});
