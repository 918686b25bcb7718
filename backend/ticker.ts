/** Runs the schedule every second, and at once when something was changed here. Never two at a time. */

import type { Logger } from 'pino';
import { tick } from './schedule.ts';
import type { Store } from './store/open.ts';

const INTERVAL_MS = 1000;
/** Changes that other processes made (a revoked gateway) are noticed after this many ticks at the latest. */
const TELL_EVERY = 5;

export interface Ticker {
  /** Resolves when the schedule ran once more and the gateways are being told. */
  kick(): Promise<void>;
  stop(): Promise<void>;
}

export function startTicker(options: {
  readonly store: Store;
  readonly nowMs: () => number;
  /** Brings the gateways up to date. */
  readonly tell: () => Promise<void>;
  readonly log: Logger;
}): Ticker {
  const { store, nowMs, tell, log } = options;
  let running: Promise<void> = Promise.resolve();
  let ticks = 0;

  const once = async (always: boolean): Promise<void> => {
    const { due, superseded, expired } = await tick(store, nowMs());
    const changed = due.length + superseded.length + expired.length > 0;
    if (changed) log.info({ due, superseded, expired }, 'schedule: jobs changed');
    if (changed || always) await tell();
  };
  const kick = (always: boolean): Promise<void> => {
    running = running.then(() => once(always)).catch((error: unknown) => log.error({ err: error }, 'schedule: failed'));
    return running;
  };
  const timer = setInterval(() => void kick(ticks++ % TELL_EVERY === 0), INTERVAL_MS);
  return {
    kick: () => kick(true),
    stop: () => {
      clearInterval(timer);
      return running;
    },
  };
}
