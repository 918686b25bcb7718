/**
 * `npm run bench -- NAME [options]`: measurements that anyone can repeat. Every bench prints its seed; ratios are worth more
 * than absolute times.
 */

import { cpus, totalmem } from 'node:os';

const BENCHES: Record<string, { says: string; load: () => Promise<{ bench: (args: string[]) => Promise<void> }> }> = {
  reception: { says: 'groups received against noise, speed of both directions', load: () => import('./reception.ts') },
  delivery: {
    says: 'airtime against loss, useful bits, lies, resuming, forecasts',
    load: () => import('./delivery.ts'),
  },
  airtime: { says: 'how long a device listens for an update of real packages', load: () => import('./airtime.ts') },
  delta: { says: 'bytes of a patch beside other tools, on real packages', load: () => import('./delta.ts') },
};

const [name = 'help', ...args] = process.argv.slice(2);
const chosen = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
if (chosen === undefined) {
  console.error('usage: npm run bench -- NAME [options]');
  for (const [benchName, { says }] of Object.entries(BENCHES)) console.error(`  ${benchName.padEnd(12)} ${says}`);
  process.exitCode = name === 'help' ? 0 : 2;
} else {
  console.log(
    `machine: ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`,
  );
  const { bench } = await chosen.load();
  await bench(args);
}
