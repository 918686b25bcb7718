import { fullPayload } from '#codec/package/payload.ts';
import { sealPackage } from '#codec/package/seal.ts';
import { nativeZstd } from '#hardware/native/zstd.ts';
import { signerFromSeed } from '../package/example.ts';

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

/** A real package around content that does not compress: the same bytes for the same seed, so that no run has better luck. */
export async function makeSealedPackage(contentBytes: number, seed: number): Promise<Uint8Array> {
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
    signerFromSeed(1),
  );
}
