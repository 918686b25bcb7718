/** What left for the transmitter: counted where groups are handed over, never planned. Totals of jobs outlive a restart. */

import { join } from 'node:path';
import type { StreamNumber } from '#codec/groups/group.ts';
import type { OnAir, StreamCount } from '#codec/messages/link.ts';
import { readIfPresent, replaceAtomically } from '#hardware/file/durable.ts';
import { Fields } from '#hardware/file/fields.ts';
import { Progress } from './progress.ts';

interface JobCount {
  groups: number;
  firstGroupMs: number;
  lastGroupMs: number;
  /** Undefined until its first group in this life of the process. */
  progress: Progress | undefined;
  readonly nibblesBefore: number;
}

/** What was counted on air for a job. */
export interface Counted {
  readonly groups: number;
  /** Of payload, as many as every fountain block had on average at least (`progress.ts`). */
  readonly nibbles: number;
  readonly firstGroupMs: number;
}

/** A group with symbols of a job's object. */
export interface SentGroup {
  readonly stream: StreamNumber;
  readonly counter: number;
  /** Fountain blocks of the object. */
  readonly blocks: number;
}

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
          firstGroupMs: one.whole('firstGroupMs', count),
          lastGroupMs: one.whole('lastGroupMs', count),
          progress: undefined,
          // Files of version 0.1.0 do not say. A group has eight nibbles at least.
          nibblesBefore: one.whole('nibbles', { ...count, fallback: 8 * one.whole('groups', count) }),
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

  countJob(jobId: string, { stream, counter, blocks }: SentGroup, nowMs: number): void {
    let job = this.#jobs.get(jobId);
    if (job === undefined) {
      job = { groups: 0, firstGroupMs: nowMs, lastGroupMs: nowMs, progress: undefined, nibblesBefore: 0 };
      this.#jobs.set(jobId, job);
    }
    job.groups++;
    job.lastGroupMs = nowMs;
    job.progress ??= new Progress(blocks, job.nibblesBefore);
    job.progress.add(stream, counter);
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
  countOf(jobId: string): Counted | undefined {
    const job = this.#jobs.get(jobId);
    if (job === undefined) return undefined;
    const { groups, firstGroupMs, nibblesBefore, progress } = job;
    return { groups, firstGroupMs, nibbles: progress?.evenNibbles ?? nibblesBefore };
  }

  streams(): StreamCount[] {
    return this.#streams.map((counted) => ({ ...counted }));
  }

  async save(): Promise<void> {
    const write = async (): Promise<void> => {
      const jobs = [...this.#jobs].map(([jobId, { groups, firstGroupMs, lastGroupMs }]) => {
        const nibbles = this.countOf(jobId)?.nibbles ?? 0;
        return [jobId, { groups, nibbles, firstGroupMs, lastGroupMs }] as const;
      });
      await replaceAtomically(this.#path, `${JSON.stringify(Object.fromEntries(jobs))}\n`);
    };
    this.#saving = this.#saving.then(write, write);
    await this.#saving;
  }
}
