/** How much of an object must be sent until the receiver that promises are made about has it. */

import { airtimeOf } from '#codec/airtime.ts';

/** Beyond what nine receivers in ten need. */
const MARGIN = 1.04;
const ANCHOR_SPACING = 64;
const SYMBOLS_PER_GROUP_A = 2;
/** With so small a share of the air, waiting for anchors is nothing beside waiting for symbols. */
const TINY_SHARE = 1e-6;

/**
 * Symbols (of 16 bits, on all streams together) that must be sent of an object. Not groups, because those of RDS2 carry three and
 * those of RDS two, and an object goes out in both.
 */
export function neededSymbols(sizeBytes: number, loss: number): number {
  const { groups, meanSeconds, seconds90 } = airtimeOf({
    sizeBytes,
    streams: [{ stream: 0, share: 1 }],
    loss,
    objectShare: TINY_SHARE,
    directoryShare: 0,
  });
  const groups90 = (groups / meanSeconds) * seconds90 * TINY_SHARE * (1 - 1 / ANCHOR_SPACING);
  return Math.ceil(MARGIN * groups90 * SYMBOLS_PER_GROUP_A);
}
