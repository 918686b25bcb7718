/**
 * `npm run bench -- airtime [--pair NAME]... [--seed N] [--no-tools]`: how long a device listens until an update is there: bytes of the patch
 * x what delivery takes / bit rate, beside the best other tool's patch in a carousel of segments (as RDS2's own file transfer sends it).
 */

import { parseArgs } from 'node:util';
import { GROUPS_PER_SECOND } from '#codec/airtime.ts';
import { measureOurs } from './delta/ours.ts';
import { buildPair, PAIRS, type Pair } from './delta/pairs.ts';
import { toolFigures } from './delta/tools.ts';
import { Air, type Bearer, BEARERS, type Loss, LOSSES } from './delivery/channel.ts';
import { deliver } from './delivery/deliver.ts';
import { segmentCarousel } from './delivery/others.ts';
import { print, row, table } from './print.ts';

/** Free bits a second of RDS, with what a programme usually sends beside us. */
const RDS_BITS_PER_S = 330;
/** What three subcarriers of RDS2 add. */
const RDS2_MORE_BITS_PER_S = Math.round(3 * GROUPS_PER_SECOND * BEARERS.C.usefulBits);
const SHARES = [0, 0.1, 0.3];
/** Manifest and signature of an ordinary release with one delta (docs/package.md). */
const PACKAGE_BYTES = 257;
/** Larger objects cost the same x size by our code; for a carousel a little more, which is left out. */
const SIMULATED_MOST_BYTES = 1_000_000;

type Send = (bearer: Bearer, sizeBytes: number, loss: Loss, seed: number) => number;

const ours: Send = (bearer, sizeBytes, loss, seed) => deliver(bearer, sizeBytes, loss, seed).groups;
const carousel: Send = (bearer, sizeBytes, loss, seed) => {
  const air = new Air(bearer, loss, seed);
  const lost: boolean[] = [];
  const isLost = (i: number): boolean => {
    while (lost.length <= i) lost.push(air.next().isLost);
    return lost[i];
  };
  return segmentCarousel(isLost, bearer, sizeBytes);
};

export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      pair: { type: 'string', multiple: true },
      seed: { type: 'string', default: '1' },
      'no-tools': { type: 'boolean', default: false },
    },
  });
  const seed = Number(values.seed);
  if (!Number.isInteger(seed) || seed < 0) throw new Error(`--seed is a whole number, not ${values.seed}`);
  const unknown = values.pair?.find((name) => !PAIRS.some((pair) => pair.name === name));
  if (unknown !== undefined) throw new Error(`there is no pair ${unknown}: npm run bench -- delta --list shows all`);
  print(
    `seed ${seed}. RDS: ${RDS_BITS_PER_S} bit/s of type A. RDS2: that and ${RDS2_MORE_BITS_PER_S} bit/s of type C.`,
  );
  print('Losses of single groups. Our patch through the real receiver; the other one counted, in a carousel.');
  table([
    'pair',
    'patch',
    'bytes',
    ...SHARES.map((share) => `RDS, ${100 * share} %`),
    ...SHARES.map((share) => `RDS2, ${100 * share} %`),
  ]);
  for (const pair of PAIRS)
    if (values.pair === undefined || values.pair.includes(pair.name)) onePair(pair, seed, !values['no-tools']);
}

function onePair(pair: Pair, seed: number, withTools: boolean): void {
  const built = buildPair(pair);
  const { bytes } = measureOurs(built);
  printRow(pair.name, 'Carillon', bytes, seed, ours);
  if (!withTools) return;
  const figures = toolFigures(built, false, () => undefined).flatMap(({ tool, bytes }) =>
    bytes === undefined ? [] : [{ tool, bytes }],
  );
  const [best] = figures.filter(({ tool }) => !tool.startsWith('xz')).sort((a, b) => a.bytes - b.bytes);
  if (best !== undefined) printRow('', best.tool, best.bytes, seed, carousel);
}

function printRow(pair: string, name: string, bytes: number, seed: number, send: Send): void {
  const sizeBytes = bytes + PACKAGE_BYTES;
  const seconds = SHARES.map((share) => {
    const loss = LOSSES.find((one) => one.share === share && one.burst === 1) ?? LOSSES[0];
    const simulated = Math.min(sizeBytes, SIMULATED_MOST_BYTES);
    /** Bits of groups on air for each bit of the object. */
    const [a, c] = [BEARERS.A, BEARERS.C].map(
      (bearer) => (send(bearer, simulated, loss, seed) * bearer.usefulBits) / (8 * simulated),
    );
    return [(8 * sizeBytes * a) / RDS_BITS_PER_S, (8 * sizeBytes) / (RDS_BITS_PER_S / a + RDS2_MORE_BITS_PER_S / c)];
  });
  row([pair, name, bytes, ...seconds.map(([rds]) => timeName(rds)), ...seconds.map(([, rds2]) => timeName(rds2))]);
}

function timeName(seconds: number): string {
  if (seconds < 120) return `${seconds.toFixed(0)} s`;
  return seconds < 7200 ? `${(seconds / 60).toFixed(0)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
