/**
 * A second sender, written from docs/air-interface.md alone and sharing no code with `codec/`: it makes the groups of a
 * station, one slot after the other, for receivers to be tested with. Losses are left to the caller.
 */

import { createHash } from 'node:crypto';
import {
  AID,
  ANCHOR_SPACING,
  bitsOf,
  codeBit,
  COUNTER_MODULUS,
  crc16,
  crc7,
  FORMAT_VERSION,
  GROUP_3A,
  scramble,
} from './air-bits.ts';
import { type DirectoryEntry, directoryIdentity, writeDirectory } from './air-directory.ts';
import { shapeOf, symbolsOf } from './air-fountain.ts';
import { codedObject, pieceOffsets } from './air-reed-solomon.ts';

export interface SentObject {
  readonly bytes: Uint8Array;
  /** 1 = fountain of width 13, 2 = fountain of width 8, 3 = Reed-Solomon. */
  readonly scheme: number;
  /** Eight hex digits. */
  readonly deviceTypeTag: string;
  /** 1 to 13; without it, the place in the list + 1. */
  readonly handle?: number;
}

export interface Station {
  readonly objects: readonly SentObject[];
  /** 0 to 3. */
  readonly streams: readonly number[];
  /** Of ours, on each stream. */
  readonly groups: number;
  readonly pi: number;
  /** Of the first group on each stream. */
  readonly counter: number;
  readonly directoryVersion?: number;
  readonly groupType?: number;
  readonly channel?: number;
  /** One 3A after so many groups of stream 0; the first comes before any. */
  readonly announcementEvery?: number;
  /** One run of so many carries the directory. */
  readonly directoryEvery?: number;
}

/** The payload of a group, in nibbles. */
type Carry = (stream: number, c: number) => number[];

const payloadNibbles = (stream: number): number => (stream === 0 ? 8 : 13);
const hexWord = (word: number): string => word.toString(16).toUpperCase().padStart(4, '0');
const nibblesOf = (bytes: Uint8Array): number[] => Array.from(bytes).flatMap((byte) => [byte >>> 4, byte & 0xf]);

function fountain(bytes: Uint8Array, identity: Uint8Array, width: number): Carry {
  const shape = shapeOf(bytes.length, width);
  const nibbles = new Uint8Array(shape.blocks * shape.rows * width);
  nibbles.set(nibblesOf(bytes));
  /** Column q of a row in bits 4 (q mod 8).. of its word floor(q / 8). */
  const rows = new Uint32Array(2 * shape.blocks * shape.rows);
  for (const [i, nibble] of nibbles.entries()) {
    const column = i % width;
    rows[2 * Math.floor(i / width) + (column >>> 3)] |= nibble << (4 * (column & 7));
  }
  return (stream, c) =>
    symbolsOf(shape, identity, { stream, c }, payloadNibbles(stream)).flatMap(({ block, coefficients, columns }) => {
      const symbol = new Uint32Array(2);
      for (let row = 0; row < shape.rows; row++) {
        if (((coefficients[row >>> 5] >>> (row & 31)) & 1) === 0) continue;
        symbol[0] ^= rows[2 * (block * shape.rows + row)];
        symbol[1] ^= rows[2 * (block * shape.rows + row) + 1];
      }
      return columns.map((column) => (symbol[column >>> 3] >>> (4 * (column & 7))) & 0xf);
    });
}

function reedSolomon(bytes: Uint8Array): Carry {
  const coded = codedObject(bytes);
  const [offsetsOfA, offsetsOfC] = [pieceOffsets(coded.length, 4), pieceOffsets(coded.length, 6)];
  return (stream, c) => {
    const pieceBytes = stream === 0 ? 4 : 6;
    const offset = stream === 0 ? offsetsOfA(stream, c) : offsetsOfC(stream, c);
    const piece = new Uint8Array(pieceBytes);
    piece.set(coded.subarray(offset, offset + pieceBytes));
    return stream === 0 ? nibblesOf(piece) : [0, ...nibblesOf(piece)];
  };
}

const identityOf = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest().subarray(0, 8);

function carryOf({ bytes, scheme }: SentObject): Carry {
  return scheme === 3 ? reedSolomon(bytes) : fountain(bytes, identityOf(bytes), scheme === 1 ? 13 : 8);
}

