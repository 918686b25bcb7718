/** `receiver decode`: FM baseband, multiplex, bits or hex in, groups out. A filter, faster than real time. */

import type { Readable, Writable } from 'node:stream';
import type { Command } from 'commander';
import { parseHexLine } from '#codec/groups/hex.ts';
import { parseHz } from '#codec/iq/rate.ts';
import { GroupReceiver } from '#codec/iq/receive.ts';
import type { SampleFormat } from '#codec/iq/samples.ts';
import { SAMPLE_FORMATS } from '#codec/iq/samples.ts';
import { leastMpxRateHz } from '#codec/mpx/subcarrier.ts';
import { ByteWriter, linesOf, openBytes, type StandardStreams } from '#hardware/file/bytes.ts';
import { readWavHeader } from '#hardware/file/wav.ts';
import { messageOf } from '#hardware/fault.ts';
import { LineOutput, MissingBlocks, type OutputForm, OUTPUTS } from './decode-output.ts';
import { NOTHING_CAME, summary } from './describe-signal.ts';
import { EXIT, exitOf, usage } from './fault.ts';
import { SignalMeasure } from './measure.ts';

/** As they come from the command line. */
export interface DecodeOptions {
  readonly input?: string;
  readonly rate?: string;
  readonly file?: string;
  readonly format?: string;
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
  readonly format: SampleFormat;
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
  const format = SAMPLE_FORMATS.find((name) => name === (options.format ?? 'cu8'));
  if (format === undefined) throw usage(`--format is one of ${SAMPLE_FORMATS.join(', ')}.`);
  const streams = options.streams === undefined || options.streams === '1' ? 1 : options.streams === '4' ? 4 : null;
  if (streams === null) throw usage('--streams is 1 (RDS) or 4 (RDS and RDS2).');
  const rateHz = options.rate === undefined ? null : parseHz(options.rate);
  if (options.rate !== undefined && rateHz === null) throw usage(`${options.rate} is no sample rate.`);
  if (input === 'iq') checkIqRate(rateHz);
  if (input === 'mpx' && rateHz !== null) checkMpxRate(rateHz, streams);
  return { input, form, rateHz, format, streams, file: options.file ?? '-' };
}

function parseForm(options: DecodeOptions): OutputForm {
  const output = OUTPUTS.find((name) => name === (options.output ?? 'hex'));
  if (output === undefined) throw usage(`-o is one of ${OUTPUTS.join(', ')}.`);
  const { partial = false, blockErrorRate = false, timeFromStart = false } = options;
  if (blockErrorRate && output === 'hex') throw usage('-E is for -o json: a line of hex has no place for it.');
  if (timeFromStart && options.input === 'hex') throw usage('-T has no meaning for -i hex: its lines have no time.');
  return { output, partial, blockErrorRate, timeFromStart };
}

function checkIqRate(rateHz: number | null): void {
  if (rateHz === null) throw usage('Give the sample rate with -r, for example -r 250k.');
  if (rateHz < 225_000 || rateHz > 20e6) throw usage('-r for -i iq is 225k to 20M.');
}

function checkMpxRate(rateHz: number, streams: 1 | 4): void {
  const least = leastMpxRateHz(streams);
  if (rateHz < least) throw usage(`-r must be at least ${least} for these subcarriers.`);
}

/** Takes chunks until it knows whether the input is a WAV file, and gives the rate and the samples. */
async function* withoutWavHeader(
  chunks: AsyncIterable<Uint8Array>,
  onFormat: (rateHz: number | null) => void,
): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | null = new Uint8Array(0);
  for await (const chunk of chunks) {
    if (head === null) {
      yield chunk;
      continue;
    }
    const joined: Uint8Array = new Uint8Array(head.length + chunk.length);
    joined.set(head);
    joined.set(chunk, head.length);
    head = joined;
    const header = readWavHeader(joined);
    if (header.kind === 'more') continue;
    head = null;
    if (header.kind === 'wav') {
      if (header.channels !== 1) throw new Error('the WAV file has more than one channel; a multiplex is mono.');
      onFormat(header.rateHz);
      yield joined.subarray(header.dataOffset);
      continue;
    }
    if (header.reason !== 'not RIFF/WAVE') throw new Error(`the WAV file cannot be read: ${header.reason}.`);
    onFormat(null);
    yield joined;
  }
  // Shorter than any header.
  if (head !== null && head.length > 0) {
    onFormat(null);
    yield head;
  }
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

