/** `gateway encode`: a file in, the groups that carry it out, with the programme groups. A filter: nothing goes on air. */

import type { Command } from 'commander';
import { airtimeOf, GROUPS_PER_SECOND } from '#codec/airtime.ts';
import { ANCHOR_SPACING } from '#codec/groups/anchor.ts';
import { DEFAULT_CHANNEL, DEFAULT_GROUP_TYPE_CODE } from '#codec/groups/announce.ts';
import { StreamCarrier } from '#codec/groups/carry.ts';
import { deviceTypeTag, parseDeviceTypeTag } from '#codec/groups/directory.ts';
import { STREAM_NUMBERS } from '#codec/groups/group.ts';
import { formatHexGroup } from '#codec/groups/hex.ts';
import { MAX_MANIFEST_BYTES, parseManifest } from '#codec/package/manifest.ts';
import { parseSigned } from '#codec/package/sign.ts';
import { OBJECT_SIZE_MAX_BYTES } from '#codec/symbols/layout.ts';
import {
  type ChosenScheme,
  chooseScheme,
  SCHEME_FOUNTAIN_A,
  SCHEME_FOUNTAIN_C,
  SCHEME_REED_SOLOMON,
} from '#codec/symbols/schemes.ts';
import { ByteWriter, openBytes, type StandardStreams } from '#hardware/file/bytes.ts';
import { messageOf } from '#hardware/fault.ts';
import { Carousel } from './carousel.ts';
import { EXIT, GatewayError } from './fault.ts';
import { type GroupBudget, GroupClock, type GroupClockOptions } from './group-clock.ts';
import { soleObject } from './lineup.ts';
import { Programme, type ProgrammeConfig } from './programme.ts';

/** As they come from the command line. */
export interface EncodeOptions {
  readonly groups?: string;
  readonly share?: string;
  readonly rds2?: boolean;
  readonly pi?: string;
  readonly ps?: string;
  readonly rt?: string;
  readonly counter?: string;
  readonly time?: string;
  readonly deviceType?: string;
  readonly scheme?: string;
  readonly output?: string;
  readonly write?: string;
}

interface Settings {
  /** Slots of every stream; undefined: as many as `LOSS_ASSUMED` needs. */
  readonly groups: number | undefined;
  readonly share: number;
  readonly station: ProgrammeConfig & GroupClockOptions['station'];
  readonly scheme: (typeof SCHEMES)[number];
  readonly counter: number;
  readonly startMs: number;
  /** Undefined: as the package says. */
  readonly tag: number | undefined;
  readonly write: string;
}

const DEFAULT_SHARE = 0.7;
const LOSS_ASSUMED = 0.2;
/** At that loss, of what a fountain takes (`npm run bench -- delivery --part airtime`), with some to spare. */
const REED_SOLOMON_FACTOR = 1.7;
const SCHEMES = ['auto', 'fountain', 'reed-solomon'] as const;
/** 2026-01-01T00:00:30Z: the output depends on nothing but the arguments, and the first minute comes soon. */
const DEFAULT_START_MS = Date.UTC(2026, 0, 1, 0, 0, 30);
/** Groups that are formatted before they are written. */
const LINES_AT_ONCE = 256;
/** A filter keeps no counters: whoever starts it says where they begin. */
const UNLIMITED: GroupBudget = { left: () => Number.POSITIVE_INFINITY, use: () => {} };

function usage(message: string): GatewayError {
  return new GatewayError('USAGE', message, EXIT.usage);
}

function parseNumber(text: string, name: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= least && value <= most))
    throw usage(`${name} is ${least} to ${most}, not ${text}.`);
  return value;
}

function parseDeviceType(text: string): number {
  const tag = parseDeviceTypeTag(text);
  if (tag === undefined) throw usage(`--device-type is VENDOR/NAME, not ${text}.`);
  return tag;
}

function parseScheme(text: string): Settings['scheme'] {
  const scheme = SCHEMES.find((known) => known === text);
  if (scheme === undefined) throw usage(`--scheme is ${SCHEMES.join(', ')}, not ${text}.`);
  return scheme;
}

