/**
 * A second receiver, written from docs/air-interface.md alone and sharing no code with `codec/`: slow, direct, and of a whole
 * recording at once. It tells whether the page says what the sender does, and whether a stranger could build a receiver
 * from it. Section numbers are those of the page. It has no clock, so it knows nothing of breaks (2.3), and it takes the
 * recording to be short enough that a version means one directory (section 4, last paragraph).
 */

import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** Section 1. */
const AID = 0xca11;
const FORMAT_VERSION = 1;
const GROUP_3A = 0b00110;
const COUNTER_MODULUS = 2 ** 24;

export interface Announcement {
  /** Type number and version bit, as in the top five bits of block 2. */
  readonly groupType: number;
  readonly channel: number;
  /** Streams 1 to 3 that carry data. */
  readonly streams: readonly number[];
}

export interface Assignment {
  readonly stream: number;
  readonly channel: number;
  readonly pi: number;
}

export interface DirectoryEntry {
  readonly handle: number;
  readonly scheme: number;
  readonly deviceTypeTag: string;
  readonly sizeBytes: number;
  readonly identity: string;
  readonly deadlineMinutes: number;
}

export interface Directory {
  readonly version: number;
  readonly pi: number;
  readonly entries: readonly DirectoryEntry[];
}

export interface Decoded {
  readonly announcements: readonly Announcement[];
  readonly assignments: readonly Assignment[];
  /** By version. */
  readonly directories: ReadonlyMap<number, Directory>;
  /** Complete objects, by identity in hex. */
  readonly objects: ReadonlyMap<string, Uint8Array>;
}

/** A group of ours: what it carries besides its place is 32 (type A) or 48 (type C) bits, or a null for a lost block. */
interface OurGroup {
  readonly stream: number;
  /** nnnn. */
  readonly low: number;
  /** r, or kkkk. */
  readonly mark: number;
  readonly blocks: readonly (number | null)[];
}

interface CountedGroup extends OurGroup {
  readonly c: number;
}

interface Anchor {
  readonly c: number;
  readonly version: number;
  readonly size: { readonly mask: number; readonly bits: number };
}

// ---------------------------------------------------------------- bits and checks

const bitsOf = (value: number, width: number): string => value.toString(2).padStart(width, '0');

/** Most significant bit first, nothing reflected, nothing inverted. */
function crc(text: string, width: number, polynomial: number, initial: number): number {
  let register = initial;
  for (const bit of text) {
    const out = (register >>> (width - 1)) & 1;
    register = (register << 1) & ((1 << width) - 1);
    if (out !== Number(bit)) register ^= polynomial;
  }
  return register;
}
const crc4 = (text: string): number => crc(text, 4, 0b0011, 0);
const crc6 = (text: string): number => crc(text, 6, 0b000011, 0);
const crc16 = (text: string): number => crc(text, 16, 0x1021, 0xffff);

const parity = (value: number): number => value.toString(2).replaceAll('0', '').length % 2;
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

// ---------------------------------------------------------------- section 1: which groups are ours

interface Sorted {
  readonly announcements: Announcement[];
  readonly assignments: Assignment[];
  /** Of streams 0 to 3. */
  readonly groups: readonly OurGroup[][];
}

