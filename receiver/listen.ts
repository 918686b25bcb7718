/**
 * `receiver listen`: from the air to a slot that starts next. Everything it knows is on disk before it is acted on, so it may
 * be killed at any moment; on the way up it takes in what was received before, and judges what was finished and not judged.
 */

import { type Command, Option } from 'commander';
import { deviceTypeTag } from '#codec/groups/directory.ts';
import type { ReceivedGroup } from '#codec/groups/group.ts';
import { GroupReceiver } from '#codec/iq/receive.ts';
import { sleepMs } from '#hardware/clock/clock.ts';
import type { IqSource } from '#hardware/contracts.ts';
import { outliveReaders } from '#hardware/file/bytes.ts';
import { messageOf } from '#hardware/fault.ts';
import { type AdviceReason, adviceFor, PATIENCE_SECONDS } from './advice.ts';
import { type CollectEvent, CollectStore } from './collect-store.ts';
import { type ReceiverConfig, readConfig } from './config.ts';
import { codeOf, EXIT, exitOf, ReceiverError } from './fault.ts';
import { installBeside } from './install-beside.ts';
import { openDevice, readPackage } from './install-commands.ts';
import type { Device } from './device.ts';
import { type InstallOutcome, installPackage, settledIdentities } from './install.ts';
import { Judging, Selection } from './judging.ts';
import { SignalMeasure } from './measure.ts';
import { type Progress, readProgress, type SignalProgress, writeProgress } from './progress.ts';
import { ReceptionHistory, type ReceptionMinute } from './reception-history.ts';
import { describeStorage, ReceptionReport } from './reception-report.ts';
import { makeSource } from './source.ts';
import { wrongCounts } from './wrong-groups.ts';

const PROGRESS_INTERVAL_MS = 500;
/** What is said of the signal is its average over this. */
const MEASURE_SECONDS = 1;
const ADVICE_INTERVAL_MS = 60_000;
const RECONNECT_FIRST_MS = 1000;
const RECONNECT_LAST_MS = 30_000;

export interface ListenOptions {
  readonly untilInstalled: boolean;
  readonly signal: AbortSignal;
  /** One event for programs. */
  readonly tell: (event: Record<string, unknown>) => void;
  /** One line for people. */
  readonly say: (line: string) => void;
  /** Installs beside reception, which does not wait for it. Absent: here, while reception waits. */
  readonly install?: (packagePath: string, signal: AbortSignal) => Promise<InstallOutcome>;
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
    await listener.close();
  }
}

class Listener {
  readonly #config: ReceiverConfig;
  readonly #device: Device;
  readonly #options: ListenOptions;
  readonly #selection: Selection;
  readonly #store: CollectStore;
  readonly #judging: Judging;
  readonly #report = new ReceptionReport();
  readonly #ending = new AbortController();
  #toldLocked = new Map<number, boolean>();
  #progressMs = 0;
  #sourceText = '';
  readonly #history: ReceptionHistory;
  #signal: SignalProgress | null = null;
  #toldAdvice: { readonly reason: AdviceReason; readonly timeMs: number } | undefined;

  static async open(config: ReceiverConfig, device: Device, options: ListenOptions): Promise<Listener> {
    const { vendor, deviceType } = config.device;
    const selection = new Selection(deviceTypeTag(vendor, deviceType), await settledIdentities(device));
    const earlier = (await readProgress(config.stateFolder))?.history ?? [];
    return new Listener(config, device, options, selection, earlier);
  }

