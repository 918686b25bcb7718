/**
 * What a delivery costs: groups on air until an object is whole, against loss and against other ways to send it.
 *
 * Sender and receiver are the real ones: `Carousel` and `StreamCarrier` make the groups, `Rota` says which slots of stream 0
 * are ours, `Reception` takes what comes through. A receiver joins a running broadcast of one object at a random moment;
 * it is tuned (knows the announcement) and knows nothing else. Groups are lost whole. Every column of a row has the same losses.
 */

import { parseArgs } from 'node:util';
import { airtimeOf, GROUPS_PER_SECOND } from '#codec/airtime.ts';
import { DEFAULT_CHANNEL, DEFAULT_GROUP_TYPE_CODE, makeAnnouncement } from '#codec/groups/announce.ts';
import { type Carried, StreamCarrier } from '#codec/groups/carry.ts';
import { Reception } from '#codec/groups/reception.ts';
import { Carousel } from '../../gateway/carousel.ts';
import { soleObject } from '../../gateway/lineup.ts';
import { DEFAULT_RATES, Rota } from '../../gateway/rota.ts';
import { HEADER, received, Seeded } from '../groups/station.ts';

const SHARE_A = 0.7;
/** Bits of a group that are free (air-interface.md section 1) and those that carry symbols. */
const BEARERS = [
  { name: 'A', stream: 0, share: SHARE_A, usefulBits: 37, symbolBits: 32 },
  { name: 'C', stream: 1, share: 1, usefulBits: 56, symbolBits: 48 },
] as const;
type Bearer = (typeof BEARERS)[number];

const SIZES = [
  { sizeBytes: 2_500, rounds: 40, quickRounds: 8 },
  { sizeBytes: 20_000, rounds: 8, quickRounds: 2 },
  { sizeBytes: 100_000, rounds: 2, quickRounds: 1 },
] as const;

interface Loss {
  readonly share: number;
  /** Mean length of a burst in groups of the stream, geometrically distributed; 1 = independent losses. */
  readonly burst: number;
}

const LOSSES: readonly Loss[] = [
  ...[0, 0.05, 0.1, 0.2, 0.3, 0.5].map((share) => ({ share, burst: 1 })),
  { share: 0.2, burst: 10 },
  { share: 0.2, burst: 100 },
];

/** What is left of our groups beside anchors, assignments and the directory's runs. */
function objectShare({ stream }: Bearer): number {
  return (63 / 64) * (15 / 16) * (stream === 0 ? 1 : 64 / 65);
}

/** The slots of one stream that are ours, and which of them are lost: the same for whoever asks. */
class Air {
  readonly #loss: Loss;
  readonly #random: Seeded;
  /** Undefined where every slot is ours. */
  readonly #rota: Rota | undefined;
  readonly #slots: number[] = [];
  readonly #lost: boolean[] = [];
  #slot = 0;
  #inBurst: boolean;

  constructor({ stream, share }: Bearer, loss: Loss, seed: number) {
    this.#loss = loss;
    this.#random = new Seeded(seed);
    this.#rota = stream === 0 ? new Rota({ share, rates: DEFAULT_RATES }) : undefined;
    this.#inBurst = this.#random.next() < loss.share;
  }

  /** Slot of our group `i` on the stream's clock. */
  slotOf(i: number): number {
    this.#extend(i);
    return this.#slots[i];
  }

  isLost(i: number): boolean {
    this.#extend(i);
    return this.#lost[i];
  }

  #extend(i: number): void {
    while (this.#slots.length <= i) {
      const slot = this.#slot++;
      const lost = this.#losesNext();
      const carries = this.#rota?.next((slot / GROUPS_PER_SECOND) * 1000) ?? 'data';
      if (carries !== 'data') continue;
      this.#slots.push(slot);
      this.#lost.push(lost);
    }
  }

  #losesNext(): boolean {
    const { share, burst } = this.#loss;
    if (burst === 1) return this.#random.next() < share;
    // Gilbert's two states: bursts end with 1 / burst and begin so often that the share comes out.
    const change = this.#inBurst ? 1 / burst : share / (1 - share) / burst;
    if (this.#random.next() < change) this.#inBurst = !this.#inBurst;
    return this.#inBurst;
  }
}

