/** The packages that are ready for the air, and which jobs each object serves. */

import { deviceTypeTag } from '#codec/groups/directory.ts';
import { identityOf } from '#codec/symbols/spread.ts';
import type { Job } from '#codec/messages/link.ts';
import type { CarouselObject } from './carousel.ts';

/** What a job needs to be broadcast; a package given on the command line has one too. */
export type Broadcast = Pick<Job, 'jobId' | 'vendor' | 'deviceType' | 'version' | 'priority' | 'deadlineMs'>;

interface Held {
  readonly broadcast: Broadcast;
  readonly bytes: Uint8Array;
  readonly identity: string;
}

const MINUTE_MS = 60_000;
/** Four bytes in the directory. */
const DEADLINE_MINUTES_MAX = 0xffff_ffff;

export class Shelf {
  readonly #held = new Map<string, Held>();
  #byIdentity = new Map<string, string[]>();

  put(broadcast: Broadcast, bytes: Uint8Array): void {
    const known = this.#held.get(broadcast.jobId);
    // The same bytes keep their place on air.
    const same = known !== undefined && Buffer.from(known.bytes).equals(bytes);
    const identity = same ? known.identity : identityOf(bytes).toHex();
    this.#held.set(broadcast.jobId, { broadcast, bytes: same ? known.bytes : bytes, identity });
    this.#index();
  }

  /** Another priority or deadline for the same package. */
  change(broadcast: Broadcast): void {
    const known = this.#held.get(broadcast.jobId);
    if (known !== undefined) this.#held.set(broadcast.jobId, { ...known, broadcast });
  }

  remove(jobId: string): boolean {
    const removed = this.#held.delete(jobId);
    if (removed) this.#index();
    return removed;
  }

  all(): Broadcast[] {
    return [...this.#held.values()].map(({ broadcast }) => broadcast);
  }

  /** Jobs whose package this is; two may share one. */
  jobsOf(identity: string): readonly string[] {
    return this.#byIdentity.get(identity) ?? [];
  }

  /** For the carousel: the most important first, then the one that ends first. */
  objects(): CarouselObject[] {
    return [...this.#held.values()]
      .sort((a, b) => b.broadcast.priority - a.broadcast.priority || deadlineOf(a) - deadlineOf(b))
      .map(({ broadcast, bytes }) => ({
        bytes,
        weight: Math.max(1, broadcast.priority),
        deviceTypeTag: deviceTypeTag(broadcast.vendor, broadcast.deviceType),
        deadlineMinutes: Math.min(DEADLINE_MINUTES_MAX, Math.ceil(broadcast.deadlineMs / MINUTE_MS)),
      }));
  }

  #index(): void {
    this.#byIdentity = new Map();
    for (const { broadcast, identity } of this.#held.values())
      this.#byIdentity.set(identity, [...this.jobsOf(identity), broadcast.jobId]);
  }
}

function deadlineOf({ broadcast }: Held): number {
  return broadcast.deadlineMs === 0 ? Number.POSITIVE_INFINITY : broadcast.deadlineMs;
}
