/** Where the bits of a long broadcast go. */

import { Broadcast } from './broadcast.ts';
import { type Bearer, BEARERS } from './channel.ts';
import { print, row, table, verdict } from './print.ts';

const GROUPS = 262_144;

export function usefulPart(seed: number): void {
  print(
    'Useful fraction: bits of the object on air / all bits that are free in our groups; a sole object, no loss, directory,',
  );
  print(
    'anchors, assignments and headers included. (3A announcements are groups of the programme and not ours to use.)\n',
  );
  table(['group', 'object', 'useful', 'bar', 'directory', 'anchors', 'assignments', 'place and handle']);
  const rows: readonly (readonly [Bearer, number, number])[] = [
    [BEARERS.C, 20_000, 0.84],
    [BEARERS.C, 300_000, 0.84],
    [BEARERS.C, 3_000_000, 0.84],
    [BEARERS.A, 20_000, 0.8],
    [BEARERS.A, 300_000, 0.8],
    [BEARERS.A, 3_000_000, 0.8],
  ];
  for (const [bearer, sizeBytes, bar] of rows) {
    const broadcast = new Broadcast({ bearer, sizeBytes, seed, isEmpty: true });
    const counts = { object: 0, directory: 0, anchor: 0, assignment: 0 };
    for (let i = 0; i < GROUPS; i++) {
      const { kind, identity } = broadcast.next();
      if (kind === 'symbols') counts[identity === undefined ? 'directory' : 'object']++;
      else counts[kind]++;
    }
    const { usefulBits, nibbles } = bearer;
    const share = (bits: number): number => bits / (GROUPS * usefulBits);
    const percent = (bits: number): string => `${(100 * share(bits)).toFixed(2)} %`;
    const useful = share(counts.object * nibbles * 4);
    row([
      `${bearer.name}, ${usefulBits} bits`,
      sizeBytes,
      useful.toFixed(4),
      verdict(useful, '>=', bar),
      percent(counts.directory * nibbles * 4),
      percent(counts.anchor * nibbles * 4),
      percent(counts.assignment * usefulBits),
      percent((GROUPS - counts.assignment) * (usefulBits - nibbles * 4)),
    ]);
  }
}
