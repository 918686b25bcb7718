/** Which object a run serves: its handle, and what the directory says about that handle (air-interface.md sections 2 and 4). */

import { bytesEqual } from '../bytes.ts';
import { ANCHOR_SPACING } from './anchor.ts';
import type { Directory, DirectoryEntry } from './directory.ts';
import type { PlacedGroup } from './placed.ts';
import type { StreamNumber } from './group.ts';
import { DIRECTORY_HANDLE, OBJECT_HANDLE_MAX, readHandle } from './handle.ts';

/** What was received of one run. */
export interface Run {
  readonly stream: StreamNumber;
  readonly groups: readonly PlacedGroup[];
  readonly versionBefore: number;
  readonly versionAfter: number;
  /** Only a directory that was learned or confirmed by groups heard at this time or later speaks for the run. */
  readonly epoch: number;
  /** When the run's first group was heard. */
  readonly heardAt: number;
}

/** The payload of one group; a lost word is `LOST_BLOCK`. */
export interface SymbolGroup {
  readonly counter: number;
  readonly words: readonly number[];
}

export type RunDrop =
  /** The handle's bits contradict each other. */
  | 'handle-unclear'
  /** The directory has no object under the handle. */
  | 'handle-unlisted'
  /** The versions on both sides differ and the run's meaning with them. */
  | 'version-change';

export type Resolution =
  | {
      readonly kind: 'directory';
      readonly version: number;
      /** The version may have been another one: it is known at an anchor nearby, on one side only. */
      readonly isLikely: boolean;
      readonly symbols: readonly SymbolGroup[];
      readonly wrong: number;
    }
  | {
      readonly kind: 'object';
      readonly entry: DirectoryEntry;
      readonly symbols: readonly SymbolGroup[];
      readonly wrong: number;
    }
  /** A directory that is not known yet may tell. */
  | { readonly kind: 'wait' }
  | { readonly kind: 'drop'; readonly reason: RunDrop };

const ALL_HANDLES: readonly number[] = Array.from({ length: OBJECT_HANDLE_MAX + 1 }, (_, h) => h);

/** Cuts confirmed groups into runs. */
export function runsOf(stream: StreamNumber, groups: readonly PlacedGroup[], epoch: number): Run[] {
  const runs: Run[] = [];
  let from = 0;
  for (let i = 1; i <= groups.length; i++) {
    const first = groups[from];
    const g = groups[i];
    const same = g !== undefined && g.counter >> 4 === first.counter >> 4 && g.versionAfter === first.versionAfter;
    if (same) continue;
    const { versionBefore, versionAfter, heardAt } = first;
    runs.push({ stream, groups: groups.slice(from, i), versionBefore, versionAfter, epoch, heardAt });
    from = i;
  }
  return runs;
}

type Handle =
  | { readonly kind: 'one'; readonly handle: number; readonly good: readonly PlacedGroup[] }
  | { readonly kind: 'several' }
  | { readonly kind: 'none' };

function handleOf(groups: readonly PlacedGroup[], candidates: readonly number[]): Handle {
  const guess = readHandle(
    groups.map(({ counter, group }) => [counter & 15, group.check] as const),
    candidates,
  );
  if (guess.kind !== 'one') return guess;
  const good = groups.filter(({ counter }) => !guess.wrongPlaces.includes(counter & 15));
  return { kind: 'one', handle: guess.handle, good };
}

/** `directoryOf` gives the directory of a version, if it is known and fresh enough for the run. */
export function resolveRun(run: Run, directoryOf: (version: number) => Directory | undefined): Resolution {
  const versions = [...new Set([run.versionBefore, run.versionAfter])].filter((version) => version >= 0);
  const directories = versions.map(directoryOf).filter((directory) => directory !== undefined);
  const allKnown = directories.length === versions.length;
  const candidates = allKnown
    ? [DIRECTORY_HANDLE, ...new Set(directories.flatMap(({ entries }) => entries.map(({ handle }) => handle)))]
    : ALL_HANDLES;
  const found = handleOf(run.groups, candidates);
  if (found.kind === 'several' && !allKnown) return { kind: 'wait' };
  if (found.kind !== 'one') return { kind: 'drop', reason: 'handle-unclear' };
  const { handle, good } = found;
  const symbols = good
    .filter(({ counter }) => counter % ANCHOR_SPACING !== 0)
    .map(({ counter, group }) => ({ counter, words: group.words }));
  const wrong = run.groups.filter(({ counter }) => counter % ANCHOR_SPACING !== 0).length - symbols.length;
  if (handle === DIRECTORY_HANDLE) {
    const [version, other] = versions;
    if (version === undefined || other !== undefined) return { kind: 'drop', reason: 'version-change' };
    return { kind: 'directory', version, isLikely: run.versionBefore !== run.versionAfter, symbols, wrong };
  }
  if (!allKnown) return { kind: 'wait' };
  const entries = directories.map((directory) => directory.entries.find((entry) => entry.handle === handle));
  const [entry, other] = entries;
  if (entry === undefined) return { kind: 'drop', reason: 'handle-unlisted' };
  if (entries.length > 1 && !(other !== undefined && bytesEqual(entry.identity, other.identity))) {
    return { kind: 'drop', reason: 'version-change' };
  }
  return { kind: 'object', entry, symbols, wrong };
}
