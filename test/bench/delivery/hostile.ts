/** A hundred million hostile groups. */

import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ATTACKS } from '../../groups/hostile.ts';
import { print, row, table } from '../print.ts';

const GROUPS = 100_000_000;
const QUICK_GROUPS = 200_000;
const STREAMS = 4;
/** Attacks that keep a receiver busy looking for lies, or that build objects: a hundredth of the groups for each of these. */
const BUSY: ReadonlySet<string> = new Set([
  'flipped bits',
  'groups in another order',
  'counters that jump',
  'absurd directories, another at every anchor',
  'false directories beside the real one',
  'wrong bits beside the payload: r, the place, pppp',
  'one payload in all groups',
  'another object under the name of the real one',
  'a second transmitter that sends the same minute of its own again and again',
]);
const BUSY_SHARE = 0.0025;

interface Told {
  readonly name: string;
  readonly groups: number;
  readonly thrown: number;
  readonly acceptedFalse: number;
  readonly ordeals: number;
  readonly arrived: number;
  readonly grownMb: number;
  readonly slowestMs: number;
  readonly seconds: number;
}

export async function hostilePart(seed: number, isQuick: boolean): Promise<void> {
  const total = isQuick ? QUICK_GROUPS : GROUPS;
  print(
    `${total} hostile groups on four streams against a receiver that hears a real station before, between and after them.`,
  );
  print(
    'arrived: ordeals after which the package of the station came. false: packages accepted that were not sealed.\n',
  );
  const names = Object.keys(ATTACKS);
  const light = names.filter((name) => !BUSY.has(name));
  const lightShare = (1 - BUSY_SHARE * (names.length - light.length)) / light.length;
  const work = names.map((name) => ({
    name,
    slots: Math.ceil((total * (BUSY.has(name) ? BUSY_SHARE : lightShare)) / STREAMS),
  }));
  table(['attack', 'groups', 'thrown', 'false', 'arrived', 'memory grown MB', 'slowest slot ms', 'groups/s']);
  let sum = 0;
  // The long ones first, as many at a time as there are cores.
  const waiting = work.toSorted((a, b) => b.slots - a.slots);
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const told = await attackOnce(next.name, next.slots, seed);
      sum += told.groups;
      row([
        told.name,
        told.groups,
        told.thrown,
        told.acceptedFalse,
        `${told.arrived} of ${told.ordeals}`,
        told.grownMb.toFixed(1),
        told.slowestMs.toFixed(0),
        (told.groups / told.seconds).toFixed(0),
      ]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(4, cpus().length) }, lane));
  print(`\n${sum} groups in all`);
}

async function attackOnce(name: string, slots: number, seed: number): Promise<Told> {
  const child = join(import.meta.dirname, 'hostile-child.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [child, name, String(slots), String(seed)]);
  return JSON.parse(stdout) as Told;
}
