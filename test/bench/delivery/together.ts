/** One object over unlike streams: type A groups on 57 kHz and type C groups on three more carriers. */

import { GROUPS_PER_SECOND } from '#codec/airtime.ts';
import { Reception } from '#codec/groups/reception.ts';
import { SCHEME_FOUNTAIN_C } from '#codec/symbols/schemes.ts';
import { received } from '../../groups/station.ts';
import { Broadcast } from './broadcast.ts';
import { Air, type Bearer, BEARERS, type Loss, lossName } from './channel.ts';
import { mean, print, row, sizeName, table } from '../print.ts';

const STREAMS: readonly Bearer[] = [
  { ...BEARERS.A, share: 0.25 },
  ...([1, 2, 3] as const).map((stream) => ({ ...BEARERS.C, stream })),
];

export function togetherPart(seed: number, isQuick: boolean): void {
  print(
    'One object (width 13) over stream 0 at a share of 0.25 and all of streams 1 to 3: seconds until it is there, over the limit as in',
  );
  print(
    'the table of airtime (a run of 16 groups is used when it ends, which is 1.4 s on all of them). alone: on streams 1 to 3 only.\n',
  );
  table(['object', 'loss', 'n', 'over the limit', 'seconds', 'alone seconds', 'decode ms']);
  for (const sizeBytes of isQuick ? [20_000] : [20_000, 300_000]) {
    const n = sizeBytes > 100_000 ? 2 : isQuick ? 2 : 8;
    for (const share of [0, 0.1, 0.3, 0.5]) {
      const loss: Loss = { share, burst: 1 };
      const seeds = Array.from({ length: n }, (_, i) => seed * 900_001 + 17 * i);
      const all = seeds.map((one) => deliverTogether(STREAMS, sizeBytes, loss, one));
      const without = seeds.map((one) => deliverTogether(STREAMS.slice(1), sizeBytes, loss, one));
      const ratio = mean(all.map(({ slots }) => slots)) / mean(all.map(({ limit }) => limit));
      const seconds = (runs: typeof all): string =>
        (mean(runs.map(({ slots }) => slots)) / GROUPS_PER_SECOND).toFixed(1);
      row([
        sizeName(sizeBytes),
        lossName(loss),
        n,
        ratio.toFixed(4),
        seconds(all),
        seconds(without),
        mean(all.map(({ decodeMs }) => decodeMs)).toFixed(0),
      ]);
    }
  }
}

interface Together {
  readonly slots: number;
  readonly limit: number;
  readonly decodeMs: number;
}

function deliverTogether(bearers: readonly Bearer[], sizeBytes: number, loss: Loss, seed: number): Together {
  const senders = bearers.map((bearer, i) => ({
    bearer,
    air: new Air(bearer, loss, seed + 1000 * bearer.stream),
    // The same seed: the same object.
    broadcast: new Broadcast({
      bearer,
      sizeBytes,
      seed: seed + 1,
      scheme: SCHEME_FOUNTAIN_C,
      phase: i / bearers.length,
    }),
  }));
  const waiting = senders.map(({ air }) => air.next());
  const reception = new Reception();
  reception.push(senders[0].broadcast.announcement());
  let nibbles = 0;
  let limit = 0;
  let decodeMs = 0;
  for (let slot = 0; ; slot++) {
    for (const [i, { bearer, air, broadcast }] of senders.entries()) {
      const { slot: next, isLost } = waiting[i];
      if (next > slot) continue;
      waiting[i] = air.next();
      const { group, identity } = broadcast.next();
      if (isLost) continue;
      if (identity !== undefined && nibbles < 2 * sizeBytes) {
        nibbles += bearer.nibbles;
        limit = slot + 1;
      }
      const begin = performance.now();
      const events = reception.push(received(group, slot + 1));
      decodeMs += performance.now() - begin;
      reception.takeRecords();
      for (const event of events) {
        if (event.kind !== 'object') continue;
        if (Buffer.compare(event.bytes, broadcast.bytes) !== 0) throw new Error('the object came out wrong');
        return { slots: slot + 1, limit, decodeMs };
      }
    }
  }
}
