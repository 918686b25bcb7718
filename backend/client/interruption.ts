/** SIGINT and SIGTERM while a command works, so that it can clean up. */

import { constants } from 'node:os';
import { CommandError } from '../refusal.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** What shells report of a program that a signal ended. */
const SIGNALLED = 128;

export class Interruption {
  #by: (typeof SIGNALS)[number] | undefined;
  readonly #note = (signal: NodeJS.Signals): void => {
    this.#by = SIGNALS.find((one) => one === signal);
  };

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#note);
  }

  /** Throws where a signal has come. consequence: for people. */
  throwIfAny(consequence: string): void {
    if (this.#by !== undefined)
      throw new CommandError(`Stopped by ${this.#by}: ${consequence}.`, SIGNALLED + constants.signals[this.#by]);
  }

  forget(): void {
    for (const signal of SIGNALS) process.off(signal, this.#note);
  }
}
