/** Where our groups are found: the 3A announcement and the type C assignment (air-interface.md section 1.1). */

import type { Group, ReceivedGroup, StreamNumber } from './group.ts';
import { type ProgrammeHeader, typeABlock2 } from './programme.ts';

/** Application identification; not registered yet. */
const AID = 0xca11;
const FORMAT_VERSION = 2;
/** Type 11, version A. A group type code is the type number (4 bits) and the version bit (0 = A). */
export const DEFAULT_GROUP_TYPE_CODE = 22;
/** Function number of our ODA channel on streams 1..3. */
export const DEFAULT_CHANNEL = 16;

const TYPE_3A = 6;

export interface Announcement {
  readonly groupTypeCode: number;
  /** 0..63 */
  readonly channel: number;
  /** Streams among 1..3 that carry data. */
  readonly streams: readonly StreamNumber[];
}

/*
 *     block 2            block 3            block 4
 *     0011 0 T PPPPP ttttt | VVVVCCCCCCSSS000 | AID
 */

export function makeAnnouncement(header: ProgrammeHeader, { groupTypeCode, channel, streams }: Announcement): Group {
  let message = (FORMAT_VERSION << 12) | (channel << 6);
  for (const stream of streams) if (stream > 0) message |= 1 << (6 - stream);
  return { stream: 0, blocks: [header.pi, typeABlock2(header, TYPE_3A, groupTypeCode), message, AID] };
}

export type ParsedAnnouncement =
  | { readonly kind: 'announcement'; readonly announcement: Announcement }
  /** An announcement of ours in a format this receiver does not know. */
  | { readonly kind: 'other-version'; readonly version: number };

/** Undefined when the group is not a 3A group with our AID and blocks 2..4 whole. */
export function parseAnnouncement({ stream, blocks }: ReceivedGroup): ParsedAnnouncement | undefined {
  const [, b, c, d] = blocks;
  if (stream !== 0 || b < 0 || c < 0 || d !== AID || b >> 11 !== TYPE_3A) return undefined;
  const version = c >> 12;
  if (version !== FORMAT_VERSION) return { kind: 'other-version', version };
  const groupTypeCode = b & 31;
  // Only type A groups carry our 37 bits.
  if ((groupTypeCode & 1) !== 0) return { kind: 'other-version', version };
  const streams = ([1, 2, 3] as const).filter((s) => ((c >> (6 - s)) & 1) !== 0);
  return { kind: 'announcement', announcement: { groupTypeCode, channel: (c >> 6) & 63, streams } };
}

/*
 *     block 1                block 2   block 3            block 4
 *     10 000000 | 00 CCCCCC  AID       VVVV000000000000   PI
 */

export function makeAssignment(stream: StreamNumber, channel: number, pi: number): Group {
  return { stream, blocks: [0x8000 | channel, AID, FORMAT_VERSION << 12, pi] };
}

export interface Assignment {
  readonly channel: number;
  readonly pi: number;
}

/** Undefined when the group is not a whole assignment of ours in a version we know. */
export function parseAssignment({ stream, blocks }: ReceivedGroup): Assignment | undefined {
  const [a, b, c, d] = blocks;
  if (stream === 0 || a < 0 || d < 0 || a >> 6 !== 0x8000 >> 6 || b !== AID || c !== FORMAT_VERSION << 12) {
    return undefined;
  }
  return { channel: a & 63, pi: d };
}
