/** A station's broadcast without signal: the real carousel and carriers, a clock that is counted, and receivers that count. */

import { StreamCarrier } from '#codec/groups/carry.ts';
import type { DailyWindow } from '#codec/messages/link.ts';
import { firstBlockOf, layoutOf, payloadNibbles, type Width } from '#codec/symbols/layout.ts';
import type { Group } from '#codec/groups/group.ts';
import {
  chooseScheme,
  fountainBlocks,
  makeCollector,
  makeSpreader,
  SCHEME_FOUNTAIN_A,
  SCHEME_REED_SOLOMON,
} from '#codec/symbols/schemes.ts';
import { identityOf } from '#codec/symbols/spread.ts';
import { refusalOf } from '../../gateway/admission.ts';
import { capacityOf, type StationAir } from '../../gateway/capacity.ts';
import { Carousel } from '../../gateway/carousel.ts';
import { canSpread, type Candidate, isChangeDue, lineUp, liveObject, longRestMs } from '../../gateway/lineup.ts';
import { needOf } from '../../gateway/need.ts';
import { Progress } from '../../gateway/progress.ts';
import { GROUPS_PER_SECOND } from '#codec/airtime.ts';
import { noise } from './station.ts';

export interface SimulatedJob {
  readonly jobId: string;
  readonly sizeBytes: number;
  readonly priority: number;
  /** 0 = none. */
  readonly deadlineMs: number;
  readonly windows: readonly DailyWindow[];
  /** When it comes. */
  readonly fromMs: number;
}

/** Rows more than a block needs in 99 of 100 cases. */
const EXTRA_ROWS = 7;
/** One group of any object stands for all: only its place matters here. */
const DUMMY = makeSpreader(Uint8Array.of(1, 2), SCHEME_FOUNTAIN_A);

interface Counting {
  completeMs: number;
  add(carried: { readonly group: Group; readonly counter: number }, nowMs: number): void;
}

/** Of a fountain: every block must have got enough, whatever. */
class CountingBlocks implements Counting {
  readonly #wanted: number;
  readonly #blocks: number[];
  #open: number;
  completeMs = Number.POSITIVE_INFINITY;

  constructor(sizeBytes: number, width: Width) {
    const { blocks, rows } = layoutOf(sizeBytes, width);
    this.#wanted = width * (rows + EXTRA_ROWS);
    this.#blocks = Array.from({ length: blocks }, () => 0);
    this.#open = blocks;
  }

