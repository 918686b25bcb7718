/** Clocks: the machine's own, and one that a stream of samples drives (a simulated station may run faster). */

import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '#hardware/contracts.ts';

/** Resolves after this time, or as soon as `signal` is aborted. */
export async function sleepMs(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await wait(ms, undefined, signal === undefined ? {} : { signal });
  } catch {
    // Aborted: nothing else makes it reject.
  }
}

export class SystemClock implements Clock {
  nowMs(): number {
    return Date.now();
  }

  async sleepUntilMs(timeMs: number, signal?: AbortSignal): Promise<void> {
    const waitMs = timeMs - Date.now();
    if (waitMs <= 0 || signal?.aborted === true) return;
    // A timer takes 31 bits of milliseconds; whoever sleeps longer looks again.
    await sleepMs(Math.min(waitMs, 0x7fff_ffff), signal);
    if (Date.now() < timeMs) await this.sleepUntilMs(timeMs, signal);
  }
}

/** Start time + what was counted. Stands still while nothing is counted. */
export class CountedClock implements Clock {
  #startMs: number;
  #elapsedMs = 0;
  #sleepers: { timeMs: number; wake: () => void }[] = [];

  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  nowMs(): number {
    return this.#startMs + this.#elapsedMs;
  }

  /** Sets the time since the start, which never goes back. */
  setElapsedMs(elapsedMs: number): void {
    this.#elapsedMs = Math.max(this.#elapsedMs, elapsedMs);
    if (this.#sleepers.length === 0) return;
    const nowMs = this.nowMs();
    for (const sleeper of this.#sleepers.filter(({ timeMs }) => timeMs <= nowMs)) sleeper.wake();
  }

  async sleepUntilMs(timeMs: number, signal?: AbortSignal): Promise<void> {
    if (timeMs <= this.nowMs() || signal?.aborted === true) return;
    await new Promise<void>((resolve) => {
      const sleeper = {
        timeMs,
        wake: (): void => {
          this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
          signal?.removeEventListener('abort', sleeper.wake);
          resolve();
        },
      };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', sleeper.wake);
    });
  }
}
