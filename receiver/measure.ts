/** What reception measured, averaged for people: over a whole recording, or over the last second of a live signal. */

import type { StreamNumber } from '#codec/groups/group.ts';
import type { GroupReceiverOptions, Quality, StreamQuality } from '#codec/iq/receive.ts';
import { SAMPLE_BYTES, type SampleFormat } from '#codec/iq/samples.ts';

/** Null is what this input cannot tell, or what cannot be told at the moment. */
export interface MeasuredStream {
  readonly stream: StreamNumber;
  /** Timing and carrier are being followed. */
  readonly tracking: boolean;
  /** The group clock is known. */
  readonly locked: boolean;
  /** Of the last 12 groups, 0..1. */
  readonly blockErrorRate: number | null;
  readonly ebN0Db: number | null;
  readonly clockErrorPpm: number | null;
  /** Peak deviation on this subcarrier, noise included. */
  readonly deviationHz: number | null;
  readonly groups: number;
  readonly wholeGroups: number;
}

export interface MeasuredCarrier {
  readonly levelDbfs: number | null;
  /** In 250 kHz. */
  readonly cnDb: number | null;
  /** Carrier less tuned frequency. */
  readonly frequencyOffsetHz: number | null;
  readonly pilotDeviationHz: number | null;
  readonly clippedShare: number | null;
}

export interface MeasuredSignal {
  readonly input: GroupReceiverOptions['input'];
  /** Samples a second; 0 for bits. */
  readonly rateHz: number;
  /** Null unless the input is `iq`. */
  readonly format: SampleFormat | null;
  /** Of signal, since the input began. */
  readonly seconds: number;
  /** Of signal, since blocks were accepted last, or since the input began. */
  readonly silentSeconds: number;
  readonly acceptedBlocks: number;
  readonly carrier: MeasuredCarrier;
  readonly streams: readonly MeasuredStream[];
}

/** Averages within the receiver start from nothing and take 0.1 s each. */
const WARM_UP_SECONDS = 0.25;

class Mean {
  readonly #memorySeconds: number;
  #weight = 0;
  value: number | null = null;

  constructor(memorySeconds: number) {
    this.#memorySeconds = memorySeconds;
  }

  restart(): void {
    this.value = null;
    this.#weight = 0;
  }

