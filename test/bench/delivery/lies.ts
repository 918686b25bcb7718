/** Groups that lie: put among the right ones of a block, with headers that pass every check. */

import { GROUPS_PER_SECOND } from '#codec/airtime.ts';
import type { Blocks, Group } from '#codec/groups/group.ts';
import { Reception } from '#codec/groups/reception.ts';
import { received, Seeded } from '../../groups/station.ts';
import { Broadcast } from './broadcast.ts';
import { type Bearer, BEARERS } from './channel.ts';
import { mean, print, row, table } from '../print.ts';

/** One block each. */
const CASES: readonly { bearer: Bearer; sizeBytes: number }[] = [
  { bearer: BEARERS.C, sizeBytes: 20_000 },
  { bearer: BEARERS.A, sizeBytes: 16_000 },
];
const TRIALS = 50;
const COUNTS = [0, 1, 5, 30] as const;

type Pattern = (random: Seeded) => (group: Group) => Group;

/** From the payload's blocks on; of type C the four bits in block 1 stay right. */
function withPayload({ stream, blocks }: Group, change: (block: number, i: number) => number): Group {
  const first = stream === 0 ? 2 : 1;
  return { stream, blocks: blocks.map((block, i) => (i < first ? block : change(block, i))) as unknown as Blocks };
}

const word = (random: Seeded): number => random.word() >>> 16;

const PATTERNS = {
  random: (random) => (group) => withPayload(group, () => word(random)),
  'the same payload again and again': (random) => {
    const words = Array.from({ length: 4 }, () => word(random));
    return (group) => withPayload(group, (_, i) => words[i]);
  },
  'the same error again and again': (random) => {
    const words = Array.from({ length: 4 }, () => 1 + (word(random) % 0xffff));
    return (group) => withPayload(group, (block, i) => block ^ words[i]);
  },
} as const satisfies Record<string, Pattern>;

export function liesPart(seed: number, isQuick: boolean): void {
  const trials = isQuick ? 5 : TRIALS;
  print(
    'Wrong groups per block among those that come before the block could be solved; the rest is right. The object has one block.',
  );
  print('extra: groups beyond those of the same receiver without wrong groups.\n');
  table(['group', 'wrong', 'pattern', 'trials', 'recovered', 'extra mean', 'extra worst', 'longest ms']);
  for (const { bearer, sizeBytes } of CASES) {
    const honest = Array.from({ length: trials }, (_, i) => receive(bearer, sizeBytes, seed + i, 0, PATTERNS.random));
    for (const wrong of COUNTS) {
      for (const [name, pattern] of Object.entries(PATTERNS)) {
        if (wrong === 0 && name !== 'random') continue;
        const runs = wrong === 0 ? honest : honest.map((_, i) => receive(bearer, sizeBytes, seed + i, wrong, pattern));
        const extra = runs.flatMap((run, i) => (run === undefined ? [] : [run.groups - (honest[i]?.groups ?? 0)]));
        row([
          bearer.name,
          wrong,
          wrong === 0 ? '-' : name,
          trials,
          `${extra.length} of ${trials}`,
          mean(extra).toFixed(1),
          Math.max(...extra),
          Math.max(...runs.map((run) => run?.longestMs ?? 0)).toFixed(0),
        ]);
      }
    }
  }
  print(
    "\nA second transmitter with the station's headers and wrong payloads for a minute (all of our groups in it).\n",
  );
  table(['group', 'trials', 'recovered', 'wrong groups', 'extra mean', 'extra worst', 'longest ms']);
  for (const { bearer, sizeBytes } of CASES) {
    const wrong = Math.round(60 * GROUPS_PER_SECOND * bearer.share);
    const count = Math.ceil(trials / 5);
    const runs = Array.from({ length: count }, (_, i) =>
      receive(bearer, sizeBytes, seed + i, wrong, PATTERNS.random, true),
    );
    const honest = Array.from({ length: count }, (_, i) => receive(bearer, sizeBytes, seed + i, 0, PATTERNS.random));
    const extra = runs.flatMap((run, i) => (run === undefined ? [] : [run.groups - (honest[i]?.groups ?? 0)]));
    row([
      bearer.name,
      count,
      `${extra.length} of ${count}`,
      wrong,
      mean(extra).toFixed(1),
      Math.max(...extra),
      Math.max(...runs.map((run) => run?.longestMs ?? 0)).toFixed(0),
    ]);
  }
  print(
    '\nA second station with the same PI, counters and directory version and with objects of its own takes over for a minute; extra:',
  );
  print('groups of the real one beyond those of a receiver that heard nothing in that minute.\n');
  table(['group', 'trials', 'recovered', 'extra mean', 'extra worst']);
  for (const { bearer, sizeBytes } of CASES) {
    const seeds = Array.from({ length: Math.ceil(trials / 2) }, (_, i) => 1000 * seed + 37 * i);
    const extra = seeds
      .map((one) => underFalseStation(bearer, sizeBytes, one, true) - underFalseStation(bearer, sizeBytes, one, false))
      .filter((groups) => Number.isFinite(groups));
    row([bearer.name, seeds.length, `${extra.length} of ${seeds.length}`, mean(extra).toFixed(1), Math.max(...extra)]);
  }
}

