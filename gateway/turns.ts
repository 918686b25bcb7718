/**
 * Shares turned into runs of one stream. Whoever is owed most comes next, so that runs differ from shares by little at any time.
 * Nobody waits longer than 50 runs: in any 200 runs everybody has 4 at least, whatever the shares do meanwhile.
 */

import { mix } from '#codec/symbols/random.ts';
import { FLOOR_SHARE } from './schedule.ts';

const WAIT_MAX_RUNS = 1 / FLOOR_SHARE;
/** By so many runs the turns of what must not come at regular distances are early. */
const SCATTER_RUNS = 4;

interface Turn {
  /** Runs that it was to have and did not. */
  owed: number;
  lastRun: number;
}

const NONE: ReadonlySet<string> = new Set();

/** 0 <= x < 1, without any pattern. */
function scatter(run: number): number {
  return mix(run) / 2 ** 32;
}

export class Turns {
  readonly #turns = new Map<string, Turn>();
  #run = 0;

  /**
   * Who has the next run; undefined when there is nobody. At most 13, or the longest wait cannot be kept. `irregular`: who must not have
   * every third run, say. Reed-Solomon pieces go round and round, and the same third of them could be sent for hours.
   */
  next(shares: ReadonlyMap<string, number>, irregular: ReadonlySet<string> = NONE): string | undefined {
    const run = this.#run++;
    const early = SCATTER_RUNS * scatter(run);
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
      const claim = turn.owed + (irregular.has(key) ? early : 0);
      if (claim > most) {
        most = claim;
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
