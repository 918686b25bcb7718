/** `receiver decode`: FM baseband, multiplex, bits or hex in, groups out. A filter, faster than real time. */

import type { Readable, Writable } from 'node:stream';
import type { Command } from 'commander';
import type { ReceivedGroup } from '#codec/groups/group.ts';
import { LOST_BLOCK } from '#codec/groups/group.ts';
import { formatHexGroup, formatHexWord, parseHexLine } from '#codec/groups/hex.ts';
import { parseHz } from '#codec/iq/rate.ts';
import type { Quality } from '#codec/iq/receive.ts';
import { GroupReceiver } from '#codec/iq/receive.ts';
import { SAMPLE_FORMATS } from '#codec/iq/samples.ts';
import { leastMpxRateHz } from '#codec/mpx/subcarrier.ts';
import { ByteWriter, linesOf, openBytes, type StandardStreams } from '#hardware/file/bytes.ts';
import { messageOf } from '#hardware/fault.ts';
import {
  type IqInput,
  openBitsInput,
  openIqInput,
  openMpxInput,
  parseIqInput,
  type SampleInput,
} from './decode-input.ts';
import { EXIT, exitOf, usage } from './fault.ts';
import { SOURCE_FORMS, type SourceOptions } from './source.ts';

/** As they come from the command line. */
export interface DecodeOptions extends SourceOptions {
  readonly input?: string;
  readonly file?: string;
  readonly streams?: string;
  readonly output?: string;
}

const INPUTS = ['iq', 'mpx', 'bits', 'hex'] as const;
const OUTPUTS = ['hex', 'json'] as const;

interface Settings {
  readonly input: (typeof INPUTS)[number];
  readonly output: (typeof OUTPUTS)[number];
  /** Null when the file has to say it. */
  readonly rateHz: number | null;
  /** Of `iq` only. */
  readonly iq: IqInput | null;
  readonly streams: 1 | 4;
  readonly file: string;
}

function parseSettings(options: DecodeOptions): Settings {
  const input = INPUTS.find((name) => name === options.input);
  if (input === undefined) throw usage(`Say what comes in: -i is one of ${INPUTS.join(', ')}.`);
  const output = OUTPUTS.find((name) => name === (options.output ?? 'hex'));
  if (output === undefined) throw usage(`-o is one of ${OUTPUTS.join(', ')}.`);
  const sampled = input === 'iq' || input === 'mpx';
  if (!sampled && options.rate !== undefined) throw usage(`-r has no meaning for -i ${input}.`);
  if (input !== 'iq' && options.format !== undefined) throw usage('--format is for -i iq only.');
  const live = ['source', 'frequency', 'gain', 'ppm', 'biasTee'] as const;
  if (input !== 'iq' && live.some((name) => options[name] !== undefined)) throw usage('--source is for -i iq only.');
  const streams = options.streams === undefined || options.streams === '1' ? 1 : options.streams === '4' ? 4 : null;
  if (streams === null) throw usage('--streams is 1 (RDS) or 4 (RDS and RDS2).');
  const iq = input === 'iq' ? parseIqInput(options) : null;
  const rateHz = options.rate === undefined ? null : parseHz(options.rate);
  if (options.rate !== undefined && rateHz === null) throw usage(`${options.rate} is no sample rate.`);
  if (input === 'mpx' && rateHz !== null) checkMpxRate(rateHz, streams);
  return { input, output, rateHz, iq, streams, file: options.file ?? '-' };
}

function checkMpxRate(rateHz: number, streams: 1 | 4): void {
  const least = leastMpxRateHz(streams);
  if (rateHz < least) throw usage(`-r must be at least ${least} for these subcarriers.`);
}

/** Group type as people write it (0A, 15B); C for a group of an RDS2 stream; null when block 2 is lost. */
function typeOf(group: ReceivedGroup): string | null {
  if (group.stream !== 0) return 'C';
  const second = group.blocks[1];
  return second === LOST_BLOCK ? null : `${second >> 12}${(second & 0x0800) === 0 ? 'A' : 'B'}`;
}

function formatGroup(group: ReceivedGroup, output: 'hex' | 'json'): string {
  if (output === 'hex') return `${formatHexGroup(group)}\n`;
  const { stream, slot, clockRestarted } = group;
  const blocks = group.blocks.map((word) => (word === LOST_BLOCK ? null : formatHexWord(word)));
  return `${JSON.stringify({ stream, slot, clockRestarted, type: typeOf(group), blocks })}\n`;
}

function summary(quality: Quality): string {
  const lines = quality.streams.map(({ stream, counts }) => {
    const share = counts.blocks === 0 ? 0 : (100 * counts.lost) / counts.blocks;
    return `stream ${stream}: ${counts.wholeGroups} of ${counts.groups} groups whole, ${share.toFixed(1)} % of blocks lost`;
  });
  return `${lines.join('\n')}\n`;
}

