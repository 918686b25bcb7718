/** The state directory: everything that must outlive the process, opened by one gateway at a time. */

import { createHash } from 'node:crypto';
import { mkdir, realpath } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { type Directory, encodeDirectory, parseDirectory } from '#codec/groups/directory.ts';
import type { StreamNumber } from '#codec/groups/group.ts';
import { Counters } from './counters.ts';
import { readIfPresent, replaceDurably } from './durable.ts';
import { EXIT, GatewayError } from './fault.ts';
import { JobList } from './jobs.ts';
import { Metrics } from './metrics.ts';
import { PackageStore } from './packages.ts';

export interface GatewayState {
  readonly folder: string;
  readonly jobs: JobList;
  readonly packages: PackageStore;
  readonly counters: Counters;
  readonly metrics: Metrics;
  /** On air before the last stop. */
  readonly directory: Directory | undefined;
  saveDirectory(directory: Directory): Promise<void>;
  close(): Promise<void>;
}

export async function openState(
  stateDir: string,
  streams: readonly StreamNumber[],
  trustedKeys: readonly Uint8Array[],
): Promise<GatewayState> {
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new GatewayError(
      'STATE',
      `The state directory ${stateDir} cannot be made; check stateDir.`,
      EXIT.failed,
      cause,
    );
  }
  const folder = await realpath(stateDir);
  const lock = await takeLock(folder);
  try {
    const directoryPath = join(folder, 'directory.json');
    const packages = await PackageStore.open(folder, trustedKeys);
    return {
      folder,
      jobs: await JobList.load(folder),
      packages,
      counters: await Counters.load(folder),
      metrics: await Metrics.load(folder, streams),
      directory: parseSaved(await readIfPresent(directoryPath)),
      async saveDirectory(directory) {
        await replaceDurably(
          directoryPath,
          `${JSON.stringify({ hex: Buffer.from(encodeDirectory(directory)).toString('hex') })}\n`,
        );
      },
      async close() {
        await packages.close();
        lock?.close();
      },
    };
  } catch (error) {
    lock?.close();
    throw error;
  }
}

/** As it went on air; what cannot be read counts as never sent. */
function parseSaved(text: string | undefined): Directory | undefined {
  if (text === undefined) return undefined;
  try {
    const { hex }: { hex?: unknown } = Object(JSON.parse(text));
    const parsed = parseDirectory(Uint8Array.fromHex(String(hex)));
    return parsed.kind === 'directory' ? parsed.directory : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Two gateways with one set of counters would repeat them on air. The lock is a socket in Linux's abstract namespace, which
 * the system takes back from a process however it ends; elsewhere there is none.
 */
async function takeLock(folder: string): Promise<Server | undefined> {
  if (process.platform !== 'linux') return undefined;
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new GatewayError(
          'STATE_IN_USE',
          `Another gateway is running with the state directory ${folder}; this one was not started. Stop the other or choose another stateDir.`,
          EXIT.failed,
          cause,
        ),
      ),
    );
    server.listen(`\0carillon-gateway-${name}`, resolve);
  });
  server.unref();
  return server;
}
