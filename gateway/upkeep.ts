/**
 * What must be on disk before more groups leave: counters and the next directory. A disk that fails stops neither the
 * programme nor what is on air; it is asked again after a while.
 */

import type { StreamNumber } from '#codec/groups/group.ts';
import type { Carousel } from './carousel.ts';
import type { Counters } from './counters.ts';
import { messageOf } from '#hardware/fault.ts';

/** More than any chunk needs. */
const CHUNK_GROUPS = 16;
const RETRY_MS = 5000;

export class Upkeep {
  readonly #counters: Counters;
  readonly #carousel: Carousel;
  readonly #streams: readonly StreamNumber[];
  readonly #onFault: (text: string) => void;
  #retryMs = 0;
  faults = 0;

  constructor(options: {
    counters: Counters;
    carousel: Carousel;
    streams: readonly StreamNumber[];
    onFault: (text: string) => void;
  }) {
    this.#counters = options.counters;
    this.#carousel = options.carousel;
    this.#streams = options.streams;
    this.#onFault = options.onFault;
  }

  /** For `transmit`: undefined when there is nothing to wait for. */
  readonly between = (): Promise<void> | undefined => {
    const reserving =
      performance.now() < this.#retryMs ? undefined : this.#counters.ensure(this.#streams, CHUNK_GROUPS);
    if (reserving === undefined && !this.#carousel.canSettle) return undefined;
    return this.#wait(reserving);
  };

  async #wait(reserving: Promise<void> | undefined): Promise<void> {
    try {
      await reserving;
      if (performance.now() >= this.#retryMs) await this.#carousel.settle();
    } catch (error) {
      this.faults++;
      this.#retryMs = performance.now() + RETRY_MS;
      this.#onFault(
        `The state directory cannot be written (${messageOf(error)}); what is on air stays on air as long as its counters last, then the programme alone. Free some space.`,
      );
    }
  }
}
