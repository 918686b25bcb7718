/** Puts a view together, from the front of a file to its end. For the encoder only. */

import { HOLE, type Run } from '../runs.ts';
import { countBefore } from '../search.ts';
import type { PlacedPiece } from './pieces.ts';

interface Place {
  /** In the file. */
  readonly start: number;
  readonly storedBytes: number;
  readonly viewStart: number;
  readonly isPacked: boolean;
}

/** What is as it was: where it is in the view, and where in the file. */
interface MappedRun extends Run {
  readonly fileStart: number;
}

export class ViewBuilder {
  readonly pieces: PlacedPiece[] = [];
  readonly #file: Uint8Array;
  readonly #parts: Uint8Array[] = [];
  readonly #places: Place[] = [];
  #sorted: Place[] | undefined;
  /** How far the file is in the view. */
  #end: number;
  #sizeBytes = 0;

  constructor(file: Uint8Array, start = 0) {
    this.#file = file;
    this.#end = start;
  }

  /** Of the view. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** How far the file is in the view. */
  get end(): number {
    return this.#end;
  }

  /** What is not yet in the view, as it is. */
  rawUntil(end: number): void {
    if (end <= this.#end) return;
    const sizeBytes = end - this.#end;
    this.add({ kind: 'raw', start: this.#end, sizeBytes }, this.#file.subarray(this.#end, end));
    this.#end = end;
  }

  add(piece: PlacedPiece, content: Uint8Array): void {
    if (piece.kind !== 'hole')
      this.#places.push({
        start: piece.start,
        storedBytes: storedBytes(piece),
        viewStart: this.#sizeBytes,
        isPacked: piece.kind !== 'raw',
      });
    this.#sorted = undefined;
    this.pieces.push(piece);
    this.#parts.push(content);
    this.#sizeBytes += content.length;
  }

  /** The file up to here has its place in the view. */
  pass(end: number): void {
    this.#end = end;
  }

  /** In memory that threads share: it may be large. */
  content(): Uint8Array {
    const content = new Uint8Array(new SharedArrayBuffer(this.#sizeBytes));
    let at = 0;
    for (const part of this.#parts) {
      content.set(part, at);
      at += part.length;
    }
    return content;
  }

  /** Of a position inside of a packed piece, where that begins. */
  placeOf(position: number): { readonly viewStart: number; readonly isPacked: boolean } {
    const places = this.#inOrder();
    const place = places[countBefore(places.length, (k) => (places[k]?.start ?? 0) <= position) - 1];
    if (place === undefined) return { viewStart: 0, isPacked: false };
    const { start, viewStart, isPacked } = place;
    return { viewStart: viewStart + (isPacked ? 0 : position - start), isPacked };
  }

  /** What of a run is as it was. */
  mapped(run: Run): MappedRun[] {
    if (run.start === HOLE) return [{ ...run, fileStart: HOLE }];
    const places = this.#inOrder();
    const found: MappedRun[] = [];
    const runEnd = run.start + run.sizeBytes;
    const endOf = (k: number): number => (places[k]?.start ?? 0) + (places[k]?.storedBytes ?? 0);
    for (let k = countBefore(places.length, (n) => endOf(n) <= run.start); k < places.length; k++) {
      const place = places[k];
      if (place === undefined || place.start >= runEnd) break;
      const from = Math.max(run.start, place.start);
      const to = Math.min(runEnd, endOf(k));
      if (to > from && !place.isPacked)
        found.push({ start: place.viewStart + from - place.start, sizeBytes: to - from, fileStart: from });
    }
    return found;
  }

  #inOrder(): readonly Place[] {
    this.#sorted ??= [...this.#places].sort((a, b) => a.start - b.start);
    return this.#sorted;
  }
}

/** In the file. */
export function storedBytes(piece: Exclude<PlacedPiece, { readonly kind: 'hole' }>): number {
  return piece.kind === 'packed' ? piece.packedBytes : piece.sizeBytes;
}
