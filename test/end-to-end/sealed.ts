import { generateKeyPairSync, sign } from 'node:crypto';
import { fullPayload } from '#codec/package/delta.ts';
import { sealPackage } from '#codec/package/seal.ts';
import { keyIdOf } from '#codec/package/sign.ts';
import { nativeZstd } from '#hardware/native/zstd.ts';

/** xorshift32: the same bytes for the same seed. */
function seededBytes(seed: number, length: number): Uint8Array {
  let state = seed >>> 0 || 1;
  return Uint8Array.from({ length }, () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state & 0xff;
  });
}

/** A real package around content that does not compress. */
export async function makeSealedPackage(contentBytes: number, seed: number): Promise<Uint8Array> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'jwk' }).x ?? '';
  const payload = fullPayload(seededBytes(seed, contentBytes), nativeZstd);
  return sealPackage(
    {
      format: 1,
      vendor: 'Example Works',
      deviceType: 'CityLamp_3',
      version: '1.0.0',
      sequence: 1,
      kind: 'image',
      payloads: [payload.described],
    },
    [payload.bytes],
    {
      keyId: keyIdOf(Uint8Array.fromBase64(raw, { alphabet: 'base64url' })),
      sign: (message) => Promise.resolve(new Uint8Array(sign(null, message, privateKey))),
    },
  );
}