/**
 * A second station with the same PI, counters and directory version for a minute, which lists objects of its own. Groups of the
 * real one until the object is there.
 */
function underFalseStation(bearer: Bearer, sizeBytes: number, seed: number, isThere: boolean): number {
  const [real, liar] = [seed, seed + 1].map(
    (one) => new Broadcast({ bearer, sizeBytes: one === seed ? sizeBytes : 5000, seed: one, joinAt: 300 }),
  );
  const reception = new Reception();
  reception.push(real.announcement());
  const from = 200 + (seed % 1000);
  const minute = Math.round(60 * GROUPS_PER_SECOND * bearer.share);
  let groups = 0;
  for (let i = 1; i < (6 * sizeBytes) / bearer.nibbles + 8192; i++) {
    const isFalse = isThere && i >= from && i < from + minute;
    const { group } = real.next();
    const other = liar.next();
    if (!isFalse && (i < from || i >= from + minute)) groups++;
    // Without the liar nothing is heard in that minute.
    if (i >= from && i < from + minute && !isThere) continue;
    const events = reception.push(received(isFalse ? other.group : group, i));
    reception.takeRecords();
    for (const event of events)
      if (event.kind === 'object' && Buffer.compare(event.bytes, real.bytes) === 0) return groups;
  }
  return Number.NaN;
}

/** Undefined when the object did not come within three times its size. */
function receive(
  bearer: Bearer,
  sizeBytes: number,
  seed: number,
  wrong: number,
  pattern: Pattern,
  inOneSpell = false,
): { readonly groups: number; readonly longestMs: number } | undefined {
  const broadcast = new Broadcast({ bearer, sizeBytes, seed });
  const random = new Seeded(seed + 7);
  const lie = pattern(random);
  const needed = Math.floor((2 * sizeBytes) / bearer.nibbles);
  const lies = new Set<number>();
  const spellFrom = random.word() % Math.max(1, needed - wrong);
  while (lies.size < wrong) lies.add(inOneSpell ? spellFrom + lies.size : random.word() % needed);
  const reception = new Reception();
  reception.push(broadcast.announcement());
  let ofObject = 0;
  let longestMs = 0;
  for (let i = 1; i < 3 * needed + 4096; i++) {
    const { group, identity } = broadcast.next();
    const isLie = identity !== undefined && lies.has(ofObject++);
    const from = performance.now();
    const events = reception.push(received(isLie ? lie(group) : group, i));
    longestMs = Math.max(longestMs, performance.now() - from);
    reception.takeRecords();
    for (const event of events) {
      if (event.kind !== 'object') continue;
      if (Buffer.compare(event.bytes, broadcast.bytes) !== 0) throw new Error('the object came out wrong');
      return { groups: i, longestMs };
    }
  }
  return undefined;
}
