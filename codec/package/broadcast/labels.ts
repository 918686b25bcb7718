/**
 * Labels and keys of the subsets, 16 bytes each, all from one master secret. HMAC is HMAC-SHA-256 (RFC 2104), texts are ASCII, numbers are
 * big-endian, and [16] is the first half of the output:
 *
 *     label of i in the tree of i    HMAC(master secret, "carillon/sd/root" | depth, 1 byte | i, 4 bytes)[16]
 *     labels of the children of v    left | right = HMAC(label of v, "carillon/sd/children")
 *     key of S(i,j)                  HMAC(label of j in the tree of i, "carillon/sd/key")[16]
 *     key of everybody               HMAC(master secret, "carillon/sd/everybody" | depth, 1 byte)[16]
 *
 * The generator G of the paper makes left | key | right at once; it is in two halves here because the way down to a key needs the two labels of
 * every node and the key of the last one only. HMAC keyed by the label is a pseudo-random function, and the texts keep its uses apart.
 */

import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { joined } from '../../bytes.ts';
import { MisuseError } from '../../misuse.ts';
import type { Subset } from './cover.ts';
import { levelOf } from './tree.ts';

/** Of labels, keys of subsets and content keys. */
export const KEY_BYTES = 16;
const MASTER_SECRET_BYTES = 32;

const ROOT_TEXT = ascii('carillon/sd/root');
const CHILDREN_TEXT = ascii('carillon/sd/children');
const KEY_TEXT = ascii('carillon/sd/key');
const EVERYBODY_TEXT = ascii('carillon/sd/everybody');
const CONTENT_TEXT = ascii('carillon/sd/content');

/** Throws `MASTER_SECRET` unless it has 32 bytes. */
export function checkMasterSecret(masterSecret: Uint8Array): void {
  if (masterSecret.length !== MASTER_SECRET_BYTES)
    throw new MisuseError(
      'MASTER_SECRET',
      `A master secret has ${MASTER_SECRET_BYTES} bytes, not ${masterSecret.length}.`,
    );
}

export function rootLabelOf(masterSecret: Uint8Array, depth: number, i: number): Uint8Array {
  return half(hmac(sha256, masterSecret, joined([ROOT_TEXT, Uint8Array.of(depth), numberBytes(i)])));
}

/** Labels of the left and of the right child. */
export function childLabelsOf(label: Uint8Array): readonly [left: Uint8Array, right: Uint8Array] {
  const both = hmac(sha256, label, CHILDREN_TEXT);
  return [half(both), both.slice(KEY_BYTES)];
}

/** From the label of a node `levels` above `node` to that of `node`. */
export function labelBelow(label: Uint8Array, node: number, levels: number): Uint8Array {
  let below = label;
  for (let k = levels - 1; k >= 0; k--) below = childLabelsOf(below)[(node >> k) & 1];
  return below;
}

export function keyOfLabel(label: Uint8Array): Uint8Array {
  return half(hmac(sha256, label, KEY_TEXT));
}

export function everybodyKeyOf(masterSecret: Uint8Array, depth: number): Uint8Array {
  return half(hmac(sha256, masterSecret, joined([EVERYBODY_TEXT, Uint8Array.of(depth)])));
}

/** The key of a subset for who has the master secret. Throws nothing for a subset of `coverOf`. */
export function subsetKeyOf(masterSecret: Uint8Array, depth: number, { i, j }: Subset): Uint8Array {
  if (j === 0) return everybodyKeyOf(masterSecret, depth);
  return keyOfLabel(labelBelow(rootLabelOf(masterSecret, depth, i), j, levelOf(j) - levelOf(i)));
}

/** What a subset makes of a salt: HMAC(key of the subset, "carillon/sd/content" | salt | i, 4 bytes | j, 4 bytes)[16]. */
export function contentPadOf(subsetKey: Uint8Array, salt: Uint8Array, { i, j }: Subset): Uint8Array {
  return half(hmac(sha256, subsetKey, joined([CONTENT_TEXT, salt, numberBytes(i), numberBytes(j)])));
}

function half(output: Uint8Array): Uint8Array {
  return output.slice(0, KEY_BYTES);
}

function numberBytes(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