async function decodeSamples(settings: Settings, input: Readable, lines: LineOutput, stderr: Writable): Promise<void> {
  let rateHz = settings.rateHz;
  let chunks: AsyncIterable<Uint8Array> = input;
  if (settings.input === 'mpx') {
    chunks = withoutWavHeader(input, (fileRateHz) => {
      if (fileRateHz !== null && rateHz !== null && fileRateHz !== rateHz) {
        throw usage(`The WAV file says ${fileRateHz} samples a second and -r says ${rateHz}; leave -r out.`);
      }
      rateHz ??= fileRateHz;
      if (rateHz === null) throw usage('Give the sample rate with -r, for example -r 171k.');
      checkMpxRate(rateHz, settings.streams);
    });
  }
  let receiver: GroupReceiver | null = null;
  let measure: SignalMeasure | null = null;
  for await (const chunk of chunks) {
    receiver ??= new GroupReceiver({
      input: settings.input === 'iq' ? 'iq' : settings.input === 'mpx' ? 'mpx' : 'bits',
      rateHz: rateHz ?? 0,
      format: settings.format,
      streams: settings.streams,
      onGroup: (group) => lines.put(group, receiver?.quality.streams[group.stream].blockErrorRate),
    });
    const { input: form, format } = settings;
    measure ??= new SignalMeasure({ input: form === 'hex' ? 'bits' : form, rateHz: rateHz ?? 0, format });
    receiver.push(chunk);
    measure.add(chunk.length, receiver.quality);
    if (!(await lines.flush())) return;
  }
  receiver?.end();
  // The last group comes out of the filters only now.
  if (receiver !== null) measure?.addEnd(receiver.quality);
  await lines.flush();
  stderr.write(receiver === null || measure === null ? NOTHING_CAME : summary(receiver.quality, measure.measured));
}

/** Returns the exit status: 0 done, 1 failed, 2 wrong usage. */
export async function runDecode(options: DecodeOptions, streams: StandardStreams): Promise<number> {
  const lists = [
    [options.input, INPUTS],
    [options.output, OUTPUTS],
    [options.format, SAMPLE_FORMATS],
  ] as const;
  for (const [value, choices] of lists) {
    if (value !== 'help') continue;
    streams.stdout.write(`${choices.join('\n')}\n`);
    return EXIT.done;
  }
  try {
    const settings = parseSettings(options);
    const input = await openBytes(settings.file, streams.stdin);
    const writer = await ByteWriter.open('-', streams.stdout);
    const lines = new LineOutput(writer, settings.form);
    if (settings.input === 'hex') await decodeHex(input, lines, streams.stderr);
    else await decodeSamples(settings, input, lines, streams.stderr);
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
    .option('-f, --file <path>', 'read from here', '-')
    .option('--format <form>', `form of iq samples: ${SAMPLE_FORMATS.join(', ')} (default cu8)`)
    .option('--streams <n>', '1 for RDS, 4 for RDS and RDS2 (default 1)')
    .option('-o, --output <form>', 'hex, or json with one object a line', 'hex')
    .option('-p, --partial', 'json: also groups of which blocks are missing (hex always has them)')
    .option('-E, --block-error-rate', 'json: with the share of blocks of the last 12 groups that were not right')
    .option('-T, --time-from-start', 'with the seconds from the beginning of the input to the first bit of the group')
    .action(async (options: DecodeOptions) => {
      process.exitCode = await runDecode(options, process);
    });
}
