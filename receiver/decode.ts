/** `receiver decode`: FM baseband, multiplex, bits or hex in, groups out. A filter, faster than real time. */

import type { Readable, Writable } from 'node:stream';
import type { Command } from 'commander';
import { parseHexLine } from '#codec/groups/hex.ts';
import { parseHz } from '#codec/iq/rate.ts';
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
import { LineOutput, MissingBlocks, type OutputForm, OUTPUTS } from './decode-output.ts';
import { NOTHING_CAME, summary } from './describe-signal.ts';
import { EXIT, exitOf, usage } from './fault.ts';
import { SignalMeasure } from './measure.ts';
import { SOURCE_FORMS, type SourceOptions } from './source.ts';

/** As they come from the command line. */
export interface DecodeOptions extends SourceOptions {
  readonly input?: string;
  readonly file?: string;
  readonly streams?: string;
  readonly output?: string;
  readonly partial?: boolean;
  readonly blockErrorRate?: boolean;
  readonly timeFromStart?: boolean;
}

const INPUTS = ['iq', 'mpx', 'bits', 'hex'] as const;

interface Settings {
  readonly input: (typeof INPUTS)[number];
  readonly form: OutputForm;
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
  const form = parseForm(options);
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
  return { input, form, rateHz, iq, streams, file: options.file ?? '-' };
}

function parseForm(options: DecodeOptions): OutputForm {
  const output = OUTPUTS.find((name) => name === (options.output ?? 'hex'));
  if (output === undefined) throw usage(`-o is one of ${OUTPUTS.join(', ')}.`);
  const { partial = false, blockErrorRate = false, timeFromStart = false } = options;
  if (blockErrorRate && output === 'hex') throw usage('-E is for -o json: a line of hex has no place for it.');
  if (timeFromStart && options.input === 'hex') throw usage('-T has no meaning for -i hex: its lines have no time.');
  return { output, partial, blockErrorRate, timeFromStart };
}

function checkMpxRate(rateHz: number, streams: 1 | 4): void {
  const least = leastMpxRateHz(streams);
  if (rateHz < least) throw usage(`-r must be at least ${least} for these subcarriers.`);
}

async function decodeHex(input: Readable, lines: LineOutput, stderr: Writable): Promise<void> {
  let number = 0;
  let faults = 0;
  const missing = new MissingBlocks();
  for await (const line of linesOf(input)) {
    number++;
    const parsed = parseHexLine(line);
    if (parsed.kind === 'group') lines.put(parsed.group, missing.add(parsed.group));
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
    const receiver: GroupReceiver = new GroupReceiver({
      ...form,
      streams: settings.streams,
      onGroup: (group) => lines.put(group, receiver.quality.streams[group.stream].blockErrorRate),
    });
    const measure = new SignalMeasure(form);
    let heard = false;
    for await (const chunk of chunks) {
      heard = true;
      receiver.push(chunk);
      measure.add(chunk.length, receiver.quality);
      if (!(await lines.flush())) return;
    }
    receiver.end();
    // The last group comes out of the filters only now.
    measure.addEnd(receiver.quality);
    await lines.flush();
    stderr.write(heard ? summary(receiver.quality, measure.measured) : NOTHING_CAME);
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
    const lines = new LineOutput(writer, settings.form);
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
    .option('-p, --partial', 'json: also groups of which blocks are missing (hex always has them)')
    .option('-E, --block-error-rate', 'json: with the share of blocks of the last 12 groups that were not right')
    .option('-T, --time-from-start', 'with the seconds from the beginning of the input to the first bit of the group')
    .action(async (options: DecodeOptions) => {
      process.exitCode = await runDecode(options, process);
    });
}
