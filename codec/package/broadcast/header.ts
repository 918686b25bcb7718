/**
 * The header that gives a content key to all devices but the revoked ones:
 *
 *     | salt, 12 bytes | revoked devices (revoked.ts) | 16 bytes for each subset of the cover but the first |
 *
 * The subsets are not named. They follow from the revoked devices, which take less: 20 bits for one device in a million, 15 bits each for a
 * hundred.
 *
 * pad(k) is what the key of subset k makes of the salt. pad(0) is the content key; the bytes for subset k are pad(0) xor pad(k). Nobody
 * chooses the content key, which saves the bytes for one subset and makes room for the salt. Without a salt, a subset would have the same pad in every
 * header: who once had a content key would have the next one of the same cover.
 *
 * There is no check value. The header is in what is signed, and a wrong key does not open authenticated content: RFC 3394, at 8 bytes more for each
 * subset, would say a third time what these two say.
 *
 * What is compared here is public (numbers of nodes, sizes), so nothing needs constant time.
 */

import { joined } from '../../bytes.ts';
import { MisuseError } from '../../misuse.ts';
import { coverOf } from './cover.ts';
import { checkDeviceKeys, type DeviceKeys, isInSubset, subsetKeyFrom } from './device-keys.ts';
import { checkMasterSecret, contentPadOf, KEY_BYTES, subsetKeyOf } from './labels.ts';
import { decodeRuns, encodeRuns, type RunsFault, runsOf } from './revoked.ts';

/** At random, a million headers of one master secret have two alike with probability 2^-57. */
export const SALT_BYTES = 12;

export interface HeaderOptions {
  /** 32 bytes: what the keys of the devices were made of. */
  readonly masterSecret: Uint8Array;
  /** Of the tree; it has 2^depth devices. */
  readonly depth: number;
  /** In any order. Numbers that no device has been made with need not be named. */
  readonly revoked: Iterable<number>;
  /** 12 bytes, random and never used twice: subsets that two headers share would have the same pads in both. */
  readonly salt: Uint8Array;
}

export interface SealedHeader {
  readonly header: Uint8Array;
  /** 16 bytes. Secret. */
  readonly contentKey: Uint8Array;
}

type HeaderFault = RunsFault | 'wrong-size';
export type OpenedHeader =
  /** 16 bytes. The content says whether it is the right key: nothing in the header does. */
  | { readonly kind: 'opened'; readonly contentKey: Uint8Array }
  /** The device is revoked. */
  | { readonly kind: 'left-out' }
  | { readonly kind: 'fault'; readonly fault: HeaderFault; readonly offsetBytes: number };

/** Throws `MASTER_SECRET`, `SALT`, `DEPTH`, `DEVICE`, and `NOBODY_LEFT` where everybody is revoked. */
export function sealHeader({ masterSecret, depth, revoked, salt }: HeaderOptions): SealedHeader {
  checkMasterSecret(masterSecret);
  if (salt.length !== SALT_BYTES) throw new MisuseError('SALT', `A salt has ${SALT_BYTES} bytes, not ${salt.length}.`);
  const runs = runsOf(depth, revoked);
  const pads = coverOf(depth, runs).map((subset) =>
    contentPadOf(subsetKeyOf(masterSecret, depth, subset), salt, subset),
  );
  const [contentKey, ...others] = pads;
  if (contentKey === undefined)
    throw new MisuseError('NOBODY_LEFT', 'Every device is revoked: nobody could open this header.');
  const wrapped = others.map((pad) => xor(contentKey, pad));
  return { header: joined([salt, encodeRuns(depth, runs), ...wrapped]), contentKey };
}

/**
 * Any bytes give one of the three answers. Time is O(header * depth), memory O(header); nothing is decrypted to see whether it fits.
 * Throws `DEPTH`, `DEVICE` or `DEVICE_KEYS` for keys that no device was made with.
 */
export function openHeader(header: Uint8Array, keys: DeviceKeys): OpenedHeader {
  checkDeviceKeys(keys);
  if (header.length < SALT_BYTES) return { kind: 'fault', fault: 'cut-short', offsetBytes: header.length };
  const read = decodeRuns(keys.depth, header, SALT_BYTES, maxRunsIn(header.length));
  if (read.kind === 'fault') return read;
  const cover = coverOf(keys.depth, read.runs);
  const sizeBytes = read.endBytes + KEY_BYTES * Math.max(0, cover.length - 1);
  if (header.length !== sizeBytes) return { kind: 'fault', fault: 'wrong-size', offsetBytes: read.endBytes };
  const index = cover.findIndex((subset) => isInSubset(keys, subset));
  if (index === -1) return { kind: 'left-out' };
  const subset = cover[index];
  const pad = contentPadOf(subsetKeyFrom(keys, subset), header.subarray(0, SALT_BYTES), subset);
  if (index === 0) return { kind: 'opened', contentKey: pad };
  const at = read.endBytes + KEY_BYTES * (index - 1);
  return { kind: 'opened', contentKey: xor(header.subarray(at, at + KEY_BYTES), pad) };
}

/**
 * n runs have at least n - 1 spans of devices between them, and a subset, which is a span without a span, reaches at most two: a cover of m
 * subsets belongs to at most 2 m + 1 runs.
 */
function maxRunsIn(headerSizeBytes: number): number {
  const maxSubsets = 1 + Math.floor((headerSizeBytes - SALT_BYTES) / KEY_BYTES);
  return 2 * maxSubsets + 1;
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, k) => byte ^ b[k]);
}
