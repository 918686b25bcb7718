/** A file that lies in several places of an image, and between them in none: what is not stored is zeros. */

import type { Copy } from './moves.ts';

/** Bytes that follow each other in the file. start: in the image, or HOLE. */
export interface Run {
  readonly start: number;
  readonly sizeBytes: number;
}

export const HOLE = -1;

export function totalBytes(runs: readonly Run[]): number {
  return runs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** Those that follow each other in the image, and holes, become one. */
export function pushRun(runs: Run[], start: number, sizeBytes: number): void {
  const last = runs.at(-1);
  const next = last === undefined || last.start === HOLE ? HOLE : last.start + last.sizeBytes;
  if (last !== undefined && next === start) runs[runs.length - 1] = { ...last, sizeBytes: last.sizeBytes + sizeBytes };
  else runs.push({ start, sizeBytes });
}

/** The file in one piece; not a copy where it lies in one. */
export function gather(image: Uint8Array, runs: readonly Run[]): Uint8Array {
  const [only] = runs;
  if (runs.length === 1 && only !== undefined && only.start !== HOLE)
    return image.subarray(only.start, only.start + only.sizeBytes);
  const file = new Uint8Array(totalBytes(runs));
  let at = 0;
  for (const { start, sizeBytes } of runs) {
    if (start !== HOLE) file.set(image.subarray(start, start + sizeBytes), at);
    at += sizeBytes;
  }
  return file;
}

/** A copy between two files as copies between the images they lie in. Holes have no place. */
export function placed(copy: Copy, newRuns: readonly Run[], oldRuns: readonly Run[]): Copy[] {
  const copies: Copy[] = [];
  for (let done = 0; done < copy.sizeBytes; ) {
    const to = placeOf(newRuns, copy.newStart + done);
    const from = placeOf(oldRuns, copy.oldStart + done);
    if (to === undefined || from === undefined) break;
    const sizeBytes = Math.min(copy.sizeBytes - done, to.sizeBytes, from.sizeBytes);
    if (to.start !== HOLE && from.start !== HOLE) copies.push({ newStart: to.start, oldStart: from.start, sizeBytes });
    done += sizeBytes;
  }
  return copies;
}

/** Where a position of the file is, and how many bytes follow it there. */
function placeOf(runs: readonly Run[], position: number): Run | undefined {
  let at = 0;
  for (const { start, sizeBytes } of runs) {
    if (position < at + sizeBytes)
      return { start: start === HOLE ? HOLE : start + position - at, sizeBytes: at + sizeBytes - position };
    at += sizeBytes;
  }
  return undefined;
}
