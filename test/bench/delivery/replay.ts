/**
 * How long it takes to go on after a power cut: a log of many groups, as the store writes it, is opened by the real
 * `CollectStore.open` in a process of its own. Type C, stream 1, one group in ten lost.
 *
 *     long       one object of 12 MB: nothing is solved yet
 *     late       one object of 3 MB, kept from completion by a spell of loss on one of its blocks; everything else is solved
 *     late raw   the same groups as they were heard, without what the store adds so that it need not solve them again
 */

import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LogWriter } from '#codec/groups/log.ts';
import { Reception } from '#codec/groups/reception.ts';
import { firstBlockOf, layoutOf } from '#codec/symbols/layout.ts';
import { CollectStore } from '../../../receiver/collect-store.ts';
import { received, Seeded, Station } from '../../groups/station.ts';
import { print, row, table, verdict } from '../print.ts';

const RECORDS_AT_ONCE = 16;
/** Width of the rows of the scheme that a station with type C groups takes. */
const WIDTH = 13;

interface Case {
  readonly name: string;
  readonly sizeBytes: number;
  readonly isRaw: boolean;
  /** No symbol of this block comes. */
  readonly lostBlock: number;
}

const CASES: readonly Case[] = [
  { name: 'long', sizeBytes: 12_000_000, isRaw: false, lostBlock: -1 },
  { name: 'late', sizeBytes: 3_000_000, isRaw: false, lostBlock: 7 },
  { name: 'late raw', sizeBytes: 3_000_000, isRaw: true, lostBlock: 7 },
];

/** Pushes groups until the log has heard `groups` of ours. Gives the seconds that receiving took. */
function writeLog(folder: string, { sizeBytes, isRaw, lostBlock }: Case, groups: number, seed: number): number {
  const random = new Seeded(seed);
  const station = new Station([1]);
  station.offer([random.bytes(sizeBytes)]);
  const { blocks } = layoutOf(sizeBytes, WIDTH);
  const reception = new Reception();
  const writer = new LogWriter();
  const store = isRaw ? undefined : CollectStore.open(folder).store;
  let waiting: ReturnType<Reception['takeRecords']> = [];
  let parts: Uint8Array[] = [];
  let heard = 0;
  let seconds = 0;
  const push = (group: ReturnType<typeof received>): void => {
    const begin = performance.now();
    if (store !== undefined) store.push(group);
    else {
      reception.push(group);
      waiting.push(...reception.takeRecords().filter((record) => record.kind !== 'kept'));
    }
    seconds += (performance.now() - begin) / 1000;
    if (waiting.length < RECORDS_AT_ONCE) return;
    parts.push(writer.encode(waiting));
    waiting = [];
    if (parts.length < 1000) return;
    for (const part of parts) appendFileSync(join(folder, 'reception.log'), part);
    parts = [];
  };
  push(station.announcement());
  while (heard < groups) {
    const { slot, carried } = station.next();
    for (const { group, kind, counter } of carried) {
      const isOfBlock = kind === 'symbols' && firstBlockOf(1, counter, blocks) === lostBlock;
      if (random.next() < 0.1 || isOfBlock) continue;
      push(received(group, slot));
      heard++;
    }
  }
  store?.close();
  for (const part of parts) appendFileSync(join(folder, 'reception.log'), part);
  return seconds;
}

const OPEN = `
import { CollectStore } from ${JSON.stringify(join(import.meta.dirname, '../../../receiver/collect-store.ts'))};
const begin = performance.now();
const cpu = process.cpuUsage();
const { store } = CollectStore.open(process.argv[1]);
const seconds = (performance.now() - begin) / 1000;
const { user, system } = process.cpuUsage(cpu);
const { records } = store.opened;
const [object] = store.status().objects;
const { rank, needed, blocksSolved, blocks } = object.progress;
store.close();
console.log(JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6, records, rank, needed, blocksSolved, blocks, residentMB: process.resourceUsage().maxRSS / 1024 }));
`;

function openLog(folder: string): Record<string, number> {
  const opened = spawnSync(process.execPath, ['--input-type=module', '-e', OPEN, folder], { encoding: 'utf8' });
  if (opened.status !== 0) throw new Error(opened.stderr);
  return JSON.parse(opened.stdout) as Record<string, number>;
}

const GROUPS = 1_000_000;
const QUICK_GROUPS = 50_000;
const BAR_SECONDS = 20;

export function replayPart(seed: number, isQuick: boolean): void {
  const groups = isQuick ? QUICK_GROUPS : GROUPS;
  print(
    `A log of ${groups} groups of one type C stream, opened after a restart by the store in a process of its own. long: an object of`,
  );
  print(
    '12 MB, nothing solved. late: an object of 3 MB of which one block is missing. late raw: without the solved rows that the store',
  );
  print('writes down as it goes.\n');
  table([
    'case',
    'log MB',
    'records',
    'opened in s',
    'bar',
    'computing s',
    'resident MB',
    'blocks solved',
    'receiving s',
  ]);
  for (const which of CASES) {
    const folder = mkdtempSync(join(tmpdir(), 'carillon-replay-'));
    try {
      const seconds = writeLog(folder, which, groups, seed);
      const logMb = statSync(join(folder, 'reception.log')).size / 1e6;
      const opened = openLog(folder);
      row([
        which.name,
        logMb.toFixed(1),
        opened.records,
        opened.seconds.toFixed(1),
        verdict(opened.seconds, '<=', BAR_SECONDS, 1),
        opened.cpuSeconds.toFixed(1),
        opened.residentMB.toFixed(0),
        `${opened.blocksSolved} of ${opened.blocks}`,
        seconds.toFixed(1),
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
}
