/**
 * Finished packages wait here until each is installed or refused. One that could not be judged (the device failed) or whose
 * moment has not come (the running system is not confirmed) is tried again after a while.
 */

import type { DirectoryEntry } from '#codec/groups/directory.ts';
import { explainRefusal } from '#codec/package/refusal.ts';
import { messageOf } from '#hardware/fault.ts';
import type { CollectStore } from './collect-store.ts';
import type { StoredPackage } from './package-folder.ts';
import { EXIT } from './fault.ts';
import { saidOutcome } from './install-commands.ts';
import { type Device, observe } from './device.ts';
import { type InstallOutcome, settledIdentities } from './install.ts';

const RETRY_FIRST_MS = 5000;
const RETRY_LAST_MS = 300_000;

/** What is collected at all: packages for this device type that are not settled. */
export class Selection {
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

export interface JudgingOptions {
  readonly device: Device;
  readonly store: CollectStore;
  readonly selection: Selection;
  readonly untilInstalled: boolean;
  /** Installs the package in this file; rejects when the device fails. */
  readonly install: (packagePath: string) => Promise<InstallOutcome>;
  /** Nothing is told of what it cut off. */
  readonly signal: AbortSignal;
  /** One event for programs. */
  readonly tell: (event: Record<string, unknown>) => void;
  /** One line for people. */
  readonly say: (line: string) => void;
}

interface Waiting {
  readonly stored: StoredPackage;
  /** Finished in an earlier run. */
  readonly isFromBefore: boolean;
}

export class Judging {
  readonly #options: JudgingOptions;
  #waiting: Waiting[];
  #retryAtMs = 0;
  #retryWaitMs = RETRY_FIRST_MS;
  #exit: number | undefined;
  #running: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** What lies in the store already waits first. */
  constructor(options: JudgingOptions) {
    this.#options = options;
    this.#waiting = options.store.packages().map((stored) => ({ stored, isFromBefore: true }));
  }

  /** The exit status, once what was asked for has happened. */
  get exit(): number | undefined {
    return this.#exit;
  }

  add(stored: StoredPackage): void {
    this.#waiting.push({ stored, isFromBefore: false });
    this.#retryAtMs = 0;
  }

  /** Begins to judge what waits if it is time to, and does not wait for it. Throws what stopped the judging before. */
  begin(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#running !== undefined || this.#waiting.length === 0) return;
    if (this.#options.device.nowMs() < this.#retryAtMs) return;
    this.#running = this.#judgeWaiting()
      .catch((error: unknown) => {
        this.#failure = { error };
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Judges what waits if it is time to, and is done with all that began. */
  async judgeDue(): Promise<void> {
    await this.#running;
    this.begin();
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Judges all that waits, whether it is time to or not. */
  async judgeAll(): Promise<void> {
    await this.#running;
    this.#retryAtMs = 0;
    await this.judgeDue();
  }

  /** Ends when nothing is being judged any more. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #judgeWaiting(): Promise<void> {
    const { signal, install, tell, say } = this.#options;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) {
      let outcome: InstallOutcome;
      try {
        outcome = await install(one.stored.path);
      } catch (error) {
        if (signal.aborted) return;
        // The device failed, not the package.
        const message = messageOf(error);
        tell({ event: 'error', sha256: one.stored.sha256Hex, message });
        say(message);
        this.#later(one);
        continue;
      }
      await this.#settle(one, outcome);
    }
  }

  #later(one: Waiting): void {
    this.#waiting.push(one);
    this.#retryAtMs = this.#options.device.nowMs() + this.#retryWaitMs;
    this.#retryWaitMs = Math.min(2 * this.#retryWaitMs, RETRY_LAST_MS);
  }

  async #settle(one: Waiting, outcome: InstallOutcome): Promise<void> {
    const { device, store, selection, tell, say, untilInstalled } = this.#options;
    const { stored, isFromBefore } = one;
    const { facts } = await observe(device);
    const sha256 = stored.sha256Hex;
    switch (outcome.kind) {
      case 'installed': {
        const { kind: event, target: slot, ...rest } = outcome;
        const { version, sequence } = rest;
        tell({ event, sha256, slot, ...rest });
        tell({ event: 'switched', slot, version, sequence });
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
    store.markComplete(stored.identity);
    this.#retryWaitMs = RETRY_FIRST_MS;
    selection.settled = await settledIdentities(device);
    await this.#discardSettled();
  }

  /** The package that is installed stays, so that it counts as received after a restart; the others are done with. */
  async #discardSettled(): Promise<void> {
    const { device, store } = this.#options;
    const { facts } = await observe(device);
    const kept = new Set([facts.install?.packageHex, ...this.#waiting.map(({ stored }) => stored.sha256Hex)]);
    for (const stored of store.packages()) if (!kept.has(stored.sha256Hex)) store.discard(stored);
  }
}
