/** What each file inside of a new content took of a patch. For reports. */

import { piecesOf } from './apply.ts';
import { containerOf } from './container.ts';
import type { DeltaHead } from './format.ts';
import { HOLE } from './runs.ts';
import { countBefore } from './search.ts';
import type { Part } from './tar.ts';
import { Packings } from './view/packing.ts';
import type { Piece } from './view/pieces.ts';
import { readSquashfs } from './view/squashfs.ts';

export interface FileCost {
  /** Empty: what belongs to no file. */
  readonly file: string;
  readonly patchBytes: number;
}

/** How far the view was, or the content where there is none, and how much of the patch that took. */
export interface Step {
  readonly endBytes: number;
  readonly patchBytes: number;
}

/** Bytes that are one thing in the content; start and end in it. */
interface Named {
  readonly start: number;
  readonly end: number;
  readonly name: string;
}

/** Bytes of the view and where they are in the content; packed they are fewer there. */
interface Placed {
  readonly viewStart: number;
  readonly viewEnd: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Most first. Within a step all bytes count alike: steps are blocks of 1 KiB where the old file is followed, and longer where nothing is
 * sent, or nothing is known. listsBytes: what the lists took, before the first step.
 */
export function costsByFile(
  content: Uint8Array,
  head: DeltaHead,
  steps: readonly Step[],
  listsBytes: number,
): FileCost[] {
  const files = filesIn(content);
  const places = placesOf(content, head);
  const costs = new Map<string, number>();
  let before: Step = { endBytes: 0, patchBytes: listsBytes };
  for (const step of steps) {
    const each = (step.patchBytes - before.patchBytes) / (step.endBytes - before.endBytes);
    for (const { start, end, viewBytes } of cut(places, before.endBytes, step.endBytes))
      for (const { name, share } of sharesOf(files, start, end))
        costs.set(name, (costs.get(name) ?? 0) + each * viewBytes * share);
    before = step;
  }
  return [...costs].map(([file, patchBytes]) => ({ file, patchBytes })).sort((a, b) => b.patchBytes - a.patchBytes);
}

function filesIn(content: Uint8Array): Named[] {
  const named = containerOf(content)?.parts.flatMap(namedOf) ?? squashedIn(content);
  return named.sort((a, b) => a.start - b.start);
}

function namedOf({ name, headStart, headEnd, runs }: Part): Named[] {
  const stored = runs.filter(({ start }) => start !== HOLE);
  const own = stored.map(({ start, sizeBytes }) => ({ start, end: start + sizeBytes, name }));
  return headEnd > headStart ? [{ start: headStart, end: headEnd, name }, ...own] : own;
}

function squashedIn(content: Uint8Array): Named[] {
  const found = new Map<number, Named>();
  // A fragment has the ends of many files: they are one thing.
  for (const { name, blocks, fragment } of readSquashfs(content, new Packings())?.files ?? [])
    for (const { start, storedBytes } of fragment === undefined ? blocks : [...blocks, fragment.block])
      if (storedBytes > 0 && !found.has(start))
        found.set(start, {
          start,
          end: start + storedBytes,
          name: fragment?.block.start === start ? 'fragments' : name,
        });
  return [...found.values()];
}

function placesOf(content: Uint8Array, head: DeltaHead): Placed[] {
  if (head.views === undefined) return [{ viewStart: 0, viewEnd: content.length, start: 0, end: content.length }];
  const packings = new Packings();
  const places: Placed[] = [];
  let [at, viewStart] = [0, 0];
  for (const piece of piecesOf(head.views.list)?.[1] ?? []) {
    const viewEnd = viewStart + piece.sizeBytes;
    if (piece.kind !== 'hole') {
      const start = at + piece.skipBytes;
      at = start + storedIn(content, start, piece, packings);
      places.push({ viewStart, viewEnd, start, end: at });
    }
    viewStart = viewEnd;
  }
  return places;
}

function storedIn(content: Uint8Array, start: number, piece: Piece, packings: Packings): number {
  if (piece.kind !== 'packed') return piece.sizeBytes;
  return packings.unpack(content.subarray(start), piece.wrap)?.packedBytes ?? 0;
}

/** Where the view from `from` to `to` is in the content. */
function cut(
  places: readonly Placed[],
  from: number,
  to: number,
): { readonly start: number; readonly end: number; readonly viewBytes: number }[] {
  const found = [];
  for (let k = countBefore(places.length, (n) => (places[n]?.viewEnd ?? 0) <= from); k < places.length; k++) {
    const place = places[k];
    if (place === undefined || place.viewStart >= to) break;
    const [first, last] = [Math.max(from, place.viewStart), Math.min(to, place.viewEnd)];
    const scale = (place.end - place.start) / (place.viewEnd - place.viewStart);
    const start = place.start + (first - place.viewStart) * scale;
    found.push({ start, end: start + (last - first) * scale, viewBytes: last - first });
  }
  return found;
}

/** Whose the bytes from `start` to `end` are, as shares of them. */
function sharesOf(
  files: readonly Named[],
  start: number,
  end: number,
): { readonly name: string; readonly share: number }[] {
  const found = [];
  let at = start;
  for (let k = countBefore(files.length, (n) => (files[n]?.end ?? 0) <= start); k < files.length && at < end; k++) {
    const file = files[k];
    if (file === undefined || file.start >= end) break;
    if (file.start > at) found.push({ name: '', share: (file.start - at) / (end - start) });
    const to = Math.min(end, file.end);
    found.push({ name: file.name, share: (to - Math.max(at, file.start)) / (end - start) });
    at = to;
  }
  if (at < end) found.push({ name: '', share: (end - at) / (end - start) });
  return found;
}
