/** Three versions of an image as tar and gzip make them, each changed a little from the one before; and packages between them. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MadePayload } from '#codec/package/payload.ts';
import { leadingTo } from '#codec/package/steps.ts';
import { sha256Native } from '#hardware/native/sha256.ts';
import { nativeZstd } from '#hardware/native/zstd.ts';
import { content } from '../package/example.ts';

/** Words in any order. */
function words(seed: number, count: number): string {
  const random = content(seed, 2 * count);
  return Array.from({ length: count }, (_, k) => `word${(random[2 * k] << 8) | random[2 * k + 1]}`).join(' ');
}

function image(parts: readonly (Uint8Array | string)[]): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-'));
  for (const [k, part] of parts.entries()) writeFileSync(join(folder, `${k}`), part);
  const options = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0'];
  const packed = execFileSync('tar', [...options, '-C', folder, '-c', '.'], { maxBuffer: 2 << 20 });
  rmSync(folder, { recursive: true });
  return Uint8Array.from(packed);
}

const text = words(1, 12_000);
const gzip = (bytes: string): Uint8Array => execFileSync('gzip', ['-9n'], { input: bytes });
const both = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));
const random = content(2, 400_000);

export const VERSIONS = {
  a: image([gzip(text), text, random]),
  b: image([gzip(text.replaceAll('word1', 'term1')), text.slice(0, 50_000), both(random, content(3, 3000))]),
  n: image([
    gzip(text.replaceAll('word2', 'term2')),
    text.slice(100),
    both(content(4, 1500), random, content(3, 3000)),
  ]),
} as const;

/** A zstd delta (form 2). */
export function zstdDelta(from: Uint8Array, to: Uint8Array): MadePayload {
  const bytes = nativeZstd.compress(to, { dictionary: from });
  const described = {
    ...({ target: 'rootfs', encoding: 'delta', compression: 'zstd', sizeOnAirBytes: bytes.length } as const),
    ...{ sizeInstalledBytes: to.length, sha256Installed: sha256Native(to), sha256OnAir: sha256Native(bytes) },
    base: { sha256: sha256Native(from), sizeBytes: from.length },
  };
  return { described, bytes };
}

/** The first delta leads to the content, each further one to the base of the one before it. */
export function chained(deltas: readonly MadePayload[]): MadePayload[] {
  const made: MadePayload[] = [];
  for (const { described, bytes } of deltas) {
    const payloads = made.map((one) => one.described);
    made.push({ described: made.length === 0 ? described : leadingTo(payloads, made.length - 1, described), bytes });
  }
  return made;
}