interface Sender {
  readonly next: () => Carried;
  readonly bytes: Uint8Array;
}

async function broadcast({ stream }: Bearer, sizeBytes: number, random: Seeded): Promise<Sender> {
  const bytes = random.bytes(sizeBytes);
  const carrier = new StreamCarrier({
    ...HEADER,
    stream,
    groupTypeCode: DEFAULT_GROUP_TYPE_CODE,
    channel: DEFAULT_CHANNEL,
    counter: random.word() & 0xff_ffff,
  });
  const carriers = [carrier];
  const object = soleObject(sizeBytes, 0.1);
  const carousel = new Carousel({
    pi: HEADER.pi,
    carriers,
    previous: undefined,
    save: () => Promise.resolve(),
    live: () => object,
    // Nothing is promised, so nothing depends on it.
    symbolsPerSecond: 1,
  });
  carousel.setObjects([{ jobId: 'bench', bytes, deviceTypeTag: 0, deadlineMinutes: 0 }]);
  await carousel.settle();
  const next = (): Carried =>
    carrier.next(
      () => carousel.serve(carrier),
      (handle) => carousel.spreaderOf(carrier, handle),
    );
  return { next, bytes };
}

interface Delivery {
  /** Groups of ours on air until the object was whole. */
  readonly groups: number;
  readonly decodeMs: number;
  readonly longestMs: number;
}

async function deliver(bearer: Bearer, sizeBytes: number, air: Air, seed: number): Promise<Delivery> {
  const random = new Seeded(seed);
  const { next, bytes } = await broadcast(bearer, sizeBytes, random);
  // The first runs after a start are the directory's; the receiver joins later, anywhere between two directory runs.
  const skipped = 256 + (random.word() % 1024);
  for (let i = 0; i < skipped; i++) next();
  const reception = new Reception();
  const announcement = { groupTypeCode: DEFAULT_GROUP_TYPE_CODE, channel: DEFAULT_CHANNEL, streams: [1] as const };
  reception.push(received(makeAnnouncement(HEADER, announcement), 0));
  let decodeMs = 0;
  let longestMs = 0;
  for (let i = 0; ; i++) {
    const { group } = next();
    if (air.isLost(i)) continue;
    const begin = performance.now();
    const events = reception.push(received(group, air.slotOf(i) + 1));
    const took = performance.now() - begin;
    decodeMs += took;
    longestMs = Math.max(longestMs, took);
    for (const event of events) {
      if (event.kind !== 'object') continue;
      if (Buffer.compare(event.bytes, bytes) !== 0) throw new Error('the object came out wrong');
      return { groups: i + 1, decodeMs, longestMs };
    }
  }
}

/** Groups until `needed` of them came through. */
function groupsUntil(air: Air, needed: number): number {
  let come = 0;
  for (let i = 0; ; i++) if (!air.isLost(i) && ++come >= needed) return i + 1;
}

/**
 * Segments with their number, round and round (as RDS2's RFT does without its own repair): whole when each came through once.
 * Type C as RFT: 16 of 56 bits for the number. Type A: the fewest bits that number the segments. Nothing else is counted.
 */
function segmentBits({ stream }: Bearer, sizeBits: number): number {
  if (stream !== 0) return 40;
  for (let addressBits = 1; ; addressBits++) {
    if (Math.ceil(sizeBits / (37 - addressBits)) <= 2 ** addressBits) return 37 - addressBits;
  }
}

function segmentCarousel(air: Air, bearer: Bearer, sizeBytes: number): number {
  const segments = Math.ceil((8 * sizeBytes) / segmentBits(bearer, 8 * sizeBytes));
  const have = new Uint8Array(segments);
  let missing = segments;
  for (let i = 0; ; i++) {
    if (air.isLost(i) || have[i % segments] === 1) continue;
    have[i % segments] = 1;
    if (--missing === 0) return i + 1;
  }
}

/**
 * The same carousel with the object coded first: RS(255,191), shortened evenly, all code words interleaved byte by byte over
 * the whole object, erasures corrected. A code word is whole when as many of its bytes as it has data came through.
 */
