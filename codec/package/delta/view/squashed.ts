/** Two squashfs images read with their blocks unpacked: what did not change stays packed. For the encoder only. */

import { Moves } from '../moves.ts';
import { pairParts } from '../pair.ts';
import { HOLE, type Run } from '../runs.ts';
import type { Part } from '../tar.ts';
import { adler32, crc32 } from './checks.ts';
import { joined, type PlacedPiece, withSkips } from './lay.ts';
import { Packings } from './packing.ts';
import { WRAP_ZLIB } from './pieces.ts';
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
  let moves: Moves | undefined;
  const found = (): Moves => {
    moves ??= new Moves(oldView.content, newView.content);
    return moves;
  };
  return {
    plan: pairParts(oldView.content, newView.content, oldView.parts, newView.parts, found),
    oldContent: oldView.content,
    newContent: newView.content,
    pieces: [withSkips(oldView.pieces), withSkips(newView.pieces)],
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

function unpacked(
  image: Uint8Array,
  { blockBytes, files, tables }: Squashfs,
  { kept, keys }: { readonly kept: ReadonlySet<number>; readonly keys: ReadonlyMap<number, string> },
  packings: Packings,
  isNew: boolean,
): Unpacked {
  const all = new Map<number, Block>();
  for (const block of [...files.flatMap(blocksOf), ...tables.flatMap(({ blocks }) => blocks)])
    if (block.packed && block.storedBytes > 0 && !kept.has(block.start)) all.set(block.start, block);
  const pieces: PlacedPiece[] = [];
  const contents: Uint8Array[] = [];
  /** Starts of pieces in the image, and where they are in the view. */
  const starts: { start: number; viewStart: number; packed: boolean }[] = [];
  let end = 0;
  let viewEnd = 0;
  const add = (piece: PlacedPiece & { readonly start: number }, content: Uint8Array): void => {
    starts.push({ start: piece.start, viewStart: viewEnd, packed: piece.kind === 'packed' });
    pieces.push(piece);
    contents.push(content);
    viewEnd += content.length;
  };
  const raw = (to: number): void => {
    if (to > end) add({ kind: 'raw', start: end, sizeBytes: to - end }, image.subarray(end, to));
    end = Math.max(end, to);
  };
  for (const { start, storedBytes } of [...all.values()].sort((a, b) => a.start - b.start)) {
    if (start < end || start + storedBytes > image.length) continue;
    const stored = image.subarray(start, start + storedBytes);
    const made = packings.unpack(stored, WRAP_ZLIB);
    if (made === undefined || made.sizeBytes !== storedBytes || made.content.length === 0) continue;
    const packing = isNew ? packings.kindOf(stored, made.content, WRAP_ZLIB) : undefined;
    if (isNew && packing === undefined) continue;
    raw(start);
    const sizeBytes = made.content.length;
    add({ kind: 'packed', start, packedBytes: storedBytes, sizeBytes, wrap: WRAP_ZLIB, packing }, made.content);
    end = start + storedBytes;
  }
  raw(image.length);
  const place = (position: number): { viewStart: number; packed: boolean } => {
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((starts[middle]?.start ?? 0) <= position) low = middle + 1;
      else high = middle;
    }
    const at = starts[low - 1] ?? { start: 0, viewStart: 0, packed: false };
    return { viewStart: at.viewStart + (at.packed ? 0 : position - at.start), packed: at.packed };
  };
  const parts: Part[] = [];
  const claimed = new Set<number>();
  const addPart = (name: string, runs: readonly Run[]): void => {
    const first = runs.find(({ start }) => start !== HOLE);
    if (first === undefined || runs.some(({ start, sizeBytes }) => sizeBytes < 0 || start + sizeBytes > viewEnd))
      return;
    parts.push({ name, headStart: first.start, headEnd: first.start, runs });
  };
  for (const file of files) {
    const [first] = file.blocks;
    // Files with the same content are stored once.
    if (first !== undefined && claimed.has(first.start)) continue;
    if (first !== undefined) claimed.add(first.start);
    addPart(file.name, runsOf(file, blockBytes, place));
  }
  for (const { name, start, end: tableEnd } of tables)
    addPart(`\0${name}`, [
      { start: place(start).viewStart, sizeBytes: place(tableEnd).viewStart - place(start).viewStart },
    ]);
  // A fragment that stays packed holds ends of many files: it goes by what it holds.
  for (const { fragment } of files) {
    if (fragment === undefined || !kept.has(fragment.block.start)) continue;
    const { start, storedBytes } = fragment.block;
    if (!claimed.has(start))
      addPart(`\0${keys.get(start) ?? ''}`, [{ start: place(start).viewStart, sizeBytes: storedBytes }]);
    claimed.add(start);
  }
  parts.sort((a, b) => a.headEnd - b.headEnd);
  return { pieces, content: joined(contents), parts };
}

/** Of a file whose blocks stay packed, what is stored is one run. */
function runsOf(
  { blocks, sizeBytes, fragment }: SquashFile,
  blockBytes: number,
  place: (position: number) => { viewStart: number; packed: boolean },
): Run[] {
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
      const at = place(start);
      add(at.viewStart, packed && !at.packed ? storedBytes : own);
    }
  }
  if (fragment !== undefined && left > 0) {
    const at = place(fragment.block.start);
    if (at.packed || !fragment.block.packed) add(at.viewStart + fragment.offset, left);
  }
  return runs;
}
