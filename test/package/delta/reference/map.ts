/**
 * Where an offset of the old file went in the new one, after the alignment: by the heaviest chain of segments that rises in both files,
 * elsewhere by any segment. Segments of one module only; positions are those in the files.
 */

import { heaviestChain } from './chain.ts';
import type { ModuleEntry, Segment } from './lists.ts';
import { firstAbove } from './search.ts';

/** 2: known, 1: guessed from the neighbours, 0: far off. */
export type MapConfidence = 0 | 1 | 2;

export interface Mapped {
  /** In the new file; below 0 where nothing is known. */
  readonly position: number;
  readonly confidence: MapConfidence;
}

/** How many segments are looked at, back from the last one that starts at or before a position. */
const TRIES = 24;

export class SegmentMap {
  readonly #chain: readonly Segment[];
  readonly #byOld: readonly Segment[];
  /** By the segments of #byOld: the furthest end in the old file up to this one. */
  readonly #furthest: readonly number[];

  /** all: in the order of the new file. Those count that touch the new module, and the old one. */
  constructor(all: readonly Segment[], module: ModuleEntry) {
    const first = firstAbove(all.length, (k) => all[k].newStart + all[k].bytes > module.newStart);
    const end = firstAbove(all.length, (k) => all[k].newStart >= module.newEnd);
    const own = all
      .slice(first, end)
      .filter(({ oldStart, bytes }) => oldStart + bytes > module.oldStart && oldStart < module.oldEnd);
    this.#chain = heaviestChain(own);
    this.#byOld = own.toSorted((a, b) => a.oldStart - b.oldStart);
    let furthest = 0;
    this.#furthest = this.#byOld.map(({ oldStart, bytes }) => (furthest = Math.max(furthest, oldStart + bytes)));
  }

  map(position: number): Mapped {
    const k = lastAtOrBefore(this.#chain, position);
    if (k < 0) return this.#byAny(position);
    const segment = this.#chain[k];
    const shift = segment.newStart - segment.oldStart;
    const oldEnd = segment.oldStart + segment.bytes;
    if (position < oldEnd) return { position: position + shift, confidence: 2 };
    if (k + 1 === this.#chain.length) return this.#byAny(position);
    const next = this.#chain[k + 1];
    const nextShift = next.newStart - next.oldStart;
    if (shift === nextShift) return { position: position + shift, confidence: 2 };
    const any = this.#byAny(position);
    if (any.confidence === 2) return { position: any.position, confidence: 1 };
    const isNearer = position - oldEnd < next.oldStart - position;
    return { position: position + (isNearer ? shift : nextShift), confidence: 1 };
  }

  /** By the longest of a few segments that hold the position, otherwise by the last one before it. */
  #byAny(position: number): Mapped {
    const last = lastAtOrBefore(this.#byOld, position);
    if (last < 0) return { position: -1, confidence: 0 };
    let best: Segment | undefined;
    for (let k = last; k >= 0 && k > last - TRIES; k--) {
      const segment = this.#byOld[k];
      if (position < segment.oldStart + segment.bytes && segment.bytes > (best?.bytes ?? 0)) best = segment;
      if (this.#furthest[k] <= position) break;
    }
    const { newStart, oldStart } = best ?? this.#byOld[last];
    return { position: newStart + position - oldStart, confidence: best === undefined ? 1 : 2 };
  }
}

function lastAtOrBefore(segments: readonly Segment[], position: number): number {
  return firstAbove(segments.length, (k) => segments[k].oldStart > position) - 1;
}