function reedSolomonCarousel(air: Air, bearer: Bearer, sizeBytes: number): number {
  const words = Math.ceil(sizeBytes / 191);
  const dataBytes = Math.ceil(sizeBytes / words);
  const codedBytes = words * (dataBytes + 64);
  const bits = segmentBits(bearer, 8 * codedBytes);
  const segments = Math.ceil((8 * codedBytes) / bits);
  const have = new Uint8Array(segments);
  const come = new Uint8Array(codedBytes);
  const missing = Array.from({ length: words }, () => dataBytes);
  let openWords = words;
  for (let i = 0; ; i++) {
    const segment = i % segments;
    if (air.isLost(i) || have[segment] === 1) continue;
    have[segment] = 1;
    const last = Math.min(codedBytes - 1, Math.floor((bits * (segment + 1) - 1) / 8));
    for (let k = Math.floor((bits * segment) / 8); k <= last; k++) {
      const isWhole = have[Math.floor((8 * k) / bits)] === 1 && have[Math.floor((8 * k + 7) / bits)] === 1;
      if (!isWhole || come[k] === 1) continue;
      come[k] = 1;
      if (--missing[k % words] === 0) openWords--;
    }
    if (openWords === 0) return i + 1;
  }
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

interface Row {
  readonly delivered: readonly Delivery[];
  readonly limit: readonly number[];
  readonly limitWithOverhead: readonly number[];
  readonly segments: readonly number[];
  readonly reedSolomon: readonly number[];
}

async function measure(bearer: Bearer, sizeBytes: number, loss: Loss, rounds: number, seed: number): Promise<Row> {
  const delivered: Delivery[] = [];
  const limit: number[] = [];
  const limitWithOverhead: number[] = [];
  const segments: number[] = [];
  const reedSolomon: number[] = [];
  const perfectGroups = (8 * sizeBytes) / bearer.symbolBits;
  for (let round = 0; round < rounds; round++) {
    const roundSeed = (Math.imul(seed, 0x9e3779b1) + Math.imul(round + 1, 0x85ebca6b)) >>> 0;
    const air = new Air(bearer, loss, roundSeed);
    delivered.push(await deliver(bearer, sizeBytes, air, roundSeed + 1));
    limit.push(groupsUntil(air, perfectGroups));
    limitWithOverhead.push(groupsUntil(air, perfectGroups / objectShare(bearer)));
    segments.push(segmentCarousel(air, bearer, sizeBytes));
    reedSolomon.push(reedSolomonCarousel(air, bearer, sizeBytes));
  }
  return { delivered, limit, limitWithOverhead, segments, reedSolomon };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function row(cells: readonly (string | number)[]): void {
  print(`| ${cells.join(' | ')} |`);
}

function table(head: readonly string[]): void {
  row(head);
  row(head.map(() => '---'));
}

const sizeName = (sizeBytes: number): string => `${sizeBytes / 1000} kB`;
const lossName = ({ share, burst }: Loss): string => `${share * 100} %${burst > 1 ? `, bursts of ${burst}` : ''}`;

/** Where the bits of a long broadcast go, as fractions of all useful bits; groups of a cold start included. */
async function printShares(seed: number): Promise<void> {
  print('\nWhere the useful bits go: one object of 20 kB, the first 65536 groups of a broadcast\n');
  table(['group', 'object', 'directory', 'anchors', 'assignments', 'place, handle, check']);
  for (const bearer of BEARERS) {
    const { next } = await broadcast(bearer, 20_000, new Seeded(seed));
    const counts = { object: 0, directory: 0, anchor: 0, assignment: 0 };
    const groups = 65_536;
    for (let i = 0; i < groups; i++) {
      const { kind, identity } = next();
      if (kind === 'symbols') counts[identity === undefined ? 'directory' : 'object']++;
      else counts[kind]++;
    }
    const { usefulBits, symbolBits } = bearer;
    const share = (bits: number): string => ((100 * bits) / (groups * usefulBits)).toFixed(2);
    const headers = (groups - counts.assignment) * (usefulBits - symbolBits);
    row([
      `${bearer.name}, ${usefulBits} bits`,
      `${share(counts.object * symbolBits)} %`,
      `${share(counts.directory * symbolBits)} %`,
      `${share(counts.anchor * symbolBits)} %`,
      `${share(counts.assignment * usefulBits)} %`,
      `${share(headers)} %`,
    ]);
  }
}

/** Options: `--seed N` (default 1), `--quick`: fewer rounds. */
export async function bench(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { seed: { type: 'string', default: '1' }, quick: { type: 'boolean', default: false } },
  });
  const seed = Number(values.seed);
  if (!Number.isInteger(seed) || seed < 0) throw new Error(`--seed is a whole number, not ${values.seed}`);
  const begin = performance.now();
  print(`seed ${seed}${values.quick ? ', quick' : ''}`);
  await printShares(seed);

  const fractions: (string | number)[][] = [];
  for (const bearer of BEARERS) {
    const { name, stream, share, usefulBits, symbolBits } = bearer;
    print(
      `\nType ${name}: our groups on air times ${usefulBits} bits / bits of the object, from joining to whole; mean of n receivers\n`,
    );
    print(
      `limit: a perfect code in ${symbolBits} of ${usefulBits} bits; + overhead: with our anchors and directory too`,
    );
    print('forecast: of codec/airtime.ts against the simulation; by 90 %: receivers whole by its 90 % forecast');
    print('decode: all the work of Reception for one object, and the longest time for one group\n');
    table([
      ...['object', 'loss', 'n', 'Carillon', 'worst', 'limit', '+ overhead', 'segments', 'RS(255,191)'],
      ...['forecast', 'by 90 %', 'decode ms', 'longest ms'],
    ]);
    for (const { sizeBytes, rounds, quickRounds } of SIZES) {
      for (const loss of LOSSES) {
        const n = values.quick ? quickRounds : rounds;
        const measured = await measure(bearer, sizeBytes, loss, n, seed);
        const groups = measured.delivered.map((delivery) => delivery.groups);
        const ratio = (count: number): string => ((count * usefulBits) / (8 * sizeBytes)).toFixed(3);
        const forecast = airtimeOf({ sizeBytes, streams: [{ stream, share }], loss: loss.share });
        // Assignments are not counted groups, but they are on air.
        const forecastGroups = forecast.groups * (stream === 0 ? 1 : 65 / 64);
        const by90 = (forecastGroups * forecast.seconds90) / forecast.meanSeconds;
        row([
          ...[sizeName(sizeBytes), lossName(loss), n, ratio(mean(groups)), ratio(Math.max(...groups))],
          ...[measured.limit, measured.limitWithOverhead].map((counts) => ratio(mean(counts))),
          ...[measured.segments, measured.reedSolomon].map((counts) => ratio(mean(counts))),
          (forecastGroups / mean(groups)).toFixed(3),
          `${groups.filter((count) => count <= by90).length}/${n}`,
          mean(measured.delivered.map(({ decodeMs }) => decodeMs)).toFixed(0),
          Math.max(...measured.delivered.map(({ longestMs }) => longestMs)).toFixed(0),
        ]);
        if (loss.share > 0) continue;
        const fraction = (8 * sizeBytes) / (mean(groups) * usefulBits);
        // Announcements come out of the data share of stream 0.
        const ours = SHARE_A * GROUPS_PER_SECOND;
        const withAnnouncements = fraction * (1 - DEFAULT_RATES.announcementsPerSecond / ours);
        fractions.push([
          ...[`${name}, ${usefulBits} bits`, sizeName(sizeBytes), `${(100 * fraction).toFixed(1)} %`],
          stream === 0 ? `${(100 * withAnnouncements).toFixed(1)} %` : '',
        ]);
      }
    }
  }

  print(
    '\nUseful fraction of a sole object without loss, from joining to whole: waiting, anchors, directory, assignments\n',
  );
  table(['group', 'object', 'object bits / useful bits on air', `with 3A, share ${SHARE_A}`]);
  for (const cells of fractions) row(cells);
  print(`\n${((performance.now() - begin) / 1000).toFixed(0)} s, seed ${seed}`);
}
