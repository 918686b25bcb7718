/** What a delivery costs, and what it withstands: tables of docs/delivery.md. */

import { parseArgs } from 'node:util';
import { airtimePart } from './delivery/airtime.ts';
import { decodePart } from './delivery/decode.ts';
import { forecastPart } from './delivery/forecast.ts';
import { habitPart } from './delivery/habit.ts';
import { hostilePart } from './delivery/hostile.ts';
import { liesPart } from './delivery/lies.ts';
import { print } from './print.ts';
import { replayPart } from './delivery/replay.ts';
import { togetherPart } from './delivery/together.ts';
import { usefulPart } from './delivery/useful.ts';

type Part = (seed: number, isQuick: boolean) => void | Promise<void>;

const PARTS: Readonly<Record<string, Part>> = {
  useful: usefulPart,
  lies: liesPart,
  decode: decodePart,
  replay: replayPart,
  habit: habitPart,
  forecast: forecastPart,
  together: togetherPart,
  airtime: airtimePart,
  hostile: hostilePart,
};

/** Options: `--part NAME` (default all), `--seed N` (default 1), `--quick`: fewer rounds and smaller objects. */
export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      part: { type: 'string', multiple: true },
      seed: { type: 'string', default: '1' },
      quick: { type: 'boolean', default: false },
    },
  });
  const seed = Number(values.seed);
  if (!Number.isInteger(seed) || seed < 0) throw new Error(`--seed is a whole number, not ${values.seed}`);
  const names = values.part ?? Object.keys(PARTS);
  for (const name of names)
    if (!Object.hasOwn(PARTS, name)) throw new Error(`--part is one of ${Object.keys(PARTS).join(', ')}, not ${name}`);
  print(`seed ${seed}${values.quick ? ', quick' : ''}`);
  for (const name of names) {
    print(`\n## ${name}\n`);
    const begin = performance.now();
    await PARTS[name]?.(seed, values.quick);
    print(`\n(${((performance.now() - begin) / 1000).toFixed(0)} s)`);
  }
}
