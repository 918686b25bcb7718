import { afterEach, beforeEach, expect, it } from 'vitest';
import { sealPackage } from '#codec/package/seal.ts';
import { installPackage } from '../../receiver/install.ts';
import { content, fullOf, manifestFor, signerFromSeed } from '../package/example.ts';
import { type Bench, makeBench } from './device.ts';

const [first, second, stranger] = [1, 2, 3].map(signerFromSeed);
const payload = fullOf(content(7, 5000));

let bench: Bench;
beforeEach(async () => {
  bench = await makeBench(content(1, 3000), [first.publicKey, second.publicKey]);
});
afterEach(async () => bench.close());

it('a device that wants two signatures installs nothing that one of its keys has signed', async () => {
  const device = { ...bench.device(), leastSignatures: 2 };
  const before = await bench.slotDigest('B');
  const manifest = manifestFor([payload]);
  const one = await sealPackage(manifest, [payload.bytes], first);
  const withStranger = await sealPackage(manifest, [payload.bytes], first, stranger);
  for (const bytes of [one, withStranger])
    expect(await installPackage(bytes, device)).toMatchObject({
      kind: 'refused',
      reason: 'too-few-signatures',
      detail: '1 of 2',
    });
  expect(await bench.slotDigest('B')).toBe(before);

  const both = await sealPackage(manifest, [payload.bytes], second, first);
  expect(await installPackage(both, device)).toMatchObject({ kind: 'installed', target: 'B' });
});
