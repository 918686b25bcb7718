/** Takes in the groups of a file in a process of its own and tells what that took: one line of JSON. */

import { Reception } from '#codec/groups/reception.ts';
import { readGroups } from './groups-file.ts';

const [path = ''] = process.argv.slice(2);
const reception = new Reception();
const startRss = process.memoryUsage.rss();
let mostRss = startRss;
let lastMs = 0;
let longestMs = 0;
let groups = 0;
const begin = performance.now();
for (const group of readGroups(path)) {
  const from = performance.now();
  const events = reception.push(group);
  lastMs = performance.now() - from;
  longestMs = Math.max(longestMs, lastMs);
  reception.takeRecords();
  if (++groups % 2048 === 0) mostRss = Math.max(mostRss, process.memoryUsage.rss());
  const object = events.find(({ kind }) => kind === 'object');
  if (object === undefined) continue;
  mostRss = Math.max(mostRss, process.memoryUsage.rss());
  const seconds = (performance.now() - begin) / 1000;
  process.stdout.write(
    `${JSON.stringify({ groups, seconds, lastMs, longestMs, grownBytes: mostRss - startRss, identity: object.kind === 'object' ? object.identity.toHex() : '' })}\n`,
  );
  break;
}
