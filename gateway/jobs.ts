/**
 * The jobs this gateway knows, in one file that is replaced whole. A job is remembered before anything is fetched for it,
 * and as stored only when its package is verified and flushed.
 *
 *     wanted --accepted--> stored --first group left--> on-air --deadline--> finished
 *     wanted --does not verify--> refused               wanted, stored, on-air --a newer one is held--> finished
 *     a withdrawn job is forgotten
 */

import { join } from 'node:path';
import { type DailyWindow, isUsableWindow, type Job } from '#codec/messages/link.ts';
import { readIfPresent, replaceDurably } from '#hardware/file/durable.ts';
import { Fields } from '#hardware/file/fields.ts';
import { messageOf } from '#hardware/fault.ts';
import { EXIT, GatewayError } from './fault.ts';

export const JOB_STATES = ['wanted', 'stored', 'on-air', 'refused', 'finished'] as const;
export type JobState = (typeof JOB_STATES)[number];

export type JobEvent = 'accepted' | 'refused' | 'first-group' | 'deadline' | 'superseded' | 'damaged';

/** What each event makes of a state; an event that is not in a row changes nothing. */
export const JOB_TABLE: Readonly<Record<JobState, Readonly<Partial<Record<JobEvent, JobState>>>>> = {
  wanted: { accepted: 'stored', refused: 'refused', deadline: 'finished', superseded: 'finished' },
  stored: { 'first-group': 'on-air', deadline: 'finished', superseded: 'finished', damaged: 'wanted' },
  'on-air': { deadline: 'finished', superseded: 'finished', damaged: 'wanted' },
  refused: { deadline: 'finished' },
  finished: {},
};

export interface KnownJob {
  readonly job: Job;
  readonly state: JobState;
  /** Why, when it was refused or superseded. */
  readonly detail: string;
  /** It has a deadline, and that was admitted (`admission.ts`). */
  readonly promised: boolean;
}

/** Its package is here and may be broadcast. */
export function isHeld({ state }: KnownJob): boolean {
  return state === 'stored' || state === 'on-air';
}

/** Heartbeats tell all jobs on air in one frame, of at most 170 bytes each (`codec/messages/frame.ts`). */
export const MAX_JOBS = 500;

const FORMAT = 1;
/** Also the name of a file. */
const JOB_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

export function isUsableJobId(jobId: string): boolean {
  return JOB_ID.test(jobId);
}

export class JobList {
  readonly #path: string;
  #jobs: Map<string, KnownJob>;
  /** Writes follow each other. */
  #saving: Promise<void> = Promise.resolve();
  /** A job was forgotten, and the disk does not know it yet. */
  #unsaved = false;

  private constructor(path: string, jobs: Map<string, KnownJob>) {
    this.#path = path;
    this.#jobs = jobs;
  }

  static async load(stateDir: string): Promise<JobList> {
    const path = join(stateDir, 'jobs.json');
    const text = await readIfPresent(path);
    if (text === undefined) return new JobList(path, new Map());
    try {
      return new JobList(path, parseJobs(JSON.parse(text)));
    } catch (cause) {
      throw new GatewayError(
        'JOBS',
        `${path} is damaged (${messageOf(cause)}); nothing was changed. Move it away, and the backend sends its jobs again.`,
        EXIT.failed,
        cause,
      );
    }
  }

