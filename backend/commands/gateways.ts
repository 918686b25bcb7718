/**
 * The bundle that makes a machine a gateway of this backend:
 *
 *     gateway.key (0600)   its private key        ca.crt        whom it believes on the link
 *     gateway.crt          its certificate        release.pem   the key that packages are signed with
 *     link.json            { "gateway": name, "host": where to connect, "port": number }
 */

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fingerprint, issueGateway } from '../certificates/authority.ts';
import { readConfig } from '../config.ts';
import { dataFolder, syncFolder } from '../data-folder.ts';
import { CommandError } from '../refusal.ts';
import { addGateway, listGateways, revokeGateway } from '../store/gateways.ts';
import { isoTime, isoTimeOrNull } from '../time.ts';
import { type Output, printRows } from './print.ts';
import { checkName, withStore } from './tokens.ts';

const PUBLIC = { mode: 0o644, flag: 'wx', flush: true } as const;

export interface GatewayAddOptions {
  readonly data: string;
  readonly name: string;
  /** Directory for the bundle. */
  readonly output: string;
  /** `HOST:PORT`; from the configuration when absent. */
  readonly link: string | undefined;
}

function parseLink(text: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port >= 1 && port <= 65_535))
    throw new CommandError(`--link has to be HOST:PORT, not ${JSON.stringify(text)}.`, 2);
  return { host, port };
}

export async function gatewayAdd(options: GatewayAddOptions, output: Output): Promise<void> {
  const folder = dataFolder(options.data);
  const config = await readConfig(folder);
  const name = checkName(options.name, 'gateway');
  const link =
    options.link === undefined
      ? { host: config.hosts[0] ?? 'localhost', port: config.linkPort }
      : parseLink(options.link);
  await mkdir(options.output, { recursive: true, mode: 0o700 });
  if ((await readdir(options.output)).length > 0)
    throw new CommandError(`${options.output} is not empty. Nothing was changed; give another directory.`);
  const nowMs = Date.now();
  const authority = {
    key: await readFile(folder.caKey, 'utf8'),
    certificate: await readFile(folder.caCertificate, 'utf8'),
  };
  const issued = await issueGateway(authority, name, nowMs);
  await withStore(options.data, (store) =>
    addGateway(store, { name, certificateSha256: fingerprint(issued.certificate), nowMs }),
  );
  const file = (base: string): string => join(options.output, base);
  await writeFile(file('gateway.key'), issued.key, { ...PUBLIC, mode: 0o600 });
  await writeFile(file('gateway.crt'), issued.certificate, PUBLIC);
  await writeFile(file('ca.crt'), authority.certificate, PUBLIC);
  await writeFile(file('release.pem'), await readFile(folder.releasePublic, 'utf8'), PUBLIC);
  await writeFile(file('link.json'), `${JSON.stringify({ gateway: name, ...link }, null, 2)}\n`, PUBLIC);
  await syncFolder(options.output);
  output.people(
    `${options.output} has what the gateway ${name} needs. Move it there over a safe way and delete it here: gateway.key is its identity.`,
  );
  if (output.json) output.data(`${JSON.stringify({ gateway: name, bundle: options.output, ...link })}\n`);
}

export async function gatewayList(options: { data: string }, output: Output): Promise<void> {
  const gateways = await withStore(options.data, listGateways);
  const rows = gateways.map(({ name, createdMs, revokedMs, software, heartbeatMs, certificateSha256 }) => ({
    name,
    createdTime: isoTime(createdMs),
    revokedTime: isoTimeOrNull(revokedMs),
    lastHeartbeatTime: isoTimeOrNull(heartbeatMs),
    software,
    certificateSha256,
  }));
  printRows(output, rows, ['name', 'createdTime', 'revokedTime', 'lastHeartbeatTime', 'software']);
}

export async function gatewayRevoke(options: { data: string; name: string }, output: Output): Promise<void> {
  const jobs = await withStore(options.data, (store) => revokeGateway(store, options.name, Date.now()));
  output.people(
    `The gateway ${options.name} is revoked and ${jobs} of its jobs are withdrawn. It is told so only while it is ` +
      `connected: what it has stored may stay on air until then.`,
  );
}
