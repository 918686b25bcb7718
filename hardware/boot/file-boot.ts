/**
 * Boot control through a U-Boot environment in files, in RAUC's convention, and a boot loader that really decides by it:
 * what U-Boot does with RAUC's boot script (rauc contrib/uboot.sh), run on the same two files.
 */

import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BootControl, BootState, SlotName } from '#hardware/contracts.ts';
import { HardwareError } from '../fault.ts';
import { readIfPresent, replaceDurably } from '../file/durable.ts';
import { waitForLock } from '../file/lock.ts';
import { ENVIRONMENT_BYTES, type EnvironmentHealth, UBootEnvironment, type Variables } from './uboot-env.ts';

/** What RAUC's boot script gives a slot that it knows nothing of, and what `mark-good` restores. */
const DEFAULT_ATTEMPTS = 3;

/** RAUC's boot script sets these when they are missing. */
const DEFAULTS: Variables = new Map([
  ['BOOT_ORDER', 'A B'],
  ['BOOT_A_LEFT', String(DEFAULT_ATTEMPTS)],
  ['BOOT_B_LEFT', String(DEFAULT_ATTEMPTS)],
]);

const LOCK_PATIENCE_MS = 10_000;

const SLOT_NAMES: readonly SlotName[] = ['A', 'B'];

export interface BootFiles {
  readonly environment: readonly [string, string];
  /** Where the boot loader leaves the slot that it started; on a board, the kernel command line says it. */
  readonly running: string;
}

export function bootFilesIn(folder: string): BootFiles {
  return { environment: [join(folder, 'uboot-0.env'), join(folder, 'uboot-1.env')], running: join(folder, 'running') };
}

export class FileBoot implements BootControl {
  readonly #environment: UBootEnvironment;
  readonly #runningPath: string;

  constructor(files: BootFiles, sizeBytes: number = ENVIRONMENT_BYTES) {
    this.#environment = new UBootEnvironment({ paths: files.environment, sizeBytes }, DEFAULTS);
    this.#runningPath = files.running;
  }

