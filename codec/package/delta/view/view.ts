/** Reads a view at random: from the file, from what was unpacked of it, or zeros. */

import { countBefore } from '../search.ts';

type Read = (positionBytes: number, into: Uint8Array) => void;

/** Room beside the files for what was unpacked. Reads only what was written. */
export interface Scratch {
  read(positionBytes: number, into: Uint8Array): void;
  write(positionBytes: number, bytes: Uint8Array): void;
}

interface Placed {
  readonly viewStart: number;
  readonly sizeBytes: number;
  readonly source: 'file' | 'scratch' | 'nothing';
  readonly start: number;
}

const SOURCES: readonly Placed['source'][] = ['file', 'scratch', 'nothing'];

export class View {
  readonly #places: Placed[] = [];
  readonly #file: Read;
  readonly #scratch: Scratch;
  #sizeBytes = 0;

  constructor(file: Read, scratch: Scratch) {
    this.#file = file;
    this.#scratch = scratch;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get count(): number {
    return this.#places.length;
  }

  /** The first places as numbers, three each. */
  saved(count: number): number[] {
    return this.#places
      .slice(0, count)
      .flatMap(({ source, start, sizeBytes }) => [SOURCES.indexOf(source), start, sizeBytes]);
  }

  /** On a view that is empty. */
  restore(saved: readonly number[]): void {
    for (let k = 0; k + 2 < saved.length; k += 3)
      this.add(SOURCES[saved[k] ?? 0] ?? 'nothing', saved[k + 1] ?? 0, saved[k + 2] ?? 0);
  }

  add(source: Placed['source'], start: number, sizeBytes: number): void {
    if (sizeBytes > 0) this.#places.push({ viewStart: this.#sizeBytes, sizeBytes, source, start });
    this.#sizeBytes += sizeBytes;
  }

  /** Zeros after the end. */
  read(positionBytes: number, into: Uint8Array): void {
    let done = 0;
    for (let k = this.#placeOf(positionBytes); done < into.length; k++) {
      const place = this.#places[k];
      if (place === undefined) break;
      const within = positionBytes + done - place.viewStart;
      const part = into.subarray(done, done + place.sizeBytes - within);
      if (place.source === 'file') this.#file(place.start + within, part);
      else if (place.source === 'scratch') this.#scratch.read(place.start + within, part);
      else part.fill(0);
      done += part.length;
    }
    into.fill(0, done);
  }

  /** The place that has the position; after the last one there is none. */
  #placeOf(positionBytes: number): number {
    const low = countBefore(this.#places.length, (k) => (this.#places[k]?.viewStart ?? 0) <= positionBytes);
    const place = this.#places[low - 1];
    return place === undefined || positionBytes >= place.viewStart + place.sizeBytes ? low : low - 1;
  }
}

/** In memory, as large as what was written. */
export class MemoryScratch implements Scratch {
  readonly #pages = new Map<number, Uint8Array>();

  read(positionBytes: number, into: Uint8Array): void {
    eachPage(positionBytes, into.length, (page, within, done, count) => {
      const bytes = this.#pages.get(page);
      if (bytes === undefined) into.fill(0, done, done + count);
      else into.set(bytes.subarray(within, within + count), done);
    });
  }

  write(positionBytes: number, bytes: Uint8Array): void {
    eachPage(positionBytes, bytes.length, (page, within, done, count) => {
      const own = this.#pages.get(page) ?? new Uint8Array(PAGE_BYTES);
      this.#pages.set(page, own);
      own.set(bytes.subarray(done, done + count), within);
    });
  }
}

const PAGE_BYTES = 1 << 20;

function eachPage(
  positionBytes: number,
  sizeBytes: number,
  each: (page: number, within: number, done: number, count: number) => void,
): void {
  for (let done = 0; done < sizeBytes; ) {
    const position = positionBytes + done;
    const within = position % PAGE_BYTES;
    const count = Math.min(sizeBytes - done, PAGE_BYTES - within);
    each(Math.floor(position / PAGE_BYTES), within, done, count);
    done += count;
  }
}
