/**
 * What the backend says, turned into jobs and packages on disk; one package is fetched at a time, the most urgent first.
 * Messages are handled one after the other. A receipt leaves only when what it says is durable.
 */

import type { BackendMessage, GatewayMessage, Job, Piece } from '#codec/messages/link.ts';
import { isNoRoom, messageOf, systemCodeOf } from '#hardware/fault.ts';
import { isHeld, isUsableJobId, type JobList, type KnownJob, MAX_JOBS } from './jobs.ts';
import { type PackageStore, unusableSize } from './packages.ts';
import { hasNewerWanted, supersederOf } from './supersede.ts';

export type Send = (message: GatewayMessage) => void;

export interface IntakeOptions {
  readonly jobs: JobList;
  readonly packages: PackageStore;
  /** Why the deadline of a job cannot be promised; undefined when it can. Asked once for every deadline. */
  readonly refusalOf: (job: Job) => string | undefined;
  /** A package that may be broadcast. */
  readonly onHeld: (known: KnownJob, bytes: Uint8Array) => void;
  /** The same package on other terms: priority, deadline, windows, pause. */
  readonly onChanged: (known: KnownJob) => void;
  /** A job that must no longer be. */
  readonly onGone: (jobId: string) => void;
  readonly onEvent: (event: string, text: string, facts?: Readonly<Record<string, unknown>>) => void;
  /** Wait after a disk that took nothing, and after a transfer that stands still. */
  readonly retryMs: number;
  /** At most so many jobs, and so many bytes of packages, are taken on. */
  readonly maxJobs?: number;
  readonly maxBytes?: number;
}

/** More than an FM station sends in a year; all of it is held in memory. */
const MAX_BYTES = 256 * 1024 * 1024;
/** The line takes texts of 2000 characters. */
const MAX_DETAIL = 1000;

export interface IntakeCounts {
  pieces: number;
  /** Pieces nobody waited for: of a transfer that was given up or asked for anew. */
  stalePieces: number;
  diskErrors: number;
  refused: number;
  stored: number;
}

interface Fetch {
  readonly job: Job;
  offsetBytes: number;
  /** All of it came in this connection, so that a wrong hash is not the disk's fault. */
  readonly fromStart: boolean;
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly counts: IntakeCounts = { pieces: 0, stalePieces: 0, diskErrors: 0, refused: 0, stored: 0 };
  #send: Send | undefined;
  #again: (() => void) | undefined;
  /** The backend has said all it wants; before that nobody knows what is most urgent. */
  #listed = false;
  #fetch: Fetch | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Runs after a disk that took nothing. */
  #retryTimer: NodeJS.Timeout | undefined;
  /** The backend said something that could not be written down, and says it only at the beginning of a connection. */
  #missed = false;
  /** Jobs whose first group left, and the disk does not know it yet. */
  readonly #firstGroups = new Set<string>();
  #chain: Promise<void> = Promise.resolve();

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** A connection stands; until `disconnected` wants and receipts go to `send`, and `again` begins a new one. */
  connected(send: Send, again: () => void): void {
    this.#send = send;
    this.#again = again;
    this.#listed = false;
    this.#missed = false;
    this.#fetch = undefined;
  }

