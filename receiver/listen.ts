/**
 * `receiver listen`: from the air to a slot that starts next. Everything it knows is on disk before it is acted on, so it may
 * be killed at any moment; on the way up it takes in what was received before, and judges what was finished and not judged.
 */

import { rm } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { type DirectoryEntry, deviceTypeTag } from '#codec/groups/directory.ts';
import type { ReceivedGroup } from '#codec/groups/group.ts';
import { GroupReceiver } from '#codec/iq/receive.ts';
import { explainRefusal } from '#codec/package/refusal.ts';
import type { IqSource } from '#hardware/contracts.ts';
import { FileSource } from '#hardware/file/source.ts';
import { RtlTcpSource } from '#hardware/rtlsdr/client.ts';
import { type CollectEvent, CollectStore, type StoredPackage } from './collect-store.ts';
import { type ReceiverConfig, readConfig } from './config.ts';
import { EXIT, openDevice, readPackage, saidOutcome } from './install-commands.ts';
import { type Device, type InstallOutcome, installPackage, observe, settledIdentities } from './install.ts';
import { type Progress, writeProgress } from './progress.ts';

const PROGRESS_INTERVAL_MS = 500;
const RECONNECT_FIRST_MS = 1000;
const RECONNECT_LAST_MS = 30_000;
/** A package that could not be installed now is tried again: after a confirmation, or when the medium is better. */
const RETRY_FIRST_MS = 5000;
const RETRY_LAST_MS = 300_000;

export interface ListenOptions {
  readonly untilInstalled: boolean;
  readonly signal: AbortSignal;
  /** One event for programs. */
  readonly tell: (event: Record<string, unknown>) => void;
  /** One line for people. */
  readonly say: (line: string) => void;
  readonly openSource?: (config: ReceiverConfig) => IqSource;
  /** First wait before a lost source is opened again; it doubles up to half a minute. */
  readonly reconnectMs?: number;
}

/** Listens until the signal, the end of a recording or, if asked, the installation; gives the exit status. */
export async function listen(config: ReceiverConfig, device: Device, options: ListenOptions): Promise<number> {
  const listener = await Listener.open(config, device, options);
  try {
    return await listener.run();
  } finally {
    listener.close();
  }
}

/** What is collected at all: packages for this device type that are not settled. */
class Selection {
  /** Identities that would be judged as they were. */
  settled: ReadonlySet<string>;
  readonly #tag: number;

  constructor(tag: number, settled: ReadonlySet<string>) {
    this.#tag = tag;
    this.settled = settled;
  }

  isForThisDevice = (entry: DirectoryEntry): boolean => entry.deviceTypeTag === this.#tag;

  wants = (entry: DirectoryEntry): boolean => this.isForThisDevice(entry) && !this.settled.has(entry.identity.toHex());
}

interface Waiting {
  readonly stored: StoredPackage;
  /** Finished in an earlier run. */
  readonly isFromBefore: boolean;
}

class Listener {
  readonly #config: ReceiverConfig;
  readonly #device: Device;
  readonly #options: ListenOptions;
  readonly #selection: Selection;
  readonly #store: CollectStore;
  /** Finished and not settled. */
  #waiting: Waiting[] = [];
  #retryAtMs = 0;
  #retryWaitMs = RETRY_FIRST_MS;
  #toldHundredths = new Map<string, number>();
  #toldLocked = new Map<number, boolean>();
  #progressMs = 0;
  #sourceText = '';
  /** The exit status, once there is one. */
  #exit: number | undefined;

  static async open(config: ReceiverConfig, device: Device, options: ListenOptions): Promise<Listener> {
    const { vendor, deviceType } = config.device;
    const selection = new Selection(deviceTypeTag(vendor, deviceType), await settledIdentities(device));
    return new Listener(config, device, options, selection);
  }

  private constructor(config: ReceiverConfig, device: Device, options: ListenOptions, selection: Selection) {
    this.#config = config;
    this.#device = device;
    this.#options = options;
    this.#selection = selection;
    const { store, events } = CollectStore.open(config.stateFolder, { wants: selection.wants });
    this.#store = store;
    this.#waiting = store.packages().map((stored) => ({ stored, isFromBefore: true }));
    // A package that the log completed just now is in both.
    this.#take(events.filter((event) => event.kind !== 'package'));
  }

