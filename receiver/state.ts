/**
 * What the device remembers through power cuts. One writer at a time (a lock that dies with its process); every change is a
 * whole new file that replaces the old one in one step.
 *
 *     state.json            facts and their CRC-32
 *     floor-0, floor-1      the sequence floor, twice: "SEQUENCE CRC-32\n"; the higher sound one counts
 *     progress.json         what is being received, written by `listen`; may be lost at any time
 */

import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { RefusalReason } from '#codec/package/refusal.ts';
import type { SlotName } from '#hardware/contracts.ts';
import { readIfPresent, replaceDurably } from '#hardware/file/durable.ts';
import { type LockAttempt, waitForLock } from '#hardware/file/lock.ts';
import { ReceiverError } from './fault.ts';
import type { InstallState } from './install-states.ts';

/** Content that a slot is known to hold, by our own reading back. */
export interface SlotFacts {
  readonly version: string;
  readonly sequence: number;
  readonly contentHex: string;
  readonly sizeBytes: number;
  readonly writtenMs: number;
  /** When the system in it proved itself; null: not yet, or never. */
  readonly confirmedMs: number | null;
}

interface PackageFacts {
  readonly packageHex: string;
  readonly version: string;
  readonly sequence: number;
}

export interface InstallRecord extends PackageFacts {
  readonly state: InstallState;
  readonly target: SlotName;
  readonly contentHex: string;
  readonly sizeBytes: number;
  readonly sinceMs: number;
}

export interface RefusalCount {
  readonly count: number;
  readonly lastDetail: string;
  readonly lastPackageHex: string;
  readonly lastMs: number;
}

/** A package that need not be received again. */
export interface SettledPackage {
  readonly packageHex: string;
  readonly reason: RefusalReason | 'already-installed';
  /** Under what circumstances it was settled; when they change, it may be judged again. */
  readonly circumstances: string;
}

export interface HistoryEntry {
  readonly timeMs: number;
  readonly event: string;
  readonly detail: string;
}

export interface Facts {
  readonly format: 1;
  readonly slots: Readonly<Record<SlotName, SlotFacts | null>>;
  readonly install: InstallRecord | null;
  /** The last package that was received whole and verified. */
  readonly received: (PackageFacts & { readonly timeMs: number }) | null;
  readonly failed: readonly (PackageFacts & { readonly timeMs: number })[];
  readonly refusals: Readonly<Partial<Record<RefusalReason, RefusalCount>>>;
  readonly settled: readonly SettledPackage[];
  readonly history: readonly HistoryEntry[];
  /** What was known was lost, and no start has been marked as good since: an update may be waiting for its confirmation. */
  readonly memoryLost?: boolean;
}

const NOTHING_KNOWN: Facts = {
  format: 1,
  slots: { A: null, B: null },
  install: null,
  received: null,
  failed: [],
  refusals: {},
  settled: [],
  history: [],
};

const ALL_FORGOTTEN: Facts = { ...NOTHING_KNOWN, memoryLost: true };

const MAX_HISTORY = 100;
const MAX_SETTLED = 64;
const MAX_FAILED = 32;

export type FactsHealth = 'new' | 'sound' | 'lost';
export type FloorHealth = 'new' | 'sound' | 'one-copy-lost' | 'lost';

export interface LoadedState {
  readonly facts: Facts;
  readonly sequenceFloor: number;
  readonly health: { readonly facts: FactsHealth; readonly floor: FloorHealth };
}

