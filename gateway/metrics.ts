/** What left for the transmitter: counted where groups are handed over, never planned. Totals of jobs outlive a restart. */

import { join } from 'node:path';
import type { StreamNumber } from '#codec/groups/group.ts';
import type { OnAir, StreamCount } from '#codec/messages/link.ts';
import { readIfPresent, replaceAtomically } from '#hardware/file/durable.ts';
import { Fields } from '#hardware/file/fields.ts';

interface JobCount {
  groups: number;
  /** Of 16 bits: a group of RDS2 carries three, one of RDS two. */
  symbols: number;
  firstGroupMs: number;
  lastGroupMs: number;
}

const SYMBOLS_A = 2;
const SYMBOLS_C = 3;

export class Metrics {
  readonly #path: string;
  readonly #streams: { stream: StreamNumber; groups: number; dataGroups: number }[];
  readonly #jobs: Map<string, JobCount>;
  /** Writes follow each other. */
  #saving: Promise<void> = Promise.resolve();

  private constructor(path: string, streams: readonly StreamNumber[], jobs: Map<string, JobCount>) {
    this.#path = path;
    this.#streams = streams.map((stream) => ({ stream, groups: 0, dataGroups: 0 }));
    this.#jobs = jobs;
  }

  /** Totals that cannot be read begin anew: they are evidence, nothing depends on them. */
  static async load(stateDir: string, streams: readonly StreamNumber[]): Promise<Metrics> {
    const path = join(stateDir, 'on-air.json');
    const jobs = new Map<string, JobCount>();
    try {
      const fields = new Fields(JSON.parse((await readIfPresent(path)) ?? '{}'));
      const count = { from: 0, to: Number.MAX_SAFE_INTEGER };
      for (const jobId of fields.names()) {
        const one = fields.object(jobId);
        jobs.set(jobId, {
          groups: one.whole('groups', count),
          symbols: one.whole('symbols', { ...count, fallback: SYMBOLS_A * one.whole('groups', count) }),
          firstGroupMs: one.whole('firstGroupMs', count),
          lastGroupMs: one.whole('lastGroupMs', count),
        });
      }
    } catch {
      jobs.clear();
    }
    return new Metrics(path, streams, jobs);
  }

  countGroup(stream: StreamNumber, isData: boolean): void {
    const counted = this.#streams[stream];
    counted.groups++;
    if (isData) counted.dataGroups++;
  }

  countJob(jobId: string, stream: StreamNumber, nowMs: number): void {
    const symbols = stream === 0 ? SYMBOLS_A : SYMBOLS_C;
    const job = this.#jobs.get(jobId);
    if (job === undefined) {
      this.#jobs.set(jobId, { groups: 1, symbols, firstGroupMs: nowMs, lastGroupMs: nowMs });
      return;
    }
    job.groups++;
    job.symbols += symbols;
    job.lastGroupMs = nowMs;
  }

  forgetJob(jobId: string): void {
    this.#jobs.delete(jobId);
  }

  onAir(): OnAir[] {
    return [...this.#jobs].map(([jobId, { groups, firstGroupMs, lastGroupMs }]) => ({
      jobId,
      groups,
      firstGroupMs,
      lastGroupMs,
    }));
  }

  /** What was counted for a job; undefined before its first group. */
  countOf(jobId: string): Readonly<JobCount> | undefined {
    return this.#jobs.get(jobId);
  }

  streams(): StreamCount[] {
    return this.#streams.map((counted) => ({ ...counted }));
  }

  async save(): Promise<void> {
    const write = async (): Promise<void> =>
      await replaceAtomically(this.#path, `${JSON.stringify(Object.fromEntries(this.#jobs))}\n`);
    this.#saving = this.#saving.then(write, write);
    await this.#saving;
  }
}