/** The device type that a package says it is for (nobody checks its signature here); 0 for any other file. */
function tagIn(bytes: Uint8Array): number {
  const framing = parseSigned(bytes, MAX_MANIFEST_BYTES);
  if (framing.kind !== 'signed') return 0;
  const parsed = parseManifest(framing.signed.payload);
  return parsed.kind === 'manifest' ? deviceTypeTag(parsed.manifest.vendor, parsed.manifest.deviceType) : 0;
}

function parseSettings(options: EncodeOptions): Settings {
  if ((options.output ?? 'hex') !== 'hex') throw usage(`encode makes -o hex, not ${options.output}.`);
  const piText = options.pi ?? 'CA11';
  if (!/^[0-9a-f]{4}$/i.test(piText)) throw usage(`--pi is four hexadecimal digits, not ${piText}.`);
  const groups = options.groups === undefined ? undefined : parseNumber(options.groups, '--groups', 1, 100_000_000);
  if (groups !== undefined && !Number.isInteger(groups)) throw usage('--groups is a whole number.');
  const startMs = options.time === undefined ? DEFAULT_START_MS : Date.parse(options.time);
  if (Number.isNaN(startMs)) throw usage(`--time is a time as in 2026-01-01T00:00:00Z, not ${options.time}.`);
  return {
    groups,
    share: parseNumber(options.share ?? String(DEFAULT_SHARE), '--share', 0, 1),
    station: {
      pi: Number.parseInt(piText, 16),
      tp: false,
      pty: 0,
      ps: options.ps ?? 'CARILLON',
      radioText: options.rt ?? 'Carillon test transmission',
      groupTypeCode: DEFAULT_GROUP_TYPE_CODE,
      channel: DEFAULT_CHANNEL,
      streams: options.rds2 === true ? STREAM_NUMBERS : [0],
    },
    scheme: parseScheme(options.scheme ?? 'auto'),
    counter: parseNumber(options.counter ?? '0', '--counter', 0, 0xff_ffff),
    startMs,
    tag: options.deviceType === undefined ? undefined : parseDeviceType(options.deviceType),
    write: options.write ?? '-',
  };
}

function schemeFor({ scheme, station: { streams } }: Settings, sizeBytes: number): ChosenScheme {
  const hasTypeC = streams.some((stream) => stream > 0);
  if (scheme === 'auto') return chooseScheme({ sizeBytes, hasTypeC });
  const asked = 'as --scheme says.';
  if (scheme === 'reed-solomon') return { scheme: SCHEME_REED_SOLOMON, reason: `Reed-Solomon, ${asked}` };
  return { scheme: hasTypeC ? SCHEME_FOUNTAIN_C : SCHEME_FOUNTAIN_A, reason: `Fountain, ${asked}` };
}

function slotsNeeded({ share, station: { streams } }: Settings, sizeBytes: number, scheme: number): number {
  const { seconds99 } = airtimeOf({
    sizeBytes,
    loss: LOSS_ASSUMED,
    streams: streams.map((stream) => ({ stream, share: stream === 0 ? share : 1 })),
  });
  // One more anchor, and the first runs, which are the directory's.
  const fixed = (ANCHOR_SPACING + 64) / (streams.length > 1 ? 1 : Math.max(share, 0.05));
  const factor = scheme === SCHEME_REED_SOLOMON ? REED_SOLOMON_FACTOR : 1;
  return Math.ceil(seconds99 * GROUPS_PER_SECOND * factor + fixed);
}

