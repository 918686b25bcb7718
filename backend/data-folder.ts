/**
 * Where things are in a data directory:
 *
 *     backend.json      what `init` was told
 *     carillon.db       the database (with -wal and -shm while it runs)
 *     lock.db           held by the one running server
 *     release.key       private key that signs packages (0600); release.pem is its public half
 *     ca.key ca.crt     the authority that gateways' certificates come from
 *     server.key .crt   what the server shows to gateways
 *     contents/SHA256   uploaded content, kept as the base of later deltas
 *     packages/ID.carillon   sealed packages
 *     incoming/         uploads that are not complete; emptied at every start
 */

import { open } from 'node:fs/promises';
import { join } from 'node:path';

export interface DataFolder {
  readonly root: string;
  readonly config: string;
  readonly database: string;
  readonly lock: string;
  readonly releaseKey: string;
  readonly releasePublic: string;
  readonly caKey: string;
  readonly caCertificate: string;
  readonly serverKey: string;
  readonly serverCertificate: string;
  readonly contents: string;
  readonly packages: string;
  readonly incoming: string;
}

export function dataFolder(root: string): DataFolder {
  return {
    root,
    config: join(root, 'backend.json'),
    database: join(root, 'carillon.db'),
    lock: join(root, 'lock.db'),
    releaseKey: join(root, 'release.key'),
    releasePublic: join(root, 'release.pem'),
    caKey: join(root, 'ca.key'),
    caCertificate: join(root, 'ca.crt'),
    serverKey: join(root, 'server.key'),
    serverCertificate: join(root, 'server.crt'),
    contents: join(root, 'contents'),
    packages: join(root, 'packages'),
    incoming: join(root, 'incoming'),
  };
}

export function contentPath(folder: DataFolder, sha256Hex: string): string {
  return join(folder.contents, sha256Hex);
}

export function packagePath(folder: DataFolder, updateId: string): string {
  return join(folder.packages, `${updateId}.carillon`);
}

/** A new name in a folder is only durable once the folder itself is. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