function sortGroups(lines: readonly string[]): Sorted {
  const sorted: Sorted = { announcements: [], assignments: [], groups: [[], [], [], []] };
  let announced: Announcement | undefined;
  let lastSeen = '';
  const channels: (number | undefined)[] = [];
  for (const line of lines) {
    const match = /^(?:#S([0-3]) )?((?:[0-9A-F]{4}|----)(?: (?:[0-9A-F]{4}|----)){3})\s*$/i.exec(line);
    if (match === null) continue;
    const stream = Number(match[1] ?? 0);
    const words = (match[2] ?? '').split(' ').map((word) => (word === '----' ? null : Number.parseInt(word, 16)));
    const [block1 = null, block2 = null, block3 = null, block4 = null] = words;

    if (stream === 0) {
      if (block2 === null) continue;
      const groupType = block2 >>> 11;
      if (groupType === GROUP_3A && block4 === AID && block3 !== null && block3 >>> 12 === FORMAT_VERSION) {
        const announcement: Announcement = {
          groupType: block2 & 0x1f,
          channel: (block3 >>> 6) & 0x3f,
          streams: [1, 2, 3].filter((s) => (block3 >>> (6 - s)) & 1),
        };
        const seen = JSON.stringify(announcement);
        if (announced === undefined || (seen === lastSeen && seen !== JSON.stringify(announced))) {
          announced = announcement;
          sorted.announcements.push(announcement);
          for (const s of announcement.streams) channels[s] = announcement.channel;
        }
        lastSeen = seen;
      } else if (announced !== undefined && groupType === announced.groupType) {
        const low = block2 & 0xf;
        sorted.groups[0]?.push({ stream, low, mark: (block2 >>> 4) & 1, blocks: [block3, block4] });
      }
    } else if (block1 !== null && block2 !== null && block3 !== null && block4 !== null) {
      const channel = block1 & 0x3f;
      if (block1 >>> 6 === 0b10_0000_0000 && block2 === AID && block3 >>> 12 === FORMAT_VERSION) {
        channels[stream] = channel;
        sorted.assignments.push({ stream, channel, pi: block4 });
      } else if (block1 >>> 14 === 0b01 && ((block1 >>> 8) & 0x3f) === channels[stream]) {
        const low = (block1 >>> 4) & 0xf;
        sorted.groups[stream]?.push({ stream, low, mark: block1 & 0xf, blocks: [block2, block3, block4] });
      }
    }
  }
  return sorted;
}

// ---------------------------------------------------------------- section 3: anchors

/** What the group says if it is an anchor; undefined when its checks do not fit one. */
function readAnchor(group: OurGroup): Anchor | undefined {
  if (group.low !== 0 || group.blocks.includes(null)) return undefined;
  const bits = group.blocks.map((block) => bitsOf(block ?? 0, 16)).join('');
  const c = Number.parseInt(bits.slice(0, 18), 2) * 64;
  const version = Number.parseInt(bits.slice(18, 23), 2);
  const checked = bitsOf(group.stream, 2);
  if (group.stream === 0) {
    if (crc6(checked + bits.slice(0, 26)) !== Number.parseInt(bits.slice(26), 2)) return undefined;
    const three = Number.parseInt(bits.slice(23, 26), 2);
    const odd = (c / 64) % 2 === 1;
    return { c, version, size: odd ? { mask: 0b111000, bits: three << 3 } : { mask: 0b000111, bits: three } };
  }
  if (crc16(checked + bits.slice(0, 32)) !== Number.parseInt(bits.slice(32), 2)) return undefined;
  if ((crc4(checked + bitsOf(c, 24) + bits) ^ 15) !== group.mark) return undefined;
  return { c, version, size: { mask: 0b111111, bits: Number.parseInt(bits.slice(23, 29), 2) } };
}

// ---------------------------------------------------------------- section 2.3: the counter, without a clock

interface Counted {
  readonly groups: CountedGroup[];
  /** Those that were believed, by c >> 6. */
  readonly anchors: Map<number, Anchor>;
}

/**
 * `place` counts on from the first group's nnnn; what has to be added to it to get c is the `shift`. Groups are held until
 * an anchor agrees with the count.
 */
function countGroups(groups: readonly OurGroup[]): Counted {
  const counted: Counted = { groups: [], anchors: new Map() };
  let place = 0;
  let shift: number | undefined;
  let held: { group: OurGroup; place: number }[] = [];
  /** An anchor of type A that waits for a second one. */
  let waiting: { anchor: Anchor; shift: number; place: number } | undefined;
  const release = (byShift: number): void => {
    for (const { group, place } of held) counted.groups.push({ ...group, c: (place + byShift) % COUNTER_MODULUS });
    held = [];
  };
  for (const [index, group] of groups.entries()) {
    // Fewer than 16 in a row are missing: the next one is 1 to 16 further.
    place = index === 0 ? group.low : place + 1 + ((group.low - place - 1) & 15);
    held.push({ group, place });
    const anchor = readAnchor(group);
    if (anchor === undefined) continue;
    const shiftHere = (((anchor.c - place) % COUNTER_MODULUS) + COUNTER_MODULUS) % COUNTER_MODULUS;
    if (shiftHere !== shift) {
      const fitsWaiting = waiting !== undefined && waiting.shift === shiftHere;
      const jump = shift === undefined ? Infinity : (shiftHere - shift + COUNTER_MODULUS) % COUNTER_MODULUS;
      if (group.stream === 0 && !fitsWaiting && jump >= 4096) {
        waiting = { anchor, shift: shiftHere, place };
        continue;
      }
      // The first anchor counts backwards to the first group ever; one that contradicts drops what was held before it.
      const since = fitsWaiting && waiting !== undefined ? waiting.place : place;
      if (shift !== undefined) held = held.filter((entry) => entry.place >= since);
      if (fitsWaiting && waiting !== undefined) counted.anchors.set(waiting.anchor.c >>> 6, waiting.anchor);
      shift = shiftHere;
    }
    waiting = undefined;
    counted.anchors.set(anchor.c >>> 6, anchor);
    release(shift);
  }
  if (shift !== undefined) release(shift);
  return counted;
}

// ---------------------------------------------------------------- section 2.1 and 2.2: whose groups a run carries

const codeBit = (handle: number, x: number): number => (handle & 1) ^ parity((handle >>> 1) & x);

/** The handle of a run of type A and the groups that agree with it. */
function resolveTypeA(
  run: readonly CountedGroup[],
  candidates: readonly number[],
): [number, CountedGroup[]] | undefined {
  const disagreeing = (handle: number): CountedGroup[] => run.filter((g) => g.mark !== codeBit(handle, g.low));
  const byErrors = candidates.map((handle) => ({ handle, wrong: disagreeing(handle) }));
  byErrors.sort((a, b) => a.wrong.length - b.wrong.length);
  const [best, second] = byErrors;
  if (best === undefined) return undefined;
  const others = second === undefined ? Infinity : second.wrong.length;
  if (best.wrong.length === 0 ? others === 0 : best.wrong.length > 1 || others < 3) return undefined;
  return [best.handle, run.filter((g) => !best.wrong.includes(g))];
}

/** Anchors do not carry the handle here. */
function resolveTypeC(run: readonly CountedGroup[]): [number, CountedGroup[]] | undefined {
  const votes = new Map<number, CountedGroup[]>();
  for (const group of run) {
    if (group.c % 64 === 0) continue;
    const bits = group.blocks.map((block) => bitsOf(block ?? 0, 16)).join('');
    const handle = group.mark ^ crc4(bitsOf(group.stream, 2) + bitsOf(group.c, 24) + bits);
    votes.set(handle, [...(votes.get(handle) ?? []), group]);
  }
  const voters = [...votes.values()].flat().length;
  return [...votes].find(([, agreeing]) => 2 * agreeing.length > voters);
}

// ---------------------------------------------------------------- section 5: symbols

function mix(value: number): number {
  let z = value >>> 0;
  z ^= z >>> 16;
  z = Math.imul(z, 0x21f0aaad);
  z ^= z >>> 15;
  z = Math.imul(z, 0x735a2d97);
  z ^= z >>> 15;
  return z >>> 0;
}

const rotateLeft = (value: number, by: number): number => ((value << by) | (value >>> (32 - by))) >>> 0;

/** xoshiro128** 1.1. */
function generator(identity: Uint8Array, stream: number, c: number, b: number): () => number {
  const view = new DataView(identity.buffer, identity.byteOffset, 8);
  let s0 = mix(view.getUint32(0));
  let s2 = mix(s0 ^ view.getUint32(4));
  let s3 = mix(s2 ^ ((stream << 24) | c));
  let s1 = mix(s3 ^ b);
  if ((s0 | s1 | s2 | s3) === 0) s1 = 1;
  return () => {
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    const t = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = rotateLeft(s3, 11);
    return result;
  };
}

/** Equations over GF(2) for K units of 16 bits. */
class Equations {
  readonly unknowns: number;
  rank = 0;
  /** The one whose first unknown is j, at place j. */
  readonly #rows: ({ coefficients: Uint32Array; value: number } | undefined)[];

  constructor(unknowns: number) {
    this.unknowns = unknowns;
    this.#rows = Array.from({ length: unknowns }, () => undefined);
  }

  add(coefficients: Uint32Array, value: number): void {
    if (this.rank === this.unknowns) return;
    let rest = value;
    for (let j = 0; j < this.unknowns; j++) {
      if ((((coefficients[j >>> 5] ?? 0) >>> (j & 31)) & 1) === 0) continue;
      const row = this.#rows[j];
      if (row === undefined) {
        this.#rows[j] = { coefficients, value: rest };
        this.rank++;
        return;
      }
      for (let w = j >>> 5; w < coefficients.length; w++) coefficients[w] ^= row.coefficients[w];
      rest ^= row.value;
    }
  }

  solve(): number[] | undefined {
    if (this.rank < this.unknowns) return undefined;
    const units: number[] = Array.from({ length: this.unknowns }, () => 0);
    for (let j = this.unknowns - 1; j >= 0; j--) {
      const { coefficients, value } = this.#rows[j] ?? { coefficients: new Uint32Array(), value: 0 };
      let unit = value;
      for (let k = j + 1; k < this.unknowns; k++) {
        if (((coefficients[k >>> 5] ?? 0) >>> (k & 31)) & 1) unit ^= units[k] ?? 0;
      }
      units[j] = unit;
    }
    return units;
  }
}

class ObjectBuilder {
  readonly #identity: Uint8Array;
  readonly #sizeBytes: number;
  readonly #blocks: Equations[];

  constructor(identity: Uint8Array, sizeBytes: number) {
    this.#identity = identity;
    this.#sizeBytes = sizeBytes;
    const units = Math.ceil(sizeBytes / 2);
    const blockCount = Math.ceil(units / 4096);
    const unitsOfBlock = Math.ceil(units / blockCount);
    this.#blocks = Array.from({ length: blockCount }, () => new Equations(unitsOfBlock));
  }

  add(group: CountedGroup): void {
    const x = (Math.imul(group.c, 0x9e3779b1) + Math.imul(group.stream, 0x6a09e667)) >>> 0;
    const b = Math.floor((x * this.#blocks.length) / 2 ** 32);
    const equations = this.#blocks[b];
    if (equations === undefined) return;
    const next = generator(this.#identity, group.stream, group.c, b);
    for (const symbol of group.blocks) {
      const coefficients = Uint32Array.from({ length: Math.ceil(equations.unknowns / 32) }, next);
      if (symbol !== null) equations.add(coefficients, symbol);
    }
  }

  bytes(): Uint8Array | undefined {
    const bytes: number[] = [];
    for (const equations of this.#blocks) {
      const units = equations.solve();
      if (units === undefined) return undefined;
      for (const unit of units) bytes.push(unit >>> 8, unit & 0xff);
    }
    return Uint8Array.from(bytes.slice(0, this.#sizeBytes));
  }
}

// ---------------------------------------------------------------- section 4: directory

const directoryIdentity = (version: number, units: number): Uint8Array =>
  Uint8Array.of(0x43, 0x44, 0x49, 0x52, 0, version, 0, units);

function parseDirectory(bytes: Uint8Array): Directory | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const count = bytes[4] ?? 0;
  const end = 5 + 20 * count;
  if (bytes[0] !== 1 || count > 13 || bytes.length !== Math.ceil((end + 4) / 8) * 8) return undefined;
  if (crc32(bytes.subarray(0, end)) !== view.getUint32(end)) return undefined;
  const entries = Array.from({ length: count }, (_, i): DirectoryEntry => {
    const at = 5 + 20 * i;
    const first = view.getUint8(at);
    return {
      handle: first >>> 4,
      scheme: first & 0xf,
      deviceTypeTag: hexOf(bytes.subarray(at + 1, at + 5)),
      sizeBytes: view.getUint32(at + 4) & 0xffffff,
      identity: hexOf(bytes.subarray(at + 8, at + 16)),
      deadlineMinutes: view.getUint32(at + 16),
    };
  });
  return { version: view.getUint8(1), pi: view.getUint16(2), entries };
}

/** Versions that the groups of one anchor's 64 may belong to: one, or two when the anchors on both sides differ. */
function versionsAt(anchors: ReadonlyMap<number, Anchor>, h: number): { versions: number[]; oneSided: boolean } {
  const own = anchors.get(h);
  if (own !== undefined) return { versions: [own.version], oneSided: false };
  const known = [...anchors.keys()];
  const before = Math.max(...known.filter((other) => other < h));
  const after = Math.min(...known.filter((other) => other > h));
  const versionOf = (other: number): number[] => {
    const version = anchors.get(other)?.version;
    return version === undefined ? [] : [version];
  };
  if (anchors.has(before) && anchors.has(after)) {
    return { versions: [...new Set([...versionOf(before), ...versionOf(after)])], oneSided: false };
  }
  const near = [before, after].filter((other) => Math.abs(other - h) === 1);
  return { versions: near.flatMap(versionOf), oneSided: true };
}

/** Sizes in units of 8 bytes, of the versions of which all six bits are known. */
function directorySizes(streams: readonly Counted[]): Map<number, number> {
  const partial = new Map<number, { mask: number; bits: number }>();
  for (const { anchors } of streams) {
    for (const { version, size } of anchors.values()) {
      const known = partial.get(version) ?? { mask: 0, bits: 0 };
      partial.set(version, { mask: known.mask | size.mask, bits: known.bits | size.bits });
    }
  }
  return new Map(
    [...partial].filter(([, { mask }]) => mask === 0b111111).map(([version, { bits }]) => [version, bits]),
  );
}

function runsOf(groups: readonly CountedGroup[]): CountedGroup[][] {
  return Object.values(Object.groupBy(groups, (group) => group.c >>> 4)).filter((run) => run !== undefined);
}

function resolveRun(run: readonly CountedGroup[], candidates: readonly number[]): [number, CountedGroup[]] | undefined {
  return run[0]?.stream === 0 ? resolveTypeA(run, candidates) : resolveTypeC(run);
}

const ANY_HANDLE = Array.from({ length: 14 }, (_, handle) => handle);

function readDirectories(streams: readonly Counted[]): Map<number, Directory> {
  const sizes = directorySizes(streams);
  const builders = new Map<number, ObjectBuilder>();
  for (const { groups, anchors } of streams) {
    for (const run of runsOf(groups)) {
      const resolved = resolveRun(run, ANY_HANDLE);
      if (resolved === undefined || resolved[0] !== 0) continue;
      const { versions, oneSided } = versionsAt(anchors, (run[0]?.c ?? 0) >>> 6);
      const [version = 0] = versions;
      const size = sizes.get(version);
      if (versions.length !== 1 || oneSided || size === undefined) continue;
      const builder = builders.get(version) ?? new ObjectBuilder(directoryIdentity(version, size), size * 8);
      builders.set(version, builder);
      for (const group of resolved[1]) if (group.c % 64 !== 0) builder.add(group);
    }
  }
  const directories = new Map<number, Directory>();
  for (const [version, builder] of builders) {
    const bytes = builder.bytes();
    const directory = bytes === undefined ? undefined : parseDirectory(bytes);
    if (directory?.version === version) directories.set(version, directory);
  }
  return directories;
}

// ---------------------------------------------------------------- the whole

export function decodeAir(lines: readonly string[]): Decoded {
  const { announcements, assignments, groups } = sortGroups(lines);
  const streams = groups.map(countGroups);
  const directories = readDirectories(streams);

  const builders = new Map<string, ObjectBuilder>();
  for (const { groups, anchors } of streams) {
    for (const run of runsOf(groups)) {
      const { versions } = versionsAt(anchors, (run[0]?.c ?? 0) >>> 6);
      const possible = versions.map((version) => directories.get(version));
      const listed = possible.flatMap((directory) => directory?.entries ?? []);
      const resolved = resolveRun(run, [...new Set([0, ...listed.map(({ handle }) => handle)])]);
      if (resolved === undefined) continue;
      const [handle, agreeing] = resolved;
      const entries = possible.map((directory) => directory?.entries.find((entry) => entry.handle === handle));
      const [entry] = entries;
      if (entry?.scheme !== 1 || entries.some((other) => other?.identity !== entry.identity)) continue;
      const builder =
        builders.get(entry.identity) ?? new ObjectBuilder(Buffer.from(entry.identity, 'hex'), entry.sizeBytes);
      builders.set(entry.identity, builder);
      for (const group of agreeing) if (group.c % 64 !== 0) builder.add(group);
    }
  }

  const objects = new Map<string, Uint8Array>();
  for (const [identity, builder] of builders) {
    const bytes = builder.bytes();
    if (bytes === undefined) continue;
    if (createHash('sha256').update(bytes).digest('hex').startsWith(identity)) objects.set(identity, bytes);
  }
  return { announcements, assignments, directories, objects };
}
