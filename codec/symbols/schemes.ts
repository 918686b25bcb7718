/** The ways to send an object, by the number that the directory gives them (air-interface.md section 4). */

import { MisuseError } from '../misuse.ts';
import { type Collector, ObjectCollector } from './collect.ts';
import type { Width } from './layout.ts';
import { FountainSpreader, type Spreader } from './spread.ts';

/** Fountain whose rows are as wide as the payload of a type C group. */
export const SCHEME_FOUNTAIN_C = 1;
/** Fountain whose rows are as wide as the payload of a type A group. */
export const SCHEME_FOUNTAIN_A = 2;

const WIDTHS: ReadonlyMap<number, Width> = new Map([
  [SCHEME_FOUNTAIN_C, 13],
  [SCHEME_FOUNTAIN_A, 8],
]);

export function isKnownScheme(scheme: number): boolean {
  return WIDTHS.has(scheme);
}

function widthOf(scheme: number): Width {
  const width = WIDTHS.get(scheme);
  if (width === undefined) throw new MisuseError('SCHEME', `there is no scheme ${scheme}`);
  return width;
}

export function makeSpreader(bytes: Uint8Array, scheme: number): Spreader {
  return new FountainSpreader(bytes, widthOf(scheme));
}

export function makeCollector(identity: Uint8Array, sizeBytes: number, scheme: number): Collector {
  return new ObjectCollector(identity, sizeBytes, widthOf(scheme));
}
