/** Where the bits of a long broadcast go. */

import { DEFAULT_CHANNEL, DEFAULT_GROUP_TYPE_CODE } from '#codec/groups/announce.ts';
import { StreamCarrier } from '#codec/groups/carry.ts';
import { chooseScheme } from '#codec/symbols/schemes.ts';
import { Carousel } from '../../../gateway/carousel.ts';
import { soleObject } from '../../../gateway/lineup.ts';
import { HEADER, Seeded } from '../../groups/station.ts';
import { type Bearer, BEARERS } from './channel.ts';
import { print, row, table, verdict } from '../print.ts';

const GROUPS = 262_144;

export async function usefulPart(seed: number): Promise<void> {
  print(
    'Useful fraction: bits of the object on air / all bits that are free in our groups; a sole object, no loss, directory,',
  );
  print(
    'anchors, assignments and headers included, as the gateway sends it. (3A announcements are groups of the programme.)\n',
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
    const next = await gatewayOf(bearer, sizeBytes, seed);
    const counts = { object: 0, directory: 0, anchor: 0, assignment: 0 };
    for (let i = 0; i < GROUPS; i++) {
      const { kind, identity } = next();
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

/** Groups of the real carousel. */
async function gatewayOf(
  { stream }: Bearer,
  sizeBytes: number,
  seed: number,
): Promise<() => ReturnType<StreamCarrier['next']>> {
  const bytes = new Seeded(seed).bytes(sizeBytes);
  const carrier = new StreamCarrier({
    ...HEADER,
    stream,
    groupTypeCode: DEFAULT_GROUP_TYPE_CODE,
    channel: DEFAULT_CHANNEL,
    counter: 0,
  });
  const object = soleObject(sizeBytes, 0.1, [stream]);
  const carousel = new Carousel({
    pi: HEADER.pi,
    carriers: [carrier],
    previous: undefined,
    save: () => Promise.resolve(),
    live: () => object,
    nibblesPerSecond: 1,
  });
  const { scheme } = chooseScheme({ sizeBytes, hasTypeC: stream !== 0 });
  carousel.setObjects([{ jobId: 'bench', bytes, scheme, deviceTypeTag: 0, deadlineMinutes: 0 }]);
  await carousel.settle();
  return () =>
    carrier.next(
      () => carousel.serve(carrier),
      (handle) => carousel.spreaderOf(carrier, handle),
    );
}
