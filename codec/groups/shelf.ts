/** The directories that a receiver knows, one for each version, and how fresh that knowledge is (air-interface.md section 4). */

import { bytesEqual } from '../bytes.ts';
import { ObjectCollector } from '../symbols/collect.ts';
import { FountainSpreader } from '../symbols/spread.ts';
import type { Anchor } from './anchor.ts';
import {
  type Directory,
  DIRECTORY_UNIT_BYTES,
  DIRECTORY_VERSIONS,
  DIRECTORY_WIDTH,
  directoryIdentity,
  parseDirectory,
} from './directory.ts';
import type { StreamNumber } from './group.ts';
import type { SymbolGroup } from './resolve.ts';

interface Known {
  readonly directory: Directory;
  readonly bytes: Uint8Array;
  readonly spreader: FountainSpreader;
  /** When symbols that are its own were last heard. */
  confirmedAt: number;
  strikes: number;
}

/** What directory symbols told: a new directory, the one that is known, or nothing yet. */
export type ShelfNews = 'learned' | 'confirmed' | 'nothing' | 'size-unknown';

/** A directory whose symbols disagree this often with what is heard has been replaced under its version. */
const STRIKES_MAX = 2;
/** So many groups of one run are no accident: another directory is on air under this version, a false one now or before. */
const DECISIVE_GROUPS = 4;

/** Versions take turns: so many steps from the one of an anchor, either way, is as far as another stream or what waits can be. */
const NEAR_VERSIONS = 11;
/** More steps from one anchor of a stream to the next may have passed over versions that were far. */
const STEPS_MAX = 8;

/** From one version forwards to another. */
function stepsBetween(from: number, to: number): number {
  return (to - from + DIRECTORY_VERSIONS) % DIRECTORY_VERSIONS;
}

/** What was said under `version` belongs to another round of versions than what is said now. */
function isOfAnotherRound(version: number, now: number): boolean {
  const steps = stepsBetween(now, version);
  return steps > NEAR_VERSIONS && DIRECTORY_VERSIONS - steps > NEAR_VERSIONS;
}

function isWhole(bytes: Uint8Array): boolean {
  return parseDirectory(bytes).kind === 'directory';
}

/** Holds at most 32 directories and 32 that are being collected, below 2 kB each. */
export class DirectoryShelf {
  readonly #known = new Map<number, Known>();
  readonly #collectors = new Map<number, ObjectCollector>();
  readonly #sizes = Array.from({ length: DIRECTORY_VERSIONS }, () => ({ units: 0, mask: 0 }));
  /** Of the last anchor of each stream. */
  #versions = [-1, -1, -1, -1];
  /** When each version was last known to be in force no more and not yet again. */
  readonly #rounds = Array.from({ length: DIRECTORY_VERSIONS }, () => -1);
  /** Directories that were whole but unusable: another station's, or not of the version under which they were sent. */
  faults = 0;
  /** Directories that were given up because what came under their version was of another one. */
  contradicted = 0;
  /** The station's PI, -1 = not known. */
  pi = -1;

  /** True when the size of the version's directory became known. */
  noteAnchor(stream: StreamNumber, { version, sizeUnits, sizeMask }: Anchor, now: number): boolean {
    this.#age(stream, version, now);
    const size = this.#sizes[version];
    const units = (size.units & ~sizeMask) | sizeUnits;
    const mask = size.mask | sizeMask;
    const news = mask === 63 && (size.mask !== 63 || units !== size.units);
    size.units = units;
    size.mask = mask;
    return news;
  }

