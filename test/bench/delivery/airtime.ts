/** Airtime of an object against loss, over the limit with the same headers, beside other ways to send it. */

import { SCHEME_REED_SOLOMON } from '#codec/symbols/schemes.ts';
import { Air, type Bearer, BEARERS, type Loss, LOSSES, lossName } from './channel.ts';
import { deliver, type Delivery } from './deliver.ts';
import { reedSolomonCarousel, segmentCarousel } from './others.ts';
import { mean, print, row, sizeName, table, verdict } from '../print.ts';

const CASES: readonly { bearer: Bearer; sizeBytes: number; rounds: number; quickRounds: number }[] = [
  { bearer: BEARERS.C, sizeBytes: 20_000, rounds: 20, quickRounds: 3 },
  { bearer: BEARERS.C, sizeBytes: 300_000, rounds: 4, quickRounds: 1 },
  { bearer: BEARERS.C, sizeBytes: 3_000_000, rounds: 1, quickRounds: 0 },
  { bearer: BEARERS.A, sizeBytes: 20_000, rounds: 20, quickRounds: 3 },
  { bearer: BEARERS.A, sizeBytes: 300_000, rounds: 4, quickRounds: 1 },
  { bearer: BEARERS.A, sizeBytes: 3_000_000, rounds: 1, quickRounds: 0 },
];
/** Scheme 3 is slow to arrive at high losses: the larger objects are counted only. */
const REED_SOLOMON_MAX_BYTES = 300_000;

export function airtimePart(seed: number, isQuick: boolean): void {
  print('Airtime: our groups on air from joining until the object is there, mean of n receivers.');
  print(
    'over the limit: in units of the groups until as many bits of the object had come through as it has, on the same losses',
  );
  print(
    'and with the same anchors, directory and headers (a perfect code). x size: useful bits of these groups / bits of the object.',
  );
  print(
    'scheme 3: our Reed-Solomon through the real receiver. RS(255,191) and carousel: counted, x size, without headers but numbers.',
  );
  for (const { bearer, sizeBytes, rounds, quickRounds } of CASES) {
    const n = isQuick ? quickRounds : rounds;
    if (n === 0) continue;
    print(`\nType ${bearer.name}, ${sizeName(sizeBytes)}, n = ${n}\n`);
    table([
      'loss',
      'over the limit',
      'bar',
      'worst',
      'x size',
      'scheme 3 x size',
      'RS(255,191)',
      'carousel',
      'decode ms',
      'longest ms',
    ]);
    for (const loss of LOSSES) printRow(bearer, sizeBytes, loss, n, seed);
  }
}

function printRow(bearer: Bearer, sizeBytes: number, loss: Loss, n: number, seed: number): void {
  const seeds = Array.from({ length: n }, (_, i) => seed * 1_000_003 + i * 101);
  const runs = seeds.map((one) => deliver(bearer, sizeBytes, loss, one));
  const ratio = mean(runs.map(({ groups }) => groups)) / mean(runs.map(({ limit }) => limit));
  const worst = Math.max(...runs.map(({ groups, limit }) => groups / limit));
  const xSize = (groups: readonly number[]): string =>
    ((mean(groups) * bearer.usefulBits) / (8 * sizeBytes)).toFixed(3);
  // The first seed stands for all: a round is as long as the object.
  const isLost = losses(bearer, loss, seeds[0]);
  const others = [reedSolomonCarousel, segmentCarousel].map((send) => xSize([send(isLost, bearer, sizeBytes)]));
  const scheme3 =
    sizeBytes > REED_SOLOMON_MAX_BYTES
      ? '-'
      : xSize([deliver(bearer, sizeBytes, loss, seeds[0], SCHEME_REED_SOLOMON).groups]);
  row([
    lossName(loss),
    ratio.toFixed(4),
    verdict(ratio, '<=', loss.share > 0.3 ? 1.05 : 1.03),
    worst.toFixed(3),
    xSize(runs.map(({ groups }) => groups)),
    scheme3,
    ...others,
    mean(runs.map(({ decodeMs }: Delivery) => decodeMs)).toFixed(0),
    Math.max(...runs.map(({ longestMs }) => longestMs)).toFixed(0),
  ]);
}

function losses(bearer: Bearer, loss: Loss, seed: number): (i: number) => boolean {
  const air = new Air(bearer, loss, seed);
  const lost: boolean[] = [];
  return (i) => {
    while (lost.length <= i) lost.push(air.next().isLost);
    return lost[i];
  };
}
