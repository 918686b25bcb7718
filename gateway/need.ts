/** How much of an object must be sent until the receiver that promises are made about has it. */

import { airtimeOf } from '#codec/airtime.ts';
import { ANCHOR_SPACING } from '#codec/groups/anchor.ts';
import { payloadNibbles } from '#codec/symbols/layout.ts';
import { chooseScheme, SCHEME_REED_SOLOMON } from '#codec/symbols/schemes.ts';

/** Beyond what nine receivers in ten need. */
const MARGIN = 1.04;
/** With so small a share of the air, waiting for anchors is nothing beside waiting for symbols. */
const TINY_SHARE = 1e-6;

/**
 * Pieces of a Reed-Solomon object come again before all came once, more so when it shares the air; how much more, depends on how its
 * runs fall among them. Beside none to five others with shares of all kinds, at losses of 0 to 0.3, 99 in 100 objects of 0.3 to 100 kB
 * were complete with 2.6 times as much as a fountain takes, half of them with 1.7.
 */
const REED_SOLOMON_FACTOR = 2.6;

/** What promises are counted against, as a station has it. */
export type Need = (sizeBytes: number) => number;

/** For a station with these streams, whose smallest receiver can spare so much for a matrix. */
export function needOf(assumedLoss: number, streams: readonly number[], matrixBytes = Number.POSITIVE_INFINITY): Need {
  const hasTypeC = streams.some((stream) => stream > 0);
  return (sizeBytes) => {
    const { scheme } = chooseScheme({ sizeBytes, hasTypeC, matrixBytes });
    const factor = scheme === SCHEME_REED_SOLOMON ? REED_SOLOMON_FACTOR : 1;
    return Math.ceil(factor * neededNibbles(sizeBytes, assumedLoss, hasTypeC));
  };
}

/**
 * Nibbles of payload, on all streams together, that must be sent of an object with a fountain. Not groups, because those of RDS2 carry
 * thirteen and those of RDS eight, and an object goes out in both. `hasTypeC`: the station has RDS2, which decides how the object is cut.
 */
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
