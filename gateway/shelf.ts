/** The packages that are ready for the air, and which jobs each object serves. */

import { deviceTypeTag } from '#codec/groups/directory.ts';
import { type ChosenScheme, fountainBlocks } from '#codec/symbols/schemes.ts';
import { identityOf } from '#codec/symbols/spread.ts';
import type { Job } from '#codec/messages/link.ts';
import type { CarouselObject } from './carousel.ts';
import { type Candidate, lineUp } from './lineup.ts';
import type { Counted } from './metrics.ts';
import type { Need } from './need.ts';

/** What a job needs to be broadcast; a package given on the command line has one too. */
export interface Broadcast
  extends Pick<Job, 'jobId' | 'vendor' | 'deviceType' | 'version' | 'priority' | 'deadlineMs' | 'windows' | 'paused'> {
  /** Its deadline was admitted. */
  readonly promised: boolean;
}

interface Held {
  readonly broadcast: Broadcast;
  readonly bytes: Uint8Array;
  readonly identity: string;
  readonly neededNibbles: number;
  readonly scheme: ChosenScheme;
  readonly blocks: number;
}

type SchemeOf = (sizeBytes: number) => ChosenScheme;
type CountOf = (jobId: string) => Counted | undefined;

const MINUTE_MS = 60_000;
/** Four bytes in the directory. */
const DEADLINE_MINUTES_MAX = 0xffff_ffff;

export class Shelf {
  readonly #held = new Map<string, Held>();
  readonly #countOf: CountOf;
  readonly #neededNibbles: Need;
  readonly #schemeOf: SchemeOf;
  readonly #fromMs: (jobId: string) => number;
  /** A longer rest costs the handle when another package waits for one. */
  readonly #longRestMs: number;
  #byIdentity = new Map<string, string[]>();

  constructor(options: {
    readonly countOf: CountOf;
    readonly neededNibbles: Need;
    readonly schemeOf: SchemeOf;
    /** When the promise of a job begins to count. */
    readonly fromMs: (jobId: string) => number;
    readonly longRestMs: number;
  }) {
    this.#countOf = options.countOf;
    this.#neededNibbles = options.neededNibbles;
    this.#schemeOf = options.schemeOf;
    this.#fromMs = options.fromMs;
    this.#longRestMs = options.longRestMs;
  }

  put(broadcast: Broadcast, bytes: Uint8Array): void {
    const known = this.#held.get(broadcast.jobId);
    // The same bytes keep their place on air.
    const same = known !== undefined && Buffer.from(known.bytes).equals(bytes);
    const identity = same ? known.identity : identityOf(bytes).toHex();
    const scheme = same ? known.scheme : this.#schemeOf(bytes.length);
    this.#held.set(broadcast.jobId, {
      broadcast,
      bytes: same ? known.bytes : (this.#sharedBytes(identity) ?? bytes),
      identity,
      neededNibbles: same ? known.neededNibbles : this.#neededNibbles(bytes.length),
      scheme,
      blocks: same ? known.blocks : fountainBlocks(bytes.length, scheme.scheme),
    });
    this.#index();
  }

  /** Of another job with the same package. */
  #sharedBytes(identity: string): Uint8Array | undefined {
    const [jobId] = this.jobsOf(identity);
    return jobId === undefined ? undefined : this.#held.get(jobId)?.bytes;
  }

  /** Other terms (priority, deadline, windows, pause) for the same package. */
  change(broadcast: Broadcast): void {
    const known = this.#held.get(broadcast.jobId);
    if (known !== undefined) this.#held.set(broadcast.jobId, { ...known, broadcast });
  }

  remove(jobId: string): boolean {
    const removed = this.#held.delete(jobId);
    if (removed) this.#index();
    return removed;
  }

  /** Fountain blocks of the job's object. */
  blocksOf(jobId: string): number {
    return this.#held.get(jobId)?.blocks ?? 1;
  }

  /** How the job's object is sent, and why so. */
  schemeOf(jobId: string): ChosenScheme | undefined {
    return this.#held.get(jobId)?.scheme;
  }

  /** Jobs with the same package, itself included. */
  sharing(jobId: string): readonly string[] {
    const held = this.#held.get(jobId);
    return held === undefined ? [] : this.jobsOf(held.identity);
  }

  /** How the job stands; undefined when its package is not here. */
  candidate(jobId: string): Candidate | undefined {
    const held = this.#held.get(jobId);
    return held === undefined ? undefined : this.#candidate(held);
  }

  /** What is held, the next for a handle first. */
  lineUp(nowMs: number): Candidate[] {
    return lineUp(
      [...this.#held.values()].map((held) => this.#candidate(held)),
      nowMs,
      this.#longRestMs,
    );
  }

  /** Jobs whose package this is; two may share one. */
  jobsOf(identity: string): readonly string[] {
    return this.#byIdentity.get(identity) ?? [];
  }

  /** What stands in the line, for the carousel. */
  objects(line: readonly Candidate[]): CarouselObject[] {
    return line.flatMap(({ jobId }) => {
      const held = this.#held.get(jobId);
      if (held === undefined) return [];
      const { broadcast, bytes, scheme } = held;
      return {
        jobId,
        bytes,
        scheme: scheme.scheme,
        deviceTypeTag: deviceTypeTag(broadcast.vendor, broadcast.deviceType),
        deadlineMinutes: Math.min(DEADLINE_MINUTES_MAX, Math.ceil(broadcast.deadlineMs / MINUTE_MS)),
      };
    });
  }

  #candidate({ broadcast, bytes, neededNibbles }: Held): Candidate {
    const counted = this.#countOf(broadcast.jobId);
    return {
      ...broadcast,
      sizeBytes: bytes.length,
      neededNibbles,
      sentNibbles: counted?.nibbles ?? 0,
      sentGroups: counted?.groups ?? 0,
      firstGroupMs: counted?.firstGroupMs,
      fromMs: this.#fromMs(broadcast.jobId),
    };
  }

  #index(): void {
    this.#byIdentity = new Map();
    for (const { broadcast, identity } of this.#held.values())
      this.#byIdentity.set(identity, [...this.jobsOf(identity), broadcast.jobId]);
  }
}
