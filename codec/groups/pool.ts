/** The objects that are being collected at the same time, and which of them go when room is needed. */

import type { Collector } from '../symbols/collect.ts';
import { makeCollector } from '../symbols/schemes.ts';
import type { DirectoryEntry } from './directory.ts';

export interface ObjectName {
  readonly identity: Uint8Array;
  readonly sizeBytes: number;
  readonly scheme: number;
}

export interface Collecting {
  readonly key: string;
  readonly collector: Collector;
  readonly scheme: number;
  entry: DirectoryEntry | undefined;
  /** When something of it was last heard, by the clock of the pool. */
  heardAt: number;
}

/**
 * What is collected under one name. Size and scheme belong to it: a false directory that gives a known object another size must
 * not cost what was collected of the object.
 */
export function keyOf({ identity, sizeBytes, scheme }: ObjectName): string {
  return `${identity.toHex()} ${sizeBytes} ${scheme}`;
}

/** However small they are: a directory lists 13, and each takes some kB before anything of it is heard. */
const COLLECTORS_MAX = 64;
/**
 * What was collected counts half as much after so many of our groups without anything of its object: 6.4 hours of four streams, a
 * day of one. The one that will never come back goes at last, and no hour of jamming makes the one that will look like it.
 */
const HALF_LIFE_GROUPS = 2 ** 20;

/** Memory: a collector takes about four times its object; `limitBytes` bounds the objects together, and there are 64 at most. */
export class CollectorPool {
  readonly #limitBytes: number;
  /** By `keyOf`. */
  readonly #collecting = new Map<string, Collecting>();
  /** Groups of ours taken in. */
  clock = 0;

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
    let tooMany = this.#collecting.size + 1 - COLLECTORS_MAX;
    const gone: string[] = [];
    for (const { key, collector } of excess > 0 || tooMany > 0 ? this.#dispensable(listed) : []) {
      if (excess <= 0 && tooMany <= 0) break;
      excess -= collector.sizeBytes;
      tooMany--;
      gone.push(key);
    }
    if (excess > 0 || tooMany > 0) return undefined;
    for (const key of gone) this.#collecting.delete(key);
    const { identity, sizeBytes, scheme } = object;
    const collector = makeCollector(identity, sizeBytes, scheme);
    const collecting: Collecting = { key: keyOf(object), collector, scheme, entry, heardAt: this.clock };
    this.#collecting.set(collecting.key, collecting);
    return collecting;
  }

  /**
   * What goes first when room is needed stands first: what the directory does not list before what it lists, and of either that
   * of which less was collected, and longer ago. The most advanced one is the last in any case.
   */
  byLikelihood(entries: readonly DirectoryEntry[] = []): Collecting[] {
    const listed = new Set(entries.map(keyOf));
    const ranked = [...this.#collecting.values()]
      .map((collecting) => ({ collecting, isListed: listed.has(collecting.key), worth: this.#worthOf(collecting) }))
      .toSorted((a, b) => a.worth - b.worth);
    const last = ranked.pop();
    const others = ranked.toSorted((a, b) => Number(a.isListed) - Number(b.isListed));
    return [...others, ...(last === undefined ? [] : [last])].map(({ collecting }) => collecting);
  }

  /**
   * Only what the directory does not list. Anybody may send a directory, so the most advanced one stays while something listed is
   * being collected beside it.
   */
  #dispensable(entries: readonly DirectoryEntry[]): Collecting[] {
    const listed = new Set(entries.map(keyOf));
    const unlisted = this.byLikelihood(entries).filter(({ key }) => !listed.has(key));
    return unlisted.length < this.#collecting.size ? unlisted.slice(0, -1) : unlisted;
  }

  /** Bytes of the object that are held, less those that time took. */
  #worthOf({ collector, heardAt }: Collecting): number {
    const { rank, needed } = collector.progress();
    return ((collector.sizeBytes * rank) / needed) * 2 ** ((heardAt - this.clock) / HALF_LIFE_GROUPS);
  }
}
