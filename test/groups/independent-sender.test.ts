/** Our receiver reads a sender that was written from docs/air-interface.md alone, and which shares no code with ours. */

import { describe, expect, it } from 'vitest';
import { parseHexLine } from '#codec/groups/hex.ts';
import { Reception } from '#codec/groups/reception.ts';
import { identityOf } from '#codec/symbols/spread.ts';
import { encodeAir } from '../independent/air-encoder.ts';
import { Seeded } from './station.ts';

const SEED = 20_261_126;
const PI = 0xd318;

interface Case {
  readonly name: string;
  readonly scheme: 1 | 2 | 3;
  readonly streams: readonly (0 | 1 | 2 | 3)[];
  readonly sizeBytes: number;
  readonly groups: number;
  readonly lostLines?: number;
  readonly lostBlocks?: number;
}

const CASES: readonly Case[] = [
  { name: 'width 13 on stream 1', scheme: 1, streams: [1], sizeBytes: 5001, groups: 1100 },
  { name: 'width 13 on stream 1, lines lost', scheme: 1, streams: [1], sizeBytes: 5001, groups: 1400, lostLines: 0.2 },
  {
    name: 'width 13 on stream 1, blocks lost',
    scheme: 1,
    streams: [1],
    sizeBytes: 5001,
    groups: 1400,
    lostBlocks: 0.3,
  },
  { name: 'width 13 on stream 0 alone', scheme: 1, streams: [0], sizeBytes: 3000, groups: 1600, lostLines: 0.1 },
  { name: 'width 13 on all, several blocks', scheme: 1, streams: [0, 1, 2, 3], sizeBytes: 60_000, groups: 4500 },
  { name: 'width 13 on two unlike ones', scheme: 1, streams: [0, 1], sizeBytes: 9000, groups: 1700, lostLines: 0.1 },
  { name: 'width 8 on stream 0', scheme: 2, streams: [0], sizeBytes: 3000, groups: 1400, lostLines: 0.2 },
  { name: 'width 8 on stream 0, blocks lost', scheme: 2, streams: [0], sizeBytes: 3000, groups: 1400, lostBlocks: 0.3 },
  { name: 'width 8 on stream 2 alone', scheme: 2, streams: [2], sizeBytes: 3000, groups: 1100, lostLines: 0.1 },
  { name: 'width 8 on all, several blocks', scheme: 2, streams: [0, 1, 2, 3], sizeBytes: 40_000, groups: 2600 },
  { name: 'Reed-Solomon on stream 0', scheme: 3, streams: [0], sizeBytes: 3000, groups: 1800, lostLines: 0.1 },
  { name: 'Reed-Solomon on all', scheme: 3, streams: [0, 1, 2, 3], sizeBytes: 9000, groups: 1200, lostLines: 0.1 },
  { name: 'Reed-Solomon, blocks lost', scheme: 3, streams: [1], sizeBytes: 3000, groups: 1500, lostBlocks: 0.2 },
];

function damaged(line: string, { lostLines = 0, lostBlocks = 0 }: Case, random: Seeded): string {
  if (random.next() < lostLines) return '';
  if (random.next() >= lostBlocks) return line;
  const words = line.split(' ');
  const place = words.length - 1 - Math.floor(random.next() * 3);
  words[place] = '----';
  return words.join(' ');
}

describe('the receiver reads a sender written from the page', () => {
  it.each(CASES)('$name', (one) => {
    const random = new Seeded(SEED);
    const bytes = random.bytes(one.sizeBytes);
    const { scheme, streams, groups } = one;
    const lines = encodeAir({
      objects: [{ bytes, scheme, deviceTypeTag: 'fb9e03d1' }],
      streams: [...streams],
      groups,
      pi: PI,
      counter: 0xff_ff00,
    });
    const reception = new Reception();
    const objects: Uint8Array[] = [];
    for (const line of lines) {
      const parsed = parseHexLine(damaged(line, one, random));
      if (parsed.kind !== 'group') continue;
      for (const event of reception.push(parsed.group)) if (event.kind === 'object') objects.push(event.bytes);
    }
    for (const event of reception.flush()) if (event.kind === 'object') objects.push(event.bytes);
    expect(
      objects.map((object) => identityOf(object).toHex()),
      `seed ${SEED}`,
    ).toEqual([identityOf(bytes).toHex()]);
    expect(reception.status().directory?.entries).toMatchObject([{ scheme, deviceTypeTag: 0xfb9e03d1 }]);
  });
});
