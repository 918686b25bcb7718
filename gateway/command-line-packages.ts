/** Packages given with --package: broadcast without a backend, after the same verification. Without keys they are taken as they are. */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { explainRefusal } from '#codec/package/refusal.ts';
import type { Manifest } from '#codec/package/manifest.ts';
import { openPackage, peekManifest } from '#codec/package/seal.ts';
import { OBJECT_SIZE_MAX_BYTES } from '#codec/symbols/layout.ts';
import { EXIT, GatewayError } from './fault.ts';
import type { Broadcast } from './shelf.ts';

const PRIORITY = 5;

export async function readPackage(
  path: string,
  trustedKeys: readonly Uint8Array[] | undefined,
): Promise<{ readonly broadcast: Broadcast; readonly bytes: Uint8Array }> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new GatewayError('PACKAGE', `The package ${path} cannot be read; check --package.`, EXIT.usage, cause);
  }
  const { vendor, deviceType, version } = manifestOf(path, bytes, trustedKeys);
  if (bytes.length > OBJECT_SIZE_MAX_BYTES)
    throw new GatewayError(
      'PACKAGE_SIZE',
      `${path} has ${bytes.length} bytes, more than one object on air can have (${OBJECT_SIZE_MAX_BYTES}). Nothing was sent.`,
      EXIT.refused,
    );
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  return {
    broadcast: {
      jobId: `file-${basename(path)}-${hash}`,
      vendor,
      deviceType,
      version,
      priority: PRIORITY,
      deadlineMs: 0,
      windows: [],
      paused: false,
      promised: false,
    },
    bytes,
  };
}

function manifestOf(path: string, bytes: Uint8Array, trustedKeys: readonly Uint8Array[] | undefined): Manifest {
  if (trustedKeys === undefined) {
    const peeked = peekManifest(bytes);
    if (peeked.kind === 'untrusted') return peeked.untrustedManifest;
    throw new GatewayError('PACKAGE_REFUSED', `${path} is not a package: ${peeked.detail}.`, EXIT.refused);
  }
  const opened = openPackage(bytes, trustedKeys);
  if (opened.kind === 'opened') return opened.manifest;
  throw new GatewayError('PACKAGE_REFUSED', `${path}: ${explainRefusal(opened)} Nothing was sent.`, EXIT.refused);
}
