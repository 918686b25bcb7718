/**
 * The way of an update from accepted to confirmed, as a table. "Written", "running" and "confirmed" are three states because
 * they are three facts.
 */

import type { BootState, SlotName } from '#hardware/contracts.ts';

export type InstallState =
  | 'idle'
  /** Signed, for this device, with a payload that it can use. Nothing is written yet. */
  | 'verified'
  /** The boot loader will not start the target slot. */
  | 'marked'
  | 'writing'
  /** On stable storage, read back, digest right. */
  | 'written'
  /** The boot loader will start it next. */
  | 'switched'
  /** A newer package is about to take the place of one that was switched to and never started. */
  | 'withdrawing'
  /** It was started. */
  | 'running'
  /** It proved itself. */
  | 'confirmed'
  /** It did not, and the old system runs again. */
  | 'rolled-back';

export type InstallEvent =
  | 'accepted'
  | 'target-unbootable'
  | 'write-started'
  | 'read-back-matches'
  /** The medium kept what was written, and it is not what was signed. */
  | 'content-wrong'
  | 'activated'
  | 'superseded'
  | 'withdrawn'
  | 'started'
  | 'marked-good'
  /** The boot loader ran out of attempts, or a person went back. */
  | 'gave-up'
  /** The boot loader lost its variables and with them the switch. */
  | 'switch-lost';

/**
 * In `running` no package is accepted: the slot that is not running holds the only system that has proved itself, and
 * nothing may touch it.
 */
export const INSTALL_STATES: Readonly<Record<InstallState, Readonly<Partial<Record<InstallEvent, InstallState>>>>> = {
  idle: { accepted: 'verified' },
  verified: { accepted: 'verified', 'target-unbootable': 'marked' },
  marked: { accepted: 'verified', 'write-started': 'writing' },
  writing: { accepted: 'verified', 'read-back-matches': 'written', 'content-wrong': 'idle' },
  written: { accepted: 'verified', activated: 'switched' },
  switched: { started: 'running', superseded: 'withdrawing', 'gave-up': 'rolled-back', 'switch-lost': 'idle' },
  withdrawing: { started: 'running', superseded: 'withdrawing', withdrawn: 'idle', 'gave-up': 'rolled-back' },
  running: { 'marked-good': 'confirmed', 'gave-up': 'rolled-back' },
  confirmed: { accepted: 'verified' },
  'rolled-back': { accepted: 'verified' },
};

/** What the boot loader's variables say has happened since the state was written down; undefined: nothing. */
export function observedEvent(state: InstallState, target: SlotName, boot: BootState): InstallEvent | undefined {
  const isFirst = boot.order[0] === target && boot.attemptsLeft[target] > 0;
  const isRunning = boot.running === target;
  // The power went between the switch and its record.
  if (state === 'written') return isFirst || isRunning ? 'activated' : undefined;
  if (state === 'switched') {
    if (isRunning) return 'started';
    if (boot.attemptsLeft[target] === 0) return 'gave-up';
    return isFirst ? undefined : 'switch-lost';
  }
  if (state === 'withdrawing') {
    if (isRunning) return 'started';
    return boot.attemptsLeft[target] === 0 ? 'withdrawn' : undefined;
  }
  if (state === 'running') return isRunning ? undefined : 'gave-up';
  return undefined;
}