  /** What was learned under a version speaks for it in one round of the 32, and in the next when it was confirmed again. */
  #age(stream: StreamNumber, version: number, now: number): void {
    const before = this.#versions[stream];
    if (before === version) return;
    this.#versions[stream] = version;
    const isJump = before >= 0 && stepsBetween(before, version) > STEPS_MAX;
    for (let other = 0; other < DIRECTORY_VERSIONS; other++) {
      const isFar = isOfAnotherRound(other, version);
      if (isFar) this.#rounds[other] = now;
      if (!isFar && !isJump) continue;
      const known = this.#known.get(other);
      if (known !== undefined) known.confirmedAt = -1;
      this.#collectors.delete(other);
      this.#sizes[other].mask = 0;
    }
  }

  /** What was heard before this is not of the version's present round; -1 also for no version. */
  roundOf(version: number): number {
    return this.#rounds[version] ?? -1;
  }

  /** Whether symbols of the version's directory can be used. */
  takesSymbols(version: number): boolean {
    return this.#known.has(version) || this.#sizes[version].mask === 63;
  }

  /** The directory of a version, if it was learned or confirmed by what was heard at `since` or later. */
  directoryOf(version: number, since: number): Directory | undefined {
    const known = this.#known.get(version);
    return known !== undefined && known.confirmedAt >= since ? known.directory : undefined;
  }

  bytesOf(version: number): Uint8Array | undefined {
    return this.#known.get(version)?.bytes;
  }

  /** A directory from a log: known, but nothing is attributed by it until it is heard again. */
  restore(bytes: Uint8Array): Directory | undefined {
    // The groups of the log that taught it may stand before it: then it was heard, and stays so.
    for (const known of this.#known.values()) if (bytesEqual(known.bytes, bytes)) return known.directory;
    return this.#learn(bytes, -1)?.directory;
  }

  forgetAll(): void {
    this.#known.clear();
    this.#collectors.clear();
    this.#versions = [-1, -1, -1, -1];
    this.#rounds.fill(-1);
    for (const size of this.#sizes) size.mask = 0;
  }

  /** `isLikely`: they may be those of another version, which must not cost what is known. */
  addSymbols(
    version: number,
    stream: number,
    symbols: readonly SymbolGroup[],
    heardAt: number,
    isLikely = false,
  ): ShelfNews {
    const known = this.#known.get(version);
    if (known !== undefined) {
      let balance = 0;
      for (const { counter, words } of symbols) {
        if (words.some((word) => word < 0)) continue;
        const expected = known.spreader.payload(stream, counter);
        balance += expected.every((word, i) => word === words[i]) ? 1 : -1;
      }
      if (balance > 0) {
        known.confirmedAt = Math.max(known.confirmedAt, heardAt);
        known.strikes = 0;
        return 'confirmed';
      }
      if (isLikely || balance === 0) return 'nothing';
      known.strikes += balance <= -DECISIVE_GROUPS ? STRIKES_MAX : 1;
      if (known.confirmedAt >= 0 && known.strikes < STRIKES_MAX) return 'nothing';
      this.contradicted++;
      this.#known.delete(version);
    }
    const { units, mask } = this.#sizes[version];
    if (mask !== 63) return 'size-unknown';
    if (units === 0) return 'nothing';
    let collector = this.#collectors.get(version);
    if (collector === undefined || collector.sizeBytes !== units * DIRECTORY_UNIT_BYTES) {
      const identity = directoryIdentity(version, units);
      collector = new ObjectCollector(identity, units * DIRECTORY_UNIT_BYTES, DIRECTORY_WIDTH, isWhole);
      this.#collectors.set(version, collector);
    }
    for (const { counter, words } of symbols) collector.addGroup(stream, counter, words);
    const bytes = collector.bytes();
    if (bytes === undefined) return 'nothing';
    this.#collectors.delete(version);
    return this.#learn(bytes, heardAt, version) === undefined ? 'nothing' : 'learned';
  }

  /** `version` is the one that anchors gave; a log does not say. */
  #learn(bytes: Uint8Array, heardAt: number, version?: number): Known | undefined {
    const parsed = parseDirectory(bytes);
    if (
      parsed.kind === 'fault' ||
      (this.pi >= 0 && parsed.directory.pi !== this.pi) ||
      (version !== undefined && parsed.directory.version !== version)
    ) {
      this.faults++;
      return undefined;
    }
    const { directory } = parsed;
    const identity = directoryIdentity(directory.version, bytes.length / DIRECTORY_UNIT_BYTES);
    const spreader = new FountainSpreader(bytes, DIRECTORY_WIDTH, identity);
    const known = { directory, bytes, spreader, confirmedAt: heardAt, strikes: 0 };
    this.#known.set(directory.version, known);
    return known;
  }
}
