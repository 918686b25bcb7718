/** Puts the server together from a data directory. The command and the tests both start it here. */

import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { OBJECT_SIZE_MAX_BYTES } from '#codec/symbols/layout.ts';
import { openFileSigner } from '#hardware/hsm/file.ts';
import type { Backend } from './backend.ts';
import { readConfig } from './config.ts';
import { dataFolder } from './data-folder.ts';
import { LinkServer } from './link/server.ts';
import { takeLock } from './lock.ts';
import { packWith } from './packaging/pack.ts';
import { type WriteChunk, writeChunk } from './receive-file.ts';
import { buildServer } from './server.ts';
import { openStore, type Store } from './store/open.ts';
import { startTicker } from './ticker.ts';
import { cleanUp } from './updates/create.ts';

export interface StartOptions {
  readonly data: string;
  readonly host: string;
  readonly apiPort?: number;
  readonly linkPort?: number;
  readonly log: Logger;
  readonly nowMs?: () => number;
  readonly idleMs?: number;
  readonly requestsPerMinute?: number;
  readonly maxUploadBytes?: number;
  readonly maxPackageBytes?: number;
  readonly write?: WriteChunk;
}

export interface Running {
  /** As really opened. */
  readonly apiPort: number;
  readonly linkPort: number;
  readonly store: Store;
  /** Runs the schedule now. */
  tick(): Promise<void>;
  close(): Promise<void>;
}

const IDLE_MS = 30_000;

export async function start(options: StartOptions): Promise<Running> {
  const folder = dataFolder(options.data);
  const { log } = options;
  const config = await readConfig(folder);
  const lock = takeLock(folder.lock);
  // What is taken is given back in reverse order, also when a later step fails.
  const undo: (() => unknown)[] = [() => lock.release()];
  const close = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step();
  };
  try {
    const signer = await openFileSigner(folder.releaseKey);
    const store = await openStore(folder.database);
    undo.push(() => store.destroy());
    const removed = await cleanUp({ store, folder });
    if (removed > 0) log.info({ removed }, 'removed what an interrupted upload left');
    const backend: Backend = {
      store,
      folder,
      pack: packWith(signer, (progress) => log.info(progress, 'made a delta')),
      nowMs: options.nowMs ?? Date.now,
      maxUploadBytes: options.maxUploadBytes ?? config.maxUploadBytes,
      // The air interface has 24 bits for the size of an object.
      maxPackageBytes: options.maxPackageBytes ?? OBJECT_SIZE_MAX_BYTES,
      write: options.write ?? writeChunk,
      changed: () => ticker.kick(),
    };
    const link = new LinkServer(backend, {
      key: await readFile(folder.serverKey, 'utf8'),
      certificate: await readFile(folder.serverCertificate, 'utf8'),
      ca: await readFile(folder.caCertificate, 'utf8'),
      host: options.host,
      port: options.linkPort ?? config.linkPort,
      idleMs: options.idleMs ?? IDLE_MS,
      log,
    });
    const ticker = startTicker({ store, nowMs: backend.nowMs, tell: () => link.reconcile(), log });
    undo.push(() => ticker.stop());
    const api = await buildServer(backend, link, {
      log,
      requestsPerMinute: options.requestsPerMinute ?? config.requestsPerMinute,
    });
    undo.push(() => api.close());
    const linkPort = await link.listen();
    undo.push(() => link.close());
    await api.listen({ host: options.host, port: options.apiPort ?? config.apiPort });
    const apiPort = (api.server.address() as AddressInfo).port;
    await ticker.kick();
    return { apiPort, linkPort, store, tick: () => ticker.kick(), close };
  } catch (error) {
    await close();
    throw error;
  }
}
