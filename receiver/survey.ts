/**
 * One frequency after the other on one dongle. A station's signal reaches over the next steps of a scan; it is one station, and
 * the step nearest to it says most.
 */

import type { IqSource, Tuned, TuneRequest } from '#hardware/contracts.ts';
import { type HeardStation, StationListener, type StationListenerOptions } from './heard.ts';

export interface FoundStation extends HeardStation {
  /** Where it was listened to; null for a recording that does not say. */
  readonly frequencyHz: number | null;
  /** Of signal that was listened to. */
  readonly seconds: number;
}

/** Time in which RDS that is there is found. */
const LOOK_SECONDS = 0.7;
/** Less is not enough for the RDS2 streams of a station that has been found. */
const LEAST_SECONDS = 2;
/** After the announcement, for the name. */
const NAME_SECONDS = 1.5;

export interface VisitOptions {
  readonly seconds: number;
  readonly streams: StationListenerOptions['streams'];
}

/** Tunes an open source where that can be done, and opens a new one where not. */
export class Tuner {
  readonly #makeSource: () => IqSource;
  readonly #request: Omit<TuneRequest, 'frequencyHz'>;
  #source: IqSource | undefined;
  #chunks: AsyncIterator<Uint8Array> | undefined;
  #closed = false;

  constructor(makeSource: () => IqSource, request: Omit<TuneRequest, 'frequencyHz'>) {
    this.#makeSource = makeSource;
    this.#request = request;
  }

  async tune(frequencyHz: number): Promise<Tuned> {
    const open = this.#source;
    if (open?.retune !== undefined) return await open.retune(frequencyHz);
    await open?.close();
    const source = this.#makeSource();
    this.#source = source;
    const tuned = await source.open({ ...this.#request, frequencyHz });
    this.#chunks = source.chunks()[Symbol.asyncIterator]();
    // Closed while it was being opened.
    if (this.#closed) await source.close();
    return tuned;
  }

  /** Undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    const next = await this.#chunks?.next();
    return next === undefined || next.done === true ? undefined : next.value;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#source?.close();
  }
}

/** Undefined when there is no RDS. */
export async function visit(
  tuner: Tuner,
  frequencyHz: number,
  { seconds, streams }: VisitOptions,
): Promise<FoundStation | undefined> {
  const tuned = await tuner.tune(frequencyHz);
  const listener = new StationListener({ ...tuned, streams });
  let untilSeconds = seconds;
  while (listener.seconds < untilSeconds) {
    const bytes = await tuner.next();
    if (bytes === undefined) break;
    listener.push(bytes);
    if (listener.seconds >= LOOK_SECONDS && !listener.isThere) return undefined;
    if (!listener.isCarrier) continue;
    const nameSeconds = listener.isNamed ? 0 : listener.seconds + NAME_SECONDS;
    untilSeconds = Math.min(untilSeconds, Math.max(LEAST_SECONDS, nameSeconds));
  }
  const heard = listener.heard();
  // Something was followed, and no group came of it.
  if (heard.pi === null) return undefined;
  return { frequencyHz: tuned.frequencyHz === 0 ? null : tuned.frequencyHz, seconds: listener.seconds, ...heard };
}

/** The signal of a station reaches so far, and with it its PI. */
const REACH_HZ = 250_000;
/** Two steps that hear the same carrier agree on where it is, as well as a distorted signal can be measured. */
const SAME_CARRIER_HZ = 60_000;

function isSameStation(a: FoundStation, b: FoundStation): boolean {
  if (a.frequencyHz === null || b.frequencyHz === null) return false;
  if (Math.abs(a.frequencyHz - b.frequencyHz) > REACH_HZ) return false;
  if (a.pi !== null && a.pi === b.pi) return true;
  if (a.pi !== null && b.pi !== null && a.locked && b.locked) return false;
  const carrierHz = (station: FoundStation): number => (station.frequencyHz ?? 0) + station.frequencyOffsetHz;
  return Math.abs(carrierHz(a) - carrierHz(b)) < SAME_CARRIER_HZ;
}

/** The one that is nearer to the carrier; what only the other one heard is kept. */
function merged(a: FoundStation, b: FoundStation): FoundStation {
  const [best, other] = Math.abs(b.frequencyOffsetHz) < Math.abs(a.frequencyOffsetHz) ? [b, a] : [a, b];
  const carries = best.carillon === true || other.carillon !== true ? best : other;
  const { carillon, groupType, channel, otherVersion } = carries;
  return { ...best, ps: best.ps ?? other.ps, carillon, groupType, channel, otherVersion };
}

/** Takes stations in the order of their frequencies and gives each of them once. */
export class StationMerger {
  #pending: FoundStation | undefined;

  /** What is certain by now: no later step can belong to it. */
  push(station: FoundStation): FoundStation | undefined {
    const pending = this.#pending;
    if (pending !== undefined && isSameStation(pending, station)) {
      this.#pending = merged(pending, station);
      return undefined;
    }
    this.#pending = station;
    return pending;
  }

  /** At a frequency where nothing was found. */
  passed(frequencyHz: number): FoundStation | undefined {
    const pending = this.#pending;
    if (pending?.frequencyHz == null || frequencyHz - pending.frequencyHz <= REACH_HZ) return undefined;
    return this.end();
  }

  end(): FoundStation | undefined {
    const pending = this.#pending;
    this.#pending = undefined;
    return pending;
  }
}