  disconnected(): void {
    this.#send = undefined;
    this.#again = undefined;
    this.#fetch = undefined;
    clearTimeout(this.#timer);
  }

  /** Resolves when nothing is written any more. To be called when the connection is over. */
  async close(): Promise<void> {
    await this.#chain;
    clearTimeout(this.#retryTimer);
  }

  /** Resolves when the message is dealt with; never rejects. */
  async take(message: BackendMessage): Promise<void> {
    await this.#enqueue(async () => await this.#handle(message));
  }

  /** The first group of a job has left. */
  async onAir(jobId: string): Promise<void> {
    this.#firstGroups.add(jobId);
    await this.#enqueue(async () => await this.#noteFirstGroups());
  }

  /** Ends jobs whose deadline has passed. */
  async expire(nowMs: number): Promise<void> {
    await this.#enqueue(async () => {
      const { jobs, packages, onGone } = this.#options;
      const over = jobs
        .all()
        .filter(({ state, job }) => state !== 'finished' && job.deadlineMs !== 0 && job.deadlineMs <= nowMs);
      // First of all: a disk that takes nothing does not prolong a broadcast.
      for (const { job } of over) onGone(job.jobId);
      if (this.#retryTimer !== undefined) return;
      let wasFetching = false;
      for (const { job } of over) {
        wasFetching ||= this.#fetch?.job.jobId === job.jobId;
        if (wasFetching) this.#fetch = undefined;
        await packages.remove(job.jobId);
        await jobs.apply(job.jobId, 'deadline');
        this.#options.onEvent('job-finished', `Job ${job.jobId} reached its deadline.`, { jobId: job.jobId });
        this.#receipt(job.jobId, 'finished');
      }
      if (wasFetching) await this.#fetchNext();
    });
  }

  /** Ends jobs for which a newer one is held: after a start, when what was held before is on the shelf. */
  async supersede(): Promise<void> {
    await this.#enqueue(async () => {
      await this.#supersede();
    });
  }

  async #enqueue(step: () => Promise<void>): Promise<void> {
    this.#chain = this.#chain.then(step).catch((error: unknown) => this.#diskTrouble(error));
    await this.#chain;
  }

  async #handle(message: BackendMessage): Promise<void> {
    switch (message.kind) {
      case 'job':
        await this.#job(message);
        break;
      case 'current':
        await this.#current(new Set(message.jobIds));
        break;
      case 'withdraw':
        await this.#drop(message.jobId, message.reason);
        break;
      case 'piece':
        await this.#piece(message);
        break;
      case 'welcome':
      case 'error':
        break;
      default:
        message satisfies never;
    }
  }

  /** One that cannot be dropped now does not keep the others. */
  async #current(listed: ReadonlySet<string>): Promise<void> {
    const { jobs } = this.#options;
    const faults: unknown[] = [];
    for (const { job } of jobs.all().filter(({ job }) => !listed.has(job.jobId)))
      await this.#drop(job.jobId, 'the backend no longer lists it').catch((error: unknown) => faults.push(error));
    this.#listed = true;
    await this.#fetchNext();
    if (faults.length > 0) throw faults[0];
    await this.#kept(async () => await jobs.flush());
  }

  /** What the backend says once and cannot be written down must be said again. */
  async #kept<Result>(write: () => Promise<Result>): Promise<Result> {
    try {
      return await write();
    } catch (error) {
      this.#missed = true;
      throw error;
    }
  }

  async #job(job: Job): Promise<void> {
    const before = this.#options.jobs.get(job.jobId);
    const isSame = before !== undefined && Buffer.from(before.job.packageSha256).equals(job.packageSha256);
    let unusable = isUsableJobId(job.jobId) ? unusableSize(job) : 'Refused: the job id is not usable as a file name.';
    if (!isSame) unusable ??= await this.#noRoom(job);
    let promised = before?.promised ?? false;
    if (unusable === undefined && !(isSame && hasSameDeadline(before.job, job))) {
      const broken = this.#options.refusalOf(job);
      promised = job.deadlineMs !== 0 && broken === undefined;
      if (!isSame) unusable = broken;
      // What was accepted once is not refused for another deadline; it goes on without a promise, and the status says so.
      else if (broken !== undefined) this.#say('job-not-promised', job.jobId, broken.replace('Refused: ', ''));
    }
    if (unusable !== undefined) {
      this.counts.refused++;
      this.#receipt(job.jobId, 'refused', unusable);
      this.#say('job-refused', job.jobId, unusable);
      return;
    }
    const known = await this.#kept(async () => await this.#options.jobs.put(job, promised));
    if (before !== undefined && !isSame) {
      // The same job with another package: what is here of the old one, or on its way, is of no use.
      this.#options.onGone(job.jobId);
      if (this.#fetch?.job.jobId === job.jobId) this.#fetch = undefined;
      await this.#options.packages.remove(job.jobId);
    } else if (isSame && before !== known && isHeld(known)) {
      this.#options.onChanged(known);
    }
    const ended = await this.#supersede();
    if (!ended.includes(job.jobId)) await this.#answer(known);
  }

  /** An older version is over as soon as a newer one is held. Returns the jobs that were ended. */
  async #supersede(): Promise<string[]> {
    const { jobs, packages, onGone } = this.#options;
    const ended: string[] = [];
    let wasFetching = false;
    const all = jobs.all();
    const replacing = all.filter((known) => isHeld(known) && !known.job.paused);
    for (const known of all) {
      const { jobId } = known.job;
      const newer = known.state === 'wanted' || isHeld(known) ? supersederOf(known, replacing) : undefined;
      if (newer === undefined) continue;
      onGone(jobId);
      wasFetching ||= this.#fetch?.job.jobId === jobId;
      if (wasFetching) this.#fetch = undefined;
      await packages.remove(jobId);
      const detail = `Superseded by version ${newer.job.version} (sequence ${newer.job.sequence}).`;
      await jobs.apply(jobId, 'superseded', detail);
      this.#receipt(jobId, 'finished', detail);
      this.#say('job-superseded', jobId, detail);
      ended.push(jobId);
    }
    if (wasFetching) await this.#fetchNext();
    return ended;
  }

  #say(event: string, jobId: string, detail: string): void {
    this.#options.onEvent(event, `Job ${jobId}: ${detail}`, { jobId, detail });
  }

  /** A backend may go wrong as well: the list, its messages and the memory have an end. */
  async #noRoom(job: Job): Promise<string | undefined> {
    const { jobs, maxJobs = MAX_JOBS, maxBytes = MAX_BYTES } = this.#options;
    const others = jobs.all().filter((known) => known.job.jobId !== job.jobId);
    let heldBytes = 0;
    for (const { job, state } of others) if (state !== 'refused' && state !== 'finished') heldBytes += job.sizeBytes;
    if (heldBytes + job.sizeBytes > maxBytes)
      return `Refused: with its other jobs this gateway would hold more than ${maxBytes} bytes.`;
    if (others.length < maxJobs) return undefined;
    const over = others.find(({ state }) => state === 'finished');
    if (over === undefined) return `Refused: this gateway has ${maxJobs} jobs already.`;
    await this.#kept(async () => await jobs.forget(over.job.jobId));
    return undefined;
  }

  /** Receipts may have been lost with a connection; saying them again changes nothing. */
  async #answer(known: KnownJob): Promise<void> {
    const { jobId } = known.job;
    switch (known.state) {
      case 'wanted':
        await this.#fetchNext();
        break;
      case 'stored':
        this.#receipt(jobId, 'stored');
        break;
      case 'on-air':
        this.#receipt(jobId, 'stored');
        this.#receipt(jobId, 'on-air');
        break;
      case 'refused':
        this.#receipt(jobId, 'refused', known.detail);
        break;
      case 'finished':
        this.#receipt(jobId, 'finished', known.detail);
        break;
      default:
        known.state satisfies never;
    }
  }

  async #drop(jobId: string, reason: string): Promise<void> {
    if (this.#options.jobs.get(jobId) === undefined) return;
    this.#options.onGone(jobId);
    if (this.#fetch?.job.jobId === jobId) this.#fetch = undefined;
    await this.#kept(async () => {
      // The larger first: it may be what fills the disk.
      await this.#options.packages.remove(jobId);
      await this.#options.jobs.forget(jobId);
    });
    this.#options.onEvent('job-withdrawn', `Job ${jobId} was withdrawn: ${reason}.`, { jobId, reason });
    await this.#fetchNext();
  }

  async #fetchNext(): Promise<void> {
    const send = this.#send;
    if (this.#fetch !== undefined || send === undefined || !this.#listed) return;
    const all = this.#options.jobs.all();
    // An older version is fetched when the newer one was refused, and only then.
    const wanted = all.filter((known) => known.state === 'wanted' && !hasNewerWanted(known, all));
    wanted.sort(
      ({ job: a }, { job: b }) =>
        Number(a.paused) - Number(b.paused) || b.priority - a.priority || a.sizeBytes - b.sizeBytes,
    );
    const job = wanted[0]?.job;
    if (job === undefined) return;
    const offsetBytes = await this.#options.packages.partBytes(job);
    // The line fell meanwhile: whoever comes next asks for itself.
    if (this.#send !== send) return;
    this.#fetch = { job, offsetBytes, fromStart: offsetBytes === 0 };
    if (offsetBytes === job.sizeBytes) {
      await this.#finish(this.#fetch);
      return;
    }
    send({ kind: 'want', jobId: job.jobId, offsetBytes });
    this.#watch();
  }

  async #piece({ jobId, offsetBytes, bytes }: Piece): Promise<void> {
    const fetch = this.#fetch;
    if (
      fetch?.job.jobId !== jobId ||
      fetch.offsetBytes !== offsetBytes ||
      bytes.length === 0 ||
      offsetBytes + bytes.length > fetch.job.sizeBytes
    ) {
      this.counts.stalePieces++;
      return;
    }
    await this.#options.packages.append(jobId, offsetBytes, bytes);
    this.counts.pieces++;
    fetch.offsetBytes += bytes.length;
    this.#watch();
    if (fetch.offsetBytes === fetch.job.sizeBytes) await this.#finish(fetch);
  }

  async #finish({ job, fromStart }: Fetch): Promise<void> {
    const { jobs, packages, onEvent } = this.#options;
    const { jobId } = job;
    clearTimeout(this.#timer);
    const verdict = await packages.finish(job);
    this.#fetch = undefined;
    if (verdict.kind === 'accepted') {
      await jobs.apply(jobId, 'accepted');
      this.counts.stored++;
      onEvent('job-stored', `Job ${jobId} is stored and verified (${job.sizeBytes} bytes).`, { jobId });
      const known = jobs.get(jobId);
      if (known !== undefined) this.#options.onHeld(known, verdict.bytes);
      try {
        // First what this one replaces is ended, then it is acknowledged: the backend never sees both on air.
        await this.#supersede();
      } finally {
        this.#receipt(jobId, 'stored');
      }
    } else if (verdict.kind === 'wrong-hash' && !fromStart) {
      // What an earlier run left on the disk was damaged: once more from the beginning.
      onEvent('part-damaged', `The stored part of job ${jobId} was damaged; fetching it anew.`, { jobId });
    } else {
      await jobs.apply(jobId, 'refused', verdict.detail);
      this.counts.refused++;
      this.#receipt(jobId, 'refused', verdict.detail);
      this.#say('job-refused', jobId, verdict.detail);
    }
    await this.#fetchNext();
  }

  #diskTrouble(error: unknown): void {
    this.counts.diskErrors++;
    const jobId = this.#fetch?.job.jobId;
    this.#fetch = undefined;
    const why = isNoRoom(error) ? 'the disk is full' : messageOf(error);
    this.#options.onEvent(
      'disk-error',
      `Could not write to the state directory: ${why}. Nothing was acknowledged, what is on air stays on air; trying again in ${this.#options.retryMs / 1000} s. Free some space.`,
      { jobId: jobId ?? null, reason: systemCodeOf(error) ?? 'unknown' },
    );
    this.#watch();
    this.#retryTimer ??= setTimeout(() => void this.#enqueue(async () => await this.#retry()), this.#options.retryMs);
  }

  async #retry(): Promise<void> {
    this.#retryTimer = undefined;
    if (this.#missed) this.#again?.();
    await this.#noteFirstGroups();
    await this.#supersede();
  }

  async #noteFirstGroups(): Promise<void> {
    for (const jobId of this.#firstGroups) {
      const state = await this.#options.jobs.apply(jobId, 'first-group');
      this.#firstGroups.delete(jobId);
      if (state !== undefined) this.#receipt(jobId, 'on-air');
    }
  }

  /** Asks again when nothing comes for a while. */
  #watch(): void {
    clearTimeout(this.#timer);
    if (this.#send === undefined) return;
    this.#timer = setTimeout(() => {
      void this.#enqueue(async () => {
        this.#fetch = undefined;
        await this.#fetchNext();
      });
    }, this.#options.retryMs);
  }

  #receipt(jobId: string, state: 'stored' | 'refused' | 'on-air' | 'finished', detail = ''): void {
    this.#send?.({ kind: 'receipt', jobId, state, detail: detail.slice(0, MAX_DETAIL) });
  }
}

function hasSameDeadline(a: Job, b: Job): boolean {
  return a.deadlineMs === b.deadlineMs && JSON.stringify(a.windows) === JSON.stringify(b.windows);
}