export class StateStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get folder(): string {
    return this.#folder;
  }

  async load(): Promise<LoadedState> {
    const { facts, health } = await this.#readFacts();
    const floor = await this.#readFloor();
    return { facts, sequenceFloor: floor.sequence, health: { facts: health, floor: floor.health } };
  }

  /** Reads, changes and replaces the facts; durable when it resolves. */
  async update(change: (facts: Facts) => Facts): Promise<Facts> {
    return this.#locked('state.lock', async () => {
      const { facts, health } = await this.#readFacts();
      if (health === 'lost') await this.#keepBroken();
      const changed = change(facts);
      const bounded: Facts = {
        ...changed,
        history: changed.history.slice(-MAX_HISTORY),
        settled: changed.settled.slice(-MAX_SETTLED),
        failed: changed.failed.slice(-MAX_FAILED),
      };
      const text = JSON.stringify(bounded);
      await replaceFile(
        join(this.#folder, 'state.json'),
        `${JSON.stringify({ crc32: crc32(text), facts: bounded })}\n`,
      );
      return bounded;
    });
  }

  /** Never goes down. One copy after the other, so that a power cut costs at most one. */
  async raiseFloor(sequence: number): Promise<void> {
    await this.#locked('state.lock', async () => {
      const floor = await this.#readFloor();
      if (sequence <= floor.sequence && floor.health === 'sound') return;
      const text = String(Math.max(sequence, floor.sequence));
      for (const copy of FLOOR_COPIES)
        await replaceFile(join(this.#folder, copy), `${text} ${crc32(text).toString(16).padStart(8, '0')}\n`);
    });
  }

  /** Runs `work` while no other process of this device installs. Throws `STATE_LOCKED` when one does. */
  async whileInstalling<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#locked('install.lock', work, 0);
  }

  async #readFacts(): Promise<{ facts: Facts; health: FactsHealth }> {
    const text = await readIfThere(join(this.#folder, 'state.json'));
    if (text === undefined)
      return (await this.#hasPast())
        ? { facts: ALL_FORGOTTEN, health: 'lost' }
        : { facts: NOTHING_KNOWN, health: 'new' };
    try {
      const stored: unknown = JSON.parse(text);
      if (typeof stored === 'object' && stored !== null && 'facts' in stored && 'crc32' in stored) {
        const facts = stored.facts as Facts;
        if (crc32(JSON.stringify(facts)) === stored.crc32 && facts.format === 1) return { facts, health: 'sound' };
      }
    } catch {
      // Not JSON: as lost as with a wrong CRC.
    }
    return { facts: ALL_FORGOTTEN, health: 'lost' };
  }

  /** Whether this device has had facts: a folder without any is that of a new one. */
  async #hasPast(): Promise<boolean> {
    const traces = await Promise.all([BROKEN, ...FLOOR_COPIES].map((name) => readIfThere(join(this.#folder, name))));
    return traces.some((trace) => trace !== undefined);
  }

  /** For whoever wants to know what happened; the floors stand in files of their own. */
  async #keepBroken(): Promise<void> {
    const path = join(this.#folder, 'state.json');
    if ((await readIfThere(path)) !== undefined) await rename(path, join(this.#folder, BROKEN));
  }

  async #readFloor(): Promise<{ sequence: number; health: FloorHealth }> {
    const texts = await Promise.all(FLOOR_COPIES.map((copy) => readIfThere(join(this.#folder, copy))));
    if (texts.every((text) => text === undefined)) return { sequence: 0, health: 'new' };
    const sound = texts.map(parseFloor).filter((sequence) => sequence !== undefined);
    if (sound.length === 0) return { sequence: 0, health: 'lost' };
    const sequence = Math.max(...sound);
    const whole = sound.length === FLOOR_COPIES.length && sound.every((copy) => copy === sequence);
    return { sequence, health: whole ? 'sound' : 'one-copy-lost' };
  }

  async #locked<Result>(name: string, work: () => Promise<Result>, patienceMs = LOCK_PATIENCE_MS): Promise<Result> {
    const path = join(this.#folder, name);
    let lock: LockAttempt;
    try {
      await mkdir(this.#folder, { recursive: true });
      lock = await waitForLock(path, patienceMs);
    } catch (error) {
      throw new ReceiverError('STATE', `${path} cannot be made. Nothing was changed.`, error);
    }
    if (lock.kind === 'held')
      throw new ReceiverError(
        'STATE_LOCKED',
        `Process ${lock.processId} holds ${path}. Nothing was changed; try again when it has finished.`,
      );
    try {
      return await work();
    } finally {
      lock.release();
    }
  }
}

const BROKEN = 'state.broken.json';
const FLOOR_COPIES = ['floor-0', 'floor-1'];
const LOCK_PATIENCE_MS = 10_000;

function parseFloor(text: string | undefined): number | undefined {
  const match = /^(\d{1,16}) ([0-9a-f]{8})\n$/.exec(text ?? '');
  if (match === null) return undefined;
  const [, digits, crc] = match;
  return crc32(digits) === Number.parseInt(crc, 16) ? Number(digits) : undefined;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readIfPresent(path);
  } catch (error) {
    throw new ReceiverError('STATE', `${path} cannot be read. Nothing was changed.`, error);
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  try {
    await replaceDurably(path, text, { mode: 0o644 });
  } catch (error) {
    throw new ReceiverError('STATE', `${path} cannot be replaced; what it said before still holds.`, error);
  }
}

export function withHistory(facts: Facts, timeMs: number, event: string, detail: string): Facts {
  return { ...facts, history: [...facts.history, { timeMs, event, detail }] };
}

export function withRefusal(
  facts: Facts,
  { reason, detail }: { reason: RefusalReason; detail: string },
  about: { readonly packageHex: string; readonly circumstances: string },
  timeMs: number,
): Facts {
  const { packageHex } = about;
  const count = (facts.refusals[reason]?.count ?? 0) + 1;
  const refusal: RefusalCount = { count, lastDetail: detail, lastPackageHex: packageHex, lastMs: timeMs };
  const counted = { ...withSettled(facts, reason, about), refusals: { ...facts.refusals, [reason]: refusal } };
  return withHistory(counted, timeMs, 'refused', `${reason}: ${detail}`);
}

export function withSettled(
  facts: Facts,
  reason: SettledPackage['reason'],
  about: { readonly packageHex: string; readonly circumstances: string },
): Facts {
  const others = facts.settled.filter((one) => one.packageHex !== about.packageHex);
  return { ...facts, settled: [...others, { ...about, reason }] };
}
