/**
 * Shares turned into runs of one stream. Whoever is owed most comes next, so that runs differ from shares by little at any time.
 * Nobody waits longer than 50 runs: in any 200 runs everybody has 4 at least, whatever the shares do meanwhile.
 */

import { FLOOR_SHARE } from './schedule.ts';

const WAIT_MAX_RUNS = 1 / FLOOR_SHARE;

interface Turn {
  /** Runs that it was to have and did not. */
  owed: number;
  lastRun: number;
}

export class Turns {
  readonly #turns = new Map<string, Turn>();
  #run = 0;

  /** Who has the next run; undefined when there is nobody. At most 13, or the longest wait cannot be kept. */
  next(shares: ReadonlyMap<string, number>): string | undefined {
    const run = this.#run++;
    for (const key of this.#turns.keys()) if (!shares.has(key)) this.#turns.delete(key);
    let chosen: string | undefined;
    let most = Number.NEGATIVE_INFINITY;
    for (const [key, share] of shares) {
      let turn = this.#turns.get(key);
      if (turn === undefined) {
        turn = { owed: 0, lastRun: run - 1 };
        this.#turns.set(key, turn);
      }
      turn.owed += share;
      if (turn.owed > most) {
        most = turn.owed;
        chosen = key;
      }
    }
    const key = this.#overdue(run) ?? chosen;
    const turn = key === undefined ? undefined : this.#turns.get(key);
    if (turn !== undefined) {
      turn.owed -= 1;
      turn.lastRun = run;
    }
    return key;
  }

  /** Who must have this run, or one of those who wait would wait too long: they follow each other, the longest wait first. */
  #overdue(run: number): string | undefined {
    const waiting = [...this.#turns].toSorted(([, a], [, b]) => a.lastRun - b.lastRun);
    const pressing = waiting.some(([, { lastRun }], place) => run + 1 + place > lastRun + WAIT_MAX_RUNS);
    return pressing ? waiting[0][0] : undefined;
  }
}
