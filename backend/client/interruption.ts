/** SIGINT and SIGTERM while a command works, so that it can clean up. */

import { CommandError } from '../refusal.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

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
      throw new CommandError(`Stopped by ${this.#by}: ${consequence}.`, this.#by === 'SIGINT' ? 130 : 143);
  }

  forget(): void {
    for (const signal of SIGNALS) process.off(signal, this.#note);
  }
}
