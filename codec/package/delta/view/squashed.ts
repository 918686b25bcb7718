/** Two squashfs images read with their blocks unpacked: what did not change stays packed. For the encoder only. */

import { movesBetween } from '../moves.ts';
import { pairParts } from '../pair.ts';
import { HOLE, type Run } from '../runs.ts';
import type { Part } from '../tar.ts';
import { adler32, crc32 } from './checks.ts';
import { ViewBuilder } from './builder.ts';
import { Packings } from './packing.ts';
import { type PlacedPiece, WRAP_ZLIB, withSkips } from './pieces.ts';
import type { Reading } from './reading.ts';
import { type Block, readSquashfs, type SquashFile, type Squashfs } from './squashfs.ts';

/** Undefined where they are no such images. */
export function squashedReading(oldImage: Uint8Array, newImage: Uint8Array): Reading | undefined {
  const packings = new Packings();
  const old = readSquashfs(oldImage, packings);
  const next = old === undefined ? undefined : readSquashfs(newImage, packings);
  if (old === undefined || next === undefined) return undefined;
  const [oldKeys, newKeys] = [keysOf(oldImage, old), keysOf(newImage, next)];
  const [oldView, newView] = [
    unpacked(oldImage, old, { kept: unchangedIn(old, oldKeys, newKeys), keys: oldKeys }, packings, false),
    unpacked(newImage, next, { kept: unchangedIn(next, newKeys, oldKeys), keys: newKeys }, packings, true),
  ];
  const moves = movesBetween(oldView.content, newView.content);
  return {
    plan: pairParts(
      oldView.content,
      newView.content,
      { kind: 'image', parts: oldView.parts },
      { kind: 'image', parts: newView.parts },
      moves,
    ),
    oldContent: oldView.content,
    newContent: newView.content,
    pieces: [withSkips(oldView.pieces), withSkips(newView.pieces)],
  };
}

/** One such image from nothing: everything in it is unpacked. */
export function squashedAlone(image: Uint8Array): Reading | undefined {
  const packings = new Packings();
  const squashfs = readSquashfs(image, packings);
  if (squashfs === undefined) return undefined;
  const builder = viewOf(image, squashfs, new Set(), packings, true);
  const content = builder.content();
  const nothing = new Uint8Array();
  return {
    plan: { jobs: [], copies: [], moves: movesBetween(nothing, content) },
    oldContent: nothing,
    newContent: content,
    pieces: [[], withSkips(builder.pieces)],
  };
}

/** What blocks hold, by their places. */
function keysOf(image: Uint8Array, { files }: Squashfs): Map<number, string> {
  const keys = new Map<number, string>();
  for (const { start, storedBytes } of files.flatMap(blocksOf)) {
    if (keys.has(start)) continue;
    const stored = image.subarray(start, start + storedBytes);
    keys.set(start, `${storedBytes} ${crc32(stored)} ${adler32(stored)}`);
  }
  return keys;
}

function blocksOf({ blocks, fragment }: SquashFile): Block[] {
  return fragment === undefined ? [...blocks] : [...blocks, fragment.block];
}

/** Places of the blocks that are in the other image too; of a file all or none, but for its fragment. */
function unchangedIn(
  { files }: Squashfs,
  keys: ReadonlyMap<number, string>,
  others: ReadonlyMap<number, string>,
): Set<number> {
  const known = new Set(others.values());
  const isKnown = ({ start }: Block): boolean => known.has(keys.get(start) ?? '');
  const kept = new Set<number>();
  const changed = new Set<number>();
  for (const { blocks, fragment } of files) {
    const whole = blocks.every(isKnown);
    for (const { start } of blocks) (whole ? kept : changed).add(start);
    if (fragment !== undefined) (isKnown(fragment.block) ? kept : changed).add(fragment.block.start);
  }
  for (const start of changed) kept.delete(start);
  return kept;
}

interface Unpacked {
  readonly pieces: readonly PlacedPiece[];
  readonly content: Uint8Array;
  readonly parts: readonly Part[];
}

interface Blocks {
  /** Places of those that stay packed. */
  readonly kept: ReadonlySet<number>;
  readonly keys: ReadonlyMap<number, string>;
}

