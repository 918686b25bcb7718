/** What reception says to programs: one object an event, in `collect` and `listen` alike. */

import type { DirectoryEntry } from '#codec/groups/directory.ts';
import { formatHexWord } from '#codec/groups/hex.ts';
import type { CollectEvent, Storage } from './collect-store.ts';

export type Told = { readonly event: string } & Readonly<Record<string, unknown>>;

/** Progress of an object is told when it has grown by a hundredth. Remembers the objects of the directory on air only. */
export class ReceptionReport {
  #toldHundredths = new Map<string, number>();

  /** Undefined when there is nothing new in it. */
  tell(event: CollectEvent): Told | undefined {
    switch (event.kind) {
      case 'tuned': {
        const { pi, groupTypeCode } = event.tuning;
        return { event: 'tuned', pi: formatHexWord(pi), groupTypeCode };
      }
      case 'directory': {
        const listed = new Set(event.entries.map(({ identity }) => identity.toHex()));
        this.#toldHundredths = new Map([...this.#toldHundredths].filter(([identity]) => listed.has(identity)));
        return { event: 'directory', version: event.directory.version, entries: event.entries.map(describeEntry) };
      }
      case 'progress': {
        const identity = event.identity.toHex();
        const { rank, needed, groupsUsed, blocksSolved, blocks } = event.progress;
        const hundredths = Math.floor((100 * rank) / needed);
        if (this.#toldHundredths.get(identity) === hundredths) return undefined;
        this.#toldHundredths.set(identity, hundredths);
        const symbols = { symbols: rank, symbolsNeeded: needed };
        return { event: 'progress', identity, ...symbols, groupsUsed, blocksSolved, blocks };
      }
      case 'package': {
        const { identity, sha256Hex, path, sizeBytes } = event.stored;
        return { event: 'package', identity: identity.toHex(), sha256: sha256Hex, file: path, sizeBytes };
      }
      case 'storage':
        return tellStorage(event.storage);
      case 'withdrawn':
        return { event: 'withdrawn', identity: event.identity.toHex() };
    }
    return event satisfies never;
  }
}

function tellStorage(storage: Storage | undefined): Told {
  if (storage === undefined) return { event: 'storage', problem: null };
  const { cause, sinceMs, ...held } = storage;
  return { event: 'storage', problem: cause, since: new Date(sinceMs).toISOString(), ...held };
}

/** For people. */
export function describeStorage(storage: Storage | undefined): string {
  if (storage === undefined) return 'There is room again: everything that was held in memory is written.';
  const { cause, sinceMs, heldGroups, heldPackages, heldObjects } = storage;
  const held = [`${heldGroups} groups`];
  if (heldPackages > 0) held.push(`${heldPackages} finished packages`);
  if (heldObjects > 0) held.push(`what was collected of ${heldObjects} objects`);
  const what = cause === 'disk-full' ? 'disk full' : 'reception.log has reached its limit';
  return `${what}: since ${new Date(sinceMs).toISOString()}, ${held.join(', ')} are held in memory only`;
}

function describeEntry(entry: DirectoryEntry & { readonly wanted: boolean }): Record<string, unknown> {
  const { handle, identity, deviceTypeTag, sizeBytes, deadlineMinutes, wanted } = entry;
  return {
    handle,
    identity: identity.toHex(),
    deviceTypeTag: deviceTypeTag.toString(16).padStart(8, '0'),
    sizeBytes,
    deadline: deadlineMinutes === 0 ? null : new Date(deadlineMinutes * 60_000).toISOString(),
    wanted,
  };
}
