/** SHA-256 from Node's own OpenSSL, for content that is too long for the portable one or comes in pieces. */

import { createHash } from 'node:crypto';

export function sha256Native(bytes: Uint8Array): Uint8Array {
  return digestOf(createHash('sha256').update(bytes));
}

export async function sha256Stream(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of chunks) hash.update(chunk);
  return digestOf(hash);
}

function digestOf(hash: { digest(): Uint8Array }): Uint8Array {
  return Uint8Array.from(hash.digest());
}
