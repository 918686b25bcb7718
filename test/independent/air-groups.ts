/** Sections 1 and 3 of docs/air-interface.md: which groups of a recording are ours, and which may be anchors. */

import { AID, ANCHOR_SPACING, bitsOf, crc16, crc7, FORMAT_VERSION, GROUP_3A } from './air-bits.ts';

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

/** A group of ours, its payload as sent; null for a lost block. */
export interface OurGroup {
  readonly stream: number;
  /** c mod 16 (type A) or c mod 8 (type C). */
  readonly low: number;
  readonly r: number;
  /** Type C alone: pppp. */
  readonly p?: number;
  readonly blocks: readonly (number | null)[];
}

export interface StationGroups {
  pi: number | undefined;
  /** Of streams 0 to 3. */
  readonly groups: readonly OurGroup[][];
}

export interface Sorted {
  readonly announcements: Announcement[];
  readonly assignments: Assignment[];
  /** One after the other: a new PI is a new station. */
  readonly stations: StationGroups[];
}

/** What 3A and the assignment group say alike, each a part of it. */
interface Place {
  readonly pi?: number | undefined;
  readonly groupType?: number;
  readonly channel: number;
}

const differ = (x: number | undefined, y: number | undefined): boolean => x !== undefined && y !== undefined && x !== y;
const contradict = (x: Place, y: Place): boolean =>
  differ(x.pi, y.pi) || differ(x.groupType, y.groupType) || x.channel !== y.channel;
const isSame = (x: Place, y: Place): boolean => x.pi === y.pi && x.groupType === y.groupType && x.channel === y.channel;

/** Knows where our groups are. */
class Places {
  current: Place | undefined;
  readonly stations: StationGroups[] = [];
  /** By kind: of 3A or of an assignment. */
  readonly #last = new Map<string, Place>();

  /** Whether it counts. */
  hear(kind: '3A' | 'assignment', heard: Place): boolean {
    const last = this.#last.get(kind);
    this.#last.set(kind, heard);
    const { current } = this;
    if (current !== undefined && contradict(current, heard) && (last === undefined || !isSame(last, heard)))
      return false;
    if (current === undefined || differ(current.pi, heard.pi)) {
      this.current = heard;
      this.stations.push({ pi: heard.pi, groups: [[], [], [], []] });
      return true;
    }
    const pi = heard.pi ?? current.pi;
    this.current = { ...current, ...heard, pi };
    for (const station of this.stations.slice(-1)) station.pi = pi;
    return true;
  }

  take(group: OurGroup): void {
    this.stations.at(-1)?.groups[group.stream].push(group);
  }
}

type Words = readonly (number | null)[];

function sortTypeA([block1, block2, block3, block4]: Words, places: Places, announcements: Announcement[]): void {
  if (block2 === null) return;
  const groupType = block2 >>> 11;
  const current = places.current;
  if (groupType === GROUP_3A) {
    if (block4 !== AID || block3 === null || block3 >>> 12 !== FORMAT_VERSION || (block2 & 1) !== 0) return;
    const announcement: Announcement = {
      groupType: block2 & 0x1f,
      channel: (block3 >>> 6) & 0x3f,
      streams: [1, 2, 3].filter((s) => (block3 >>> (6 - s)) & 1),
    };
    const { channel } = announcement;
    const counts = places.hear('3A', { pi: block1 ?? undefined, groupType: block2 & 0x1f, channel });
    if (counts && JSON.stringify(announcement) !== JSON.stringify(announcements.at(-1)))
      announcements.push(announcement);
  } else if (current !== undefined && groupType === current.groupType) {
    if (differ(block1 ?? undefined, current.pi) || (block3 === null && block4 === null)) return;
    places.take({ stream: 0, low: block2 & 0xf, r: (block2 >>> 4) & 1, blocks: [block3, block4] });
  }
}