  add({ group: { stream }, counter }: Parameters<Counting['add']>[0], nowMs: number): void {
    const nibbles = payloadNibbles(stream);
    const block = firstBlockOf(stream, counter, this.#blocks.length);
    const before = this.#blocks[block];
    this.#blocks[block] += nibbles;
    if (before < this.#wanted && before + nibbles >= this.#wanted && --this.#open === 0) this.completeMs = nowMs;
  }
}

/** Of Reed-Solomon: what comes counts, and what comes again does not. */
class CountingPieces implements Counting {
  readonly #collector;
  completeMs = Number.POSITIVE_INFINITY;

  constructor(bytes: Uint8Array) {
    this.#collector = makeCollector(identityOf(bytes), bytes.length, SCHEME_REED_SOLOMON);
  }

  add({ group: { stream, blocks }, counter }: Parameters<Counting['add']>[0], nowMs: number): void {
    const words = stream === 0 ? blocks.slice(2) : [blocks[0] & 15, ...blocks.slice(1)];
    if (Number.isFinite(this.completeMs)) return;
    if (this.#collector.addGroup(stream, counter, words)) this.completeMs = nowMs;
  }
}

export interface SimulatedReceiver {
  readonly loss: number;
  /** When each job was complete, anchors not waited for. */
  readonly completeMs: ReadonlyMap<string, number>;
}

export interface SimulatedRun {
  readonly atMs: number;
  readonly stream: number;
  /** Undefined: the directory's. */
  readonly jobId: string | undefined;
}

export class SimulatedAir {
  readonly #air: StationAir;
  readonly #jobs: readonly SimulatedJob[];
  readonly #sent = new Map<string, { progress: Progress; groups: number; firstGroupMs: number }>();
  readonly #random: () => number;
  /** When what was admitted may have runs. */
  readonly #fromMs = new Map<string, number>();
  /** Jobs that came and were admitted, and those that were not. */
  readonly admitted: SimulatedJob[] = [];
  readonly refused: SimulatedJob[] = [];
  readonly runs: SimulatedRun[] = [];

  constructor(air: StationAir, jobs: readonly SimulatedJob[], random: () => number) {
    this.#air = air;
    this.#jobs = jobs;
    this.#random = random;
  }

  sentNibbles(jobId: string): number {
    return this.#sent.get(jobId)?.progress.evenNibbles ?? 0;
  }

  /** Asks for what has come meanwhile. */
  #admit(nowMs: number): void {
    for (const job of this.#jobs) {
      if (job.fromMs > nowMs || this.admitted.includes(job) || this.refused.includes(job)) continue;
      const refusal = refusalOf({
        applicant: { ...job, sentNibbles: 0, hasBegun: false },
        promises: this.admitted
          .filter(({ deadlineMs }) => deadlineMs !== 0)
          .map((other) => ({
            ...other,
            remainingNibbles: this.#needed(other) - this.sentNibbles(other.jobId),
            fromMs: this.#fromMs.get(other.jobId) ?? 0,
          })),
        air: this.#air,
        largestShare: 0.779,
        nowMs,
      });
      (refusal === undefined ? this.admitted : this.refused).push(job);
      this.#fromMs.set(job.jobId, nowMs + 1000 * capacityOf(this.#air).listingSeconds);
    }
  }

  #candidates(nowMs: number): Candidate[] {
    return this.admitted
      .filter(({ deadlineMs }) => deadlineMs === 0 || nowMs < deadlineMs)
      .map((job) => ({
        ...job,
        paused: false,
        promised: job.deadlineMs !== 0,
        neededNibbles: this.#needed(job),
        sentNibbles: this.sentNibbles(job.jobId),
        sentGroups: this.#sent.get(job.jobId)?.groups ?? 0,
        firstGroupMs: this.#sent.get(job.jobId)?.firstGroupMs,
        fromMs: this.#fromMs.get(job.jobId) ?? 0,
      }));
  }

  readonly #neededOf = new Map<string, number>();
  #needed({ jobId, sizeBytes }: SimulatedJob): number {
    let needed = this.#neededOf.get(jobId);
    if (needed === undefined) {
      needed = needOf(this.#air.assumedLoss, this.#air.streams, this.#air.matrixBytes)(sizeBytes);
      this.#neededOf.set(jobId, needed);
    }
    return needed;
  }

  async broadcast(fromMs: number, toMs: number, losses: readonly number[]): Promise<SimulatedReceiver[]> {
    let nowMs = fromMs;
    const { streams, dataShare, matrixBytes = Infinity } = this.#air;
    const { nibblesPerSecond, settleSeconds, listingSeconds } = capacityOf(this.#air);
    const hasTypeC = streams.some((stream) => stream > 0);
    const width = hasTypeC ? 13 : 8;
    const schemeOf = (sizeBytes: number): number => chooseScheme({ sizeBytes, hasTypeC, matrixBytes }).scheme;
    const carriers = streams.map(
      (stream) =>
        new StreamCarrier({ pi: 0xd318, tp: false, pty: 0, stream, groupTypeCode: 22, channel: 16, counter: 0 }),
    );
    let candidates = new Map<string, Candidate>();
    const carousel = new Carousel({
      pi: 0xd318,
      carriers,
      previous: undefined,
      save: () => Promise.resolve(),
      live: (jobId) => {
        const candidate = candidates.get(jobId);
        if (candidate === undefined) return undefined;
        const isSpread = canSpread([...candidates.values()], nowMs);
        return liveObject({ ...candidate, sentNibbles: this.sentNibbles(jobId) }, { nowMs, settleSeconds, isSpread });
      },
      nibblesPerSecond,
    });
    const bytesOf = new Map(this.#jobs.map(({ jobId, sizeBytes }, i) => [jobId, noise(sizeBytes, i + 1)]));
    const byIdentity = new Map<string, string>();
    for (const [jobId, bytes] of bytesOf) byIdentity.set(identityOf(bytes).toHex(), jobId);
    const receivers = losses.map((loss) => ({
      loss,
      counting: new Map(
        [...bytesOf].map(([jobId, bytes]): [string, Counting] => [
          jobId,
          schemeOf(bytes.length) === SCHEME_REED_SOLOMON
            ? new CountingPieces(bytes)
            : new CountingBlocks(bytes.length, width),
        ]),
      ),
    }));
    // Announcements take their place in stream 0, assignments in the others.
    const stepMs = streams.map(
      (stream) => 1000 / (stream === 0 ? dataShare * GROUPS_PER_SECOND - 0.5 : (GROUPS_PER_SECOND * 256) / 257),
    );
    const nextMs = stepMs.map((step) => fromMs + step);
    let order = '';
    let before: ReadonlySet<string> = new Set();
    let changedMs = 0;
    let lookMs = fromMs;
    while (nowMs < toMs) {
      if (nowMs >= lookMs) {
        lookMs += 1000;
        this.#admit(nowMs);
        const lined = lineUp(this.#candidates(nowMs), nowMs, longRestMs(listingSeconds));
        const isChanged = lined.length !== candidates.size || lined.some(({ jobId }) => !candidates.has(jobId));
        candidates = new Map(lined.map((candidate) => [candidate.jobId, candidate]));
        const newOrder = lined.map(({ jobId }) => jobId).join();
        if (newOrder !== order && (isChanged || isChangeDue({ before, held: lined, sinceMs: nowMs - changedMs }))) {
          order = newOrder;
          const first = lined.slice(0, 13).map(({ jobId }) => jobId);
          if (first.some((jobId) => !before.has(jobId))) changedMs = nowMs;
          before = new Set(first);
          carousel.setObjects(
            lined.map(({ jobId, sizeBytes }) => ({
              jobId,
              bytes: bytesOf.get(jobId) ?? new Uint8Array(1),
              scheme: schemeOf(sizeBytes),
              deviceTypeTag: 0,
              deadlineMinutes: 0,
            })),
          );
        }
      }
      if (carousel.canSettle) await carousel.settle();
      const which = nextMs.indexOf(Math.min(...nextMs));
      const carrier = carriers[which];
      nowMs = nextMs[which];
      nextMs[which] += stepMs[which];
      if (!carousel.hasWork(carrier)) continue;
      const carried = carrier.next(
        () => carousel.serve(carrier),
        (handle) => (matrixBytes === Infinity ? DUMMY : carousel.spreaderOf(carrier, handle)),
      );
      if (carried.kind === 'assignment') {
        nextMs[which] -= stepMs[which];
        continue;
      }
      const entry = carrier.directory?.entries.find(({ handle }) => handle === carried.handle);
      const jobId = entry === undefined ? undefined : byIdentity.get(entry.identity.toHex());
      if (carried.counter % 16 === 0) this.runs.push({ atMs: nowMs, stream: carrier.stream, jobId });
      if (jobId === undefined || carried.kind === 'anchor') continue;
      const sizeBytes = bytesOf.get(jobId)?.length ?? 1;
      const blocks = fountainBlocks(sizeBytes, schemeOf(sizeBytes));
      const sent = this.#sent.get(jobId) ?? { progress: new Progress(blocks, 0), groups: 0, firstGroupMs: nowMs };
      sent.progress.add(carrier.stream, carried.counter);
      this.#sent.set(jobId, { ...sent, groups: sent.groups + 1 });
      for (const { loss, counting } of receivers)
        if (loss === 0 || this.#random() >= loss) counting.get(jobId)?.add(carried, nowMs);
    }
    return receivers.map(({ loss, counting }) => ({
      loss,
      completeMs: new Map([...counting].map(([jobId, { completeMs }]) => [jobId, completeMs])),
    }));
  }
}
