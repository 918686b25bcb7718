/** The forecast of codec/airtime.ts against simulated receivers. */

import { airtimeOf, GROUPS_PER_SECOND } from '#codec/airtime.ts';
import { type Bearer, BEARERS, type Loss, lossName } from './channel.ts';
import { count, deliver } from './deliver.ts';
import { print, quantile, row, sizeName, table, verdict } from '../print.ts';

const LOSSES: readonly Loss[] = [
  ...[0, 0.05, 0.1, 0.2, 0.3, 0.5].map((share) => ({ share, burst: 1 })),
  { share: 0.2, burst: 10 },
];

interface Case {
  readonly bearer: Bearer;
  readonly sizeBytes: number;
  /** Real receivers; the others are counted (see `count`). */
  readonly real: number;
  readonly counted: number;
}

const CASES: readonly Case[] = [
  { bearer: BEARERS.C, sizeBytes: 20_000, real: 60, counted: 0 },
  { bearer: BEARERS.A, sizeBytes: 20_000, real: 60, counted: 0 },
  { bearer: BEARERS.C, sizeBytes: 300_000, real: 3, counted: 60 },
  { bearer: BEARERS.A, sizeBytes: 300_000, real: 0, counted: 60 },
  { bearer: BEARERS.C, sizeBytes: 3_000_000, real: 0, counted: 15 },
];

export function forecastPart(seed: number, isQuick: boolean): void {
  print(
    'Forecast against simulation, forecast / simulated seconds. real: the real sender and receiver; counted: each block needs its',
  );
  print('rows and a random few more, on the groups of the real sender. counted / real: both on the same losses.\n');
  table(['group', 'object', 'loss', 'receivers', '50th', 'bar', '90th', 'bar', '99th', 'counted / real']);
  for (const one of CASES) {
    if (isQuick && one.sizeBytes > 20_000) continue;
    for (const loss of LOSSES) printRow(one, loss, seed, isQuick);
  }
}

function printRow({ bearer, sizeBytes, real, counted }: Case, loss: Loss, seed: number, isQuick: boolean): void {
  const seeds = (n: number): number[] =>
    Array.from({ length: isQuick ? Math.min(n, 10) : n }, (_, i) => seed * 77_003 + i * 13);
  const reals = seeds(real).map((one) => deliver(bearer, sizeBytes, loss, one).slots);
  const counts = seeds(counted).map((one) => count(bearer, sizeBytes, loss, one).slots);
  const slots = counts.length > 0 ? counts : reals;
  const forecast = airtimeOf({
    sizeBytes,
    streams: [{ stream: bearer.stream, share: bearer.share }],
    loss: loss.share,
    burstGroups: loss.burst,
  });
  const ratio = (seconds: number, probability: number): number =>
    (seconds * GROUPS_PER_SECOND) / quantile(slots, probability);
  const r50 = ratio(forecast.seconds50, 0.5);
  const r90 = ratio(forecast.seconds90, 0.9);
  const both = Math.min(counts.length, reals.length);
  const sum = (values: readonly number[]): number => values.slice(0, both).reduce((total, value) => total + value, 0);
  row([
    bearer.name,
    sizeName(sizeBytes),
    lossName(loss),
    counts.length > 0 ? `${counts.length} counted` : `${reals.length} real`,
    r50.toFixed(3),
    verdict(Math.abs(r50 - 1), '<=', 0.05),
    r90.toFixed(3),
    verdict(Math.abs(r90 - 1), '<=', 0.05),
    ratio(forecast.seconds99, 0.99).toFixed(3),
    both === 0 ? '-' : (sum(counts) / sum(reals)).toFixed(4),
  ]);
}