function unpacked(image: Uint8Array, squashfs: Squashfs, blocks: Blocks, packings: Packings, isNew: boolean): Unpacked {
  const builder = viewOf(image, squashfs, blocks.kept, packings, isNew);
  return { pieces: builder.pieces, content: builder.content(), parts: partsOf(squashfs, blocks, builder) };
}

function viewOf(
  image: Uint8Array,
  { files, tables }: Squashfs,
  kept: ReadonlySet<number>,
  packings: Packings,
  isNew: boolean,
): ViewBuilder {
  const all = new Map<number, Block>();
  for (const block of [...files.flatMap(blocksOf), ...tables.flatMap(({ blocks }) => blocks)])
    if (block.packed && block.storedBytes > 0 && !kept.has(block.start)) all.set(block.start, block);
  const builder = new ViewBuilder(image);
  for (const { start, storedBytes } of [...all.values()].sort((a, b) => a.start - b.start)) {
    const end = start + storedBytes;
    if (start < builder.end || end > image.length) continue;
    const found = packings.pieceAt(image.subarray(0, end), start, WRAP_ZLIB, isNew);
    if (found === undefined || found.piece.packedBytes !== storedBytes) continue;
    builder.rawUntil(start);
    builder.add(found.piece, found.content);
    builder.pass(end);
  }
  builder.rawUntil(image.length);
  return builder;
}

function partsOf({ blockBytes, files, tables }: Squashfs, { kept, keys }: Blocks, builder: ViewBuilder): Part[] {
  const parts: Part[] = [];
  const claimed = new Set<number>();
  const addPart = (name: string, runs: readonly Run[]): void => {
    const first = runs.find(({ start }) => start !== HOLE);
    const isInside = runs.every(({ start, sizeBytes }) => sizeBytes >= 0 && start + sizeBytes <= builder.sizeBytes);
    if (first !== undefined && isInside) parts.push({ name, headStart: first.start, headEnd: first.start, runs });
  };
  for (const file of files) {
    const [first] = file.blocks;
    // Files with the same content are stored once.
    if (first !== undefined && claimed.has(first.start)) continue;
    if (first !== undefined) claimed.add(first.start);
    addPart(file.name, runsOf(file, blockBytes, builder));
  }
  for (const { name, start, end } of tables) {
    const { viewStart } = builder.placeOf(start);
    addPart(`\0${name}`, [{ start: viewStart, sizeBytes: builder.placeOf(end).viewStart - viewStart }]);
  }
  // A fragment that stays packed holds ends of many files: it goes by what it holds.
  for (const { fragment } of files) {
    if (fragment === undefined || !kept.has(fragment.block.start)) continue;
    const { start, storedBytes } = fragment.block;
    if (!claimed.has(start))
      addPart(`\0${keys.get(start) ?? ''}`, [{ start: builder.placeOf(start).viewStart, sizeBytes: storedBytes }]);
    claimed.add(start);
  }
  return parts.sort((a, b) => a.headEnd - b.headEnd);
}

/** Of a file whose blocks stay packed, what is stored is one run. */
function runsOf({ blocks, sizeBytes, fragment }: SquashFile, blockBytes: number, builder: ViewBuilder): Run[] {
  const runs: Run[] = [];
  const add = (start: number, bytes: number): void => {
    const last = runs.at(-1);
    if (last !== undefined && last.start >= 0 && last.start + last.sizeBytes === start)
      runs[runs.length - 1] = { start: last.start, sizeBytes: last.sizeBytes + bytes };
    else if (bytes > 0) runs.push({ start, sizeBytes: bytes });
  };
  let left = sizeBytes;
  for (const { start, storedBytes, packed } of blocks) {
    const own = Math.min(blockBytes, left);
    left -= own;
    if (storedBytes === 0) runs.push({ start: HOLE, sizeBytes: own });
    else {
      const at = builder.placeOf(start);
      add(at.viewStart, packed && !at.isPacked ? storedBytes : own);
    }
  }
  if (fragment !== undefined && left > 0) {
    const at = builder.placeOf(fragment.block.start);
    if (at.isPacked || !fragment.block.packed) add(at.viewStart + fragment.offset, left);
  }
  return runs;
}
