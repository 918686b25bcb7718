/** A receiver on the store alone, what it hears, and what would be there after a power cut. */

import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Carried } from '#codec/groups/carry.ts';
import type { StreamNumber } from '#codec/groups/group.ts';
import { identityOf } from '#codec/symbols/spread.ts';
import { type CollectEvent, CollectStore, type CollectStoreOptions } from '../../receiver/collect-store.ts';
import { received, Station } from '../groups/station.ts';

export interface HearingOptions extends CollectStoreOptions {
  readonly streams?: readonly StreamNumber[];
}

export class Hearing {
  nowMs = 0;
  readonly events: CollectEvent[] = [];
  readonly station: Station;
  readonly state: string;
  readonly store: CollectStore;
  /** What of the station's groups comes through. */
  isHeard: (carried: Carried) => boolean = () => true;

  constructor(folder: string, objects: readonly Uint8Array[], { streams = [1, 2], ...options }: HearingOptions = {}) {
    this.state = join(folder, 'state');
    this.station = new Station(streams);
    this.station.offer(objects);
    const nowMs = (): number => this.nowMs;
    const opened = CollectStore.open(this.state, { nowMs, timeMs: () => 1e12 + this.nowMs, ...options });
    this.store = opened.store;
    this.events.push(...opened.events, ...this.store.push(this.station.announcement()));
  }

  get log(): string {
    return join(this.state, 'reception.log');
  }

  hear(slots: number, until: () => boolean = () => false, after: () => void = () => {}): void {
    for (let i = 0; i < slots && !until(); i++) {
      const { slot, carried } = this.station.next();
      for (const one of carried) {
        if (!this.isHeard(one)) continue;
        const { group } = one;
        this.events.push(...this.store.push(received(group, slot)));
        after();
      }
      this.nowMs += 88;
    }
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.events.push(...this.store.tick());
  }

  kinds(): string[] {
    return this.events.map(({ kind }) => kind);
  }

  has(kind: CollectEvent['kind']): boolean {
    return this.events.some((event) => event.kind === kind);
  }

  rankOf(bytes: Uint8Array): number {
    return rankOf(this.store, bytes);
  }

  /** Copies what is on the disk into a folder of `copies` and opens that. */
  afterPowerCut(copies: string): { store: CollectStore; kinds: string[] } {
    const copy = mkdtempSync(join(copies, 'state-'));
    cpSync(this.state, copy, { recursive: true });
    rmSync(join(copy, 'collect.lock'), { force: true });
    const { store, events } = CollectStore.open(copy);
    store.close();
    return { store, kinds: events.map(({ kind }) => kind) };
  }
}

export function rankOf(store: CollectStore, bytes: Uint8Array): number {
  const name = identityOf(bytes).toHex();
  return store.status().objects.find(({ entry }) => entry.identity.toHex() === name)?.progress?.rank ?? 0;
}
