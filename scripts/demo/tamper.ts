/** What somebody can do to a signed package who holds a transmitter, but no key. */

import { createHash } from 'node:crypto';
import { peekManifest } from '#codec/package/seal.ts';

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** Changes a byte of the first payload and corrects its digest in the manifest: everything fits, except the signature. */
export function tamper(packageBytes: Uint8Array): Uint8Array {
  const peeked = peekManifest(packageBytes);
  const payload = peeked.kind === 'untrusted' ? peeked.untrustedManifest.payloads[0] : undefined;
  if (peeked.kind !== 'untrusted' || payload === undefined)
    throw Object.assign(new Error('Only a sealed package can be tampered with.'), { code: 'NOT_A_PACKAGE' });
  const tampered = Buffer.from(packageBytes);
  const content = tampered.subarray(peeked.headBytes, peeked.headBytes + payload.sizeOnAirBytes);
  const honest = sha256(content);
  const middle = content.length >> 1;
  content[middle] = (content[middle] ?? 0) ^ 0x55;
  const digestAt = tampered.indexOf(honest);
  if (digestAt < 0 || digestAt >= peeked.headBytes)
    throw Object.assign(new Error('The manifest does not hold the digest of its payload.'), { code: 'NOT_A_PACKAGE' });
  tampered.set(sha256(content), digestAt);
  return new Uint8Array(tampered);
}
