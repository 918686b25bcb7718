/**
 * A second receiver, written from docs/air-interface.md alone and sharing no code with `codec/`: slow, direct, and of a whole
 * recording at once. It tells whether the page says what the sender does, and whether a stranger could build a receiver
 * from it. Section numbers are those of the page. It has no clock, so it knows nothing of breaks (2.3), it takes the
 * recording to be short enough that a version means one directory (section 4), and it does not look for wrong symbols (5.4).
 */

import { createHash } from 'node:crypto';
import { ANCHOR_SPACING } from './air-bits.ts';
import {
  ANY_HANDLE,
  type Counted,
  type CountedGroup,
  countGroups,
  payloadOf,
  resolveRun,
  runsOf,
} from './air-count.ts';
import { type Directory, type DirectoryEntry, directoryIdentity, parseDirectory } from './air-directory.ts';
import { FountainObject, type Payload } from './air-fountain.ts';
import {
  type Anchor,
  type Announcement,
  type Assignment,
  type OurGroup,
  sortGroups,
  type StationGroups,
} from './air-groups.ts';
import { ReedSolomonObject } from './air-reed-solomon.ts';

export interface Decoded {
  readonly announcements: readonly Announcement[];
  readonly assignments: readonly Assignment[];
  /** By version. */
  readonly directories: ReadonlyMap<number, Directory>;
  /** Complete objects, by identity in hex. */
  readonly objects: ReadonlyMap<string, Uint8Array>;
}

interface Builder {
  add(payload: Payload): void;
  bytes(): Uint8Array | undefined;
}

function makeBuilder({ scheme, identity, sizeBytes }: DirectoryEntry): Builder | undefined {
  if (sizeBytes === 0) return undefined;
  if (scheme === 1) return new FountainObject(Buffer.from(identity, 'hex'), sizeBytes, 13);
  if (scheme === 2) return new FountainObject(Buffer.from(identity, 'hex'), sizeBytes, 8);
  if (scheme === 3) return new ReedSolomonObject(sizeBytes);
  return undefined;
}

function addAll(builder: Builder, groups: readonly CountedGroup[]): void {
  for (const group of groups) {
    const payload = payloadOf(group);
    if (payload !== undefined) builder.add(payload);
  }
}

/** Versions that a run may belong to: one, or two when its own anchor was lost and those on both sides differ. */
function versionsOf(
  run: readonly CountedGroup[],
  anchors: ReadonlyMap<number, Anchor>,
): { versions: number[]; isOneSided: boolean } {
  const here = Math.floor(run[0].position / ANCHOR_SPACING);
  const own = anchors.get(here);
  if (own !== undefined) return { versions: [own.version], isOneSided: false };
  const known = [...anchors.keys()].sort((a, b) => a - b);
  const before = known.findLast((other) => other < here);
  const after = known.find((other) => other > here);
  const isOneSided = before === undefined || after === undefined;
  const sides = [before, after].filter((other) => other !== undefined);
  const counting = isOneSided ? sides.filter((other) => Math.abs(other - here) === 1) : sides;
  const versions = counting.map((other) => anchors.get(other)?.version).filter((version) => version !== undefined);
  return { versions: [...new Set(versions)], isOneSided };
}

/** Sizes in units of 8 bytes, of the versions of which all six bits are known. */
function directorySizes(streams: readonly Counted[]): Map<number, number> {
  const partial = new Map<number, { mask: number; bits: number }>();
  for (const { version, size } of streams.flatMap(({ anchors }) => [...anchors.values()])) {
    const known = partial.get(version) ?? { mask: 0, bits: 0 };
    partial.set(version, { mask: known.mask | size.mask, bits: known.bits | size.bits });
  }
  return new Map(
    [...partial].filter(([, { mask }]) => mask === 0b111111).map(([version, { bits }]) => [version, bits]),
  );
}

function readDirectories(streams: readonly Counted[], pi: number | undefined): Map<number, Directory> {
  const sizes = directorySizes(streams);
  const builders = new Map<number, FountainObject>();
  for (const { groups, anchors } of streams) {
    for (const run of runsOf(groups)) {
      const resolved = resolveRun(run, ANY_HANDLE);
      const { versions, isOneSided } = versionsOf(run, anchors);
      const size = sizes.get(versions[0]);
      if (resolved?.handle !== 0 || versions.length !== 1 || isOneSided || !size) continue;
      const [version] = versions;
      const builder = builders.get(version) ?? new FountainObject(directoryIdentity(version, size), size * 8, 1);
      builders.set(version, builder);
      addAll(builder, resolved.agreeing);
    }
  }
  const directories = new Map<number, Directory>();
  for (const [version, builder] of builders) {
    const bytes = builder.bytes();
    const directory = bytes === undefined ? undefined : parseDirectory(bytes);
    if (directory?.version !== version || (pi !== undefined && directory.pi !== pi)) continue;
    directories.set(version, directory);
  }
  return directories;
}

/** Handles that a run may have: those listed when every directory that may hold for it is at hand, otherwise any. */
function candidates(directories: readonly (Directory | undefined)[]): readonly number[] {
  if (directories.length === 0 || directories.includes(undefined)) return ANY_HANDLE;
  const listed = directories.flatMap((directory) => directory?.entries ?? []);
  return [...new Set([0, ...listed.map(({ handle }) => handle)])];
}

function readObjects(
  streams: readonly Counted[],
  directories: ReadonlyMap<number, Directory>,
): Map<string, Uint8Array> {
  const builders = new Map<string, Builder | undefined>();
  for (const { groups, anchors } of streams) {
    for (const run of runsOf(groups)) {
      const possible = versionsOf(run, anchors).versions.map((version) => directories.get(version));
      const resolved = resolveRun(run, candidates(possible));
      if (resolved === undefined) continue;
      const entries = possible.map((directory) => directory?.entries.find(({ handle }) => handle === resolved.handle));
      const [entry] = entries;
      if (entry === undefined || entries.some((other) => other?.identity !== entry.identity)) continue;
      const builder = builders.has(entry.identity) ? builders.get(entry.identity) : makeBuilder(entry);
      builders.set(entry.identity, builder);
      if (builder !== undefined) addAll(builder, resolved.agreeing);
    }
  }
  const objects = new Map<string, Uint8Array>();
  for (const [identity, builder] of builders) {
    const bytes = builder?.bytes();
    if (bytes === undefined) continue;
    if (createHash('sha256').update(bytes).digest('hex').startsWith(identity)) objects.set(identity, bytes);
  }
  return objects;
}

function decodeStation({ pi, groups }: StationGroups): Pick<Decoded, 'directories' | 'objects'> {
  const streams = groups.map((ofStream: readonly OurGroup[]) => countGroups(ofStream));
  const directories = readDirectories(streams, pi);
  return { directories, objects: readObjects(streams, directories) };
}

/** Lines of hex words, those of streams 1 to 3 after `#S1 ` to `#S3 `; what is not such a line is passed over. */
export function decodeAir(lines: readonly string[]): Decoded {
  const { announcements, assignments, stations } = sortGroups(lines);
  const decoded = stations.map(decodeStation);
  return {
    announcements,
    assignments,
    directories: new Map(decoded.flatMap(({ directories }) => [...directories])),
    objects: new Map(decoded.flatMap(({ objects }) => [...objects])),
  };
}