  private constructor(
    config: ReceiverConfig,
    device: Device,
    options: ListenOptions,
    selection: Selection,
    earlier: readonly ReceptionMinute[],
  ) {
    this.#history = new ReceptionHistory(earlier, device.nowMs());
    this.#config = config;
    this.#device = device;
    this.#options = options;
    this.#selection = selection;
    const { store, events } = CollectStore.open(config.stateFolder, { wants: selection.wants });
    this.#store = store;
    const { untilInstalled, signal, tell, say } = options;
    const ending = AbortSignal.any([signal, this.#ending.signal]);
    const install = (path: string): Promise<InstallOutcome> =>
      options.install === undefined ? installHere(path, device) : options.install(path, ending);
    this.#judging = new Judging({ device, store, selection, untilInstalled, install, signal: ending, tell, say });
    // A package that the log completed just now is in both.
    this.#take(events.filter((event) => event.kind !== 'package'));
  }

  /** Stops what is being installed, and waits for its end. */
  async close(): Promise<void> {
    this.#ending.abort();
    await this.#judging.idle();
    this.#store.close();
  }

  async run(): Promise<number> {
    await this.#judging.judgeAll();
    const firstWaitMs = this.#options.reconnectMs ?? RECONNECT_FIRST_MS;
    for (let waitMs = firstWaitMs; this.#judging.exit === undefined; ) {
      if (this.#options.signal.aborted) return this.#untilNow();
      const startedMs = this.#device.nowMs();
      const end = await this.#listenOnce();
      if (end === 'stopped') return this.#judging.exit ?? this.#untilNow();
      if (end === 'end-of-recording') return this.#judging.exit ?? this.#untilNow();
      // A source that worked for a while is given the short wait again.
      if (this.#device.nowMs() - startedMs > RECONNECT_LAST_MS) waitMs = firstWaitMs;
      this.#options.say(`Trying again in ${waitMs / 1000} s; what was received is kept.`);
      await sleepMs(waitMs, this.#options.signal);
      this.#take(this.#store.tick());
      await this.#judging.judgeDue();
      waitMs = Math.min(2 * waitMs, RECONNECT_LAST_MS);
    }
    return this.#judging.exit;
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
      const { rateHz: sampledHz, format } = tuned;
      const measure = new SignalMeasure({ input: 'iq', rateHz: sampledHz, format, memorySeconds: MEASURE_SECONDS });
      this.#history.startReceiver();
      // A new receiver has a new group clock.
      const fresh = new Set([0, 1, 2, 3]);
      for await (const chunk of source.chunks()) {
        receiver.push(chunk);
        this.#measured(measure, chunk.length, receiver);
        await this.#heard(groups, fresh, receiver);
        if (this.#judging.exit !== undefined || signal.aborted) return 'stopped';
      }
      if (signal.aborted) return 'stopped';
      receiver.end();
      measure.addEnd(receiver.quality);
      this.#measured(measure, 0, receiver);
      await this.#heard(groups, fresh, receiver);
      this.#take(this.#store.endOfInput());
      await this.#judging.judgeAll();
      await this.#writeProgress(false);
      tell({ event: 'end-of-recording' });
      return 'end-of-recording';
    } catch (error) {
      if (signal.aborted) return 'stopped';
      if (isOurs(error)) throw error;
      const message = messageOf(error);
      tell({ event: 'source-lost', message });
      say(message);
      await this.#writeProgress(false);
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
    this.#take(this.#store.tick());
    if (this.#options.install === undefined) await this.#judging.judgeDue();
    else this.#judging.begin();
    // The last one says how it ended.
    const isTime = this.#device.nowMs() - this.#progressMs >= PROGRESS_INTERVAL_MS;
    if (!isTime && this.#judging.exit === undefined) return;
    this.#tellReception();
    this.#tellAdvice();
    await this.#writeProgress(true);
  }

  #take(events: readonly CollectEvent[]): void {
    for (const event of events) {
      const told = this.#report.tell(event);
      if (told === undefined) continue;
      this.#options.tell(told);
      if (event.kind === 'progress') this.#sayProgress(event.identity, event.progress);
      if (event.kind === 'storage') this.#options.say(describeStorage(event.storage));
      if (event.kind !== 'package') continue;
      this.#options.say(`Received ${event.stored.sizeBytes} bytes; checking.`);
      this.#judging.add(event.stored);
    }
  }

  /** People are told every tenth. */
  #sayProgress(identity: Uint8Array, { rank, needed }: { rank: number; needed: number }): void {
    const hundredths = Math.floor((100 * rank) / needed);
    if (hundredths % 10 === 0) this.#options.say(`${hundredths} % of ${identity.toHex()} received.`);
  }

  #tellLock(receiver: GroupReceiver): void {
    for (const { stream, locked } of receiver.quality.streams) {
      if (this.#toldLocked.get(stream) === locked || (!locked && !this.#toldLocked.has(stream))) continue;
      this.#toldLocked.set(stream, locked);
      this.#options.tell({ event: 'lock', stream, locked });
    }
  }

  #measured(measure: SignalMeasure, byteCount: number, receiver: GroupReceiver): void {
    const { quality } = receiver;
    const timeMs = this.#device.nowMs();
    const seconds = byteCount === 0 ? 0 : measure.add(byteCount, quality);
    this.#history.add(timeMs, seconds, quality);
    this.#signal = { timeMs, ...measure.measured };
  }

  /** Counted since the source was opened. */
  #tellReception(): void {
    if (this.#signal === null) return;
    const { carrier, streams } = this.#signal;
    const groups = streams.reduce((sum, stream) => sum + stream.groups, 0);
    const wholeGroups = streams.reduce((sum, stream) => sum + stream.wholeGroups, 0);
    this.#options.tell({ event: 'reception', groups, wholeGroups, ...carrier, streams });
  }

  /** When nothing is received any more, and at most once a minute when the reason changes. */
  #tellAdvice(): void {
    const advice = this.#signal === null ? undefined : adviceFor(this.#signal, PATIENCE_SECONDS);
    if (advice === undefined) {
      this.#toldAdvice = undefined;
      return;
    }
    const { reason, sentence } = advice;
    const timeMs = this.#device.nowMs();
    const told = this.#toldAdvice;
    if (told !== undefined && (told.reason === reason || timeMs - told.timeMs < ADVICE_INTERVAL_MS)) return;
    this.#toldAdvice = { reason, timeMs };
    this.#options.tell({ event: 'nothing-received', reason, advice: sentence });
    this.#options.say(`Nothing is received. ${sentence}`);
  }

  async #writeProgress(connected: boolean): Promise<void> {
    const timeMs = this.#device.nowMs();
    this.#progressMs = timeMs;
    const status = this.#store.status();
    const progress: Progress = {
      format: 2,
      timeMs,
      processId: process.pid,
      source: this.#sourceText,
      frequencyHz: this.#config.frequencyHz,
      connected,
      signal: this.#signal,
      history: this.#history.minutes(timeMs),
      storage: this.#store.storage ?? null,
      wrong: wrongCounts(status),
      objects: status.objects.map(({ entry, state, progress }) => ({
        identity: entry.identity.toHex(),
        sizeBytes: entry.sizeBytes,
        handle: entry.handle,
        forThisDevice: this.#selection.isForThisDevice(entry),
        fraction: state === 'complete' ? 1 : progress === undefined ? 0 : Math.min(1, progress.rank / progress.needed),
      })),
    };
    // Losing it loses nothing: a disk that has no room for it must not look like a source that is gone.
    await writeProgress(this.#config.stateFolder, progress).catch(() => {});
  }
}

async function installHere(path: string, device: Device): Promise<InstallOutcome> {
  return installPackage(await readPackage(path), device);
}

function openSource({ source }: ReceiverConfig): IqSource {
  return makeSource(source);
}

/** Failures of the device's own state, which no reconnecting mends. */
function isOurs(error: unknown): boolean {
  return error instanceof ReceiverError;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function runListen(options: { config: string; untilInstalled?: boolean; json?: boolean }): Promise<number> {
  outliveReaders(process);
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
      const install = (packagePath: string, signal: AbortSignal): Promise<InstallOutcome> =>
        installBeside({ config: device.config, packagePath }, signal);
      return await listen(device.config, device, { untilInstalled, signal: stopping.signal, install, tell, say });
    } finally {
      await device.slots.close();
    }
  } catch (error) {
    const message = messageOf(error);
    tell({ event: 'failed', code: codeOf(error), message });
    say(message);
    return exitOf(error);
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
