/** Reads what makes this machine a gateway of its backend (`backend gateway add`), and the keys it trusts. */

import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { Fields } from '#hardware/file/fields.ts';
import { readPublicKey } from '#hardware/hsm/file.ts';
import type { LinkConfig } from './config.ts';
import { configFault, EXIT, GatewayError } from './fault.ts';
import type { LinkCredentials } from './link.ts';

export interface Bundle {
  readonly host: string;
  readonly port: number;
  readonly credentials: LinkCredentials;
  readonly releaseKey: Uint8Array;
}

const GROUP_AND_OTHERS = 0o077;

export async function readBundle({ bundleDir, host, port }: LinkConfig): Promise<Bundle> {
  const file = (name: string): string => join(bundleDir, name);
  try {
    const address = new Fields(JSON.parse(await readFile(file('link.json'), 'utf8')), file('link.json'), configFault);
    const key = await readSecret(file('gateway.key'));
    const certificate = await readFile(file('gateway.crt'), 'utf8');
    const ca = await readFile(file('ca.crt'), 'utf8');
    // Throws for what is no key, no certificate, or not its certificate.
    createSecureContext({ key, cert: certificate, ca });
    return {
      host: host ?? address.text('host'),
      port: port ?? address.whole('port', { from: 1, to: 65_535 }),
      credentials: { key, certificate, ca },
      releaseKey: await readPublicKey(file('release.pem')),
    };
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause;
    throw new GatewayError(
      'BUNDLE',
      `The bundle ${bundleDir} cannot be used; make one with "backend gateway add" and copy all of its files.`,
      EXIT.usage,
      cause,
    );
  }
}

async function readSecret(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { mode } = await file.stat();
    if ((mode & GROUP_AND_OTHERS) !== 0)
      throw new GatewayError(
        'BUNDLE_KEY',
        `${path} can be read by others; it was not used. Make it mode 0600, and ask for a new bundle if someone may have copied it.`,
        EXIT.refused,
      );
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/** `keys` are files or 64 hex digits. */
export async function readTrustedKeys(keys: readonly string[]): Promise<Uint8Array[]> {
  return await Promise.all(
    keys.map(async (key) => {
      if (/^[0-9a-fA-F]{64}$/.test(key)) return Uint8Array.fromHex(key);
      try {
        return await readPublicKey(key);
      } catch (cause) {
        throw new GatewayError('TRUSTED_KEY', `${key} is not a release public key (PEM).`, EXIT.usage, cause);
      }
    }),
  );
}
