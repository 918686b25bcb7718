/**
 * The jobs of this station as the schedule sees them at this moment: what is held, what was counted, what was promised. Puts
 * together what `lineup.ts`, `admission.ts` and `outlook.ts` decide; the time is an argument everywhere.
 */

import { OBJECT_HANDLE_MAX } from '#codec/groups/handle.ts';
import type { Job } from '#codec/messages/link.ts';
import { type ChosenScheme, chooseScheme } from '#codec/symbols/schemes.ts';
import { promisesOf, refusalOf } from './admission.ts';
import { type Capacity, capacityOf, type StationAir } from './capacity.ts';
import type { CarouselObject } from './carousel.ts';
import type { JobList } from './jobs.ts';
import { canSpread, isChangeDue, liveObject, longRestMs } from './lineup.ts';
import type { Metrics } from './metrics.ts';
import { type Need, needOf } from './need.ts';
import { type Outlook, outlook } from './outlook.ts';
import type { LiveObject } from './schedule.ts';
import { Shelf } from './shelf.ts';

export interface PlanOptions {
  readonly air: StationAir;
  /** The largest data share that leaves the programme its groups. */
  readonly largestShare: number;
  readonly jobs: JobList;
  readonly metrics: Metrics;
}

/** Of every package that is held. */
export type PlannedObject = Outlook & Partial<ChosenScheme>;

export class Plan {
  readonly capacity: Capacity;
  readonly shelf: Shelf;
  readonly #options: PlanOptions;
  readonly #neededNibbles: Need;
  /** What the last line was, in one text, and who had handles by it since when. */
  #line = '';
  #before: ReadonlyMap<string, number> = new Map();
  #changedMs = 0;
  #isSpread = true;
  /** When the promises of jobs count that were admitted in this life of the process. */
  readonly #fromMs = new Map<string, number>();
  readonly #fromMsOf = (jobId: string): number => this.#fromMs.get(jobId) ?? 0;

  constructor(options: PlanOptions) {
    this.#options = options;
    this.capacity = capacityOf(options.air);
    const { assumedLoss, streams, matrixBytes = Number.POSITIVE_INFINITY } = options.air;
    const hasTypeC = streams.some((stream) => stream > 0);
    this.#neededNibbles = needOf(assumedLoss, streams, matrixBytes);
    this.shelf = new Shelf({
      countOf: (jobId) => options.metrics.countOf(jobId),
      neededNibbles: this.#neededNibbles,
      schemeOf: (sizeBytes) => chooseScheme({ sizeBytes, hasTypeC, matrixBytes }),
      fromMs: this.#fromMsOf,
      longRestMs: longRestMs(this.capacity.listingSeconds),
    });
  }

  /** For the carousel: undefined while the job rests. */
  live(jobId: string, nowMs: number): LiveObject | undefined {
    const candidate = this.shelf.candidate(jobId);
    const { settleSeconds } = this.capacity;
    return candidate === undefined
      ? undefined
      : liveObject(candidate, { nowMs, settleSeconds, isSpread: this.#isSpread });
  }

  /**
   * What shall be on air, the next for a handle first; undefined when that is as it was. `isChanged`: jobs came, went, or have other
   * terms; else only time has passed.
   */
  newLine(nowMs: number, isChanged: boolean): CarouselObject[] | undefined {
    const held = this.shelf.lineUp(nowMs);
    this.#isSpread = canSpread(held, nowMs);
    const line = JSON.stringify(held.map(({ jobId, deadlineMs }) => [jobId, deadlineMs]));
    if (line === this.#line) return undefined;
    if (!isChanged && !isChangeDue({ before: this.#before, held, sinceMs: nowMs - this.#changedMs })) return undefined;
    this.#line = line;
    const first = held.slice(0, OBJECT_HANDLE_MAX).map(({ jobId }) => jobId);
    if (first.some((jobId) => !this.#before.has(jobId))) this.#changedMs = nowMs;
    this.#before = new Map(first.map((jobId) => [jobId, this.#before.get(jobId) ?? nowMs]));
    return this.shelf.objects(held);
  }

  /** Why the deadline of a job cannot be promised. */
  refusalOf(job: Job, nowMs: number): string | undefined {
    const { air, largestShare, jobs, metrics } = this.#options;
    const sentNibbles = (jobId: string): number => metrics.countOf(jobId)?.nibbles ?? 0;
    const others = jobs.all().filter((other) => other.job.jobId !== job.jobId);
    const hasBegun = this.#isListed(job.jobId, nowMs);
    const refusal = refusalOf({
      applicant: { ...job, sentNibbles: sentNibbles(job.jobId), hasBegun },
      promises: promisesOf({
        jobs: others,
        sentNibbles,
        fromMs: this.#fromMsOf,
        neededNibbles: this.#neededNibbles,
      }),
      air,
      largestShare,
      nowMs,
    });
    for (const [jobId, fromMs] of this.#fromMs) if (fromMs <= nowMs) this.#fromMs.delete(jobId);
    if (refusal === undefined && !hasBegun) this.#fromMs.set(job.jobId, nowMs + this.capacity.listingSeconds * 1000);
    return refusal;
  }

  /** Whether the directory names it for sure. A job that has lost its handle (paused, a long rest) was on air before, and is not. */
  #isListed(jobId: string, nowMs: number): boolean {
    const sinceMs = this.#before.get(jobId);
    const counted = this.#options.metrics.countOf(jobId);
    if (sinceMs === undefined || counted === undefined) return false;
    return counted.firstGroupMs >= sinceMs || nowMs - sinceMs >= this.capacity.listingSeconds * 1000;
  }

  outlook(listedJobs: readonly string[], nowMs: number): PlannedObject[] {
    const listed = new Set(listedJobs);
    const planned = outlook({
      held: this.shelf.lineUp(nowMs),
      servedAs: (jobId) => this.shelf.sharing(jobId).find((other) => listed.has(other)),
      capacity: this.capacity,
      nowMs,
    });
    return planned.map((one) => ({ ...one, ...this.shelf.schemeOf(one.jobId) }));
  }
}