function sortTypeC(stream: number, [block1, ...blocks]: Words, places: Places, assignments: Assignment[]): void {
  if (block1 === null) return;
  const [block2, block3, block4] = blocks;
  if (block1 >>> 6 === 0b10_0000_0000) {
    if (block2 !== AID || block3 !== FORMAT_VERSION << 12 || block4 === null) return;
    const channel = block1 & 0x3f;
    assignments.push({ stream, channel, pi: block4 });
    places.hear('assignment', { pi: block4, channel });
  } else if (block1 >>> 14 === 0b01 && ((block1 >>> 8) & 0x3f) === places.current?.channel) {
    if (blocks.every((block) => block === null)) return;
    places.take({ stream, r: (block1 >>> 7) & 1, low: (block1 >>> 4) & 7, p: block1 & 0xf, blocks });
  }
}

export function sortGroups(lines: readonly string[]): Sorted {
  const places = new Places();
  const announcements: Announcement[] = [];
  const assignments: Assignment[] = [];
  for (const line of lines) {
    const match = /^(?:#S([0-3]) )?((?:[0-9A-F]{4}|----)(?: (?:[0-9A-F]{4}|----)){3})\s*$/i.exec(line);
    if (match === null) continue;
    const stream = Number(match[1] ?? 0);
    const words = match[2].split(' ').map((word) => (word === '----' ? null : Number.parseInt(word, 16)));
    if (stream === 0) sortTypeA(words, places, announcements);
    else sortTypeC(stream, words, places, assignments);
  }
  return { announcements, assignments, stations: places.stations };
}

// ---------------------------------------------------------------- section 3: anchors

export interface Anchor {
  readonly c: number;
  readonly version: number;
  /** Of the directory, in units of 8 bytes: the bits that this anchor tells. */
  readonly size: { readonly mask: number; readonly bits: number };
}

/** What the group says if it is an anchor; undefined when its checks do not fit one. */
export function readAnchor({ stream, low, p, blocks }: OurGroup): Anchor | undefined {
  if (low !== 0 || blocks.includes(null)) return undefined;
  const bits = blocks.map((block) => bitsOf(block ?? 0, 16)).join('');
  const h = Number.parseInt(bits.slice(0, 17), 2);
  const c = h * ANCHOR_SPACING;
  const version = Number.parseInt(bits.slice(17, 22), 2);
  const checked = bitsOf(stream, 2);
  if (stream === 0) {
    if (crc7(checked + bits.slice(0, 25)) !== Number.parseInt(bits.slice(25), 2)) return undefined;
    const three = Number.parseInt(bits.slice(22, 25), 2);
    return { c, version, size: h % 2 === 1 ? { mask: 0b111000, bits: three << 3 } : { mask: 0b000111, bits: three } };
  }
  if (p !== 0b1111 || bits.slice(28, 32) !== '0000') return undefined;
  if (crc16(checked + bits.slice(0, 32)) !== Number.parseInt(bits.slice(32), 2)) return undefined;
  return { c, version, size: { mask: 0b111111, bits: Number.parseInt(bits.slice(22, 28), 2) } };
}

/** The groups without those between n and n + 2 whose place is not n + 1 (section 2.3). */
function withoutMisplaced(groups: readonly OurGroup[], modulus: number): OurGroup[] {
  const kept: OurGroup[] = [];
  for (const [i, group] of groups.entries()) {
    const before = kept.at(-1)?.low;
    const after = groups.at(i + 1)?.low;
    const isBetween = before !== undefined && after === (before + 2) % modulus;
    if (!isBetween || group.low === (before + 1) % modulus) kept.push(group);
  }
  return kept;
}

/** Section 2.3: how many groups of ours each one is behind the first, but for what was missing in 16 or 8 at once. */
export function placeGroups(groups: readonly OurGroup[], modulus: number): { group: OurGroup; place: number }[] {
  let place = -1;
  return withoutMisplaced(groups, modulus).map((group) => {
    place += 1 + ((((group.low - place - 1) % modulus) + modulus) % modulus);
    return { group, place };
  });
}
