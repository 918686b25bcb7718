/** What is in a package file, looked at here; nothing is sent anywhere. */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { openPackage, peekManifest } from '#codec/package/seal.ts';
import { explainRefusal } from '#codec/package/refusal.ts';
import { stepsFrom } from '#codec/package/steps.ts';
import { readPublicKey } from '#hardware/hsm/file.ts';
import { type Output, printRow, type Row } from '../commands/print.ts';
import { CommandError } from '../refusal.ts';

/** Exit status 3 when a key was given and it did not sign this. */
export async function packageInfo(path: string, keyPath: string | undefined, output: Output): Promise<void> {
  const buffer = await readFile(path);
  const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
  const peeked = peekManifest(bytes);
  if (peeked.kind === 'fault') throw new CommandError(`${path} is not a package: ${peeked.detail}.`, 3);
  const { untrustedManifest: manifest, untrustedKeyIds, headBytes } = peeked;
  const digest = createHash('sha256').update(bytes).digest('hex');
  let verified = false;
  if (keyPath !== undefined) {
    const opened = openPackage(bytes, [await readPublicKey(keyPath)]);
    if (opened.kind === 'refused') throw new CommandError(explainRefusal(opened), 3);
    verified = true;
  }
  const info: Row = {
    vendor: manifest.vendor,
    deviceType: manifest.deviceType,
    ...(manifest.hardwareRevisions !== undefined && { hardwareRevisions: manifest.hardwareRevisions }),
    kind: manifest.kind,
    version: manifest.version,
    sequence: manifest.sequence,
    ...(manifest.author !== undefined && { author: manifest.author }),
    ...(manifest.notes !== undefined && { notes: manifest.notes }),
    sizeBytes: bytes.length,
    headBytes,
    sha256: digest,
    identity: digest.slice(0, 16),
    keyIds: untrustedKeyIds.map((keyId) => keyId.toHex()),
    signature: verified ? 'verified' : 'not checked',
    payloads: manifest.payloads.map((payload, index) => ({
      target: payload.target,
      encoding: payload.encoding,
      compression: payload.compression,
      sizeOnAirBytes: payload.sizeOnAirBytes,
      sizeInstalledBytes: payload.sizeInstalledBytes,
      sha256Installed: payload.sha256Installed.toHex(),
      ...(payload.base !== undefined && { baseSha256: payload.base.sha256.toHex() }),
      ...(payload.leadsTo !== undefined && {
        leadsTo: payload.leadsTo,
        // Places in this list, in the order in which a device unpacks them.
        steps: stepsFrom(manifest.payloads, index).map((step) => step.index),
      }),
    })),
  };
  printRow(output, info);
  if (!verified) output.people('The signature was not checked: give --key with the public release key to do so.');
}
