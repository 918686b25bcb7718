/** What is heard of one station: its name, whether it carries updates and on what, and how well it is received. */

import type { HeardGroup, StreamNumber } from '#codec/groups/group.ts';
import { isWhole, LOST_BLOCK } from '#codec/groups/group.ts';
import { formatHexWord } from '#codec/groups/hex.ts';
import { ProgrammeReader } from '#codec/groups/programme.ts';
import { GroupSelector } from '#codec/groups/select.ts';
import { GroupReceiver, type StreamQuality } from '#codec/iq/receive.ts';
import { SAMPLE_BYTES, type SampleFormat } from '#codec/iq/samples.ts';

export interface HeardStream {
  readonly stream: StreamNumber;
  readonly locked: boolean;
  readonly groups: number;
  readonly wholeGroups: number;
  /** Share of all blocks that were not right as received; null before the first. */
  readonly blockErrorRate: number | null;
  readonly ebN0Db: number | null;
  readonly deviationHz: number;
}

export interface HeardStation {
  /** Hex; the one heard most often. */
  readonly pi: string | null;
  readonly ps: string | null;
  /** `false` is said only of a station that was heard long and well enough to have announced it. */
  readonly carillon: boolean | 'unknown';
  /** Group type on the RDS stream (11A), null when only RDS2 carries it. */
  readonly groupType: string | null;
  /** Function number on the RDS2 streams. */
  readonly channel: number | null;
  /** It is announced in a format that this receiver does not know. */
  readonly otherVersion: boolean;
  readonly locked: boolean;
  readonly cnDb: number | null;
  readonly levelDbfs: number;
  /** Share of the samples at an end of their range: the gain is too high. */
  readonly clippedShare: number;
  readonly pilotDeviationHz: number;
  readonly frequencyOffsetHz: number;
  readonly clockErrorPpm: number;
  readonly streams: readonly HeardStream[];
}

/** How finely the lock is watched. */
const SLICE_SECONDS = 0.1;
/** A station that is locked later than this after the beginning is not steady. */
const LOCK_SECONDS = 1.5;
/** A sender announces every two seconds (gateway/rota.ts): so many whole groups (5 s) had room for two. */
const GROUPS_TO_DENY = 57;
/** Somebody else's announcements and none of ours. */
const OTHERS_TO_DENY = 3;
const GROUPS_TO_DENY_WITH_OTHERS = 28;
const TYPE_3A = 6;
/** Different PI codes that are counted; wrong blocks bring new ones. */
const PI_CODES_MAX = 256;

export interface StationListenerOptions {
  readonly rateHz: number;
  readonly format: SampleFormat;
  readonly streams: 1 | 4;
}

export class StationListener {
  readonly #receiver: GroupReceiver;
  readonly #selector = new GroupSelector();
  readonly #programme = new ProgrammeReader();
  readonly #sampleBytes: number;
  readonly #rateHz: number;
  readonly #piCounts = new Map<number, number>();
  #samples = 0;
  #lockedSamples = 0;
  #wholeGroups = 0;
  #otherAnnouncements = 0;

  constructor({ rateHz, format, streams }: StationListenerOptions) {
    this.#rateHz = rateHz;
    this.#sampleBytes = SAMPLE_BYTES[format];
    const onGroup = (group: HeardGroup): void => this.#take(group);
    this.#receiver = new GroupReceiver({ input: 'iq', rateHz, format, streams, onGroup });
  }