  all(): KnownJob[] {
    return [...this.#jobs.values()];
  }

  get(jobId: string): KnownJob | undefined {
    return this.#jobs.get(jobId);
  }

  /** A job that changed (priority, deadline, windows, pause) keeps its state unless its package is another one. */
  async put(job: Job, promised = false): Promise<KnownJob> {
    const before = this.#jobs.get(job.jobId);
    const same = before !== undefined && Buffer.from(before.job.packageSha256).equals(job.packageSha256);
    if (same && before.promised === promised && JSON.stringify(before.job) === JSON.stringify(job)) return before;
    const known: KnownJob = same ? { ...before, job, promised } : { job, state: 'wanted', detail: '', promised };
    await this.#set(job.jobId, known);
    return known;
  }

  /** Returns the new state once it is durable; undefined when the event changes nothing. */
  async apply(jobId: string, event: JobEvent, detail = ''): Promise<JobState | undefined> {
    const before = this.#jobs.get(jobId);
    const state = before === undefined ? undefined : JOB_TABLE[before.state][event];
    if (before === undefined || state === undefined) return undefined;
    await this.#set(jobId, { ...before, state, detail });
    return state;
  }

  /** It is gone at once; rejects when the disk may still have it. */
  async forget(jobId: string): Promise<void> {
    if (!this.#jobs.delete(jobId)) return;
    try {
      await this.#save();
    } catch (error) {
      this.#unsaved = true;
      throw error;
    }
  }

  /** Writes down what an earlier `forget` could not. */
  async flush(): Promise<void> {
    if (this.#unsaved) await this.#save();
  }

  /** What could not be written down did not happen. */
  async #set(jobId: string, known: KnownJob): Promise<void> {
    const before = this.#jobs.get(jobId);
    this.#jobs.set(jobId, known);
    try {
      await this.#save();
    } catch (error) {
      if (before === undefined) this.#jobs.delete(jobId);
      else this.#jobs.set(jobId, before);
      throw error;
    }
  }

  async #save(): Promise<void> {
    const write = async (): Promise<void> => {
      const jobs = this.all().map(({ job, ...rest }) => ({
        ...job,
        packageSha256: job.packageSha256.toHex(),
        ...rest,
      }));
      await replaceDurably(this.#path, `${JSON.stringify({ format: FORMAT, jobs }, undefined, 1)}\n`);
      this.#unsaved = false;
    };
    this.#saving = this.#saving.then(write, write);
    await this.#saving;
  }
}

function parseJobs(value: unknown): Map<string, KnownJob> {
  const fields = new Fields(value);
  fields.whole('format', { from: FORMAT, to: FORMAT });
  const count = { from: 0, to: Number.MAX_SAFE_INTEGER };
  const jobs = fields.objects('jobs').map((one): KnownJob => {
    const jobId = one.parsed('jobId', 'a job id', (text) => (isUsableJobId(text) ? text : undefined));
    const deadlineMs = one.whole('deadlineMs', count);
    const known: KnownJob = {
      job: {
        kind: one.choice('kind', ['job']),
        jobId,
        packageSha256: one.parsed('packageSha256', '64 hex digits', (text) =>
          /^[0-9a-f]{64}$/.test(text) ? Uint8Array.fromHex(text) : undefined,
        ),
        sizeBytes: one.whole('sizeBytes', count),
        vendor: one.parsed('vendor', 'a text', (text) => text),
        deviceType: one.parsed('deviceType', 'a text', (text) => text),
        // Files of version 0.1.0 do not say: replaces nothing until the backend says it again.
        target: one.text('target', `unknown/${jobId}`),
        version: one.parsed('version', 'a text', (text) => text),
        sequence: one.whole('sequence', count),
        priority: one.whole('priority', count),
        deadlineMs,
        windows: one.has('windows') ? one.objects('windows').map(parseWindow) : [],
        paused: one.flag('paused', false),
      },
      state: one.choice('state', JOB_STATES),
      detail: one.parsed('detail', 'a text', (text) => text),
      promised: one.flag('promised', deadlineMs !== 0),
    };
    one.end();
    return known;
  });
  return new Map(jobs.map((known) => [known.job.jobId, known]));
}

function parseWindow(fields: Fields): DailyWindow {
  const minute = { from: 0, to: Number.MAX_SAFE_INTEGER };
  const window = { fromMinute: fields.whole('fromMinute', minute), toMinute: fields.whole('toMinute', minute) };
  fields.end();
  if (!isUsableWindow(window)) throw new GatewayError('JOBS', `no window of a day: ${JSON.stringify(window)}`);
  return window;
}
