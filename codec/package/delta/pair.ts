/** Pairs the files of two containers: by name, by name without its numbers, or by what they share. */

import { bytesEqual } from '../../bytes.ts';
import { MODULE_PLAIN, moduleKind } from './align.ts';
import { coverBetween } from './between.ts';
import type { Container } from './container.ts';
import type { Copy, LazyMoves, Moves } from './moves.ts';
import type { AlignJob, Plan } from './plan.ts';
import { gather, HOLE, placed, type Run, totalBytes } from './runs.ts';
import { countBefore } from './search.ts';
import type { Part } from './tar.ts';

/** A new file without a predecessor is aligned with the file that has this much of it, if one has. */
const SIMILAR_SHARE = 0.1;
const TAR_BLOCK_BYTES = 512;

/** The name without its numbers: libx.so.1.2 became libx.so.1.3. */
function stem(name: string): string {
  return name.replaceAll(/\d+/g, '#');
}

function stored(part: Part): Run[] {
  return part.runs.filter(({ start }) => start !== HOLE);
}

/** Finds the file that holds a position. */
class Holders {
  readonly #runs: { readonly start: number; readonly part: Part }[];

  constructor(parts: readonly Part[]) {
    this.#runs = parts.flatMap((part) => stored(part).map(({ start }) => ({ start, part })));
    this.#runs.sort((a, b) => a.start - b.start);
  }

  /** The file that has most of this new one. */
  mostLike(part: Part, moves: Moves): Part | undefined {
    const shares = new Map<Part, number>();
    for (const run of stored(part))
      for (const { oldStart, sizeBytes } of moves.find(run.start, run.start + run.sizeBytes)) {
        const holder = this.#at(oldStart);
        if (holder !== undefined) shares.set(holder, (shares.get(holder) ?? 0) + sizeBytes);
      }
    const [best] = [...shares].sort((a, b) => b[1] - a[1]);
    return best !== undefined && best[1] >= SIMILAR_SHARE * totalBytes(part.runs) ? best[0] : undefined;
  }

  #at(position: number): Part | undefined {
    const count = countBefore(this.#runs.length, (k) => (this.#runs[k]?.start ?? 0) <= position);
    return this.#runs[count - 1]?.part;
  }
}

export function pairParts(
  oldContent: Uint8Array,
  newContent: Uint8Array,
  oldContainer: Container,
  newContainer: Container,
  moves: LazyMoves,
): Plan {
  const [oldParts, newParts] = [oldContainer.parts, newContainer.parts];
  const isImage = newContainer.kind === 'image';
  const byName = new Map(oldParts.map((part) => [part.name, part]));
  const newNames = new Set(newParts.map(({ name }) => name));
  const byStem = new Map<string, Part>();
  for (const part of oldParts) if (!newNames.has(part.name)) byStem.set(stem(part.name), part);
  let holders: Holders | undefined;
  const copies: Copy[] = [];
  const jobs: AlignJob[] = [];
  let before: Part | undefined;
  for (const part of newParts) {
    const found = byName.get(part.name) ?? byStem.get(stem(part.name));
    const headFrom = found ?? before;
    if (headFrom !== undefined && part.headEnd > part.headStart) {
      const sizeBytes = Math.min(part.headEnd - part.headStart, headFrom.headEnd - headFrom.headStart);
      // In an archive aligned at its end: where a long name was put before it, only the head proper is alike.
      if (isImage) copies.push({ newStart: part.headStart, oldStart: headFrom.headStart, sizeBytes });
      else copies.push({ newStart: part.headEnd - sizeBytes, oldStart: headFrom.headEnd - sizeBytes, sizeBytes });
    }
    before = found ?? before;
    const sizeBytes = totalBytes(part.runs);
    if (sizeBytes === 0) continue;
    let base = found !== undefined && found.runs.length > 0 ? found : undefined;
    if (base === undefined) {
      holders ??= new Holders(oldParts);
      base = holders.mostLike(part, moves());
    }
    const content = gather(newContent, part.runs);
    const old = gather(oldContent, base?.runs ?? []);
    if (base !== undefined && bytesEqual(old, content)) {
      copies.push(...placed({ newStart: 0, oldStart: 0, sizeBytes }, part.runs, base.runs));
      if (!isImage) copies.push(fillBytes(part, base, oldContent, newContent));
      continue;
    }
    const kind = base !== undefined && moduleKind(old) === moduleKind(content) ? moduleKind(old) : MODULE_PLAIN;
    jobs.push({ name: part.name, newRuns: part.runs, oldRuns: base?.runs ?? [], kind });
  }
  if (isImage) coverBetween(oldContent, newContent, newParts, { copies, jobs });
  else copies.push(...archiveEnd(oldContent, newContent, oldParts, newParts));
  return { copies, jobs, moves };
}

/** The zeros after a file of an archive: with them, files that did not change are one copy from head to head. */
function fillBytes(part: Part, base: Part, oldContent: Uint8Array, newContent: Uint8Array): Copy {
  const [newStart, oldStart] = [contentEnd(part), contentEnd(base)];
  const wanted = Math.ceil(newStart / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES - newStart;
  return {
    newStart,
    oldStart,
    sizeBytes: Math.min(wanted, newContent.length - newStart, oldContent.length - oldStart),
  };
}

/** The zeros at the end. */
function archiveEnd(
  oldContent: Uint8Array,
  newContent: Uint8Array,
  oldParts: readonly Part[],
  newParts: readonly Part[],
): Copy[] {
  const [newStart, oldStart] = [endOf(newParts), endOf(oldParts)];
  const sizeBytes = Math.min(newContent.length - newStart, oldContent.length - oldStart);
  return sizeBytes > 0 ? [{ newStart, oldStart, sizeBytes }] : [];
}

function endOf(parts: readonly Part[]): number {
  const last = parts.at(-1);
  return last === undefined ? 0 : Math.ceil(contentEnd(last) / TAR_BLOCK_BYTES) * TAR_BLOCK_BYTES;
}

function contentEnd({ headEnd, runs }: Part): number {
  const [run] = runs;
  return run === undefined ? headEnd : run.start + run.sizeBytes;
}