async function encode(path: string, settings: Settings, { stdin, stdout, stderr }: StandardStreams): Promise<void> {
  const chunks: Uint8Array[] = await (await openBytes(path, stdin)).toArray();
  const bytes = new Uint8Array(Buffer.concat(chunks));
  if (bytes.length === 0 || bytes.length > OBJECT_SIZE_MAX_BYTES) {
    throw new GatewayError(
      'OBJECT_SIZE',
      `${path} has ${bytes.length} bytes; 1 to ${OBJECT_SIZE_MAX_BYTES} can be sent.`,
    );
  }
  const { station, startMs, counter } = settings;
  const { streams, groupTypeCode, channel } = station;
  const programme = new Programme(station);
  const carriers = streams.map(
    (stream) => new StreamCarrier({ ...programme.header, stream, groupTypeCode, channel, counter }),
  );
  const { scheme, reason } = schemeFor(settings, bytes.length);
  const object = soleObject(bytes.length, LOSS_ASSUMED, streams);
  const carousel = new Carousel({
    pi: station.pi,
    carriers,
    previous: undefined,
    save: () => Promise.resolve(),
    live: () => object,
    // Nothing is promised, so nothing depends on it.
    nibblesPerSecond: 1,
  });
  carousel.setObjects([
    { jobId: path, bytes, scheme, deviceTypeTag: settings.tag ?? tagIn(bytes), deadlineMinutes: 0 },
  ]);
  await carousel.settle();
  const groups = new GroupClock({
    station,
    programme,
    dataShare: settings.share,
    carousel,
    carriers,
    counters: UNLIMITED,
    startMs,
    wallClock: undefined,
  });
  stderr.write(`${reason}\n`);
  const slots = settings.groups ?? slotsNeeded(settings, bytes.length, scheme);
  if (settings.groups === undefined) {
    const hours = (slots / GROUPS_PER_SECOND / 3600).toFixed(2);
    stderr.write(
      `${slots} groups on each stream (${hours} h on air): enough for a receiver that loses ${LOSS_ASSUMED * 100} % of them\n`,
    );
  }
  const writer = await ByteWriter.open(settings.write, stdout);
  let lines = '';
  for (let i = 0; i < slots; i++) {
    for (const stream of streams) lines += `${formatHexGroup(groups.next(stream))}\n`;
    if (i % LINES_AT_ONCE === LINES_AT_ONCE - 1) {
      groups.takePulled();
      if (!(await writer.write(lines))) return;
      lines = '';
    }
  }
  await writer.write(lines);
  await writer.end();
}

/** Returns the exit status: 0 done, 1 failed, 2 wrong usage. */
export async function runEncode(path: string, options: EncodeOptions, streams: StandardStreams): Promise<number> {
  for (const [value, choices] of [
    [options.output, ['hex']],
    [options.scheme, SCHEMES],
  ] as const) {
    if (value !== 'help') continue;
    streams.stdout.write(`${choices.join('\n')}\n`);
    return EXIT.done;
  }
  try {
    await encode(path, parseSettings(options), streams);
    return EXIT.done;
  } catch (error) {
    streams.stderr.write(`encode: ${messageOf(error)}\n`);
    return error instanceof GatewayError ? error.exitStatus : EXIT.failed;
  }
}

export function addEncodeCommand(program: Command): void {
  program
    .command('encode')
    .argument('<package>', 'the file to send, or - for stdin')
    .description('make the groups that carry a package, with the programme groups between them')
    .option('--groups <n>', `groups on each stream (default: enough when ${LOSS_ASSUMED * 100} % are lost)`)
    .option('--share <fraction>', `data share of stream 0 (default ${DEFAULT_SHARE})`)
    .option('--rds2', 'streams 1 to 3 too, all ours')
    .option('--pi <hex>', 'programme identification', 'CA11')
    .option('--ps <text>', 'programme service name', 'CARILLON')
    .option('--rt <text>', 'RadioText', 'Carillon test transmission')
    .option('--counter <n>', 'start of the group counter; goes on from the last one used', '0')
    .option('--time <time>', 'when the first group is sent', '2026-01-01T00:00:30Z')
    .option('--device-type <vendor/name>', 'what the file is for, if it is no package that says so itself')
    .option('--scheme <name>', 'auto, fountain or reed-solomon', 'auto')
    .option('-o, --output <form>', 'hex, one group a line', 'hex')
    .option('-w, --write <path>', 'write to here', '-')
    .action(async (path: string, options: EncodeOptions) => {
      process.exitCode = await runEncode(path, options, process);
    });
}