  /** Whole samples. */
  push(bytes: Uint8Array): void {
    const sliceBytes = this.#sampleBytes * Math.ceil(SLICE_SECONDS * this.#rateHz);
    for (let at = 0; at < bytes.length; at += sliceBytes) {
      const slice = bytes.subarray(at, at + sliceBytes);
      this.#receiver.push(slice);
      const samples = slice.length / this.#sampleBytes;
      this.#samples += samples;
      if (this.#receiver.quality.streams[0].locked) this.#lockedSamples += samples;
    }
  }

  /** Of the signal. */
  get seconds(): number {
    return this.#samples / this.#rateHz;
  }

  /** There is something like RDS. */
  get isThere(): boolean {
    return this.#receiver.quality.streams.some(({ locked, tracking }) => locked || tracking);
  }

  get isCarrier(): boolean {
    return this.#selector.tuning !== undefined;
  }

  /** Everything that is said about a station has been heard. */
  get isNamed(): boolean {
    return this.#programme.status().ps !== undefined;
  }

  heard(): HeardStation {
    const { streams, cnDb, levelDbfs, clippedShare, pilotDeviationHz, frequencyOffsetHz } = this.#receiver.quality;
    const tuning = this.#selector.tuning;
    const pi = tuning?.pi ?? this.#commonestPi();
    const isOtherVersion = tuning === undefined && this.#selector.drops['announcement-version'] > 0;
    return {
      pi: pi === undefined ? null : formatHexWord(pi),
      ps: this.#programme.status().ps?.trimEnd() ?? null,
      carillon: this.#carries(isOtherVersion),
      groupType: tuning === undefined || tuning.groupTypeCode < 0 ? null : groupTypeName(tuning.groupTypeCode),
      channel: tuning?.channel ?? null,
      otherVersion: isOtherVersion,
      locked: streams[0].locked,
      cnDb: rounded(cnDb, 1),
      levelDbfs: rounded(levelDbfs, 1),
      clippedShare: rounded(clippedShare, 4),
      pilotDeviationHz: rounded(pilotDeviationHz, 0),
      frequencyOffsetHz: rounded(frequencyOffsetHz, 0),
      clockErrorPpm: rounded(streams[0].clockErrorPpm, 1),
      streams: streams.map(heardStream),
    };
  }

  #carries(isOtherVersion: boolean): boolean | 'unknown' {
    if (this.#selector.tuning !== undefined) return true;
    const isSteady = this.#lockedSamples >= this.#samples - LOCK_SECONDS * this.#rateHz;
    // It may be announced on an RDS2 stream alone, and one is there that is hardly heard.
    const isRds2Open = this.#receiver.quality.streams.some(
      ({ stream, locked, counts }) => stream > 0 && locked && counts.wholeGroups < GROUPS_TO_DENY_WITH_OTHERS,
    );
    if (isOtherVersion || !isSteady || isRds2Open) return 'unknown';
    const enough = this.#otherAnnouncements >= OTHERS_TO_DENY ? GROUPS_TO_DENY_WITH_OTHERS : GROUPS_TO_DENY;
    return this.#wholeGroups >= enough ? false : 'unknown';
  }

  #take(group: HeardGroup): void {
    this.#selector.push(group);
    this.#programme.push(group);
    if (group.stream !== 0) return;
    const [pi, second] = group.blocks;
    if (pi !== LOST_BLOCK && (this.#piCounts.size < PI_CODES_MAX || this.#piCounts.has(pi)))
      this.#piCounts.set(pi, (this.#piCounts.get(pi) ?? 0) + 1);
    if (!isWhole(group)) return;
    this.#wholeGroups++;
    if (second >> 11 === TYPE_3A) this.#otherAnnouncements++;
  }

  #commonestPi(): number | undefined {
    let best: number | undefined;
    for (const [pi, count] of this.#piCounts) {
      if (best === undefined || count > (this.#piCounts.get(best) ?? 0)) best = pi;
    }
    return best;
  }
}

function groupTypeName(code: number): string {
  return `${code >> 1}${(code & 1) === 0 ? 'A' : 'B'}`;
}

function heardStream({ stream, locked, counts, ebN0Db, deviationHz }: StreamQuality): HeardStream {
  return {
    stream,
    locked,
    groups: counts.groups,
    wholeGroups: counts.wholeGroups,
    blockErrorRate: counts.blocks === 0 ? null : rounded(1 - counts.right / counts.blocks, 4),
    ebN0Db: rounded(ebN0Db, 1),
    deviationHz: rounded(deviationHz, 0),
  };
}

function rounded<Value extends number | null>(value: Value, places: number): Value {
  // -0 is nobody's measurement.
  return (value === null ? null : Number(value.toFixed(places)) + 0) as Value;
}

/** A line for people. */
export function describeHeard({ pi, ps, streams, cnDb, clippedShare }: HeardStation): string {
  const [first] = streams;
  const wrong = first.blockErrorRate === null ? '' : `, ${(100 * first.blockErrorRate).toFixed(1)} % of blocks wrong`;
  const rds2 = streams.filter(({ stream, locked }) => stream > 0 && locked).length;
  return [
    pi === null ? 'no RDS' : `PI ${pi}${ps === null ? '' : ` ${ps}`}`,
    first.locked ? `locked${rds2 > 0 ? ` + ${rds2} RDS2` : ''}${wrong}` : 'not locked',
    cnDb === null ? '' : `C/N ${cnDb.toFixed(1)} dB`,
    clippedShare > 0.001 ? `${(100 * clippedShare).toFixed(1)} % clipped: less gain` : '',
  ]
    .filter((part) => part !== '')
    .join(', ');
}