  add(value: number | null, seconds: number): void {
    if (value === null || !Number.isFinite(value)) {
      // What is said of a live signal is true now.
      if (Number.isFinite(this.#memorySeconds)) this.restart();
      return;
    }
    this.#weight = Math.min(this.#weight + seconds, this.#memorySeconds);
    if (this.value === null || this.#weight <= seconds) this.value = value;
    else this.value += (seconds / this.#weight) * (value - this.value);
  }
}

class StreamMeans {
  readonly ebN0Db: Mean;
  readonly clockErrorPpm: Mean;
  readonly deviationHz: Mean;

  constructor(memorySeconds: number) {
    this.ebN0Db = new Mean(memorySeconds);
    this.clockErrorPpm = new Mean(memorySeconds);
    this.deviationHz = new Mean(memorySeconds);
  }

  restart(): void {
    for (const mean of [this.ebN0Db, this.clockErrorPpm, this.deviationHz]) mean.restart();
  }

  add({ tracking, ebN0Db, clockErrorPpm, deviationHz }: StreamQuality, seconds: number): void {
    this.ebN0Db.add(tracking ? ebN0Db : null, seconds);
    this.clockErrorPpm.add(tracking ? clockErrorPpm : null, seconds);
    this.deviationHz.add(deviationHz, seconds);
  }
}

export interface SignalMeasureOptions {
  readonly input: GroupReceiverOptions['input'];
  readonly rateHz: number;
  readonly format: SampleFormat;
  /** What is averaged; everything when absent. */
  readonly memorySeconds?: number;
}

export class SignalMeasure {
  readonly #options: SignalMeasureOptions;
  readonly #bytesPerSecond: number;
  readonly #carrier: Record<keyof MeasuredCarrier, Mean>;
  readonly #streams: readonly StreamMeans[];
  #latest: Quality | undefined;
  #seconds = 0;
  #silentSeconds = 0;
  #accepted = 0;
  #lastBlockSeconds = Number.NEGATIVE_INFINITY;

  constructor(options: SignalMeasureOptions) {
    const { input, rateHz, format, memorySeconds = Number.POSITIVE_INFINITY } = options;
    this.#options = options;
    this.#bytesPerSecond =
      input === 'bits' ? Number.POSITIVE_INFINITY : rateHz * (input === 'iq' ? SAMPLE_BYTES[format] : 2);
    const mean = (): Mean => new Mean(memorySeconds);
    this.#carrier = {
      levelDbfs: mean(),
      cnDb: mean(),
      frequencyOffsetHz: mean(),
      pilotDeviationHz: mean(),
      clippedShare: mean(),
    };
    this.#streams = [0, 1, 2, 3].map(() => new StreamMeans(memorySeconds));
  }

  /** Call after each chunk with its length and what the receiver says then. Returns the seconds in it. */
  add(byteCount: number, quality: Quality): number {
    const seconds = byteCount / this.#bytesPerSecond;
    this.#latest = quality;
    this.#seconds += seconds;
    this.#silentSeconds += seconds;
    this.#count(quality);
    if (this.#seconds <= WARM_UP_SECONDS) for (const mean of this.#means()) mean.restart();
    if (this.#options.input !== 'bits') {
      if (this.#options.input === 'iq') {
        this.#carrier.levelDbfs.add(quality.levelDbfs, seconds);
        this.#carrier.cnDb.add(quality.cnDb, seconds);
        this.#carrier.frequencyOffsetHz.add(quality.frequencyOffsetHz, seconds);
      }
      this.#carrier.pilotDeviationHz.add(quality.pilotDeviationHz, seconds);
      this.#carrier.clippedShare.add(quality.clippedShare, seconds);
      for (const stream of quality.streams) this.#streams[stream.stream].add(stream, seconds);
    }
    return seconds;
  }

  /** What came out at the end of the input, which is itself no signal to measure. */
  addEnd({ streams }: Quality): void {
    const latest = this.#latest;
    if (latest === undefined) return;
    const counts = streams.map((stream, k) => ({ ...latest.streams[k], counts: stream.counts }));
    this.#latest = { ...latest, streams: counts };
    this.#count(this.#latest);
  }

  /** Noise behind a lock gives a block now and then; a signal gives two within a second. */
  #count({ streams }: Quality): void {
    const accepted = streams.reduce((sum, { counts }) => sum + counts.right + counts.corrected, 0);
    const added = accepted - this.#accepted;
    this.#accepted = accepted;
    if (added === 0) return;
    if (added > 1 || this.#seconds - this.#lastBlockSeconds < 1) this.#silentSeconds = 0;
    this.#lastBlockSeconds = this.#seconds;
  }

  get measured(): MeasuredSignal {
    const { input, rateHz, format } = this.#options;
    const { levelDbfs, cnDb, frequencyOffsetHz, pilotDeviationHz, clippedShare } = this.#carrier;
    return {
      input,
      rateHz,
      format: input === 'iq' ? format : null,
      seconds: rounded(this.#seconds, 3),
      silentSeconds: rounded(this.#silentSeconds, 3),
      acceptedBlocks: this.#accepted,
      carrier: {
        levelDbfs: roundedOrNull(levelDbfs.value, 1),
        cnDb: roundedOrNull(cnDb.value, 1),
        frequencyOffsetHz: roundedOrNull(frequencyOffsetHz.value, 0),
        pilotDeviationHz: roundedOrNull(pilotDeviationHz.value, 2),
        clippedShare: roundedOrNull(clippedShare.value, 5),
      },
      streams: (this.#latest?.streams ?? []).map(({ stream, tracking, locked, blockErrorRate, counts }) => ({
        stream,
        tracking,
        locked,
        blockErrorRate: roundedOrNull(blockErrorRate, 4),
        ebN0Db: roundedOrNull(this.#streams[stream].ebN0Db.value, 1),
        clockErrorPpm: roundedOrNull(this.#streams[stream].clockErrorPpm.value, 1),
        deviationHz: roundedOrNull(this.#streams[stream].deviationHz.value, 2),
        groups: counts.groups,
        wholeGroups: counts.wholeGroups,
      })),
    };
  }

  #means(): (Mean | StreamMeans)[] {
    return [...Object.values(this.#carrier), ...this.#streams];
  }
}

export function rounded(value: number, decimals: number): number {
  // No -0.
  return Math.round(value * 10 ** decimals) / 10 ** decimals + 0;
}

export function roundedOrNull(value: number | null, decimals: number): number | null {
  return value === null || !Number.isFinite(value) ? null : rounded(value, decimals);
}
