/**
 * Which deltas bring every base to the content. All are on air in one object, so their sum counts: a base may go through a nearer one,
 * where the delta to that is smaller than the one to the content.
 */

import { MAX_STEPS } from '#codec/package/manifest.ts';
import type { MadePayload } from '#codec/package/payload.ts';
import { leadingTo } from '#codec/package/steps.ts';

/** A device takes longer over a chain, and needs room for what lies between: not for less than both of these. */
const LEAST_GAIN_BYTES = 1000;
const LEAST_GAIN_SHARE = 0.02;

export interface ChosenDelta {
  readonly made: MadePayload;
  readonly base: string;
  /** The base that it leads to; undefined for the content. */
  readonly through?: string;
  /** For people. */
  readonly reason: string;
}

interface Placed extends ChosenDelta {
  readonly steps: number;
}

/**
 * In the order of the package: a delta leads to an earlier one only. `make` is asked for one delta at a time: from each base to the
 * content, then from all but the nearest one to a nearer one. `bases` are names, no two the same.
 */
export async function chooseDeltas(
  bases: readonly string[],
  make: (from: string, to: string | undefined) => Promise<MadePayload>,
): Promise<ChosenDelta[]> {
  const straight: { readonly base: string; readonly made: MadePayload }[] = [];
  for (const base of bases) straight.push({ base, made: await make(base, undefined) });
  straight.sort((one, other) => one.made.bytes.length - other.made.bytes.length);
  const allBytes = straight.reduce((sum, { made }) => sum + made.bytes.length, 0);
  const leastBytes = Math.max(LEAST_GAIN_BYTES, LEAST_GAIN_SHARE * allBytes);

  const placed: Placed[] = [];
  for (const { base, made } of straight) {
    const nearer = placed.findLastIndex(({ steps }) => steps < MAX_STEPS);
    const next = placed[nearer];
    if (next === undefined) {
      placed.push({ made, base, steps: 1, reason: bases.length === 1 ? 'the only base' : 'the nearest base' });
      continue;
    }
    const link = await make(base, next.base);
    const sizes = `${link.bytes.length} bytes to ${next.base}, ${made.bytes.length} straight`;
    if (made.bytes.length - link.bytes.length < leastBytes) {
      placed.push({ made, base, steps: 1, reason: `${sizes}: not worth another step` });
      continue;
    }
    const payloads = placed.map((one) => one.made.described);
    placed.push({
      made: { described: leadingTo(payloads, nearer, link.described), bytes: link.bytes },
      ...{ base, through: next.base, steps: next.steps + 1, reason: sizes },
    });
  }
  return placed;
}
