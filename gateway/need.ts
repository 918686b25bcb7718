/** How much of an object must be sent until the receiver that promises are made about has it. */

import { airtimeOf } from '#codec/airtime.ts';
import { ANCHOR_SPACING } from '#codec/groups/anchor.ts';
import { payloadNibbles } from '#codec/symbols/layout.ts';

/** Beyond what nine receivers in ten need. */
const MARGIN = 1.04;
/** With so small a share of the air, waiting for anchors is nothing beside waiting for symbols. */
const TINY_SHARE = 1e-6;

/**
 * Nibbles of payload, on all streams together, that must be sent of an object. Not groups, because those of RDS2 carry thirteen
 * and those of RDS eight, and an object goes out in both. `hasTypeC`: the station has RDS2, which decides how the object is cut.
 */
/** What promises are counted against, as a station has it. */
export type Need = (sizeBytes: number) => number;

/** For a station with these streams. */
export function needOf(assumedLoss: number, streams: readonly number[]): Need {
  const hasTypeC = streams.some((stream) => stream > 0);
  return (sizeBytes) => neededNibbles(sizeBytes, assumedLoss, hasTypeC);
}

export function neededNibbles(sizeBytes: number, loss: number, hasTypeC: boolean): number {
  const stream = hasTypeC ? 1 : 0;
  const { groups, meanSeconds, seconds90 } = airtimeOf({
    sizeBytes,
    streams: [{ stream, share: 1 }],
    loss,
    objectShare: TINY_SHARE,
    directoryShare: 0,
  });
  const groups90 = (groups / meanSeconds) * seconds90 * TINY_SHARE * (1 - 1 / ANCHOR_SPACING);
  return Math.ceil(MARGIN * groups90 * payloadNibbles(stream));
}
