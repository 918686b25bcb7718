import { readPublicKey, publicKeyToPem } from '#hardware/hsm/file.ts';
import { keyIdOf } from '#codec/package/keys.ts';
import { dataFolder } from '../data-folder.ts';
import { readConfig } from '../config.ts';
import type { Output } from './print.ts';

export const KEY_FORMATS = ['pem', 'base64', 'hex', 'json'] as const;
export type KeyFormat = (typeof KEY_FORMATS)[number];

/** The public half of the release key: what devices are given to believe. */
export async function keyShow(options: { data: string; format: KeyFormat }, output: Output): Promise<void> {
  const folder = dataFolder(options.data);
  await readConfig(folder);
  const key = await readPublicKey(folder.releasePublic);
  output.data(PRINT[options.format](key));
}

const PRINT: Readonly<Record<KeyFormat, (key: Uint8Array) => string>> = {
  pem: publicKeyToPem,
  base64: (key) => `${key.toBase64()}\n`,
  hex: (key) => `${key.toHex()}\n`,
  json: (key) =>
    `${JSON.stringify({ algorithm: 'Ed25519', publicKey: key.toBase64(), keyId: keyIdOf(key).toHex() })}\n`,
};