/** The words of an anchor behind its first (type C) or second (type A) block. */
function anchorWords(stream: number, c: number, version: number, units: number): number[] {
  const h = c / ANCHOR_SPACING;
  const start = bitsOf(h, 17) + bitsOf(version, 5);
  const size = bitsOf(units, 6);
  const ours = stream === 0 ? start + (h % 2 === 1 ? size.slice(0, 3) : size.slice(3)) : `${start}${size}0000`;
  const checked = bitsOf(stream, 2) + ours;
  const bits = ours + (stream === 0 ? bitsOf(crc7(checked), 7) : bitsOf(crc16(checked), 16));
  return (bits.match(/.{16}/g) ?? []).map((word) => Number.parseInt(word, 2));
}

export function encodeAir(station: Station): string[] {
  const { objects, streams, groups, pi, counter } = station;
  const { directoryVersion = 0, groupType = 0b1011_0, channel = 16 } = station;
  const { announcementEvery = 20, directoryEvery = 5 } = station;

  const handles = objects.map(({ handle }, i) => handle ?? i + 1);
  const entries = objects.map(({ bytes, scheme, deviceTypeTag }, i): DirectoryEntry => {
    const identity = Buffer.from(identityOf(bytes)).toString('hex');
    return { handle: handles[i], scheme, deviceTypeTag, sizeBytes: bytes.length, identity, deadlineMinutes: 0 };
  });
  const directory = writeDirectory({ version: directoryVersion, pi, entries });
  const units = directory.length / 8;
  const carries = new Map<number, Carry>(objects.map((object, i) => [handles[i], carryOf(object)]));
  carries.set(0, fountain(directory, directoryIdentity(directoryVersion, units), 1));

  /** Runs go to the directory, then to the objects in turn. */
  const handleOf = (c: number): number => {
    const run = c >>> 4;
    if (handles.length === 0 || run % directoryEvery === 0) return 0;
    return handles[(run - Math.ceil(run / directoryEvery)) % handles.length];
  };
  const ours = (stream: number, c: number): string => {
    const handle = handleOf(c);
    const isAnchor = c % ANCHOR_SPACING === 0;
    const carried = isAnchor ? [] : (carries.get(handle)?.(stream, c) ?? []);
    const p = isAnchor ? 0b1111 : carried[0];
    const nibbles = stream === 0 ? carried : carried.slice(1);
    const firstBlock = stream === 0 ? 3 : 2;
    const words = isAnchor
      ? anchorWords(stream, c, directoryVersion, units)
      : Array.from({ length: nibbles.length / 4 }, (_, i) => {
          const word = nibbles.slice(4 * i, 4 * i + 4).reduce((sum, nibble) => 16 * sum + nibble, 0);
          return scramble(word, stream, c, firstBlock + i);
        });
    const r = codeBit(handle, c % 16);
    const head =
      stream === 0
        ? [pi, (groupType << 11) | (r << 4) | (c % 16)]
        : [0x4000 | (channel << 8) | (r << 7) | ((c % 8) << 4) | p];
    return [...head, ...words].map(hexWord).join(' ');
  };

  const lines: string[] = [];
  for (let slot = 0; slot < groups; slot++) {
    const c = (counter + slot) % COUNTER_MODULUS;
    for (const stream of streams) {
      if (stream === 0) {
        if (slot % announcementEvery === 0) {
          const bits = [1, 2, 3].map((s) => (streams.includes(s) ? '1' : '0')).join('');
          const message = Number.parseInt(`${bitsOf(FORMAT_VERSION, 4)}${bitsOf(channel, 6)}${bits}000`, 2);
          lines.push([pi, (GROUP_3A << 11) | groupType, message, AID].map(hexWord).join(' '));
        }
        lines.push(ours(stream, c));
      } else {
        lines.push(`#S${stream} ${ours(stream, c)}`);
        const assignment = [0x8000 | channel, AID, FORMAT_VERSION << 12, pi].map(hexWord).join(' ');
        if (c % (2 * ANCHOR_SPACING) === 0) lines.push(`#S${stream} ${assignment}`);
      }
    }
  }
  return lines;
}
