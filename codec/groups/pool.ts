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
  readonly collector: Collector;
  readonly scheme: number;
  entry: DirectoryEntry | undefined;
}

/**
 * What is collected under one name. Size and scheme belong to it: a false directory that gives a known object another size must
 * not cost what was collected of the object.
 */
export function keyOf({ identity, sizeBytes, scheme }: ObjectName): string {
  return `${identity.toHex()} ${sizeBytes} ${scheme}`;
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
    const { identity, sizeBytes, scheme } = object;
    const collecting: Collecting = { collector: makeCollector(identity, sizeBytes, scheme), scheme, entry };
    this.#collecting.set(keyOf(object), collecting);
    return collecting;
  }

  /**
   * What may go when room is needed, first the one of which the least was collected: what the directory does not list. Anybody may
   * send a directory, so the one of which most was collected stays while something listed is being collected beside it.
   */
  #dispensable(entries: readonly DirectoryEntry[]): { readonly key: string; readonly collector: Collector }[] {
    const listed = new Set(entries.map(keyOf));
    const unlisted = [...this.#collecting]
      .filter(([key]) => !listed.has(key))
      .map(([key, { collector }]) => ({ key, collector, held: heldBytes(collector) }))
      .toSorted((a, b) => a.held - b.held);
    return unlisted.length < this.#collecting.size ? unlisted.slice(0, -1) : unlisted;
  }
}

function heldBytes(collector: Collector): number {
  const { rank, needed } = collector.progress();
  return (collector.sizeBytes * rank) / needed;
}
