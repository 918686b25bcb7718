/** The objects that are being collected at the same time, and which of them go when room is needed. */

import { ObjectCollector } from '../symbols/collect.ts';
import type { DirectoryEntry } from './directory.ts';
import { LOST_BLOCK, type StreamNumber } from './group.ts';
import type { PlacedSymbols } from './log.ts';

interface ObjectName {
  readonly identity: Uint8Array;
  readonly sizeBytes: number;
}

export interface Collecting {
  readonly collector: ObjectCollector;
  entry: DirectoryEntry | undefined;
}

/**
 * What is collected under one name. The size belongs to it: a false directory that gives a known object another size must not
 * cost what was collected of the object.
 */
export function keyOf({ identity, sizeBytes }: ObjectName): string {
  return `${identity.toHex()} ${sizeBytes}`;
}

/** Memory: a collector takes about four times its object; `limitBytes` bounds the objects together. */
export class CollectorPool {
  readonly #limitBytes: number;
  /** By `keyOf`. */
  readonly #collecting = new Map<string, Collecting>();

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get(object: ObjectName): Collecting | undefined {
    return this.#collecting.get(keyOf(object));
  }

  all(): Iterable<Collecting> {
    return this.#collecting.values();
  }

  dropIf(isDone: (collecting: Collecting) => boolean): void {
    for (const [key, collecting] of this.#collecting) if (isDone(collecting)) this.#collecting.delete(key);
  }

  /** Makes room for one more, by what is not in `listed`; undefined when there is none to be had. */
  start(
    object: ObjectName,
    entry: DirectoryEntry | undefined,
    listed: readonly DirectoryEntry[] = [],
  ): Collecting | undefined {
    let excess = object.sizeBytes - this.#limitBytes;
    for (const { collector } of this.#collecting.values()) excess += collector.sizeBytes;
    const gone: string[] = [];
    for (const { key, collector } of excess > 0 ? this.#dispensable(listed) : []) {
      if (excess <= 0) break;
      excess -= collector.sizeBytes;
      gone.push(key);
    }
    if (excess > 0) return undefined;
    for (const key of gone) this.#collecting.delete(key);
    const collecting: Collecting = { collector: new ObjectCollector(object.identity, object.sizeBytes), entry };
    this.#collecting.set(keyOf(object), collecting);
    return collecting;
  }

  /**
   * What may go when room is needed, first the one of which the least was collected: what the directory does not list. Anybody may
   * send a directory, so the one of which most was collected stays while something listed is being collected beside it.
   */
  #dispensable(entries: readonly DirectoryEntry[]): { readonly key: string; readonly collector: ObjectCollector }[] {
    const listed = new Set(entries.map(keyOf));
    const unlisted = [...this.#collecting]
      .filter(([key]) => !listed.has(key))
      .map(([key, { collector }]) => ({ key, collector, held: collector.symbolsHeld }))
      .toSorted((a, b) => a.held - b.held);
    return unlisted.length < this.#collecting.size ? unlisted.slice(0, -1) : unlisted;
  }
}

/** The symbols of a collector, put together again in groups, block by block: those of a large object are hundreds of megabytes. */
export function* placedGroups(collector: ObjectCollector): Generator<PlacedSymbols[]> {
  let groups: { stream: StreamNumber; counter: number; words: number[] }[] = [];
  const blocks = collector.eachSymbol((stream, counter, place, value) => {
    let group = groups.at(-1);
    if (group === undefined || group.counter !== counter || group.stream !== stream) {
      const words = Array.from({ length: stream === 0 ? 2 : 3 }, () => LOST_BLOCK);
      group = { stream: stream as StreamNumber, counter, words };
      groups.push(group);
    }
    group.words[place] = value;
  });
  for (const _ of blocks) {
    yield groups;
    groups = [];
  }
}
