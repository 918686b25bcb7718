/**
 * What the backend says, turned into jobs and packages on disk; one package is fetched at a time, the most urgent first.
 * Messages are handled one after the other. A receipt leaves only when what it says is durable.
 */

import type { BackendMessage, GatewayMessage, Job, Piece } from '#codec/messages/link.ts';
import { messageOf, systemCodeOf } from './fault.ts';
import { isHeld, isUsableJobId, type JobList, type KnownJob } from './jobs.ts';
import { type PackageStore, unusableSize } from './packages.ts';

export type Send = (message: GatewayMessage) => void;

export interface IntakeOptions {
  readonly jobs: JobList;
  readonly packages: PackageStore;
  /** A package that may be broadcast. */
  readonly onHeld: (job: Job, bytes: Uint8Array) => void;
  /** The same package with another priority or deadline. */
  readonly onChanged: (job: Job) => void;
  /** A job that must no longer be. */
  readonly onGone: (jobId: string) => void;
  readonly onEvent: (event: string, text: string, facts?: Readonly<Record<string, unknown>>) => void;
  /** Wait after a disk that took nothing, and after a transfer that stands still. */
  readonly retryMs: number;
}

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
  /** The backend has said all it wants; before that nobody knows what is most urgent. */
  #listed = false;
  #fetch: Fetch | undefined;
  #timer: NodeJS.Timeout | undefined;
  #chain: Promise<void> = Promise.resolve();

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** A connection stands; until `disconnected` wants and receipts go to `send`. */
  connected(send: Send): void {
    this.#send = send;
    this.#listed = false;
  }

  disconnected(): void {
    this.#send = undefined;
    this.#fetch = undefined;
    clearTimeout(this.#timer);
  }

  /** Resolves when the message is dealt with; never rejects. */
  async take(message: BackendMessage): Promise<void> {
    await this.#enqueue(async () => await this.#handle(message));
  }

  /** The first group of a job has left. */
  async onAir(jobId: string): Promise<void> {
    await this.#enqueue(async () => {
      if ((await this.#options.jobs.apply(jobId, 'first-group')) !== undefined) this.#receipt(jobId, 'on-air');
    });
  }

  /** Ends jobs whose deadline has passed. */
  async expire(nowMs: number): Promise<void> {
    await this.#enqueue(async () => {
      const { jobs, packages, onGone } = this.#options;
      for (const { job } of jobs.all().filter(({ job }) => job.deadlineMs !== 0 && job.deadlineMs <= nowMs)) {
        if ((await jobs.apply(job.jobId, 'deadline')) === undefined) continue;
        onGone(job.jobId);
        if (this.#fetch?.job.jobId === job.jobId) this.#fetch = undefined;
        await packages.remove(job.jobId);
        this.#options.onEvent('job-finished', `Job ${job.jobId} reached its deadline.`, { jobId: job.jobId });
        this.#receipt(job.jobId, 'finished');
      }
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
        for (const { job } of this.#options.jobs.all())
          if (!message.jobIds.includes(job.jobId)) await this.#drop(job.jobId, 'the backend no longer lists it');
        this.#listed = true;
        await this.#fetchNext();
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

  async #job(job: Job): Promise<void> {
    if (!isUsableJobId(job.jobId)) {
      this.#receipt(job.jobId, 'refused', 'Refused: the job id is not usable as a file name.');
      return;
    }
    const unusable = unusableSize(job);
    if (unusable !== undefined) {
      this.#receipt(job.jobId, 'refused', unusable);
      return;
    }
    const before = this.#options.jobs.get(job.jobId);
    const known = await this.#options.jobs.put(job);
    if (before !== undefined && known.state === 'wanted' && before.state !== 'wanted') {
      // The same job with another package.
      this.#options.onGone(job.jobId);
      await this.#options.packages.remove(job.jobId);
    } else if (before !== undefined && before !== known && isHeld(known)) {
      this.#options.onChanged(known.job);
    }
    await this.#answer(known);
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
        this.#receipt(jobId, 'finished');
        break;
      default:
        known.state satisfies never;
    }
  }

  async #drop(jobId: string, reason: string): Promise<void> {
    if (this.#options.jobs.get(jobId) === undefined) return;
    this.#options.onGone(jobId);
    if (this.#fetch?.job.jobId === jobId) this.#fetch = undefined;
    await this.#options.jobs.forget(jobId);
    await this.#options.packages.remove(jobId);
    this.#options.onEvent('job-withdrawn', `Job ${jobId} was withdrawn: ${reason}.`, { jobId, reason });
    await this.#fetchNext();
  }

  async #fetchNext(): Promise<void> {
    const send = this.#send;
    if (this.#fetch !== undefined || send === undefined || !this.#listed) return;
    const wanted = this.#options.jobs.all().filter(({ state }) => state === 'wanted');
    wanted.sort((a, b) => b.job.priority - a.job.priority || a.job.sizeBytes - b.job.sizeBytes);
    const job = wanted[0]?.job;
    if (job === undefined) return;
    const offsetBytes = await this.#options.packages.partBytes(job);
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
      this.#receipt(jobId, 'stored');
      onEvent('job-stored', `Job ${jobId} is stored and verified (${job.sizeBytes} bytes).`, { jobId });
      this.#options.onHeld(jobs.get(jobId)?.job ?? job, verdict.bytes);
    } else if (verdict.kind === 'wrong-hash' && !fromStart) {
      // What an earlier run left on the disk was damaged: once more from the beginning.
      onEvent('part-damaged', `The stored part of job ${jobId} was damaged; fetching it anew.`, { jobId });
    } else {
      await jobs.apply(jobId, 'refused', verdict.detail);
      this.counts.refused++;
      this.#receipt(jobId, 'refused', verdict.detail);
      onEvent('job-refused', `Job ${jobId}: ${verdict.detail}`, { jobId, detail: verdict.detail });
    }
    await this.#fetchNext();
  }

  #diskTrouble(error: unknown): void {
    this.counts.diskErrors++;
    const jobId = this.#fetch?.job.jobId;
    this.#fetch = undefined;
    const why = systemCodeOf(error) === 'ENOSPC' ? 'the disk is full' : messageOf(error);
    this.#options.onEvent(
      'disk-error',
      `Could not write to the state directory: ${why}. Nothing was acknowledged, what is on air stays on air; trying again in ${this.#options.retryMs / 1000} s. Free some space.`,
      { jobId: jobId ?? null, reason: systemCodeOf(error) ?? 'unknown' },
    );
    this.#watch();
  }

  /** Asks again when nothing comes for a while. */
  #watch(): void {
    clearTimeout(this.#timer);
    if (this.#send === undefined) return;
    this.#timer = setTimeout(() => {
      this.#fetch = undefined;
      void this.#enqueue(async () => await this.#fetchNext());
    }, this.#options.retryMs);
  }

  #receipt(jobId: string, state: 'stored' | 'refused' | 'on-air' | 'finished', detail = ''): void {
    this.#send?.({ kind: 'receipt', jobId, state, detail });
  }
}