  async state(): Promise<BootState> {
    const { variables } = await this.#environment.read();
    return { ...decide(variables), running: await this.#running() };
  }

  async health(): Promise<EnvironmentHealth> {
    return (await this.#environment.read()).health;
  }

  /**
   * Takes the slot out of the order as well: when no attempts are left anywhere, RAUC's boot script gives every slot of the
   * order new ones, and a half-written slot must not be among them.
   */
  async markUnbootable(slot: SlotName): Promise<void> {
    await this.#exclusively(async () => {
      const { order } = await this.state();
      if (order.every((name) => name === slot))
        throw new HardwareError(
          'BOOT_STATE',
          `Slot ${slot} is the only one in the boot order; without it nothing would start.`,
        );
      await this.#write(
        order.filter((name) => name !== slot),
        { [slot]: 0 },
      );
    });
  }

  async activate(slot: SlotName, attempts: number): Promise<void> {
    await this.#exclusively(async () => {
      const { order } = await this.state();
      await this.#write([slot, ...order.filter((name) => name !== slot)], { [slot]: attempts });
    });
  }

  /** Keeps the order: a health check that runs after a switch and before the reboot must not undo the switch. */
  async markGood(slot: SlotName): Promise<void> {
    await this.#exclusively(async () => {
      const { order } = await this.state();
      await this.#write(order.includes(slot) ? order : [slot, ...order], { [slot]: DEFAULT_ATTEMPTS });
    });
  }

  /** The health check marks good while an update is installed: what one of them reads must still hold when it writes. */
  async #exclusively(change: () => Promise<void>): Promise<void> {
    const folder = dirname(this.#runningPath);
    await mkdir(folder, { recursive: true });
    const path = join(folder, 'boot.lock');
    const lock = await waitForLock(path, LOCK_PATIENCE_MS);
    if (lock.kind === 'held')
      throw new HardwareError(
        'BOOT_STATE',
        `Process ${lock.processId} holds ${path}, so the boot order was left as it is; try again.`,
      );
    try {
      await change();
    } finally {
      lock.release();
    }
  }

  async #write(order: readonly SlotName[], attempts: Partial<Record<SlotName, number>>): Promise<void> {
    const changes = new Map([['BOOT_ORDER', order.join(' ')]]);
    for (const [slot, left] of Object.entries(attempts)) changes.set(`BOOT_${slot}_LEFT`, String(left));
    await this.#environment.update(changes);
  }

  /**
   * One power-on: picks a slot as the boot script does, and records it as running. `starts` says whether the system in a
   * slot comes up; one that does not costs its attempt and the board resets.
   */
  async boot(starts: (slot: SlotName) => Promise<boolean> = () => Promise.resolve(true)): Promise<BootAttempts> {
    const tried: SlotName[] = [];
    // Each reset takes an attempt away; when all are gone the script restores them, once is enough for a simulation.
    for (let restored = false; ; ) {
      const { variables } = await this.#environment.read();
      const { order, attemptsLeft } = decide(variables);
      const slot = order.find((name) => attemptsLeft[name] > 0);
      if (slot === undefined) {
        await this.#environment.update(
          new Map(SLOT_NAMES.map((name) => [`BOOT_${name}_LEFT`, String(DEFAULT_ATTEMPTS)])),
        );
        if (restored || order.length === 0) return { started: undefined, tried };
        restored = true;
        continue;
      }
      // saveenv comes before the start: an attempt that hangs is an attempt.
      await this.#write(order, { [slot]: attemptsLeft[slot] - 1 });
      tried.push(slot);
      if (await starts(slot)) {
        await this.#record(slot);
        return { started: slot, tried };
      }
    }
  }

  async #running(): Promise<SlotName> {
    let text: string;
    try {
      // Never started by this boot loader: the factory's slot.
      text = ((await readIfPresent(this.#runningPath)) ?? 'A').trim();
    } catch (error) {
      throw new HardwareError(
        'BOOT_STATE',
        `${this.#runningPath} cannot be read, so it is unknown which slot runs.`,
        error,
      );
    }
    if (text === 'A' || text === 'B') return text;
    throw new HardwareError(
      'BOOT_STATE',
      `${this.#runningPath} says ${JSON.stringify(text)}, so it is unknown which slot runs.`,
    );
  }

  async #record(slot: SlotName): Promise<void> {
    await mkdir(dirname(this.#runningPath), { recursive: true });
    await replaceDurably(this.#runningPath, `${slot}\n`, { mode: 0o644 });
  }
}

export interface BootAttempts {
  /** undefined: no slot could be started, the board hangs or takes its recovery image. */
  readonly started: SlotName | undefined;
  /** Every slot in the order tried, the started one last. */
  readonly tried: readonly SlotName[];
}

/** The script's view of the variables: missing ones are set to the defaults, unknown slots are passed over. */
function decide(variables: Variables): Pick<BootState, 'order' | 'attemptsLeft'> {
  const text = (name: string): string => {
    const value = variables.get(name) ?? '';
    // `test -n` in the script: an empty variable is a missing one.
    return value === '' ? (DEFAULTS.get(name) ?? '') : value;
  };
  const words = text('BOOT_ORDER').split(/\s+/);
  const order = words.filter((word): word is SlotName => word === 'A' || word === 'B');
  return {
    order: [...new Set(order)],
    attemptsLeft: { A: attempts(text('BOOT_A_LEFT')), B: attempts(text('BOOT_B_LEFT')) },
  };
}

/** `setexpr` of U-Boot writes hexadecimal without a prefix. What is no number is no attempt. */
function attempts(text: string): number {
  return /^[0-9a-f]{1,4}$/i.test(text) ? Number.parseInt(text, 16) : 0;
}