/** Lines that wait to be written; one write per chunk of input. */
class LineOutput {
  readonly #writer: ByteWriter;
  readonly #output: 'hex' | 'json';
  #waiting = '';

  constructor(writer: ByteWriter, output: 'hex' | 'json') {
    this.#writer = writer;
    this.#output = output;
  }

  /** A group of which nothing is left says only that time has passed, and that the next slot number says too. */
  readonly put = (group: ReceivedGroup): void => {
    if (group.blocks.some((word) => word !== LOST_BLOCK)) this.#waiting += formatGroup(group, this.#output);
  };

  async flush(): Promise<boolean> {
    const lines = this.#waiting;
    this.#waiting = '';
    return lines === '' || this.#writer.write(lines);
  }
}

async function decodeHex(input: Readable, lines: LineOutput, stderr: Writable): Promise<void> {
  let number = 0;
  let faults = 0;
  for await (const line of linesOf(input)) {
    number++;
    const parsed = parseHexLine(line);
    if (parsed.kind === 'group') lines.put(parsed.group);
    else if (parsed.kind === 'fault' && ++faults <= 5) {
      stderr.write(`line ${number} is not a group (${parsed.reason}, character ${parsed.offset + 1}), passed over\n`);
    }
    if (!(await lines.flush())) return;
  }
  if (faults > 0) stderr.write(`${faults} of ${number} lines passed over\n`);
}

function openSamples({ input, rateHz, iq, streams, file }: Settings, stdin: Readable): Promise<SampleInput> {
  if (iq !== null) return openIqInput(iq, stdin);
  if (input === 'bits') return openBitsInput(file, stdin);
  return openMpxInput(file, rateHz, (hz) => checkMpxRate(hz, streams), stdin);
}

async function decodeSamples(settings: Settings, stdin: Readable, lines: LineOutput, stderr: Writable): Promise<void> {
  const { chunks, close, ...form } = await openSamples(settings, stdin);
  // A dongle has no end of its own: whoever stops it wants what was heard.
  const isLive = settings.iq !== null && settings.iq.source.kind !== 'file';
  const stop = (): void => void close();
  if (isLive) process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const receiver = new GroupReceiver({ ...form, streams: settings.streams, onGroup: lines.put });
    let heard = false;
    for await (const chunk of chunks) {
      heard = true;
      receiver.push(chunk);
      if (!(await lines.flush())) return;
    }
    receiver.end();
    await lines.flush();
    if (heard) stderr.write(summary(receiver.quality));
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await close();
  }
}

/** Returns the exit status: 0 done, 1 failed, 2 wrong usage. */
export async function runDecode(options: DecodeOptions, streams: StandardStreams): Promise<number> {
  const lists = [
    [options.input, INPUTS],
    [options.output, OUTPUTS],
    [options.format, SAMPLE_FORMATS],
    [options.source, SOURCE_FORMS],
  ] as const;
  for (const [value, choices] of lists) {
    if (value !== 'help') continue;
    streams.stdout.write(`${choices.join('\n')}\n`);
    return EXIT.done;
  }
  try {
    const settings = parseSettings(options);
    const writer = await ByteWriter.open('-', streams.stdout);
    const lines = new LineOutput(writer, settings.output);
    if (settings.input === 'hex') await decodeHex(await openBytes(settings.file, streams.stdin), lines, streams.stderr);
    else await decodeSamples(settings, streams.stdin, lines, streams.stderr);
    await writer.end();
    return EXIT.done;
  } catch (error) {
    streams.stderr.write(`decode: ${messageOf(error)}\n`);
    return exitOf(error);
  }
}

export function addDecodeCommand(program: Command): void {
  program
    .command('decode')
    .description('read groups out of a signal')
    .option(
      '-i, --input <form>',
      'what comes in: iq, mpx (s16 little endian mono, or WAV), bits (characters 0 and 1), hex',
    )
    .option('-r, --rate <hz>', 'samples a second, for example 250k')
    .option('-f, --file <path>', 'read from here (default: stdin)')
    .option('--source <source>', `for iq, instead of -f: ${SOURCE_FORMS.join(', ')}`)
    .option('--frequency <hz>', 'station to tune a dongle to, for example 98.5M')
    .option('--gain <db>', 'of a dongle: dB, or auto (default auto)')
    .option('--ppm <n>', "correction of a dongle's crystal")
    .option('--bias-tee', 'power for an amplifier at the antenna')
    .option('--format <form>', `form of iq samples: ${SAMPLE_FORMATS.join(', ')} (default: as WAV, name or cu8)`)
    .option('--streams <n>', '1 for RDS, 4 for RDS and RDS2 (default 1)')
    .option('-o, --output <form>', 'hex, or json with one object a line', 'hex')
    .action(async (options: DecodeOptions) => {
      process.exitCode = await runDecode(options, process);
    });
}
