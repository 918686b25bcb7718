/** What receiving 3 MB costs: time after the last group, memory; and replay of a log. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identityOf } from '#codec/symbols/spread.ts';
import { received } from '../../groups/station.ts';
import { Broadcast } from './broadcast.ts';
import { Air, type Bearer, BEARERS, type Loss, lossName } from './channel.ts';
import { GroupsWriter } from './groups-file.ts';
import { print, row, table, verdict } from '../print.ts';

const SIZE_BYTES = 3_000_000;
const BAR_LAST_MS = 1000;
const BAR_GROWN_MB = 48;

interface Decoded {
  readonly groups: number;
  readonly seconds: number;
  readonly lastMs: number;
  readonly longestMs: number;
  readonly grownBytes: number;
  readonly identity: string;
}

export function decodePart(seed: number, isQuick: boolean): void {
  const sizeBytes = isQuick ? SIZE_BYTES / 10 : SIZE_BYTES;
  print(
    `Decoding ${sizeBytes} bytes in a process of its own (one thread); growth of its resident memory from before the first group on.\n`,
  );
  table(['group', 'loss', 'groups received', 'all s', 'last group ms', 'bar', 'longest ms', 'growth MB', 'bar']);
  const folder = mkdtempSync(join(tmpdir(), 'carillon-bench-'));
  try {
    for (const [bearer, share] of [
      [BEARERS.C, 0],
      [BEARERS.C, 0.3],
      [BEARERS.A, 0.3],
    ] as const)
      decodeOnce(join(folder, 'groups.bin'), bearer, { share, burst: 1 }, sizeBytes, seed);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function decodeOnce(path: string, bearer: Bearer, loss: Loss, sizeBytes: number, seed: number): void {
  const air = new Air(bearer, loss, seed);
  const broadcast = new Broadcast({ bearer, sizeBytes, seed });
  const file = new GroupsWriter(path);
  file.put(broadcast.announcement());
  // More than enough.
  for (let nibbles = 0; nibbles < 2.16 * sizeBytes + 20_000; ) {
    const { group } = broadcast.next();
    const { slot, isLost } = air.next();
    if (isLost) continue;
    file.put(received(group, slot + 1));
    nibbles += bearer.nibbles;
  }
  file.close();
  const text = execFileSync(process.execPath, [join(import.meta.dirname, 'decode-child.ts'), path], {
    encoding: 'utf8',
  });
  const decoded = JSON.parse(text) as Decoded;
  if (decoded.identity !== identityOf(broadcast.bytes).toHex()) throw new Error('the object came out wrong');
  const grownMb = decoded.grownBytes / 1e6;
  row([
    bearer.name,
    lossName(loss),
    decoded.groups,
    decoded.seconds.toFixed(1),
    decoded.lastMs.toFixed(1),
    verdict(decoded.lastMs, '<=', BAR_LAST_MS, 1),
    decoded.longestMs.toFixed(0),
    grownMb.toFixed(1),
    verdict(grownMb, '<=', BAR_GROWN_MB, 1),
  ]);
}
