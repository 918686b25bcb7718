/** The ways to send an object, by the number that the directory gives them (air-interface.md section 4). */

import { MisuseError } from '../misuse.ts';
import { CodeWordCollector, CodeWordSpreader } from './code-words.ts';
import { type Collector, ObjectCollector } from './collect.ts';
import { layoutOf, type Width } from './layout.ts';
import { FountainSpreader, type Spreader } from './spread.ts';

/** Fountain whose rows are as wide as the payload of a type C group. */
export const SCHEME_FOUNTAIN_C = 1;
/** Fountain whose rows are as wide as the payload of a type A group. */
export const SCHEME_FOUNTAIN_A = 2;
export const SCHEME_REED_SOLOMON = 3;

const WIDTHS: ReadonlyMap<number, Width> = new Map([
  [SCHEME_FOUNTAIN_C, 13],
  [SCHEME_FOUNTAIN_A, 8],
]);

export function isKnownScheme(scheme: number): boolean {
  return WIDTHS.has(scheme) || scheme === SCHEME_REED_SOLOMON;
}

function widthOf(scheme: number): Width {
  const width = WIDTHS.get(scheme);
  if (width === undefined) throw new MisuseError('SCHEME', `there is no scheme ${scheme}`);
  return width;
}

/** Blocks of which each must be complete. */
export function fountainBlocks(sizeBytes: number, scheme: number): number {
  return scheme === SCHEME_REED_SOLOMON ? 1 : layoutOf(sizeBytes, widthOf(scheme)).blocks;
}

export function makeSpreader(bytes: Uint8Array, scheme: number): Spreader {
  if (scheme === SCHEME_REED_SOLOMON) return new CodeWordSpreader(bytes);
  return new FountainSpreader(bytes, widthOf(scheme));
}

export function makeCollector(identity: Uint8Array, sizeBytes: number, scheme: number): Collector {
  if (scheme === SCHEME_REED_SOLOMON) return new CodeWordCollector(identity, sizeBytes);
  return new ObjectCollector(identity, sizeBytes, widthOf(scheme));
}

export interface SchemeQuestion {
  readonly sizeBytes: number;
  /** Streams 1 to 3 carry data. */
  readonly hasTypeC: boolean;
  /** What the smallest receiver can spare for solving a block; default: enough. */
  readonly matrixBytes?: number;
}

export interface ChosenScheme {
  readonly scheme: number;
  /** One sentence. */
  readonly reason: string;
}

/** Which scheme serves an object best, and why. */
export function chooseScheme({ sizeBytes, hasTypeC, matrixBytes = Infinity }: SchemeQuestion): ChosenScheme {
  const scheme = hasTypeC ? SCHEME_FOUNTAIN_C : SCHEME_FOUNTAIN_A;
  const { rows, blocks } = layoutOf(sizeBytes, widthOf(scheme));
  const neededBytes = Math.ceil((rows * rows) / 8);
  if (neededBytes > matrixBytes) {
    return {
      scheme: SCHEME_REED_SOLOMON,
      reason: `Reed-Solomon: a fountain needs ${neededBytes} bytes for a matrix and the smallest receiver has ${matrixBytes}; it costs a fifth to a third more airtime, beside other objects up to twice as much.`,
    };
  }
  const carrier = hasTypeC ? 'type C groups carry most of it' : 'type A groups carry all of it';
  return {
    scheme,
    reason: `Fountain of width ${widthOf(scheme)}: ${blocks} x ${rows} rows, 1.6 symbols more than rows whatever is lost; ${carrier}.`,
  };
}
