/** The example at the end of docs/air-interface.md, made by our sender and by one that was written from the page alone. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { StreamCarrier } from '#codec/groups/carry.ts';
import { encodeDirectory } from '#codec/groups/directory.ts';
import { formatHexGroup } from '#codec/groups/hex.ts';
import { layoutOf } from '#codec/symbols/layout.ts';
import { makeSpreader } from '#codec/symbols/schemes.ts';
import { scramble } from '#codec/symbols/scramble.ts';
import { identityOf } from '#codec/symbols/spread.ts';
import { encodeAir } from '../independent/air-encoder.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/air-interface.md'), 'utf8');
const example = page.slice(page.indexOf('## 7. Example'));
const bytes = new TextEncoder().encode('A package of Carillon, cut short.');
const identity = identityOf(bytes);

/** What stands behind a name in the example. */
function said(name: string): string {
  const line = example.split('\n').find((text) => text.trim().startsWith(name));
  return line === undefined ? '' : line.trim().slice(name.length).trim();
}

function ours(scheme: number, stream: 0 | 1): Map<number, string> {
  const header = { pi: 0xd318, tp: false, pty: 0 };
  const carrier = new StreamCarrier({ ...header, stream, groupTypeCode: 22, channel: 16, counter: 0x2600 });
  carrier.setDirectory({
    version: 5,
    pi: 0xd318,
    entries: [{ handle: 1, scheme, deviceTypeTag: 0xfb9e03d1, sizeBytes: bytes.length, identity, deadlineMinutes: 0 }],
  });
  const spreader = makeSpreader(bytes, scheme);
  const lines = new Map<number, string>();
  while (!lines.has(0x2605)) {
    const { group, kind, counter } = carrier.next(
      () => 1,
      () => spreader,
    );
    if (kind !== 'assignment') lines.set(counter, formatHexGroup(group));
  }
  return lines;
}

const CASES = [1, 2, 3].flatMap((scheme) => ([0, 1] as const).map((stream) => ({ scheme, stream })));

describe('the example of the page', () => {
  it.each(CASES)('scheme $scheme on stream $stream', ({ scheme, stream }) => {
    const group = said(`2605, stream ${stream}, scheme ${scheme}`);
    expect(group).toMatch(/^(#S1 )?([0-9A-F]{4} ?){4}$/);
    expect(ours(scheme, stream).get(0x2605)).toBe(group);
    const objects = [{ bytes, scheme, deviceTypeTag: 'fb9e03d1', handle: 1 }];
    const lines = encodeAir({
      objects,
      streams: [stream],
      groups: 6,
      pi: 0xd318,
      counter: 0x2600,
      directoryVersion: 5,
      announcementEvery: 100,
    });
    expect(lines).toContain(group);
  });

  it.each([0, 1] as const)('the anchor on stream %i', (stream) => {
    expect(ours(1, stream).get(0x2600)).toBe(said(`2600, stream ${stream}: anchor`));
  });

  it('directory, identity, scrambling and rows', () => {
    const entries = [
      { handle: 1, scheme: 1, deviceTypeTag: 0xfb9e03d1, sizeBytes: bytes.length, identity, deadlineMinutes: 0 },
    ];
    expect(encodeDirectory({ version: 5, pi: 0xd318, entries }).toHex()).toBe(said('directory (scheme 1)'));
    expect(example).toContain(`identity \`${identity.toHex()}\``);
    const words = [0x1234, 0x1234];
    scramble(0, 0x2605, words);
    expect(example).toContain(`is sent as ${words.map((word) => word.toString(16).toUpperCase()).join(' and ')}.`);
    expect(example).toContain(
      `With scheme 1 the object has K = ${layoutOf(33, 13).rows} rows, with scheme 2 K = ${layoutOf(33, 8).rows}.`,
    );
  });
});