  close(): void {
    this.#store.close();
  }

  async run(): Promise<number> {
    await this.#judgeWaiting();
    const firstWaitMs = this.#options.reconnectMs ?? RECONNECT_FIRST_MS;
    for (let waitMs = firstWaitMs; this.#exit === undefined; ) {
      if (this.#options.signal.aborted) return this.#untilNow();
      const startedMs = this.#device.nowMs();
      const end = await this.#listenOnce();
      if (end === 'stopped') return this.#exit ?? this.#untilNow();
      if (end === 'end-of-recording') return this.#exit ?? this.#untilNow();
      // A source that worked for a while is given the short wait again.
      if (this.#device.nowMs() - startedMs > RECONNECT_LAST_MS) waitMs = firstWaitMs;
      this.#options.say(`Trying again in ${waitMs / 1000} s; what was received is kept.`);
      await sleep(waitMs, this.#options.signal);
      if (this.#waiting.length > 0 && this.#device.nowMs() >= this.#retryAtMs) await this.#judgeWaiting();
      waitMs = Math.min(2 * waitMs, RECONNECT_LAST_MS);
    }
    return this.#exit;
  }

  /** Nothing failed, and what was asked for has not happened. */
  #untilNow(): number {
    return this.#options.untilInstalled ? EXIT.incomplete : EXIT.done;
  }

  async #listenOnce(): Promise<'stopped' | 'end-of-recording' | 'source-lost'> {
    const { signal, tell, say } = this.#options;
    const { frequencyHz, rateHz, gainDb, correctionPpm, streams } = this.#config;
    const source = (this.#options.openSource ?? openSource)(this.#config);
    const stop = (): void => void source.close();
    signal.addEventListener('abort', stop);
    try {
      const tuned = await source.open({ frequencyHz, rateHz, gainDb, correctionPpm });
      this.#sourceText = tuned.description;
      tell({ event: 'source', description: tuned.description, frequencyHz: tuned.frequencyHz, rateHz: tuned.rateHz });
      say(`Listening to ${tuned.description} on ${tuned.frequencyHz / 1e6} MHz.`);
      const groups: ReceivedGroup[] = [];
      const receiver = new GroupReceiver({
        input: 'iq',
        rateHz: tuned.rateHz,
        format: tuned.format,
        streams,
        onGroup: (group) => groups.push(group),
      });
      // A new receiver has a new group clock.
      const fresh = new Set([0, 1, 2, 3]);
      for await (const chunk of source.chunks()) {
        receiver.push(chunk);
        await this.#heard(groups, fresh, receiver);
        if (this.#exit !== undefined || signal.aborted) return 'stopped';
      }
      if (signal.aborted) return 'stopped';
      receiver.end();
      await this.#heard(groups, fresh, receiver);
      this.#take(this.#store.endOfInput());
      await this.#judgeWaiting();
      await this.#writeProgress(receiver, false);
      tell({ event: 'end-of-recording' });
      return 'end-of-recording';
    } catch (error) {
      if (signal.aborted) return 'stopped';
      if (isOurs(error)) throw error;
      const message = error instanceof Error ? error.message : 'The source failed.';
      tell({ event: 'source-lost', message });
      say(message);
      await this.#writeProgress(undefined, false);
      // A recording does not come back by waiting.
      if (this.#config.source.kind === 'file') throw error;
      return 'source-lost';
    } finally {
      signal.removeEventListener('abort', stop);
      await source.close();
    }
  }

  async #heard(groups: ReceivedGroup[], fresh: Set<number>, receiver: GroupReceiver): Promise<void> {
    this.#tellLock(receiver);
    for (const group of groups) {
      const clockRestarted = group.clockRestarted || fresh.delete(group.stream);
      this.#take(this.#store.push(clockRestarted ? { ...group, clockRestarted } : group));
    }
    groups.length = 0;
    this.#store.tick();
    const nowMs = this.#device.nowMs();
    if (this.#waiting.length > 0 && nowMs >= this.#retryAtMs) await this.#judgeWaiting();
    // The last one says how it ended.
    if (nowMs - this.#progressMs < PROGRESS_INTERVAL_MS && this.#exit === undefined) return;
    this.#tellReception(receiver);
    await this.#writeProgress(receiver, true);
  }

  #take(events: readonly CollectEvent[]): void {
    const { tell, say } = this.#options;
    for (const event of events) {
      switch (event.kind) {
        case 'tuned':
          tell({ event: 'tuned', pi: event.tuning.pi.toString(16).toUpperCase().padStart(4, '0') });
          break;
        case 'directory': {
          const entries = event.entries.map(({ identity, sizeBytes, handle, wanted }) => ({
            identity: identity.toHex(),
            sizeBytes,
            handle,
            wanted,
          }));
          tell({ event: 'directory', version: event.directory.version, entries });
          break;
        }
        case 'progress': {
          const identity = event.identity.toHex();
          const { rank, needed } = event.progress;
          const hundredths = Math.floor((100 * rank) / needed);
          if (this.#toldHundredths.get(identity) === hundredths) break;
          this.#toldHundredths.set(identity, hundredths);
          tell({ event: 'progress', identity, symbols: rank, symbolsNeeded: needed });
          if (hundredths % 10 === 0) say(`${hundredths} % of ${identity} received.`);
          break;
        }
        case 'package': {
          const { sha256Hex, path, sizeBytes } = event.stored;
          tell({ event: 'package', sha256: sha256Hex, file: path, sizeBytes });
          say(`Received ${sizeBytes} bytes; checking.`);
          this.#waiting.push({ stored: event.stored, isFromBefore: false });
          this.#retryAtMs = 0;
          break;
        }
        case 'withdrawn':
          tell({ event: 'withdrawn', identity: event.identity.toHex() });
          break;
      }
    }
  }

  async #judgeWaiting(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) {
      let outcome: InstallOutcome;
      try {
        outcome = await installPackage(await readPackage(one.stored.path), this.#device);
      } catch (error) {
        // The device failed, not the package.
        const message = error instanceof Error ? error.message : 'The installation failed.';
        this.#options.tell({ event: 'error', sha256: one.stored.sha256Hex, message });
        this.#options.say(message);
        this.#later(one);
        continue;
      }
      await this.#settle(one, outcome);
    }
  }

  #later(one: Waiting): void {
    this.#waiting.push(one);
    this.#retryAtMs = this.#device.nowMs() + this.#retryWaitMs;
    this.#retryWaitMs = Math.min(2 * this.#retryWaitMs, RETRY_LAST_MS);
  }

  async #settle(one: Waiting, outcome: InstallOutcome): Promise<void> {
    const { tell, say, untilInstalled } = this.#options;
    const { stored, isFromBefore } = one;
    const { facts } = await observe(this.#device);
    const sha256 = stored.sha256Hex;
    switch (outcome.kind) {
      case 'installed': {
        const { target, version, sequence, encoding, writtenBytes, keptBytes } = outcome;
        tell({ event: 'installed', sha256, version, sequence, slot: target, encoding, writtenBytes, keptBytes });
        tell({ event: 'switched', slot: target, version, sequence });
        if (untilInstalled) this.#exit = EXIT.done;
        break;
      }
      case 'already-installed':
        tell({ event: 'already-installed', sha256, version: outcome.version, sequence: outcome.sequence });
        // The one of last time is not what is waited for, unless that run ended before it could say so.
        if (untilInstalled && (!isFromBefore || facts.install?.state === 'switched')) this.#exit = EXIT.done;
        break;
      case 'postponed':
        tell({ event: 'postponed', sha256, detail: outcome.detail });
        this.#later(one);
        break;
      case 'refused': {
        const { reason, detail } = outcome;
        tell({ event: 'refused', sha256, reason, detail, explanation: explainRefusal(outcome) });
        if (untilInstalled) this.#exit = EXIT.refused;
        break;
      }
    }
    say(saidOutcome(outcome).text);
    if (outcome.kind === 'postponed') return;
    this.#store.markComplete(stored.identity);
    this.#retryWaitMs = RETRY_FIRST_MS;
    this.#selection.settled = await settledIdentities(this.#device);
    await this.#dropPackages();
  }

  /** The package that is installed stays, so that it counts as received after a restart; the others are done with. */
  async #dropPackages(): Promise<void> {
    const { facts } = await observe(this.#device);
    const kept = new Set([facts.install?.packageHex, ...this.#waiting.map(({ stored }) => stored.sha256Hex)]);
    for (const stored of this.#store.packages())
      if (!kept.has(stored.sha256Hex)) await rm(stored.path, { force: true });
  }

  #tellLock(receiver: GroupReceiver): void {
    for (const { stream, locked } of receiver.quality.streams) {
      if (this.#toldLocked.get(stream) === locked || (!locked && !this.#toldLocked.has(stream))) continue;
      this.#toldLocked.set(stream, locked);
      this.#options.tell({ event: 'lock', stream, locked });
    }
  }

  /** Counted since the source was opened. */
  #tellReception(receiver: GroupReceiver): void {
    const { streams } = receiver.quality;
    const groups = streams.reduce((sum, { counts }) => sum + counts.groups, 0);
    const wholeGroups = streams.reduce((sum, { counts }) => sum + counts.wholeGroups, 0);
    this.#options.tell({ event: 'reception', groups, wholeGroups });
  }

  async #writeProgress(receiver: GroupReceiver | undefined, connected: boolean): Promise<void> {
    const timeMs = this.#device.nowMs();
    this.#progressMs = timeMs;
    const progress: Progress = {
      format: 1,
      timeMs,
      processId: process.pid,
      source: this.#sourceText,
      frequencyHz: this.#config.frequencyHz,
      connected,
      streams: (receiver?.quality.streams ?? []).map(({ stream, locked, counts }) => ({
        stream,
        locked,
        groups: counts.groups,
        wholeGroups: counts.wholeGroups,
      })),
      objects: this.#store.status().objects.map(({ entry, state, progress }) => ({
        identity: entry.identity.toHex(),
        sizeBytes: entry.sizeBytes,
        handle: entry.handle,
        forThisDevice: this.#selection.isForThisDevice(entry),
        fraction: state === 'complete' ? 1 : progress === undefined ? 0 : progress.rank / progress.needed,
      })),
    };
    await writeProgress(this.#config.stateFolder, progress);
  }
}

function openSource({ source }: ReceiverConfig): IqSource {
  if (source.kind === 'rtl_tcp') return new RtlTcpSource({ host: source.host, port: source.port });
  return new FileSource({ path: source.path, ...(source.format !== undefined && { format: source.format }) });
}

/** Failures of the device's own state, which no reconnecting mends. */
function isOurs(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReceiverError';
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function runListen(options: { config: string; untilInstalled?: boolean; json?: boolean }): Promise<number> {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.once('SIGTERM', stop).once('SIGINT', stop);
  const isData = options.json === true || !process.stdout.isTTY;
  const tell = (event: Record<string, unknown>): void => {
    if (isData) process.stdout.write(`${JSON.stringify(event)}\n`);
  };
  try {
    const device = openDevice(await readConfig(options.config));
    try {
      const untilInstalled = options.untilInstalled === true;
      return await listen(device.config, device, { untilInstalled, signal: stopping.signal, tell, say });
    } finally {
      await device.slots.close();
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN';
    const message = error instanceof Error ? error.message : 'Listening failed.';
    tell({ event: 'failed', code, message });
    say(message);
    return code === 'CONFIG' ? EXIT.usage : EXIT.failed;
  } finally {
    process.off('SIGTERM', stop).off('SIGINT', stop);
  }
}

export function addListenCommand(program: Command): void {
  program
    .command('listen')
    .description('receive, verify and install; goes on where it was stopped')
    .requiredOption('--config <file>', 'what this device is (JSON)')
    .option('--until-installed', 'stop when an update is installed (0) or refused (3)')
    .addOption(new Option('--json', 'events as JSON on stdout, also on a terminal'))
    .action(async (options: { config: string; untilInstalled?: boolean; json?: boolean }) => {
      process.exitCode = await runListen(options);
    });
}
