import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { createFileSigner, publicKeyToPem } from '#hardware/hsm/file.ts';
import { createAuthority, issueServer } from '../certificates/authority.ts';
import { DEFAULTS } from '../config.ts';
import { dataFolder, syncFolder } from '../data-folder.ts';
import { CommandError } from '../refusal.ts';
import { openStore } from '../store/open.ts';
import type { Output } from './print.ts';

const PRIVATE = { mode: 0o600, flag: 'wx', flush: true } as const;
const PUBLIC = { mode: 0o644, flag: 'wx', flush: true } as const;

export interface InitOptions {
  readonly data: string;
  readonly hosts: readonly string[];
  readonly linkPort: number;
  readonly apiPort: number;
}

export async function init(options: InitOptions, output: Output): Promise<void> {
  const folder = dataFolder(options.data);
  const nowMs = Date.now();
  await mkdir(folder.root, { recursive: true, mode: 0o700 });
  if ((await readdir(folder.root)).length > 0)
    throw new CommandError(`${folder.root} is not empty. Nothing was changed; give another --data directory.`);
  await chmod(folder.root, 0o700);
  for (const path of [folder.contents, folder.packages, folder.incoming]) await mkdir(path, { mode: 0o700 });
  const signer = await createFileSigner(folder.releaseKey);
  await writeFile(folder.releasePublic, publicKeyToPem(signer.publicKey), PUBLIC);
  const authority = await createAuthority(nowMs);
  const server = await issueServer(authority, options.hosts, nowMs);
  await writeFile(folder.caKey, authority.key, PRIVATE);
  await writeFile(folder.caCertificate, authority.certificate, PUBLIC);
  await writeFile(folder.serverKey, server.key, PRIVATE);
  await writeFile(folder.serverCertificate, server.certificate, PUBLIC);
  await (await openStore(folder.database)).destroy();
  const { hosts, linkPort, apiPort } = options;
  const { maxUploadBytes, requestsPerMinute } = DEFAULTS;
  const config = { hosts, linkPort, apiPort, maxUploadBytes, requestsPerMinute };
  // Last: a directory without it is not a data directory.
  await writeFile(folder.config, `${JSON.stringify(config, null, 2)}\n`, PRIVATE);
  await syncFolder(folder.root);
  output.people(
    [
      `${folder.root} is ready: database, certificates for ${hosts.join(', ')}, and a release key.`,
      `release.key signs everything your devices will install. Keep a copy of it off this machine; without it no update`,
      `can ever be made for devices that trust it.`,
      `Next:`,
      `  backend token create NAME --data ${folder.root}                 an API token for a developer`,
      `  backend gateway add NAME --data ${folder.root} -o BUNDLE_DIR    what a gateway needs to connect`,
      `  backend key show --data ${folder.root}                          what devices need to trust`,
      `  backend serve --data ${folder.root}`,
    ].join('\n'),
  );
  if (output.json)
    output.data(`${JSON.stringify({ data: folder.root, publicKey: toBase64(signer.publicKey), hosts })}\n`);
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
