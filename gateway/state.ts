/** The state directory: everything that must outlive the process, opened by one gateway at a time. */

import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { type Directory, encodeDirectory, parseDirectory } from '#codec/groups/directory.ts';
import type { StreamNumber } from '#codec/groups/group.ts';
import { readIfPresent, replaceDurably } from '#hardware/file/durable.ts';
import { type LockAttempt, tryLock } from '#hardware/file/lock.ts';
import { messageOf } from '#hardware/fault.ts';
import { Counters } from './counters.ts';
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
  const { folder, lock } = await takeFolder(stateDir);
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
        await replaceDurably(directoryPath, `${JSON.stringify({ hex: encodeDirectory(directory).toHex() })}\n`);
      },
      async close() {
        await packages.close();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
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

/** Two gateways with one set of counters would repeat them on air. */
async function takeFolder(stateDir: string): Promise<{ folder: string; lock: { release(): void } }> {
  let folder: string;
  let lock: LockAttempt;
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    folder = await realpath(stateDir);
    lock = tryLock(join(folder, 'gateway.lock'));
  } catch (cause) {
    throw new GatewayError(
      'STATE',
      `The state directory ${stateDir} cannot be made or written (${messageOf(cause)}); check stateDir.`,
      EXIT.failed,
      cause,
    );
  }
  if (lock.kind === 'taken') return { folder, lock };
  throw new GatewayError(
    'STATE_IN_USE',
    `Another gateway is running with the state directory ${folder} (process ${lock.processId}); this one was not started. Stop the other or choose another stateDir.`,
  );
}
